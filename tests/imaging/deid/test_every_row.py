"""Each row of Table E.1-1 under the Basic Profile and under each option, at the top of a data set and in an item.

What a row's letters ask is read here from PS3.15 alone (Table E.1-1a, §E.3.1 to §E.3.11) and knows nothing of the
engine's rules. One data set carries every row; what became of each is looked up by the tests.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from functools import cache
from typing import Any, NamedTuple

import pytest
from pydicom import config
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import validate_value

from imaging.deid.admission import CannotDeidentify
from imaging.deid.profile import Row, read_table, rows
from imaging.deid.recipe import OPTIONS as ALL_OPTIONS
from imaging.deid.recipe import Recipe
from tests.imaging.deid.conftest import IDENTITY, as_file, clean

pytestmark = pytest.mark.requirement("REQ-DEI-002")

#: Faces are for a whole series, and have tests of their own.
OPTIONS = ALL_OPTIONS - {"clean_recognizable_visual_features"}
SURNAME = "Zubrow"
CARRIER = 0x52009229  # Shared Functional Groups Sequence, which every option walks
PRIVATE_CREATOR = 0x00110010
SUBJECT_NAME = "PatientName"
# The trial's own identity stands in these at the top level, whatever the table says.
WRITTEN_BY_US = {
    "PatientName": IDENTITY.subject_code,
    "PatientID": IDENTITY.subject_code,
    "ClinicalTrialProtocolID": IDENTITY.protocol_id,
    "ClinicalTrialSiteID": IDENTITY.site_id,
    "ClinicalTrialSubjectID": IDENTITY.subject_code,
    "ClinicalTrialTimePointID": IDENTITY.timepoint_id,
    "ClinicalTrialSponsorName": "REMOVED",
}
# At the top level these make an instance a kind of its own, with tests of its own.
ANOTHER_KIND = {"ContentSequence", "EncapsulatedDocument"}
# Commands, file meta and directory records have no place in a data set (PS3.5 §7.1, PS3.10 §7.1).
OUTSIDE_GROUPS = {0x0000, 0x0002, 0x0004}
YOUNGER = {line["tag"]: line["vr"] for line in read_table("younger.csv")}
NUMBERS = {row.tag: number for number, row in enumerate(rows(), start=1)}
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvwxz" for vowel in "aeiou"]
BYTES = {"OB", "OW", "UN"}
TEXT = {"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}


def in_force(row: Row, options: Collection[str]) -> str:
    """What is printed for a row: C and K of an option stand above the basic action, and C above K (§E.3)."""
    found = {action for name, action in row.options.items() if name in options}
    return "C" if "C" in found else "K" if "K" in found else row.basic


def tag_of(row: Row) -> int:
    """An attribute that the row is about: the second overlay or curve, the first of a private block."""
    return int({"ggggeeee": "00111001", "50xxxxxx": "50023000"}.get(row.tag, row.tag.replace("xx", "02")), 16)


def vr_of(row: Row) -> str:
    """The attribute's VR; empty if nobody told us of it: such a one is removed under every option."""
    if row.tag == "ggggeeee":
        return "LO"
    if dictionary_has_tag(tag_of(row)):
        return dictionary_VR(tag_of(row))[:2]
    return YOUNGER.get(row.tag, "")


def word_of(row: Row) -> str:
    """A word without meaning that stands in this row alone."""
    return f"Qo{SYLLABLES[NUMBERS[row.tag] // 80]}{SYLLABLES[NUMBERS[row.tag] % 80]}"


def uid_of(row: Row) -> str:
    """A UID of the row's own; a file has one SOP Instance UID, in the data set and in its meta information."""
    return f"1.2.826.0.1.3680043.99.{NUMBERS['00080018' if row.tag == '00020003' else row.tag]}"


def planted(row: Row, printed: str) -> Any:
    """A value that is the row's own; text and codes that are to be cleaned hold the subject's name beside it."""
    vr, word = vr_of(row), word_of(row)
    named = f"{word} {SURNAME}" if printed == "C" else word
    if row.keyword == SUBJECT_NAME:
        return f"{SURNAME}^Quillan"
    if row.keyword == "TimezoneOffsetFromUTC":
        return "+0130"
    if vr == "SQ":
        return Sequence([coded_item(row)])
    if vr == "UI":
        return uid_of(row)
    if vr in BYTES:
        return f"{word} {SURNAME}".ljust(16).encode()
    return {
        "AS": "047Y", "AT": 0x00100010, "CS": named.upper(), "DA": "20240117", "DS": "41.75", "DT": "20240117093000",
        "FD": 41.75, "FL": 41.75, "IS": "4175", "SL": 4175, "SS": 4175, "TM": "093000", "UL": 4175, "US": 4175,
        "UR": f"http://{word.lower()}.example",
    }.get(vr, named)  # fmt: skip


def coded_item(row: Row) -> Dataset:
    """An item with a published code, which is harmless, a person and a reference."""
    item = Dataset()
    item.ReferencedSOPInstanceUID = uid_of(row)
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "121071", "DCM", "Finding"
    item.PersonName = f"{SURNAME}^Quillan"
    return item


class Outcome(NamedTuple):
    """A de-identified data set with every row at the top and in an item, and how the rows were planted."""

    top: Dataset
    item: Dataset
    meta: Dataset


@cache
def outcome(options: frozenset[str], syntax: str = "") -> Outcome:
    """What becomes of every row; with a transfer syntax the data set is first written and read again."""
    with config.disable_value_validation():
        top, item = Dataset(), Dataset()
        for row in rows():
            value = planted(row, in_force(row, options))
            if row.tag == "ggggeeee":
                for level in (top, item):
                    level[PRIVATE_CREATOR] = DataElement(PRIVATE_CREATOR, "LO", "PLANTED MAKER")
            if syntax and tag_of(row) >> 16 in OUTSIDE_GROUPS:
                continue  # a writer refuses them
            for level in (item,) if row.keyword in ANOTHER_KIND or row.tag.startswith("0002") else (top, item):
                level[tag_of(row)] = DataElement(tag_of(row), vr_of(row) or "LO", value)
        top[CARRIER] = DataElement(CARRIER, "SQ", Sequence([item]))
        top.SpecificCharacterSet, top.SOPClassUID, top.Modality = "ISO_IR 192", CTImageStorage, "CT"
        top.file_meta = FileMetaDataset()
        top.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        top.file_meta.MediaStorageSOPInstanceUID = top.SOPInstanceUID
        result = clean(as_file(top, syntax) if syntax else top, recipe_of(options)).dataset
        return Outcome(result, result[CARRIER].value[0], result.file_meta)


def recipe_of(options: Collection[str]) -> Recipe:
    pixels = "blank" if "clean_pixel_data" in options else "hold"
    return Recipe.parse({"identifier": "every-row", "version": "1", "options": sorted(options), "pixels": pixels})


def wrong(row: Row, options: frozenset[str], syntax: str = "") -> str:
    """Say what is wrong with a row in the output; empty if nothing is."""
    printed, result = in_force(row, options), outcome(options, syntax)
    nested = result.item.get(tag_of(row))
    problem = verdict(row, printed, nested, result, "in an item")
    if row.keyword in ANOTHER_KIND or problem:
        return problem
    if row.keyword in WRITTEN_BY_US:
        found = result.top.get(row.keyword)
        return "" if found == WRITTEN_BY_US[row.keyword] else "the trial's identity is not written"
    if row.tag.startswith("0002"):
        return verdict(row, printed, result.meta.get(tag_of(row)), result, "in the file meta information")
    return verdict(row, printed, result.top.get(tag_of(row)), result, "at the top")


def verdict(row: Row, printed: str, found: DataElement | None, result: Outcome, where: str) -> str:
    original = planted(row, printed)
    tag, vr = tag_of(row), vr_of(row)
    must_go = not vr or (where != "in the file meta information" and tag >> 16 in OUTSIDE_GROUPS)
    if must_go:
        return "" if found is None else f"{where}: has no place here and stays"
    if any(satisfied(letter, row, vr, original, found, result) for letter in printed.split("/")):
        return ""
    return f"{where}: {printed} gives {'nothing' if found is None else repr(found.value)[:80]}"


def satisfied(letter: str, row: Row, vr: str, original: Any, found: DataElement | None, result: Outcome) -> bool:
    """Whether the outcome is what one letter asks of an attribute (Table E.1-1a)."""
    if letter == "X":
        return found is None
    if letter == "C" and (vr in BYTES or row.tag[:2] in ("50", "60") or row.tag == "ggggeeee"):
        # Bytes, curves, overlays and unknown private attributes cannot be cleaned: nothing of them stays.
        return found is None or (vr in BYTES and is_dummy(vr, original, found))
    if letter == "C" and vr == "CS":
        return found is None or SURNAME.lower() not in words(str(found.value))
    if found is None:
        return vr == "UN"  # a value that nobody can read goes, whatever is asked
    if letter == "Z":
        return found.is_empty or list(found.value or ()) == [] or is_dummy(vr, original, found)
    if letter == "D":
        return is_dummy(vr, original, found)
    if letter in ("U", "U*"):
        return is_pseudonym(row, vr, found, result)
    if letter == "K":
        return is_kept(vr, original, found)
    return is_cleaned(row, vr, original, found, result)


def is_dummy(vr: str, original: Any, found: DataElement) -> bool:
    """Not empty, valid for its VR, and with nothing of the original."""
    if found.is_empty or vr != found.VR:
        return False
    if vr == "SQ":
        return len(found.value) > 0 and SURNAME.lower() not in str(found).lower() and "Finding" not in str(found)
    if vr in BYTES:
        return SURNAME.encode() not in found.value
    if vr == "UI":
        return is_new_uid(found.value)
    if isinstance(found.value, str):
        validate_value(vr, found.value, config.RAISE)
    return str(found.value) != str(original) and not set(words(str(found.value))) & set(words(str(original)))


def is_pseudonym(row: Row, vr: str, found: DataElement, result: Outcome) -> bool:
    """Another UID, the same wherever the original stood."""
    if vr == "SQ":
        return all(is_new_uid(item.ReferencedSOPInstanceUID) for item in found.value) and SURNAME not in str(found)
    everywhere = {level[tag_of(row)].value for level in (result.top, result.item) if tag_of(row) in level}
    return is_new_uid(found.value) and everywhere <= {found.value}


def is_new_uid(value: Any) -> bool:
    return re.fullmatch(r"2\.25\.[1-9]\d{0,38}", str(value)) is not None


def is_kept(vr: str, original: Any, found: DataElement) -> bool:
    """As it was; a sequence is kept with its items, which are cleaned by their own rows."""
    if vr != "SQ":
        return str(found.value) == str(original) or found.value == original
    return len(found.value) == 1 and found.value[0].CodeMeaning == "Finding" and SURNAME not in str(found)


def is_cleaned(row: Row, vr: str, original: Any, found: DataElement, result: Outcome) -> bool:
    """What identifies is gone and the rest is there; dates have moved with the study's date, times have not."""
    if vr == "SQ":
        return is_kept(vr, original, found)
    if vr == "TM" or row.keyword == "TimezoneOffsetFromUTC":
        return found.value == original
    if vr in ("DA", "DT"):
        return (
            found.value[8:] == original[8:] and days(original, found.value) == days("20240117", study_date(result)) != 0
        )
    assert vr in TEXT
    left = words(str(found.value))
    return SURNAME.lower() not in left and word_of(row).lower() in left


def study_date(result: Outcome) -> str:
    return str(result.top.StudyDate)


def days(first: str, second: str) -> int:
    one, other = (date(int(text[:4]), int(text[4:6]), int(text[6:8])) for text in (first, second))
    return (other - one).days


def words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def test_every_option_with_a_column_is_exercised_and_those_that_are_about_pixels_have_none() -> None:
    columns = {option for row in rows() for option in row.options}
    assert len(columns) == 10
    assert columns | {"clean_pixel_data", "clean_recognizable_visual_features"} == ALL_OPTIONS


def test_only_what_no_option_keeps_may_be_unknown() -> None:
    """All others are read under their VR when a file gives none, those younger than pydicom's dictionary too."""
    inside = [row for row in rows() if "x" not in row.tag and tag_of(row) >> 16 not in OUTSIDE_GROUPS]
    assert [(row.keyword, row.options) for row in inside if not vr_of(row)] == [("DisplayURI", {})]
    assert not any(dictionary_has_tag(int(tag, 16)) for tag in YOUNGER)


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.keyword}-{row.basic}")
def test_the_basic_profile(row: Row) -> None:
    assert wrong(row, frozenset()) == ""


@pytest.mark.parametrize(
    ("option", "row"),
    [
        pytest.param(option, row, id=f"{option}-{row.keyword}-{row.options[option]}")
        for option in sorted(OPTIONS)
        for row in rows()
        if option in row.options
    ],
)
def test_an_option_and_a_row_that_its_column_fills(option: str, row: Row) -> None:
    assert wrong(row, frozenset({option})) == ""


def test_different_uids_stay_different_and_the_meta_information_names_the_instance() -> None:
    result = outcome(frozenset())
    uids = [result.item[tag_of(row)].value for row in rows() if row.basic == "U" and tag_of(row) in result.item]
    assert len(set(uids)) == len(uids) > 50
    assert result.meta.MediaStorageSOPInstanceUID == result.top.SOPInstanceUID == result.item.SOPInstanceUID


@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_an_option_leaves_all_other_rows_to_the_basic_profile(option: str) -> None:
    untouched = [row for row in rows() if option not in row.options]
    assert {row.keyword: problem for row in untouched if (problem := wrong(row, frozenset({option})))} == {}


@pytest.mark.parametrize(
    "options",
    [
        frozenset(),
        Recipe.standard("trial-default").options,
        OPTIONS - {"retain_longitudinal_full_dates"},
        OPTIONS - {"retain_longitudinal_modified_dates"},
    ],
    ids=["basic", "trial-default", "all with modified dates", "all with full dates"],
)
def test_options_together_in_data_sets_made_and_read(options: frozenset[str]) -> None:
    for syntax in ("", ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        assert {row.keyword: problem for row in rows() if (problem := wrong(row, options, syntax))} == {}


def test_a_document_is_held_under_every_option() -> None:
    for option in sorted(OPTIONS):
        with config.disable_value_validation():
            document = Dataset()
            document.SOPClassUID, document.SOPInstanceUID = CTImageStorage, "1.2.3.1"
            document.StudyInstanceUID, document.SeriesInstanceUID = "1.2.3.2", "1.2.3.3"
            document.EncapsulatedDocument = f"{SURNAME}!".encode()
            document.file_meta = FileMetaDataset()
            document.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        with pytest.raises(CannotDeidentify) as held:
            clean(document, recipe_of({option}))
        assert held.value.reason == "document"
