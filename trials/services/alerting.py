"""Uses of rights that can unblind are told, once a day, to those who answer for the trial.

A mail says which right was used how often and by how many people, and nothing of a subject; the trail names each use.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.db import transaction
from django.db.models import Count
from django.urls import reverse

from compliance import access, mailing
from compliance.access import Right
from compliance.models import AuditEvent, User
from trials.models import Role, Trial
from trials.selectors import members_with

KIND = "rights that can unblind"
_SUBJECT = "Rights that can unblind were used"
_FOOT = """
Each use is an event of the audit trail. If one has told somebody what they are to be blinded to, have that assessed.
Who holds these rights, and the trail: {page}
"""


def tell_of_unblinding(*, at: dt.datetime) -> None:
    """Tell what was used on the day before, trial by trial; a second call on the same day tells nobody twice."""
    today = at.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = today - dt.timedelta(days=1)
    rights = [right for right in access.rights() if right.unblinds]
    events = AuditEvent.objects.filter(at__gte=day, at__lt=today, action__in=[one for r in rights for one in r.leaves])
    by_trial: dict[int, dict[str, tuple[int, int]]] = {}
    counted = events.exclude(trial_id=None).values("trial_id", "action").order_by("trial_id", "action")
    for found in counted.annotate(uses=Count("pk"), people=Count("actor", distinct=True)):
        assert found["trial_id"] is not None
        by_trial.setdefault(found["trial_id"], {})[found["action"]] = (found["uses"], found["people"])
    for trial in Trial.objects.filter(pk__in=by_trial).order_by("pk"):
        _tell(trial, _lines(rights, by_trial[trial.pk]), day.date(), at)


def _lines(rights: list[Right], uses: Mapping[str, tuple[int, int]]) -> list[str]:
    """Return a line for each event that was left; what several rights leave is told once."""
    lines = []
    for action, (count, people) in uses.items():
        told = " or ".join(right.unblinds for right in rights if action in right.leaves)
        who = "1 person" if people == 1 else f"{people} people"
        lines.append(f"{action}: {'once' if count == 1 else f'{count} times'}, by {who} ({told}).")
    return lines


def _tell(trial: Trial, lines: list[str], day: dt.date, at: dt.datetime) -> None:
    page = mailing.address_of(reverse("access", kwargs={"pk": trial.pk}))
    body = f"Trial {trial.code}, {day:%-d %B %Y}:\n\n" + "\n".join(lines) + "\n" + _FOOT.format(page=page)
    with transaction.atomic():
        for person in sorted(_who_answer_for(trial), key=lambda one: one.pk):
            key = f"unblinding-{trial.pk}-{day:%Y%m%d}-{person.pk}"
            mailing.post(to=person, kind=KIND, key=key, subject=_SUBJECT, body=body, at=at, trial_id=trial.pk)


def _who_answer_for(trial: Trial) -> set[User]:
    roles = (Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
    return {person for role in roles for person in members_with(trial, role).filter(is_active=True)}
