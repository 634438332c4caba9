"""An archived series as a plain value: what the image inventory states."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LockedSeries:
    """An archived series: how many files of how many bytes, and one digest over all, as they were archived.

    `sha256` is over a line for each file, by SOP Instance UID: the UID, a space, the file's SHA-256, a line feed.
    """

    study_instance_uid: str
    series_instance_uid: str
    modality: str
    label: str
    for_reading: bool
    instances: int
    size: int
    sha256: str
