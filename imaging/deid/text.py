"""Cleaning free text: what says who somebody is goes, the rest stays as it was written.

First the subject's own names, numbers and addresses, as the header has them, in other orders, cases and alphabets;
then what has the form of an identifier, whoever's it is: addresses of mail, web and street, phones, labelled numbers,
names after a title. Dates move with those of the header, or go. `Li` leaves `Liver` alone, and `Baker cyst` stays
unless somebody is called Baker.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from anyascii import anyascii

from imaging.deid.keys import STANDARD_ROOT
from imaging.deid.leaks import Words
from imaging.deid.textdates import dates_in

_MARKS = "".join(chr(code) for code in range(0x300, 0x11000) if unicodedata.category(chr(code)).startswith("M"))
_TOKEN = re.compile(rf"[^\W_](?:[^\W_]|[{_MARKS}])*")
_RUNS = re.compile(r"\d+|[^\W\d_]+")
# Two letters that some languages write for one.
_DIGRAPHS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "å": "aa", "ø": "oe", "æ": "ae"})
_LEAST_IN_WORD, _LEAST_NUMBER, _PHONE_TAIL = 4, 5, 7
_DIGITS = re.compile(r"\d(?:[\s().\-/]{0,3}\d){6,}")
_DATE_PARTS = re.compile(r"(\d+)([-./])\d+\2\d+")
_UID = re.compile(r"(?<![\w.])[0-2](?:\.\d+){5,}(?![\w.]*\w)")

_NAME = r"[A-ZÀ-ÖØ-ÞΑ-ΩА-Я][\w'’-]+"
_NAMES = rf"(?:[A-Z]\.\s*)*{_NAME}(?:[\s,]+(?:[A-Z]\.\s*)*{_NAME}){{0,2}}"
# Titles and roles before a name. `MR` and `DR` in capitals are modalities.
_TITLE = r"(?:(?:Dr|Prof|Mr|Mrs|Ms|Miss|Herr|Frau|Mme|Mlle|Dott|Sra?|Dra|Frl)\b\.?|(?:DR|PROF|MRS)\.)\s*(?:med\.\s*)?"
_BY_TITLE = re.compile(rf"\b(?:{_TITLE})+{_NAMES}")
_BY_ROLE = re.compile(
    r"\b(?:(?i:referred|reported|performed|signed|seen|read|requested|ordered|dictated|verified|approved|reviewed"
    r"|typed|transcribed|prepared|consented|informed|accompanied|translated)\s+(?i:by)\b:?"
    r"|(?i:discussed|reviewed|spoke|spoken)\s+(?i:with|to)\b"
    # Relatives of whom no family history is told; there `Mother BRCA1` must stay.
    r"|(?i:wife|husband|spouse|carer|guardian|next\s+of\s+kin|(?:emergency\s+)?contact(?:\s+person)?(?=\s*:))\b\s*[:,]?"
    r"|(?i:patient(?:'s)?(?:\s+name)?|name|physician|operator|technologist|radiologist|nurse)\s*[:=])"
    rf"\s*(?:{_TITLE})*{_NAMES}"
)
_ALWAYS = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|\b(?:https?|ftp)://\S+|\bwww\.\S+"
    # Streets, the number before or behind.
    r"|\b\d{1,5}\s+(?:[A-Z][\w'-]+\s+){1,3}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Boulevard|Blvd|Square)\b\.?"
    r"|\b[A-ZÄÖÜ][\w-]*(?:straße|strasse|str\.|gasse|allee|platz)\s+\d{1,4}[a-z]?\b"
    r"|\b\d{1,4},?\s+(?:rue|avenue|boulevard|via|calle)\s+(?:d\w{1,2}\s+)?[A-Z]\w+"
)
_LABELLED = re.compile(
    r"\b(?:MRN|PID|SSN|NHS(?:\s+no)?|Accession|Pat(?:ient)?[\s.-]*(?:ID|No|Nr|number)|ID[\s-]*(?:no|nr|number)|ID(?=\s*[:#=])"
    r"|Acc[\s.-]*(?:no|nr|number)|Acc(?=\s*[:#=])|Case[\s.-]*(?:no|nr|number))\b[\s.:#=]*(?=[\w/-]*\d)\w[\w/-]*"
    r"|\b(?:DOB|D\.O\.B|date\s+of\s+birth|born(?:\s+on)?|birth\s?date|geb(?:oren)?(?:\s+am)?|née?\s+le)\b[\s.:=]*"
    r"(?:\d{6,8}|\d{1,4}[./ -]+\w{1,9}[./, -]+\d{2,4})"
    r"|\b(?:tel|phone|telephone|fax|mobile|cell|call|telefon)\b[\s.:]*(?:(?:no|number)[\s.:]*)?\+?\(?\d[\d\s().\-/]{3,}\d",
    re.IGNORECASE,
)
_NUMBERS = re.compile(
    r"(?<![\w.+])(?:\+|00)\d{1,3}(?:[\s().\-/]{0,3}\d){6,12}(?!\d)"
    r"|\(\d{2,5}\)\s?\d{3,}(?:[\s.-]\d{2,})*|(?<![\d-])\d{3}([-.])\d{3}\1\d{4}(?![\d-])|(?<![\w.])0\d{2,4}[/-]\d{5,}"
    r"|(?<![\w.])\d{7,}(?![\w.]*\w)"
)
_OLD_AGE = re.compile(r"(?<![\w.])(?:9[1-9]|1[0-2]\d)(?=[\s-]?(?:y|yo|y/o|yrs?|years?)\b)", re.IGNORECASE)
# What belongs to the name before it: the dot of an initial, or an s.
_ENDING = re.compile(r"['’]s\b|(?<=\b\w)\.")
_DANGLING = " \t,;:^=_/-"


class Edit(NamedTuple):
    """What takes the place of a piece of text."""

    start: int
    end: int
    text: str = ""


class Cleaner:
    """Cleans texts of one subject.

    Parameters
    ----------
    known
        Names (each part alone), identifiers, phones and addresses, as `imaging.deid.leaks.names_and_numbers` has them.
    born
        Birth dates, as DA: they go in any case.
    dates
        `shifted`, `kept` or `removed`.
    shift_days
        Days added to a date that is shifted.
    uids_kept
        Whether UIDs stay; others than the standard's own go.
    """

    def __init__(
        self, known: frozenset[str], *, born: frozenset[str], dates: str, shift_days: int, uids_kept: bool
    ) -> None:
        self._words = Words(known)
        self._born, self._dates, self._shift_days, self._uids_kept = born, dates, shift_days, uids_kept
        self._phrases: dict[str, set[tuple[str, ...]]] = {}
        self._tails: set[str] = set()
        for value in known:
            self._learn(value)
        self._initials = {token[0] for token in self._phrases}
        self._cleaned: dict[str, str] = {}

    def knows(self, texts: Collection[str]) -> bool:
        """Tell whether one of the texts holds one of the subject's own names, numbers or places as it is written."""
        return self._words.in_any(texts)

    def clean(self, text: str) -> str:
        """Return the text without what it should not say; empty if nothing is left of it."""
        if text not in self._cleaned:
            if len(self._cleaned) > 4096:
                self._cleaned.clear()
            self._cleaned[text] = self._clean(text)
        return self._cleaned[text]

    def _clean(self, text: str) -> str:
        edits = [*self._known_in(text), *(Edit(*match.span()) for match in _fixed_in(text))]
        for start, end, day in dates_in(text):
            edits.append(Edit(start, end, self._date(text[start:end], day)))
        dated = [edit for edit in edits if edit.text]
        edits += (
            Edit(*match.span())
            for match in _NUMBERS.finditer(text)
            if not any(edit.start < match.end() and match.start() < edit.end for edit in dated)
        )
        if not self._uids_kept:
            found = (match for match in _UID.finditer(text) if not match[0].startswith(STANDARD_ROOT))
            edits += (Edit(*match.span()) for match in found)
        edits += (Edit(*match.span(), "90") for match in _OLD_AGE.finditer(text))
        edits = [edit for edit in edits if text[edit.start : edit.end] != edit.text]
        if not edits:
            return text
        made = _tidy(_edited(text, edits))
        while spans := self._words.spans(made):  # what tidying brought together
            made = _tidy(_edited(made, [Edit(*span) for span in spans]))
        return made if any(letter.isalnum() for letter in made) else ""

    def _date(self, text: str, day: str | None) -> str:
        """What stands for a date, in the order it was written in or, with a name for the month, as ISO 8601."""
        if self._dates == "kept" and day not in self._born:
            return text
        if self._dates != "shifted" or day is None or day in self._born:
            return ""
        moved = datetime.strptime(day, "%Y%m%d").date() + timedelta(days=self._shift_days)  # noqa: DTZ007
        numbers = _DATE_PARTS.fullmatch(text)
        if text == day:
            return f"{moved:%Y%m%d}"
        if numbers is None:
            return moved.isoformat()
        year_first = len(numbers[1]) == 4
        month_first = not year_first and int(numbers[1]) != int(day[6:])
        form = "%Y{0}%m{0}%d" if year_first else "%m{0}%d{0}%Y" if month_first else "%d{0}%m{0}%Y"
        return moved.strftime(form.format(numbers[2]))

    def _learn(self, value: str) -> None:
        """Note every form in which a value may be written."""
        digits = "".join(letter for letter in value if letter.isdigit())
        letters = sum(letter.isalpha() for letter in value)
        if len(digits) >= _PHONE_TAIL and letters <= 3:
            self._tails.add(digits[-_PHONE_TAIL:])
        for text in {value, *(part for part in re.split(r"[,;\n]", value) if len(part.strip()) >= 5)}:
            tokens = _TOKEN.findall(text)
            for forms in zip(*(_forms(token) for token in tokens), strict=True) if tokens else ():
                self._add(*forms)
                self._add("".join(forms))
                for form in forms if len(forms) > 1 else ():
                    # An address's number or a hospital's `CT` alone say nothing; a name of two parts does in each.
                    if (form.isdigit() and len(form) >= _LEAST_NUMBER) or (len(forms) == 2 and "-" in text):
                        self._add(form)
            if text.isdigit() and len(short := text.lstrip("0")) >= _LEAST_IN_WORD:
                self._add(short)

    def _add(self, *tokens: str) -> None:
        least = _LEAST_NUMBER - 1 if tokens[0].isdigit() else 2
        if sum(map(len, tokens)) >= least or not tokens[0].isascii():
            self._phrases.setdefault(tokens[0], set()).add(tokens)

    def _known_in(self, text: str) -> Iterator[Edit]:
        yield from (Edit(*span) for span in self._words.spans(text))
        for run in _DIGITS.finditer(text) if self._tails else ():
            if "".join(letter for letter in run[0] if letter.isdigit())[-_PHONE_TAIL:] in self._tails:
                yield Edit(*run.span())
        if not self._phrases:
            return
        tokens = list(_TOKEN.finditer(text))
        forms = [_forms(token[0]) for token in tokens]
        for number, token in enumerate(tokens):
            length = max(self._matched(forms[number : number + 8]), default=0)
            if not length and not self._is_inside(forms[number]):
                continue
            first, last = number, number + max(length, 1) - 1
            if first and self._is_initial(text, tokens[first - 1], token):
                first -= 1
            if last + 1 < len(tokens) and self._is_initial(text, tokens[last + 1], tokens[last]):
                last += 1
            end = _ENDING.match(text, tokens[last].end())
            yield Edit(tokens[first].start(), end.end() if end else tokens[last].end())

    def _matched(self, forms: list[tuple[str, ...]]) -> Iterator[int]:
        """In how many tokens a known value is written, beginning with the first one."""
        for spelt in zip(*forms, strict=True):
            for phrase in self._phrases.get(spelt[0], ()):
                if spelt[: len(phrase)] == phrase:
                    yield len(phrase)
            if len(spelt) > 1 and (spelt[0] + spelt[1],) in self._phrases.get(spelt[0] + spelt[1], ()):
                yield 2

    def _is_inside(self, forms: tuple[str, ...]) -> bool:
        """Whether a word is two known ones, or one with digits beside it."""
        for form in set(forms):
            if len(form) > _LEAST_IN_WORD and form.endswith("s") and (form[:-1],) in self._phrases.get(form[:-1], ()):
                return True
            runs = _RUNS.findall(form)
            if len(runs) > 1 and any(
                (run,) in self._phrases.get(run, ())
                for run in runs
                if len(run) >= (_LEAST_NUMBER if run.isdigit() else _LEAST_IN_WORD)
            ):
                return True
            for cut in range(2, len(form) - 1) if len(form) >= 6 else ():
                one, other = form[:cut], form[cut:]
                if (one,) in self._phrases.get(one, ()) and (other,) in self._phrases.get(other, ()):
                    return True
        return False

    def _is_initial(self, text: str, token: re.Match[str], beside: re.Match[str]) -> bool:
        between = text[min(token.end(), beside.end()) : max(token.start(), beside.start())]
        return (
            len(token[0]) == 1
            and token[0].isupper()
            and between.strip(" \t.,^_") == ""
            and (_forms(token[0])[0] in self._initials or text[token.end() : token.end() + 1] == ".")
        )


@lru_cache(maxsize=64)
def cleaner(known: frozenset[str], born: frozenset[str], dates: str, shift_days: int, uids_kept: bool) -> Cleaner:
    """Return the cleaner that all slices of a scan share, as their headers know and say the same."""
    return Cleaner(known, born=born, dates=dates, shift_days=shift_days, uids_kept=uids_kept)


@lru_cache(maxsize=8192)
def _forms(token: str) -> tuple[str, ...]:
    """A word in small letters: without accents, with letters written out, and in Latin letters."""
    if token.isascii():
        return (token.lower(),) * 3
    small = token.casefold()
    plain = unicodedata.normalize("NFKD", small)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    latin = re.sub(r"[\W_]+", "", anyascii(unicodedata.normalize("NFKC", token))).lower()
    written = unicodedata.normalize("NFC", token).lower().translate(_DIGRAPHS)
    return plain, "".join(letter for letter in written if not unicodedata.combining(letter)), latin or plain


def _fixed_in(text: str) -> Iterator[re.Match[str]]:
    yield from _BY_TITLE.finditer(text)
    yield from _BY_ROLE.finditer(text)
    yield from _ALWAYS.finditer(text)
    yield from _LABELLED.finditer(text)


def _edited(text: str, edits: list[Edit]) -> str:
    """Carry out edits; of those that overlap the ones that remove win, and are joined."""
    gone = [edit for edit in edits if not edit.text]
    kept = [one for one in edits if one.text and not any(it.start < one.end and one.start < it.end for it in gone)]
    pieces, at = [], 0
    for edit in sorted((*gone, *kept)):
        if edit.end <= at:
            continue
        if edit.start >= at:
            pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


def _tidy(text: str) -> str:
    text = re.sub(r"[ \t]+(?=[,;])", "", re.sub(r"[(\[]\s*[)\]]", "", text))
    lines = (re.sub(r"[ \t]{2,}", " ", line).strip(_DANGLING) for line in text.split("\n"))
    made = "\n".join(lines).strip()
    return made[1:].lstrip() if made[:1] == "." and not made[1:2].isdigit() else made
