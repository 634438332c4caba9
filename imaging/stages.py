"""What the viewer is told on the pages of those who know whose images they look at: QC, the site itself, an auditor."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from compliance import access
from compliance.models import User
from imaging.display.manifest import Manifest
from imaging.models import Series
from imaging.selectors import series_with_images
from imaging.services.viewing import shown_series
from trials.models import Timepoint

#: Stands in an address for the key of a series, until the page puts one in.
_SERIES = "SERIES"


def stage_of(timepoint: Timepoint, person: User, *, before: Timepoint | None = None) -> dict[str, Any] | None:
    """Return what the viewer of a timepoint needs to know; None where the person may not look, or nothing is there.

    Parameters
    ----------
    before
        An earlier timepoint of the subject, shown beside it.
    """
    if not access.may(person, "imaging.see_images", timepoint):
        return None
    reviews = access.may(person, "imaging.review", timepoint)
    role = "qc" if reviews else "site" if access.may(person, "imaging.upload", timepoint) else "auditor"
    shown = [one for one in (before, timepoint) if one is not None]
    presets = timepoint.charter.terms.window_presets
    told = [(one.name, [shown_series(series, _label(series)) for series in series_with_images(one)]) for one in shown]
    if not told[-1][1]:
        return None
    manifest = Manifest(
        role=role,
        pixels_url=_address("imaging:series_pixels", 0),
        frame_url=_address("imaging:series_frame", 0),
        thumbnail_url=_address("imaging:series_thumbnail"),
        film_url=_address("imaging:series_film", 0),
        presets=[{"name": p.name, "centre": p.centre, "width": p.width, "unit": p.unit} for p in presets],
        timepoints=told,
        windows_locked=False,
        tools=("length",) if reviews else (),
        views=[{"name": one.name, "timepoint": n} for n, one in enumerate(shown)],
    )
    return manifest.plain()


def _label(series: Series) -> str:
    return f"{series}: {series.label}" if series.label else str(series)


def _address(name: str, *place: int) -> str:
    """An address with room for a series."""
    return reverse(name, args=(0, *place)).replace("/series/0/", f"/series/{_SERIES}/")
