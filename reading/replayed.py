"""A read as it was signed, for its reader to look at again: plain values alone, as in `reading.blinded`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from reading.blinded import BlindedMark, BlindedPreset, BlindedResponse


@dataclass(frozen=True, slots=True)
class ReplayedMeasurement:
    """A lesion as it was signed: `series_key` and `slice` say where it was seen, if the reader said so.

    `mark` is the key of the mark that it was taken from, empty where it was typed.
    """

    label: str
    organ: str
    category: str
    part: int
    said: str
    reason: str
    series_key: str
    slice: int | None
    mark: str


@dataclass(frozen=True, slots=True)
class ReplayedMark:
    """A mark as it was signed, when it was drawn so, and where in the stacks it lies (None: on none that is left)."""

    mark: BlindedMark
    made_at: dt.datetime | None
    slice: int | None


@dataclass(frozen=True, slots=True)
class ReplayedRead:
    """A read as it was signed, its pictures under the keys that its reader had.

    `painted` is the regions that were painted: the lesion of each, perhaps none, and its volume in words.
    """

    code: str
    case: str
    title: str
    is_baseline: bool
    by_itself: bool
    criteria: str
    image_quality: str
    comment: str
    answered: tuple[tuple[str, str], ...]
    stated_response: str
    stated_reason: str
    presets: tuple[BlindedPreset, ...]
    measurements: tuple[ReplayedMeasurement, ...]
    marks: tuple[ReplayedMark, ...]
    painted: tuple[tuple[str, str], ...]
    response: BlindedResponse | None
