"""Who has which role is gone over role by role, signed, and asked for when it is due."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from compliance import access, audit, signing
from compliance.models import AuditEvent, Mail, User
from compliance.signing import ContentChanged, Intent, WrongPassword
from tests.factories import AT, PASSWORD, World
from tests.support.shown import shown_on
from trials.models import AccessReview, Membership, Role
from trials.selectors import site_token, trials_of
from trials.services import connecting, setting_up
from trials.services import reviewing_access as service
from trials.services.reviewing_access import NotReviewed, Verdict

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ACS-043")]

DAY = dt.timedelta(days=1)


def held_by(world: World, person: User) -> Membership:
    return Membership.objects.get(trial=world.trial, user=person, ended_at=None)


def verdicts(world: World, **more: Verdict) -> dict[int, Verdict]:
    """Everybody keeps their role but those named here, by user name."""
    return {
        one.pk: more.get(one.user.username.replace("-", "_"), Verdict("keep"))
        for one in service.roles_held(world.trial)
    }


def review(world: World, **more: Any) -> AccessReview:
    said = {"verdicts": verdicts(world), "signature": Intent(PASSWORD), "actor": world.administrator, **more}
    return service.review_access(trial=world.trial, **said, at=AT)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_what_is_revoked_ends_with_the_signature_and_the_rest_is_kept(world: World) -> None:
    gone = world.people[Role.SPONSOR]
    before = len(service.roles_held(world.trial))

    made = review(world, verdicts=verdicts(world, sponsor=Verdict("revoke", "Left the sponsor")))

    assert (len(made.roles), made.revoked) == (before, 1)
    assert world.trial not in trials_of(gone)
    assert Membership.objects.filter(trial=world.trial, ended_at=None).count() == before - 1
    assert AuditEvent.objects.get(action="membership.ended").reason == "Access review: Left the sponsor"
    row = next(one for one in made.roles if one["user_name"] == gone.username)
    assert (row["role"], row["verdict"], row["note"]) == ("sponsor", "revoke", "Left the sponsor")
    stored = AccessReview.objects.get()
    assert signing.still_holds(signing.signatures_on(stored).get(), stored)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Verdict(""), "kept or revoked"),
        (Verdict("perhaps"), "kept or revoked"),
        (Verdict("revoke", " "), "say why"),
    ],
    ids=["none", "another word", "no reason"],
)
def test_each_role_needs_a_verdict_and_each_that_ends_a_reason(world: World, said: Verdict, why: str) -> None:
    with pytest.raises(NotReviewed, match=why):
        review(world, verdicts=verdicts(world, sponsor=said))
    assert not AccessReview.objects.exists()


def test_a_role_that_was_left_out_is_named(world: World) -> None:
    left_out = verdicts(world)
    del left_out[held_by(world, world.analyst).pk]
    with pytest.raises(NotReviewed, match=str(world.analyst)):
        review(world, verdicts=left_out)


def test_nobody_revokes_their_own(world: World) -> None:
    own = world.administrator.username.replace("-", "_")
    with pytest.raises(NotReviewed, match="of your own"):
        review(world, verdicts=verdicts(world, **{own: Verdict("revoke", "I leave")}))


def test_a_role_given_meanwhile_makes_the_review_stale(world: World) -> None:
    seen = signing.digest(service.shown_content(world.trial, service.roles_held(world.trial)))
    said = verdicts(world)
    setting_up.grant_membership(
        trial=world.trial, user=world.outsider, role=Role.AUDITOR, actor=world.administrator, at=AT
    )
    with pytest.raises(ContentChanged):
        review(world, verdicts=said, signature=Intent(PASSWORD, shown_sha256=seen))


def test_only_an_administrator_reviews_and_signs_with_the_own_password(world: World) -> None:
    for person in (world.people[Role.AUDITOR], world.analyst, world.outsider):
        with pytest.raises(access.AccessDenied):
            review(world, actor=person)
    with pytest.raises(WrongPassword):
        review(world, signature=Intent("wrong"))
    assert not AccessReview.objects.exists()


def test_a_signed_review_is_kept_as_it_was(world: World) -> None:
    made = review(world)
    made.roles = []
    with pytest.raises(audit.RecordFrozen):
        audit.save(made, action="accessreview.changed", actor=None, at=AT)


def test_who_is_told_that_roles_changed_keeps_what_was_typed_and_signs_what_the_page_shows_now(world: World) -> None:
    page, new = signed_in(world.administrator), f"/trials/{world.trial.pk}/access-reviews/new/"
    noted = held_by(world, world.coordinator).pk
    said = {f"verdict_{pk}": one.verdict for pk, one in verdicts(world).items()}
    said |= {f"note_{noted}": "Asked the hospital", "password": PASSWORD, "shown_sha256": shown_on(page, new)}
    left = held_by(world, world.people[Role.SPONSOR])
    setting_up.end_membership(membership=left, reason="Left", actor=world.founder, at=AT)

    told = page.post(new, said)
    assert (told.status_code, told.context["problem"].code) == (409, "content_changed")
    assert told.context["form"][f"note_{noted}"].value() == "Asked the hospital"
    assert page.post(new, said).status_code == 409
    assert page.post(new, {**said, "shown_sha256": told.context["form"]["shown_sha256"].value()}).status_code == 302


def test_people_may_sign_in_while_the_page_is_open_and_what_is_sent_twice_is_one_review(world: World) -> None:
    page, new = signed_in(world.administrator), f"/trials/{world.trial.pk}/access-reviews/new/"
    said = {f"verdict_{pk}": one.verdict for pk, one in verdicts(world).items()}
    said |= {"password": PASSWORD, "shown_sha256": shown_on(page, new)}
    signed_in(world.coordinator)
    assert page.post(new, said).status_code == 302
    twice = page.post(new, said)
    assert (twice.status_code, "You signed this very review" in twice.content.decode()) == (422, True)
    assert AccessReview.objects.count() == 1


def test_tokens_of_sites_are_gone_over_too_and_what_is_revoked_opens_nothing(world: World) -> None:
    now = timezone.now()
    made = {"site": world.north, "actor": world.administrator}
    kept, _ = connecting.issue_token(label="PACS", at=now, **made)
    lost, secret = connecting.issue_token(label="Laptop", at=now, **made)
    connecting.issue_token(label="Over", at=now - 40 * DAY, days=30, **made)
    page, new = signed_in(world.administrator), f"/trials/{world.trial.pk}/access-reviews/new/"
    said = {f"verdict_{pk}": one.verdict for pk, one in verdicts(world).items()}
    said |= {"password": PASSWORD, "shown_sha256": shown_on(page, new), f"verdict_program_{kept.pk}": "keep"}

    assert page.post(new, said).status_code == 422
    ending = {**said, f"verdict_program_{lost.pk}": "revoke"}
    assert "Say why it is revoked." in page.post(new, ending).content.decode()
    assert page.post(new, {**ending, f"note_program_{lost.pk}": "Stolen"}).status_code == 302

    review = AccessReview.objects.get()
    assert [(one["program"], one["verdict"], one["note"]) for one in review.tokens] == [
        ("Laptop", "revoke", "Stolen"),
        ("PACS", "keep", ""),
    ]
    assert review.revoked == 1
    assert site_token(secret) is None
    assert audit.history(lost).first().reason == "Access review: Stolen"
    assert signing.still_holds(signing.signatures_on(review).get(), review)
    auditor = signed_in(world.people[Role.AUDITOR])
    assert "Laptop" in auditor.get(f"/trials/access-reviews/{review.pk}/").content.decode()
    sheet = auditor.get(f"/trials/access-reviews/{review.pk}/list/").content.decode("utf-8-sig")
    rows = {row["program"]: row for row in csv.DictReader(io.StringIO(sheet)) if row["program"]}
    assert (rows["Laptop"]["role"], rows["Laptop"]["site"]) == ("token of the site", world.north.code)
    assert (rows["Laptop"]["verdict"], rows["Laptop"]["note"]) == ("revoke", "Stolen")


def test_a_token_that_was_issued_meanwhile_makes_the_review_stale(world: World) -> None:
    seen = signing.digest(service.shown_content(world.trial, service.roles_held(world.trial)))
    connecting.issue_token(site=world.north, label="PACS", actor=world.administrator, at=AT)
    with pytest.raises(ContentChanged):
        review(world, signature=Intent(PASSWORD, shown_sha256=seen))


def test_a_locked_trial_is_reviewed_as_well(world: World, locked: World) -> None:
    assert review(world).roles
    with pytest.raises(DatabaseError), transaction.atomic():
        type(world.north).objects.filter(pk=world.north.pk).update(name="Another")


def test_it_is_asked_for_once_a_week_from_the_day_it_is_due(world: World) -> None:
    due = service.due_at(world.trial)
    assert due == world.trial.created_at + settings.ACCESS_REVIEW_DAYS * DAY
    service.remind(at=due - DAY)
    assert not Mail.objects.filter(kind=service.KIND).exists()
    for at in (due, due + DAY, due + 7 * DAY):
        service.remind(at=at)
    assert Mail.objects.filter(kind=service.KIND, to=world.administrator).count() == 2
    assert {mail.to for mail in Mail.objects.filter(kind=service.KIND)} == {world.administrator, world.founder}

    review(world)
    assert service.due_at(world.trial) == AT + settings.ACCESS_REVIEW_DAYS * DAY


def test_the_pages_review_and_the_auditor_sees_what_was_signed(world: World) -> None:
    page, trial = signed_in(world.administrator), world.trial.pk
    new = f"/trials/{trial}/access-reviews/new/"
    said = {f"verdict_{pk}": one.verdict for pk, one in verdicts(world).items()}
    gone = held_by(world, world.people[Role.SPONSOR]).pk
    digest = shown_on(page, new)
    assert page.post(new, {"password": PASSWORD, "shown_sha256": digest}).status_code == 422
    ending = {**said, f"verdict_{gone}": "revoke", "password": PASSWORD, "shown_sha256": digest}
    unsaid = page.post(new, ending)
    assert (unsaid.status_code, "Say why it is revoked." in unsaid.content.decode()) == (422, True)
    assert page.post(new, {**ending, f"note_{gone}": "=Left"}).status_code == 302
    made = AccessReview.objects.get()

    auditor = signed_in(world.people[Role.AUDITOR])
    listed = auditor.get(f"/trials/{trial}/access-reviews/").content.decode()
    assert f'href="/trials/access-reviews/{made.pk}/"' in listed
    assert "Review now" not in listed
    shown = auditor.get(f"/trials/access-reviews/{made.pk}/").content.decode()
    assert "I have reviewed this record" in shown
    assert shown.count("Revoked") == 1
    sheet = auditor.get(f"/trials/access-reviews/{made.pk}/list/").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(sheet)))
    assert len(rows) == len(made.roles)
    assert [row["note"] for row in rows if row["verdict"] == "revoke"] == ["'=Left"]
