"""What people type becomes what services take, or a sentence beside the field."""

from __future__ import annotations

import pytest

from tests.factories import PASSWORD
from trials import forms
from trials.charter import Charter
from trials.models import Role

pytestmark = pytest.mark.django_db


def posted(form: forms.CharterForm) -> dict[str, str | list[str]]:
    """The data a browser would send back from an untouched charter form."""
    data: dict[str, str | list[str]] = {}
    for name, field in form.terms.fields.items():
        value = form.terms.get_initial_for_field(field, name)
        if value is True or (value and value is not False):
            data[name] = value if isinstance(value, list) else str(value)
        elif value == 0 and value is not False:
            data[name] = "0"
    for formset in (form.visits, form.series, form.presets):
        count = len(formset.forms)
        data |= {f"{formset.prefix}-TOTAL_FORMS": str(count), f"{formset.prefix}-INITIAL_FORMS": str(count)}
        for one in formset.forms:
            for name, field in one.fields.items():
                value = one.get_initial_for_field(field, name)
                if value not in (None, False, ""):
                    data[one.add_prefix(name)] = "on" if value is True else str(value)
    return data


def test_an_untouched_charter_form_gives_the_charter_it_was_made_from(world):
    charter = world.trial.charter_in_force
    form = forms.CharterForm(charter, posted(forms.CharterForm(charter)))
    assert form.is_valid()
    assert Charter.parse(form.content()) == charter.terms


def test_rows_of_a_charter_can_be_removed_and_changed(world):
    charter = world.trial.charter_in_force
    data = posted(forms.CharterForm(charter)) | {
        "visits-2-DELETE": "on",
        "visits-1-window_after": "10",
        "presets-3-DELETE": "on",
        "modalities": "ct, mr ",
    }
    form = forms.CharterForm(charter, data)
    assert form.is_valid()
    content = form.content()
    assert [(v["code"], v["window_after"]) for v in content["schedule"]] == [("BL", 7), ("W8", 10)]
    assert [preset["name"] for preset in content["window_presets"]] == ["Soft tissue", "Lung", "Liver"]
    assert content["modalities"] == ["CT", "MR"]


def test_shifted_dates_are_kept_or_not_as_ticked(world):
    charter = world.trial.charter_in_force
    data = posted(forms.CharterForm(charter))
    kept = forms.CharterForm(charter, data)
    dropped = forms.CharterForm(
        charter, {name: value for name, value in data.items() if name != "retain_modified_dates"}
    )
    assert kept.is_valid()
    assert dropped.is_valid()
    assert kept.content()["deidentification"]["options"] == ["retain_longitudinal_modified_dates"]
    assert dropped.content()["deidentification"]["options"] == []


def test_the_rule_on_originals_is_typed_in_with_its_days(world):
    charter = world.trial.charter_in_force
    rule = {"originals": "after_days", "originals_after_days": "90"}
    typed = forms.CharterForm(charter, posted(forms.CharterForm(charter)) | rule)
    without = forms.CharterForm(charter, posted(forms.CharterForm(charter)) | {"originals": "after_days"})
    assert typed.is_valid()
    assert typed.content()["retention"] == {"originals": {"after_days": 90}}
    assert not without.is_valid()
    assert list(without.terms.errors) == ["originals_after_days"]


def test_every_part_of_a_charter_form_shows_its_errors_at_once(world):
    charter = world.trial.charter_in_force
    data = posted(forms.CharterForm(charter)) | {"visits-0-day": "soon", "query_due_days": "0"}
    form = forms.CharterForm(charter, data)
    assert not form.is_valid()
    assert list(form.terms.errors) == ["query_due_days"]
    assert list(form.visits.errors[0]) == ["day"]


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
