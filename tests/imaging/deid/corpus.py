"""Files of every shape that de-identification meets, made the same way each time, with an invented person in them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom.data import get_testdata_file
from pydicom.datadict import tag_for_keyword

from imaging.phantom.canvas import Grid
from imaging.phantom.identity import planted_identity
from imaging.phantom.series import ct_series
from imaging.phantom.subjects import PhantomSubject
from tests.imaging.deid.conftest import KEYS
from tests.imaging.deid.encoder import BIG, DEFLATED, EXPLICIT, IMPLICIT, JPEG_LS, Encoder, vr_of

#: Genuine files in pydicom's wheel: good, odd and damaged ones.
GENUINE = (
    *("CT_small.dcm", "MR_small.dcm", "MR_small_bigendian.dcm", "MR_small_expb.dcm", "MR_small_implicit.dcm"),
    *("MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_padded.dcm"),
    *("MR_truncated.dcm", "JPEG2000.dcm", "JPEG2000-embedded-sequence-delimiter.dcm", "JPGExtended.dcm"),
    *("693_J2KI.dcm", "ExplVR_BigEnd.dcm", "ExplVR_LitEndNoMeta.dcm", "UN_sequence.dcm", "badVR.dcm"),
    *("empty_charset_LEI.dcm", "examples_overlay.dcm", "examples_palette.dcm", "examples_ybr_color.dcm"),
    *("image_dfl.dcm", "liver_1frame.dcm", "liver_expb_1frame.dcm", "meta_missing_tsyntax.dcm"),
    *("nested_priv_SQ.dcm", "no_meta.dcm", "priv_SQ.dcm", "rtdose.dcm", "rtdose_expb_1frame.dcm", "rtdose_rle.dcm"),
    *("rtplan.dcm", "rtplan_truncated.dcm", "rtstruct.dcm", "test-SR.dcm", "SC_rgb_rle.dcm", "waveform_ecg.dcm"),
)
#: Character sets with a name in each (PS3.3 §C.12.1.1.2, PS3.5 annexes H to K), one not known, one declared wrongly.
NAMES = {
    "latin": ("ISO_IR 100", "latin-1", "Müller^Jörg"),
    "cyrillic": ("ISO_IR 144", "iso8859_5", "Люкceмбypг^Роза"),
    "greek": ("ISO_IR 126", "iso8859_7", "Διονυσιος^Σολωμός"),
    "arabic": ("ISO_IR 127", "iso8859_6", "قباني^لنزار"),
    "hebrew": ("ISO_IR 138", "iso8859_8", "שרון^דבורה"),
    "turkish": ("ISO_IR 148", "iso8859_9", "Çavuşoğlu^İpek"),
    "thai": ("ISO_IR 166", "iso8859_11", "นามสกุล^ชื่อ"),
    "katakana": ("ISO_IR 13", "shift_jis", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    "japanese": ("\\ISO 2022 IR 87", "iso2022_jp", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "korean": ("\\ISO 2022 IR 149", "euc_kr", "Hong^Gildong=洪^吉洞=홍^길동"),
    "chinese": ("GB18030", "gb18030", "Wang^XiaoDong=王^小东"),
    "chinese older": ("GBK", "gbk", "Wang^XiaoDong=王^小东"),
    "unicode": ("ISO_IR 192", "utf-8", "Wang^XiaoDong=王^小東"),
    "default": ("", "ascii", "Plantagenet^Eleanor"),
    "unknown": ("ISO_IR 999", "latin-1", "Müller^Jörg"),
    "declared wrongly": ("ISO_IR 192", "latin-1", "Müller^Jörg"),
}


def ct(**values: Any) -> dict[str | int, Any]:
    """A CT slice of 4 × 6 pixels with a person in it, for `Encoder.level`; None removes an attribute."""
    elements: dict[str | int, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "Modality": "CT",
        "SOPInstanceUID": "1.2.3.9.1",
        "StudyInstanceUID": "1.2.3.9",
        "SeriesInstanceUID": "1.2.3.9.2",
        "FrameOfReferenceUID": "1.2.3.9.3",
        "ImageType": "ORIGINAL\\PRIMARY\\AXIAL",
        "StudyDate": "20240229",
        "StudyTime": "101112.25",
        "AcquisitionDateTime": "20240229101112.250000+0100",
        "AccessionNumber": "ACC123456789",
        "PatientName": "Plantagenet^Eleanor",
        "PatientID": "HOSP-77123",
        "PatientBirthDate": "19310405",
        "PatientAge": "092Y",
        "PatientSex": "F",
        "PatientWeight": "61.5",
        "InstitutionName": "Planted Hospital",
        "StationName": "CT-EAST",
        "DeviceSerialNumber": "SN-551234",
        "Manufacturer": "Maker",
        "KVP": "120",
        "SeriesDescription": "PORTAL VENOUS",
        "ProtocolName": "Thorax Plantagenet",
        "ConvolutionKernel": "B30f",
        "SliceThickness": "2.5 ",
        "InstanceNumber": "7 ",
        "SeriesNumber": "2",
        "BodyPartExamined": "CHEST",
        "ImagePositionPatient": "-100\\-90.5\\42.125",
        "ImageOrientationPatient": "1\\0\\0\\0\\1\\0",
        "PixelSpacing": "0.7\\0.7",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 4,
        "Columns": 6,
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "PixelData": bytes(range(48)),
        "RequestAttributesSequence": [{"RequestedProcedureID": "ACC123456789", "PatientName": "Plantagenet^E"}],
        "ReferencedImageSequence": [
            {"ReferencedSOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "ReferencedSOPInstanceUID": "1.2.3.9.4"}
        ]
        * 2,
        0x00290010: ("LO", "PLANT MAKER"),
        0x00291001: ("PN", "Plantagenet^Eleanor"),
        0x00291002: ("UN", b"HOSP-77123"),
    }
    elements.update(values)
    return {name: value for name, value in elements.items() if value is not None}


def files() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file."""
    for name in GENUINE:
        yield name, Path(str(get_testdata_file(name))).read_bytes()
    yield from _phantoms()
    for syntax in (EXPLICIT, IMPLICIT, BIG, DEFLATED, JPEG_LS):
        for undefined in (False, True):
            yield f"ct {syntax} {undefined}", Encoder(syntax, undefined=undefined).file(ct())
    yield from _scripts()
    for name, elements in _shapes():
        yield name, Encoder(EXPLICIT).file(elements)
        yield f"{name}, implicit", Encoder(IMPLICIT, undefined=True).file(elements)
    for seed in range(120):
        yield f"random {seed}", _random(seed)


def _phantoms() -> Iterator[tuple[str, bytes]]:
    grid = Grid(rows=64, slices=2)
    for seed in (1, 2):
        subject = PhantomSubject.with_scenario(seed, "stable")
        for slice_ in ct_series(subject, 0, study_date=date(2024, 2, 29), identity=planted_identity(seed), grid=grid):
            slice_.PixelData = bytes(2 * grid.rows**2)  # computed pixels may differ in a bit from machine to machine
            buffer = BytesIO()
            slice_.save_as(buffer, enforce_file_format=True)
            yield f"phantom {seed} {slice_.InstanceNumber}", buffer.getvalue()


def _scripts() -> Iterator[tuple[str, bytes]]:
    for script, (charset, codec, name) in NAMES.items():
        text = name.encode(codec, "replace")
        elements = ct(
            SpecificCharacterSet=charset,
            PatientName=text,
            InstitutionName=b"Clinic " + text.split(b"^")[0],
            ImageComments=text,
            ConvolutionKernel=b"for " + text.split(b"^")[0],
            RequestAttributesSequence=[
                {
                    "SpecificCharacterSet": "ISO_IR 100",
                    "RequestedProcedureID": "M\xfc 12".encode("latin-1"),
                    "PatientName": "Größe^Ä".encode("latin-1"),
                }
            ],
        )
        for syntax in (EXPLICIT, IMPLICIT):
            yield f"{script} {syntax}", Encoder(syntax).file(elements)
        hidden = elements | {"PixelData": text.ljust(48, b"\0")[:48], "ICCProfile": b"\0\1" + text}
        yield f"{script} in pixels", Encoder(BIG).file(hidden)


def _shapes() -> Iterator[tuple[str, dict[str | int, Any]]]:
    deep: dict[str, Any] = {"InstanceNumber": "1 ", "PatientName": "Plantagenet^E"}
    for _ in range(20):
        deep = {"ReferencedSeriesSequence": [deep]}
    code = {"CodeValue": "T-D3000", "CodingSchemeDesignator": "SRT", "CodeMeaning": "Chest"}
    place = {
        "PlanePositionSequence": [{"ImagePositionPatient": "1\\2\\3"}],
        "FrameContentSequence": [
            {"FrameAcquisitionDateTime": "20240229101500", "FrameComments": "Plantagenet", "InStackPositionNumber": 1}
        ],
    }
    noise = random.Random(5)
    kept = {"ReceiveCoilName": "HOSP-77123", "FilterType": "Li 3", "SoftwareVersions": "1\\Plantagenet\\2"}
    yield "nested to 20", ct(ReferencedSeriesSequence=[deep])
    yield "nested to 30", ct(ReferencedSeriesSequence=[{"ReferencedSeriesSequence": [deep] * 2}] * 3)
    yield "codes", ct(AnatomicRegionSequence=[code, {**code, "CodingSchemeDesignator": "99HOSP"}, {}])
    yield (
        "frames",
        ct(PerFrameFunctionalGroupsSequence=[place] * 3, NumberOfFrames="3 ", PixelData=noise.randbytes(144)),
    )
    yield "padding", ct(PixelData=bytes(48) + b"HOSP-77123 after the pixels ")
    yield (
        "private sequences",
        ct(x=None)
        | {
            0x00291010: ("SQ", [{"PatientName": "Plantagenet^E", "StudyInstanceUID": "1.2.3.9"}]),
            0x00291011: ("UN", [{"PatientName": "Plantagenet^E", "ContentDate": "20240229"}] * 2),
        },
    )
    yield (
        "unknown VRs",
        ct(
            KVP=("UN", b"120 "),
            InstitutionName=("UN", b"Planted Hospital"),
            Rows=("UN", b"\4\0"),
            ReferencedImageSequence=("UN", [{"ReferencedSOPInstanceUID": "1.2.3.9.4"}]),
        ),
    )
    yield (
        "other VRs",
        ct(
            InstanceNumber=("LO", "Plantagenet"),
            KVP=("IS", "120"),
            SliceThickness=("CS", "THICK"),
            ImageType=("LO", "ORIGINAL\\PRIMARY"),
            Modality=("SH", "CT"),
        ),
    )
    yield (
        "malformed numbers",
        ct(InstanceNumber="seven", KVP="1,20", ImagePositionPatient="1\\2\\?", PixelSpacing="0.7\\"),
    )
    yield (
        "malformed dates",
        ct(
            StudyDate="soon",
            SeriesDate="2024.02.29",
            AcquisitionDateTime="2024",
            StudyTime="10:11:12",
            AcquisitionDate="20240229\\20240301",
            ContentDate="20241399",
        ),
    )
    yield "technical text with names", ct(**kept, PatientName="Li^A")
    yield "maker's name", ct(InstitutionName="TOSHIBA", Manufacturer="TOSHIBA_MEC", OperatorsName="Maker^X")
    yield "placeholders", ct(PatientName="Anonymous^A", PatientID="1", AccessionNumber="0000", StationName="----")
    yield (
        "empty values",
        ct(
            PatientName="",
            PatientID="",
            StudyDate="",
            ContrastBolusAgent="",
            KVP="",
            FilterType="",
            ReferencedImageSequence=[],
            SpecificCharacterSet="",
        ),
    )
    yield (
        "groups",
        ct()
        | {
            0x00080000: ("UL", 900),
            0x60000010: ("US", 4),
            0x60003000: ("OW", b"HOSP-77123"),
            0x50000010: ("US", 4),
            0xFFFCFFFC: ("OB", b"HOSP-77123"),
            0x00189FFE: ("LO", "Planted"),
        },
    )
    yield (
        "icon",
        ct(IconImageSequence=[{"Rows": 1, "Columns": 1, "PixelData": b"HOSP-77123"}], LossyImageCompression="00"),
    )
    yield "subject's code", ct(PatientID="S01-004", ClinicalTrialSubjectID="S01-004", PatientComments="S01-004, WEEK8")
    yield "shifted onto another date", ct(AcquisitionDate=KEYS.shift_date("20240229"), ContentDate="20240307")
    yield "ages and zones", ct(PatientAge="old ", TimezoneOffsetFromUTC="+0100", PatientSize="1.70")
    yield (
        "uids",
        ct(
            FailedSOPInstanceUIDList="1.2.3\\1.2.4",
            ReferencedSOPClassUID="1.2.840.10008.1.1",
            SynchronizationFrameOfReferenceUID="1.2.3.9.1",
        ),
    )
    yield (
        "long text",
        ct(PatientComments="Plantagenet " * 400, ImageComments="x" * 2000, DerivationDescription="call HOSP-77123"),
    )
    yield "noise", ct(Rows=256, Columns=256, PixelData=noise.randbytes(1 << 17))
    yield (
        "text among noise",
        ct(Rows=256, Columns=256, PixelData=noise.randbytes(1 << 16) + b"\0Eleanor\0" + noise.randbytes((1 << 16) - 9)),
    )
    yield (
        "wide text among noise",
        ct(
            Rows=256,
            Columns=256,
            PixelData=noise.randbytes(1 << 16)
            + "\0PLANTAGENET\0".encode("utf-16-be")
            + noise.randbytes((1 << 16) - 26),
        ),
    )
    yield "captured", ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    yield "annotated", ct(BurnedInAnnotation="YES")
    yield "no pixel description", ct(Rows=None)
    yield "claims to be ours", ct(DeidentificationMethod="Parallax basic 1")


def _random(seed: int) -> bytes:
    """Attributes at random: values of their VR, prose, parts of the person, or noise; a third of them nested."""
    random_ = random.Random(seed)
    syntax = random_.choice([EXPLICIT, EXPLICIT, IMPLICIT, BIG, DEFLATED, JPEG_LS])
    elements = ct(PixelData=random_.randbytes(48))
    for _ in range(random_.randrange(20, 90)):
        tag, value = _random_element(random_, 0)
        if tag not in (0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00280010, 0x00280011, 0x00280100, 0x7FE00010):
            elements = {name: v for name, v in elements.items() if (tag_for_keyword(str(name)) or name) != tag}
            elements[tag] = value
    return Encoder(syntax, undefined=random_.random() < 0.5).file(elements)


def _random_element(random_: random.Random, depth: int) -> tuple[int, Any]:
    group = random_.choice(
        [8, 8, 0x10, 0x12, 0x18, 0x18, 0x18, 0x20, 0x28, 0x32, 0x38, 0x40, 0x54, 0x29, 0x3006, 0x6000]
    )
    tag = group << 16 | random_.choice([*range(1, 0x80), *range(0x1000, 0x1200), *range(0x9000, 0x9100)])
    vr = vr_of(tag)
    if vr == "NO":
        return tag, ("UN", b"")
    if vr == "SQ":
        items = [
            dict(_random_element(random_, depth + 1) for _ in range(random_.randrange(4)))
            for _ in range(random_.randrange(3))
        ]
        return tag, ("SQ", items if depth < 5 else [])
    numbers = {"US": 2, "SS": 2, "AT": 4, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "OW": 2, "OB": 2, "UN": 2}
    if vr in numbers:
        return tag, (vr, random_.choice([b"", random_.randbytes(numbers[vr]), b"Planted name", b"HOSP-77123  "]))
    valid = {
        "DA": "20240229",
        "DT": "20240229101500.5",
        "TM": "101500",
        "IS": "12",
        "DS": "-1.5e3\\2",
        "UI": "1.2.3.9.77",
        "CS": "YES\\NO",
        "AS": "047Y",
        "PN": "Quillbrook^Perpetua=山田",
        "UR": "urn:oid:1.2.3.9",
    }
    texts = [
        valid.get(vr, "B30f"),
        valid.get(vr, "Technical 3"),
        "",
        "Dr. Plantagenet",
        "HOSP-77123",
        "liver",
        " 20240229 ",
        "Ä\\ö",
    ]
    return tag, (vr, random_.choice(texts).encode())
