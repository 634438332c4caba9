"""How a state changes: one function locks the row, reads the life's table, asks access, writes and audits."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar

from django.db import models, transaction

from compliance import access, audit, signing
from compliance.announcing import announced
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
            access.require(actor, move.may, row, step=True)
        if move.reason and not reason.strip():
            raise ReasonRequired(f"The step “{verb}” of a {machine.name} needs a reason. Write one and try again.")
        if move.signature and signature is None:
            raise SignatureRequired(f"The step “{verb}” of a {machine.name} must be signed. Enter your password.")
        if signature is not None:
            signing.require_unchanged(row, signature)
        setattr(row, field, move.target)
        for name, value in changes.items():
            setattr(row, name, value)
        action = f"{row._meta.model_name}.{verb}"
        audit.save(row, action=action, actor=actor, at=at, reason=reason, thaw=thaw)
        if move.supersedes:
            signing.supersede(row, action=action, actor=actor, at=at)
        if signature is not None and actor is not None:
            signing.sign(row, signature, actor=actor, at=at)
    for changed in (field, *changes):
        setattr(record, changed, getattr(row, changed))
    return record


def advance_batch(
    records: models.QuerySet[R],
    verb: str,
    *,
    about: Record,
    at: dt.datetime,
    actor: User | None = None,
    field: str = "state",
    reason: str = "",
    **changes: Any,
) -> list[int]:
    """Move many records of one kind along their life's table at once; return their numbers.

    For moves without ceremony. A record that is not in a state from which the step starts is left alone: another
    worker has moved it. One event about what holds them lists the numbers and what was set.

    Parameters
    ----------
    records
        Which ones, as a question; they are read again and locked first.
    about
        What holds them, e.g. the delivery that brought them; the event is about it, and a person who moves them
        must have the right there. They belong to its site.
    actor
        Who moves them; None is the system, for moves whose row names no verb of `compliance.access`.

    Raises
    ------
    compliance.access.AccessDenied
    """
    machine = records.model.machines[field]
    move = machine.moves[verb]
    if move.reason or move.signature or move.supersedes:
        raise ValueError(f"the step {verb} of a {machine.name} is taken for one record at a time")
    if move.may is not None:
        access.require(actor, move.may, about, step=True)
    with transaction.atomic():
        open_to_it = records.filter(**{f"{field}__in": move.sources}).order_by("pk")
        numbers = list(open_to_it.select_for_update(of=("self",)).values_list("pk", flat=True))
        if not numbers:
            return []
        with announced():
            records.model._base_manager.filter(pk__in=numbers).update(**{field: move.target, **changes})
        plain = {
            name: value.pk if isinstance(value, models.Model) else audit.plain(value) for name, value in changes.items()
        }
        label = records.model._meta
        after = {field: str(move.target), **plain, "count": len(numbers), "kind": label.label_lower, "ids": numbers}
        audit.record(f"{label.model_name}.{verb}", about, actor=actor, at=at, after=after, reason=reason)
    return numbers
