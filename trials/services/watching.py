"""The audit trail is verified each night, and before a package leaves; what is not as it was written stops packages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction

from compliance import audit, chain, checkpoints, mailing, verifying
from compliance.errors import HouseError
from compliance.models import AuditEvent, AuditHead, User
from compliance.verifying import Damage, Kind
from trials.models import Role, Trial
from trials.selectors import members_with

VERIFIED, DAMAGED = "trail.verified", "trail.damaged"
KIND = "audit trail"

_NO_TRIAL = "Events of no trial"
_FORGED = "A checkpoint is not signed with a key of the trail, or was changed: {name}."
_WHAT_NOW = """No package is built or downloaded until it verifies. Keep the database as it is, run
"manage.py verify_audit", which says the same, and tell who is responsible for the installation.
"""


class TrailDamaged(HouseError):
    """Something was to leave whose audit trail is not what was written."""

    code = "trail_damaged"
    status = 409


def require_whole(trial: Trial) -> None:
    """Refuse what leaves a trial while its audit trail, or that of accounts and keys, does not verify.

    Raises
    ------
    TrailDamaged
    compliance.keys.KeyMissing
        A key of the trail lies there and cannot be read.
    """
    kept, forged = checkpoints.kept()
    report = verifying.verify(chains=[chain.NO_TRIAL, trial.pk], marks=checkpoints.marks(kept))
    if found := _said(report.damages, forged, {trial.pk: trial}):
        raise TrailDamaged(f"Nothing leaves, because the audit trail does not verify. {found[0]} Tell an auditor.")


@dataclass(frozen=True, slots=True)
class Look:
    """What the last nightly verification of a trial's trail found."""

    whole: bool
    said: str


def last_look(trial: Trial) -> Look | None:
    """Return what was found last; None before the first night."""
    events = AuditEvent.objects.filter(trial_id=trial.pk, action__in=(VERIFIED, DAMAGED))
    event = events.order_by("-pk").first()
    if event is None:
        return None
    found, when = event.after or {}, f"Verified on {event.at:%-d %B %Y at %H:%M} UTC"
    if event.action == VERIFIED:
        return Look(True, f"{when}: {found['events']} events are as they were written.")
    damage = Damage(trial.pk, Kind(found["kind"]), found["record"], found["event"])
    return Look(False, f"{when}. {damage.said(f'Trial {trial.code}')} No package leaves until it verifies.")


def verify_all(*, at: dt.datetime) -> bool:
    """Verify every chain; note the outcome in each trial's trail, and tell who answers for it of damage.

    Returns
    -------
    bool
        Whether the trail is what was written.
    """
    kept, forged = checkpoints.kept()
    report = verifying.verify(marks=checkpoints.marks(kept))
    trials = {trial.pk: trial for trial in Trial.objects.order_by("pk")}
    lengths = dict(AuditHead.objects.values_list("trial_id", "sequence"))
    damages = {damage.chain: damage for damage in report.damages}
    common = _said([damage for damage in report.damages if damage.chain not in trials], forged, trials)
    for number, trial in trials.items():
        damage = damages.get(number)
        with transaction.atomic():
            if damage:
                found = {"kind": damage.kind, "record": damage.sequence, "event": damage.event}
                audit.record(DAMAGED, trial, actor=None, at=at, after=found)
                _tell(_keepers() | _who_answer_for(trial), _said([damage], [], trials), at, trial)
            else:
                after = {"events": lengths.get(number, 0), "checkpoints": len(kept)}
                audit.record(VERIFIED, trial, actor=None, at=at, after=after)
    if common:
        with transaction.atomic():
            _tell(_keepers(), common, at)
    return not (report.damages or forged)


def _said(damages: Iterable[Damage], forged: Iterable[str], trials: Mapping[int, Trial]) -> list[str]:
    names = {number: f"Trial {trial.code}" for number, trial in trials.items()} | {chain.NO_TRIAL: _NO_TRIAL}
    return [
        *(damage.said(names.get(damage.chain, f"Trial number {damage.chain}")) for damage in damages),
        *(_FORGED.format(name=name) for name in forged),
    ]


def _keepers() -> set[User]:
    """Those who run the installation."""
    return set(User.objects.filter(is_staff=True, is_active=True))


def _who_answer_for(trial: Trial) -> set[User]:
    roles = (Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
    return {person for role in roles for person in members_with(trial, role).filter(is_active=True)}


def _tell(people: set[User], found: list[str], at: dt.datetime, trial: Trial | None = None) -> None:
    """Write to each of these people, once a day."""
    for person in sorted(people, key=lambda one: one.pk):
        mailing.post(
            to=person,
            kind=KIND,
            key=f"trail-{trial.pk if trial else 'common'}-{at:%Y%m%d}-{person.pk}",
            subject="The audit trail does not verify",
            body="\n".join(found) + f"\n\n{_WHAT_NOW}",
            at=at,
            trial_id=trial.pk if trial else None,
        )
