"""Structured reports, selections, presentations, structure sets and segmentations: cleaned, with what they say kept."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from imaging.deid.admission import CannotDeidentify
from imaging.deid.engine import serialise
from imaging.deid.leaks import find_leaks, known_identifiers
from imaging.deid.recipe import Recipe
from tests.imaging.deid.conftest import IDENTITY, KEYS, SHIFTED, TRIAL, as_file, clean

pytestmark = pytest.mark.requirement("REQ-DEI-002")

Make = Callable[..., Dataset]

STORAGE = "1.2.840.10008.5.1.4.1.1."


def reread(dataset: Dataset, recipe: Recipe = TRIAL) -> Dataset:
    original = as_file(dataset)
    output = serialise(clean(original, recipe))
    known = known_identifiers(original, recipe=recipe, keys=KEYS, own=IDENTITY.values())
    assert find_leaks(output, known, own=IDENTITY.values()) == []
    return dcmread(BytesIO(output))


def item(**values: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def code(value: str, scheme: str, meaning: str) -> Dataset:
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def content(kind: str, **values: Any) -> Dataset:
    return item(
        RelationshipType="CONTAINS",
        ValueType=kind,
        ConceptNameCodeSequence=[code("121071", "DCM", "Finding")],
        **values,
    )


@pytest.fixture
def make_report(make_ct: Make) -> Make:
    def make(items: list[Dataset], sop_class: str = "88.33", **values: Any) -> Dataset:
        return make_ct(
            SOPClassUID=STORAGE + sop_class,
            Modality="SR",
            PixelData=None,
            ValueType="CONTAINER",
            ContinuityOfContent="SEPARATE",
            CompletionFlag="COMPLETE",
            VerificationFlag="VERIFIED",
            ConceptNameCodeSequence=[code("126000", "DCM", "Imaging Measurement Report")],
            ContentSequence=items,
            VerifyingObserverSequence=[
                item(
                    VerifyingObserverName="Smithson^Q",
                    VerifyingOrganization="Planted Hospital",
                    VerificationDateTime="20240229120000",
                )
            ],
            **values,
        )

    return make


class TestReports:
    def test_each_kind_of_content_has_its_way(self, make_report: Make) -> None:
        image = item(ReferencedSOPClassUID=STORAGE + "2", ReferencedSOPInstanceUID="1.2.3.9.1")
        value = item(NumericValue="12.5", MeasurementUnitsCodeSequence=[code("mm", "UCUM", "millimeter")])
        region = content("SCOORD", GraphicType="POINT", GraphicData=[1.5, 2.5])
        region.ContentSequence = [content("IMAGE", ReferencedSOPSequence=[image])]
        found = reread(
            make_report(
                [
                    content("TEXT", TextValue="Liver of Eleanor Plantagenet on 2024-02-29, seen by Dr. Smith"),
                    content("TEXT", TextValue="Plantagenet"),
                    content("PNAME", PersonName="Smithson^Q"),
                    content("UIDREF", UID="1.2.3.9.1"),
                    content("DATE", Date="20240229"),
                    content("TIME", Time="101112"),
                    content("DATETIME", DateTime="20240229101112"),
                    content("CODE", ConceptCodeSequence=[code("T-62000", "SRT", "Liver")]),
                    content("CODE", ConceptCodeSequence=[code("L1", "99PLANT", "Lesion of Plantagenet")]),
                    content("NUM", MeasuredValueSequence=[value]),
                    content("IMAGE", ReferencedSOPSequence=[image]),
                    content("COMPOSITE", ReferencedSOPSequence=[image]),
                    content(
                        "WAVEFORM",
                        ReferencedSOPSequence=[
                            item(
                                ReferencedSOPClassUID=STORAGE + "9.1.1",
                                ReferencedSOPInstanceUID="1.2.3.9.8",
                                ReferencedWaveformChannels=[1, 1],
                            )
                        ],
                    ),
                    region,
                    content(
                        "CONTAINER", ContinuityOfContent="SEPARATE", ContentSequence=[content("TEXT", TextValue="Knee")]
                    ),
                ]
            )
        )
        (
            text, name_only, person, uid, date, time, date_time, published, local, number, shown, composite, waveform,
            point, container,
        ) = found.ContentSequence  # fmt: skip
        shifted = KEYS.shift_date("20240229")
        assert text.TextValue == f"Liver of on {shifted[:4]}-{shifted[4:6]}-{shifted[6:]}"
        assert name_only.TextValue == "REMOVED"
        assert person.PersonName == "REMOVED"
        assert uid.UID == KEYS.uid("1.2.3.9.1") == shown.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        assert (date.Date, time.Time) == (shifted, "101112")
        assert date_time.DateTime == shifted + "101112"
        assert published.ConceptCodeSequence[0].CodeMeaning == "Liver"
        assert local.ConceptCodeSequence[0].CodeMeaning == "Lesion of"
        assert (local.ConceptCodeSequence[0].CodeValue, local.ConceptCodeSequence[0].CodingSchemeDesignator) == (
            "L1",
            "99PLANT",
        )
        assert number.MeasuredValueSequence[0].NumericValue == 12.5
        assert composite.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == KEYS.uid("1.2.3.9.1")
        assert waveform.ReferencedSOPSequence[0].ReferencedWaveformChannels == [1, 1]
        assert point.GraphicData == [1.5, 2.5]
        assert point.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == KEYS.uid("1.2.3.9.1")
        assert container.ContentSequence[0].TextValue == "Knee"
        assert all(one.ConceptNameCodeSequence[0].CodeMeaning == "Finding" for one in found.ContentSequence)
        assert found.VerifyingObserverSequence[0].VerifyingObserverName == "REMOVED"

    def test_a_genuine_report_keeps_its_tree(self) -> None:
        original = dcmread(get_testdata_file("test-SR.dcm"))
        found = dcmread(BytesIO(serialise(clean(original, TRIAL))))

        def tree(dataset: Dataset) -> list[Any]:
            return [(one.get("ValueType"), tree(one)) for one in dataset.get("ContentSequence", ())]

        assert tree(found) == tree(original) != []

    def test_a_selection_points_at_the_same_images(self, make_report: Make) -> None:
        image = item(ReferencedSOPClassUID=STORAGE + "2", ReferencedSOPInstanceUID="1.2.3.9.1")
        note = content("TEXT", TextValue="for Dr. Smith, best slice")
        found = reread(make_report([content("IMAGE", ReferencedSOPSequence=[image]), note], "88.59"))
        assert found.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == KEYS.uid("1.2.3.9.1")
        assert found.ContentSequence[1].TextValue == "for, best slice"

    @pytest.mark.parametrize("sop_class", ["88.33", "88.59"])
    def test_without_the_option_they_are_held(self, sop_class: str, make_report: Make) -> None:
        with pytest.raises(CannotDeidentify) as held:
            clean(make_report([], sop_class), SHIFTED)
        assert held.value.reason == "structured_content"

    @pytest.mark.parametrize("sop_class", ["104.1", "104.2"])
    def test_documents_are_always_held(self, sop_class: str, make_report: Make) -> None:
        with pytest.raises(CannotDeidentify) as held:
            clean(make_report([], sop_class), TRIAL)
        assert held.value.reason == "document"


class TestOthers:
    def test_a_presentation_keeps_its_graphics_and_its_text_is_cleaned(self, make_ct: Make) -> None:
        label = item(UnformattedTextValue="Lesion 1 of Plantagenet", AnchorPoint=[1.0, 2.0])
        line = item(GraphicType="POLYLINE", GraphicData=[1.0, 2.0, 3.0, 4.0], NumberOfGraphicPoints=2)
        compound = item(CompoundGraphicType="ARROW", GraphicData=[5.0, 6.0], CompoundGraphicUnits="PIXEL")
        dataset = make_ct(
            SOPClassUID=STORAGE + "11.1",
            Modality="PR",
            PixelData=None,
            ContentLabel="PLANTED",
            ContentDescription="Marks for Eleanor",
            ContentCreatorName="Smithson^Q",
            GraphicAnnotationSequence=[
                item(
                    GraphicLayer="LAYER1",
                    TextObjectSequence=[label],
                    GraphicObjectSequence=[line],
                    CompoundGraphicSequence=[compound],
                )
            ],
        )
        dataset.add_new(0x60003000, "OW", b"Plantagenet ")
        found = reread(dataset)
        (annotation,) = found.GraphicAnnotationSequence
        assert annotation.TextObjectSequence[0].UnformattedTextValue == "Lesion 1 of"
        assert annotation.TextObjectSequence[0].AnchorPoint == [1.0, 2.0]
        assert annotation.GraphicObjectSequence[0].GraphicData == [1.0, 2.0, 3.0, 4.0]
        assert annotation.CompoundGraphicSequence[0].GraphicData == [5.0, 6.0]
        assert found.ContentDescription == "Marks for"
        assert 0x60003000 not in found

    def test_structures_and_segments_keep_their_names(self, make_ct: Make) -> None:
        structures = make_ct(
            SOPClassUID=STORAGE + "481.3",
            Modality="RTSTRUCT",
            PixelData=None,
            StructureSetLabel="Plantagenet set",
            StructureSetROISequence=[
                item(ROINumber=1, ROIName="GTV Plantagenet"),
                item(ROINumber=2, ROIName="Liver-GTV"),
                item(ROINumber=3, ROIName="Eleanor"),
            ],
            ROIContourSequence=[item(ReferencedROINumber=1, ContourSequence=[item(ContourData=[1.0, 2.0, 3.0])])],
        )
        found = reread(structures)
        assert found.StructureSetLabel == "set"
        assert [one.ROIName for one in found.StructureSetROISequence] == ["GTV", "Liver-GTV", ""]
        assert found.ROIContourSequence[0].ContourSequence[0].ContourData == [1.0, 2.0, 3.0]

        found = reread(
            make_ct(
                SOPClassUID=STORAGE + "66.4",
                SegmentSequence=[
                    item(SegmentNumber=1, SegmentLabel="Lesion Plantagenet"),
                    item(SegmentNumber=2, SegmentLabel="Eleanor"),
                ],
            )
        )
        assert [one.SegmentLabel for one in found.SegmentSequence] == ["Lesion", "REMOVED"]

    def test_a_presentation_is_held_without_its_option(self, make_ct: Make) -> None:
        with pytest.raises(CannotDeidentify) as held:
            clean(make_ct(SOPClassUID=STORAGE + "11.1"), SHIFTED)
        assert held.value.reason == "presentation"

    def test_a_waveform_keeps_its_signal(self) -> None:
        original = dcmread(get_testdata_file("waveform_ecg.dcm"))
        found = dcmread(BytesIO(serialise(clean(original, TRIAL))))
        assert [one.WaveformData for one in found.WaveformSequence] == [
            one.WaveformData for one in original.WaveformSequence
        ]
