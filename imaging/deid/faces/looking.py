"""The two steps of looking for a face that run in a child process, and what they give.

Arguments and results are plain values that JSON can carry, and bytes. A series is read file by file, so that no more of
it than its coarse slices is ever in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydicom import config, dcmread
from pydicom.dataset import Dataset

from imaging.deid.admission import CannotDeidentify
from imaging.deid.faces.cutting import Cut
from imaging.deid.faces.doubts import Doubtful
from imaging.deid.faces.finding import find_face
from imaging.deid.faces.masking import Face, View, place_of
from imaging.deid.faces.volume import Slice, Volume, slices_of
from imaging.dicom.geometry import functional_group

Plain = dict[str, Any]

_UNREADABLE = (AttributeError, CannotDeidentify, LookupError, NotImplementedError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class Looked:
    """What looking at a series gave.

    Attributes
    ----------
    view
        Where a face was looked for.
    face
        What is taken out of the series, if anything is.
    problem
        Why nobody can tell; a reason of `CannotDeidentify`.
    decided
        Whether a person decided so, who saw all of the pictures.
    """

    view: View | None = None
    face: Face | Cut | None = None
    problem: str = ""
    decided: bool = False

    @classmethod
    def of(cls, plain: Mapping[str, Any] | None) -> Self | None:
        """Read what `find`, or a person's decision (`choosing.settle`), gave; nothing is nothing."""
        if plain is None:
            return None
        if plain["problem"]:
            return cls(problem=plain["problem"])
        face = place_of(plain["face"]) if plain["face"] else None
        return cls(View.of(plain["view"]), face, decided=plain.get("decided", False))


def coarse_slices(path: str) -> Plain:
    """Read a file and make its frames coarse.

    Returns
    -------
    dict
        `slices` (`Slice.plain`); `frames`, how many there are, placed in the patient or not; `hounsfield`, whether
        values are in Hounsfield units. Neither slices nor frames where the pixels cannot be read.
    """
    with config.disable_value_validation():
        dataset = dcmread(path, force=True)
        try:
            slices, frames = [one.plain() for one in slices_of(dataset)], int(dataset.get("NumberOfFrames") or 1)
        except _UNREADABLE:
            slices, frames = [], 0  # its own de-identification says what is wrong with it
        return {"slices": slices, "frames": frames, "hounsfield": _is_in_hounsfield_units(dataset)}


def _is_in_hounsfield_units(dataset: Dataset) -> bool:
    group = functional_group(dataset, 0, "PixelValueTransformationSequence")
    return dataset.get("Modality") == "CT" and "RescaleIntercept" in group and group.get("RescaleType", "HU") == "HU"


def find(slices: Sequence[Mapping[str, Any]], hounsfield: bool) -> Plain:
    """Look for a face in a series.

    Parameters
    ----------
    slices
        From `coarse_slices` of its files.

    Returns
    -------
    dict
        `view` and `face`; or the `problem`, a reason of `CannotDeidentify`, and the `Doubt` behind it.
    """
    try:
        volume = Volume([Slice.of(one) for one in slices])
        face = find_face(volume, hounsfield=hounsfield)
    except Doubtful as problem:
        return {"problem": problem.reason, "doubt": str(problem.doubt), "view": None, "face": None}
    view = View.between(*volume.corners())
    return {"view": view.plain(), "face": face.plain() if face else None, "problem": "", "doubt": ""}
