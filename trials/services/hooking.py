"""Webhooks: other systems are told of a trial's news, by messages that are signed, tried again, and kept.

News is what the trail records (`trials.webhooks.KINDS`); its message is written in the same transaction, and the job
outbox sends it. What may leave is asked of `trials.release` at each try.
"""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Collection

from django.db import transaction

from compliance import access, audit, jobs, keys, outcalls
from compliance.errors import HouseError
from compliance.models import AuditEvent, User
from trials import release, webhooks
from trials.models import Delivery, Site, Trial, Webhook
from trials.webhooks import BY_NAME, KINDS, Kind

JOB = "trials.deliver"
#: With the pauses of a job between them that is most of a working day.
MOST_TRIES = 90
#: Webhooks of a trial that are told at a time.
MOST = 10
ENDED = "The webhook was ended before it was sent"


class NotHooked(HouseError):
    """A webhook was not made or ended, or a message not sent again."""

    code = "not_hooked"
    status = 422


class NotTaken(HouseError):
    """The other system answered, and did not take the message."""

    code = "not_taken"
    status = 502


def make(*, trial: Trial, address: str, kinds: Collection[str], actor: User, at: dt.datetime) -> tuple[Webhook, str]:
    """Have an address told of some kinds of news; return the webhook with its secret, which is shown once.

    Raises
    ------
    NotHooked, compliance.outcalls.AddressRefused, compliance.outcalls.NoAnswer, compliance.access.AccessDenied
    """
    access.require(actor, "trials.administer", trial)
    known = {kind.name for kind in KINDS.values()}
    if not kinds or not known.issuperset(kinds):
        raise NotHooked("The webhook was not made: choose what it is told of.")
    outcalls.require_callable(address)
    with transaction.atomic():
        Trial.objects.select_for_update().get(pk=trial.pk)
        standing = Webhook.objects.filter(trial=trial, ended_at=None)
        if any(hook.kinds == sorted(kinds) for hook in standing.filter(address=address)):
            raise NotHooked("The webhook was not made: this address is told of the same already. End that one first.")
        if standing.count() >= MOST:
            raise NotHooked(f"The webhook was not made: a trial has up to {MOST}. End one first.")
        hook = Webhook(trial=trial, address=address, kinds=sorted(kinds), made_by=actor, made_at=at)
        audit.save(hook, action="webhook.made", actor=actor, at=at)
    return hook, webhooks.as_text(secret_of(hook))


def end(*, webhook: Webhook, actor: User, at: dt.datetime) -> Webhook:
    """Tell an address nothing more; what is on its way is not sent either.

    Raises
    ------
    NotHooked, compliance.access.AccessDenied
    """
    access.require(actor, "trials.administer", webhook.trial)
    with transaction.atomic():
        row = Webhook.objects.select_for_update().get(pk=webhook.pk)
        if row.ended_at:
            raise NotHooked("The webhook has ended already.")
        row.ended_by, row.ended_at = actor, at
        return audit.save(row, action="webhook.ended", actor=actor, at=at)


def test(*, webhook: Webhook, actor: User, at: dt.datetime) -> Delivery:
    """Send a test message.

    Raises
    ------
    NotHooked, compliance.access.AccessDenied
    """
    access.require(actor, "trials.administer", webhook.trial)
    with transaction.atomic():
        row = Webhook.objects.select_for_update().get(pk=webhook.pk)
        if row.ended_at:
            raise NotHooked("The webhook has ended, so nothing is sent to it.")
        audit.record("webhook.tested", row, actor=actor, at=at)
        return _send_soon(row, webhooks.TEST, "", None, at)


def send_again(*, delivery: Delivery, actor: User, at: dt.datetime) -> Delivery:
    """Send a message once more, whether it was taken or given up; under its own name, with a new time and signature.

    Raises
    ------
    NotHooked, compliance.access.AccessDenied
    """
    access.require(actor, "trials.administer", delivery.webhook.trial)
    with transaction.atomic():
        row = Delivery.objects.select_for_update().select_related("webhook").get(pk=delivery.pk)
        if row.state == Delivery.State.WAITING or row.webhook.ended_at:
            raise NotHooked("It is on its way, or its webhook has ended, so it is not sent again. Reload the page.")
        row.state, row.tries, row.answer = Delivery.State.WAITING, 0, ""
        row.save()
        audit.record("webhook.sent_again", row.webhook, actor=actor, at=at, after={"message": str(row.message)})
        jobs.enqueue(JOB, str(row.pk), at=at, delivery_id=row.pk)
    return row


def secret_of(webhook: Webhook) -> bytes:
    """Return the secret of a webhook, as it follows from the trial's key.

    Raises
    ------
    compliance.keys.KeyMissing
    """
    return hmac.digest(keys.of_trial(webhook.trial.code), f"webhook {webhook.name}".encode(), "sha256")


def tell(event: AuditEvent) -> None:
    """Write the messages that an event of the trail makes due, in its transaction."""
    kind = KINDS.get(event.action)
    if kind is None or event.trial_id is None:
        return
    site = ""
    for hook in Webhook.objects.filter(trial_id=event.trial_id, ended_at=None).select_related("trial"):
        if kind.name in hook.kinds:
            site = site or (Site.objects.get(pk=event.site_id).code if event.site_id else "")
            _send_soon(hook, kind, site, event.pk, event.at)


def _send_soon(hook: Webhook, kind: Kind, site: str, event_id: int | None, at: dt.datetime) -> Delivery:
    body = webhooks.written(kind, trial=hook.trial.code, site=site, at=at)
    made = Delivery.objects.create(webhook=hook, event_id=event_id, kind=kind.name, body=body, created_at=at)
    jobs.enqueue(JOB, str(made.pk), at=at, delivery_id=made.pk)
    return made


@jobs.handler(JOB)
def deliver(*, delivery_id: int, at: dt.datetime) -> None:
    """Send one message, unless it was taken; what fails is noted by its kind, and tried again."""
    row = Delivery.objects.select_related("webhook__trial").get(pk=delivery_id)
    if row.state != Delivery.State.WAITING:
        return
    if row.webhook.ended_at:
        row.state, row.answer = Delivery.State.FAILED, ENDED
        row.save()
        return
    row.tries += 1
    row.save(update_fields=["tries"])
    try:
        status = _delivered(row, at)
    except HouseError as problem:
        row.answer = str(problem) if isinstance(problem, NotTaken) else problem.message[:120]
        if row.tries >= MOST_TRIES:
            row.state = Delivery.State.FAILED
        row.save(update_fields=["answer", "state"])
        if row.state == Delivery.State.FAILED:
            return
        raise
    row.state, row.answered_at, row.answer = Delivery.State.SENT, at, f"HTTP {status}"
    row.save()


def _delivered(row: Delivery, at: dt.datetime) -> int:
    hook = row.webhook
    release.require(BY_NAME[row.kind].artefact, Trial.objects.get(pk=hook.trial_id))
    signed = webhooks.headers(secret_of(hook), message=str(row.message), body=row.body, at=at)
    status = outcalls.post(hook.address, row.body.encode(), signed)
    if not 200 <= status < 300:
        raise NotTaken(f"HTTP {status}")
    return status
