"""What was made of an element in one file is what would be made of it in another, and is nobody's to change."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from pydicom import config, dcmread
from pydicom.dataset import Dataset

from imaging.deid import engine, leaks, walk
from imaging.deid.admission import CannotDeidentify
from imaging.deid.keys import SubjectKeys
from imaging.deid.marks import TrialIdentity
from imaging.deid.memory import Memory
from tests.imaging.deid.conftest import IDENTITY, KEYS, SECRET, TRIAL
from tests.imaging.deid.corpus import files

pytestmark = pytest.mark.requirement("REQ-DEI-003")

Make = Callable[..., Dataset]
OTHER = dataclasses.replace(IDENTITY, subject_code="S01-005")


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    forget()
    yield
    forget()


def forget() -> None:
    walk._memory.cache_clear()
    leaks._seen.cache_clear()


def made_of(content: bytes, identity: TrialIdentity = IDENTITY, secret: bytes = SECRET) -> Any:
    """Everything that one file gives: output, actions and counters; or why it is held."""
    keys = SubjectKeys(secret, identity.subject_code)
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        original = dcmread(BytesIO(content), force=True)
        try:
            result = engine.deidentify(original, recipe=TRIAL, keys=keys, identity=identity)
        except CannotDeidentify as held:
            return held.reason
        return engine.serialise(result), result.actions, dict(result.counters), result.names


def saved(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def test_every_file_of_the_corpus_alone_and_after_all_others() -> None:
    corpus = dict(files())
    alone = {}
    for name, content in corpus.items():
        forget()
        alone[name] = made_of(content)
    after = {name: made_of(content) for name, content in corpus.items()}
    assert [name for name in corpus if after[name] != alone[name]] == []


@pytest.mark.parametrize(
    ("identity", "secret"), [(OTHER, SECRET), (IDENTITY, SECRET[::-1])], ids=["another subject", "another key"]
)
def test_what_was_made_for_one_is_not_given_to_another(identity: TrialIdentity, secret: bytes, make_ct: Make) -> None:
    content = saved(make_ct())
    expected = made_of(content, identity, secret)
    forget()
    assert made_of(content) != expected
    assert made_of(content, identity, secret) == expected


def test_text_that_is_harmless_in_one_file_is_cleaned_in_that_of_whom_it_names(make_ct: Make) -> None:
    texts = []
    for name in ("Doe^Jane", "Liver^Eleanor", "Doe^Jane"):
        output, *_ = made_of(saved(make_ct(PatientName=name, SeriesDescription="Liver late")))
        texts.append(dcmread(BytesIO(output)).SeriesDescription)
    assert texts == ["Liver late", "late", "Liver late"]


def test_the_same_bytes_in_another_character_set_are_another_name(make_ct: Make) -> None:
    names = []
    for charset in ("ISO_IR 100", "ISO_IR 144"):
        dataset = make_ct(SpecificCharacterSet=charset)
        dataset.PatientName = b"\xb8\xd2\xd0\xdd^A".decode("latin-1" if charset == "ISO_IR 100" else "iso8859_5")
        names.append(made_of(saved(dataset))[3])
    assert "Иван" in names[1]
    assert "Иван" not in names[0]


def test_a_data_set_that_is_changed_changes_no_other(make_ct: Make) -> None:
    content = saved(make_ct(SeriesDescription="Liver late"))
    with config.disable_value_validation():
        one, other = (
            engine.deidentify(dcmread(BytesIO(content)), recipe=TRIAL, keys=KEYS, identity=IDENTITY).dataset
            for _ in range(2)
        )
    one.SeriesDescription, one.Modality, one.StudyDate = "changed", "MR", "20000101"
    one.ClinicalTrialSiteID = one.DeidentificationMethodCodeSequence[0].CodeValue = "changed"
    assert (other.SeriesDescription, other.Modality) == ("Liver late", "CT")
    assert other.ClinicalTrialSiteID == IDENTITY.site_id
    assert other.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert other.StudyDate == KEYS.shift_date("20240229")


def test_elements_below_one_that_came_before_count(make_ct: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    item = Dataset()
    item.InstanceNumber, item.NumberOfFrames, item.Rows, item.Columns = 1, 1, 1, 1
    content = saved(make_ct(ReferencedSeriesSequence=[item]))
    walked = len(dcmread(BytesIO(content))) + len(item)
    monkeypatch.setattr("imaging.deid.walk.MAX_ELEMENTS", walked)
    assert made_of(content) == made_of(content) != "too_complex"
    monkeypatch.setattr("imaging.deid.walk.MAX_ELEMENTS", walked - 1)
    assert made_of(content) == "too_complex"


def test_a_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imaging.deid.memory._MOST", 3)
    memory: Memory[int, int] = Memory()
    for number in range(8):
        memory[number] = number
    assert memory == {6: 6, 7: 7}
