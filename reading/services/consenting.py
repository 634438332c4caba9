"""Consenting: the two readers of a discordant case meet, one proposes which read counts, and the other confirms it."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import access
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import advance
from reading import signals
from reading.models import Adjudication
from reading.services.adjudicating import slot_shown


class OwnProposal(HouseError):
    """Who proposed a result does not answer the proposal too."""

    code = "own_proposal"
    status = 409


def propose(
    *, adjudication: Adjudication, choice: str, rationale: str, signature: Intent, actor: User, at: dt.datetime
) -> Adjudication:
    """Propose the read that counts, with a rationale and a signature; nothing counts before the other reader signs.

    Parameters
    ----------
    choice
        "left" or "right", as the two reads were shown.

    Raises
    ------
    reading.services.adjudicating.UnknownChoice
    compliance.transitions.ReasonRequired, compliance.transitions.IllegalMove
    compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    return advance(
        adjudication,
        "propose",
        actor=actor,
        at=at,
        reason=rationale,
        signature=signature,
        proposed_by=actor,
        proposal={"slot": slot_shown(adjudication, choice), "rationale": rationale.strip()},
    )


def confirm(*, adjudication: Adjudication, signature: Intent, actor: User, at: dt.datetime) -> Adjudication:
    """Confirm what the other reader proposed, with an own signature: from then on it is the result.

    Raises
    ------
    OwnProposal
    compliance.transitions.IllegalMove, compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "reading.meet", adjudication)
    with transaction.atomic():
        row = _answered_by(adjudication, actor)
        advance(
            adjudication,
            "confirm",
            actor=actor,
            at=at,
            signature=signature,
            chosen_slot=row.proposal.get("slot"),
            rationale=row.proposal.get("rationale", ""),
            decided_at=at,
        )
        transaction.on_commit(
            lambda: signals.adjudication_decided.send(sender=Adjudication, adjudication=adjudication, at=at)
        )
    return adjudication


def send_back(*, adjudication: Adjudication, reason: str, actor: User, at: dt.datetime) -> Adjudication:
    """Send back what the other reader proposed, with a reason; either of the two may propose again.

    Raises
    ------
    OwnProposal
    compliance.transitions.ReasonRequired, compliance.transitions.IllegalMove, compliance.access.AccessDenied
    """
    access.require(actor, "reading.meet", adjudication)
    with transaction.atomic():
        _answered_by(adjudication, actor)
        return advance(
            adjudication,
            "send_back",
            actor=actor,
            at=at,
            reason=reason,
            proposed_by=None,
            proposal={},
            sent_back=reason.strip()[:1000],
        )


def _answered_by(adjudication: Adjudication, actor: User) -> Adjudication:
    """Lock a case whose proposal is answered, and return it as it is now: proposed by somebody else."""
    row = Adjudication.objects.select_for_update().get(pk=adjudication.pk)
    if row.proposed_by_id == actor.pk:
        raise OwnProposal(f"Case {row.blinded_code} waits for the other reader: you proposed the result yourself.")
    return row
