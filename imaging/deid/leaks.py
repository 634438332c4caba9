"""Looking for a subject's own values in a finished file, independently of how the file was made."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from io import BytesIO
from itertools import product

import numpy as np
from pydicom import config, dcmread
from pydicom.charset import python_encoding
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.deid.keys import STANDARD_ROOT, SubjectKeys
from imaging.deid.memory import LONGEST, Encoding, Memory, encoding_of, recurs
from imaging.deid.needles import Needle, Sieve
from imaging.deid.recipe import Recipe
from imaging.deid.values import CHARACTER_SET_VRS, in_order, name_of, parsed, readable, standard_vr, text_of

# Text attributes that say who, where or by whom. Descriptions and comments are not among them: their words are
# common ones, and they are removed as a whole.
_WHO = re.compile(
    r"Patient(ID|Address|TelephoneNumbers|AlternateID)|IssuerOfPatientID|AccessionNumber|Institution(Name|Address|"
    r"alDepartmentName)|PhysiciansOf|Physician.*(Name|Telephone|Address)|Person(Address|TelephoneNumbers|sTelecom)|"
    r"StationName|InsurancePlan|RegionOfResidence|MedicalRecordLocator|AdmissionID|ServiceEpisodeID|StudyID|"
    r"(Requested|Scheduled)Procedure(Step)?ID|PerformedProcedureStepID|PlacerOrderNumber|FillerOrderNumber|"
    r"SerialNumber|CurrentPatientLocation|ApplicationEntityTitle|AETitle|CallbackPhone|OrderEntererLocation|"
    r"ClinicalTrial(SponsorName|SubjectID|SubjectReadingID|SiteName)"
)
_PLACES = re.compile(r"Institution|Station")
_TEMPORAL_OR_UID = frozenset({"DA", "DT", "UI"})
_WHO_VRS = frozenset({"AE", "LO", "PN", "SH", "ST", "LT", "UC", "UT"})
_MAKERS = (0x00080070, 0x00081090)
_NAME_TO_USE = 0x00100012  # text, since it may be in any order
#: Words in place of a name or number.
NOBODY = frozenset({"anonymous", "anonymized", "anonymised", "anon", "none", "unknown", "removed", "test"})
_CODING_SCHEME_UID = 0x0008010C

_TEXT_VRS = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_CODED_VRS = frozenset({"CS", "AS"})
_SEARCHED_VRS = _TEXT_VRS | _CODED_VRS | {"DA", "DS", "DT", "IS", "TM", "UI"}
_PIXEL_DATA = 0x7FE00010
_UID = re.compile(r"[0-2](\.\d+){3,}")
_DATE = re.compile(r"(19|20)\d{6}")
_CODECS = sorted({"utf-8", "utf-16-le", "utf-16-be", "latin-1", *python_encoding.values()})
# Bytes other than zero that a value needs to be searched for. Sixteen-bit pixels look like UTF-16 text: in a day of
# CT slices four letters in a row turn up by chance, seven do not.
_LEAST_RAW_BYTES, _LEAST_PIXEL_BYTES = 4, 7
_MAY_HOLD_OTHERS = frozenset({"SQ", "UN", None})
_MAX_DEPTH = 64

#: Path of the level, tag, VR and texts of an element; the list is not to be changed.
Found = tuple[str, int, str, list[str]]


def names_and_numbers(dataset: Dataset, recipe: Recipe | None = None) -> frozenset[str]:
    """Names, identifiers and places of an original's header, in every character set it uses.

    Each part of a name stands alone; the rest are whole values. A place named like the maker of the machine is
    left out, since the maker's name stays.

    Parameters
    ----------
    recipe
        Attributes that it keeps are not identifiers.
    """
    return frozenset(_people_and_places(dataset, recipe))


def known_identifiers(
    dataset: Dataset,
    *,
    recipe: Recipe | None = None,
    keys: SubjectKeys | None = None,
    own: Collection[str] = (),
    names: frozenset[str] | None = None,
) -> frozenset[str]:
    """What must not be found in the output made from `dataset`: names, identifiers, places, UIDs and dates.

    Parameters
    ----------
    dataset
        The original, with its file meta information if it has any.
    keys
        Leaves out a date onto which another date of the original is shifted: finding it would say nothing.
    own
        Values that the output holds by right, such as the subject's code.
    names
        What `names_and_numbers` gave for the same data set and recipe, to save looking again.
    """
    names = names_and_numbers(dataset, recipe) if names is None else names
    found = {text for text in names if text not in own}
    dates: set[str] = set()
    kept: set[str] = set()  # the same value may be kept in one place and not in another
    for _, tag, vr, texts in walk(dataset, _TEMPORAL_OR_UID):
        if vr != "UI":
            some = kept if _kept(tag, recipe) else dates
            some.update(text.replace(".", "")[:8] for text in texts)
        elif tag != _CODING_SCHEME_UID:
            some = kept if _kept(tag, recipe) else found
            some.update(text for text in texts if _UID.fullmatch(text) and not text.startswith(STANDARD_ROOT))
    dates -= kept
    found -= kept
    if keys is not None:
        dates -= {moved for moved in map(keys.shift_date, dates) if moved}
    return frozenset(found | {date for date in dates if _DATE.fullmatch(date)})


def find_leaks(output: bytes, identifiers: Collection[str], *, own: Collection[str] = ()) -> list[str]:
    """Where a finished file holds one of the identifiers: paths of attributes and byte offsets, never values.

    The file is read again and its text searched for whole words; then its bytes are searched in every encoding
    of PS3.3 §C.12.1.1.2 and UTF-16, pixel data included. Short values are searched as text only, because a few
    bytes occur by chance.

    Parameters
    ----------
    output
        A DICOM file.
    identifiers
        From `known_identifiers`.
    own
        Values that the output holds by right.
    """
    needles = _Needles(frozenset(identifiers))
    leaks = []
    with config.disable_value_validation():
        dataset = dcmread(BytesIO(output), force=True)
        pixels = b""
        for path, tag, vr, texts in walk(dataset):
            if needles.in_text(vr, [text for text in texts if text not in own]):
                leaks.append(path + name_of(tag))
        if _PIXEL_DATA in dataset:
            value = dataset.get_item(_PIXEL_DATA).value
            pixels = value if isinstance(value, bytes) else b""
    start = len(output) - len(pixels) if output.endswith(pixels) else output.rfind(pixels)
    # A deflated file does not show its pixel data: its bytes say nothing, the text read from it does.
    head, tail = (output, b"") if start < 0 else (output[:start], output[start + len(pixels) :])
    for value in own:
        head = head.replace(value.encode(), b"\0" * len(value.encode()))
    leaks += [f"byte {at}" for _, at in needles.in_bytes(head)]
    leaks += [f"byte {len(head) + at}" for at in needles.in_pixels(pixels)]
    return leaks + [f"byte {len(output) - len(tail) + at}" for _, at in needles.in_bytes(tail)]


class Words:
    """Whole-word search: `Li` is found in `Li, A` and not in `Liver`. Without regard to case."""

    def __init__(self, words: Collection[str]) -> None:
        self._pattern: re.Pattern[str] | None = None
        self._found: dict[str, bool] = {}
        if words:
            self._pattern, self._found = _alternatives(frozenset(words))

    def in_any(self, texts: Collection[str]) -> bool:
        """Tell whether one of the texts holds one of the words."""
        return self._pattern is not None and any(map(self._is_in, texts))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where the words stand in a text."""
        return [] if self._pattern is None else [match.span() for match in self._pattern.finditer(text)]

    def _is_in(self, text: str) -> bool:
        found = self._found.get(text)
        if found is None:
            found = self._pattern is not None and self._pattern.search(text) is not None
            if len(text) <= LONGEST:
                self._found[text] = found
        return found


class _Needles:
    def __init__(self, identifiers: frozenset[str]) -> None:
        self._uids = {text for text in identifiers if _UID.fullmatch(text)}
        self._dates = {text for text in identifiers if _DATE.fullmatch(text)}
        words = identifiers - self._uids - self._dates
        spelt = {f"{date[:4]}{mark}{date[4:6]}{mark}{date[6:]}" for date in self._dates for mark in "-./"}
        # UIDs differ from file to file: apart from them, a pattern made for one file of a scan serves all.
        self._words = Words(words | self._dates | spelt)
        self._long = Words({word for word in words if len(word) >= 4 and not _is_short_number(word)})
        self._numbers = {word for word in words if word.isdigit() and len(word) >= 6} | self._dates
        self._raw = sorted(
            {
                Needle(encoded, word.isdigit() or word in self._uids, word.isascii())
                for word in identifiers
                if not _is_short_number(word)
                for encoded in encodings(word)
            }
        )

    def in_text(self, vr: str, texts: list[str]) -> bool:
        if vr == "UI":
            return not self._uids.isdisjoint(texts)
        if vr in ("DA", "DT"):
            return any(text[:8] in self._dates for text in texts)
        if vr in _CODED_VRS:
            return self._long.in_any(texts)
        if vr in _TEXT_VRS:
            return self._words.in_any(texts) or self._holds_uid(texts)
        return not self._numbers.isdisjoint(texts)

    def in_bytes(self, content: bytes) -> Iterator[tuple[Needle, int]]:
        return Sieve(self._raw, _LEAST_RAW_BYTES).search(content)

    def in_pixels(self, pixels: bytes) -> Iterator[int]:
        may_hold_text: bool | None = None
        for needle, at in Sieve(self._raw, _LEAST_PIXEL_BYTES).search(pixels):
            if needle.is_ascii and may_hold_text is None:
                may_hold_text = _may_hold_text(pixels)
            if may_hold_text or not needle.is_ascii:
                yield at

    def _holds_uid(self, texts: list[str]) -> bool:
        return any(uid in text and Words([uid]).in_any([text]) for text in texts if "." in text for uid in self._uids)


@lru_cache(maxsize=256)
def _alternatives(words: frozenset[str]) -> tuple[re.Pattern[str], Memory[str, bool]]:
    """What finds one of some words, and in which texts it did or did not: most are those of the slice before."""
    patterns = [_bounded(word) for word in sorted(words, key=lambda word: (-len(word), word))]
    return re.compile("|".join(patterns), re.IGNORECASE), Memory()


def _people_and_places(dataset: Dataset, recipe: Recipe | None) -> Iterator[str]:
    makers = [
        text for tag in _MAKERS if (one := dataset.get_item(tag)) is not None for text in readable(dataset, one, "LO")
    ]
    for _, tag, vr, texts in walk(dataset, _WHO_VRS):
        if vr == "PN" or tag == _NAME_TO_USE:
            for text in texts:
                yield from (part for part in re.split(r"[\^=\s,]+", text) if _is_telling(part))
        elif _says_who(tag) and not _kept(tag, recipe) and not (vr == "AE" and _cleaned(tag, recipe)):
            place = _PLACES.search(keyword_for_tag(tag)) is not None
            for text in texts:
                if _is_telling(text) and not (place and Words([text]).in_any(makers)):
                    yield text


@lru_cache(maxsize=8192)
def _says_who(tag: int) -> bool:
    return _WHO.search(keyword_for_tag(tag)) is not None


def walk(dataset: Dataset, vrs: frozenset[str] = _SEARCHED_VRS, path: str = "", depth: int = 0) -> Iterator[Found]:
    """Path of the level, tag, VR and texts of each element of the given VRs at every level, private ones too.

    Values are not cached in the data set, and only text that depends on a character set is parsed.
    """
    if depth == 0 and getattr(dataset, "file_meta", None) is not None:
        yield from walk(dataset.file_meta, vrs, path, 1)
    seen = None if depth else _seen(vrs, encoding_of(dataset))
    for tag, element in in_order(dataset):
        if element.VR not in vrs and element.VR not in _MAY_HOLD_OTHERS:
            continue
        if seen is None or not recurs(element):
            yield from _searched(dataset, tag, element, vrs, path, depth)
            continue
        place = (tag, element.VR, element.value)
        found = seen.get(place)
        if found is None:
            found = seen[place] = list(_searched(dataset, tag, element, vrs, path, depth))
        yield from found


@lru_cache(maxsize=32)
def _seen(vrs: frozenset[str], encoding: Encoding | None) -> Memory[tuple[int, str | None, bytes | None], list[Found]]:
    """What was found in elements of other slices, by tag, VR and value."""
    return Memory()


def _searched(
    dataset: Dataset, tag: int, element: DataElement | RawDataElement, vrs: frozenset[str], path: str, depth: int
) -> Iterator[Found]:
    vr = element.VR
    if vr is None or vr == "UN":
        vr = standard_vr(tag)[:2] or "UN"
    if vr == "SQ":
        items = parsed(dataset, element).value if depth < _MAX_DEPTH else None
        for number, item in enumerate(items if isinstance(items, Sequence) else ()):
            yield from walk(item, vrs, f"{path}{name_of(tag)}[{number}].", depth + 1)
    elif vr in vrs:
        texts = readable(dataset, element, vr) if vr in CHARACTER_SET_VRS else text_of(element)
        yield path, tag, vr, [text for text in texts if text]


def _cleaned(tag: int, recipe: Recipe | None) -> bool:
    """Whether what it holds is cleaned as text, so that it cannot be what text is cleaned of."""
    return recipe is not None and recipe.actions.get(tag) == "C"


def _kept(tag: int, recipe: Recipe | None) -> bool:
    return recipe is not None and recipe.keeps(tag)


@lru_cache(maxsize=4096)
def _is_telling(text: str) -> bool:
    """Whether finding a value would mean something: not a placeholder, not one character."""
    letters = [character for character in text if character.isalnum()]
    least = 1 if any(ord(character) > 0x2E7F for character in letters) else 2
    if text.isdigit():
        least = 4
    return len(letters) >= least and text.lower() not in NOBODY and len(set(letters)) > (1 if least > 1 else 0)


def _is_short_number(word: str) -> bool:
    return word.isdigit() and len(word) < 6


def _bounded(word: str) -> str:
    # An underscore parts words in DICOM text. Scripts without letter case are written without spaces.
    before = r"(?<![^\W_])" if word[0].isascii() or word[0].upper() != word[0].lower() else ""
    after = r"(?![^\W_])" if word[-1].isascii() or word[-1].upper() != word[-1].lower() else ""
    if _DATE.fullmatch(word):
        after = ""  # a date may be followed by a time of day
    return before + re.escape(word) + after


@lru_cache(maxsize=4096)
def encodings(word: str) -> frozenset[bytes]:
    """A word's bytes in lower case, in every encoding."""
    if word.isascii():
        # Without the last zero it is found in both byte orders.
        return frozenset({word.encode("ascii").lower(), word.encode("utf-16-le")[:-1].lower()})
    found = set()
    for codec, spelling in product(_CODECS, {word, word.upper(), word.lower()}):
        try:
            encoded = spelling.encode(codec)
        except UnicodeError:
            continue
        # Escape sequences of ISO 2022 stand before and after the text.
        found.add(re.sub(rb"^\x1b[$(][()]?.|\x1b\([BJ]$", b"", encoded).lower())
    return frozenset(found)


def _may_hold_text(pixels: bytes) -> bool:
    """Whether pixel data hold six printable ASCII bytes in a row, or three characters of UTF-16."""
    octets = np.frombuffer(pixels, dtype=np.uint8)
    printable = (octets >= 0x20) & (octets < 0x7F)
    zero = octets == 0
    for mask, step in ((printable, 1), (printable[:-1] & zero[1:], 2), (zero[:-1] & printable[1:], 2)):
        run = mask
        for _ in range(_LEAST_PIXEL_BYTES - 1 if step == 1 else 2):
            if len(run) <= step:
                break
            run = run[:-step] & mask[len(mask) - len(run) + step :]
        if run.any():
            return True
    return False
