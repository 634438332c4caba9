"""What every response criteria pack offers: parameters with their source, a form, and derivations with a trace."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Generic, TypeVar

from compliance.errors import HouseError

from .best_response import BestRules
from .form import Form, Sheet
from .inputs import BaselineTarget
from .quantities import QuantityResponse
from .results import (
    BaselineCheck,
    BestResponse,
    DatedResponse,
    PackStamp,
    Step,
    SubjectResponse,
    TimepointResponse,
)
from .room import Room, room_of
from .values import canonical_json, plain, total

History = TypeVar("History")

#: Table 3 of RECIST 1.1 without confirmation or least time.
_ANY_BEST = BestRules(
    confirmation_required=False,
    confirm_min_days=0,
    confirm_max_ne=0,
    confirm_max_sd=0,
    confirm_max_interruptions=0,
    min_sd_days=0,
    min_duration_for_nontarget=True,
    disease_after_cr_is_pd=False,
)
_BEST_RULES = {rule.name for rule in fields(BestRules)}


#: Characters of a parameter that is any text.
_LONGEST = 40


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
        The values a text parameter may take; none: any short text.
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
        elif value in self.choices or (not self.choices and isinstance(value, str) and len(value) <= _LONGEST):
            return str(value)
        raise UnknownParameter(f"Parameter {self.name} cannot take this value; {self._expected()}.")

    def _expected(self) -> str:
        if self.choices:
            return f"choose one of {', '.join(self.choices)}"
        kinds = {
            bool: "give true or false",
            int: "give a whole number from 0",
            Decimal: "give a number from 0",
            str: f"give up to {_LONGEST} characters",
        }
        return kinds[type(self.default)]


@dataclass(frozen=True, slots=True)
class Term:
    """One response of a pack, from best to worst.

    Attributes
    ----------
    degree
        Its place among the ordered responses, for weighted agreement; None for what is no degree of response.
    tone
        How pages colour it: ok, info, bad, or wait.
    """

    value: str
    words: str
    tone: str
    degree: int | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One derived thing that is shown beside a response: `key` names it in the response or its quantities.

    Attributes
    ----------
    title, short
        As the read page and the columns of an adjudication call it.
    unit
        Of a quantity; "%" is a change, and empty is for words and for yes or no.
    beside
        Key of the quantity that it is counted from, shown in brackets.
    """

    key: str
    title: str
    short: str
    unit: str = ""
    at_baseline: bool = False
    beside: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Burden:
    """The one quantity in which two readers are compared, and that a subject's course is drawn in.

    Attributes
    ----------
    key
        Its name in a response or in its quantities.
    rule, clause
        By which it is made at baseline.
    nothing
        What a baseline without anything to measure says.
    """

    key: str
    title: str
    unit: str
    rule: str
    clause: str
    nothing: str = "no target lesions"

    def of(self, response: TimepointResponse) -> Decimal | None:
        """Return it at a timepoint; None where it is incomplete."""
        found: Decimal | None = (
            response.quantities.get(self.key) if isinstance(response, QuantityResponse) else getattr(response, self.key)
        )
        return found


RECIST_TERMS = (
    Term("CR", "Complete response", "ok", 0),
    Term("PR", "Partial response", "ok", 1),
    Term("SD", "Stable disease", "info", 2),
    Term("NON-CR/NON-PD", "Neither complete response nor progression", "info", 2),
    Term("NED", "No evidence of disease", "info"),
    Term("PD", "Progressive disease", "bad", 3),
    Term("NE", "Not evaluable", "wait"),
)


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
    #: Every response that it gives, from best to worst.
    terms: ClassVar[tuple[Term, ...]] = RECIST_TERMS
    #: What is shown beside a response, in order.
    figures: ClassVar[tuple[Figure, ...]]
    burden: ClassVar[Burden]
    #: Parameters that a change of the burden is held against, growth first, for curves.
    thresholds: ClassVar[tuple[str, ...]] = ("pd_increase_percent", "pr_decrease_percent")
    #: Where it is written that without a baseline nothing can be said.
    no_baseline: ClassVar[str] = "There is no baseline to compare with"
    #: How sizes are to be understood, for a report.
    measured_as: ClassVar[str] = "What was measured stands with its unit in values.csv."
    #: Best overall responses that make the subject a responder.
    responses: ClassVar[frozenset[str]]
    #: Whether a timepoint can be read without seeing the ones before it: all that is entered has a name of its own,
    #: and nothing is new, followed or compared by the reader.
    reads_stand_alone: ClassVar[bool] = False

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

    @abstractmethod
    def history(self, baseline: Sheet, later: Sequence[Sheet]) -> History:
        """Return what the pack reads of a subject, from what a reader entered."""

    @abstractmethod
    def shares(self, baseline: Sheet) -> Mapping[str, Decimal]:
        """Return what each lesion of the baseline adds to the burden."""

    def baseline_burden(self, baseline: Sheet) -> Decimal | None:
        """Return the burden at baseline; None without anything to measure."""
        shares = self.shares(baseline)
        return total(shares.values()) if shares else None

    def baseline_step(self, baseline: Sheet) -> Step:
        """Return how the burden at baseline was made."""
        burden, found = self.burden, self.baseline_burden(baseline)
        inputs = {lesion: plain(share) for lesion, share in self.shares(baseline).items()}
        result = burden.nothing if found is None else f"{plain(found)} {burden.unit}".strip()
        return Step(burden.rule, burden.clause, inputs, result)

    def derive(self, baseline: Sheet, later: Sequence[Sheet]) -> SubjectResponse:
        """Return a subject's responses from what a reader entered."""
        return self.derive_subject(self.history(baseline, later))

    def term(self, response: str) -> Term:
        """Return a response with its words."""
        return next((term for term in self.terms if term.value == response), Term(response, response, "info"))

    def best_rules(self, disease_after_cr_is_pd: bool = False) -> BestRules:
        """Return how the trial reads Table 3 of RECIST 1.1; what the pack has no parameter for asks for nothing."""
        given = {name: value for name, value in self.settings.items() if name in _BEST_RULES}
        return replace(_ANY_BEST, **given, disease_after_cr_is_pd=disease_after_cr_is_pd)  # type: ignore[arg-type]

    def check_baseline(self, targets: Sequence[BaselineTarget]) -> BaselineCheck:
        """Return the baseline rules that the chosen target lesions break; a pack without such rules breaks none."""
        return BaselineCheck((), self.stamp)

    def room(self, targets: Iterable[tuple[str, bool]]) -> Room:
        """Count chosen targets (organ, and whether it is a node) against the limits; a pack may have none."""
        most, per_organ = (
            self.count(name) if name in self.settings else None for name in ("max_targets", "max_targets_per_organ")
        )
        return room_of(targets, most, per_organ)

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
