"""Target lesions at one timepoint: what each contributes to the sum, and whether it is still there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .inputs import TargetLesion, TargetMeasure, TargetState
from .values import InvalidRead, plain, total


@dataclass(frozen=True, slots=True)
class SizedTarget:
    """A target lesion's contribution at one timepoint.

    Attributes
    ----------
    size_mm
        mm; 0 for a lesion measured as part of another; None when it was not assessed or not evaluable.
    visible
        Disease is seen: anything left of a non-nodal lesion, or a node that is not of normal size.
    how
        The entry as the trace shows it.
    """

    lesion: TargetLesion
    size_mm: Decimal | None
    visible: bool
    how: str


def size_targets(
    lesions: Sequence[TargetLesion],
    measures: Sequence[TargetMeasure],
    *,
    too_small_mm: Decimal,
    node_normal_mm: Decimal,
) -> tuple[SizedTarget, ...]:
    """Size each target lesion at one timepoint.

    A node counts by its actual short axis, also when normal; a lesion seen but too small to measure counts
    as `too_small_mm`; parts of a split lesion are added; a merged lesion is measured once, at the lesion it
    merged into, and has a value exactly when that one has. Source: RECIST 1.1 §4.3.2.

    Parameters
    ----------
    lesions
        The target lesions of the baseline; the answer has one entry for each, in order of lesion id.
    measures
        What was entered; a lesion without an entry was not assessed.
    too_small_mm, node_normal_mm
        Default for lesions too small to measure; short axis from which a node is pathological. mm.

    Raises
    ------
    InvalidRead
        An entry is for a lesion that is not a target, or lesions are merged in a circle.
    """
    entries = {measure.lesion_id: measure for measure in measures}
    known = {lesion.lesion_id for lesion in lesions}
    for measure in measures:
        for name in (measure.lesion_id, measure.merged_into):
            if name is not None and name not in known:
                raise InvalidRead(f"Lesion {name} is not a target lesion of the baseline; record it elsewhere.")
    sized = []
    for lesion in sorted(lesions, key=lambda lesion: lesion.lesion_id):
        entry = entries.get(lesion.lesion_id, TargetMeasure(lesion.lesion_id))
        if entry.merged_into is not None:
            host = _host(entry, entries)
            value = None if _own_size(host, too_small_mm) is None else Decimal(0)
            sized.append(SizedTarget(lesion, value, False, f"merged into {host.lesion_id}"))
            continue
        size = _own_size(entry, too_small_mm)
        visible = size is not None and (size >= node_normal_mm if lesion.nodal else size > 0)
        sized.append(SizedTarget(lesion, size, visible, _how(entry, size)))
    return tuple(sized)


def _own_size(entry: TargetMeasure, too_small_mm: Decimal) -> Decimal | None:
    if entry.diameter_mm is not None:
        return entry.diameter_mm
    if entry.parts_mm:
        return total(entry.parts_mm)
    if entry.state is TargetState.ABSENT:
        return Decimal(0)
    if entry.state is TargetState.TOO_SMALL:
        return too_small_mm
    return None


def _host(entry: TargetMeasure, entries: dict[str, TargetMeasure]) -> TargetMeasure:
    """Follow merges to the lesion that is measured."""
    passed = {entry.lesion_id}
    while entry.merged_into is not None:
        if entry.merged_into in passed:
            raise InvalidRead(f"Lesion {entry.lesion_id} is merged in a circle; name the lesion that was measured.")
        passed.add(entry.merged_into)
        entry = entries.get(entry.merged_into, TargetMeasure(entry.merged_into))
    return entry


def _how(entry: TargetMeasure, size: Decimal | None) -> str:
    if entry.parts_mm:
        return " + ".join(plain(part) for part in sorted(entry.parts_mm))
    if entry.state is not None:
        return entry.state.value if size is None else f"{entry.state.value}: {plain(size)}"
    return "not assessed" if size is None else plain(size)
