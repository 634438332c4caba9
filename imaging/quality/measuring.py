"""All that a series is measured by in one instance, as plain JSON, gathered while it is worked on anyway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from imaging.deid.pixels.frames import Frame
from imaging.dicom.excerpts import excerpt
from imaging.dicom.headers import read_header
from imaging.quality.acquired import acquired
from imaging.quality.pixels import frames_of


def measured(dataset: Dataset, original: Dataset, output: bytes = b"", decoded: Frame | None = None) -> dict[str, Any]:
    """Return what `imaging.quality.facts_of` reads of an instance: its excerpt, `acquired`, and its pixels' measures.

    Parameters
    ----------
    dataset
        De-identified.
    original
        As it came, for the durations that de-identification takes away.
    output
        The data set as it is written; without it the pixels are not looked at.
    decoded
        Its only frame, where somebody has decoded it already.
    """
    found = excerpt(dataset) | {"acquired": acquired(dataset, original)}
    return found | {"frames": frames_of(dataset, output, decoded)} if output else found


def measure(path: str) -> dict[str, Any]:
    """Return what the header of a file says of its acquisition, before anything was done to it."""
    dataset = read_header(Path(path)).dataset
    return measured(dataset, dataset)
