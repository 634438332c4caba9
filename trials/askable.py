"""What a query may be about: each room registers its kinds of record, so that this one need not know of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from compliance import access
from compliance.audit import label_of
from compliance.models import Record, User
from trials.models import Timepoint


def _nothing(_: Any) -> tuple[()]:
    return ()


def _no_fields(_: Any) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record that one may ask about.

    Attributes
    ----------
    word
        What it is called on a page.
    visible
        The records of this kind that a person may know of.
    address
        Where a record is looked at.
    timepoint
        The timepoint that a record belongs to, if it belongs to one.
    at_timepoint
        The records of this kind that one may want to ask about at a timepoint.
    fields
        Parts of a record that one may ask about by themselves, with their names on the page.
    """

    model: type[Record]
    word: str
    visible: access.Visible
    address: Callable[[Any], str]
    timepoint: Callable[[Any], Timepoint | None] = lambda _: None
    at_timepoint: Callable[[Timepoint], Iterable[Record]] = _nothing
    fields: Callable[[Any], Mapping[str, str]] = _no_fields


@dataclass(frozen=True, slots=True)
class About:
    """What one query is about: a record, or one field of it."""

    record: Record
    field: str = ""

    @property
    def key(self) -> str:
        """How a form names it: kind, number, and field if one is meant."""
        return ":".join(filter(None, (label_of(self.record), str(self.record.pk), self.field)))

    @property
    def timepoint(self) -> Timepoint | None:
        """The timepoint that it belongs to, if it belongs to one."""
        return kind_of(self.record).timepoint(self.record)

    @property
    def label(self) -> str:
        """What it is, in words, so that it is known among everything else of its site."""
        words = str(self.record)
        if self.timepoint is not None and str(self.timepoint) not in words:
            words = f"{self.timepoint}, {words}"
        return f"{words}: {self.field_name}" if self.field else words

    @property
    def field_name(self) -> str:
        """The field's name on the page."""
        return kind_of(self.record).fields(self.record).get(self.field, self.field)


_kinds: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    """Let queries be about these kinds of record; call from a room's `rules.register()`."""
    for kind in kinds:
        _kinds[kind.model._meta.label_lower] = kind


def kind_of(record: Record) -> Kind:
    """Return the kind of a record."""
    return _kinds[label_of(record)]


def find(user: User, key: str) -> About | None:
    """Return what a key names, if there is such a record or field and the person may know of it."""
    label, _, rest = key.partition(":")
    number, _, field = rest.partition(":")
    if label not in _kinds or not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    record = _kinds[label].visible(user).filter(pk=number).first()
    if record is None or (field and field not in _kinds[label].fields(record)):
        return None
    return About(record, field)


def address_of(label: str, pk: int) -> str:
    """Return where a record is looked at, or an empty string where its kind is not known any more."""
    kind = _kinds.get(label)
    record = kind.model._base_manager.filter(pk=pk).first() if kind else None
    return kind.address(record) if kind and record is not None else ""


def word_for(label: str) -> str:
    """Return what a kind of record is called on a page."""
    return _kinds[label].word if label in _kinds else ""


def at_timepoint(timepoint: Timepoint) -> list[About]:
    """Return everything at a timepoint that one may ask about, the timepoint first."""
    found = [About(timepoint)]
    for kind in _kinds.values():
        for record in kind.at_timepoint(timepoint):
            found.append(About(record))
            found += [About(record, name) for name in kind.fields(record)]
    return found
