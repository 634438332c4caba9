"""Sorting instances into series, and slices along the patient."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from pydicom.dataset import Dataset

from imaging.dicom.geometry import (
    COINCIDENT_MM,
    Orientation,
    Plane,
    functional_group,
    numbers,
    plane_of,
    spacings,
)
from imaging.dicom.headers import Header

#: A step longer than this many nominal spacings means that a slice is missing between.
GAP_FACTOR = 1.5


@dataclass(frozen=True)
class Slice:
    """One frame in its series.

    Attributes
    ----------
    source
        Index of the instance in the sequence given to `sort_into_series`.
    frame
        Index of the frame in its instance, from 0.
    plane
        Where it lies; None when the header does not say.
    """

    source: int
    frame: int
    sop_instance_uid: str
    instance_number: int | None
    plane: Plane | None
    slice_thickness_mm: float | None


@dataclass(frozen=True)
class Gap:
    """Slices missing between two positions along the normal, mm."""

    from_mm: float
    to_mm: float
    missing: int


@dataclass(frozen=True)
class Series:
    """The instances of one series, slices in order along the normal, feet to head for axial planes.

    Slices of the largest stack (same orientation and size) come first; a scout or a second plane filed in
    the same series follows, then frames without a position.

    Attributes
    ----------
    repeated_uids
        SOP Instance UIDs given more than once; only the first instance is kept in `slices`.
    """

    series_instance_uid: str
    study_instance_uid: str
    modality: str
    slices: tuple[Slice, ...]
    repeated_uids: tuple[str, ...]

    @property
    def n_instances(self) -> int:
        """Distinct instances in the series."""
        return len({s.source for s in self.slices})

    @cached_property
    def stack(self) -> tuple[Slice, ...]:
        """The largest set of parallel slices of one size, in order."""
        return tuple(s for s in self.slices if s.plane and _stack_key(s) == _stack_key(self.slices[0]))

    @property
    def orientation(self) -> Orientation | None:
        """Orientation of the largest stack."""
        plane = self.slices[0].plane if self.slices else None
        return plane.orientation if plane else None

    @cached_property
    def offsets_mm(self) -> tuple[float, ...]:
        """Positions of the stack's slices along their normal, mm, ascending."""
        return tuple(s.plane.offset_mm for s in self.stack if s.plane)

    @cached_property
    def spacings_mm(self) -> tuple[float, ...]:
        """Distances between neighbouring slices of the stack, mm."""
        return spacings(self.offsets_mm)

    @property
    def nominal_spacing_mm(self) -> float | None:
        """Median distance between neighbouring slices, mm."""
        return statistics.median(self.spacings_mm) if self.spacings_mm else None

    @property
    def coincident_slices(self) -> int:
        """Slices at a place already taken, as in dynamic or multi-echo series, or in a double export."""
        return len(self.offsets_mm) - len(self.spacings_mm) - 1 if self.offsets_mm else 0

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Places where slices are missing: steps longer than 1.5 nominal spacings."""
        nominal = self.nominal_spacing_mm
        if not nominal:
            return ()
        found = []
        for before, after in pairwise(self.offsets_mm):
            step = after - before
            if step > GAP_FACTOR * nominal:
                found.append(Gap(before, after, max(1, round(step / nominal) - 1)))
        return tuple(found)


def sort_into_series(instances: Iterable[Header | Dataset]) -> list[Series]:
    """Group instances by series and order their slices by position along the normal.

    Order of arrival, file names and instance numbers do not matter, except that the instance number breaks
    ties between slices at the same place. Series come in order of their UID.

    Parameters
    ----------
    instances
        Headers or parsed data sets, each with its series, study and SOP instance UIDs.
    """
    slices: defaultdict[str, list[Slice]] = defaultdict(list)
    facts: dict[str, tuple[str, str]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for source, instance in enumerate(instances):
        dataset = instance.dataset if isinstance(instance, Header) else instance
        series_uid, uid = str(dataset.SeriesInstanceUID), str(dataset.SOPInstanceUID)
        facts.setdefault(series_uid, (str(dataset.StudyInstanceUID), str(dataset.get("Modality") or "")))
        counts[series_uid, uid] += 1
        if counts[series_uid, uid] == 1:
            slices[series_uid].extend(_slices(dataset, source, uid))
    return [
        Series(
            series_instance_uid=series_uid,
            study_instance_uid=facts[series_uid][0],
            modality=facts[series_uid][1],
            slices=_ordered(slices[series_uid]),
            repeated_uids=tuple(sorted(u for (s, u), n in counts.items() if s == series_uid and n > 1)),
        )
        for series_uid in sorted(slices)
    ]


def _slices(dataset: Dataset, source: int, uid: str) -> Iterable[Slice]:
    number = numbers(dataset, "InstanceNumber", 1)
    frames = numbers(dataset, "NumberOfFrames", 1)
    # An enhanced object places each frame; in any other the frames share one plane or have none.
    n_frames = len(dataset.get("PerFrameFunctionalGroupsSequence") or []) or (int(frames[0]) if frames else 1)
    for frame in range(max(1, n_frames)):
        thickness = numbers(functional_group(dataset, frame, "PixelMeasuresSequence"), "SliceThickness", 1)
        yield Slice(
            source=source,
            frame=frame,
            sop_instance_uid=uid,
            instance_number=int(number[0]) if number else None,
            plane=plane_of(dataset, frame),
            slice_thickness_mm=thickness[0] if thickness else None,
        )


def _stack_key(item: Slice) -> tuple[object, ...] | None:
    plane = item.plane
    if plane is None:
        return None
    # 0.01 in a direction cosine is half a degree: exporters round, gantries do not turn by less.
    return (tuple(round(n, 2) + 0.0 for n in plane.normal), plane.rows, plane.columns)


def _ordered(slices: Sequence[Slice]) -> tuple[Slice, ...]:
    stacks: defaultdict[tuple[object, ...] | None, list[Slice]] = defaultdict(list)
    for item in slices:
        stacks[_stack_key(item)].append(item)
    for stack in stacks.values():
        stack.sort(key=_place)
    ranked = sorted(stacks.items(), key=lambda pair: (pair[0] is None, -len(pair[1]), _place(pair[1][0])))
    return tuple(item for _, stack in ranked for item in stack)


def _place(item: Slice) -> tuple[float, float, str, int]:
    offset = round(item.plane.offset_mm / COINCIDENT_MM) * COINCIDENT_MM if item.plane else 0.0
    number = item.instance_number if item.instance_number is not None else float("inf")
    return (offset, number, item.sop_instance_uid, item.frame)
