"""Pages on which a person looks at the proposed face mask of a series, and decides what is taken out."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access
from compliance.confined import NotRead, Refused
from compliance.errors import HouseError
from compliance.models import User
from imaging import forms_faces, selectors_faces
from imaging.deid.faces.doubts import Doubt
from imaging.models import FaceReview
from imaging.models.pixels import Claim
from imaging.services import claiming, masking, portraying
from imaging.services.originals import OriginalGone
from imaging.services.proposals import ProposalLost
from imaging.states import FaceState, NoFace
from trials.models import Trial
from trials.selectors import trials_of

#: Why the machine is not certain, on the page.
DOUBTS = {
    Doubt.FEW_SLICES: "These are too few slices one behind the other to look for a face in them.",
    Doubt.GAPS: "The slices lie too far apart to look for a face in them.",
    Doubt.THIN: "The slices are too thin a stack to look for a face in them.",
    Doubt.EMPTY: "Nothing in the pictures is brighter than air.",
    Doubt.SMALL: "What is at the upper end is too small for a head, or is not the upper end.",
    Doubt.SIDES_CUT: "The sides of what may be a head lie outside the pictures.",
    Doubt.SHOULDERS: "What may be a head widens as shoulders do.",
    Doubt.NO_NOSE: "Something is as narrow as a head, and no nose was found on it: it may be turned, cut off, or bare.",
    Doubt.NOSES: "More than one thing stands out as a nose does.",
    Doubt.NOSE_CUT: "What may be the nose is not in full view, or stands out too far.",
    Doubt.COVERED: "No clear air lies before the face: something covers it, or the skin is as dark as air.",
    Doubt.TURNED: "The head leans or turns too far.",
    Doubt.FRONT_HIDDEN: "The front of the body is not in full view.",
    Doubt.STANDS_OUT: "Something stands out of the front of the body as a nose does.",
    Doubt.BROKEN: "Looking for a face took too long, or failed.",
}
_CERTAIN = "The machine is certain: it found one nose, in full view, with air before it."
_NONE = "The machine found no face: the body is wide up to its end, and nothing stands out of it as a nose does."


@require_safe
@access.guarded("imaging.review_pixels", trials_of)
def face_list(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Series that wait for a look at their mask, and what was decided lately."""
    waiting = selectors_faces.faces_listed(trial, at=timezone.now())
    free = [row for row in waiting if row.claim is None or row.claim.person == request.user]
    return render(
        request,
        "imaging/faces_list.html",
        {
            "trial": trial,
            "waiting": [(row, how_sure(row.review)) for row in waiting],
            "begin": free[0].review if free else None,
            "decided": [(one, said_of(one)) for one in selectors_faces.faces_decided(trial)[:20]],
            "last": _last(request, trial),
        },
    )


def how_sure(review: FaceReview) -> str:
    """How sure the machine is of what it proposes, and if it is not, why."""
    if review.doubt:
        return DOUBTS[Doubt(review.doubt)]
    return _CERTAIN if review.found else _NONE


def said_of(review: FaceReview) -> str:
    """What was decided, in words."""
    if review.state == FaceState.REFUSED:
        return "The series was set aside."
    said = review.decided or {}
    if "no_face" in said:
        return f"Left as they are: {forms_faces.NO_FACE[NoFace(said['no_face'])].lower()}."
    if "choice" not in said:
        return ""
    choice = said["choice"]
    if choice["shape"] == "plane":
        return "Everything before a plane is taken out."
    grown = choice["grow_mm"]
    return "The face is taken out, as proposed." if not grown else f"The face is taken out, {grown:+d} mm around it."


@require_safe
@access.guarded("imaging.review_pixels", selectors_faces.faces_seen_by)
def face_show(request: HttpRequest, review: FaceReview) -> HttpResponse:
    """One series, before and after."""
    trial, actor, at = review.site.trial, access.actor(request), timezone.now()
    waiting = selectors_faces.faces_waiting(trial)
    waits = waiting.filter(pk=review.pk).exists()
    review = masking.renew(review=review, at=at) if waits else review
    page = secrets.token_hex(8)
    held = claiming.claim(look=review, page=page, actor=actor, at=at) if waits and request.method == "GET" else None
    shown = portraying.shown(review=review, actor=actor, at=at) if waits or review.state == FaceState.DECIDED else None
    first = shown.first if shown else None
    initial = {"round": review.round, **(asdict(first) if first else {})}
    return render(
        request,
        "imaging/faces_show.html",
        {
            "review": review,
            "trial": trial,
            "waits": waits,
            "page": page,
            **_claimed(review, held, actor),
            "sure": how_sure(review),
            "said": said_of(review),
            "shown": shown,
            "first_query": urlencode(first.plain()) if first else "",
            "page_data": _page_data(review, shown) if shown else {},
            "depth": (-shown.half_mm[1] - 20, shown.half_mm[1] + 20) if shown else (),
            "heights": (-shown.half_mm[2] - 20, shown.half_mm[2] + 20) if shown else (),
            "images": masking.on_their_way(review).count(),
            "left": waiting.count(),
            "form": forms_faces.FaceForm(initial=initial),
            "reach": {"grow": forms_faces.GROW, "turn": (-forms_faces.TURN, forms_faces.TURN)},
            "no_face": forms_faces.NO_FACE,
            "refuse_url": reverse("imaging:face_refuse", args=[review.pk]),
            "refuse_form": forms_faces.RefuseForm(initial={"round": review.round}),
            "may_refuse": access.may(request.user, "imaging.resolve", review),
            "last": _last(request, trial),
        },
    )


def _page_data(review: FaceReview, shown: portraying.Shown) -> dict[str, Any]:
    """What the script of the page begins with."""
    return {
        "begin": shown.begin,
        "pictures": review.pictures,
        "first": shown.first.plain() if shown.first else {},
        "picture": reverse("imaging:face_picture", kwargs={"pk": review.pk, "number": shown.begin}),
        "surface": reverse("imaging:face_surface", args=[review.pk]),
        "share": reverse("imaging:face_share", args=[review.pk]),
    }


@require_POST
@access.guarded("imaging.review_pixels", selectors_faces.faces_seen_by)
def face_decide(request: HttpRequest, review: FaceReview) -> HttpResponse:
    """Decide, and open the series that waits next."""
    form, actor, at = forms_faces.FaceForm(request.POST), access.actor(request), timezone.now()
    try:
        if not form.is_valid():
            raise masking.FaceIncomplete("The decision could not be read. Set the mask again, and decide once more.")
        count = masking.decide(
            review=review,
            round=form.cleaned_data["round"],
            choice=form.choice,
            no_face=form.reason,
            actor=actor,
            at=at,
        )
    except masking.FaceIncomplete as problem:
        messages.error(request, problem.message)
        return redirect("imaging:face", pk=review.pk)
    except masking.FaceChanged as problem:
        messages.warning(request, problem.message)
    else:
        request.session["last_face"] = [review.pk, count]
    return _onwards(review, actor)


@require_POST
@access.guarded("imaging.review_pixels", selectors_faces.faces_seen_by)
def face_refuse(request: HttpRequest, review: FaceReview) -> HttpResponse:
    """Set the series aside, with a reason, and open the one that waits next."""
    form, actor, at = forms_faces.RefuseForm(request.POST), access.actor(request), timezone.now()
    if not form.is_valid():
        messages.error(request, "Nothing was set aside: it needs a reason.")
        return redirect("imaging:face", pk=review.pk)
    try:
        said = form.cleaned_data
        masking.refuse(review=review, round=said["round"], reason=said["reason"], actor=actor, at=at)
        messages.success(request, "The series is set aside. Its images are kept, and are not used.")
    except masking.FaceChanged as problem:
        messages.warning(request, problem.message)
    return _onwards(review, actor)


@require_POST
@access.guarded("imaging.review_pixels", selectors_faces.faces_seen_by)
def face_take_back(request: HttpRequest, review: FaceReview) -> HttpResponse:
    """Undo a decision, and show its series again."""
    try:
        masking.take_back(review=review, actor=access.actor(request), at=timezone.now())
    except HouseError as problem:
        messages.warning(request, problem.message)
        return redirect("imaging:faces", pk=review.site.trial_id)
    request.session.pop("last_face", None)
    return redirect("imaging:face", pk=review.pk)


@require_POST
@access.guarded("imaging.review_pixels", selectors_faces.faces_seen_by)
def face_claim(request: HttpRequest, review: FaceReview) -> HttpResponse:
    """The page says that somebody works on it, and shows who else has the series open."""
    actor, at = access.actor(request), timezone.now()
    held = claiming.claim(look=review, page=request.POST.get("page", "")[:32], actor=actor, at=at)
    return render(request, "imaging/_look_claim.html", _claimed(review, held, actor))


@require_POST
@access.guarded("imaging.review_pixels", selectors_faces.faces_seen_by)
def face_leave(request: HttpRequest, review: FaceReview) -> HttpResponse:
    """The page is left, so that the series is anybody's."""
    claiming.leave(look=review, page=request.POST.get("page", "")[:32], actor=access.actor(request))
    return HttpResponse()


@require_safe
@access.guarded("imaging.review_pixels", selectors_faces.faces_seen_by)
def face_picture(request: HttpRequest, review: FaceReview, number: int) -> HttpResponse:
    """One picture of the series as PNG, before, marked or after, kept by nobody; the look is recorded."""

    def made(form: forms_faces.ShownForm, **who: Any) -> bytes:
        return portraying.picture_png(review=review, number=number, show=form.cleaned_data["show"], **who)

    return _png(request, made)


@require_safe
@access.guarded("imaging.review_pixels", selectors_faces.faces_seen_by)
def face_surface(request: HttpRequest, review: FaceReview) -> HttpResponse:
    """The surface as PNG, before or after, kept by nobody; the look is recorded."""

    def made(form: forms_faces.ShownForm, **who: Any) -> bytes:
        said = form.cleaned_data
        return portraying.surface_png(review=review, turn=said["view"] or 0, show=said["show"], **who)

    return _png(request, made)


@require_safe
@access.guarded("imaging.review_pixels", selectors_faces.faces_seen_by)
def face_share(request: HttpRequest, review: FaceReview) -> HttpResponse:
    """How much of the body a mask takes, as a fragment."""
    form = forms_faces.MaskForm(request.GET)
    try:
        choice = form.choice if form.is_valid() else None
        share = portraying.share_of(review=review, choice=choice, actor=access.actor(request), at=timezone.now())
    except (ProposalLost, masking.FaceIncomplete) as problem:
        return _said(problem)
    return render(request, "imaging/_face_share.html", {"share": share})


def _png(request: HttpRequest, made: Any) -> HttpResponse:
    form = forms_faces.ShownForm(request.GET)
    if not form.is_valid():
        return HttpResponse("The picture asked for is not one of a series.", status=422, content_type="text/plain")
    try:
        png = made(form, choice=form.choice, actor=access.actor(request), at=timezone.now())
    except (NotRead, Refused, OriginalGone, ProposalLost, masking.FaceIncomplete) as problem:
        return _said(problem)
    return HttpResponse(png, content_type="image/png")


def _said(problem: HouseError) -> HttpResponse:
    return HttpResponse(problem.message, status=problem.status, content_type="text/plain; charset=utf-8")


def _onwards(review: FaceReview, actor: User) -> HttpResponse:
    after = selectors_faces.face_after(review, user=actor, at=timezone.now())
    return redirect("imaging:face", pk=after.pk) if after else redirect("imaging:faces", pk=review.site.trial_id)


def _claimed(review: FaceReview, held: Claim | None, actor: User) -> dict[str, Any]:
    """What the page says of somebody else who has the series open, and which one is free."""
    if held is None or held.person == actor:
        return {}
    free = selectors_faces.face_after(review, user=actor, at=timezone.now())
    return {
        "held": held,
        "what": "series",
        "free_url": reverse("imaging:face", args=[free.pk]) if free else "",
        "list_url": reverse("imaging:faces", args=[review.site.trial_id]),
    }


def _last(request: HttpRequest, trial: Trial) -> tuple[FaceReview, int] | None:
    """The person's last decision, while it can be taken back, and how many images it was about."""
    number, count = request.session.get("last_face", (0, 0))
    seen = selectors_faces.faces_decided(trial).filter(state=FaceState.DECIDED, decided_by=access.actor(request))
    review = seen.filter(pk=number).first()
    return (review, count) if review else None
