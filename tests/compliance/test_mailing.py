"""Mail is a row beside what it tells of: never lost, sent once, and what went wrong stands in it."""

from __future__ import annotations

import smtplib
from pathlib import Path

import pytest
from django.core import mail as outbox
from django.core.mail import EmailMessage
from django.db import transaction

from compliance import jobs, mailing
from compliance.mailing import MailNotFailed
from compliance.models import Job, Mail, User
from tests.factories import AT, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-PRI-005")]


@pytest.fixture
def anna() -> User:
    user = make_user("anna")
    user.email = "anna@example.org"
    user.save()
    return user


def posted(to: User, key: str = "one") -> Mail | None:
    return mailing.post(to=to, kind="test", key=key, subject="Work waits", body="Three.", trial_id=1, at=AT)


def failing(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    def refuse(self: EmailMessage, fail_silently: bool = False) -> int:
        raise problem

    monkeypatch.setattr(EmailMessage, "send", refuse)


def due_now() -> None:
    """Let what waits for its next try be due."""
    Job.objects.filter(state=Job.State.QUEUED).update(not_before=AT)


def test_a_mail_goes_out_once_however_often_its_job_runs(anna):
    mail = posted(anna)
    assert outbox.outbox == []
    jobs.drain()
    mailing.send(mail=mail.pk, at=AT)
    (sent,) = outbox.outbox
    assert (sent.to, sent.subject, sent.body) == (["anna@example.org"], "Work waits", "Three.")
    assert sent.extra_headers == {"Message-ID": mailing.message_id(mail), "Auto-Submitted": "auto-generated"}
    stored = Mail.objects.get()
    assert (stored.state, stored.tries, stored.error) == ("sent", 1, "")
    assert stored.sent_at is not None


def test_the_same_mail_asked_for_twice_is_one_and_an_act_undone_leaves_none(anna):
    class Undone(Exception):
        pass

    with pytest.raises(Undone), transaction.atomic():
        posted(anna)
        raise Undone
    assert (Mail.objects.count(), Job.objects.count()) == (0, 0)
    assert posted(anna) is not None
    assert posted(anna) is None
    jobs.drain()
    assert len(outbox.outbox) == 1


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (ConnectionRefusedError("mail.example.org refused anna@example.org"), "ConnectionRefusedError"),
        (smtplib.SMTPServerDisconnected("anna"), "SMTPServerDisconnected"),
        (smtplib.SMTPDataError(451, b"anna: later"), "SMTPDataError 451"),
        (smtplib.SMTPAuthenticationError(535, b"who is anna"), "SMTPAuthenticationError 535"),
        (smtplib.SMTPRecipientsRefused({"a": (550, b"no"), "b": (451, b"later")}), "SMTPRecipientsRefused 550"),
    ],
)
def test_a_server_that_is_away_is_tried_again_until_it_takes_the_mail(anna, monkeypatch, problem, said):
    mail = posted(anna)
    with monkeypatch.context() as away:
        failing(away, problem)
        for _ in range(2):
            due_now()
            with pytest.raises(type(problem)):
                jobs.drain()
    stored = Mail.objects.get()
    # What the server said may name anybody, so it is not kept.
    assert (stored.state, stored.tries, stored.error) == ("queued", 2, said)
    due_now()
    jobs.drain()
    assert (Mail.objects.get(pk=mail.pk).state, len(outbox.outbox)) == ("sent", 1)


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (smtplib.SMTPRecipientsRefused({"anna@example.org": (550, b"nobody here")}), "SMTPRecipientsRefused 550"),
        (smtplib.SMTPDataError(554, b"spam"), "SMTPDataError 554"),
        (ValueError("newline in header"), "ValueError"),
    ],
)
def test_what_is_refused_for_good_is_given_up_and_tried_again_by_a_person(anna, monkeypatch, problem, said):
    mail = posted(anna)
    with monkeypatch.context() as refused:
        failing(refused, problem)
        jobs.drain()
    stored = Mail.objects.get()
    assert (stored.state, stored.error) == ("failed", said)
    anna.email = "anna@example.com"
    anna.save()
    mailing.retry(mail=stored, actor=anna, at=AT)
    jobs.drain()
    assert (Mail.objects.get(pk=mail.pk).state, outbox.outbox[0].to) == ("sent", ["anna@example.com"])
    with pytest.raises(MailNotFailed):
        mailing.retry(mail=stored, actor=anna, at=AT)


def test_a_mail_is_given_up_in_the_end(anna, monkeypatch):
    failing(monkeypatch, ConnectionRefusedError())
    mail = posted(anna)
    Mail.objects.update(tries=mailing.MOST_TRIES - 1)
    jobs.drain()
    assert Mail.objects.get(pk=mail.pk).state == "failed"


def test_a_process_that_ends_before_its_note_sends_again_under_the_same_identifier(anna, monkeypatch):
    class Ended(BaseException):
        pass

    def end(point: str) -> None:
        assert point == "mail.sent"
        raise Ended

    mail = posted(anna)
    with monkeypatch.context() as power_cut, pytest.raises(Ended):
        power_cut.setattr(mailing, "fault", end)
        mailing.send(mail=mail.pk, at=AT)
    mailing.send(mail=mail.pk, at=AT)
    assert len(outbox.outbox) == 2
    assert {sent.extra_headers["Message-ID"] for sent in outbox.outbox} == {mailing.message_id(mail)}


def test_who_has_no_address_is_told_nothing_and_the_list_says_so():
    ben = make_user("ben")
    mail = posted(ben)
    assert (mail.state, mail.error, Job.objects.count()) == ("failed", mailing.NO_ADDRESS, 0)
    with pytest.raises(MailNotFailed, match="no mail address"):
        mailing.retry(mail=mail, actor=ben, at=AT)


def test_without_a_server_mails_are_files(anna, settings, tmp_path: Path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    posted(anna)
    jobs.drain()
    (file,) = (tmp_path / "mail").iterdir()
    assert "Subject: Work waits" in file.read_text()


def test_a_mail_keeps_its_identifier(anna):
    mail = posted(anna)
    assert mailing.message_id(Mail.objects.get()) == mailing.message_id(mail)
    assert mailing.message_id(posted(anna, "two")) != mailing.message_id(mail)
