"""Uses of rights that can unblind are told once a day to those who answer for the trial."""

from __future__ import annotations

import datetime as dt

import pytest

from compliance import audit
from compliance.access import AccessDenied
from compliance.models import AuditEvent, Mail
from tests.factories import AT, World
from trials.models import Role
from trials.services import alerting, allocating

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ACS-033")]
NEXT_DAY = AT + dt.timedelta(days=1)


def test_an_arm_that_was_shown_is_told_the_next_day_once_and_the_mail_names_no_subject(world: World) -> None:
    subject = world.enrol(world.north, "NX-1", arm="ARM-QUARTZ-7")
    assert allocating.show_arm(subject=subject, actor=world.administrator, at=AT) == "ARM-QUARTZ-7"
    audit.record("site.identities_viewed", world.north, actor=world.coordinator, at=AT, after={"studies": 3})
    audit.record("site.identities_viewed", world.north, actor=world.coordinator, at=AT, after={"studies": 3})

    for _ in range(2):
        alerting.tell_of_unblinding(at=NEXT_DAY)

    mails = list(Mail.objects.filter(kind=alerting.KIND))
    assert {mail.to for mail in mails} == {world.founder, world.administrator, world.people[Role.AUDITOR]}
    assert len(mails) == len({mail.to for mail in mails})
    for mail in mails:
        assert "subject.arm_shown: once, by 1 person (the arm of a subject)." in mail.body
        assert "site.identities_viewed: 2 times, by 1 person" in mail.body
        assert f"/trials/{world.trial.pk}/access/" in mail.body
        assert not [word for word in ("NX-1", "ARM-QUARTZ-7", "NORTH") if word in mail.subject + mail.body]


def test_a_day_without_use_tells_nobody(world: World) -> None:
    audit.record("results.viewed", world.trial, actor=world.administrator, at=NEXT_DAY, after={})
    alerting.tell_of_unblinding(at=NEXT_DAY)
    assert not Mail.objects.filter(kind=alerting.KIND).exists()


def test_who_may_not_see_arms_is_shown_none_and_nothing_is_recorded(world: World) -> None:
    subject = world.enrol(world.north, "NX-1", arm="B")
    with pytest.raises(AccessDenied):
        allocating.show_arm(subject=subject, actor=world.analyst, at=AT)
    assert not AuditEvent.objects.filter(action="subject.arm_shown").exists()
