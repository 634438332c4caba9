"""Why nobody but a person can tell whether a series shows a face, and where: one word for each doubt."""

from __future__ import annotations

from enum import StrEnum

from imaging.deid.admission import CannotDeidentify


class Doubt(StrEnum):
    """What was not as it should be; the pages say it in a sentence."""

    FEW_SLICES = "few_slices"
    GAPS = "gaps"
    THIN = "thin"
    EMPTY = "empty"
    SMALL = "small"
    SIDES_CUT = "sides_cut"
    SHOULDERS = "shoulders"
    NO_NOSE = "no_nose"
    NOSES = "noses"
    NOSE_CUT = "nose_cut"
    COVERED = "covered"
    TURNED = "turned"
    FRONT_HIDDEN = "front_hidden"
    STANDS_OUT = "stands_out"
    BROKEN = "broken"


_NO_VOLUME = frozenset({Doubt.FEW_SLICES, Doubt.GAPS, Doubt.THIN})


class Doubtful(CannotDeidentify):
    """A series makes no volume, or it is not certain whether that shows a face."""

    def __init__(self, doubt: Doubt) -> None:
        super().__init__("face_no_volume" if doubt in _NO_VOLUME else "face_unsure")
        self.doubt = doubt
