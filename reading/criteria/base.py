"""What every response criteria pack offers: parameters with their source, a form, and derivations with a trace."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Generic, TypeVar

from compliance.errors import HouseError

from .inputs import BaselineTarget
from .results import BaselineCheck, BestResponse, DatedResponse, PackStamp, SubjectResponse
from .values import as_json, canonical_json

History = TypeVar("History")


class UnknownParameter(HouseError):
    """The charter sets a parameter that the pack does not have, or gives it a value it cannot take."""

    code = "unknown_parameter"
    status = 422


@dataclass(frozen=True, slots=True)
class Parameter:
    """A setting where practice differs, or a threshold of the criteria.

    Attributes
    ----------
    default
        Its type (bool, int, Decimal, str) is the type of every value.
    source
        Where the default comes from.
    choices
        The values a text parameter may take.
    """

    name: str
    default: bool | int | Decimal | str
    title: str
    source: str
    choices: tuple[str, ...] = ()

    def read(self, value: object) -> bool | int | Decimal | str:
        """Return a charter's value in the parameter's own type.

        Raises
        ------
        UnknownParameter
            The value has another type, is negative, or is not among the choices.
        """
        if isinstance(self.default, bool):
            if isinstance(value, bool):
                return value
        elif isinstance(self.default, int):
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                return value
        elif isinstance(self.default, Decimal):
            number = _decimal(value)
            if number is not None:
                return number
        elif value in self.choices:
            return str(value)
        raise UnknownParameter(f"Parameter {self.name} cannot take this value; {self._expected()}.")

    def _expected(self) -> str:
        if self.choices:
            return f"choose one of {', '.join(self.choices)}"
        kinds = {bool: "give true or false", int: "give a whole number from 0", Decimal: "give a number from 0"}
        return kinds[type(self.default)]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to enter. `kind` is diameter_mm, parts_mm, lesion, state, text or flag; choices are for states."""

    name: str
    label: str
    kind: str
    required: bool = False
    choices: tuple[str, ...] = ()
    help: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One list of lesions on the form. `at` is baseline or follow_up; `maximum` caps the rows (None: no cap)."""

    name: str
    title: str
    at: str
    fields: tuple[Field, ...]
    maximum: int | None = None
    adds_rows: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """What a reader has to enter for a pack, so that the read page builds itself."""

    sections: tuple[Section, ...]

    def to_json(self) -> object:
        """Return plain JSON values."""
        return as_json(self)


class Criteria(ABC, Generic[History]):
    """A response criteria pack, set with the parameters of one charter; `History` is what it reads of a subject.

    Parameters
    ----------
    parameters
        Values that differ from the defaults, by name, as the charter stores them.

    Raises
    ------
    UnknownParameter
        A name or value that the pack does not know.
    """

    identifier: ClassVar[str]
    version: ClassVar[str]
    title: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]]
    #: The read page asks for all that the form names, so a charter may use the pack.
    readable: ClassVar[bool] = False
    #: Best overall responses that make the subject a responder.
    responses: ClassVar[frozenset[str]]

    def __init__(self, parameters: Mapping[str, Any] | None = None) -> None:
        given = dict(parameters or {})
        known = {parameter.name for parameter in self.parameters}
        for name in sorted(set(given) - known):
            raise UnknownParameter(f"{self.identifier} has no parameter {name}; remove it from the charter.")
        self.settings: Mapping[str, bool | int | Decimal | str] = {
            p.name: p.read(given[p.name]) if p.name in given else p.default for p in self.parameters
        }
        content = {"criteria": self.identifier, "version": self.version, "parameters": self.settings}
        digest = hashlib.sha256(canonical_json(content).encode()).hexdigest()
        self.stamp = PackStamp(self.identifier, self.version, digest)

    @abstractmethod
    def form(self) -> Form:
        """Return what the reader must enter, at baseline and at follow-up."""

    def check_baseline(self, targets: Sequence[BaselineTarget]) -> BaselineCheck:
        """Return the baseline rules that the chosen target lesions break; a pack without such rules breaks none."""
        return BaselineCheck((), self.stamp)

    @abstractmethod
    def best_overall_response(self, responses: Sequence[DatedResponse], start_day: int = 0) -> BestResponse:
        """Return the best overall response of a sequence in order of time; nothing after progression counts."""

    @abstractmethod
    def progression_day(self, responses: Sequence[DatedResponse]) -> int | None:
        """Return the day on which a sequence of stated responses, in order of time, dates progression."""

    @abstractmethod
    def derive_subject(self, history: History) -> SubjectResponse:
        """Return all timepoint responses, the best overall response and the days of response and progression."""

    def flag(self, name: str) -> bool:
        """Return a yes-or-no parameter."""
        value = self.settings[name]
        assert isinstance(value, bool)
        return value

    def count(self, name: str) -> int:
        """Return a whole-number parameter: days, or a number of things."""
        value = self.settings[name]
        assert isinstance(value, int)
        return value

    def number(self, name: str) -> Decimal:
        """Return a decimal parameter: mm or percent."""
        value = self.settings[name]
        assert isinstance(value, Decimal)
        return value

    def choice(self, name: str) -> str:
        """Return a parameter that is one of a few words."""
        value = self.settings[name]
        assert isinstance(value, str)
        return value


def _decimal(value: object) -> Decimal | None:
    """Return a number from 0 to below 10 000; charters hold them as JSON numbers or as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 <= number < 10_000 else None
