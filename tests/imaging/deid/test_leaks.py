"""The independent search: it finds what was planted anywhere, and the engine's output is clean."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from imaging.deid.engine import serialise
from imaging.deid.leaks import Words, find_leaks, known_identifiers
from imaging.deid.recipe import Recipe
from tests.imaging.deid.conftest import BASIC, IDENTITY, KEYS, SHIFTED, as_file, clean

pytestmark = pytest.mark.requirement("REQ-DEI-003")

Make = Callable[..., Dataset]

NAMES = {
    "latin": ("ISO_IR 100", "Müller^Jörg", {"Müller", "Jörg"}),
    "cyrillic": ("ISO_IR 144", "Люкceмбypг^Роза", {"Люкceмбypг", "Роза"}),
    "japanese": (
        ["", "ISO 2022 IR 87"],
        "Yamada^Taro=山田^太郎=やまだ^たろう",
        {"Yamada", "Taro", "山田", "太郎", "やまだ", "たろう"},
    ),
    "unicode": ("ISO_IR 192", "Wang^XiaoDong=王^小東", {"Wang", "XiaoDong", "王", "小東"}),
}  # fmt: skip
PLANTS = {
    "plant-hosp-4711", "PLANTACC99", "+49 6221 56999", "Plantstreet 12, Heidelberg", "Plant University Hospital",
    "Plantreferrer", "Plantoperator", "19500117", "20240229", "1.2.826.0.99.1", "1.2.826.0.99.2", "PLANTSTATION",
    "PLANTMETAAE", "plant-other-id",
}  # fmt: skip


def planted(name: str, charset: object, text: str) -> Dataset:
    """A genuine file with identifiers in the header, nested, private, of unknown VR, in overlays and padding."""
    dataset = dcmread(get_testdata_file(name))
    dataset.SpecificCharacterSet = charset
    dataset.PatientName, dataset.PatientID = text, "plant-hosp-4711"
    dataset.PatientBirthDate, dataset.StudyDate, dataset.AccessionNumber = "19500117", "20240229", "PLANTACC99"
    dataset.PatientTelephoneNumbers, dataset.PatientAddress = "+49 6221 56999", "Plantstreet 12, Heidelberg"
    dataset.InstitutionName, dataset.StationName = "Plant University Hospital", "PLANTSTATION"
    dataset.ReferringPhysicianName, dataset.OperatorsName = "Plantreferrer^A", "Plantoperator^B"
    dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = "1.2.826.0.99.1", "1.2.826.0.99.2"
    dataset.StudyDescription = f"CT of {text.split('^')[0]}"
    dataset.ImageComments = "call +49 6221 56999"
    nested, deeper = Dataset(), Dataset()
    deeper.PatientName, deeper.OtherPatientNames, deeper.ContentDate = text, text, "20240229"
    deeper.RequestingPhysician, deeper.PatientID = "Plantreferrer", "plant-other-id"
    nested.ReferencedSeriesSequence = [deeper]
    dataset.ReferencedStudySequence = [nested]
    dataset.ReferencedSeriesSequence = [nested]
    private = dataset.private_block(0x0099, "PLANT MAKER", create=True)
    private.add_new(1, "PN", text)
    private.add_new(2, "SQ", [deeper])
    private.add_new(3, "UN", b"plant-hosp-4711")
    dataset[0x00080081] = DataElement(0x00080081, "UN", b"Plantstreet 12, Heidelberg")
    dataset[0x60003000] = DataElement(0x60003000, "OW", b"plant-hosp-4711 ")
    dataset[0x60000022] = DataElement(0x60000022, "LO", "Plantoperator")
    dataset[0xFFFCFFFC] = DataElement(0xFFFCFFFC, "OB", b"plant-hosp-4711 ")
    dataset.PixelData += b"plant-hosp-4711 "
    dataset.preamble = b"plant-hosp-4711".ljust(128, b"\0")
    dataset.file_meta.SourceApplicationEntityTitle = "PLANTMETAAE"
    return dataset


@pytest.mark.parametrize("chosen", [BASIC, SHIFTED], ids=["dates removed", "dates shifted"])
@pytest.mark.parametrize("script", NAMES)
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm"])
def test_nothing_planted_survives(name: str, script: str, chosen: Recipe) -> None:
    charset, text, parts = NAMES[script]
    original = as_file(planted(name, charset, text))
    known = known_identifiers(original, recipe=chosen, keys=KEYS, own=IDENTITY.values())
    assert known >= parts | PLANTS

    before = BytesIO()
    original.save_as(before)
    assert len(find_leaks(before.getvalue(), known)) > 30

    content = serialise(clean(original, chosen))
    assert find_leaks(content, known, own=IDENTITY.values()) == []
    for plant in PLANTS | parts:
        for codec in ("utf-8", "latin-1", "iso8859_5", "iso2022_jp", "utf-16-le"):
            encoded = plant.encode(codec, "ignore")
            assert len(encoded) < 4 or encoded not in content


def leaks(dataset: Dataset, *identifiers: str) -> list[str]:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return find_leaks(buffer.getvalue(), identifiers)


def test_a_leak_is_named_by_its_path(make_ct: Make) -> None:
    inner = Dataset()
    inner.SeriesDescription = "seen by Dr. PLANTED-NAME"
    found = leaks(make_ct(ReferencedSeriesSequence=[inner]), "Planted")
    assert found[0] == "(0008,1115)[0].(0008,103E)"
    assert all(path.startswith(("(", "byte ")) for path in found)
    assert "lanted" not in str(found)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("Иванова", "utf-8"),
        ("ИВАНОВА", "utf-8"),
        ("Иванова", "iso8859_5"),
        ("Иванова", "utf-16-le"),
        ("Planted", "utf-16-be"),
        ("PLANTED", "ascii"),
    ],
)
def test_bytes_are_searched_in_every_encoding_pixels_too(content: str, encoding: str, make_ct: Make) -> None:
    hidden = content.encode(encoding)
    assert leaks(make_ct(PixelData=b"\0\1" + hidden.ljust(46, b"\0")), content.title())
    assert leaks(make_ct(ICCProfile=b"\0\1" + hidden.ljust(46, b"\0")), content.title())


@pytest.mark.parametrize("text", ["20240229", "20240229101112", "2024-02-29", "on 29 or 2024/02/29."])
def test_dates_are_found_however_they_are_written(text: str, make_ct: Make) -> None:
    assert leaks(make_ct(StudyDate="", ImageComments=text), "20240229")


def test_a_date_within_a_longer_number_is_no_date(make_ct: Make) -> None:
    assert leaks(make_ct(StudyDate="", SOPInstanceUID="2.25.9920240229881"), "20240229") == []


def test_whole_words_only() -> None:
    assert Words(["Li"]).in_any(["Li, A", "x^LI"])
    assert not Words(["Li"]).in_any(["Liver", "Oli"])
    assert Words(["Baker"]).in_any(["Baker_1"])
    assert Words(["山田"]).in_any(["山田太郎"])
    assert not Words([]).in_any(["anything"])


def test_short_values_are_not_found_by_chance_in_pixels(make_ct: Make) -> None:
    assert leaks(make_ct(PixelData=b" Li 12345 ".ljust(48)), "Li", "12345") == []


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_text_is_found_in_every_transfer_syntax(syntax: str, make_ct: Make) -> None:
    dataset = make_ct(ImageComments="Planted")
    dataset.file_meta.TransferSyntaxUID = syntax
    assert "(0020,4000)" in leaks(dataset, "Planted")


class TestKnownIdentifiers:
    def test_placeholders_and_single_letters_are_no_identifiers(self, make_ct: Make) -> None:
        dataset = make_ct(PatientName="Anonymous^A", PatientID="1", OperatorsName="----", AccessionNumber="0000")
        assert known_identifiers(dataset) == {"20240229", "1.2.3.9", "1.2.3.9.1", "1.2.3.9.2"}

    def test_a_site_named_like_the_maker_does_not_hide_the_maker(self, make_ct: Make) -> None:
        dataset = make_ct(InstitutionName="TOSHIBA", Manufacturer="TOSHIBA_MEC", StationName="Ward 7")
        known = known_identifiers(dataset)
        assert "TOSHIBA" not in known
        assert "Ward 7" in known

    def test_what_the_recipe_keeps_is_left_out(self, make_ct: Make) -> None:
        keeps = Recipe.parse({"identifier": "a", "version": "1", "options": ["retain_device_identity"]})
        dataset = make_ct(DeviceSerialNumber="SN-5512")
        assert "SN-5512" in known_identifiers(dataset)
        assert "SN-5512" not in known_identifiers(dataset, recipe=keeps)

    def test_own_values_are_left_out(self, make_ct: Make) -> None:
        dataset = make_ct(PatientID=IDENTITY.subject_code)
        assert IDENTITY.subject_code not in known_identifiers(dataset, own=IDENTITY.values())
        assert (
            find_leaks(
                serialise(clean(dataset)), known_identifiers(dataset, own=IDENTITY.values()), own=IDENTITY.values()
            )
            == []
        )

    def test_a_date_that_another_date_is_shifted_to_proves_nothing(self, make_ct: Make) -> None:
        landing = KEYS.shift_date("20240229")
        dataset = make_ct(AcquisitionDate=landing)
        assert landing in known_identifiers(dataset)
        known = known_identifiers(dataset, keys=KEYS)
        assert landing not in known
        assert find_leaks(serialise(clean(dataset, SHIFTED)), known, own=IDENTITY.values()) == []
