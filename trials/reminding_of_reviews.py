"""Reviews that are due in every trial, once in so many days: who makes them is asked each week until one is made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction
from django.urls import reverse

from compliance import mailing
from trials.models import Role, Trial
from trials.selectors import members_with


@dataclass(frozen=True, slots=True)
class Reminder:
    """A kind of review: who makes it, on which page, and in which words they are asked."""

    kind: str
    key: str
    role: Role
    page: str
    subject: str
    what: Callable[[Trial], str]
    due_at: Callable[[Trial], dt.datetime]

    def send(self, at: dt.datetime) -> None:
        """Ask in the trials whose review is due."""
        for trial in Trial.objects.order_by("pk"):
            due = self.due_at(trial)
            if at >= due:
                self._ask(trial, due, (at - due).days // 7, at)

    def _ask(self, trial: Trial, due: dt.datetime, week: int, at: dt.datetime) -> None:
        page = mailing.address_of(reverse(self.page, args=[trial.pk]))
        with transaction.atomic():
            for person in members_with(trial, self.role).filter(is_active=True):
                mailing.post(
                    to=person,
                    kind=self.kind,
                    key=f"{self.key}-{trial.pk}-{due:%Y%m%d}-{week}-{person.pk}",
                    subject=self.subject,
                    body=f"{self.what(trial)} to be gone over and signed, due since {due:%-d %B %Y}.\n\n{page}\n",
                    trial_id=trial.pk,
                    at=at,
                )
