"""Terms of a record as a form: its fields follow from their declaration, which alone judges what was typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.forms.utils import ErrorDict

from trials.charter import documents
from trials.terms.kinds import Choice, Flag, Kind, Named, Number, Place, Several, Text, plain_number
from trials.terms.records import Rows, Term

#: Texts of a list that may be longer stand one below the other.
_ON_ONE_LINE = 100


class TermsForm(forms.Form):
    """Terms of a record as fields. It takes whatever is typed; the charter says what of it is wrong, and where."""

    use_required_attribute = False

    def __init__(self, terms: Sequence[Term], values: Any, data: Any = None, prefix: str | None = None) -> None:
        self.terms = {one.name: one for one in terms}
        typed = {name: _typed(one.kind, getattr(values, name, one.default)) for name, one in self.terms.items()}
        super().__init__(data, initial=typed, prefix=prefix)
        for one in terms:
            self.fields[one.name] = _field(one)
        self.refused: dict[str, str] = {}

    def full_clean(self) -> None:
        """Find nothing: what is wrong comes from the charter, by `show`."""
        self._errors = ErrorDict()

    def content(self) -> dict[str, Any]:
        """Return what was typed, as a charter holds it; what is not of its kind stays as it was typed."""
        found = {}
        for name, one in self.terms.items():
            raw = self[name].data
            try:
                value = _value(one.kind, raw)
            except documents.DocumentRefused as problem:
                self.refused[name] = problem.message
                value = raw
            if value not in ("", None):
                found[name] = value
        return found

    def show(self, place: Place, reason: str) -> bool:
        """Show what is wrong beside its field; tell whether there is one."""
        name = str(place[0]) if place else ""
        if name not in self.fields:
            return False
        self.errors.setdefault(name, self.error_class()).append(self.refused.get(name, f"{sentence(reason)}."))
        return True

    @property
    def parts(self) -> Iterator[tuple[str, list[forms.BoundField], bool]]:
        """The fields that stand together, with their name, and whether they are shown at once."""
        named: dict[str, list[forms.BoundField]] = {}
        for name, one in self.terms.items():
            named.setdefault(one.part, []).append(self[name])
        for position, (part, bound) in enumerate(named.items()):
            told = any(one.errors or one.value() not in (None, "", [], False) for one in bound)
            yield part, bound, position == 0 or told


class RowForm(TermsForm):
    """One row of a table, which can be taken out; `tables` are those within it."""

    def __init__(self, terms: Sequence[Term], values: Any, data: Any, prefix: str) -> None:
        super().__init__([one for one in terms if not isinstance(one.kind, Rows)], values, data, prefix)
        self.there = values is not None
        self.tables: list[Any] = []
        self.fields["DELETE"] = forms.BooleanField(required=False, label="Remove")

    @property
    def counts(self) -> bool:
        """Whether it is a row: it was there, or something is typed in it, and it stays."""
        typed = any(self[name].data not in (None, "", [], self.initial[name]) for name in self.terms)
        return not self["DELETE"].data and (typed or self.there or any(table.rows for table in self.tables))


def sentence(reason: str) -> str:
    """Return a reason as a sentence begins."""
    return reason[:1].upper() + reason[1:]


def _listed(kind: Kind) -> str:
    """Return what stands between the items of a list in one field."""
    return "\n" if isinstance(kind, Text) and kind.most > _ON_ONE_LINE else ", "


def _field(one: Term) -> forms.Field:
    unit = one.kind.unit if isinstance(one.kind, Number) else ""
    if isinstance(one.kind, Several) and isinstance(one.kind.of, Number):
        unit = one.kind.of.unit
    words: dict[str, Any] = {
        "label": f"{one.title}, {unit}" if unit and unit not in one.title.lower().split() else one.title,
        "help_text": one.help,
        "required": one.required,
    }
    match one.kind:
        case Flag():
            return forms.BooleanField(**{**words, "required": False})
        case Choice(of=choices):
            unsaid = [("", "Not prescribed")] if one.default == "" and not one.required else []
            return forms.ChoiceField(choices=[*unsaid, *_capitals(choices)], **words)
        case Several(of=Choice(of=choices)):
            return forms.MultipleChoiceField(
                choices=_capitals(choices), widget=forms.CheckboxSelectMultiple, **{**words, "required": False}
            )
        case Named():
            return forms.CharField(widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}), **words)
        case Several(of=Text(most=most)) if most > _ON_ONE_LINE:
            return forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), **words)
        case Text(lines=True):
            return forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), **words)
    return forms.CharField(**words)


def _capitals(choices: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, sentence(said)) for name, said in choices.items()]


def _typed(kind: Kind, value: Any) -> Any:
    """Return a value as its field shows it."""
    match kind:
        case Number():
            return "" if value is None else plain_number(value)
        case Several(of=Choice()):
            return list(value)
        case Several(of=inner):
            return _listed(inner).join(str(_typed(inner, item)) for item in value)
        case Named():
            return documents.write(kind.store(value)) if value else ""
    return value


def _value(kind: Kind, raw: Any) -> Any:
    """Return what a field holds as a charter would hold it.

    Raises
    ------
    trials.charter.documents.DocumentRefused
        Entries with names are not written as such.
    """
    match kind:
        case Flag():
            return bool(raw)
        case Number():
            return _number(raw or "")
        case Several(of=Choice()):
            return list(raw or [])
        case Several(of=inner):
            items = [item.strip() for item in (raw or "").split(_listed(inner).strip(" "))]
            return [_value(inner, item) for item in items if item]
        case Named():
            return documents.entries(raw or "")
    return raw


def _number(raw: str) -> Any:
    found = documents.plain(raw.strip())
    return raw.strip() if isinstance(found, bool | None) else found
