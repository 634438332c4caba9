"""In how many ways the same thing is written: names in other orders and letters, dates, numbers, phones.

Text is compared as tokens, runs of letters and digits without accents and capitals, so that no mark between them
matters.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from itertools import permutations

from anyascii import anyascii

from imaging.deid.identifiers import ADDRESS, DATE, EMAIL, NAME, PHONE, Identifier

Tokens = tuple[str, ...]

_TOKEN = re.compile(r"[^\W_]+")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_NAME_PARTS = re.compile(r"[\^=\s,;|]+")
_TITLES = frozenset({"dr", "prof", "professor", "mr", "mrs", "ms", "miss", "herr", "frau", "mme", "von", "van", "de"})
# Two letters that some languages write for one.
_DIGRAPHS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "å": "aa", "ø": "oe", "æ": "ae"})
# In English, German, French, Spanish, Italian, Dutch and Portuguese.
_MONTHS = (
    "jan january januar janvier enero gennaio januari janeiro",
    "feb february februar fevrier febrero febbraio februari fevereiro",
    "mar march marz maerz mars marzo maart marco",
    "apr april avril abril aprile",
    "may mai mayo maggio mei maio",
    "jun june juni juin junio giugno junho",
    "jul july juli juillet julio luglio julho",
    "aug august aout agosto augustus",
    "sep sept september septembre septiembre settembre setembro",
    "oct october oktober okt octobre octubre ottobre outubro",
    "nov november novembre noviembre novembro",
    "dec december dezember dez decembre diciembre dicembre dezembro",
)
_LEAST_PHONE = 7
#: The last digits of a phone number, without what depends on where one calls from.
_PHONE_TAIL = 8


def tokens_of(text: str) -> list[str]:
    """Runs of letters and digits, without accents and capitals."""
    return _TOKEN.findall(folded(text))


def folded(text: str) -> str:
    """Text without accents and capitals, letters of one kind in one form."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFKC", "".join(letter for letter in plain if not unicodedata.combining(letter)))


def readings(text: str) -> Iterator[str]:
    """A text as it is, with its entities and escapes resolved, and each in Latin letters."""
    yield text
    plain = text
    if "&" in text or "\\u" in text:
        plain = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), html.unescape(text))
    if plain != text:
        yield plain
    if not plain.isascii():
        yield anyascii(plain)
        if (latin := plain.lower().translate(_DIGRAPHS)) != plain.lower():
            yield latin


def spellings(one: Identifier) -> frozenset[Tokens]:
    """Every way in which an identifier is written, as tokens."""
    if one.kind == DATE:
        return frozenset(_dates(date.fromisoformat(one.value)))
    if one.kind == NAME:
        return frozenset(_names(one.value))
    if one.kind == PHONE:
        return frozenset()
    texts = [one.value]
    if one.kind == ADDRESS:
        texts += [part for part in re.split(r"[,;\n]+", one.value) if len(part.strip()) >= 5]
    return frozenset(found for text in texts for found in _as_it_is(text))


def raw_words(one: Identifier) -> frozenset[str]:
    """Spellings worth searching for in bytes."""
    if one.kind == DATE:
        day = date.fromisoformat(one.value)
        return frozenset(day.strftime(form) for form in ("%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y"))
    if one.kind == NAME:
        return frozenset(word for part in _parts(one.value) for word in (part, *_latin(part)))
    if one.kind == PHONE:
        digits = _digits(one.value)
        return frozenset({one.value, digits, "0" + digits[-_PHONE_TAIL - 1 :]})
    words = {one.value, *readings(one.value)}
    return frozenset(words if one.kind in (ADDRESS, EMAIL) else words | {"".join(_TOKEN.findall(one.value))})


def phone_tail(one: Identifier) -> str:
    """The digits that every spelling of a phone number ends with; empty for anything else."""
    digits = _digits(one.value) if one.kind == PHONE else ""
    return digits[-_PHONE_TAIL:] if len(digits) >= _LEAST_PHONE else ""


def _names(value: str) -> Iterator[Tokens]:
    """Each part alone, and parts written in one, in any order."""
    for alphabet in value.split("="):
        parts = [list(_written(part)) for part in _NAME_PARTS.split(alphabet) if part and folded(part) not in _TITLES]
        for words in parts:
            yield from (word for word in words if len(word) > 1 or len(word[0]) > 1 or ord(word[0]) > 0x2E7F)
            yield from ((piece,) for word in words if len(word) > 1 for piece in word if len(piece) > 3)
            yield from (("".join(word),) for word in words if len(word) > 1)
        for some, others in permutations(parts, 2):
            joined = ("".join(one + other) for one in some for other in others)
            yield from ((word,) for word in joined if len(word) > 5 or not word.isascii())


def _written(part: str) -> Iterator[Tokens]:
    """One part of a name in each alphabet; more than one token where it is hyphenated."""
    for text in (part, *_latin(part)):
        if tokens := tuple(tokens_of(text)):
            yield tokens


def _parts(value: str) -> Iterator[str]:
    yield from (part for part in _NAME_PARTS.split(value) if part and folded(part) not in _TITLES)


@lru_cache(maxsize=4096)
def _latin(part: str) -> tuple[str, ...]:
    if part.isascii():
        return ()
    return (anyascii(part), part.lower().translate(_DIGRAPHS))


def _as_it_is(text: str) -> Iterator[Tokens]:
    for reading in readings(text):
        tokens = tuple(tokens_of(reading))
        if not tokens:
            continue
        yield tokens
        yield ("".join(tokens),)
        if len(tokens) == 1 and tokens[0].isdigit() and len(tokens[0].lstrip("0")) >= 4:
            yield (tokens[0].lstrip("0"),)


def _dates(day: date) -> Iterator[Tokens]:
    year, month, number = f"{day.year:04}", f"{day.month:02}", f"{day.day:02}"
    yield (year + month + number,)
    yield (number + month + year,)
    for one in {number, str(day.day)}:
        for other in {month, str(day.month)}:
            yield from ((year, other, one), (one, other, year), (other, one, year))
            yield (f"{year}年{other}月{one}日",)
            yield (f"{year}년", f"{other}월", f"{one}일")
        for ending in ("", "st", "nd", "rd", "th", "er"):
            for name in _MONTHS[day.month - 1].split():
                yield from (
                    (one + ending, name, year),
                    (name, one + ending, year),
                    (one + ending, "de", name, "de", year),
                )
    yield from ((number, month, year[2:]), (month, number, year[2:]), (year[2:], month, number))


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def phone_runs(text: str) -> Iterable[str]:
    """Runs of digits that may be a phone number, without what stands between them."""
    return (_digits(run) for run in re.findall(r"\d(?:[\s().\-/]{0,3}\d){6,}", text, re.ASCII))
