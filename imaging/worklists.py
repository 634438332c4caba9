"""What waits for a person among the pictures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.db.models import Min, QuerySet
from django.urls import reverse

from compliance import access
from compliance.models import User
from compliance.worklists import Waiting, in_trial
from imaging.models import ReceivedInstance
from imaging.selectors import (
    HeldGroup,
    held_groups_seen_by,
    reopened,
    reviews_open,
    reviews_seen_by,
    timepoints_without_form,
)
from imaging.selectors_faces import faces_waiting
from imaging.selectors_pixels import looks_waiting
from imaging.selectors_qc import sent_back_at
from trials.models import Timepoint, Trial
from trials.selectors import is_locked, sites_coordinated_by, timepoints_seen_by
from trials.worklists import at


@in_trial
def of_coordinators(user: User, trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """Forms of the own sites, what QC sent back, scans back in QC, and deliveries that need a word."""
    own = sites_coordinated_by(user).filter(trial=trial)
    if is_locked(trial) or not own.exists():
        return
    unsigned = timepoints_without_form(timepoints_seen_by(user).filter(subject__site__in=own))
    count = unsigned.count()
    yield Waiting(
        "Transfer forms to sign",
        count,
        at("trials:home", trial),
        "signature",
        "warn" if count else "ok",
        since=_arrived(unsigned) if count else None,
    )
    if back := list(sent_back_at(own)):
        single = reverse("imaging:timepoint", kwargs={"pk": back[0].timepoint_id})
        url = single if len(back) == 1 else at("trials:home", trial)
        since = min(review.decided_at for review in back)
        yield Waiting("Sent back by QC", len(back), url, "arrow-back-up", "warn", "images or form again", since)
    if again := list(reopened(reviews_seen_by(user).filter(timepoint__subject__site__in=own))):
        single = reverse("imaging:timepoint", kwargs={"pk": again[0].timepoint_id})
        url = single if len(again) == 1 else at("trials:home", trial)
        since = min(review.opened_at for review in again)
        yield Waiting("Back in QC", len(again), url, "history", "warn", "reopened after it was cleared", since)
    sites = set(own)
    yield _held(trial, [group for group in held_groups_seen_by(user) if group.transfer.site in sites])


@in_trial
def of_analysts(user: User, trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """Rounds of QC to decide, deliveries held, and pixels and faces to look at."""
    if is_locked(trial):
        return
    if access.may(user, "imaging.review", trial):
        reviews = reviews_open(user).filter(timepoint__subject__trial=trial)
        waiting, again = list(reviews), reopened(reviews).count()
        yield Waiting(
            "Timepoints awaiting QC",
            len(waiting),
            at("imaging:qc", trial),
            "clipboard-check",
            "warn" if again else "info" if waiting else "ok",
            f"{again} reopened after clearance" if again else "",
            waiting[0].opened_at if waiting else None,
        )
        yield _held(trial, [group for group in held_groups_seen_by(user) if group.transfer.site.trial_id == trial.pk])
    if access.may(user, "imaging.review_pixels", trial):
        looks = looks_waiting(trial)
        count, first = looks.count(), looks.first()
        if count or _charter_says(trial, "pixels", "review"):
            yield Waiting(
                "Pixels to look at",
                count,
                at("imaging:looks", trial),
                "scan",
                "info" if count else "ok",
                "text in images",
                first.opened_at if first else None,
            )
        faces = faces_waiting(trial)
        count, oldest = faces.count(), faces.first()
        if count or _charter_says(trial, "faces", "mask", "review"):
            yield Waiting(
                "Face masks to look at",
                count,
                at("imaging:faces", trial),
                "eye-off",
                "info" if count else "ok",
                "series that may show a face",
                oldest.opened_at if oldest else None,
            )


def _arrived(timepoints: QuerySet[Timepoint]) -> dt.datetime | None:
    """When the first image of these timepoints arrived."""
    images = ReceivedInstance.objects.filter(timepoint__in=timepoints.values("pk"))
    first: dt.datetime | None = images.aggregate(first=Min("received_at"))["first"]
    return first


def _held(trial: Trial, groups: list[HeldGroup]) -> Waiting:
    waiting = [group for group in groups if not group.is_looked_at]
    return Waiting(
        "Deliveries held",
        len(waiting),
        at("imaging:quarantine", trial),
        "lock",
        "warn" if waiting else "ok",
        since=min((group.received_at for group in waiting), default=None),
    )


def _charter_says(trial: Trial, term: str, *values: str) -> bool:
    """Tell whether the recipe in force has one of these values."""
    charter = trial.charter_in_force
    return charter is not None and charter.terms.deidentification.get(term) in values
