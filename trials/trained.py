"""Whether the training that a role asks for is complete: without it, the role does nothing (21 CFR 11.10 (i)).

Looking stays open. A person of several roles acts by any of those that let them whose training is complete. What is
asked from a day on is asked from its first second, and what lapses has lapsed at its time: the beat notes both later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from compliance import access
from compliance.errors import HouseError
from compliance.models import User
from trials.models import Membership, Role, RoleTraining, TrainingRecord

#: What is done to get the training itself.
OPEN = frozenset({"trials.train"})


class TrainingNeeded(HouseError):
    """A role's training was not completed, or has lapsed."""

    code = "training_needed"
    status = 403


def standing(trainings: Sequence[RoleTraining], person: User, at: dt.datetime) -> dict[int, TrainingRecord]:
    """Return the records of a person that hold, by the key of their training."""
    records = TrainingRecord.objects.filter(training__in=trainings, person=person, lapsed_at=None)
    return {one.training_id: one for one in records.filter(Q(until=None) | Q(until__gt=at))}


def require_trained(actor: User, verb: str, about: Any, at: dt.datetime) -> None:
    """Refuse an act by roles whose training the person has not completed, or that has lapsed.

    Raises
    ------
    TrainingNeeded
    """
    if verb in OPEN or not hasattr(about, "scope"):
        return
    trial, site = about.scope()
    begun = RoleTraining.objects.filter(trial=trial, asked_from__lte=at, ended_at=None)
    trainings = list(begun.filter(role__in=access.held_by(verb))) if trial is not None else []
    if not trainings:
        return
    held = Membership.in_force(at).filter(user=actor, trial=trial, role__in=access.held_by(verb))
    if site is not None:
        # A coordinator of another site is nobody here.
        held = held.filter(Q(site=None) | Q(site=site))
    lacking = _lacking(actor, held, trainings, at)
    if lacking is None:
        return
    lapsed = TrainingRecord.objects.filter(training=lacking, person=actor).exists()
    how = "which has lapsed" if lapsed else "which you have not completed"
    raise TrainingNeeded(
        f"Nothing was done. The role {Role(lacking.role).label} needs the training “{lacking.title}”, {how}: "
        "see “My training” in the menu of your name.",
        url=reverse("trials:training_complete", args=[lacking.pk]),
        link="Complete the training",
    )


def _lacking(
    actor: User, held: QuerySet[Membership], trainings: Sequence[RoleTraining], at: dt.datetime
) -> RoleTraining | None:
    """Return the first training that the person lacks; None if a role that lets them act has what it asks for."""
    if held.filter(emergency__isnull=False).exists():
        return None
    complete, first = standing(trainings, actor, at), None
    for role in sorted(set(held.values_list("role", flat=True))):
        lacked = [one for one in trainings if one.role == role and one.pk not in complete]
        if not lacked:
            return None
        first = first or lacked[0]
    return first
