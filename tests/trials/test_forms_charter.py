"""The charter's editor: every term has its field, nothing typed is lost, and each fault stands where it belongs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.forms import Form

from imaging.deid import recipe
from imaging.deid.pixels.templates import OUTSIDE
from imaging.deid.recipe import Recipe
from trials.charter import RECIST_TEMPLATE, TEMPLATES, Charter, read
from trials.forms_charter import CharterForm, RecipePart, RowsPart
from trials.forms_deidentification import OPTIONS
from trials.forms_terms import TermsForm
from trials.models import ImagingCharter
from trials.series_terms import SeriesTerms
from trials.terms.records import Term

#: A series that says something of every term.
FULL = {
    "label": "Everything",
    "modality": "CT",
    "required": False,
    "body_part": "CHEST",
    "orientation": "axial",
    "max_slice_thickness_mm": 1.25,
    "max_gap_mm": 0,
    "max_overlap_mm": 0.5,
    "spacing_tolerance": 0.25,
    "max_pixel_spacing_mm": 1,
    "min_coverage_mm": 300,
    "min_instances": 10,
    "max_instances": 1000,
    "patient_positions": ["HFS", "FFS"],
    "contrast": "portal_venous",
    "kernels": ["B30", "STANDARD"],
    "min_kvp": 100,
    "max_kvp": 120,
    "field_strengths_t": [1.5, 3],
    "min_repetition_time_ms": 5000,
    "max_repetition_time_ms": 9000,
    "min_echo_time_ms": 80.5,
    "max_echo_time_ms": 120,
    "b_values": [0, 50, 800],
    "units": ["BQML"],
    "corrections": ["ATTN", "DECY"],
    "min_uptake_minutes": 55,
    "max_uptake_minutes": 75,
    "min_injected_dose_mbq": 100,
    "max_injected_dose_mbq": 500,
    "max_noise": 20,
}
OTHER = {
    "checks": {"kvp_differs": "block", "duplicates": "info"},
    "criteria_parameters": {"confirmation_required": True, "pr_decrease_percent": 30},
    "retention": {"originals": {"after_days": 90}},
    "series": [*RECIST_TEMPLATE["series"], FULL],
    "notes": {"sources": "One: a paper.\nTwo: another.", "unblinding": "# nobody"},
}


def posted(form: CharterForm) -> dict[str, Any]:
    """The data a browser would send back from an untouched form."""
    data: dict[str, Any] = {}
    for part in form.parts:
        if isinstance(part, RowsPart):
            data |= rows_of(part)
            continue
        data |= filled_in(part.form)
        if isinstance(part, RecipePart):
            for formset in (part.rules, part.devices):
                count = str(len(formset.forms))
                data |= {f"{formset.prefix}-TOTAL_FORMS": count, f"{formset.prefix}-INITIAL_FORMS": count}
                for row in formset.forms:
                    data |= filled_in(row)
    return data


def rows_of(part: RowsPart) -> dict[str, Any]:
    data = {f"{part.prefix}-TOTAL_FORMS": str(part.total)}
    for row in part.forms:
        data |= filled_in(row)
        for table in row.tables:
            data |= rows_of(table)
    return data


def filled_in(form: Form) -> dict[str, Any]:
    initial = {form.add_prefix(name): form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    return {
        name: value if isinstance(value, list) else "on" if value is True else str(value)
        for name, value in initial.items()
        if value not in (None, False, [])
    }


def draft(**sections: Any) -> ImagingCharter:
    return ImagingCharter(content={**RECIST_TEMPLATE, **sections})


def edited(charter: ImagingCharter, **typed: Any) -> CharterForm:
    form = CharterForm(charter, posted(CharterForm(charter)) | typed)
    form.is_valid()
    form.show(read(form.content())[1])
    return form


def test_the_series_above_says_something_of_every_term():
    assert list(FULL) == [one.name for one in Term.of(SeriesTerms)]


@pytest.mark.parametrize(
    "content",
    [*(template.content for template in TEMPLATES), {**RECIST_TEMPLATE, **OTHER}],
    ids=[*(template.name for template in TEMPLATES), "every term"],
)
def test_an_untouched_form_gives_the_charter_it_was_made_from(content):
    form = edited(ImagingCharter(content=content))
    assert form.problems == []
    assert Charter.parse(form.content()).content() == Charter.parse(content).content()


def test_the_fields_of_a_form_are_edited_within_its_row():
    added = {"code": "WEIGHT", "label": "Weight", "kind": "decimal", "unit": "kg", "least": "20"}
    form = edited(
        draft(),
        **{
            "forms-0-fields-1-DELETE": "on",
            "forms-0-fields-2-only_if": "WHYNOT",
            "forms-0-fields-2-only_if_is": "ALLERGY, RENAL",
            "forms-0-fields-TOTAL_FORMS": "5",
            **{f"forms-0-fields-4-{name}": value for name, value in added.items()},
        },
    )
    (plan,) = form.content()["forms"]
    assert [field["code"] for field in plan["fields"]] == ["NOCONTR", "INSTEAD", "EGFR", "WEIGHT"]
    assert plan["fields"][1]["only_if_is"] == ["ALLERGY", "RENAL"]
    # The field that the condition refers to is gone, and that is said where it stands.
    assert form.problems == [
        ("forms", "Forms that sites fill in, form 1, fields, field 2, asked only if: there is no other field WHYNOT")
    ]
    part = next(part for part in form.parts if isinstance(part, RowsPart) and part.one.name == "forms")
    assert part.faulty
    assert part.rows[0].tables[0].rows[1].errors == {"only_if": ["There is no other field WHYNOT."]}


def test_a_form_that_is_taken_out_takes_its_fields_along():
    assert "forms" not in Charter.parse(edited(draft(), **{"forms-0-DELETE": "on"}).content()).content()


def test_the_transfer_form_is_written_out_to_be_changed():
    form = CharterForm(draft(), with_transfer_form=True)
    again = CharterForm(draft(), posted(form))
    assert not CharterForm(draft()).has_transfer_form
    charter = Charter.parse(again.content())
    assert charter.transfer_form == draft().terms.transfer_form
    assert [one.code for one in charter.forms] == ["TRANSFER", "CTPLAN"]


def test_rows_can_be_changed_added_and_removed():
    new = {"code": "W24", "name": "Week 24", "day": "169", "window_before": "7", "window_after": "7"}
    typed = {f"schedule-3-{name}": value for name, value in new.items()}
    form = edited(
        draft(),
        **typed,
        **{"schedule-TOTAL_FORMS": "5", "schedule-2-DELETE": "on", "schedule-1-window_after": "10"},
        modalities="ct, mr ",
    )
    terms = Charter.parse(form.content())
    assert [(v.code, v.window_after) for v in terms.schedule] == [("BL", 7), ("W8", 10), ("W24", 7)]
    assert terms.modalities == ("CT", "MR")


def test_each_fault_stands_at_its_field_at_its_section_and_in_the_list_and_what_was_typed_stays():
    form = edited(
        draft(),
        **{
            "schedule-0-DELETE": "on",
            "schedule-1-day": "soon",
            "series-0-max_gap_mm": "0,5",
            "query_due_days": "-1",
            "checks": "kvp_differs block",
            "criteria_parameters": "a: 1\na: 2",
            "window_presets-TOTAL_FORMS": "0",
        },
    )
    assert form.problems == [
        ("images", "Series, series 1, gap at most: a number from 0 is expected"),
        ("visits", "Schedule, visit 1, study day: a whole number from -7300 to 7300 is expected"),
        ("checks", "Findings graver or milder than usual: entries with names are expected"),
        ("checks", "Queries are due after: a whole number from 0 to 365 is expected"),
        ("reading", "Parameters of the criteria: entries with names are expected"),
        ("display", "Display windows: at least one display window is needed"),
    ]
    assert [one.section.name for one in form.sections if one.faulty] == [
        "images",
        "visits",
        "checks",
        "reading",
        "display",
    ]
    fields = {name: (bound.value(), list(bound.errors)) for name, bound in faulty_fields(form)}
    assert fields == {
        "series-0-max_gap_mm": ("0,5", ["A number from 0 is expected."]),
        "schedule-1-day": ("soon", ["A whole number from -7300 to 7300 is expected."]),
        "checks": ("kvp_differs block", ["Write each entry on a line of its own, as name: value."]),
        "query_due_days": ("-1", ["A whole number from 0 to 365 is expected."]),
        "criteria_parameters": ("a: 1\na: 2", ["Line 1, a: it is said again in line 2; keep one of the two."]),
    }


def faulty_fields(form: CharterForm):
    for part in form.parts:
        for one in part.forms if isinstance(part, RowsPart) else [part.form]:
            if isinstance(one, TermsForm):
                yield from ((bound.html_name, bound) for bound in one if bound.errors)


def test_a_fault_of_a_whole_row_stands_above_the_table():
    form = edited(draft(), **{"schedule-1-window_before": "70"})
    (table,) = [part for part in form.parts if isinstance(part, RowsPart) and part.prefix == "schedule"]
    assert table.problems == ["Visit 2: the windows of BL and W8 overlap."]


def test_originals_that_leave_after_days_need_the_days():
    charter = draft()
    data = posted(CharterForm(charter)) | {"originals": "after_days"}
    without = CharterForm(charter, data)
    without.show([])
    assert not without.is_valid()
    assert without.problems == [("privacy", "Originals leave after, days: Say after how many days.")]
    form = CharterForm(charter, data | {"originals_after_days": "90"})
    assert form.is_valid()
    assert form.content()["retention"] == {"originals": {"after_days": 90}}


# --- the recipe


def recipe_of(charter: ImagingCharter, **typed: Any) -> dict[str, Any]:
    form = CharterForm(charter, posted(CharterForm(charter)) | typed)
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
def test_what_becomes_of_dates_is_an_option_of_the_profile(dates, options):
    found = recipe_of(draft(), **{"recipe-dates": dates})["options"]
    assert [option for option in found if "longitudinal" in option] == options


@pytest.mark.parametrize("pixels", ["blank", "review"])
def test_text_in_pixels_is_an_option_of_the_profile(pixels):
    found = recipe_of(draft(), **{"recipe-pixels": pixels})
    assert found["pixels"] == pixels
    assert "clean_pixel_data" in found["options"]
    assert Recipe.parse(found).pixels == pixels


def test_faces_are_an_option_of_the_profile():
    found = recipe_of(draft(), **{"recipe-faces": "mask"})
    assert Recipe.parse(found).faces == "mask"
    assert "faces" not in recipe_of(draft(deidentification=found), **{"recipe-faces": "keep"})


def test_every_option_of_the_recipe_can_be_chosen():
    chosen = recipe_of(
        draft(),
        **{
            "recipe-options": list(OPTIONS),
            "recipe-dates": "kept",
            "recipe-pixels": "blank",
            "recipe-faces": "mask",
        },
    )
    assert set(chosen["options"]) == recipe.OPTIONS - {"retain_longitudinal_modified_dates"}
    assert Recipe.parse(chosen).options == set(chosen["options"])


def test_own_rules_are_rows_with_their_reason():
    rule = {"attribute": "SeriesDescription", "action": "X", "reason": "Sites write names there."}
    typed = {f"rules-0-{name}": value for name, value in rule.items()} | {"rules-TOTAL_FORMS": "1"}
    found = recipe_of(draft(), **typed)
    assert found["rules"] == [rule]
    assert Recipe.parse(found).rules[0].keyword == "SeriesDescription"
    assert recipe_of(draft(deidentification=found))["rules"] == [rule]
    assert "rules" not in recipe_of(draft(deidentification=found), **{"rules-0-DELETE": "on"})


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
    [("0, 0, 640, 40; 600,440,640,480;", BANNER["regions"]), ("outside ultrasound regions", OUTSIDE)],
)
def test_known_devices_are_rows_with_rectangles(regions, stored):
    row = BANNER | {"regions": regions}
    typed = {f"devices-0-{name}": value for name, value in row.items()} | {"devices-TOTAL_FORMS": "1"}
    found = recipe_of(draft(), **typed, **{"recipe-pixels": "blank"})
    assert found["pixel_regions"] == [BANNER | {"regions": stored}]
    assert [one.plain() for one in Recipe.parse(found).templates] == found["pixel_regions"]
    assert Charter.parse(draft(deidentification=found).content).deidentification == found

    assert recipe_of(draft(deidentification=found))["pixel_regions"] == found["pixel_regions"]
    assert "pixel_regions" not in recipe_of(draft(deidentification=found), **{"devices-0-DELETE": "on"})


@pytest.mark.parametrize("regions", [";", "0, 0, 640", "0, 0, 640, 40, 1", "0, 0, 640, -4", "banner"])
def test_what_is_no_rectangle_is_said_at_its_row(regions):
    typed = {f"devices-0-{name}": value for name, value in (BANNER | {"regions": regions}).items()}
    form = edited(draft(), **typed, **{"devices-TOTAL_FORMS": "1"})
    (part,) = [part for part in form.parts if isinstance(part, RecipePart)]
    assert not form.is_valid()
    assert list(part.devices.errors[0]) == ["regions"]
    assert [where for where, problem in form.problems if problem.startswith("Rectangles: ")] == ["privacy"]


def test_a_device_that_another_page_offers_is_a_row_more():
    charter, offered = draft(), json.dumps(BANNER)
    data = posted(CharterForm(charter, device=offered)) | {"recipe-pixels": "blank"}
    form = CharterForm(charter, data, device=offered)
    assert form.is_valid()
    assert form.content()["deidentification"]["pixel_regions"] == [BANNER]


@pytest.mark.parametrize(
    "offered", ["", "{", "[]", "3", '{"name": 1, "regions": 5}', '{"regions": [1]}', '{"other": ""}']
)
def test_an_offer_that_is_no_device_is_passed_over(offered):
    charter = draft()
    assert posted(CharterForm(charter, device=offered)) == posted(CharterForm(charter))


def test_a_part_of_the_recipe_that_the_form_does_not_show_stays():
    found = recipe_of(draft(deidentification={**RECIST_TEMPLATE["deidentification"], "regions": [1]}))
    assert found["regions"] == [1]
