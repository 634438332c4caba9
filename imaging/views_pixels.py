"""Pages on which a person looks at the pixels of held images, and decides what of the text in them is blanked."""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access, unchanging
from compliance.confined import NotRead, Refused
from compliance.errors import HouseError
from compliance.models import User
from imaging import forms_pixels, selectors_devices, selectors_pixels
from imaging.models import PixelReview
from imaging.models.pixels import Claim
from imaging.services import claiming, looking
from imaging.services.originals import OriginalGone
from imaging.states import KeptFor, PixelState
from trials.models import Trial
from trials.selectors import trials_of
from trials.states import CharterState

#: Why a person is asked, on the page.
WHY = {
    "video": "A film, in which nothing can be blanked. Watch it to its end: if it shows text that names the subject, "
    "or a person who could be recognised, do not let it go on, and set it aside on the page of its delivery.",
    "photograph": "A photograph. Blank faces, marks and names by which somebody could be recognised, if there are any.",
    "text_found": "Text was found. Blank what may tell who the subject is.",
    "text_template": "This device writes where the recipe's template says; no text was found elsewhere.",
    "text_usual": "None was found, but on such images text is usual: blank what you see, or say that there is nothing.",
    "text_in_slice": "A slice, and what the machine took for text may be anatomy. Blank what is text, keep the rest.",
    "text_remains": "The machine blanked text and found it again. Draw boxes that cover it.",
    "burned_in_annotation": "The header says that text is written into the image; the machine found none.",
    "text_outside": "At the second look text was found outside the boxes. It is proposed beside them.",
    "text_known": "A box was taken away whose text names the subject. It cannot stay.",
}
#: Why a proposed box is taken away, on the page.
REASONS = {
    KeptFor.NO_TEXT: "No text",
    KeptFor.SCALE: "Scale or number",
    KeptFor.MARKER: "Side or position",
    KeptFor.ANATOMY: "Body part or view",
    KeptFor.MACHINE: "Machine or setting",
}


@require_safe
@access.guarded("imaging.review_pixels", trials_of)
def look_list(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What waits for a look at its pixels, series by series, and what was decided lately."""
    waiting = selectors_pixels.series_waiting(trial, at=timezone.now())
    free = [row for row in waiting if all(claim.person == request.user for claim in row.claims)]
    return render(
        request,
        "imaging/pixels_list.html",
        {
            "trial": trial,
            "waiting": waiting,
            "begin": free[0] if free else None,
            "decided": selectors_pixels.looks_decided(trial)[:20],
            "last": _last(request, trial),
        },
    )


@require_safe
@access.guarded("imaging.review_pixels", trials_of)
def device_list(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Devices on whose images the same places were blanked often; each can go into the draft of the charter."""
    draft = trial.charters.filter(state=CharterState.DRAFT).first()
    address = reverse("trials:charter_edit", args=[draft.pk]) if draft else ""
    learnt = selectors_devices.devices_learnt(trial)
    return render(
        request,
        "imaging/pixels_devices.html",
        {
            "trial": trial,
            "draft": draft,
            "may_administer": access.may(request.user, "trials.administer", trial),
            "offered": [
                (one, f"{address}?{urlencode({'device': json.dumps(one.template.plain())})}#privacy") for one in learnt
            ],
        },
    )


@require_safe
@access.guarded("imaging.review_pixels", selectors_pixels.looks_seen_by)
def look_show(request: HttpRequest, look: PixelReview) -> HttpResponse:
    """One image with the boxes that are proposed, or that were decided."""
    trial, actor, at = look.received.transfer.site.trial, access.actor(request), timezone.now()
    waits = selectors_pixels.looks_waiting(trial).filter(pk=look.pk).exists()
    page = secrets.token_hex(8)
    held = claiming.claim(look=look, page=page, actor=actor, at=at) if waits and request.method == "GET" else None
    settled = look.settled if look.state != PixelState.WAITING else None
    regions = look.regions if settled is None else settled.blank
    return render(
        request,
        "imaging/pixels_show.html",
        {
            "look": look,
            "trial": trial,
            "waits": waits,
            "page": page,
            **_claimed(look, held, actor),
            "why": WHY.get(look.why, ""),
            "series": selectors_pixels.series_of_look(look).count() if waits else 0,
            "left": selectors_pixels.looks_waiting(trial).count(),
            "form": forms_pixels.LookForm(initial={"round": look.round, "decision": forms_pixels.as_proposed(look)}),
            "reasons": REASONS,
            "kept_for": [REASONS[KeptFor(reason)] for _, reason in look.standing],
            "film": _film_of(look) if look.is_film else None,
            "rects": [(one, one.right - one.left, one.bottom - one.top) for one in regions],
            "shown": {
                "rows": look.rows,
                "columns": look.columns,
                "frames": look.frames,
                "regions": [list(one) for one in regions],
                "templates": look.templates if waits else [],
                "editable": waits,
                "address": reverse("imaging:look_frame", kwargs={"pk": look.pk, "number": 1}),
            },
            "last": _last(request, trial),
        },
    )


@require_POST
@access.guarded("imaging.review_pixels", selectors_pixels.looks_seen_by)
def look_decide(request: HttpRequest, look: PixelReview) -> HttpResponse:
    """Decide, and open the image that waits next."""
    by_script = request.headers.get("HX-Request") == "true"
    form = forms_pixels.LookForm(request.POST)
    actor, at = access.actor(request), timezone.now()
    try:
        if not form.is_valid():
            raise looking.LookIncomplete("The decision could not be read. Reload the page and decide again.")
        decided = looking.decide(
            look=look,
            round=form.cleaned_data["round"],
            decision=form.cleaned_data["decision"],
            whole_series=request.POST.get("scope") == "series",
            actor=actor,
            at=at,
        )
    except looking.LookIncomplete as problem:
        if by_script:
            raise  # said on the page, on which the boxes stay as they are
        messages.error(request, problem.message)
        return redirect("imaging:look", pk=look.pk)
    except looking.LookChanged as problem:
        messages.warning(request, problem.message)
    else:
        request.session["last_look"] = [look.pk, len(decided)]
    after = selectors_pixels.look_after(look, user=actor, at=at)
    trial = look.received.transfer.site.trial_id
    address = reverse("imaging:look", args=[after.pk]) if after else reverse("imaging:looks", args=[trial])
    return HttpResponse(status=204, headers={"HX-Redirect": address}) if by_script else redirect(address)


@require_POST
@access.guarded("imaging.review_pixels", selectors_pixels.looks_seen_by)
def look_claim(request: HttpRequest, look: PixelReview) -> HttpResponse:
    """The page says that somebody works on it, and shows who else has the image open."""
    actor, at = access.actor(request), timezone.now()
    held = claiming.claim(look=look, page=request.POST.get("page", "")[:32], actor=actor, at=at)
    return render(request, "imaging/_look_claim.html", _claimed(look, held, actor))


@require_POST
@access.guarded("imaging.review_pixels", selectors_pixels.looks_seen_by)
def look_leave(request: HttpRequest, look: PixelReview) -> HttpResponse:
    """The page is left, so that the image is anybody's."""
    claiming.leave(look=look, page=request.POST.get("page", "")[:32], actor=access.actor(request))
    return HttpResponse()


@require_POST
@access.guarded("imaging.review_pixels", selectors_pixels.looks_seen_by)
def look_take_back(request: HttpRequest, look: PixelReview) -> HttpResponse:
    """Undo a decision, and show its image again."""
    try:
        looking.take_back(look=look, actor=access.actor(request), at=timezone.now())
    except HouseError as problem:
        messages.warning(request, problem.message)
        return redirect("imaging:looks", pk=look.received.transfer.site.trial_id)
    request.session.pop("last_look", None)
    return redirect("imaging:look", pk=look.pk)


@require_safe
@access.guarded("imaging.review_pixels", selectors_pixels.looks_seen_by)
def look_frame(request: HttpRequest, look: PixelReview, number: int) -> HttpResponse:
    """One frame of the original as PNG, kept by nobody; the look is recorded."""
    try:
        png = looking.frame_png(
            look=look,
            number=number,
            whole_range=request.GET.get("range") == "whole",
            actor=access.actor(request),
            at=timezone.now(),
        )
    except (NotRead, Refused) as problem:
        return HttpResponse(problem.message, status=422, content_type="text/plain; charset=utf-8")
    except OriginalGone as gone:
        return HttpResponse(gone.message, status=gone.status, content_type="text/plain; charset=utf-8")
    except FileNotFoundError as missing:
        raise Http404 from missing
    return HttpResponse(png, content_type="image/png")


@require_safe
@access.guarded("imaging.review_pixels", selectors_pixels.looks_seen_by)
def look_film(request: HttpRequest, look: PixelReview) -> HttpResponse:
    """The film of the original, or a part of it, kept by nobody; the look is recorded."""
    try:
        with looking.film(look=look, actor=access.actor(request), at=timezone.now()) as film:
            return unchanging.part_of(request, film.length, film.content_type, film.read)
    except (NotRead, Refused) as problem:
        return HttpResponse(problem.message, status=422, content_type="text/plain; charset=utf-8")
    except OriginalGone as gone:
        return HttpResponse(gone.message, status=gone.status, content_type="text/plain; charset=utf-8")
    except FileNotFoundError as missing:
        raise Http404 from missing


def _claimed(look: PixelReview, held: Claim | None, actor: User) -> dict[str, Any]:
    """What the page says of somebody else who has the image open, and which one is free."""
    if held is None or held.person == actor:
        return {}
    free = selectors_pixels.look_after(look, user=actor, at=timezone.now())
    return {
        "held": held,
        "what": "image",
        "free_url": reverse("imaging:look", args=[free.pk]) if free else "",
        "list_url": reverse("imaging:looks", args=[look.received.transfer.site.trial_id]),
    }


def _film_of(look: PixelReview) -> dict[str, Any]:
    """What the page tells its player; the frames' time is known when the film is loaded."""
    size = {"rows": look.rows, "columns": look.columns, "frames": look.frames}
    return {"url": reverse("imaging:look_film", args=[look.pk]), **size, "frame_ms": 0, "steady": True}


def _last(request: HttpRequest, trial: Trial) -> tuple[PixelReview, int] | None:
    """The person's last decision, while it can be taken back, and how many images it was about."""
    number, count = request.session.get("last_look", (0, 0))
    seen = selectors_pixels.looks_decided(trial).filter(state=PixelState.DECIDED, decided_by=access.actor(request))
    look = seen.filter(pk=number).first()
    return (look, count) if look else None
