"""The audit trail is gone over part by part, what was found is signed, and it is asked for when it is due."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from compliance import access, audit, signing
from compliance.models import AuditEvent, AuditLink, Mail, User
from compliance.signing import ContentChanged, Intent, WrongPassword
from tests.factories import AT, PASSWORD, World
from tests.support.shown import shown_on
from trials.models import Role, TrailReview
from trials.services import reviewing_trail as service
from trials.services.reviewing_trail import Part, TrailNotReviewed

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-AUD-025")]

DAY = dt.timedelta(days=1)
LATER = AT + 3 * DAY
WHOLE = Part(AT.date(), AT.date())


def auditor(world: World) -> User:
    return world.people[Role.AUDITOR]


def review(world: World, **more: Any) -> TrailReview:
    said = {
        "part": WHOLE,
        "outcome": "nothing",
        "findings": "Looked for roles given at night; none",
        "signature": Intent(PASSWORD),
        "actor": auditor(world),
        **more,
    }
    return service.review_trail(trial=world.trial, **said, at=LATER)


def test_a_review_names_its_part_and_is_signed(world: World) -> None:
    audit.record("trial.looked", world.trial, actor=world.administrator, at=AT + DAY)
    events = AuditEvent.objects.filter(trial_id=world.trial.pk, at__lt=AT + DAY - dt.timedelta(hours=1))
    # The commit would link it; a test makes none.
    link = AuditLink.objects.create(event=events.latest("pk"), trial_id=world.trial.pk, sequence=7, mac="5e" * 32)

    made = review(world)

    assert (made.events, made.last_record) == (events.count(), str(link))
    stored = TrailReview.objects.get()
    assert signing.still_holds(signing.signatures_on(stored).get(), stored)
    stored.findings = "Otherwise"
    with pytest.raises(audit.RecordFrozen):
        audit.save(stored, action="trailreview.changed", actor=None, at=LATER)


def test_words_narrow_it(world: World) -> None:
    made = review(world, part=Part(AT.date(), AT.date(), "membership.granted"))
    assert made.events == AuditEvent.objects.filter(trial_id=world.trial.pk, action="membership.granted").count()
    counted = service.counted(world.trial, Part(AT.date(), AT.date(), "membership.granted"))
    assert [(act.action, act.count) for act in counted] == [("membership.granted", made.events)]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"part": Part(AT.date(), LATER.date())}, "has to be over"),
        ({"part": Part(AT.date() + DAY, AT.date())}, "before the first"),
        ({"findings": " "}, "what you found"),
        ({"outcome": "perhaps"}, "what you found"),
    ],
    ids=["today", "no day", "no words", "no outcome"],
)
def test_what_cannot_be_signed_is_refused(world: World, wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(TrailNotReviewed, match=why):
        review(world, **wrong)
    assert not TrailReview.objects.exists()


def test_a_trail_that_is_another_than_was_shown_is_not_signed(world: World) -> None:
    seen = signing.digest(service.shown(world.trial, WHOLE).shown_content())
    audit.record("trial.looked", world.trial, actor=world.administrator, at=AT)
    with pytest.raises(ContentChanged):
        review(world, signature=Intent(PASSWORD, shown_sha256=seen))


def test_only_an_auditor_reviews_and_signs_with_the_own_password(world: World) -> None:
    for person in (world.administrator, world.analyst, world.outsider):
        with pytest.raises(access.AccessDenied):
            review(world, actor=person)
    with pytest.raises(WrongPassword):
        review(world, signature=Intent("wrong"))


def test_the_next_part_begins_after_the_last_and_ends_yesterday(world: World) -> None:
    assert service.proposed(world.trial, LATER) == Part(world.trial.created_at.date(), LATER.date() - DAY)
    review(world)
    assert service.proposed(world.trial, LATER) == Part(AT.date() + DAY, LATER.date() - DAY)


def test_it_is_asked_for_once_a_week_from_the_day_it_is_due(world: World) -> None:
    due = service.due_at(world.trial)
    assert due == world.trial.created_at + settings.TRAIL_REVIEW_DAYS * DAY
    service.remind(at=due - DAY)
    assert not Mail.objects.filter(kind=service.KIND).exists()
    for at in (due, due + DAY, due + 7 * DAY):
        service.remind(at=at)
    assert [mail.to for mail in Mail.objects.filter(kind=service.KIND)] == [auditor(world)] * 2


def test_the_pages_review_and_show_what_was_signed(world: World) -> None:
    page, trial = Client(), world.trial.pk
    page.force_login(auditor(world))
    day = AT.date().isoformat()
    new = f"/trials/{trial}/trail-reviews/new/?first_on={day}&last_on={day}&words=membership"
    assert page.get(new.replace(f"last_on={day}", "last_on=2999-01-01")).status_code == 422
    shown = page.get(new).content.decode()
    assert f'href="/trials/{trial}/audit/?first_on={day}&amp;last_on={day}&amp;q=membership"' in shown
    said = {"outcome": "followed", "findings": "One role too many", "shown_sha256": shown_on(page, new)}
    assert page.post(new, said).status_code == 422
    assert page.post(new, {**said, "password": PASSWORD}).status_code == 302
    twice = page.post(new, {**said, "password": PASSWORD})
    assert (twice.status_code, "You signed this very review" in twice.content.decode()) == (422, True)

    made = TrailReview.objects.get()
    assert f'href="/trials/trail-reviews/{made.pk}/"' in page.get(f"/trials/{trial}/trail-reviews/").content.decode()
    assert "One role too many" in page.get(f"/trials/trail-reviews/{made.pk}/").content.decode()


def test_the_page_of_the_trail_shows_the_days_that_are_asked_for(world: World) -> None:
    page = Client()
    page.force_login(auditor(world))
    audit.record("trial.looked", world.trial, actor=world.administrator, at=AT + 40 * DAY)
    address = f"/trials/{world.trial.pk}/audit/"
    day = (AT + 40 * DAY).date().isoformat()
    assert len(page.get(address, {"first_on": day, "last_on": day}).context["page"].object_list) == 1
    for odd in ("no day", "2026-02-31", "0001-01-01", "9999-12-31"):
        assert page.get(address, {"first_on": odd, "last_on": odd}).status_code == 200


def test_a_review_of_some_words_is_made_besides_and_puts_nothing_off(world: World) -> None:
    due = service.due_at(world.trial)
    review(world, part=Part(AT.date(), AT.date(), "membership"))
    assert service.due_at(world.trial) == due
    assert service.proposed(world.trial, LATER).first_on == world.trial.created_at.date()
    review(world)
    assert service.due_at(world.trial) == LATER + settings.TRAIL_REVIEW_DAYS * DAY
