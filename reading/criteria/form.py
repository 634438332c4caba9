"""What a reader has to enter for a pack, as plain data: the read page, its checks and the exports follow from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from .values import InvalidRead, as_json, exact, plain

MEASURED = "MEASURED"
TARGET, NON_TARGET, NEW = "target", "non_target", "new"
#: Name of the lesion's chief diameter: it has a column of its own, everything else is stored by name.
DIAMETER = "diameter_mm"
#: The longest diameter that stands at right angles to it, where a pack asks for it.
ACROSS = "across_mm"
#: Name of a lesion's volume, which a painted region gives.
VOLUME = "volume_ml"
NODES = "LYMPH NODE"
#: Terms of CDISC's LOC codelist for the organs that tumours are usually found in.
ORGANS = (
    "LUNG", "LIVER", NODES, "ADRENAL GLAND", "KIDNEY", "BONE", "BRAIN", "PLEURA", "PERITONEUM", "SPLEEN",
    "PANCREAS", "SOFT TISSUE", "OTHER",
)  # fmt: skip

Value = Decimal | int | bool | str


class At(StrEnum):
    """Where something is asked: of a lesion where it is found and afterwards, of a timepoint at baseline and later."""

    FIRST = "first"
    LATER = "later"


class Kind(StrEnum):
    """What kind of value a field takes."""

    NUMBER = "number"
    WHOLE = "whole"
    CHOICE = "choice"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class When:
    """Another field, or the lesion's `state`, that must have one of some values for a field to be asked."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to enter.

    Attributes
    ----------
    label, node_label
        What it is called; for a lymph node, where that is measured otherwise.
    unit, least, most, decimals
        Of a number.
    choices
        Values and their words.
    required
        A signature asks for it, where `when` holds.
    at
        Where it is asked; a fact stated where a lesion was found stays with the lesion.
    at_most
        Another number that it may not be above.
    brief
        What stands in it while it is empty.
    code, node_code
        Test code of CDISC's controlled terminology (TR or RS) with this meaning, for a lymph node where that is
        measured otherwise; empty where we know of none.
    """

    name: str
    label: str
    kind: Kind = Kind.NUMBER
    node_label: str = ""
    unit: str = ""
    least: Decimal = Decimal("0.01")
    most: Decimal = Decimal(1000)
    decimals: int = 2
    choices: tuple[tuple[str, str], ...] = ()
    required: bool = True
    when: tuple[When, ...] = ()
    at: tuple[At, ...] = (At.FIRST, At.LATER)
    at_most: str = ""
    brief: str = ""
    help: str = ""
    code: str = ""
    node_code: str = ""

    def read(self, value: object, what: str) -> Value:
        """Return a value in the field's own type.

        Raises
        ------
        InvalidRead
            The value is of another kind, or outside what the field takes; the sentence begins with `what`.
        """
        if self.kind is Kind.FLAG:
            if not isinstance(value, bool):
                raise InvalidRead(f"{what}: {self.label} is yes or no; choose one.")
            return value
        if self.kind is Kind.CHOICE:
            if value not in dict(self.choices):
                raise InvalidRead(f"{what}: {self.label} cannot take this value; choose one that is offered.")
            return str(value)
        number = exact(value, what)  # type: ignore[arg-type]
        if not self.least <= number <= self.most:
            bounds = f"from {plain(self.least)} to {plain(self.most)} {self.unit}".rstrip()
            raise InvalidRead(f"{what}: {self.label} must be {bounds}; correct it.")
        if number != number.quantize(Decimal(1).scaleb(-self.places)):
            raise InvalidRead(f"{what}: {self.label} has more than {self.places} decimals; round it.")
        return int(number) if self.kind is Kind.WHOLE else number

    @property
    def places(self) -> int:
        """Decimals that a number may have."""
        return 0 if self.kind is Kind.WHOLE else self.decimals

    def holds(self, given: Mapping[str, object]) -> bool:
        """Whether it is asked, by what else was given (`state` among it)."""
        return all(str(given.get(when.field, "")) in when.values for when in self.when)

    def say(self, value: Value) -> str:
        """Write a value with its unit."""
        if isinstance(value, bool):
            return f"{self.label.lower()}: {'yes' if value else 'no'}"
        if isinstance(value, str):
            return dict(self.choices).get(value, value).lower()
        return amount(Decimal(value), self.unit)


@dataclass(frozen=True, slots=True)
class Lesions:
    """One list of lesions.

    Attributes
    ----------
    category
        TARGET or NON_TARGET, which are found at baseline, or NEW.
    add
        Words of the button that adds one.
    hint, later_hint
        What stands there while there are none: where they are found, and afterwards.
    first, later
        States that may be stated where a lesion is found, and afterwards.
    place, places
        What tells where a lesion is, and the terms to choose from; none: any words.
    splits
        A lesion may split, and its parts are measured.
    maximum
        Most lesions; None: no limit.
    """

    category: str
    title: str
    add: str
    hint: str
    later_hint: str
    first: tuple[str, ...]
    later: tuple[str, ...]
    fields: tuple[Field, ...] = ()
    place: str = "Organ"
    places: tuple[str, ...] = ORGANS
    splits: bool = False
    maximum: int | None = None

    @property
    def found_at(self) -> At:
        """The timepoint at which its lesions are found."""
        return At.LATER if self.category == NEW else At.FIRST

    def states(self, at: At) -> tuple[str, ...]:
        """Return the states that may be stated."""
        return self.first if at is At.FIRST else self.later

    def asked(self, at: At) -> tuple[Field, ...]:
        """Return what is asked beside the state."""
        return tuple(one for one in self.fields if at in one.at)

    def read(self, given: Mapping[str, object], state: str, at: At, facts: Mapping[str, object], what: str) -> Values:
        """Return typed values of what was entered of a lesion; what is None was not.

        Parameters
        ----------
        facts
            What was stated where the lesion was found.

        Raises
        ------
        InvalidRead
            Something is not asked here, or cannot be; the sentence begins with `what`.
        """
        entered = {name: value for name, value in given.items() if value is not None}
        asked = {one.name: one for one in self.asked(at)}
        context = {**facts, **entered, "state": state}
        typed: dict[str, Value] = {}
        for name, value in entered.items():
            if name not in asked or not asked[name].holds(context):
                raise InvalidRead(
                    f"{what} takes no {_label(self.fields, name)} here. Clear it, or choose another state."
                )
            typed[name] = asked[name].read(value, what)
        for name, one in asked.items():
            if name in typed and one.at_most in typed and Decimal(typed[name]) > Decimal(typed[one.at_most]):
                other = asked[one.at_most].label.lower()
                raise InvalidRead(f"{what}: {one.label.lower()} is above {other}; exchange them.")
        return typed

    def missing(self, values: Values, state: str, at: At, facts: Mapping[str, object]) -> tuple[Field, ...]:
        """Return what a signature still asks for of a lesion."""
        context = {**facts, **values, "state": state}
        return tuple(f for f in self.asked(at) if f.required and f.name not in values and f.holds(context))

    def say(self, state_words: str, state: str, values: Values) -> str:
        """Write what was entered of a lesion: its size, or its state and what goes with it."""
        known = [one for one in self.fields if one.name in values]
        sizes = [values[f.name] for f in known if f.kind is Kind.NUMBER]
        unit = next((f.unit for f in known if f.kind is Kind.NUMBER), "")
        size = " × ".join(amount(Decimal(one), unit).removesuffix(f" {unit}") for one in sizes)
        size = f"{size} {unit}".strip() if sizes else ""
        others = [one.say(values[one.name]) for one in known if one.kind is not Kind.NUMBER]
        lead = () if state == MEASURED and size else (state_words.lower(),)
        return ", ".join([*lead, *([size] if size else []), *others])


@dataclass(frozen=True, slots=True)
class Form:
    """What a reader has to enter: lists of lesions, and questions about the timepoint as a whole."""

    lesions: tuple[Lesions, ...]
    questions: tuple[Field, ...] = ()

    def of(self, category: str) -> Lesions | None:
        """Return the list of a category; None where the pack has none."""
        return next((listed for listed in self.lesions if listed.category == category), None)

    def found(self, at: At) -> tuple[Lesions, ...]:
        """Return the lists to which lesions are added at a timepoint."""
        return tuple(listed for listed in self.lesions if listed.found_at is at)

    def asked(self, at: At) -> tuple[Field, ...]:
        """Return the questions of a timepoint."""
        return tuple(question for question in self.questions if at in question.at)

    def read_answers(self, given: Mapping[str, object], at: At) -> Values:
        """Return typed answers; what is None was not answered.

        Raises
        ------
        InvalidRead
            A question is not asked here, or its answer cannot be.
        """
        asked = {question.name: question for question in self.asked(at)}
        entered = {name: value for name, value in given.items() if value is not None}
        typed: dict[str, Value] = {}
        for name, value in entered.items():
            if name not in asked or not asked[name].holds(entered):
                raise InvalidRead(f"“{_label(self.questions, name)}” is not asked here. Clear the answer.")
            typed[name] = asked[name].read(value, "The timepoint")
        return typed

    def unanswered(self, answers: Values, at: At) -> tuple[Field, ...]:
        """Return the questions that a signature still asks."""
        return tuple(q for q in self.asked(at) if q.required and q.name not in answers and q.holds(answers))

    def to_json(self) -> object:
        """Return plain JSON values."""
        return as_json(self)


Values = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Entry:
    """A lesion, or a part of one that split, at one timepoint as entered; facts stand among its values."""

    lesion: str
    category: str
    organ: str
    nodal: bool
    state: str
    values: Values
    part: int = 0

    def number(self, name: str) -> Decimal | None:
        """Return a number, None where it was not entered."""
        value = self.values.get(name)
        return None if value is None else Decimal(value)


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that a reader entered at one timepoint, in order of lesion and part; `evaluable`: the images were."""

    timepoint_id: str
    study_day: int
    entries: tuple[Entry, ...] = ()
    answers: Values = field(default_factory=dict)
    evaluable: bool = True

    def of(self, category: str) -> list[Entry]:
        """Return the entries of a category."""
        return [entry for entry in self.entries if entry.category == category]


def amount(value: Decimal, unit: str) -> str:
    """Write a quantity as it was measured, with its unit; one that has a unit shows a decimal."""
    text = plain(value)
    return f"{text}.0 {unit}" if unit and "." not in text else f"{text} {unit}".strip()


def typed(fields: Iterable[Field], stored: Mapping[str, object], what: str) -> Values:
    """Return stored values in their own types; what no field knows is left out."""
    known = {one.name: one for one in fields}
    return {name: known[name].read(value, what) for name, value in stored.items() if name in known}


def _label(fields: Collection[Field], name: str) -> str:
    return next((one.label.lower() for one in fields if one.name == name), "such value")
