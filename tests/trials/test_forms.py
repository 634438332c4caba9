"""What people type becomes what services take, or a sentence beside the field."""

from __future__ import annotations

import pytest
from django.forms import Form

from imaging.deid import recipe
from imaging.deid.pixels.templates import OUTSIDE
from imaging.deid.recipe import Recipe
from tests.factories import PASSWORD
from trials import forms
from trials.charter import Charter
from trials.forms_deidentification import OPTIONS
from trials.models import Role

pytestmark = pytest.mark.django_db


def posted(form: forms.CharterForm) -> dict[str, str | list[str]]:
    """The data a browser would send back from an untouched charter form."""
    data: dict[str, str | list[str]] = {}
    for one in (form.terms, form.recipe):
        data |= _filled_in(one)
    for formset in (form.visits, form.series, form.presets, form.rules, form.devices):
        count = len(formset.forms)
        data |= {f"{formset.prefix}-TOTAL_FORMS": str(count), f"{formset.prefix}-INITIAL_FORMS": str(count)}
        for one in formset.forms:
            data |= _filled_in(one)
    return data


def _filled_in(form: Form) -> dict[str, str | list[str]]:
    initial = {form.add_prefix(name): form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    filled = {name: value for name, value in initial.items() if value not in (None, False, "", [])}
    filled |= {name: 0 for name, value in initial.items() if value == 0 and value is not False}
    return {
        name: value if isinstance(value, list) else "on" if value is True else str(value)
        for name, value in filled.items()
    }


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


def recipe_of(charter, **typed):
    form = forms.CharterForm(charter, posted(forms.CharterForm(charter)) | typed)
    assert form.is_valid()
    return form.content()["deidentification"]


@pytest.mark.parametrize(
    ("dates", "options"),
    [
        ("shifted", ["retain_longitudinal_modified_dates"]),
        ("kept", ["retain_longitudinal_full_dates"]),
        ("removed", []),
    ],
)
def test_what_becomes_of_dates_is_an_option_of_the_profile(world, dates, options):
    found = recipe_of(world.trial.charter_in_force, **{"recipe-dates": dates})["options"]
    assert [option for option in found if "longitudinal" in option] == options


@pytest.mark.parametrize("pixels", ["blank", "review"])
def test_text_in_pixels_is_an_option_of_the_profile(world, pixels):
    recipe = recipe_of(world.trial.charter_in_force, **{"recipe-pixels": pixels})
    assert recipe["pixels"] == pixels
    assert "clean_pixel_data" in recipe["options"]
    assert Recipe.parse(recipe).pixels == pixels


def test_every_option_of_the_recipe_can_be_chosen(world):
    chosen = recipe_of(
        world.trial.charter_in_force,
        **{"recipe-options": list(OPTIONS), "recipe-dates": "kept", "recipe-pixels": "blank"},
    )
    assert set(chosen["options"]) == recipe.OPTIONS - {
        "retain_longitudinal_modified_dates",
        "clean_recognizable_visual_features",
    }
    assert Recipe.parse(chosen).options == set(chosen["options"])


def test_a_recipe_that_comes_with_the_package_is_shown_and_typed_in_again(world):
    charter = world.trial.charter_in_force
    charter.content = {**charter.content, "deidentification": recipe.standard_terms("trial-default")}
    assert Recipe.parse(recipe_of(charter)) == Recipe.standard("trial-default")


def test_own_rules_are_rows_with_their_reason(world):
    charter = world.trial.charter_in_force
    rule = {"attribute": "SeriesDescription", "action": "X", "reason": "Sites write names there."}
    typed = {f"rules-0-{name}": value for name, value in rule.items()} | {"rules-TOTAL_FORMS": "1"}
    found = recipe_of(charter, **typed)
    assert found["rules"] == [rule]
    assert Recipe.parse(found).rules[0].keyword == "SeriesDescription"

    charter.content = {**charter.content, "deidentification": found}
    assert recipe_of(charter)["rules"] == [rule]
    assert "rules" not in recipe_of(charter, **{"rules-0-DELETE": "on"})


BANNER = {
    "name": "sono-1",
    "model": "Sono One",
    "modality": "US",
    "rows": 480,
    "columns": 640,
    "regions": [[0, 0, 640, 40], [600, 440, 640, 480]],
    "reason": "It writes the name there.",
}


@pytest.mark.parametrize(
    ("regions", "stored"),
    [
        ("0, 0, 640, 40; 600,440,640,480;", BANNER["regions"]),
        ("outside ultrasound regions", OUTSIDE),
    ],
)
def test_known_devices_are_rows_with_rectangles(world, regions, stored):
    charter = world.trial.charter_in_force
    row = BANNER | {"regions": regions}
    typed = {f"devices-0-{name}": value for name, value in row.items()} | {"devices-TOTAL_FORMS": "1"}
    found = recipe_of(charter, **typed, **{"recipe-pixels": "blank"})
    assert found["pixel_regions"] == [BANNER | {"regions": stored}]
    assert [one.plain() for one in Recipe.parse(found).templates] == found["pixel_regions"]
    assert Charter.parse({**charter.content, "deidentification": found}).deidentification == found

    charter.content = {**charter.content, "deidentification": found}
    assert recipe_of(charter)["pixel_regions"] == found["pixel_regions"]
    assert "pixel_regions" not in recipe_of(charter, **{"devices-0-DELETE": "on"})


@pytest.mark.parametrize("regions", [";", "0, 0, 640", "0, 0, 640, 40, 1", "0, 0, 640, -4", "banner"])
def test_what_is_no_rectangle_is_said_at_its_row(world, regions):
    charter = world.trial.charter_in_force
    typed = {f"devices-0-{name}": value for name, value in (BANNER | {"regions": regions}).items()}
    form = forms.CharterForm(charter, posted(forms.CharterForm(charter)) | typed | {"devices-TOTAL_FORMS": "1"})
    assert not form.is_valid()
    assert list(form.devices.errors[0]) == ["regions"]


def test_what_a_row_does_not_show_stays(world):
    charter = world.trial.charter_in_force
    series = [{**row, "kvp": [80, 140]} for row in charter.content["series"]]
    charter.content = {**charter.content, "series": series}
    form = forms.CharterForm(charter, posted(forms.CharterForm(charter)))
    assert form.is_valid()
    assert [row["kvp"] for row in form.content()["series"]] == [[80, 140]] * len(series)


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
