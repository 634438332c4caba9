"""The audit trail gets another key, and each chain says so under the one that it had."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import audit, chain, checkpoints, keys
from compliance.errors import HouseError
from compliance.models import AuditHead, User
from trials.models import Trial

CHANGED = "audit_key.changed"


class KeyNotChanged(HouseError):
    """The trail's key was to be changed where that cannot be."""

    code = "audit_key_not_changed"
    status = 409


def change_audit_key(*, reason: str, actor: User | None, at: dt.datetime) -> keys.AuditKey:
    """Make the next key of the audit trail; return it.

    The last word of each chain under the key that it had names the one that follows, by its fingerprint. The key is
    there once that is committed: whatever is recorded afterwards is chained with it, by every process. A checkpoint
    signed with it says where each chain stood. If the power fails in between, the old key stays; do it again.

    Parameters
    ----------
    reason
        Why, as the trail keeps it.
    actor
        Who does it; None is whoever runs the installation, at its command line.

    Raises
    ------
    KeyNotChanged
        There is no reason, no key yet, or somebody else just made the next one.
    KeyMissing
        A key of the trail cannot be read.
    OSError
        The key or the checkpoint cannot be written; what was done before that stands.
    """
    if not reason.strip():
        raise KeyNotChanged("The key of the audit trail was not changed: say why, the trail keeps it.")
    if not (known := keys.of_audit()):
        raise KeyNotChanged("The audit trail has no key yet: the first is made with the first event.")
    old, new = known[-1], keys.next_for_audit(known[-1])
    with transaction.atomic():
        of_none = AuditHead.objects.filter(trial_id=chain.NO_TRIAL).first() or AuditHead(trial_id=chain.NO_TRIAL)
        before, after = {"key": old.fingerprint}, {"key": new.fingerprint, "number": new.number}
        for about in (*Trial.objects.order_by("pk"), of_none):
            audit.record(CHANGED, about, actor=actor, at=at, before=before, after=after, reason=reason)
    try:
        keys.keep_for_audit(new)
    except FileExistsError as problem:
        raise KeyNotChanged("Somebody else just changed the key of the audit trail. See which there are.") from problem
    checkpoints.make(at=at)
    return new
