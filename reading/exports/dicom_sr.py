"""Locked reads as DICOM: one measurement report (TID 1500, PS3.16) for each reader and timepoint.

A lesion is a measurement group with the reader's label for it and a tracking UID that stays the same through time.
Where the reader drew, the drawing goes with the measurement; otherwise the image on which it was measured is named.
What the standard has no code for stands in the scheme `99PARALLAX`: states of lesions, and CDISC's names of values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from itertools import groupby

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ComprehensiveSRStorage

from compliance import signing
from reading.exports import dicom_content as content
from reading.exports.dicom_content import CONTAINS, CONTEXT, MODIFIES, Element
from reading.exports.dicom_objects import (
    MANUFACTURER,
    MODEL,
    PRIVATE,
    file_meta,
    file_name,
    header,
    private,
    site_of,
    tracking_identifier,
    tracking_uid,
    uid_of,
    version,
)
from reading.exports.locked import (
    LockedMeasurement,
    LockedPicture,
    LockedRead,
    LockedSubject,
    LockedTimepoint,
    LockedTrial,
    LockedValue,
    plain,
)

#: Current Requested Procedure Evidence Sequence, Pertinent Other Evidence Sequence.
_EVIDENCE, _OTHER_EVIDENCE = 0x0040A375, 0x0040A385
#: Concepts of the templates 1001 to 1501, as they are written.
_LANGUAGE = Code("121049", "DCM", "Language of Content Item and Descendants")
_ENGLISH = Code("en-US", "RFC5646", "English (United States)")
_REPORT = Code("126000", "DCM", "Imaging Measurement Report")
_PROCEDURE = Code("121058", "DCM", "Procedure reported")
_MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
_GROUP = Code("125007", "DCM", "Measurement Group")
_OBSERVER, _PERSON_NAME = Code("121005", "DCM", "Observer Type"), Code("121008", "DCM", "Person Observer Name")
_DEVICE_UID, _DEVICE = Code("121012", "DCM", "Device Observer UID"), Code("121013", "DCM", "Device Observer Name")
_MAKER = Code("121014", "DCM", "Device Observer Manufacturer")
_DEVICE_MODEL = Code("121015", "DCM", "Device Observer Model Name")
_TRACKED = Code("112039", "DCM", "Tracking Identifier")
_TRACKED_UID = Code("112040", "DCM", "Tracking Unique Identifier")
_TIME_POINT = Code("C2348792", "UMLS", "Time Point")
_PROTOCOL_TIME_POINT = Code("126071", "DCM", "Protocol Time Point Identifier")
_CATEGORY, _FINDING = Code("276214006", "SCT", "Finding category"), Code("121071", "DCM", "Finding")
_METHOD, _SITE = Code("370129005", "SCT", "Measurement Method"), Code("363698007", "SCT", "Finding Site")
_SOURCE, _MEASURED_ON = Code("260753009", "SCT", "Source"), Code("121112", "DCM", "Source of Measurement")
_LONG, _SHORT = codes.SCT.LongAxis, codes.SCT.ShortAxis
_CATEGORIES = {
    "target": codes.DCM.TargetLesionAtBaseline,
    "non_target": codes.DCM.NonTargetLesionAtBaseline,
    "new": codes.SCT.NewFinding,
}
#: CDISC's names of what readers enter, and what a drawing measures, by concept.
_ENTERED = {"LDIAM": _LONG, "LPERP": _SHORT, "VOLUME": codes.SCT.Volume}
_DRAWN = {"long_mm": _LONG, "short_mm": _SHORT, "length_mm": codes.SCT.Length, "area_mm2": codes.SCT.Area}
_UNITS = {
    "mm": codes.UCUM.Millimeter,
    "mm2": codes.UCUM.SquareMillimeter,
    "mm²": codes.UCUM.SquareMillimeter,
    "ml": Code("mL", "UCUM", "milliliter"),
    "%": codes.UCUM.Percent,
    "": codes.UCUM.NoUnits,
}
_METHODS = {"RECIST 1.1": codes.DCM.RECIST1Point1, "RANO 2.0": codes.NCIt.RANO}
#: CID 6144, RECIST Defined Lesion Response.
_TARGET = {
    "CR": codes.DCM.TargetLesionCompleteResponse,
    "PR": codes.DCM.TargetLesionPartialResponse,
    "SD": codes.DCM.TargetLesionStableDisease,
    "PD": codes.DCM.TargetLesionProgressiveDisease,
}
_NON_TARGET = {
    "CR": codes.DCM.NonTargetLesionCompleteResponse,
    "NON-CR/NON-PD": codes.DCM.NonTargetLesionIncompleteResponseOrStableDisease,
    "PD": codes.DCM.NonTargetLesionProgressiveDisease,
}
_PROCEDURES = {
    "CT": Code("77477000", "SCT", "Computed Tomography X-Ray"),
    "MR": Code("113091000", "SCT", "Magnetic Resonance"),
    "PT": Code("82918005", "SCT", "Positron Emission Tomography"),
    "US": Code("16310003", "SCT", "Ultrasound"),
}
_OTHER_PROCEDURE = Code("363679005", "SCT", "Imaging procedure")

Content = list[Element]


def reports(trial: LockedTrial) -> Iterator[tuple[str, bytes]]:
    """Yield the report of every locked read as a file; the same bytes each time."""
    for subject, visit, read in trial.reads():
        if visit.study_instance_uid:
            yield file_name("sr", subject, visit, read.evalid), report(trial, subject, visit, read)


def report(trial: LockedTrial, subject: LockedSubject, visit: LockedTimepoint, read: LockedRead) -> bytes:
    """Return one read as a DICOM file: Comprehensive SR, content by TID 1500."""
    said = signing.digest(plain([trial.code, subject.code, visit.code, read]))
    made = header(subject, visit, trial.locked_at)
    made.SOPClassUID, made.SOPInstanceUID = ComprehensiveSRStorage, uid_of("sr", visit.study_instance_uid, said)
    made.Modality, made.SeriesInstanceUID = "SR", uid_of("sr series", visit.study_instance_uid, read.evalid)
    made.SeriesDescription = f"Measurements of {_name(read.evalid)}"
    made.CompletionFlag, made.VerificationFlag, made.PreliminaryFlag = "COMPLETE", "UNVERIFIED", "FINAL"
    made.PerformedProcedureCodeSequence, made.ReferencedPerformedProcedureStepSequence = [], []
    groups = [*_lesions(trial, subject, visit, read), _response(trial, subject, visit, read)]
    modalities = sorted({picture.modality for picture in visit.pictures}) or [""]
    held = [
        content.code_item(MODIFIES, _LANGUAGE, _ENGLISH),
        *_observers(read.evalid),
        *(content.code_item(MODIFIES, _PROCEDURE, _PROCEDURES.get(one, _OTHER_PROCEDURE)) for one in modalities),
        content.container(CONTAINS, _MEASUREMENTS, "", groups),
    ]
    elements = [*content.top(made), _scheme(), *_evidence(read, visit), *content.container("", _REPORT, "1500", held)]
    return content.file_of(elements, file_meta(made))


def _name(evalid: str) -> str:
    """Write a reader's place in words: Reader 1."""
    return evalid.capitalize()


@cache
def _observers(evalid: str) -> Sequence[Content]:
    """A person without a name, and this program."""
    return (
        content.code_item(CONTEXT, _OBSERVER, codes.DCM.Person),
        content.name_item(CONTEXT, _PERSON_NAME, f"{_name(evalid)}^"),
        content.code_item(CONTEXT, _OBSERVER, codes.DCM.Device),
        content.uid_item(CONTEXT, _DEVICE_UID, uid_of("device", MANUFACTURER, version())),
        content.text_item(CONTEXT, _DEVICE, MODEL),
        content.text_item(CONTEXT, _MAKER, MANUFACTURER),
        content.text_item(CONTEXT, _DEVICE_MODEL, f"{MODEL} {version()}"),
    )


@cache
def _scheme() -> Element:
    """Say whose scheme our own codes are of."""
    said = [
        content.text(0x00080102, b"SH", PRIVATE),
        content.text(0x00080115, b"ST", "Parallax: CDISC submission values and states of lesions"),
        content.text(0x00080116, b"ST", MANUFACTURER),
    ]
    return content.sequence(0x00080110, [said])


def _evidence(read: LockedRead, visit: LockedTimepoint) -> Iterator[Element]:
    """Name the images that the report refers to, by study and series: those of its own study apart from others."""
    named = {found.sop_instance_uid for found in read.measurements}
    shown = [picture for picture in visit.pictures if picture.sop_instance_uid in named]
    found: dict[int, list[Content]] = {}
    for study, of_study in _grouped(shown, lambda picture: picture.study_instance_uid):
        series = [
            [
                content.text(0x0020000E, b"UI", uid),
                content.sequence(0x00081199, [_reference(one) for one in pictures]),
            ]
            for uid, pictures in _grouped(of_study, lambda picture: picture.series_instance_uid)
        ]
        tag = _EVIDENCE if study == visit.study_instance_uid else _OTHER_EVIDENCE
        found.setdefault(tag, []).append([content.text(0x0020000D, b"UI", study), content.sequence(0x00081115, series)])
    for tag, studies in found.items():
        yield content.sequence(tag, studies)


def _grouped(
    pictures: Iterable[LockedPicture], by: Callable[[LockedPicture], str]
) -> Iterator[tuple[str, list[LockedPicture]]]:
    for key, group in groupby(sorted(pictures, key=lambda one: (by(one), one.sop_instance_uid)), by):
        yield key, list(group)


def _reference(picture: LockedPicture, frame: int = 0) -> Content:
    """Name an image; one of many frames with the frame, where one is meant."""
    return content.reference(
        picture.sop_class_uid, picture.sop_instance_uid, frame if frame and picture.frames > 1 else None
    )


def _group(
    trial: LockedTrial,
    visit: LockedTimepoint,
    tracked: tuple[str, str],
    finding: tuple[Sequence[Content], Code | None],
    more: Iterable[Content],
) -> Content:
    """Write a measurement group (TID 1501): whose it is, what was found where, when, and the rest."""
    method = _METHODS.get(trial.criteria.name)
    (label, uid), (found, site) = tracked, finding
    return content.container(
        CONTAINS,
        _GROUP,
        "1501",
        [
            content.text_item(CONTEXT, _TRACKED, label),
            content.uid_item(CONTEXT, _TRACKED_UID, uid),
            *found,
            *([content.code_item(CONTAINS, _METHOD, method)] if method else []),
            *([content.code_item(MODIFIES, _SITE, site)] if site else []),
            # Without its order: that is a number among a group's contents, and readers take it for a measurement.
            content.text_item(CONTEXT, _TIME_POINT, visit.code),
            content.text_item(CONTEXT, _PROTOCOL_TIME_POINT, visit.name),
            *more,
        ],
    )


def _lesions(trial: LockedTrial, subject: LockedSubject, visit: LockedTimepoint, read: LockedRead) -> Iterator[Content]:
    known = {lesion.label: lesion for lesion in subject.lesions if lesion.evalid == read.evalid}
    pictures = {picture.sop_instance_uid: picture for picture in visit.pictures}
    for found in read.measurements:
        lesion = known[found.lesion]
        category = content.code_item(CONTAINS, _CATEGORY, _CATEGORIES[lesion.category])
        uid = tracking_uid(trial, subject, read.evalid, found.lesion, found.part)
        yield _group(
            trial,
            visit,
            (tracking_identifier(found.lesion, found.part), uid),
            ([category, content.code_item(CONTAINS, _FINDING, codes.SCT.Lesion)], site_of(lesion.organ)),
            _seen(read, found, pictures.get(found.sop_instance_uid)),
        )


def _seen(read: LockedRead, found: LockedMeasurement, picture: LockedPicture | None) -> Iterator[Content]:
    """Give a lesion's measurements, its state and the image on which it was seen."""
    values = [value for value in read.values if (value.lesion, value.part) == (found.lesion, found.part)]
    yield from _measurements(found, values, picture)
    state = private(found.state, found.state.replace("_", " "))
    yield content.code_item(CONTAINS, private("LESIONSTATE", "State of the lesion"), state)
    if picture:
        yield content.image_item(CONTAINS, _MEASURED_ON, _reference(picture, found.frame))


def _measurements(
    found: LockedMeasurement, values: list[LockedValue], picture: LockedPicture | None
) -> Iterator[Content]:
    """Give what a reader entered, each value with the drawing that it was measured by, and what else was drawn."""
    lines = dict(_lines(found, picture))
    drawn = found.mark.measured if found.mark else {}
    measured = {name: drawn[name] for name in _DRAWN if name in drawn}
    for value in values:
        if isinstance(value.value, Decimal) and value.unit in _UNITS:
            name = _ENTERED.get(value.code) or private((value.code or value.name).upper(), value.name)
            by = next((key for key, size in measured.items() if _DRAWN[key] == name and size == value.value), "")
            measured.pop(by, None)
            yield _number(name, value.value, value.unit, lines.get(by))
    for key, size in measured.items():
        yield _number(_DRAWN[key], size, key.rpartition("_")[2], lines.get(key))


def _number(name: Code, value: Decimal, unit: str, drawn: Content | None = None) -> Content:
    return content.number_item(CONTAINS, name, float(value), _UNITS[unit], [drawn] if drawn else [])


def _lines(found: LockedMeasurement, picture: LockedPicture | None) -> Iterator[tuple[str, Content]]:
    """Give the outline of a drawing by what it measures."""
    if found.mark is None or picture is None or not found.mark.points:
        return
    points, tool = found.mark.points, found.mark.tool
    ring = (*points, points[0]) if points and points[0] != points[-1] else points
    shapes: Mapping[str, Mapping[str, tuple[str, tuple[tuple[float, float], ...]]]] = {
        "length": {"length_mm": ("POLYLINE", points[:2])},
        "bidirectional": {"long_mm": ("POLYLINE", points[:2]), "short_mm": ("POLYLINE", points[2:4])},
        "ellipse": {"area_mm2": ("ELLIPSE", points)},
        "freehand": {"area_mm2": ("POLYLINE", ring)},
    }
    image = content.image_item("SELECTED FROM", _SOURCE, _reference(picture, found.frame))
    for key, (kind, places) in shapes.get(tool, {}).items():
        yield key, content.drawn_item("INFERRED FROM", _SOURCE, kind, places, image)


def _response(trial: LockedTrial, subject: LockedSubject, visit: LockedTimepoint, read: LockedRead) -> Content:
    """The timepoint as a whole: its sum and the response derived of it."""
    uid = tracking_uid(trial, subject, read.evalid, "response")
    finding = [content.code_item(CONTAINS, _FINDING, codes.DCM.ResponseEvaluation)]
    return _group(trial, visit, ("Response", uid), (finding, None), _derived(trial, read))


def _derived(trial: LockedTrial, read: LockedRead) -> Iterator[Content]:
    words = {term.value: term.words for term in trial.criteria.terms}
    titles = {figure.key: figure.short for figure in trial.criteria.figures}
    for value in read.values:
        if value.derived and isinstance(value.value, Decimal) and value.unit in _UNITS:
            name = private((value.code or value.name).upper(), titles.get(value.name, value.name))
            yield _number(name, value.value, value.unit)
    for code in (_TARGET.get(read.target), _NON_TARGET.get(read.non_target)):
        if code:
            yield content.code_item(CONTAINS, codes.DCM.CurrentResponse, code)
    if read.overall:
        overall = private(read.overall, words.get(read.overall, read.overall))
        yield content.code_item(CONTAINS, private("OVRLRESP", "Overall response"), overall)
    quality = private(read.image_quality.upper(), read.image_quality.replace("_", " "))
    yield content.code_item(CONTAINS, private("IMAGEQUALITY", "Image quality"), quality)
