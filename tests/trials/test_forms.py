"""What people type becomes what services take, or a sentence beside the field."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from compliance.models import User
from tests.factories import PASSWORD
from trials import forms
from trials.forms_deciding import DecideForm
from trials.models import Role

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("code", ["x", "n-001", "N 001", "Müller", "N-001/2", "N" * 21])
def test_a_subject_code_is_a_code_and_no_name(code):
    form = forms.SubjectForm({"code": code, "reference_date": "2026-01-05"})
    assert list(form.errors) == ["code"]


@pytest.mark.parametrize("date", ["", "1926-01-05", "2126-01-05", "05.13.2026"])
def test_a_day_1_decades_away_or_unreadable_is_a_typing_error(date):
    form = forms.SubjectForm({"code": "N-001", "reference_date": date})
    assert list(form.errors) == ["reference_date"]


def test_an_ae_title_has_no_blanks_or_backslashes():
    for title in ("", "TWO WORDS", "BACK\\SLASH", "X" * 17):
        assert list(forms.ApplicationEntityForm({"title": title}).errors) == ["title"]
    assert forms.ApplicationEntityForm({"title": "NORTH_CT.2"}).is_valid()


def member(world, **values):
    data = {"username": "newcomer", "full_name": "New Comer", "password": "long enough to be kept", "role": "reader"}
    return forms.MemberForm({**data, **values}, trial=world.trial)


def test_a_new_account_needs_a_printed_name_and_a_long_password(world):
    assert member(world).is_valid()
    assert sorted(member(world, full_name="", password="").errors) == ["full_name", "password"]
    assert list(member(world, password="short").errors) == ["password"]


def test_somebody_with_an_account_is_found_whatever_the_case_and_needs_no_more(world):
    form = member(world, username="OUTSIDER", full_name="", password="")
    assert form.is_valid()
    assert form.user == world.outsider


def test_a_coordinator_and_a_site_go_together(world):
    assert list(member(world, role=Role.SITE_COORDINATOR).errors) == ["site"]
    assert list(member(world, role=Role.READER, site=world.north.pk).errors) == ["site"]
    assert member(world, role=Role.SITE_COORDINATOR, site=world.north.pk).is_valid()


def test_a_signature_form_carries_password_meaning_and_what_was_shown():
    form = forms.SignatureForm({"password": PASSWORD, "shown_sha256": "abc"})
    assert form.is_valid()
    intent = form.intent("approval")
    assert (intent.password, intent.meaning, intent.shown_sha256) == (PASSWORD, "approval", "abc")
    assert PASSWORD not in repr(intent)


@pytest.mark.parametrize(
    ("elsewhere", "said", "wrong"),
    [
        (False, {"verdict": "approve"}, ["password"]),
        (False, {"verdict": "approve", "password": PASSWORD}, []),
        (True, {"verdict": "approve"}, []),
        (True, {"verdict": "decline", "reason": " "}, ["reason"]),
        (False, {"verdict": "decline", "reason": "It was 20"}, []),
        (False, {}, ["verdict"]),
    ],
    ids=["unsigned", "signed", "signs at the provider", "no reason", "a reason", "no verdict"],
)
def test_a_decision_needs_a_password_of_who_has_one_or_a_reason(monkeypatch, elsewhere, said, wrong):
    monkeypatch.setattr(forms.context, "request", lambda: SimpleNamespace(user=User(pk=1)))
    monkeypatch.setattr(forms.identities, "of", lambda user: elsewhere or None)
    form = DecideForm(said, approve="Do it", decline="Leave it", why="Why it is left aside")
    assert list(form.errors) == wrong
    assert form.errors.get("reason", ["Say why it is left aside."]) == ["Say why it is left aside."]
