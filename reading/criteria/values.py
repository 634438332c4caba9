"""Exact numbers, study days and the one byte form of a derivation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

from compliance.errors import HouseError

# Sums and products of diameters (at most 6 + 60 digits) are exact in 250 digits, whatever the caller's context is.
EXACT = Context(prec=250, traps=[InvalidOperation, DivisionByZero, Overflow])
_FINEST = Decimal("1e-60")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HUNDRED = Decimal(100)
_PERCENT_STEP = Decimal("0.000001")


class InvalidRead(HouseError):
    """What a reader entered contradicts itself or the baseline, so no response can be derived from it."""

    code = "invalid_read"
    status = 422


def exact(value: Decimal | int | str, what: str) -> Decimal:
    """Return a measurement as an exact decimal number: of millimetres, or of the unit that the pack says.

    Parameters
    ----------
    value
        A decimal, an integer, or decimal text. A binary float is refused: 21.21 has no exact binary form.
    what
        Whose measurement it is, for the error's sentence.

    Raises
    ------
    InvalidRead
        Not a finite number from 0 to below 1 000 000 with at most sixty decimals. (What a person may type is
        narrower; programs send the decimals that their own arithmetic leaves.)
    """
    if isinstance(value, float | bool):
        raise InvalidRead(f"{what} must be given as a decimal number; enter it again as text or a decimal.")
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        raise InvalidRead(f"{what} is not a number; enter one.") from None
    if not number.is_finite() or not 0 <= number < 1_000_000:
        raise InvalidRead(f"{what} is outside 0 to 1 000 000; measure it again.")
    if number != number.quantize(_FINEST, context=EXACT):
        raise InvalidRead(f"{what} has more than sixty decimals; round it to what the image supports.")
    return number


def total(values: Iterable[Decimal]) -> Decimal:
    """Return the exact sum; zero for none."""
    result = Decimal(0)
    for value in values:
        result = EXACT.add(result, value)
    return result


def difference(value: Decimal, reference: Decimal) -> Decimal:
    """Return value minus reference, exactly."""
    return EXACT.subtract(value, reference)


def share(percent: Decimal, reference: Decimal) -> Decimal:
    """Return the given percentage of a reference, exactly: the threshold a sum is held against."""
    return EXACT.multiply(reference, percent).scaleb(-2, context=EXACT)


def percent_change(value: Decimal, reference: Decimal) -> Decimal | None:
    """Return the change from a reference in percent, to six decimals; None where the reference is zero.

    For showing and for export only: rules compare sums with `share`, which rounds nothing.
    """
    if not reference:
        return None
    change = EXACT.multiply(EXACT.divide(difference(value, reference), reference), _HUNDRED)
    return change.quantize(_PERCENT_STEP, context=EXACT)


def show_percent(change: Decimal | None) -> str:
    """Return a percentage as people read it: a sign and one decimal (-30.0%), a dash where there is none."""
    if change is None:
        return "–"
    rounded = change.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP, context=EXACT)
    return "0.0%" if not rounded else f"{rounded:+}%"


def plain(number: Decimal) -> str:
    """Return the one text of a decimal number: no exponent, no trailing zeros (30.0 and 30 are both "30")."""
    return format(number.normalize(EXACT), "f") if number else "0"


def as_json(value: object) -> object:
    """Return a result as plain JSON values: dataclasses as objects, decimals as exact text, sequences as lists."""
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): as_json(value[key]) for key in sorted(value)}
    if isinstance(value, frozenset):
        return sorted(str(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no canonical form")


def canonical_json(value: object) -> str:
    """Return the one text of a result: recomputing the same derivation gives the same bytes (UTF-8)."""
    return json.dumps(as_json(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def study_day(day: str, start: str) -> int:
    """Return the days from one ISO date (start or randomisation) to another; the start itself is 0.

    Raises
    ------
    InvalidRead
        One of them is not a calendar date written YYYY-MM-DD.
    """
    return (_date(day) - _date(start)).days


def calendar_date(day: int, start: str) -> str:
    """Return the ISO date of a study day, the inverse of `study_day`."""
    return (_date(start) + timedelta(days=day)).isoformat()


def _date(text: str) -> date:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except (TypeError, ValueError):
        pass
    raise InvalidRead("A date is not written YYYY-MM-DD; correct it.")
