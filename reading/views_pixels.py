"""Where the pictures of a read come from: addresses that hang on its code. What they give comes from `blinding`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from compliance import access, standing, unchanging
from reading import blinding, selectors, selectors_signed
from reading.models import Adjudication, ReadTask
from reading.pages import Addresses

#: Stands in an address for the key of a series, until the page puts one in.
SERIES = "SERIES"


def task_addresses(code: str) -> Addresses:
    """Return where the pictures of a read lie, and what is drawn on them."""
    return replace(_addresses("task", code), marks=reverse("reading:task_marks", args=(code,)))


def case_addresses(code: str) -> Addresses:
    """Return where the pictures of an adjudicated case lie."""
    return _addresses("adjudication", code)


def consensus_addresses(code: str) -> Addresses:
    """Return where the pictures of a case lie for its two readers."""
    return _addresses("consensus", code)


def global_review_addresses(code: str) -> Addresses:
    """Return where the pictures of a global review lie."""
    return _addresses("review", code)


def replay_addresses(code: str) -> Addresses:
    """Return where the pictures of a signed read lie for those who replay it."""
    return _addresses("replay", code)


def review_addresses(code: str) -> Addresses:
    """Return where the pictures of a signed read lie for its reader, on a page where nothing is drawn."""
    return _addresses("task", code)


def _addresses(what: str, code: str) -> Addresses:
    return Addresses(
        pixels=reverse(f"reading:{what}_pixels", args=(code, SERIES, 0)),
        rendered=reverse(f"reading:{what}_frame", args=(code, SERIES, 0)),
        thumbnail=reverse(f"reading:{what}_thumbnail", args=(code, SERIES)),
        film=reverse(f"reading:{what}_film", args=(code, SERIES, 0)),
    )


def _task(request: HttpRequest, task: ReadTask) -> blinding.Looked:
    return blinding.look_at_read(task, actor=access.actor(request))


def _case(request: HttpRequest, adjudication: Adjudication) -> blinding.Looked:
    return blinding.look_at_case(adjudication, actor=access.actor(request))


def _replay(request: HttpRequest, task: ReadTask) -> blinding.Looked:
    return blinding.look_at_replay(task, actor=access.actor(request))


@require_GET
@access.guarded("reading.read", selectors.tasks_of, by="blinded_code")
def task_frame(request: HttpRequest, task: ReadTask, series: str, frame: int) -> HttpResponse:
    """One picture of this read, rendered in one of the charter's windows."""
    return rendered(request, _task(request, task), series, frame)


@require_GET
@access.guarded("reading.read", selectors.tasks_of, by="blinded_code")
def task_pixels(request: HttpRequest, task: ReadTask, series: str, frame: int) -> HttpResponse:
    """The values of one picture of this read."""
    return pixels(request, _task(request, task), series, frame)


@require_GET
@access.guarded("reading.read", selectors.tasks_of, by="blinded_code")
def task_thumbnail(request: HttpRequest, task: ReadTask, series: str) -> HttpResponse:
    """A small picture of a series of this read; the list of reads shows one before the read is opened."""
    return thumbnail(request, blinding.glance_at_read(task, actor=access.actor(request), at=timezone.now()), series)


@require_GET
@access.guarded("reading.read", selectors.tasks_of, by="blinded_code")
def task_film(request: HttpRequest, task: ReadTask, series: str, film: int) -> HttpResponse:
    """A film of this read, or a part of it."""
    return film_part(request, _task(request, task), series, film)


def listed(request: HttpRequest, tasks: Sequence[ReadTask]) -> dict[int, str]:
    """Return the addresses of the small pictures of a reader's own open reads, by the number of the read.

    The page that shows the list decided on all of them, which is upheld when its pictures are asked for.
    """
    at = timezone.now()
    pictures = blinding.ListedPictures(tasks, actor=access.actor(request), at=at)

    def answer(listed: blinding.ListedPicture) -> standing.Answer:
        def give(request: HttpRequest, _: int) -> HttpResponse:
            shown = pictures.picture(listed, at=timezone.now())
            return unchanging.answer(request, shown.tag, shown.read)

        return give

    paths = {
        number: reverse("reading:task_thumbnail", args=(one.task.blinded_code, one.series_key))
        for number, one in pictures.by_task.items()
    }
    if paths:
        answers = {paths[number]: answer(one) for number, one in pictures.decided.items()}
        standing.keep_each(request, pictures.grounds(), answers, at=at)
    return {number: f"{path}?of={pictures.by_task[number].of}" for number, path in paths.items()}


@require_GET
@access.guarded("reading.adjudicate", selectors.adjudications_of, by="blinded_code")
def adjudication_frame(request: HttpRequest, adjudication: Adjudication, series: str, frame: int) -> HttpResponse:
    """One picture of the case, rendered in one of the charter's windows."""
    return rendered(request, _case(request, adjudication), series, frame)


@require_GET
@access.guarded("reading.adjudicate", selectors.adjudications_of, by="blinded_code")
def adjudication_pixels(request: HttpRequest, adjudication: Adjudication, series: str, frame: int) -> HttpResponse:
    """The values of one picture of the case."""
    return pixels(request, _case(request, adjudication), series, frame)


@require_GET
@access.guarded("reading.adjudicate", selectors.adjudications_of, by="blinded_code")
def adjudication_thumbnail(request: HttpRequest, adjudication: Adjudication, series: str) -> HttpResponse:
    """A small picture of a series of the case."""
    return thumbnail(request, _case(request, adjudication), series)


@require_GET
@access.guarded("reading.adjudicate", selectors.adjudications_of, by="blinded_code")
def adjudication_film(request: HttpRequest, adjudication: Adjudication, series: str, film: int) -> HttpResponse:
    """A film of the case, or a part of it."""
    return film_part(request, _case(request, adjudication), series, film)


@require_GET
@access.guarded("reading.replay", selectors_signed.reads_replayed_by, by="blinded_code")
def replay_frame(request: HttpRequest, task: ReadTask, series: str, frame: int) -> HttpResponse:
    """One picture of a signed read, rendered in one of the charter's windows."""
    return rendered(request, _replay(request, task), series, frame)


@require_GET
@access.guarded("reading.replay", selectors_signed.reads_replayed_by, by="blinded_code")
def replay_pixels(request: HttpRequest, task: ReadTask, series: str, frame: int) -> HttpResponse:
    """The values of one picture of a signed read."""
    return pixels(request, _replay(request, task), series, frame)


@require_GET
@access.guarded("reading.replay", selectors_signed.reads_replayed_by, by="blinded_code")
def replay_thumbnail(request: HttpRequest, task: ReadTask, series: str) -> HttpResponse:
    """A small picture of a series of a signed read."""
    return thumbnail(request, _replay(request, task), series)


@require_GET
@access.guarded("reading.replay", selectors_signed.reads_replayed_by, by="blinded_code")
def replay_film(request: HttpRequest, task: ReadTask, series: str, film: int) -> HttpResponse:
    """A film of a signed read, or a part of it."""
    return film_part(request, _replay(request, task), series, film)


def rendered(request: HttpRequest, looked: blinding.Looked, series: str, frame: int) -> HttpResponse:
    """Answer with one picture of what is looked at, rendered."""
    actor, at = access.actor(request), timezone.now()
    png = blinding.frame_png(looked, series, frame, request.GET.get("preset", ""), actor=actor, at=at)
    return HttpResponse(png, content_type="image/png")


def pixels(request: HttpRequest, looked: blinding.Looked, series: str, frame: int) -> HttpResponse:
    """Answer with the values of one picture of what is looked at."""
    at = timezone.now()
    pictures = blinding.pictures_shown(looked, series, actor=access.actor(request), at=at)

    def answer(request: HttpRequest, number: int) -> HttpResponse:
        shown = pictures.at(number)
        return unchanging.answer(request, shown.tag, shown.read)

    response = answer(request, frame)
    if pictures.grounds:
        standing.keep(request, pictures.grounds, answer, at=at)
    return response


def thumbnail(request: HttpRequest, looked: blinding.Looked, series: str) -> HttpResponse:
    """Answer with a small picture of a series of what is looked at."""
    shown = blinding.thumbnail(looked, series, actor=access.actor(request), at=timezone.now())
    return unchanging.answer(request, shown.tag, shown.read)


def film_part(request: HttpRequest, looked: blinding.Looked, series: str, number: int) -> HttpResponse:
    """Answer with a film of what is looked at, or a part of it."""
    tag, film = blinding.film(looked, series, number, actor=access.actor(request), at=timezone.now())
    return unchanging.answer_part(request, tag, film.length, film.content_type, film.read)
