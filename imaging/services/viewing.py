"""Looking at archived images, for those who may know whose they are; the look is recorded."""

from __future__ import annotations

import datetime as dt

from compliance import access, audit, confined, storage
from compliance.errors import HouseError
from compliance.models import User
from imaging.models import Series
from imaging.states import OriginalState

#: Seconds that decoding a frame may take.
_PATIENCE = 20


class NoSuchFrame(HouseError):
    """The series has no such slice, or the charter no such display window."""

    code = "no_such_frame"
    status = 404


def frame_png(*, series: Series, number: int, preset: str, actor: User, at: dt.datetime) -> bytes:
    """Return one slice of a series as PNG in a display window of its charter.

    Parameters
    ----------
    number
        Place in the stack, from 1, along the slice normal.
    preset
        Name of one of the charter's window presets.
    """
    access.require(actor, "imaging.see_images", series)
    terms = series.imaging_study.timepoint.charter.terms
    window = next((p for p in terms.window_presets if p.name == preset), terms.window_presets[0])
    kept = series.instances.filter(stored_state=OriginalState.KEPT)
    instances = list(kept.values_list("archive_key", "frames"))
    if not instances:
        raise NoSuchFrame("The images of this series were erased, as consent was withdrawn.")
    places = [(key, frame) for key, frames in instances for frame in range(frames)]
    if not 1 <= number <= len(places):
        raise NoSuchFrame("The series has no such slice. Reload the page.")
    audit.record_of_the_day("series.viewed", series, actor=actor, at=at)
    key, frame = places[number - 1]
    return picture(key, frame, (window.centre, window.width) if series.modality == "CT" else None)


def picture(archive_key: str, frame: int, window: tuple[float, float] | None) -> bytes:
    """Return a frame of an archived instance as PNG, decoded in a child process: pixels are foreign bytes still.

    Parameters
    ----------
    frame
        Index of the frame, from 0.
    window
        Centre and width; None for the instance's own.

    Raises
    ------
    compliance.confined.NotRead, compliance.confined.Refused
        The picture cannot be shown.
    """
    with storage.on_disk(storage.ARCHIVE, archive_key) as path:
        png: bytes = confined.call("imaging.dicom.rendering:picture", str(path), frame, window, seconds=_PATIENCE)
    return png
