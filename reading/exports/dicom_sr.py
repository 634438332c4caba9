"""Locked reads as DICOM: one measurement report (TID 1500, PS3.16) for each reader and timepoint.

A lesion is a measurement group with the reader's label for it and a tracking UID that stays the same through time.
Where the reader drew, the drawing goes with the measurement; otherwise the image on which it was measured is named.
What the standard has no code for stands in the scheme `99PARALLAX`: states of lesions, and CDISC's names of values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import groupby

import numpy as np
from highdicom import sr
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ComprehensiveSRStorage

from compliance import signing
from reading.exports.dicom_objects import (
    MANUFACTURER,
    MODEL,
    PRIVATE,
    file_name,
    file_of,
    header,
    private,
    site_of,
    tracking_identifier,
    tracking_uid,
    uid_of,
    version,
)
from reading.exports.locked import (
    LockedLesion,
    LockedMeasurement,
    LockedPicture,
    LockedRead,
    LockedSubject,
    LockedTimepoint,
    LockedTrial,
    LockedValue,
    plain,
)

_EVIDENCE, _OTHER_EVIDENCE = "CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"
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

Groups = list[sr.MeasurementsAndQualitativeEvaluations]


def reports(trial: LockedTrial) -> Iterator[tuple[str, bytes]]:
    """Yield the report of every locked read as a file; the same bytes each time."""
    for subject, visit, read in trial.reads():
        if visit.study_instance_uid:
            yield file_name("sr", subject, visit, read.evalid), report(trial, subject, visit, read)


def report(trial: LockedTrial, subject: LockedSubject, visit: LockedTimepoint, read: LockedRead) -> bytes:
    """Return one read as a DICOM file: Comprehensive SR, content by TID 1500."""
    content = sr.MeasurementReport(
        observation_context=_observers(read.evalid),
        procedure_reported=[
            _PROCEDURES.get(modality, _OTHER_PROCEDURE)
            for modality in sorted({picture.modality for picture in visit.pictures}) or [""]
        ],
        imaging_measurements=[*_lesions(trial, subject, visit, read), _response(trial, subject, visit, read)],
    )
    said = signing.digest(plain([trial.code, subject.code, visit.code, read]))
    made = header(subject, visit, trial.locked_at)
    made.SOPClassUID, made.SOPInstanceUID = ComprehensiveSRStorage, uid_of("sr", visit.study_instance_uid, said)
    made.Modality, made.SeriesInstanceUID = "SR", uid_of("sr series", visit.study_instance_uid, read.evalid)
    made.SeriesDescription = f"Measurements of {_name(read.evalid)}"
    made.CompletionFlag, made.VerificationFlag, made.PreliminaryFlag = "COMPLETE", "UNVERIFIED", "FINAL"
    made.PerformedProcedureCodeSequence, made.ReferencedPerformedProcedureStepSequence = [], []
    made.CodingSchemeIdentificationSequence = [_scheme()]
    made.update(content[0])
    for keyword, pictures in _evidence(read, visit).items():
        made[keyword] = DataElement(keyword, "SQ", pictures)
    return file_of(made)


def _name(evalid: str) -> str:
    """Write a reader's place in words: Reader 1."""
    return evalid.capitalize()


def _observers(evalid: str) -> sr.ObservationContext:
    """A person without a name, and this program."""
    person = sr.PersonObserverIdentifyingAttributes(name=f"{_name(evalid)}^")
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=uid_of("device", MANUFACTURER, version()),
        name=MODEL,
        manufacturer_name=MANUFACTURER,
        model_name=f"{MODEL} {version()}",
    )
    return sr.ObservationContext(
        observer_person_context=sr.ObserverContext(codes.DCM.Person, person),
        observer_device_context=sr.ObserverContext(codes.DCM.Device, device),
    )


def _scheme() -> Dataset:
    item = Dataset()
    item.CodingSchemeDesignator = PRIVATE
    item.CodingSchemeName = "Parallax: CDISC submission values and states of lesions"
    item.CodingSchemeResponsibleOrganization = MANUFACTURER
    return item


def _evidence(read: LockedRead, visit: LockedTimepoint) -> dict[str, list[Dataset]]:
    """Name the images that the report refers to, by study and series: those of its own study apart from others."""
    named = {found.sop_instance_uid for found in read.measurements}
    shown = [picture for picture in visit.pictures if picture.sop_instance_uid in named]
    found: dict[str, list[Dataset]] = {}
    for study, of_study in _grouped(shown, lambda picture: picture.study_instance_uid):
        item = Dataset()
        item.StudyInstanceUID, item.ReferencedSeriesSequence = study, []
        for series, pictures in _grouped(of_study, lambda picture: picture.series_instance_uid):
            group = Dataset()
            group.SeriesInstanceUID, group.ReferencedSOPSequence = series, [_reference(one) for one in pictures]
            item.ReferencedSeriesSequence.append(group)
        own = study == visit.study_instance_uid
        found.setdefault(_EVIDENCE if own else _OTHER_EVIDENCE, []).append(item)
    return found


def _grouped(
    pictures: Iterable[LockedPicture], by: Callable[[LockedPicture], str]
) -> Iterator[tuple[str, list[LockedPicture]]]:
    for key, group in groupby(sorted(pictures, key=lambda one: (by(one), one.sop_instance_uid)), by):
        yield key, list(group)


def _reference(picture: LockedPicture) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = picture.sop_class_uid, picture.sop_instance_uid
    return item


def _time_point(visit: LockedTimepoint) -> sr.TimePointContext:
    # Without its order: that is a number among the contents of the group, and readers take it for a measurement.
    return sr.TimePointContext(time_point=visit.code, protocol_time_point_identifier=visit.name)


def _lesions(trial: LockedTrial, subject: LockedSubject, visit: LockedTimepoint, read: LockedRead) -> Groups:
    known = {lesion.label: lesion for lesion in subject.lesions if lesion.evalid == read.evalid}
    pictures = {picture.sop_instance_uid: picture for picture in visit.pictures}
    return [
        _lesion(trial, subject, visit, read, known[found.lesion], found, pictures.get(found.sop_instance_uid))
        for found in read.measurements
    ]


def _lesion(
    trial: LockedTrial,
    subject: LockedSubject,
    visit: LockedTimepoint,
    read: LockedRead,
    lesion: LockedLesion,
    found: LockedMeasurement,
    picture: LockedPicture | None,
) -> sr.MeasurementsAndQualitativeEvaluations:
    site = site_of(lesion.organ)
    values = [value for value in read.values if (value.lesion, value.part) == (found.lesion, found.part)]
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            tracking_uid(trial, subject, read.evalid, found.lesion, found.part),
            tracking_identifier(found.lesion, found.part),
        ),
        time_point_context=_time_point(visit),
        finding_category=_CATEGORIES[lesion.category],
        finding_type=codes.SCT.Lesion,
        finding_sites=[sr.FindingSite(site)] if site else None,
        method=_METHODS.get(trial.criteria.name),
        measurements=list(_measurements(found, values, picture)) or None,
        qualitative_evaluations=[
            sr.QualitativeEvaluation(
                private("LESIONSTATE", "State of the lesion"), private(found.state, found.state.replace("_", " "))
            )
        ],
        source_images=[_whole_image(found, picture)] if picture else None,
    )


def _frames(found: LockedMeasurement, picture: LockedPicture) -> list[int] | None:
    return [found.frame] if picture.frames > 1 else None


def _whole_image(found: LockedMeasurement, picture: LockedPicture) -> sr.SourceImageForMeasurementGroup:
    return sr.SourceImageForMeasurementGroup(
        picture.sop_class_uid, picture.sop_instance_uid, referenced_frame_numbers=_frames(found, picture)
    )


def _measurements(
    found: LockedMeasurement, values: list[LockedValue], picture: LockedPicture | None
) -> Iterator[sr.Measurement]:
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


def _number(name: Code, value: Decimal, unit: str, drawn: sr.CoordinatesForMeasurement | None = None) -> sr.Measurement:
    return sr.Measurement(
        name=name, value=float(value), unit=_UNITS[unit], referenced_coordinates=[drawn] if drawn else None
    )


def _lines(
    found: LockedMeasurement, picture: LockedPicture | None
) -> Iterator[tuple[str, sr.CoordinatesForMeasurement]]:
    """Give the outline of a drawing by what it measures."""
    if found.mark is None or picture is None or not found.mark.points:
        return
    points, tool = found.mark.points, found.mark.tool
    ring = (*points, points[0]) if points and points[0] != points[-1] else points
    shapes: Mapping[str, Mapping[str, tuple[sr.GraphicTypeValues, tuple[tuple[float, float], ...]]]] = {
        "length": {"length_mm": (sr.GraphicTypeValues.POLYLINE, points[:2])},
        "bidirectional": {
            "long_mm": (sr.GraphicTypeValues.POLYLINE, points[:2]),
            "short_mm": (sr.GraphicTypeValues.POLYLINE, points[2:4]),
        },
        "ellipse": {"area_mm2": (sr.GraphicTypeValues.ELLIPSE, points)},
        "freehand": {"area_mm2": (sr.GraphicTypeValues.POLYLINE, ring)},
    }
    image = sr.SourceImageForRegion(
        picture.sop_class_uid, picture.sop_instance_uid, referenced_frame_numbers=_frames(found, picture)
    )
    for key, (kind, places) in shapes.get(tool, {}).items():
        yield key, sr.CoordinatesForMeasurement(kind, np.asarray(places, dtype=np.float64), image)


def _response(
    trial: LockedTrial, subject: LockedSubject, visit: LockedTimepoint, read: LockedRead
) -> sr.MeasurementsAndQualitativeEvaluations:
    """The timepoint as a whole: its sum and the response derived of it."""
    words = {term.value: term.words for term in trial.criteria.terms}
    titles = {figure.key: figure.short for figure in trial.criteria.figures}
    coded = [code for code in (_TARGET.get(read.target), _NON_TARGET.get(read.non_target)) if code]
    evaluations = [sr.QualitativeEvaluation(codes.DCM.CurrentResponse, code) for code in coded]
    if read.overall:
        overall = private(read.overall, words.get(read.overall, read.overall))
        evaluations.append(sr.QualitativeEvaluation(private("OVRLRESP", "Overall response"), overall))
    quality = private(read.image_quality.upper(), read.image_quality.replace("_", " "))
    evaluations.append(sr.QualitativeEvaluation(private("IMAGEQUALITY", "Image quality"), quality))
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(tracking_uid(trial, subject, read.evalid, "response"), "Response"),
        time_point_context=_time_point(visit),
        finding_type=codes.DCM.ResponseEvaluation,
        method=_METHODS.get(trial.criteria.name),
        measurements=[
            _number(
                private((value.code or value.name).upper(), titles.get(value.name, value.name)), value.value, value.unit
            )
            for value in read.values
            if value.derived and isinstance(value.value, Decimal) and value.unit in _UNITS
        ]
        or None,
        qualitative_evaluations=evaluations,
    )
