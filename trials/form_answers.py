"""Answers to declared fields: which are asked, what is wrong with them, and how they are stored and said.

A value has the type of its field's kind: `bool`, code of a choice, `int`, `Decimal`, `date`, `time`, `datetime` without
a zone, `str`; None and an empty text say nothing. Values go by the code of their field.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from trials.form_terms import CODED, NO, NUMBERS, YES, FieldTerms
from trials.terms.kinds import is_printable, plain_number

Values = Mapping[str, Any]
#: The longest reason for a value outside the usual range.
MOST_REASON = 500
#: No answer is a larger number.
MOST_NUMBER = 10**12


def says_nothing(value: Any) -> bool:
    """Tell whether a value is no answer."""
    return value is None or value == ""


def asked(fields: Sequence[FieldTerms], values: Values) -> list[FieldTerms]:
    """Return the fields that these answers ask for; one that hangs on a field not asked is not asked either."""
    known = {one.code: one for one in fields}

    def is_asked(one: FieldTerms, passed: frozenset[str] = frozenset()) -> bool:
        on = known.get(one.only_if)
        if on is None or one.code in passed:
            return not one.only_if
        return code_of(values.get(on.code)) in one.only_if_is and is_asked(on, passed | {one.code})

    return [one for one in fields if is_asked(one)]


def code_of(value: Any) -> Any:
    """Return an answer as conditions and exports name it: Y and N for yes and no."""
    return (YES if value else NO) if isinstance(value, bool) else value


def problems(fields: Sequence[FieldTerms], values: Values, *, now: dt.datetime) -> dict[str, str]:
    """Tell what is wrong with answers that are given, as a sentence per code; nothing of what is missing.

    Parameters
    ----------
    now
        In the zone of the person who fills in; nothing that is `past` lies after it.
    """
    due = {one.code for one in asked(fields, values)}
    found = {}
    for one in fields:
        value = values.get(one.code)
        if says_nothing(value):
            continue
        if one.code not in due:
            asks = next(other for other in fields if other.code == one.only_if)
            found[one.code] = f"Leave this empty, because of the answer to “{asks.label}”."
        elif reason := _wrong(one, value, now) or _too_early(one, value, values, fields):
            found[one.code] = reason
    return found


def missing(fields: Sequence[FieldTerms], values: Values, confirmed: Mapping[str, str]) -> dict[str, str]:
    """Tell what must still be said before the answers can be signed, as a sentence per code.

    Parameters
    ----------
    confirmed
        Reasons for values outside their usual range, by code.
    """
    found = {}
    unusual = outside_usual(fields, values)
    for one in asked(fields, values):
        if one.required and says_nothing(values.get(one.code)):
            found[one.code] = "An answer is needed before the form is signed."
        elif one.code in unusual and not confirmed.get(one.code, "").strip():
            found[one.code] = f"{unusual[one.code]} Correct it, or say why it is right."
    return found


def outside_usual(fields: Sequence[FieldTerms], values: Values) -> dict[str, str]:
    """Return a sentence for each answer outside its usual range, by code."""
    found = {}
    for one in fields:
        value = values.get(one.code)
        if one.kind not in NUMBERS or says_nothing(value):
            continue
        if not _within(value, one.usual_least, one.usual_most):
            found[one.code] = f"Usual is {usual(one)}."
    return found


def usual(one: FieldTerms) -> str:
    """Return the usual range of a number in words."""
    return _range(one.usual_least, one.usual_most, one.unit_in_words)


def _wrong(one: FieldTerms, value: Any, now: dt.datetime) -> str:
    """Return what is wrong with an answer by itself."""
    match one.kind:
        case "yes_no":
            return "" if isinstance(value, bool) else "Say yes or no."
        case "choice":
            return "" if value in one.options else "Choose one of the answers."
        case "integer" | "decimal":
            return _wrong_number(one, value)
        case "text":
            if not isinstance(value, str) or not is_printable(value, lines=True):
                return "Only letters and signs that can be printed."
            return f"{one.longest} characters are the most." if len(value) > one.longest else ""
    late = one.past and (value > now.replace(tzinfo=None) if one.kind == "datetime" else value > now.date())
    return "This cannot lie in the future. Check it." if late else ""


def _wrong_number(one: FieldTerms, value: Any) -> str:
    exponent = Decimal(value).as_tuple().exponent
    if not isinstance(exponent, int):
        return "Give a number."
    if abs(value) > MOST_NUMBER:
        return "This number is too large."
    if -exponent > one.precision:
        digits = "1 digit" if one.precision == 1 else f"{one.precision} digits"
        return f"At most {digits} behind the point." if one.precision else "Give a whole number."
    within = _within(value, one.least, one.most)
    return "" if within else f"Give {_range(one.least, one.most, one.unit_in_words)}."


def _too_early(one: FieldTerms, value: Any, values: Values, fields: Sequence[FieldTerms]) -> str:
    first: Any = values.get(one.not_before) if one.not_before else None
    if says_nothing(first) or type(first) is not type(value) or value >= first:
        return ""
    label = next(other.label for other in fields if other.code == one.not_before)
    return f"This lies before “{label}”. Check both."


def _within(value: Any, least: float | None, most: float | None) -> bool:
    # A bound is a number as it was written, not the nearest one that a computer has.
    number = Decimal(value)
    return (least is None or number >= Decimal(repr(least))) and (most is None or number <= Decimal(repr(most)))


def _range(least: float | None, most: float | None, unit: str) -> str:
    said = "at least " + plain_number(least) if least is not None else ""
    if most is not None:
        said = (
            f"{plain_number(least)} to {plain_number(most)}" if least is not None else f"at most {plain_number(most)}"
        )
    return f"{said} {unit}".strip()


def store(fields: Sequence[FieldTerms], values: Values) -> dict[str, Any]:
    """Return answers as JSON holds them, by code, without what says nothing."""
    given = {one.code: values.get(one.code) for one in fields}
    return {code: _plain(value) for code, value in given.items() if not says_nothing(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="minutes")
    return value if isinstance(value, bool | int | str) else str(value)


def restore(fields: Sequence[FieldTerms], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored answers in their types, by code, with every field; None where nothing was said."""
    return {one.code: _typed(one.kind, answers.get(one.code)) for one in fields}


def _typed(kind: str, stored: Any) -> Any:
    if says_nothing(stored):
        return None
    match kind:
        case "decimal":
            return Decimal(stored)
        case "date":
            return dt.date.fromisoformat(stored)
        case "time":
            return dt.time.fromisoformat(stored)
        case "datetime":
            return dt.datetime.fromisoformat(stored)
    return stored


def in_words(one: FieldTerms, value: Any) -> str:
    """Return an answer as people read it, with its unit; an empty text where nothing was said."""
    if says_nothing(value):
        return ""
    if one.kind in CODED:
        return one.options.get(code_of(value), str(value))
    match value:
        case dt.datetime():
            return f"{value:%-d %B %Y, %H:%M}"
        case dt.date():
            return f"{value:%-d %B %Y}"
        case dt.time():
            return f"{value:%H:%M}"
    return f"{value} {one.unit_in_words}".strip()


def cell(value: Any) -> Any:
    """Return an answer as a cell of an export: its code, the number itself, the moment as in ISO 8601; or nothing."""
    return "" if says_nothing(value) else value if isinstance(value, Decimal) else _plain(code_of(value))


def parts(fields: Sequence[FieldTerms]) -> dict[str, list[FieldTerms]]:
    """Return the fields by the title of their part, in the order in which parts begin."""
    found: dict[str, list[FieldTerms]] = {}
    for one in fields:
        found.setdefault(one.part, []).append(one)
    return found
