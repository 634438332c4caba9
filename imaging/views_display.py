"""Where pictures come from for those who may know whose they are: QC analysts, coordinators of the site, auditors."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from compliance import access, unchanging
from imaging import selectors
from imaging.models import Series
from imaging.services import viewing


@require_safe
@access.guarded("imaging.see_images", selectors.series_seen_by)
def series_frame(request: HttpRequest, series: Series, number: int) -> HttpResponse:
    """One frame of an archived series as PNG, in a display window of the charter; the look is recorded."""
    preset = request.GET.get("preset", "")
    try:
        png = viewing.frame_png(
            series=series, number=number, preset=preset, actor=access.actor(request), at=timezone.now()
        )
    except viewing.NoSuchFrame as missing:
        raise Http404 from missing
    return HttpResponse(png, content_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


@require_safe
@access.guarded("imaging.see_images", selectors.series_seen_by)
def series_pixels(request: HttpRequest, series: Series, number: int) -> HttpResponse:
    """The values of one frame of an archived series, for a viewer; the look is recorded."""
    try:
        shown = viewing.frame_pixels(series=series, number=number, actor=access.actor(request), at=timezone.now())
    except viewing.NoSuchFrame as missing:
        raise Http404 from missing
    return unchanging.answer(request, shown.tag, shown.read)


@require_safe
@access.guarded("imaging.see_images", selectors.series_seen_by)
def series_thumbnail(request: HttpRequest, series: Series) -> HttpResponse:
    """A small picture of an archived series; the look is recorded."""
    try:
        shown = viewing.thumbnail(series=series, actor=access.actor(request), at=timezone.now())
    except viewing.NoSuchFrame as missing:
        raise Http404 from missing
    return unchanging.answer(request, shown.tag, shown.read)


@require_safe
@access.guarded("imaging.see_images", selectors.series_seen_by)
def series_film(request: HttpRequest, series: Series, number: int) -> HttpResponse:
    """A film of an archived series, or a part of it; the look is recorded."""
    try:
        tag, film = viewing.film(series=series, number=number, actor=access.actor(request), at=timezone.now())
    except viewing.NoSuchFrame as missing:
        raise Http404 from missing
    return unchanging.answer_part(request, tag, film.length, film.content_type, film.read)
