"""Looking at archived images, for those who may know whose they are; the look is recorded."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass

from compliance import access, audit, confined, keys, storage, unchanging
from compliance.errors import HouseError
from compliance.models import User
from imaging.display import manifest
from imaging.models import Series
from imaging.services import displaying

#: Seconds that decoding a frame may take.
_PATIENCE = 20


class NoSuchFrame(HouseError):
    """The series has no such slice, or the charter no such display window."""

    code = "no_such_frame"
    status = 404


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that a browser may keep: a name of its content, and how it is read."""

    tag: str
    read: unchanging.Read


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
    place = _picture(series, number)
    audit.record_of_the_day("series.viewed", series, actor=actor, at=at)
    shown = (window.centre, window.width) if series.modality == "CT" else None
    return picture(place.archive_key, place.frame - 1, shown)


def frame_pixels(*, series: Series, number: int, actor: User, at: dt.datetime) -> Kept:
    """Return the values of one slice of a series for a viewer (`imaging.display.frames`); as `frame_png`."""
    access.require(actor, "imaging.see_images", series)
    place = _picture(series, number)
    audit.record_of_the_day("series.viewed", series, actor=actor, at=at)
    return Kept(f"{place.sha256}-{place.frame}-{place.kind}", lambda: displaying.frame_of(place))


def thumbnail(*, series: Series, actor: User, at: dt.datetime) -> Kept:
    """Return a small picture of the middle of a series as PNG, in the charter's first display window for CT."""
    access.require(actor, "imaging.see_images", series)
    place = _picture(series, None)
    audit.record_of_the_day("series.viewed", series, actor=actor, at=at)
    window = displaying.first_window(series, series.imaging_study.timepoint.charter.terms)
    return Kept(
        f"{place.sha256}-{place.frame}-{window}", lambda: (displaying.thumbnail_of(series, place, window), "image/png")
    )


def film(*, series: Series, number: int, actor: User, at: dt.datetime) -> tuple[str, displaying.Film]:
    """Return a film of a series, by its place from 1, and a name of its content; the look is recorded."""
    access.require(actor, "imaging.see_images", series)
    place = _picture(series, number)
    found = displaying.film_of(series, place)
    audit.record_of_the_day("series.viewed", series, actor=actor, at=at)
    return f"{place.sha256}-film", found


def shown_series(series: Series, label: str) -> manifest.Series:
    """Return what a viewer is told of a series, under the key by which it is addressed: its number."""
    instances = displaying.kept_instances(series)
    facts = displaying.facts_of(series, instances)
    secret = keys.of_trial(series.imaging_study.trial.code)

    def named(uid: str) -> str:
        return hmac.digest(secret, f"space\0{uid}".encode(), hashlib.sha256).hex()[:32]

    pictures = [
        manifest.Picture(str(one.pk), frame, facts[one.pk]) for one in instances for frame in range(1, one.pictures + 1)
    ]
    return manifest.Series(
        key=str(series.pk),
        label=label,
        modality=series.modality,
        interval_mm=None,
        pictures=pictures,
        named=named,
        window_shown=True,
    )


def _picture(series: Series, number: int | None) -> displaying.Place:
    """A picture by its place in the stack, from 1; the middle one without a place."""
    places = displaying.plan_of(series).kept
    if not places:
        raise NoSuchFrame("The images of this series were erased, as consent was withdrawn.")
    number = len(places) // 2 + 1 if number is None else number  # as `Plan.middle`
    if not 1 <= number <= len(places):
        raise NoSuchFrame("The series has no such slice. Reload the page.")
    return places[number - 1]


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
