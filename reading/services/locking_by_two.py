"""A lock by two people, where the charter says so: one proposes by signature, a second signs the same content.

What is signed is a digest over every record that the lock closes. Whatever changes between the two signatures ends the
proposal, and both are asked anew.
"""

from __future__ import annotations

import datetime as dt
import hashlib

from django.apps import apps
from django.db import transaction

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import advance
from reading.services.locking import NotReady, lock_records, readiness
from trials import locked_rows, locked_sql
from trials.models import LockProposal, Role, Trial
from trials.states import ProposalState


class NotProposed(HouseError):
    """The charter asks for one person or another way, or the same person would sign twice."""

    code = "lock_not_proposed"
    status = 409


class ContentMoved(HouseError):
    """The trial is not what was proposed to be locked."""

    code = "content_changed"
    status = 409


def second_role(trial: Trial) -> Role | None:
    """Return the role whose signature the charter in force asks for beside the administrator's; None: no second one."""
    charter = trial.charter_in_force
    named = charter.terms.locking.second_signature if charter is not None else ""
    return Role(named) if named else None


def standing_proposal(trial: Trial) -> LockProposal | None:
    """Return the proposal that waits for the second signature; None if there is none."""
    return LockProposal.objects.filter(trial=trial, state=ProposalState.PROPOSED).first()


def content_of(trial: Trial) -> str:
    """Return the SHA-256 over every record of a trial that its lock closes, proposals left out."""
    said = hashlib.sha256()
    for model in locked_rows.guarded(apps):
        if model is LockProposal:
            continue
        way = locked_sql.way_of(model) or ()
        of_trial = {"__".join(key.name for key in way) or "pk": trial.pk}
        said.update(model._meta.label.encode())
        rows = model._base_manager.filter(**of_trial).order_by("pk").values_list()
        for row in rows.iterator(chunk_size=1000):
            said.update(repr(row).encode())
    return said.hexdigest()


def propose_lock(*, trial: Trial, signature: Intent, actor: User, at: dt.datetime) -> LockProposal:
    """Sign, as the first person, what the trial holds; nothing is locked before the second one signs the same.

    A proposal that still waited is outdated by this one.

    Raises
    ------
    NotProposed, reading.services.locking.NotReady
    compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "trials.lock", trial)
    if second_role(trial) is None:
        raise NotProposed(f"Trial {trial.code} is locked by one signature: its charter asks for no second one.")
    with transaction.atomic():
        fresh = Trial.objects.select_for_update().get(pk=trial.pk)
        if blockers := readiness(fresh):
            raise NotReady(fresh, blockers)
        if (before := standing_proposal(fresh)) is not None:
            advance(before, "outdate", actor=actor, at=at, reason="Proposed anew")
        made = LockProposal(trial=fresh, content_sha256=content_of(fresh), proposed_by=actor, proposed_at=at)
        audit.save(made, action="lockproposal.proposed", actor=actor, at=at)
        # What is signed was computed in the same step.
        signing.sign(made, signature.once_compared(), actor=actor, at=at)
    return made


def confirm_lock(*, proposal: LockProposal, signature: Intent, actor: User, at: dt.datetime) -> Trial:
    """Sign the same content as the second person, and lock the trial.

    Raises
    ------
    ContentMoved
        Something changed since it was proposed; the proposal is outdated, and both are asked anew.
    NotProposed
        The same person proposed it.
    reading.services.locking.NotReady, compliance.transitions.IllegalMove
    compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "trials.confirm_lock", proposal)
    code = proposal.trial.code
    if proposal.proposed_by_id == actor.pk:
        raise NotProposed(f"Trial {code} is not locked: you proposed it, so a second person has to sign.")
    with transaction.atomic():
        locked_rows.wait_for_writers(proposal.trial_id)
        fresh = Trial.objects.select_for_update().get(pk=proposal.trial_id)
        same = content_of(fresh) == proposal.content_sha256
        if same:
            if blockers := readiness(fresh):
                raise NotReady(fresh, blockers)
            advance(proposal, "confirm", actor=actor, at=at, signature=signature, confirmed_by=actor, confirmed_at=at)
            # Who signs second need not be one who may take the package; the administrator is.
            named = {"packed_for": proposal.proposed_by, "actor": actor}
            return lock_records(fresh, "lock_by_two", signature=signature.once_compared(), at=at, **named)
        advance(proposal, "outdate", actor=actor, at=at, reason="The trial changed after it was proposed")
    raise ContentMoved(
        f"Trial {code} was not locked: something in it changed after the lock was proposed. Its administrator proposes "
        "anew, and you sign what the trial holds then."
    )
