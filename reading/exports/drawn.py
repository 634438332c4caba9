"""What readers drew and painted, and the pictures on which they did, as plain values of a locked trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from django.db.models import Q

from imaging.display.facts import place_of, plane_in
from imaging.models import Instance
from imaging.services import displaying
from reading import derivation
from reading.exports.locked import LockedMark, LockedPicture, LockedPlane, LockedSegment
from reading.models import Lesion, MarkVersion
from reading.models.segment import SegmentVersion
from reading.selectors import ReadResult

#: Sizes of a mark that are lengths or areas; its other values are of pixels.
_SIZES = ("long_mm", "short_mm", "length_mm", "area_mm2")


#: What was painted, by the key of the read.
Painted = Mapping[int, Sequence[SegmentVersion]]


def pictures_of(reads: Sequence[ReadResult], painted_by: Painted) -> tuple[LockedPicture, ...]:
    """Return the images on which something was measured or painted; of the latter where they lie, if it is known."""
    entries = (entry for read in reads for entry in read.assessment.entries())
    images = {entry.instance.pk: entry.instance for entry in entries if entry.instance}
    painted = {
        (version.series_id, uid)
        for read in reads
        for version in painted_by.get(read.task.pk, ())
        for uid in _slices(version)
    }
    wanted = Q()
    for series, uid in painted:
        wanted |= Q(series=series, sop_instance_uid=uid)
    if painted:
        found = Instance.objects.filter(wanted).select_related("series__imaging_study")
        images |= {image.pk: image for image in found}
    pictures = (
        LockedPicture(
            image.sop_instance_uid,
            image.sop_class_uid,
            image.series.series_instance_uid,
            image.series.imaging_study.study_instance_uid,
            image.series.modality,
            image.frames,
            _plane(image) if (image.series_id, image.sop_instance_uid) in painted else None,
        )
        for image in images.values()
    )
    return tuple(sorted(pictures, key=lambda picture: picture.sop_instance_uid))


def _slices(version: SegmentVersion) -> dict[str, tuple[int, ...]]:
    """Runs of a region by picture; none where a picture is one frame of several."""
    if any(one["frame"] != 1 for one in version.slices):
        return {}
    return {one["sop_instance_uid"]: tuple(one["runs"]) for one in version.slices}


def _plane(image: Instance) -> LockedPlane | None:
    facts = displaying.facts_of(image.series, [image])[image.pk]
    position, apart = place_of(facts, 1)[0], derivation.slice_interval_mm(image.series)
    if image.frames > 1 or position is None or apart is None:
        return None
    if not (facts["spacing"] and facts["orientation"] and facts["space"]):
        return None
    spacing = facts["spacing"][0], facts["spacing"][1]
    where = tuple(facts["orientation"]), tuple(position)
    return LockedPlane(facts["rows"], facts["columns"], facts["space"], spacing, float(apart), *where)


def segments_in(read: ReadResult, painted_by: Painted) -> Iterator[LockedSegment]:
    """Give what a reader painted in a read, in the order in which it was begun."""
    painted = painted_by.get(read.task.pk)
    if not painted:
        return
    lesions = Lesion.objects.filter(reader=read.task.reader_id, subject=read.timepoint.subject_id)
    labels = {lesion.number: lesion.label for lesion in lesions}
    for version in painted:
        slices = tuple(sorted(_slices(version).items()))
        label = labels.get(version.lesion, "") if version.lesion else ""
        yield LockedSegment(label, version.series.series_instance_uid, slices)


def mark_in(mark: MarkVersion) -> LockedMark:
    """Return a mark in pixels of its picture, from the outer corner of the first one (PS3.3 §C.18.6.1.1)."""
    sizes = {name: Decimal(str(mark.measured[name])) for name in _SIZES if name in mark.measured}
    return LockedMark(mark.tool, tuple((round(x + 0.5, 3), round(y + 0.5, 3)) for x, y in _in_pixels(mark)), sizes)


def _in_pixels(mark: MarkVersion) -> Sequence[Sequence[float]]:
    if not mark.points or len(mark.points[0]) == 2:
        return mark.points
    plane = plane_in(displaying.facts_of(mark.instance.series, [mark.instance])[mark.instance_id], mark.frame)
    # Without its bytes in the archive the values stay, and the drawing does not.
    points: Sequence[Sequence[float]] = plane.to_pixels(mark.points).tolist() if plane else ()
    return points
