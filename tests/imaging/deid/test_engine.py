"""The engine as a whole: what leaves, what stays, what is written, and what is held."""

from __future__ import annotations

import copy
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from imaging.deid.admission import REASONS, CannotDeidentify
from imaging.deid.engine import Action, deidentify, serialise, summary
from imaging.deid.keys import SubjectKeys
from imaging.deid.marks import IMPLEMENTATION_CLASS_UID, TrialIdentity
from imaging.deid.recipe import Recipe
from tests.imaging.deid.conftest import BASIC, IDENTITY, KEYS, SECRET, SHIFTED, TRIAL, as_file, clean

pytestmark = pytest.mark.requirement("REQ-DEI-002")

Make = Callable[..., Dataset]

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]


def item(**values: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def recipe(*options: str, **more: Any) -> Recipe:
    return Recipe.parse({"identifier": "own", "version": "1", "options": list(options), **more})


def reread(dataset: Dataset, recipe: Recipe = SHIFTED) -> Dataset:
    return dcmread(BytesIO(serialise(clean(dataset, recipe))))


class TestWhatIsWritten:
    def test_identity_method_and_codes(self, make_ct: Make) -> None:
        found = reread(as_file(make_ct(ClinicalTrialSponsorName="Sponsor")))
        assert (str(found.PatientName), found.PatientID) == ("S01-004", "S01-004")
        assert found.PatientIdentityRemoved == "YES"
        assert found.DeidentificationMethod[:2] == [
            "Parallax trial-basic 1",
            f"recipe sha256:{SHIFTED.digest()[:16]}",
        ]
        assert [code.CodeValue for code in found.DeidentificationMethodCodeSequence] == ["113100", "113107"]
        assert found.LongitudinalTemporalInformationModified == "MODIFIED"
        assert found.ClinicalTrialProtocolID == "LUNG-1"
        assert found.ClinicalTrialSiteID == "S01"
        assert found.ClinicalTrialSubjectID == "S01-004"
        assert found.ClinicalTrialTimePointID == "WEEK8"
        # The module is not valid without these.
        assert (found.ClinicalTrialSponsorName, found.ClinicalTrialProtocolName) == ("REMOVED", "")

    def test_dates_are_said_to_be_removed_without_the_option(self, make_ct: Make) -> None:
        found = reread(make_ct(), BASIC)
        assert found.LongitudinalTemporalInformationModified == "REMOVED"
        assert found.StudyDate == ""

    @pytest.mark.parametrize("syntax", SYNTAXES)
    def test_file_meta_is_made_from_nothing(self, syntax: str, make_ct: Make) -> None:
        dataset = as_file(make_ct(), syntax)
        dataset.preamble = b"PLANTED PREAMBLE".ljust(128)
        dataset.file_meta.SourceApplicationEntityTitle = "PLANTED_AE"
        dataset.file_meta.ImplementationVersionName = "PLANTED_V"
        dataset.file_meta.PrivateInformationCreatorUID = "1.2.3"
        dataset.file_meta.PrivateInformation = b"PLANTED!"
        content = serialise(clean(dataset))
        assert b"PLANTED" not in content
        assert content[:132] == bytes(128) + b"DICM"
        meta = dcmread(BytesIO(content)).file_meta
        assert {element.keyword for element in meta} == {
            "FileMetaInformationGroupLength", "FileMetaInformationVersion", "MediaStorageSOPClassUID",
            "MediaStorageSOPInstanceUID", "TransferSyntaxUID", "ImplementationClassUID", "ImplementationVersionName",
        }  # fmt: skip
        assert meta.MediaStorageSOPInstanceUID == KEYS.uid("1.2.3.9.1")
        assert meta.TransferSyntaxUID == syntax
        assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID

    @pytest.mark.parametrize("value", ["", "Ångström", "A\\B", "A" * 65, "A\n"])
    def test_an_identity_is_plain_ascii(self, value: str) -> None:
        with pytest.raises(ValueError, match="ASCII"):
            TrialIdentity(protocol_id="P", site_id="S", subject_code=value, timepoint_id="V")


class TestPixels:
    @pytest.mark.requirement("REQ-DEI-008")
    @pytest.mark.parametrize("syntax", SYNTAXES)
    def test_pass_unchanged_in_every_transfer_syntax(self, syntax: str, make_ct: Make) -> None:
        original = as_file(make_ct(), syntax)
        assert reread(original).PixelData == original.PixelData

    @pytest.mark.requirement("REQ-DEI-008")
    @pytest.mark.parametrize(
        "name",
        [
            "MR_small_jpeg_ls_lossless.dcm",
            "MR_small_RLE.dcm",
            "MR_small_bigendian.dcm",
            "rtdose.dcm",
            "liver_1frame.dcm",
        ],
    )
    def test_compressed_and_multi_frame_pixels_pass_unchanged(self, name: str) -> None:
        original = dcmread(get_testdata_file(name))
        assert reread(original).PixelData == original.PixelData

    def test_comments_in_compressed_pixels_go_and_the_picture_stays(self) -> None:
        original = dcmread(get_testdata_file("MR_small_jp2klossless.dcm"))
        result = clean(original)
        found = dcmread(BytesIO(serialise(result)))
        assert b"OpenJPEG" in original.PixelData
        assert b"OpenJPEG" not in found.PixelData
        assert np.array_equal(found.pixel_array, original.pixel_array)
        assert (result.actions[-1], result.counters["comments"]) == (("(7FE0,0010)", "C"), 1)

    @pytest.mark.requirement("REQ-DEI-008")
    def test_genuine_slice_decodes_to_the_same_array(self) -> None:
        original = dcmread(get_testdata_file("CT_small.dcm"))
        assert np.array_equal(reread(original).pixel_array, original.pixel_array)

    def test_bytes_past_the_last_pixel_are_cut_off(self, make_ct: Make) -> None:
        original = make_ct(PixelData=bytes(range(48)) + b"PLANTED AFTER PIXELS")
        assert reread(as_file(original)).PixelData == bytes(range(48))

    def test_the_byte_that_makes_pixels_even_says_nothing(self, make_ct: Make) -> None:
        description = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "Rows": 3, "Columns": 5}
        original = make_ct(**description, PixelData=bytes(range(15)) + b"!")
        assert reread(as_file(original)).PixelData == bytes(range(15)) + b"\0"

    def test_bytes_past_the_last_pixel_that_is_no_whole_number_are_cut_off(self, make_ct: Make) -> None:
        original = make_ct(BitsAllocated=32, BitsStored=None, HighBit=None, PixelData=None)
        original.add_new(0x7FE00008, "OF", bytes(96) + b"PLANTED AFTER IT")
        result = clean(as_file(original))
        assert dcmread(BytesIO(serialise(result))).FloatPixelData == bytes(96)
        assert (result.actions[-1], result.counters["padding"]) == (("(7FE0,0008)", "C"), 1)

    @pytest.mark.parametrize("keyword", ["PixelData", "FloatPixelData", "DoubleFloatPixelData"])
    def test_a_picture_in_an_item_is_none_that_anybody_looks_at(self, keyword: str, make_ct: Make) -> None:
        item = Dataset()
        item.ReferencedSOPInstanceUID = "1.2.3.4"
        setattr(item, keyword, b"PLANTED ")
        item[keyword].VR = {"P": "OW", "F": "OF", "D": "OD"}[keyword[0]]
        found = reread(as_file(make_ct(ReferencedImageSequence=[item])))
        assert [element.keyword for element in found.ReferencedImageSequence[0]] == ["ReferencedSOPInstanceUID"]


class TestUnlisted:
    def test_free_text_is_removed_and_technical_text_stays(self, make_ct: Make) -> None:
        found = reread(
            make_ct(
                ViewName="Planted", Manufacturer="Maker", ConvolutionKernel="B30f", SoftwareVersions=["1", "2"],
                FieldOfViewDescription="Planted", ApplicationName="Planted",
            )
        )  # fmt: skip
        assert (found.Manufacturer, found.ConvolutionKernel, found.SoftwareVersions) == ("Maker", "B30f", ["1", "2"])
        assert not {"ViewName", "FieldOfViewDescription", "ApplicationName"} & {element.keyword for element in found}

    def test_technical_text_is_cleaned_of_the_subjects_name(self, make_ct: Make) -> None:
        found = reread(make_ct(ConvolutionKernel="x PLANTAGENET_E", ReceiveCoilName="HOSP-77123", FilterType="FLAT"))
        assert found.ConvolutionKernel == "x"
        assert found.ReceiveCoilName == "REMOVED"  # some objects are not valid without such an attribute
        assert found.FilterType == "FLAT"

    def test_unknown_and_retired_groups_leave(self, make_ct: Make) -> None:
        dataset = make_ct()
        dataset[0x00080001] = DataElement(0x00080001, "UL", 4)  # Length to End, retired
        dataset[0x00189FFE] = DataElement(0x00189FFE, "LO", "Planted")  # in no dictionary
        dataset[0x60020022] = DataElement(0x60020022, "LO", "Planted")  # overlay description
        dataset[0x50040010] = DataElement(0x50040010, "US", 1)  # curve
        found = clean(dataset).dataset
        assert not {0x00189FFE, 0x60020022, 0x50040010} & set(found.keys())

    def test_text_disguised_as_a_number_is_removed(self, make_ct: Make) -> None:
        dataset = make_ct()
        dataset[0x00200013] = DataElement(0x00200013, "LO", "Planted name")  # Instance Number
        dataset[0x00180050] = RawDataElement(Tag(0x00180050), "DS", 8, b"Planted ", 0, False, True)  # Slice Thickness
        dataset[0x00185100] = DataElement(0x00185100, "CS", "Planted text", validation_mode=0)  # Patient Position
        found = reread(as_file(dataset))
        assert not {"InstanceNumber", "SliceThickness", "PatientPosition"} & {element.keyword for element in found}

    def test_text_disguised_as_binary_numbers_is_removed(self, make_ct: Make) -> None:
        dataset = make_ct()
        dataset[0x00280106] = RawDataElement(Tag(0x00280106), "US", 14, b"Planted name  ", 0, False, True)
        assert 0x00280106 not in reread(dataset)  # Smallest Image Pixel Value has one value of two bytes

    def test_unknown_vr_of_a_known_attribute_is_read(self, make_ct: Make) -> None:
        dataset = make_ct()
        dataset[0x00180060] = DataElement(0x00180060, "UN", b"120 ")  # KVP
        dataset[0x00080080] = DataElement(0x00080080, "UN", b"Planted Hospital")  # Institution Name
        found = reread(as_file(dataset))
        assert found.KVP == 120
        assert "Planted" not in str(found)

    def test_codes_of_published_schemes_stay_and_local_ones_leave(self, make_ct: Make) -> None:
        def code(scheme: str) -> Dataset:
            return item(CodeValue="T-D3000", CodingSchemeDesignator=scheme, CodeMeaning="Chest")

        found = reread(make_ct(AnatomicRegionSequence=[code("SRT"), code("99HOSPITAL")]))
        published, local = found.AnatomicRegionSequence
        assert published.CodeMeaning == "Chest"
        assert list(local) == []

    def test_an_empty_attribute_is_given_no_dummy(self, make_ct: Make) -> None:
        assert reread(make_ct(ContrastBolusAgent="")).ContrastBolusAgent == ""
        assert reread(make_ct(ContrastBolusAgent="Iohexol")).ContrastBolusAgent == "REMOVED"


class TestOptions:
    def test_dates_at_every_level_move_together_and_times_stay(self, make_ct: Make) -> None:
        malformed = RawDataElement(Tag(0x00080021), "DA", 4, b"soon", 0, False, True)
        nested = item(RadiopharmaceuticalStartDateTime="20240229093000.5+0100", RadiopharmaceuticalStartTime="093000")
        dataset = as_file(
                make_ct(
                    AcquisitionDate="20240301", PatientBirthDate="19500102",
                    RadiopharmaceuticalInformationSequence=[nested], TimezoneOffsetFromUTC="+0100",
                )
            )  # fmt: skip
        dataset[0x00080021] = malformed  # Series Date
        found = reread(dataset)
        assert found.StudyDate == KEYS.shift_date("20240229")
        assert found.StudyTime == "101112.25"
        assert found.AcquisitionDate == KEYS.shift_date("20240301")
        assert "SeriesDate" not in found
        assert found.PatientBirthDate == ""
        assert found.TimezoneOffsetFromUTC == "+0100"
        (moved,) = found.RadiopharmaceuticalInformationSequence
        assert moved.RadiopharmaceuticalStartDateTime == KEYS.shift_datetime("20240229093000.5+0100")
        assert moved.RadiopharmaceuticalStartTime == "093000"

    @pytest.mark.parametrize(
        ("age", "kept"), [("047Y", "047Y"), ("089Y", "089Y"), ("090Y", "090Y"), ("101Y", "090Y"), ("011M", "011M")]
    )
    def test_patient_characteristics_with_ages_from_90_as_one(self, age: str, kept: str, make_ct: Make) -> None:
        found = reread(make_ct(PatientAge=age, PatientSex="F", PatientWeight="61.5", Allergies="Latex"),
                       recipe("retain_patient_characteristics"))  # fmt: skip
        assert (found.PatientAge, found.PatientSex, found.PatientWeight) == (kept, "F", 61.5)
        assert found.Allergies == "Latex"

    def test_device_identity(self, make_ct: Make) -> None:
        dataset = make_ct(DeviceSerialNumber="SN-5512", StationName="CT-EAST")
        found = reread(dataset, recipe("retain_device_identity"))
        assert (found.DeviceSerialNumber, found.StationName) == ("SN-5512", "CT-EAST")

    def test_own_rules_come_before_the_table(self, make_ct: Make) -> None:
        rules = [
            {"attribute": "SeriesDescription", "action": "K", "reason": "phase is named there"},
            {"attribute": "Manufacturer", "action": "X", "reason": "one of a kind at its site"},
        ]
        dataset = make_ct(SeriesDescription="PORTAL VENOUS", Manufacturer="Rare")
        found = reread(dataset, recipe(rules=rules))
        assert found.SeriesDescription == "PORTAL VENOUS"
        assert "Manufacturer" not in found
        dataset.SeriesDescription = "PORTAL VENOUS Plantagenet"
        assert reread(dataset, recipe(rules=rules)).SeriesDescription == "PORTAL VENOUS"
        dataset.SeriesDescription = "Plantagenet"
        assert "SeriesDescription" not in reread(dataset, recipe(rules=rules))


class TestReferences:
    def test_uids_agree_between_objects_at_every_depth(self, make_ct: Make) -> None:
        reference = item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID="1.2.3.9.1")
        series = item(SeriesInstanceUID="1.2.3.9.2", ReferencedInstanceSequence=[reference])
        other = clean(make_ct(SOPInstanceUID="1.2.3.9.77", ReferencedSeriesSequence=[series])).dataset
        first = clean(make_ct()).dataset
        (found,) = other.ReferencedSeriesSequence
        assert found.SeriesInstanceUID == first.SeriesInstanceUID
        assert found.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
        assert found.ReferencedInstanceSequence[0].ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"

    def test_several_uids_in_one_attribute(self, make_ct: Make) -> None:
        found = reread(as_file(make_ct(FailedSOPInstanceUIDList=["1.2.3", "1.2.4"])))
        assert found.FailedSOPInstanceUIDList == [KEYS.uid("1.2.3"), KEYS.uid("1.2.4")]


class TestRepeatability:
    @pytest.mark.requirement("REQ-DEI-008")
    @pytest.mark.parametrize("syntax", SYNTAXES)
    def test_same_bytes_each_time_and_the_input_is_left_alone(self, syntax: str, make_ct: Make) -> None:
        dataset = as_file(make_ct(AnatomicRegionSequence=[item(CodeMeaning="Chest")]), syntax)
        before = copy.deepcopy(dataset)
        assert serialise(clean(dataset)) == serialise(clean(dataset))
        assert dataset == before
        assert dataset.file_meta == before.file_meta

    @pytest.mark.parametrize("syntax", SYNTAXES)
    @pytest.mark.parametrize("chosen", [BASIC, SHIFTED])
    def test_our_own_output_comes_back_unchanged(self, syntax: str, chosen: Recipe, make_ct: Make) -> None:
        content = serialise(clean(as_file(make_ct(), syntax), chosen))
        again = clean(dcmread(BytesIO(content)), chosen)
        assert serialise(again) == content
        assert (again.actions, again.counters) == ((), {"unchanged": 1})

    @pytest.mark.parametrize(
        "alter",
        [
            lambda dataset: setattr(dataset, "PatientComments", "Planted"),
            lambda dataset: setattr(dataset, "PixelData", bytes(48)),
            lambda dataset: setattr(dataset, "StudyDate", "20240229"),
            lambda dataset: setattr(dataset, "DeidentificationMethod", "Parallax trial-basic 1"),
        ],
        ids=["text added", "pixels changed", "date changed", "seal taken off"],
    )
    def test_our_own_output_when_altered_is_held(self, alter: Callable[[Dataset], None], make_ct: Make) -> None:
        dataset = reread(make_ct())
        alter(dataset)
        assert reason_of(dataset, SHIFTED) == "already_deidentified"

    def test_our_own_output_of_another_subject_recipe_or_trial_is_held(self, make_ct: Make) -> None:
        dataset = reread(make_ct())
        assert reason_of(dataset, BASIC) == "already_deidentified"
        other = TrialIdentity(protocol_id="LUNG-1", site_id="S01", subject_code="S01-005", timepoint_id="WEEK8")
        with pytest.raises(CannotDeidentify):
            deidentify(dataset, recipe=SHIFTED, keys=SubjectKeys(SECRET, "S01-005"), identity=other)
        with pytest.raises(CannotDeidentify):
            deidentify(dataset, recipe=SHIFTED, keys=SubjectKeys(SECRET[::-1], "S01-004"), identity=IDENTITY)

    def test_keys_and_identity_of_different_subjects_are_a_mistake(self, make_ct: Make) -> None:
        with pytest.raises(ValueError, match="one subject"):
            deidentify(make_ct(), recipe=BASIC, keys=SubjectKeys(SECRET, "S01-005"), identity=IDENTITY)

    def test_actions_name_the_path_and_never_the_value(self, make_ct: Make) -> None:
        result = clean(make_ct(SourceImageSequence=[item(ReferencedSOPInstanceUID="1.2.3", PatientName="Planted")]))
        assert Action("(0008,2112)[0].(0008,1155)", "U") in result.actions
        assert Action("(0008,2112)[0].(0010,0010)", "Z") in result.actions
        assert "lanta" not in str(result.actions)
        assert result.counters["uids"] == 4


def reason_of(dataset: Dataset, chosen: Recipe = BASIC) -> str:
    with pytest.raises(CannotDeidentify) as held:
        clean(dataset, chosen)
    assert held.value.details == {"reason": held.value.reason}
    return held.value.reason


def nested(depth: int) -> Dataset:
    dataset = item(InstanceNumber=1)
    for _ in range(depth):
        dataset = item(ReferencedSeriesSequence=[dataset])
    return dataset


class TestHeld:
    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ({"BurnedInAnnotation": "YES"}, "burned_in_annotation"),
            ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}, "document"),
            ({"EncapsulatedDocument": b"%PDF"}, "document"),
            ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33"}, "structured_content"),
            ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.59"}, "structured_content"),
            ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.1"}, "presentation"),
            ({"ContentSequence": []}, "structured_content"),
            ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "secondary_capture"),
            ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.4"}, "secondary_capture"),
            ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "secondary_capture"),
            ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1"}, "unknown_class"),  # ultrasound: text is usual
            ({"SOPClassUID": "1.2.276.0.7230010.3"}, "unknown_class"),
            ({"SOPInstanceUID": ""}, "identifiers_missing"),
            ({"StudyInstanceUID": None}, "identifiers_missing"),
            ({"Rows": None}, "pixel_description"),
            ({"BitsAllocated": 0}, "pixel_description"),
            ({"ReferencedSeriesSequence": [nested(30)]}, "too_complex"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_made_safe_is_held_by_name(self, values: dict[str, Any], reason: str, make_ct: Make) -> None:
        assert reason_of(make_ct(**values)) == reason
        assert reason in REASONS

    def test_nesting_within_the_budget_is_walked(self, make_ct: Make) -> None:
        found = clean(make_ct(ReferencedSeriesSequence=[nested(20)])).dataset
        for _ in range(21):
            found = found.ReferencedSeriesSequence[0]
        assert found.InstanceNumber == 1

    def test_too_many_elements(self, make_ct: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("imaging.deid.walk.MAX_ELEMENTS", 10)
        assert reason_of(make_ct()) == "too_complex"

    def test_no_transfer_syntax(self, make_ct: Make) -> None:
        dataset = make_ct()
        del dataset.file_meta.TransferSyntaxUID
        assert reason_of(dataset) == "transfer_syntax"


def test_a_summary_counts_the_items_of_a_sequence_together() -> None:
    actions = [Action("(0010,0030)", "X"), *(Action(f"(0040,0275)[{n}].(0040,0007)", "X") for n in range(3))]

    assert summary(actions) == [["(0010,0030)", "X", 1], ["(0040,0275)[].(0040,0007)", "X", 3]]


def test_the_name_that_a_person_goes_by_is_a_name(make_ct: Make) -> None:
    dataset = make_ct(SeriesDescription="Kitty late phase")
    item = Dataset()
    item.add_new(0x00100012, "LT", "Kitty Windsor")  # Name to Use, which pydicom does not know
    dataset.add_new(0x00100011, "SQ", [item])
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        result = clean(as_file(dataset, syntax), TRIAL)
        assert {"Kitty", "Windsor"} <= (result.names or set())
        assert result.dataset.SeriesDescription == "late phase"
