"""What a child process answers for one file: what processing has to know of it, or why it is held."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder
from pydicom.uid import RLELossless

from imaging.deid import workshop
from imaging.deid.engine import serialise
from imaging.deid.patients import digest_of
from imaging.dicom.digests import canonical_digest, dataset_digest
from imaging.quality.measuring import measured
from tests.imaging.deid.conftest import KEYS, SECRET, SHIFTED, as_file, clean

pytestmark = pytest.mark.requirement("REQ-DEI-011")

Make = Callable[..., Dataset]
RECIPE = {"identifier": "trial-basic", "version": "1", "options": ["retain_longitudinal_modified_dates"]}
CODES = ["LUNG-1", "S01", "S01-004", "WEEK8"]
PLACE = {
    "ImagePositionPatient": [-100, -90.5, 42.125],
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "PixelSpacing": [0.7, 0.7],
}


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Dataset], str]:
    def save(dataset: Dataset) -> str:
        path = tmp_path / "received.dcm"
        dataset.save_as(path, enforce_file_format=True)
        return str(path)

    return save


Saved = Callable[[Dataset], str]


def _counting(work: Callable[..., Any], calls: list[None]) -> Callable[..., Any]:
    def counted(*args: Any, **options: Any) -> Any:
        calls.append(None)
        return work(*args, **options)

    return counted


class TestLook:
    def test_says_what_the_instance_is_and_whom_it_claims(self, make_ct: Make, saved: Saved) -> None:
        dataset = make_ct(
            **PLACE, ClinicalTrialSubjectID="s01-004 ", ClinicalTrialTimePointID="week8", InstanceNumber=7,
            SeriesNumber=2, AcquisitionDate="20240301",
        )  # fmt: skip
        path = saved(dataset)
        assert workshop.look(path, SECRET) == {
            "sop_uid_key": KEYS.uid("1.2.3.9.1"),
            "series_uid_key": KEYS.uid("1.2.3.9.2"),
            "study_uid_key": KEYS.uid("1.2.3.9"),
            "modality": "CT",
            "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
            "dataset_sha256": dataset_digest(Path(path)),
            "patient": [KEYS.patient(digest_of("HOSP-77123")), ""],
            "subject_codes": ["HOSP-77123", "S01-004"],
            "timepoint_code": "WEEK8",
            "scan_date": "2024-03-01",
            "device": ["", "", "", ""],
            "instance_number": 7,
            "series_number": 2,
            "position_mm": 42.125,
            "rows": 4,
            "columns": 6,
            "frames": 1,
        }

    def test_what_the_header_leaves_out_is_none_or_empty(self, make_ct: Make, saved: Saved) -> None:
        seen = workshop.look(saved(make_ct(PatientID="", StudyDate="", Modality="ct scan")), SECRET)
        assert (seen["subject_codes"], seen["timepoint_code"], seen["modality"]) == ([], "", "")
        assert [seen[name] for name in ("scan_date", "instance_number", "series_number", "position_mm")] == [None] * 4

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (lambda good: b"", "empty_file"),
            (lambda good: b"%PDF-1.7 and more", "not_dicom"),
            (lambda good: good[:-20], "truncated"),
            (lambda good: good.replace(b"1.2.3.9.2\0", b"1.2.3..9.2"), "malformed"),
        ],
    )
    def test_bytes_that_are_no_instance_are_held_by_name(
        self, content: Callable[[bytes], bytes], reason: str, make_ct: Make, saved: Saved
    ) -> None:
        path = Path(saved(make_ct()))
        path.write_bytes(content(path.read_bytes()))
        seen = workshop.look(str(path), SECRET)
        assert (seen.keys(), seen["held"]) == ({"held", "sentence"}, reason)

    def test_several_files_at_once(self, make_ct: Make, saved: Saved, tmp_path: Path) -> None:
        (tmp_path / "other").write_bytes(b"not an image")
        first, second = workshop.look_all([str(tmp_path / "other"), saved(make_ct())], SECRET)
        assert first["held"] == "not_dicom"
        assert second == workshop.look(str(tmp_path / "received.dcm"), SECRET)

    def test_a_file_that_cannot_be_opened_is_tried_again_and_not_held(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            workshop.look(str(tmp_path / "gone.dcm"), SECRET)


class TestDeidentify:
    def test_gives_the_engines_bytes_and_what_checks_need(self, make_ct: Make, saved: Saved) -> None:
        path = saved(make_ct(**PLACE, SliceThickness=2.5, PatientPosition="HFS"))
        result, output = workshop.deidentify(path, RECIPE, SECRET, CODES)
        expected = clean(dcmread(path), SHIFTED)
        assert output == serialise(expected)
        assert result["sha256"] == hashlib.sha256(output).hexdigest()
        assert result["size"] == len(output)
        assert result["counters"] == expected.counters
        assert result["recipe_sha256"] == SHIFTED.digest()
        assert json.loads(json.dumps(result)) == result
        assert result["facts"] == measured(dcmread(BytesIO(output)), dcmread(path), output)

    def test_a_compressed_picture_is_decoded_once_and_measured_as_any(
        self, make_ct: Make, saved: Saved, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plain = make_ct(**PLACE, Rows=32, Columns=32, PixelData=bytes(range(256)) * 8)
        compressed = deepcopy(plain)
        compressed.compress(RLELossless, generate_instance_uid=False)
        decoder, count = get_decoder(RLELossless), []
        monkeypatch.setattr(decoder, "iter_array", _counting(decoder.iter_array, count))
        monkeypatch.setattr(decoder, "as_array", _counting(decoder.as_array, count))
        looking = {**RECIPE, "options": ["clean_pixel_data"], "pixels": "blank"}
        facts = [workshop.deidentify(saved(one), looking, SECRET, CODES)[0]["facts"] for one in (plain, compressed)]
        assert facts[0] == facts[1]
        assert facts[0]["frames"][0]["low"] < facts[0]["frames"][0]["high"]
        assert len(count) == 1

    def test_what_cannot_be_made_safe_is_held(self, make_ct: Make, saved: Saved) -> None:
        result, output = workshop.deidentify(saved(make_ct(BurnedInAnnotation="YES")), RECIPE, SECRET, CODES)
        assert (result["held"], output) == ("cannot_deidentify", b"")

    def test_a_leak_is_held(self, make_ct: Make, saved: Saved) -> None:
        planted = make_ct(PixelData=b"\0\1Plantagenet".ljust(48, b"\0"))
        result, output = workshop.deidentify(saved(planted), RECIPE, SECRET, CODES)
        assert (result["held"], output) == ("leak_found", b"")
        assert "lantagenet" not in str(result)

    def test_a_recipe_that_cannot_be_carried_out_is_held(self, make_ct: Make, saved: Saved) -> None:
        result, output = workshop.deidentify(saved(make_ct()), {"identifier": "x"}, SECRET, CODES)
        assert (result["held"], output) == ("no_recipe", b"")

    def test_an_unforeseen_error_holds_the_instance_and_names_no_value(
        self, make_ct: Make, saved: Saved, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError("Plantagenet")

        monkeypatch.setattr("imaging.deid.engine.serialise", broken)
        result, output = workshop.deidentify(saved(make_ct()), RECIPE, SECRET, CODES)
        assert (result["held"], result["fault"], output) == ("cannot_deidentify", "ZeroDivisionError", b"")
        assert "Plantagenet" not in str(result)

    def test_several_files_at_once(self, make_ct: Make, saved: Saved) -> None:
        path = saved(make_ct())
        assert (
            workshop.deidentify_all([path, path], RECIPE, SECRET, CODES)
            == [workshop.deidentify(path, RECIPE, SECRET, CODES)] * 2
        )


def test_content_digest_sees_through_encoding(make_ct: Make, saved: Saved) -> None:
    path = saved(as_file(make_ct(), "1.2.840.10008.1.2"))
    found = workshop.content_digest(path)
    assert found == canonical_digest(Path(path)) == workshop.content_digest(saved(make_ct()))


def test_a_thousand_levels_are_held_and_end_nothing(make_ct: Make, saved: Saved) -> None:
    path = Path(saved(make_ct()))
    start = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    end = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    head, name, tail = path.read_bytes().partition(b"\x10\x00\x10\x00PN")
    path.write_bytes(head + start * 1000 + end * 1000 + name + tail)

    facts, output = workshop.deidentify(str(path), {"identifier": "a", "version": "1"}, SECRET, ("T", "S", "S-1", "W"))

    assert (facts["held"], facts["detail"], output) == ("cannot_deidentify", "too_complex", b"")


def test_a_sequence_that_is_none_holds_the_instance_and_is_no_fault_of_the_disk(make_ct: Make, saved: Saved) -> None:
    path = Path(saved(make_ct(ReferencedImageSequence=[])))
    empty = b"\x08\x00\x40\x11SQ\0\0\0\0\0\0"
    content = path.read_bytes()
    assert content.count(empty) == 1
    path.write_bytes(content.replace(empty, empty[:-4] + b"\x06\0\0\0nobody"))

    result, output = workshop.deidentify(str(path), RECIPE, SECRET, CODES)

    assert (result["held"], result["detail"], output) == ("cannot_deidentify", "unwritable", b"")
