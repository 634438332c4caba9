"""What waits for a person in reading. The work of the blinded names no trial."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.urls import reverse

from compliance import access
from compliance.models import User
from compliance.worklists import Waiting, in_trial, own
from reading.models import CaseReference
from reading.pages_qualification import examined, people_of
from reading.selectors import adjudications_of, held_up_for_readers, tasks_of
from reading.selectors_consensus import meetings_of
from reading.selectors_people import given_against_exclusions
from reading.selectors_qualification import terms_of
from reading.selectors_real_time import clock_of, open_questions_of, outcomes_to_note
from reading.selectors_reviews import reviews_of
from reading.services.locking import readiness
from reading.services.locking_by_two import standing_proposal
from reading.services.unblinding import open_in as unblindings_to_assess
from reading.services.unlocking import needs_sponsor
from reading.states import (
    REAL_TIME,
    UNDECIDED,
    AdjudicationState,
    GlobalReviewState,
    Purpose,
    ReadState,
    ReferenceState,
)
from trials.models import Freeze, Trial, Unlock
from trials.selectors import is_locked
from trials.selectors_freezes import unconfirmed
from trials.selectors_unlocks import waiting_unlock
from trials.states import QcState, ReadingState, SubjectState
from trials.worklists import at


@own
def of_readers(user: User, trial: Trial | None, now: dt.datetime) -> Iterator[Waiting]:
    """Reads to do, under blinded codes."""
    if not access.may(user, "reading.read"):
        return
    tasks = tasks_of(user).exclude(purpose=Purpose.QUALIFICATION)
    if trial is not None:
        tasks = tasks.filter(timepoint__subject__trial=trial)
    ready = tasks.filter(state__in=(ReadState.ASSIGNED, ReadState.READING))
    count, first = ready.count(), ready.order_by("created_at").first()
    later = tasks.filter(state=ReadState.WAITING).count()
    waited_for = ready.filter(purpose__in=REAL_TIME).count()
    notes = [f"{waited_for} waited for at once"] if waited_for else []
    notes += [f"{later} more open as you go"] if later else []
    yield Waiting(
        "Reads to do",
        count,
        reverse("reading:worklist"),
        "eye",
        "warn" if waited_for else "read" if count else "ok",
        ", ".join(notes),
        first.created_at if first else None,
    )


@own
def of_reviewing_readers(user: User, trial: Trial | None, now: dt.datetime) -> Iterator[Waiting]:
    """Cases to go over as a whole, under blinded codes."""
    reviews = reviews_of(user).filter(state=GlobalReviewState.OPEN)
    if trial is not None:
        reviews = reviews.filter(subject__trial=trial)
    if first := reviews.order_by("opened_at").first():
        yield Waiting(
            "Global reviews to sign",
            reviews.count(),
            reverse("reading:review", args=[first.blinded_code]),
            "eye-check",
            "read",
            since=first.opened_at,
        )


@own
def of_meeting_readers(user: User, trial: Trial | None, now: dt.datetime) -> Iterator[Waiting]:
    """Cases to settle with the other reader; those that this person proposed wait for the other one."""
    cases = meetings_of(user).filter(state__in=UNDECIDED).exclude(proposed_by=user)
    if trial is not None:
        cases = cases.filter(subject__trial=trial)
    if first := cases.order_by("opened_at").first():
        yield Waiting(
            "Cases to settle with the other reader",
            cases.count(),
            reverse("reading:consensus", args=[first.blinded_code]),
            "gavel",
            "read",
            since=first.opened_at,
        )


@own
def of_those_examined(user: User, trial: Trial | None, now: dt.datetime) -> Iterator[Waiting]:
    """Cases to read before the trial's own, and what is to be acknowledged."""
    if not access.may(user, "reading.qualify"):
        return
    asked = [one for one in examined(user, now) if trial is None or one.trial_id == trial.pk]
    cases = tasks_of(user).filter(purpose=Purpose.QUALIFICATION, state__in=(ReadState.ASSIGNED, ReadState.READING))
    if trial is not None:
        cases = cases.filter(timepoint__subject__trial=trial)
    begin = sum(one.standing.may_begin for one in asked)
    count, first = begin + cases.count(), cases.order_by("created_at").first()
    if asked or count:
        note = "your reads wait for it" if any(not one.standing.is_open for one in asked) else ""
        yield Waiting(
            "Training and qualification",
            count,
            reverse("reading:qualification"),
            "target",
            "warn" if note else "ok",
            note,
            first.created_at if first else None,
        )


@own
def of_adjudicators(user: User, trial: Trial | None, now: dt.datetime) -> Iterator[Waiting]:
    """Cases to decide, under blinded codes."""
    if not access.may(user, "reading.adjudicate"):
        return
    cases = adjudications_of(user).filter(state=AdjudicationState.OPEN)
    if trial is not None:
        cases = cases.filter(subject__trial=trial)
    count, first = cases.count(), cases.order_by("opened_at").first()
    yield Waiting(
        "Adjudications to decide",
        count,
        reverse("reading:adjudications"),
        "gavel",
        "read" if count else "ok",
        since=first.opened_at if first else None,
    )


@in_trial
def of_managers(user: User, trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """Where the reading stands."""
    if is_locked(trial) or not access.may(user, "reading.manage", trial):
        return
    cleared = trial.subjects.exclude(state=SubjectState.CASE).filter(timepoints__qc_state=QcState.CLEARED)
    unread = cleared.exclude(timepoints__reading_state=ReadingState.READ).distinct().count()
    if held_up := held_up_for_readers(trial):
        note = "cleared, and nobody qualified is free" if terms_of(trial) else "cleared, and too few readers are free"
        yield Waiting("Timepoints without readers", len(held_up), at("reading:progress", trial), "users", "warn", note)
    yield from _of_qualification(trial, now)
    if count := unblindings_to_assess(trial):
        url = at("reading:unblindings", trial)
        yield Waiting("Unblindings to assess", count, url, "alert-triangle", "bad", "reported, and not closed")
    yield Waiting("Subjects in reading", unread, at("reading:progress", trial), "eye", "read")
    yield from _given_against_exclusions(trial)
    note = "ICC, kappa, Bland-Altman so far"
    yield Waiting("Reader agreement", None, at("reading:variability", trial), "scale", "info", note)


def _given_against_exclusions(trial: Trial) -> Iterator[Waiting]:
    """Unsigned reads whose readers were excluded after the draw; they are to be handed on."""
    found = given_against_exclusions(trial)
    if count := len(set(found.values_list("timepoint__subject", "slot"))):
        where = at("reading:people", trial)
        yield Waiting("Subjects with an excluded reader", count, where, "users", "warn", "to be handed on")


def _of_qualification(trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """References to approve, and people who failed and have no attempt left."""
    submitted = CaseReference.objects.filter(case__subject__trial=trial, state=ReferenceState.SUBMITTED)
    url = at("reading:qualification_trial", trial)
    if count := submitted.count():
        yield Waiting("References to approve", count, url, "target", "info")
    stuck = [row for row in people_of(trial, now) if row.standing.state == "failed" and not row.standing.may_begin]
    if stuck:
        yield Waiting("People who did not qualify", len(stuck), url, "circle-x", "warn", "no attempt left")


@in_trial
def of_clocks(user: User, trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """Reads on a clock that have no answer yet, for reading managers; outcomes to take note of, for their sites."""
    charter, page = trial.charter_in_force, at("reading:real_time", trial)
    if is_locked(trial) or charter is None or not charter.terms.real_time.any:
        return
    if access.may(user, "reading.manage", trial):
        still = list(open_questions_of(trial))
        late = sum(clock is not None and clock.is_overdue(now) for clock in map(clock_of, still))
        since = still[0].asked_at if still else None
        tone = "bad" if late else "warn" if still else "ok"
        yield Waiting("Reads on a clock", len(still), page, "clock", tone, f"{late} overdue" if late else "", since)
    elif access.may(user, "reading.take_note", trial):
        new = [one for one in outcomes_to_note(user) if one.timepoint.subject.trial_id == trial.pk]
        since = new[0].answered_at if new else None
        yield Waiting(
            "Outcomes to take note of", len(new), page, "eye-check", "warn" if new else "ok", "of reads at once", since
        )
    elif access.may(user, "reading.watch_real_time", trial) or (
        access.may(user, "reading.see_real_time", trial) and charter.terms.real_time.sponsor_sees
    ):
        yield Waiting("Reads on a clock", None, page, "clock", "info", "how they stand")


def _decides(user: User, unlock: Unlock) -> bool:
    """Tell whether the next step of an unlock is the person's."""
    verb = "trials.agree_to_unlock" if needs_sponsor(unlock) else "trials.approve_unlock"
    return unlock.asked_by_id != user.pk and access.may(user, verb, unlock)


def _confirms(user: User, freeze: Freeze) -> bool:
    """Tell whether the second signature on an interim lock is the person's."""
    return freeze.made_by_id != user.pk and access.may(user, "trials.confirm_lock", freeze)


@in_trial
def of_the_lock(user: User, trial: Trial, now: dt.datetime) -> Iterator[Waiting]:
    """What stands before the lock, and the package after it."""
    if not is_locked(trial) and access.may(user, "trials.administer", trial):
        left = len(readiness(trial))
        tone = "warn" if left else "ok"
        yield Waiting("Between here and the lock", left, at("reading:lock", trial), "lock", tone)
    if (proposal := standing_proposal(trial)) is not None and access.may(user, "trials.confirm_lock", trial):
        where = at("reading:lock_confirm", trial)
        yield Waiting("Lock to sign", 1, where, "lock", "warn", "proposed, the second signature", proposal.proposed_at)
    if (freeze := unconfirmed(trial)) is not None and _confirms(user, freeze):
        where = reverse("reading:freeze", args=[freeze.pk])
        yield Waiting("Interim lock to sign", 1, where, "lock", "warn", "made, the second signature", freeze.made_at)
    if (unlock := waiting_unlock(trial)) is not None and _decides(user, unlock):
        where = reverse("reading:unlock", args=[unlock.pk])
        yield Waiting("Lock to be taken off", 1, where, "lock-open", "warn", "asked, to be decided", unlock.asked_at)
    if is_locked(trial) and access.may(user, "trials.ask_unlock", trial):
        yield Waiting(
            "Locks taken off", None, at("reading:unlocks", trial), "lock-open", "info", "ask, and how it stands"
        )
    if is_locked(trial) and access.may(user, "reading.see_package", trial):
        note = "the database is locked"
        yield Waiting("Endpoint package", None, at("reading:package", trial), "package", "ok", note)
