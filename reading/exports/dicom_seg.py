"""Locked regions as DICOM: one binary segmentation (PS3.3 §A.51) for each reader, timepoint and series.

A segment carries the tracking UID of its lesion, the same as in the measurement reports. Regions on pictures whose
place in the patient is not known have no segmentation.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from compliance import signing
from reading.exports.dicom_objects import (
    MANUFACTURER,
    MODEL,
    file_name,
    file_of,
    header,
    site_of,
    tracking_uid,
    uid_of,
    version,
)
from reading.exports.locked import (
    LockedPicture,
    LockedRead,
    LockedSegment,
    LockedSubject,
    LockedTimepoint,
    LockedTrial,
    plain,
)


def segmentations(trial: LockedTrial) -> Iterator[tuple[str, bytes]]:
    """Yield the segmentations of every locked read as files; the same bytes each time."""
    for subject, visit, read in trial.reads():
        placed = {picture.sop_instance_uid: picture for picture in visit.pictures if picture.plane}
        series = sorted({one.series_instance_uid for one in read.segments if _is_placed(one, placed)})
        for number, uid in enumerate(series, 1):
            painted = [one for one in read.segments if one.series_instance_uid == uid and _is_placed(one, placed)]
            name = file_name("seg", subject, visit, f"{read.evalid}-{number}")
            yield name, segmentation(trial, subject, visit, read, painted)


def _is_placed(segment: LockedSegment, placed: dict[str, LockedPicture]) -> bool:
    return bool(segment.slices) and all(uid in placed for uid, _ in segment.slices)


def segmentation(
    trial: LockedTrial,
    subject: LockedSubject,
    visit: LockedTimepoint,
    read: LockedRead,
    painted: list[LockedSegment],
) -> bytes:
    """Return regions of one series as a DICOM file: Segmentation Storage, binary, one segment for each."""
    touched = {uid for segment in painted for uid, _ in segment.slices}
    pictures = [picture for picture in visit.pictures if picture.sop_instance_uid in touched]
    uid = painted[0].series_instance_uid
    said = signing.digest(plain([trial.code, subject.code, visit.code, read.evalid, painted]))
    made = Segmentation(
        source_images=[_source(trial, subject, visit, picture) for picture in pictures],
        pixel_array=np.stack([_mask(segment, pictures) for segment in painted], axis=-1),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _described(trial, subject, read, segment, number) for number, segment in enumerate(painted, 1)
        ],
        series_instance_uid=uid_of("seg series", uid, read.evalid),
        series_number=1,
        sop_instance_uid=uid_of("seg", uid, said),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=version(),
        device_serial_number=MODEL,
        content_label="REGIONS",
        content_creator_name=f"{read.evalid.capitalize()}^",
        series_description=f"Regions of {read.evalid.capitalize()}",
    )
    # The clock has no part in it, nor has chance.
    del made.ContributingEquipmentSequence, made.InstanceCreationDate, made.InstanceCreationTime
    dated = header(subject, visit, trial.locked_at)
    for keyword in ("ContentDate", "ContentTime", "SeriesDate", "SeriesTime", "PatientName"):
        made[keyword] = dated[keyword]
    organization = uid_of("seg dimensions", made.SOPInstanceUID)
    made.DimensionOrganizationSequence[0].DimensionOrganizationUID = organization
    for index in made.DimensionIndexSequence:
        index.DimensionOrganizationUID = organization
    return file_of(made)


def _source(trial: LockedTrial, subject: LockedSubject, visit: LockedTimepoint, picture: LockedPicture) -> Dataset:
    """Return what a segmentation must know of a picture."""
    assert picture.plane is not None
    plane, made = picture.plane, header(subject, visit, trial.locked_at)
    # Its writer doubts names without a family name; the archive's are codes, and are put in afterwards.
    made.PatientName = None
    made.StudyInstanceUID, made.SeriesInstanceUID = picture.study_instance_uid, picture.series_instance_uid
    made.SOPInstanceUID, made.SOPClassUID, made.Modality = picture.sop_instance_uid, picture.sop_class_uid, "CT"
    made.Rows, made.Columns, made.FrameOfReferenceUID = plane.rows, plane.columns, plane.space
    made.PositionReferenceIndicator = ""
    made.PixelSpacing, made.ImageOrientationPatient = list(plane.spacing), list(plane.orientation)
    made.ImagePositionPatient, made.SliceThickness = list(plane.position), plane.interval
    return made


def _mask(segment: LockedSegment, pictures: list[LockedPicture]) -> NDArray[np.uint8]:
    """Return a region as (pictures, rows, columns): 1 inside."""
    runs = dict(segment.slices)
    return np.stack([_layer(picture, runs.get(picture.sop_instance_uid, ())) for picture in pictures])


def _layer(picture: LockedPicture, runs: tuple[int, ...]) -> NDArray[np.uint8]:
    assert picture.plane is not None
    flat = np.zeros(picture.plane.rows * picture.plane.columns, dtype=np.uint8)
    inside = np.repeat(np.arange(len(runs)) % 2, runs).astype(np.uint8)
    flat[: len(inside)] = inside
    return flat.reshape(picture.plane.rows, picture.plane.columns)


def _described(
    trial: LockedTrial, subject: LockedSubject, read: LockedRead, segment: LockedSegment, number: int
) -> SegmentDescription:
    name = segment.lesion or f"Region {number}"
    lesions = [one for one in subject.lesions if (one.evalid, one.label) == (read.evalid, segment.lesion)]
    site = site_of(lesions[0].organ) if lesions else None
    return SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type=SegmentAlgorithmTypeValues.MANUAL,
        tracking_uid=tracking_uid(trial, subject, read.evalid, name),
        tracking_id=name,
        anatomic_regions=[site] if site else None,
    )
