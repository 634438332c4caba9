"""SAS transport files, version 5: datasets as every statistics program and authority reads them (SAS TS-140).

What the format cannot hold is refused and not cut: names of at most 8 characters, labels of 40, texts of 200, ASCII.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import struct

from reading.exports.sdtm import MOST_CHARACTERS, Dataset, NotSdtm, Value, Variable

_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,7}")
_MOST_LABEL = 40
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_MISSING = b"." + bytes(7)
#: From which SAS counts days.
_FIRST_DAY = dt.date(1960, 1, 1)
#: Name, width and decimals of the format in which SAS shows a number of days as a date.
_AS_DATE, _PLAIN = (b"DATE    ", 9, 0), (b" " * 8, 0, 0)
_CARD = 80
_NAMESTR = 140


def transport(dataset: Dataset, at: dt.datetime) -> bytes:
    """Return a dataset as a transport file, dated `at`.

    Raises
    ------
    NotSdtm
        A name, a label or a value does not fit.
    """
    rows = list(dataset.rows())
    variables = dataset.variables
    for name, label in ((dataset.domain.name, dataset.domain.label), *((v.name, v.label) for v in variables)):
        _check_name(name, label)
    for row in rows:
        for variable, value in zip(variables, row, strict=True):
            _check_value(variable, value)
    widths = [
        8 if variable.numeric else max([1, *(len(str(row[place])) for row in rows)])
        for place, variable in enumerate(variables)
    ]
    head = _library(at) + _member(dataset, at) + _padded(_descriptions(variables, widths))
    observations = b"".join(
        _number(value) if variable.numeric else str(value).encode("ascii").ljust(width)
        for row in rows
        for variable, value, width in zip(variables, row, widths, strict=True)
    )
    return head + _record("OBS", "0" * 30) + _padded(observations)


def _check_name(name: str, label: str) -> None:
    if not _NAME.fullmatch(name):
        raise NotSdtm(f"{name} is no name for a transport file: at most 8 of A to Z, 0 to 9 and _.")
    if len(label) > _MOST_LABEL or not label.isascii():
        raise NotSdtm(f"The label of {name} has more than {_MOST_LABEL} characters, or others than ASCII.")


def _check_value(variable: Variable, value: Value) -> None:
    if variable.numeric:
        return
    text = str(value)
    if len(text) > MOST_CHARACTERS or not text.isascii() or not (text.isprintable() or not text):
        raise NotSdtm(
            f"A value of {variable.name} does not fit into a transport file: at most {MOST_CHARACTERS} printable ASCII "
            "characters."
        )


def ibm(number: float) -> bytes:
    """Return a number in the 8-byte floating point form of IBM mainframes: base 16, 56 bits, no exponent of two.

    The 53 bits of an IEEE number always fit, so that reading it back gives the number that was written.
    """
    if number == 0:
        return bytes(8)
    if not math.isfinite(number):
        raise NotSdtm("A number is not finite, so a transport file cannot hold it.")
    fraction, exponent = math.frexp(abs(number))
    sixteens = -(-exponent // 4)
    mantissa = int(math.ldexp(fraction, 56 + exponent - 4 * sixteens))
    if not 0 <= sixteens + 64 <= 127:
        raise NotSdtm("A number is too large or too small for a transport file.")
    return bytes([(0x80 if number < 0 else 0) | (sixteens + 64)]) + mantissa.to_bytes(7, "big")


def _number(value: Value) -> bytes:
    if value is None:
        return _MISSING
    return ibm(float((value - _FIRST_DAY).days if isinstance(value, dt.date) else value))


def _record(name: str, numbers: str) -> bytes:
    return f"HEADER RECORD*******{name:<8}HEADER RECORD!!!!!!!{numbers}".ljust(_CARD).encode()


def _moment(at: dt.datetime) -> bytes:
    """Return a time as SAS writes it, in UTC: 02MAR26:16:30:00; the months are English in any locale."""
    utc = at.astimezone(dt.UTC)
    return f"{utc.day:02d}{_MONTHS[utc.month - 1]}{utc.year % 100:02d}:{utc:%H:%M:%S}".encode()


def _library(at: dt.datetime) -> bytes:
    first = b"SAS     SAS     SASLIB  9.4     PARALLAX" + b" " * 24 + _moment(at)
    return _record("LIBRARY", "0" * 30) + first + _moment(at).ljust(_CARD)


def _member(dataset: Dataset, at: dt.datetime) -> bytes:
    name, label = dataset.domain.name.encode().ljust(8), dataset.domain.label.encode().ljust(_MOST_LABEL)
    first = b"SAS     " + name + b"SASDATA 9.4     PARALLAX" + b" " * 24 + _moment(at)
    second = _moment(at) + b" " * 16 + label + b" " * 8
    count = f"000000{len(dataset.variables):04d}".ljust(30, "0")
    return (
        _record("MEMBER", f"{'0' * 17}16{'0' * 8}{_NAMESTR:03d}")
        + _record("DSCRPTR", "0" * 30)
        + first
        + second
        + _record("NAMESTR", count)
    )


def _descriptions(variables: tuple[Variable, ...], widths: list[int]) -> bytes:
    made, position = b"", 0
    for number, (variable, width) in enumerate(zip(variables, widths, strict=True), start=1):
        made += struct.pack(
            ">hhhh8s40s8shhh2s8shhl52s",
            *(1 if variable.numeric else 2, 0, width, number),
            *(variable.name.encode().ljust(8), variable.label.encode().ljust(_MOST_LABEL)),
            *(*(_AS_DATE if variable.kind == "day" else _PLAIN), 0, b"", b" " * 8, 0, 0, position, b""),
        )
        position += width
    return made


def _padded(data: bytes) -> bytes:
    return data + b" " * (-len(data) % _CARD)
