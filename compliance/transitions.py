"""How a state changes: one function locks the row, reads the life's table, asks access, writes and audits."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar

from django.db import transaction

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import Record, User

R = TypeVar("R", bound=Record)


class IllegalMove(HouseError):
    """The record is not in a state from which this step starts."""

    code = "illegal_move"
    status = 409


class ReasonRequired(HouseError):
    """The step needs a reason and none was given."""

    code = "reason_required"
    status = 422


class SignatureRequired(HouseError):
    """The step needs a signature and none was given."""

    code = "signature_required"
    status = 422


def advance(
    record: R,
    verb: str,
    *,
    actor: User | None,
    at: dt.datetime,
    field: str = "state",
    reason: str = "",
    signature: signing.Intent | None = None,
    thaw: bool = False,
    **changes: Any,
) -> R:
    """Move a record along its life's table, with the ceremony that the table's row asks for.

    Parameters
    ----------
    record
        The record to move; it is read again and locked first, and updated in place.
    verb
        The move's name in `record.machines[field]`.
    actor
        Who moves it; None is the system, for moves whose row names no verb of `compliance.access`.
    changes
        Other fields to set in the same step.

    Raises
    ------
    IllegalMove, ReasonRequired, SignatureRequired, compliance.access.AccessDenied
    """
    machine = record.machines[field]
    move = machine.moves[verb]
    with transaction.atomic():
        row = type(record)._base_manager.select_for_update().get(pk=record.pk)
        state = getattr(row, field)
        if state not in move.sources:
            raise IllegalMove(
                f"The {machine.name} could not take the step “{verb}”: it is {str(state).replace('_', ' ')}. "
                "Reload the page to see what happened to it."
            )
        if move.may is not None:
            access.require(actor, move.may, row)
        if move.reason and not reason.strip():
            raise ReasonRequired(f"The step “{verb}” of a {machine.name} needs a reason. Write one and try again.")
        if move.signature and signature is None:
            raise SignatureRequired(f"The step “{verb}” of a {machine.name} must be signed. Enter your password.")
        if signature is not None:
            signing.require_unchanged(row, signature)
        setattr(row, field, move.target)
        for name, value in changes.items():
            setattr(row, name, value)
        audit.save(row, action=f"{row._meta.model_name}.{verb}", actor=actor, at=at, reason=reason, thaw=thaw)
        if signature is not None and actor is not None:
            signing.sign(row, signature, actor=actor, at=at)
    for changed in (field, *changes):
        setattr(record, changed, getattr(row, changed))
    return record
