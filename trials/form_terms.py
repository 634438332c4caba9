"""What a charter says of forms that sites fill in: fields with their kinds, ranges, units and conditions.

Another list of questions of the charter (a questionnaire, a checklist) takes the same fields: declare
`Rows(FieldTerms, "code", "field")`, ask `faults_of_fields` in a rule of `trials.charter.contradictions`, judge and
store answers by `trials.form_answers`, and show them by `trials.forms_answers.AnswersForm`. No charter brings code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from trials.terms.kinds import Choice, Flag, Number, Place, Problem, Several, Text
from trials.terms.records import Rows, term

KINDS = {
    "yes_no": "yes or no",
    "choice": "one of some answers",
    "integer": "whole number",
    "decimal": "number with decimals",
    "date": "date",
    "time": "time",
    "datetime": "date and time",
    "text": "text",
}
#: Kinds whose answers are a few codes, so that a condition can name them.
CODED = frozenset({"yes_no", "choice"})
NUMBERS = frozenset({"integer", "decimal"})
MOMENTS = frozenset({"date", "time", "datetime"})
YES, NO = "Y", "N"

#: When a form is asked: with each delivery of a timepoint's images (the transfer form), or once for each of these.
ASKED = {
    "delivery": "with the images of each timepoint: the transfer form",
    "timepoint": "once at each timepoint",
    "subject": "once for each subject",
    "site": "once for each site",
}
#: Columns that every export of forms has, so that no field may be called so.
COLUMNS = (
    "STUDYID",
    "SITEID",
    "SUBJID",
    "VISIT",
    "FORMCD",
    "FORMVER",
    "CHARTVER",
    "STATE",
    "SIGNEDDT",
    "REASONS",
)


class Fact(NamedTuple):
    """What the house itself knows of a declared item: its kind and its unit."""

    kind: str
    unit: str = ""


#: Items of a transfer form that have a meaning in the house; those that headers know are filled in and compared.
FACTS: Mapping[str, Fact] = {
    "acquired_on": Fact("date"),
    "acquired_until": Fact("date"),
    "scanner": Fact("text"),
    "images_complete": Fact("yes_no"),
    "incomplete_reason": Fact("text"),
    "contrast_given": Fact("yes_no"),
    "contrast_agent": Fact("text"),
    "contrast_volume_ml": Fact("decimal", "mL"),
    "contrast_delay_s": Fact("integer", "s"),
    "tracer": Fact("text"),
    "radionuclide": Fact("text"),
    "injected_dose_mbq": Fact("decimal", "MBq"),
    "injected_at": Fact("time"),
    "uptake_minutes": Fact("integer", "min"),
    "glucose_mmol_l": Fact("decimal", "mmol/L"),
    "deviations": Fact("text"),
    "comments": Fact("text"),
}

VARIABLE = Text(
    8, capitals=True, pattern=r"[A-Z][A-Z0-9_]{0,7}", hint="a letter, then up to 7 capitals, digits or underscores"
)
_ANSWER = Text(150, pattern=r"[A-Za-z0-9_.+-]{1,20} = .{1,120}", hint="an answer such as MILD = Mild")
_BOUND = Number(least=-1e12, most=1e12)
_UCUM_MARKS = str.maketrans("_", " ", "{}")
#: Whoever asks for these gets what the trial must not have.
_NAMES_SOMEBODY = re.compile(
    r"\b(patient'?s? name|subject'?s? name|first name|last name|family name|surname|full name|initials|"
    r"date of birth|birth ?date|day of birth|mrn|medical record number|hospital number|patient id|"
    r"social security|passport|phone|telephone|e-?mail|address)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldTerms:
    """One field of a form."""

    code: str = term(VARIABLE, "Variable", "Its column in exports: at most 8 capitals and digits.", required=True)
    label: str = term(Text(40), "Label", "What is asked, in at most 40 characters.", required=True)
    kind: str = term(Choice(KINDS), "Kind", required=True)
    required: bool = term(Flag(), "Needed for the signature")
    help: str = term(Text(300), "Help", "Stands below the field.", part="More words")
    part: str = term(Text(60), "Part of the form", "Fields of one part stand together.", part="More words")
    choices: tuple[str, ...] = term(
        Several(_ANSWER), "Answers", "For one of some answers; one on each line: MILD = Mild.", part="Answers"
    )
    unit: str = term(Text(20), "Unit", "As in UCUM: mL, mm, mmol/L; 1 for a ratio.", part="Number")
    decimals: int | None = term(
        Number(least=1, most=6, whole=True), "Decimals at most", "One, if nothing is said.", part="Number"
    )
    least: float | None = term(_BOUND, "At least", "Less is refused.", part="Number")
    most: float | None = term(_BOUND, "At most", "More is refused.", part="Number")
    usual_least: float | None = term(_BOUND, "Usually at least", "Less needs a reason.", part="Number")
    usual_most: float | None = term(_BOUND, "Usually at most", "More needs a reason.", part="Number")
    most_characters: int | None = term(
        Number("characters", least=1, most=4000, whole=True),
        "Longest text",
        "200, if nothing is said.",
        part="Text or date",
    )
    past: bool = term(Flag(), "Not in the future", "For dates.", part="Text or date")
    not_before: str = term(VARIABLE, "Not before", "Variable of another date or time.", part="Text or date")
    only_if: str = term(VARIABLE, "Asked only if", "Variable of a field with yes and no, or answers.", part="Condition")
    only_if_is: tuple[str, ...] = term(
        Several(Text(20)), "Is one of", "Y or N, or codes of its answers, separated by commas.", part="Condition"
    )
    fact: str = term(
        Choice({name: name.replace("_", " ") for name in FACTS}),
        "Known to the house as",
        "In a transfer form: what headers say is filled in beforehand, and compared.",
        part="Images and privacy",
    )
    confidential: bool = term(
        Flag(),
        "Could point to a person",
        "The answer stays with the trial: exports leave it out.",
        part="Images and privacy",
    )

    @property
    def key(self) -> str:
        """What the answer is called where it is stored."""
        return self.fact or self.code

    @property
    def options(self) -> dict[str, str]:
        """The codes that an answer may be, each with its words."""
        if self.kind == "yes_no":
            return {YES: "Yes", NO: "No"}
        split = (choice.partition(" = ") for choice in self.choices)
        return {code: words.strip() for code, _, words in split}

    @property
    def unit_in_words(self) -> str:
        """The unit as people read it: without the braces and underscores of UCUM's annotations; none for a ratio."""
        return "" if self.unit == "1" else self.unit.translate(_UCUM_MARKS)

    @property
    def precision(self) -> int:
        """How many decimals an answer may have."""
        return 0 if self.kind == "integer" else self.decimals or 1

    @property
    def longest(self) -> int:
        """How many characters an answer may have."""
        return self.most_characters or 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FormTerms:
    """One form: when it is asked, and its fields."""

    code: str = term(VARIABLE, "Code", "Short, in capitals: TRANSFER, PETPREP.", required=True)
    title: str = term(Text(80), "Form", required=True)
    asked: str = term(Choice(ASKED), "Asked", required=True)
    help: str = term(Text(500), "What it is for", "Stands above the form.")
    holds_up: bool = term(
        Flag(), "Holds up QC", "Of a timepoint: it is not cleared before a version of this form is signed."
    )
    fields: tuple[FieldTerms, ...] = term(Rows(FieldTerms, "code", "field", least=1, most=100), "Fields", required=True)


def faults_of_forms(forms: Sequence[FormTerms], place: Place) -> Iterator[Problem]:
    """Return what contradicts itself in a charter's forms."""
    transfers = [number for number, form in enumerate(forms, start=1) if form.asked == "delivery"]
    for number in transfers[1:]:
        yield Problem((*place, number, "asked"), f"form {transfers[0]} is the transfer form already")
    for number, form in enumerate(forms, start=1):
        here = (*place, number, "fields")
        if form.holds_up and form.asked == "delivery":
            reason = "the transfer form holds QC up where quality control needs it (needs_form)"
            yield Problem((*place, number, "holds_up"), reason)
        elif form.holds_up and form.asked != "timepoint":
            yield Problem((*place, number, "holds_up"), "only a form of a timepoint holds it up")
        yield from faults_of_fields(form.fields, here, facts=form.asked == "delivery")


def faults_of_fields(fields: Sequence[FieldTerms], place: Place, *, facts: bool = False) -> Iterator[Problem]:
    """Return what contradicts itself in a list of fields.

    Parameters
    ----------
    place
        Where the list stands in the charter.
    facts
        The fields are those of a transfer form, and may be known to the house.
    """
    known = {one.code: one for one in fields}
    told: set[str] = set()
    for number, one in enumerate(fields, start=1):
        for name, reason in (*_own_faults(one), *_faults_between(one, known)):
            yield Problem((*place, number, name), reason)
        if one.fact:
            if not facts:
                yield Problem((*place, number, "fact"), "only a transfer form is compared with images")
            elif one.fact in told:
                yield Problem((*place, number, "fact"), "another field is known as this already")
            told.add(one.fact)


Fault = tuple[str, str]


def _own_faults(one: FieldTerms) -> Iterator[Fault]:
    if one.code in COLUMNS:
        yield "code", f"every export has a column {one.code}; choose another name"
    for name in ("label", "help"):
        if found := _NAMES_SOMEBODY.search(getattr(one, name)):
            yield name, f"“{found[0]}” asks who somebody is; a form asks for nothing that names a person"
    yield from _faults_of_kind(one)
    for low, high in (
        ("least", "most"),
        ("usual_least", "usual_most"),
        ("least", "usual_least"),
        ("least", "usual_most"),
    ):
        least, most = getattr(one, low), getattr(one, high)
        if least is not None and most is not None and most < least:
            yield high, f"it is below {low}, {least:g}"
    for name in ("usual_least", "usual_most"):
        usual = getattr(one, name)
        if usual is not None and one.most is not None and usual > one.most:
            yield name, f"it is above most, {one.most:g}"
    fact = FACTS.get(one.fact)
    if fact and one.kind != fact.kind:
        yield "kind", f"{one.fact} is a {KINDS[fact.kind]}; choose {fact.kind}"
    elif fact and one.unit != fact.unit:
        yield "unit", f"{one.fact} is in {fact.unit or 'no unit'}"


def _faults_of_kind(one: FieldTerms) -> Iterator[Fault]:
    if one.kind == "choice" and len(one.choices) < 2:
        yield "choices", "at least two answers are needed, such as MILD = Mild"
    elif one.kind != "choice" and one.choices:
        yield "choices", "only one of some answers has them; choose the kind “choice”, or remove them"
    if len(one.options) < len(one.choices):
        yield "choices", "two answers have the same code"
    if one.kind == "decimal" and not one.unit:
        yield "unit", "a number with decimals needs its unit; 1 for a ratio"
    elif one.unit and one.kind not in NUMBERS:
        yield "unit", "only numbers have a unit"
    if one.decimals is not None and one.kind != "decimal":
        yield "decimals", "only numbers with decimals have them"
    for name in ("least", "most", "usual_least", "usual_most"):
        if getattr(one, name) is not None and one.kind not in NUMBERS:
            yield name, "only numbers have a range"
    if one.most_characters is not None and one.kind != "text":
        yield "most_characters", "only texts have a length"
    if one.past and one.kind not in MOMENTS - {"time"}:
        yield "past", "only dates can lie in the future"


def _faults_between(one: FieldTerms, known: Mapping[str, FieldTerms]) -> Iterator[Fault]:
    if one.not_before:
        other = known.get(one.not_before)
        if other is None or other is one:
            yield "not_before", f"there is no other field {one.not_before}"
        elif one.kind not in MOMENTS or other.kind != one.kind:
            yield "not_before", f"{one.code} and {other.code} are not both dates, or both times"
    if one.only_if_is and not one.only_if:
        yield "only_if", "say which field has these answers"
    if not one.only_if:
        return
    asks = known.get(one.only_if)
    if asks is None or asks is one:
        yield "only_if", f"there is no other field {one.only_if}"
    elif asks.kind not in CODED:
        yield "only_if", f"{asks.code} is a {KINDS[asks.kind]}; a condition needs yes and no, or answers"
    elif not one.only_if_is:
        yield "only_if_is", f"say which answers of {asks.code}: {', '.join(asks.options)}"
    elif unknown := [code for code in one.only_if_is if code not in asks.options]:
        yield "only_if_is", f"{unknown[0]} is no answer of {asks.code}; choose {', '.join(asks.options)}"
    elif _goes_round(one, known):
        yield "only_if", "the conditions go round in a circle, so that nobody is ever asked"


def _goes_round(one: FieldTerms, known: Mapping[str, FieldTerms]) -> bool:
    passed, here = set(), one
    while here.only_if in known and here.code not in passed:
        passed.add(here.code)
        here = known[here.only_if]
    return here.code in passed
