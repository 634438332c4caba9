"""Whether the training that a role asks for is complete: without it, the role does nothing (21 CFR 11.10 (i)).

Looking stays open. A person of several roles acts by any of those that let them whose training is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import reverse

from compliance import access, context
from compliance.errors import HouseError
from compliance.models import User
from trials.models import Membership, Role, RoleTraining, TrainingRecord

#: What is done to get the training itself.
OPEN = frozenset({"trials.train"})
_LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})


class TrainingNeeded(HouseError):
    """A role's training was not completed, or has lapsed."""

    code = "training_needed"
    status = 403


def standing(trainings: Sequence[RoleTraining], person: User) -> dict[int, TrainingRecord]:
    """Return the records of a person that hold, by the key of their training."""
    records = TrainingRecord.objects.filter(training__in=trainings, person=person, lapsed_at=None)
    return {one.training_id: one for one in records}


def require_trained(actor: User, verb: str, about: Any) -> None:
    """Refuse an act by roles whose training the person has not completed, or that has lapsed.

    Raises
    ------
    TrainingNeeded
    """
    request = context.request()
    if verb in OPEN or (request is not None and request.method in _LOOKING):
        return
    trial = about.scope().trial_id if hasattr(about, "scope") else None
    if trial is None:
        return
    begun = RoleTraining.objects.filter(trial=trial, begun_at__isnull=False, ended_at=None)
    trainings = list(begun.filter(role__in=access.held_by(verb)))
    if not trainings:
        return
    lacking = _lacking(actor, trial, verb, trainings)
    if lacking is None:
        return
    lapsed = TrainingRecord.objects.filter(training=lacking, person=actor).exclude(lapsed_at=None).exists()
    how = "which has lapsed" if lapsed else "which you have not completed"
    raise TrainingNeeded(
        f"Nothing was done. The role {Role(lacking.role).label} needs the training “{lacking.title}”, {how}: "
        "see “My training” in the menu of your name.",
        url=reverse("trials:training_complete", args=[lacking.pk]),
        link="Complete the training",
    )


def _lacking(actor: User, trial: int, verb: str, trainings: Sequence[RoleTraining]) -> RoleTraining | None:
    """Return the first training that the person lacks; None if a role that lets them act has what it asks for."""
    held = Membership.objects.filter(user=actor, trial=trial, ended_at=None, role__in=access.held_by(verb))
    if held.filter(emergency__isnull=False).exists():
        return None
    complete, first = standing(trainings, actor), None
    for role in sorted(set(held.values_list("role", flat=True))):
        lacked = [one for one in trainings if one.role == role and one.pk not in complete]
        if not lacked:
            return None
        first = first or lacked[0]
    return first
