"""Second factors as records: what is kept, who hears of it, who must have one, and what pauses."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.signals import user_login_failed
from django.db import connection
from django.test import RequestFactory

from compliance import factors, keys, one_time
from compliance.models import AuditEvent, Factor, Mail, RecoveryCode, User
from tests.factories import World, make_user
from trials.models import Role

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ACC-004")]
AT = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
SECRET = bytes(range(20))


@pytest.fixture(autouse=True)
def own_keys(settings: Any, tmp_path: Path) -> None:
    settings.KEYS_DIR = tmp_path


@pytest.fixture
def at_once() -> None:
    """SQLite in memory has one connection, where nothing happens at once."""
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")


@pytest.fixture
def ada() -> User:
    user = make_user("ada")
    user.email = "ada@example.org"
    user.save()
    return user


def code(at: dt.datetime = AT, secret: bytes = SECRET) -> str:
    return one_time.code_of(secret, one_time.step_at(at.timestamp()))


def with_app(user: User, at: dt.datetime = AT - dt.timedelta(hours=1), secret: bytes = SECRET) -> Factor:
    app = factors.add_app(user=user, new=factors.NewApp(secret), code=code(at, secret), at=at)
    assert app
    return app


def told(user: User) -> list[str]:
    return list(Mail.objects.filter(to=user).order_by("pk").values_list("subject", flat=True))


def test_an_app_is_added_with_its_first_code_alone_and_its_person_hears_of_it(ada: User) -> None:
    assert factors.add_app(user=ada, new=factors.NewApp(SECRET), code="000000", at=AT) is None
    assert not factors.has_factor(ada)
    app = with_app(ada)
    assert factors.has_factor(ada)
    assert told(ada) == ["Your account: second factor added"]
    event = AuditEvent.objects.get(action="second_factor.added")
    assert (event.object_id, event.actor) == (str(app.pk), ada)
    assert set(event.after) == {"id", "holder_id", "kind", "name", "added_at"}


def test_the_first_code_of_an_app_signs_nobody_in(ada: User) -> None:
    with_app(ada, AT)
    assert factors.check(ada, code(), at=AT) == ""


def test_the_next_app_ends_the_one_before(ada: User) -> None:
    first = with_app(ada)
    with_app(ada, AT, bytes(20))
    first.refresh_from_db()
    assert (first.ended_at, first.sealed) == (AT, "")
    later = AT + dt.timedelta(minutes=1)
    assert factors.check(ada, code(later), at=later) == ""
    assert factors.check(ada, code(later, bytes(20)), at=later) == "app"


@pytest.mark.requirement("REQ-ACC-005")
def test_a_failure_is_recorded_and_says_no_code(ada: User) -> None:
    with_app(ada)
    assert factors.check(ada, "123456", at=AT) == ""
    event = AuditEvent.objects.get(action=factors.FAILED)
    assert (event.object_id, event.after) == (str(ada.pk), {"with": "code"})


@pytest.mark.requirement("REQ-ACC-005")
def test_ten_failures_pause_one_person_for_an_hour_and_those_who_run_the_installation_hear_of_it(ada: User) -> None:
    keeper, bob = make_user("keeper", is_staff=True), make_user("bob")
    with_app(ada)
    with_app(bob)
    for number in range(factors.MOST_FAILURES):
        assert factors.check(ada, f"{number:06d}", at=AT) == ""
    with pytest.raises(factors.FactorPaused):
        factors.check(ada, code(), at=AT)
    assert factors.check(bob, code(), at=AT) == "app"
    assert "Your account: somebody tried to sign in" in told(ada)
    assert told(keeper) == ["An account is tried by somebody"]
    assert AuditEvent.objects.filter(action="second_factor.paused", object_id=str(ada.pk)).count() == 1
    later = AT + factors.PAUSE
    assert factors.check(ada, code(later), at=later) == "app"


@pytest.mark.requirement("REQ-ACC-006")
def test_a_reset_ends_all_factors_and_a_pause_and_its_person_hears_who_did_it(ada: User) -> None:
    admin = make_user("admin", full_name="Ad Min")
    with_app(ada)
    factors.new_recovery_codes(user=ada, at=AT)
    before = ada.get_session_auth_hash()
    for number in range(factors.MOST_FAILURES):
        factors.check(ada, f"{number:06d}", at=AT)
    factors.reset(user=ada, actor=admin, reason="Called, and known by voice.", at=AT)
    assert not factors.has_factor(ada)
    assert factors.codes_left(ada) == 0
    assert User.objects.get(pk=ada.pk).get_session_auth_hash() != before
    event = AuditEvent.objects.get(action=factors.RESET)
    assert (event.actor, event.reason) == (admin, "Called, and known by voice.")
    mail = Mail.objects.filter(to=ada).latest("pk")
    assert mail.subject == "Your account: second factor reset"
    assert "Ad Min" in mail.body
    with_app(ada, AT)
    later = AT + dt.timedelta(minutes=1)
    assert factors.check(ada, code(later), at=later) == "app"


@pytest.mark.requirement("REQ-ACC-006")
def test_nobody_resets_their_own_or_what_is_not_there(ada: User) -> None:
    admin = make_user("admin")
    with pytest.raises(factors.FactorRefused, match="nothing to reset"):
        factors.reset(user=ada, actor=admin, reason="x", at=AT)
    with_app(admin)
    with pytest.raises(factors.FactorRefused, match="their own"):
        factors.reset(user=admin, actor=admin, reason="x", at=AT)
    assert factors.has_factor(admin)


@pytest.mark.requirement("REQ-ACC-009")
def test_without_its_key_no_code_is_taken_and_a_recovery_code_still_is(ada: User, tmp_path: Path) -> None:
    with_app(ada)
    spare = factors.new_recovery_codes(user=ada, at=AT)[0]
    (tmp_path / "_accounts.key").unlink()
    with pytest.raises(keys.KeyMissing):
        factors.check(ada, code(), at=AT)
    assert not (tmp_path / "_accounts.key").exists()
    assert factors.check(ada, spare, at=AT) == "recovery code"
    assert RecoveryCode.objects.get(used_at=AT).holder == ada


def test_recovery_codes_alone_open_nothing(ada: User) -> None:
    app = with_app(ada)
    codes = factors.new_recovery_codes(user=ada, at=AT)
    app.ended_at = AT
    app.save()
    assert factors.check(ada, codes[0], at=AT) == ""


@pytest.mark.requirement("REQ-ACC-002")
@pytest.mark.parametrize("role", list(Role))
def test_each_role_that_sees_images_or_results_needs_a_factor_where_the_installation_says_so(
    world: World, role: Role, settings: Any
) -> None:
    person = world.people[role]
    assert not factors.required_of(person)
    settings.SECOND_FACTOR = "required"
    assert factors.required_of(person)
    assert not factors.required_of(make_user("nobody"))
    assert factors.required_of(make_user("keeper", is_staff=True))


@pytest.mark.requirement("REQ-ACC-002")
def test_the_last_factor_stays_where_one_is_required(ada: User, settings: Any) -> None:
    ada.is_staff = True
    app = with_app(ada)
    settings.SECOND_FACTOR = "required"
    with pytest.raises(factors.FactorRefused, match="only second factor"):
        factors.remove(factor=app, actor=ada, at=AT)
    settings.SECOND_FACTOR = "optional"
    factors.remove(factor=app, actor=ada, at=AT)
    assert not factors.has_factor(ada)
    assert told(ada)[-1] == "Your account: second factor removed"


@pytest.mark.requirement("REQ-ACC-005")
def test_five_failures_from_one_address_alert_once_and_lock_that_pair_alone(ada: User, settings: Any) -> None:
    settings.AXES_ENABLED = True
    keeper = make_user("keeper", is_staff=True)
    for _ in range(7):
        request = RequestFactory(REMOTE_ADDR="192.0.2.1").post("/sign-in/")
        user_login_failed.send(sender=__name__, credentials={"username": "ada"}, request=request)
    assert told(keeper) == ["An account is tried by somebody"]
    assert told(ada) == ["Your account: somebody tried to sign in"]
    assert AuditEvent.objects.filter(action="sign_in.paused", object_id=str(ada.pk)).count() == 1


@pytest.mark.requirement("REQ-ACC-005")
def test_a_name_that_nobody_has_alerts_nobody(ada: User, settings: Any) -> None:
    settings.AXES_ENABLED = True
    for _ in range(6):
        request = RequestFactory(REMOTE_ADDR="192.0.2.1").post("/sign-in/")
        user_login_failed.send(sender=__name__, credentials={"username": "nobody"}, request=request)
    assert not Mail.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["app", "recovery code"])
def test_of_many_who_show_the_same_code_at_once_one_is_let_in(at_once: None, ada: User, what: str) -> None:
    with_app(ada)
    shown = code() if what == "app" else factors.new_recovery_codes(user=ada, at=AT)[0]

    def check(_: int) -> str:
        try:
            return factors.check(User.objects.get(pk=ada.pk), shown, at=AT)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(check, range(8)))
    assert sorted(answers) == ["", "", "", "", "", "", "", what]
    assert AuditEvent.objects.filter(action=factors.FAILED).count() == 7


@pytest.mark.requirement("REQ-ACC-005")
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_guesses_made_at_once_are_all_counted(at_once: None, ada: User) -> None:
    with_app(ada)

    def guess(number: int) -> str:
        try:
            return factors.check(User.objects.get(pk=ada.pk), f"{number:06d}", at=AT)
        except factors.FactorPaused:
            return "paused"
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(24)))
    assert answers.count("") == factors.MOST_FAILURES
    assert answers.count("paused") == 24 - factors.MOST_FAILURES
