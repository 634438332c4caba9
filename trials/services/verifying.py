"""An auditor has signatures verified, and that this was done is in the trail with what was found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from compliance import access, audit, verifying_signatures
from compliance.models import AuditEvent, Record, Signature, User
from compliance.verifying_signatures import Verified
from trials.models import Trial

VERIFIED = "signatures.verified"
#: Signatures that do not hold are named one by one up to here.
_TOLD = 20


@dataclass(frozen=True, slots=True)
class LastVerified:
    """What the last verification found: when, by whom, of how many, and what does not hold."""

    at: dt.datetime
    by: str
    signatures: int
    faults: int
    first: tuple[str, ...]


def verify_trial(*, trial: Trial, actor: User, at: dt.datetime) -> Verified:
    """Verify every signature that the trail knows of a trial.

    Raises
    ------
    compliance.access.AccessDenied, compliance.signature_seals.SealKeyMissing
    """
    access.require(actor, "trials.audit", trial)
    return _noted(trial, verifying_signatures.verify(trial_id=trial.pk), actor, at)


def verify_some(*, about: Record, signatures: Sequence[int], actor: User, at: dt.datetime) -> Verified:
    """Verify the signatures of these numbers, which a page shows of a record.

    Raises
    ------
    compliance.access.AccessDenied, compliance.signature_seals.SealKeyMissing
    """
    access.require(actor, "trials.audit", about)
    wanted = Signature.objects.filter(pk__in=signatures)
    return _noted(about, verifying_signatures.verify(wanted, trial_id=about.scope().trial_id), actor, at)


def _noted(about: Record, found: Verified, actor: User, at: dt.datetime) -> Verified:
    after = {
        "signatures": found.standing + found.superseded,
        "faults": len(found.faults),
        "first": [str(fault) for fault in found.faults[:_TOLD]],
    }
    audit.record(VERIFIED, about, actor=actor, at=at, after=after)
    return found


def last_verified(about: Record) -> LastVerified | None:
    """Return what was found last of a record; None before the first time."""
    event: AuditEvent | None = audit.history(about).filter(action=VERIFIED).first()
    if event is None:
        return None
    found = event.after or {}
    return LastVerified(event.at, event.actor_name, found["signatures"], found["faults"], tuple(found["first"]))
