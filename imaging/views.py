"""Pages of the pictures: deliveries, quarantine, quality control."""

from __future__ import annotations

import uuid
from dataclasses import asdict

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access, audit, keys
from compliance.policy import draws_pictures
from imaging import forms, selectors, selectors_qc
from imaging.models import FaceReview, PixelReview, Transfer
from imaging.selectors_faces import first_face_in
from imaging.selectors_outside import is_lent
from imaging.selectors_pixels import first_look_in
from imaging.services import following, resolving, retaining
from imaging.stages import stage_of
from imaging.states import UNDECIDED, ReceivedState
from imaging.views_form import form_on_page
from trials.models import Timepoint, Trial
from trials.pages import queries_on_page
from trials.schedule import date_of
from trials.selectors import sites_coordinated_by, timepoints_seen_by, trials_of


@require_safe
@access.guarded("imaging.see_transfers", timepoints_seen_by)
def timepoint_show(request: HttpRequest, timepoint: Timepoint) -> HttpResponse:
    """A timepoint: what is expected, what came, what the checks found, and what is asked."""
    review = selectors.reviews_of(timepoint).first()
    series = list(selectors.series_of(timepoint))
    first, last = timepoint.window
    page = render(
        request,
        "imaging/timepoint_show.html",
        {
            "timepoint": timepoint,
            "subject": timepoint.subject,
            "trial": timepoint.trial,
            "terms": timepoint.charter.terms,
            "series": series,
            "labels": {one.label for one in series},
            "window_words": f"Study days {first} to {last}, expected {timepoint.expected_on:%-d %B %Y}",
            "review": review,
            "qc_waits": review is not None and review.state in UNDECIDED,
            "rounds": selectors_qc.rounds_of(timepoint),
            "transfers": selectors.transfers_of(timepoint),
            "later": selectors.later_arrival(timepoint),
            **form_on_page(timepoint),
            **queries_on_page(access.actor(request), timepoint, timepoint.trial, timezone.now()),
            "may_upload": access.may(request.user, "imaging.upload", timepoint),
            "may_review": access.may(request.user, "imaging.review", timepoint),
            "may_see_images": access.may(request.user, "imaging.see_images", timepoint),
            "stage": stage_of(timepoint, access.actor(request)),
            "events": audit.history(timepoint)[:50],
        },
    )
    return draws_pictures(page)


@require_safe
@access.guarded("imaging.upload", timepoints_seen_by)
def upload(request: HttpRequest, timepoint: Timepoint) -> HttpResponse:
    """Where a coordinator drops a folder, files or a ZIP for a timepoint, and is told what the charter expects."""
    subject, terms = timepoint.subject, timepoint.charter.terms
    window = [date_of(day, subject.reference_date) for day in timepoint.window]
    here = set(selectors.series_of(timepoint).values_list("label", flat=True))
    return render(
        request,
        "imaging/upload.html",
        {
            "timepoint": timepoint,
            "subject": subject,
            "trial": timepoint.trial,
            **form_on_page(timepoint),
            "terms": terms,
            "window": window,
            "expected": {
                "subject": subject.code,
                "window": {"from": window[0].isoformat(), "to": window[1].isoformat()},
                "series": [asdict(one) | {"here": one.label in here} for one in terms.series],
            },
            "unfinished": selectors.unfinished_uploads(timepoint, access.actor(request)),
            "nobody": uuid.UUID(int=0),
            "chunk_bytes": settings.UPLOAD_CHUNK_BYTES,
            "most_bytes": settings.UPLOAD_MAX_BYTES,
        },
    )


@require_safe
@access.guarded("imaging.see_transfers", trials_of)
def transfer_list(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Deliveries of the trial that the person may see, newest first."""
    seen = selectors.transfers_seen_by(access.actor(request)).filter(site__trial=trial)
    return render(
        request,
        "imaging/transfer_list.html",
        {
            "trial": trial,
            "transfers": selectors.with_counts(seen).order_by("-opened_at", "-pk")[:200],
            "under_way": seen.filter(instances__state=ReceivedState.RECEIVED).exists(),
            "own_sites": sites_coordinated_by(access.actor(request)).filter(trial=trial),
            "waits_for_key": not keys.are_readable(trial.code),
            "may_see_proof": access.may(request.user, "imaging.see_proof", trial),
            "may_lend": access.may(request.user, "imaging.see_images", trial) and is_lent(trial),
        },
    )


@require_safe
@access.guarded("imaging.see_transfers", selectors.transfers_seen_by, by="public_id")
def transfer_show(request: HttpRequest, transfer: Transfer) -> HttpResponse:
    """One delivery: received, indexed, matched, de-identified, checked, or why not."""
    return render(
        request,
        "imaging/transfer_show.html",
        {
            "transfer": transfer,
            "trial": transfer.site.trial,
            "followed": following.follow(transfer),
            "may_resolve": access.may(request.user, "imaging.resolve", transfer),
            **_first_looks(request, transfer),
            "originals": retaining.standing_of_transfer(transfer),
            "events": audit.history(transfer)[:20],
        },
    )


@require_safe
@access.guarded("imaging.see_transfers", selectors.transfers_seen_by, by="public_id")
def transfer_status(request: HttpRequest, transfer: Transfer) -> HttpResponse:
    """The same as a fragment that a page under way asks for again and again."""
    return render(
        request,
        "imaging/_recognised.html",
        {
            "transfer": transfer,
            "followed": following.follow(transfer),
            "may_resolve": access.may(request.user, "imaging.resolve", transfer),
            **_first_looks(request, transfer),
        },
    )


def _first_looks(request: HttpRequest, transfer: Transfer) -> dict[str, PixelReview | FaceReview | None]:
    """The image of a delivery whose pixels, and the series whose mask, this person may look at now."""
    if not access.may(request.user, "imaging.review_pixels", transfer):
        return {}
    return {"look": first_look_in(transfer), "face": first_face_in(transfer)}


@require_safe
@access.guarded("imaging.see_transfers", trials_of)
def quarantine(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What waits, with its reason, and what can be done about it."""
    person = access.actor(request)
    groups = [group for group in selectors.held_groups_seen_by(person) if group.transfer.site.trial_id == trial.pk]
    return render(
        request,
        "imaging/quarantine.html",
        {
            "trial": trial,
            "groups": groups,
            "timepoints": selectors.timepoints_open_to_images(person, trial),
            "may_resolve": access.may(request.user, "imaging.resolve", trial),
            "may_look": access.may(request.user, "imaging.review_pixels", trial),
        },
    )


@require_POST
@access.guarded("imaging.resolve", selectors.transfers_seen_by, by="public_id")
def held_resolve(request: HttpRequest, transfer: Transfer) -> HttpResponse:
    """Give held instances of one series set their subject and timepoint, and try again."""
    person = access.actor(request)
    open_to_images = selectors.timepoints_open_to_images(person, transfer.site.trial)
    form = forms.ResolveForm(request.POST, timepoints=open_to_images.filter(subject__site=transfer.site))
    if form.is_valid():
        resolving.resolve_held(
            transfer=transfer,
            instances=selectors.held_in(transfer, request.POST.get("study", ""), request.POST.get("held_for", "")),
            timepoint=form.cleaned_data["timepoint"],
            actor=person,
            at=timezone.now(),
        )
        messages.success(request, "The images are being tried again under the timepoint you chose.")
    else:
        messages.error(request, "Choose the subject and timepoint to which the images belong.")
    return redirect("imaging:quarantine", pk=transfer.site.trial_id)


@require_POST
@access.guarded("imaging.resolve", selectors.transfers_seen_by, by="public_id")
def held_discard(request: HttpRequest, transfer: Transfer) -> HttpResponse:
    """Set held instances aside for good, with a reason; the bytes stay by the retention rule."""
    resolving.discard_held(
        instances=selectors.held_in(transfer, request.POST.get("study", ""), request.POST.get("held_for", "")),
        reason=request.POST.get("reason", ""),
        actor=access.actor(request),
        at=timezone.now(),
    )
    messages.success(request, "The images are set aside. They are kept, and are not used.")
    return redirect("imaging:quarantine", pk=transfer.site.trial_id)
