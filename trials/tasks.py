"""This room's doors for the queue."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from compliance import context
from trials.services import (
    alerting,
    amending,  # noqa: F401 - its jobs
    connecting,
    delegating,
    digesting,
    emergency,
    reminding,
    reviewing_access,
    reviewing_trail,
    training,
    watching,
)


@shared_task(name="trials.remind", ignore_result=True)
def remind() -> None:
    """Remind of queries, escalate what is late, and have the day's digests written; on the beat."""
    with context.surroundings("", "trials.remind"):
        reminding.remind(at=timezone.now())
        digesting.send_when_due(at=timezone.now())


@shared_task(name="trials.end_roles", ignore_result=True)
def end_roles() -> None:
    """End the roles whose time is over, and see to trainings that begin or lapse; on the beat, each minute."""
    with context.surroundings("", "trials.end_roles"):
        delegating.end_what_is_over(at=timezone.now())
        emergency.settle(at=timezone.now())
        training.settle(at=timezone.now())


@shared_task(name="trials.verify_trail", ignore_result=True)
def verify_trail() -> None:
    """Verify the audit trail, tell of rights that unblind, reviews that are due, tokens that end; each night."""
    with context.surroundings("", "trials.verify_trail"):
        watching.verify_all(at=timezone.now())
        alerting.tell_of_unblinding(at=timezone.now())
        reviewing_access.remind(at=timezone.now())
        reviewing_trail.remind(at=timezone.now())
        connecting.tell_of_ends(at=timezone.now())
