"""All that a series is measured by in one instance, as plain JSON, gathered while it is worked on anyway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from imaging.dicom.excerpts import excerpt
from imaging.dicom.headers import read_header
from imaging.quality.acquired import acquired


def measured(dataset: Dataset, original: Dataset) -> dict[str, Any]:
    """Return the excerpt of a de-identified instance with `acquired`: what `imaging.quality.facts_of` reads."""
    return excerpt(dataset) | {"acquired": acquired(dataset, original)}


def measure(path: str) -> dict[str, Any]:
    """Return what the header of a file says of its acquisition, before anything was done to it."""
    dataset = read_header(Path(path)).dataset
    return measured(dataset, dataset)
