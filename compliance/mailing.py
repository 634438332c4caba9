"""Mail that is not lost: a row beside what it tells of, a job that sends it, and a note of how that went.

A mail is sent once. Only a process that ends between the server's word and our note of it sends the mail again, under
the same Message-ID, by which servers and programs know it as the same.
"""

from __future__ import annotations

import datetime as dt
import smtplib
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction

from compliance import audit, jobs
from compliance.errors import HouseError
from compliance.faults import fault
from compliance.models import Mail, User

JOB = "compliance.send_mail"
#: A mail is given up after so many tries; with the pauses of a job between them that is a working day.
MOST_TRIES = 90
NO_ADDRESS = "No mail address is known for this person."


class MailNotFailed(HouseError):
    """A mail was to be sent again that waits, or was sent."""

    code = "mail_not_failed"
    status = 409


def post(
    *, to: User, kind: str, key: str, subject: str, body: str, at: dt.datetime, trial_id: int | None = None
) -> Mail | None:
    """Have a mail sent, in the caller's transaction; None if one of this key was asked for before."""
    mail = Mail(
        to=to,
        kind=kind,
        key=key,
        trial_id=trial_id,
        address=to.email,
        subject=subject,
        body=body,
        created_at=at,
        state=Mail.State.QUEUED if to.email else Mail.State.FAILED,
        error="" if to.email else NO_ADDRESS,
    )
    try:
        with transaction.atomic():
            mail.save()
    except IntegrityError:
        return None
    if to.email:
        jobs.enqueue(JOB, str(mail.pk), at=at, mail=mail.pk)
    return mail


def retry(*, mail: Mail, actor: User, at: dt.datetime) -> Mail:
    """Try a mail again that was given up, at the address that the person has now; the caller asks whether one may."""
    with transaction.atomic():
        row = Mail.objects.select_for_update().get(pk=mail.pk)
        if row.state != Mail.State.FAILED:
            raise MailNotFailed("The mail was not given up, so it is not sent again. Reload the page to see how it is.")
        if not row.to.email:
            raise MailNotFailed("The person still has no mail address. Add one to the account first.")
        row.state, row.error, row.address, row.tries = Mail.State.QUEUED, "", row.to.email, 0
        row.save()
        audit.record("mail.retried", row, actor=actor, at=at)
        jobs.enqueue(JOB, str(row.pk), at=at, mail=row.pk)
    return row


@jobs.handler(JOB)
def send(*, mail: int, at: dt.datetime) -> None:
    """Send one mail, unless that was done. A server that is away is tried again; a refusal for good is not."""
    row = Mail.objects.select_related("to").get(pk=mail)
    if row.state != Mail.State.QUEUED:
        return
    row.tries += 1
    row.save(update_fields=["tries"])
    message = EmailMessage(
        row.subject,
        row.body,
        settings.DEFAULT_FROM_EMAIL,
        [row.address],
        headers={"Message-ID": message_id(row), "Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except (OSError, ValueError, smtplib.SMTPException) as problem:
        # The text of an answer may quote anything, so only its kind and code are kept.
        row.error = _said(problem)
        if _for_good(problem) or row.tries >= MOST_TRIES:
            row.state = Mail.State.FAILED
            row.save(update_fields=["state", "error"])
            return
        row.save(update_fields=["error"])
        raise
    fault("mail.sent")
    row.state, row.sent_at, row.error = Mail.State.SENT, at, ""
    row.save(update_fields=["state", "sent_at", "error"])


def message_id(mail: Mail) -> str:
    """Return the identifier under which a mail is sent, each time the same."""
    return f"<mail.{mail.pk}.{mail.created_at:%Y%m%d%H%M%S}@{urlsplit(settings.PUBLIC_URL).hostname}>"


def address_of(path: str) -> str:
    """Return the address of a page as it stands in a mail."""
    return settings.PUBLIC_URL + path


def _codes(problem: Exception) -> list[int]:
    if isinstance(problem, smtplib.SMTPRecipientsRefused):
        return [code for code, _ in problem.recipients.values()]
    return [int(problem.smtp_code)] if isinstance(problem, smtplib.SMTPResponseException) else []


def _said(problem: Exception) -> str:
    codes = _codes(problem)
    return f"{type(problem).__name__} {codes[0]}" if codes else type(problem).__name__


def _for_good(problem: Exception) -> bool:
    """Tell whether the server refuses this very mail (RFC 5321 §4.2.1: 5yz), and not us for now.

    A sign-in that is refused is a setting of ours to be mended, so it is tried again.
    """
    if isinstance(problem, ValueError):
        # The address cannot stand in a mail's header.
        return True
    codes = _codes(problem)
    mine = isinstance(problem, smtplib.SMTPAuthenticationError | smtplib.SMTPConnectError | smtplib.SMTPHeloError)
    return bool(codes) and not mine and all(500 <= code < 600 for code in codes)
