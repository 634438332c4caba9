"""What a viewer of a read names by its keys, and what is told of it again: series, links between them, segments."""

from __future__ import annotations

from typing import Any

from imaging.models import Instance, Series
from reading import selectors
from reading.blinding.names import Keys
from reading.blinding.pictures import NotShown
from reading.blinding.stacks import named_series
from reading.models import LinkVersion, ReadTask, SegmentVersion
from reading.selectors_signed import SignedRead


def keys_of(task: ReadTask) -> Keys:
    """Return the names of series and instances inside a read."""
    return Keys(task.timepoint.subject.trial, task.blinded_code)


def series_of(task: ReadTask, key: str, *, earlier: bool = False) -> Series:
    """Find the series of the present timepoint, or with `earlier` of the reader's own earlier ones too, by its key.

    Raises
    ------
    NotShown
    """
    names = keys_of(task)
    reads = [task, *(selectors.own_reads_before(task) if earlier else ())]
    for read in reads:
        for _, known, series in named_series(names, read.timepoint, task.charter):
            if known == key:
                return series
    raise NotShown("This series is not part of the read. Reload the page.")


def instances_of(task: ReadTask, series: Series) -> dict[str, Instance]:
    """Return the instances of a series by their keys in a read."""
    names = keys_of(task)
    return {names.of(instance.sop_instance_uid): instance for instance in series.instances.all()}


def signed_drawings(read: SignedRead) -> dict[str, Any]:
    """Return what was painted and linked in a signed version of a read, by the keys that its reader had."""
    said, names = read.content["assessment"], keys_of(read.task)
    segments = [
        {
            **row,
            "key": row["segment"],
            "series": names.of(row["series_instance_uid"]),
            "slices": [[names.of(one["sop_instance_uid"]), one["frame"], one["runs"]] for one in row["slices"]],
            "volume_ml": None if row["volume_ml"] is None else float(row["volume_ml"]),
            "removed": False,
        }
        for row in said.get("segments", ())
    ]
    for segment in segments:
        del segment["segment"], segment["series_instance_uid"]
    links = [{**link, "from": names.of(link["from"]), "to": names.of(link["to"])} for link in said.get("links", ())]
    return {"segments": segments, "links": links}


def blinded_links(task: ReadTask, links: LinkVersion | None) -> dict[str, Any]:
    """Return the links of a read as its viewer is told them."""
    names = keys_of(task)
    told = [
        {**link, "from": names.of(str(link["from"])), "to": names.of(str(link["to"]))}
        for link in (links.links if links else [])
    ]
    return {"version": links.number if links else 0, "links": told}


def blinded_segment(task: ReadTask, segment: SegmentVersion) -> dict[str, Any]:
    """Return a segment of a read as its viewer is told it."""
    names = keys_of(task)
    return {
        "key": str(segment.segment.key),
        "version": segment.number,
        "series": names.of(segment.series.series_instance_uid),
        "lesion": segment.lesion,
        "slices": [[names.of(one["sop_instance_uid"]), one["frame"], one["runs"]] for one in segment.slices],
        "voxels": segment.voxels,
        "volume_ml": None if segment.volume_ml is None else float(segment.volume_ml),
        "software": segment.software,
        "removed": segment.removed,
    }
