"""The series of a timepoint as a reader is shown them: the charter's labels, keys of this read, pictures in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from imaging.display import manifest
from imaging.models import Instance, Series
from imaging.selectors import series_for_reading
from imaging.services import displaying
from imaging.states import OriginalState
from reading import derivation
from reading.blinded import BlindedSeries, BlindedSlice
from reading.blinding.names import Keys
from trials.models import ImagingCharter, Timepoint


@dataclass(frozen=True, slots=True)
class Stack:
    """A series with its pictures in order, as they are stored; `blinded` is what leaves."""

    series: Series
    pictures: tuple[tuple[Instance, int], ...]
    blinded: BlindedSeries

    def place(self, instance: Instance, frame: int) -> int | None:
        """Return where in the stack a picture lies, from 1."""
        return next((n for n, (i, f) in enumerate(self.pictures, 1) if i.pk == instance.pk and f == frame), None)


def named_series(names: Keys, timepoint: Timepoint, charter: ImagingCharter) -> list[tuple[str, str, Series]]:
    """The series of a timepoint that readers are shown, in the charter's order: label, key, series."""
    return in_order(names, series_for_reading(timepoint), charter)


def in_order(names: Keys, shown: Iterable[Series], charter: ImagingCharter) -> list[tuple[str, str, Series]]:
    """Series that readers are shown, in the charter's order: label, key, series."""
    order = [terms.label for terms in charter.terms.series]
    found = []
    for series in shown:
        # A label is the charter's own word; anything else, such as a site's description, is not repeated.
        label = series.label if series.label in order else f"{series.modality} series"
        rank = order.index(label) if label in order else len(order)
        found.append((rank, label, names.of(series.series_instance_uid), series))
    found.sort(key=lambda row: row[:3])
    labels = [label for _, label, _, _ in found]
    return [
        (label if labels.count(label) == 1 else f"{label} ({labels[: place + 1].count(label)})", key, series)
        for place, (_, label, key, series) in enumerate(found)
    ]


def pictures_of(series: Series) -> tuple[tuple[Instance, int], ...]:
    """Return each instance and frame (from 1) of a series in the order of the stack."""
    instances = series.instances.order_by("position_mm", "number", "sop_instance_uid")
    return tuple((instance, frame) for instance in instances for frame in range(1, instance.pictures + 1))


def stacks_of(names: Keys, timepoint: Timepoint, charter: ImagingCharter) -> tuple[Stack, ...]:
    """Return the stacks of a timepoint that readers are shown, in the charter's order."""
    return tuple(_stack(names, key, label, series) for label, key, series in named_series(names, timepoint, charter))


def _stack(names: Keys, key: str, label: str, series: Series) -> Stack:
    pictures = pictures_of(series)
    first = pictures[0][0] if pictures else None
    start = first.position_mm if first else None
    slices = tuple(
        BlindedSlice(
            n,
            names.of(instance.sop_instance_uid),
            frame,
            None if start is None or instance.position_mm is None else round(instance.position_mm - start, 3),
        )
        for n, (instance, frame) in enumerate(pictures, 1)
    )
    spacing = _numbers(series.facts.get("pixel_spacing_mm"))
    interval = derivation.slice_interval_mm(series)
    blinded = BlindedSeries(
        key=key,
        label=label,
        modality=series.modality,
        rows=first.rows if first else 0,
        columns=first.columns if first else 0,
        pixel_spacing_mm=(spacing[0], spacing[1]) if len(spacing) == 2 else None,
        slice_interval_mm=None if interval is None else float(interval),
        slices=slices,
    )
    return Stack(series, pictures, blinded)


def shown_stacks(names: Keys, timepoint: Timepoint, charter: ImagingCharter) -> list[manifest.Series]:
    """Return what a viewer is told of the stacks of a timepoint, under the keys of a read."""
    told = []
    for stack in stacks_of(names, timepoint, charter):
        kept = {i.pk: i for i, _ in stack.pictures if i.stored_state == OriginalState.KEPT}
        facts = displaying.facts_of(stack.series, list(kept.values()))
        pictures = [
            manifest.Picture(
                slice.instance_key, slice.frame, facts.get(instance.pk, manifest.UNREADABLE), slice.offset_mm
            )
            for slice, (instance, _) in zip(stack.blinded.slices, stack.pictures, strict=True)
        ]
        shown = stack.blinded
        told.append(
            manifest.Series(
                shown.key,
                shown.label,
                shown.modality,
                shown.slice_interval_mm,
                pictures,
                names.of,
                window_shown=not charter.terms.windows_locked,
            )
        )
    return told


def _numbers(value: Any) -> list[float]:
    values = value if isinstance(value, list | tuple) else []
    return [float(v) for v in values if isinstance(v, int | float)]
