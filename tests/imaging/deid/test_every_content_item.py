"""Each row of Table E.3.4-1 under Clean Structured Content, alone and with each option that its columns name.

One report carries a content item for each concept; the letters are read from the standard (PS3.15 §E.3.4).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import pytest
from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ComprehensiveSRStorage, ExplicitVRLittleEndian

from imaging.deid.admission import CannotDeidentify
from imaging.deid.profile import read_table
from tests.imaging.deid.conftest import clean
from tests.imaging.deid.test_every_row import days, is_new_uid, recipe_of, words

pytestmark = pytest.mark.requirement("REQ-DEI-002")

SURNAME = "Zubrow"
OPTION = "clean_structured_content"
REFERENCES = {"COMPOSITE", "IMAGE", "WAVEFORM"}
COLUMNS = list(read_table("structured_content.csv")[0])[5:]


class Concept(NamedTuple):
    scheme: str
    code: str
    value_type: str
    meaning: str
    basic: str
    options: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.code}-{self.value_type}-{self.meaning}"


CONCEPTS = [
    Concept(
        *(line[name] for name in ("scheme", "code", "value_type", "meaning", "basic")),
        {name: line[name] for name in COLUMNS if line[name]},
    )
    for line in read_table("structured_content.csv")
]


UNNAMED = Concept("DCM", "999999", "TEXT", "Concept of no table", "", {})


def code(value: str, scheme: str, meaning: str) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def content_item(concept: Concept, relation: str = "CONTAINS") -> Dataset:
    """A content item with a value of its type; text holds the subject's name beside a harmless word."""
    item = Dataset()
    item.RelationshipType, item.ValueType = relation, concept.value_type
    item.ConceptNameCodeSequence = Sequence([code(concept.code, concept.scheme, concept.meaning)])
    match concept.value_type:
        case "TEXT":
            item.TextValue = f"Qobade {SURNAME}"
        case "PNAME":
            item.PersonName = f"{SURNAME}^Quillan"
        case "DATE":
            item.Date = "20240117"
        case "TIME":
            item.Time = "093000"
        case "DATETIME":
            item.DateTime = "20240117093000"
        case "UIDREF":
            item.UID = "1.2.826.0.1.3680043.99.7"
        case "NUM":
            measured = Dataset()
            measured.NumericValue = "47"
            measured.MeasurementUnitsCodeSequence = Sequence([code("a", "UCUM", "year")])
            item.MeasuredValueSequence = Sequence([measured])
        case "CODE":
            item.ConceptCodeSequence = Sequence([code("F", "DCM", "Female")])
        case "CONTAINER":
            item.ContinuityOfContent = "SEPARATE"
            item.ContentSequence = Sequence([content_item(Concept("DCM", "121106", "TEXT", "Comment", "X", {}))])
        case _:
            reference = Dataset()
            reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
            reference.ReferencedSOPInstanceUID = "1.2.826.0.1.3680043.99.8"
            item.ReferencedSOPSequence = Sequence([reference])
    return item


def made() -> Dataset:
    """A report with an item for each concept, at the top and in a group, and for one that the table does not name."""
    with config.disable_value_validation():
        dataset = Dataset()
        dataset.SpecificCharacterSet, dataset.SOPClassUID, dataset.Modality = "ISO_IR 192", ComprehensiveSRStorage, "SR"
        dataset.SOPInstanceUID, dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.1", "1.2.3.2", "1.2.3.3"
        dataset.PatientName, dataset.StudyDate, dataset.ValueType = f"{SURNAME}^Quillan", "20240117", "CONTAINER"
        dataset.ConceptNameCodeSequence = Sequence([code("126000", "DCM", "Imaging Measurement Report")])
        dataset.ContinuityOfContent = "SEPARATE"
        group = content_item(Concept("DCM", "125007", "CONTAINER", "Measurement Group", "", {}))
        group.ContentSequence = Sequence([content_item(concept) for concept in CONCEPTS])
        named = (content_item(concept) for concept in CONCEPTS)
        dataset.ContentSequence = Sequence([*named, content_item(UNNAMED), group])
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        return dataset


@cache
def report(options: frozenset[str]) -> Dataset:
    return clean(made(), recipe_of({OPTION, *options})).dataset


def found(concept: Concept, content: Sequence) -> Dataset | None:
    for item in content:
        name = item.ConceptNameCodeSequence[0]
        if (name.CodingSchemeDesignator, name.CodeValue, item.ValueType) == concept[:3]:
            return item
    return None


def is_right(concept: Concept, letter: str, item: Dataset | None, result: Dataset) -> bool:
    """Whether the outcome is what one letter asks of a content item."""
    if letter == "X":
        return item is None
    if item is None or SURNAME.lower() in str(item).lower():
        return False
    kept = letter in ("K", "C")
    match concept.value_type:
        case "TEXT":
            return ("qobade" in words(str(item.TextValue))) is kept
        case "PNAME":
            return bool(item.PersonName) and not kept
        case "TIME":
            return (item.Time == "093000") is kept
        case "DATE" | "DATETIME":
            value = str(item.Date if concept.value_type == "DATE" else item.DateTime)
            if letter == "C":
                return days("20240117", value) == days("20240117", str(result.StudyDate)) != 0
            return value.startswith("20240117") is kept
        case "UIDREF":
            return (item.UID == "1.2.826.0.1.3680043.99.7") if letter == "K" else is_new_uid(item.UID)
        case "NUM":
            return kept and item.MeasuredValueSequence[0].NumericValue == 47
        case "CODE":
            return kept and item.ConceptCodeSequence[0].CodeMeaning == "Female"
        case "CONTAINER":
            return kept
    return is_new_uid(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID) is (letter != "K")


def wrong(concept: Concept, options: frozenset[str]) -> str:
    printed = {concept.options[name] for name in options if name in concept.options}
    letters = "C" if "C" in printed else "K" if "K" in printed else concept.basic
    if concept.value_type in {*REFERENCES, "UIDREF"}:
        # A reference stays in any case, and under the pseudonym that its target has unless UIDs are retained.
        letters = "K" if "retain_uids" in options else "D"
    result = report(options)
    for content in (result.ContentSequence, result.ContentSequence[-1].ContentSequence):
        item = found(concept, content)
        if not any(is_right(concept, letter, item, result) for letter in letters.split("/")):
            return f"{letters} gives {str(item)[:200]}"
    return ""


def test_the_table_has_every_row_of_edition_2026d() -> None:
    assert len({concept[:3] for concept in CONCEPTS}) == len(CONCEPTS) == 214
    assert {concept.basic for concept in CONCEPTS} == {"X", "D", "X/D"}


@pytest.mark.parametrize("concept", CONCEPTS, ids=lambda concept: concept.name)
def test_a_content_item(concept: Concept) -> None:
    assert wrong(concept, frozenset()) == ""


@pytest.mark.parametrize("option", COLUMNS)
def test_an_option_and_the_content_items_that_its_column_fills(option: str) -> None:
    filled = [concept for concept in CONCEPTS if option in concept.options]
    assert {concept.name: problem for concept in filled if (problem := wrong(concept, frozenset({option})))} == {}


@pytest.mark.parametrize("option", COLUMNS)
def test_an_option_leaves_all_other_content_items_to_the_basic_action(option: str) -> None:
    others = [concept for concept in CONCEPTS if option not in concept.options]
    assert {concept.name: problem for concept in others if (problem := wrong(concept, frozenset({option})))} == {}


def test_a_concept_that_the_table_does_not_name_goes_the_way_of_its_attributes() -> None:
    content = report(frozenset()).ContentSequence
    assert content[-1].ConceptNameCodeSequence[0].CodeMeaning == "Measurement Group"
    assert len(content[-1].ContentSequence) == len(content) - 2  # the group itself and the unnamed text
    assert words(found(UNNAMED, content).TextValue) == ["qobade"]


def test_without_the_option_the_report_is_held() -> None:
    with pytest.raises(CannotDeidentify) as held:
        clean(made(), recipe_of({"clean_descriptors"}))
    assert held.value.reason == "structured_content"
