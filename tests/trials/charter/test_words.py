"""A charter in words: every term that it has is said, with its unit."""

from __future__ import annotations

import pytest

from tests.trials.test_forms_charter import OTHER
from trials.charter import RECIST_TEMPLATE, TEMPLATES, Charter
from trials.charter.sections import sections
from trials.charter.words import chapters, titled


def everything(content) -> dict[str, list]:
    found = {}
    for chapter in chapters(Charter.parse(content)):
        found |= {title: [words] for title, words in chapter.lines}
        found |= {one.title: [*one.pairs, *one.rows, *one.cards] for one in chapter.entries}
    return found


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_every_term_has_its_place_in_the_order_of_the_sections(template):
    assert [chapter.section for chapter in chapters(Charter.parse(template.content))] == list(sections())
    forms = {f"Form {form['code']}, fields" for form in template.content["forms"]}
    hangings = {f"Hanging {hanging['name']}, pictures" for hanging in template.content["hanging"]}
    of_sites = {"Questionnaire", "Training"}
    titles = {one.title for terms in sections().values() for one in terms}
    assert set(everything(template.content)) == titles | forms | hangings | of_sites


def test_terms_are_said_with_their_units():
    told = everything({**RECIST_TEMPLATE, **OTHER})
    assert told["Queries are due after"] == ["7 days"]
    assert told["Originals in quarantine"] == ["leave 90 days after QC has cleared their timepoint"]
    assert told["Schedule"][0] == ["BL", "Baseline", "-7", "21 days", "7 days"]
    assert told["Findings graver or milder than usual"] == [
        ("kvp differs", "blocks the timepoint"),
        ("duplicates", "is for information"),
    ]
    assert told["Parameters of the criteria"] == [("confirmation required", "yes"), ("pr decrease percent", "30")]
    (_, (name, pairs)) = told["Series"]
    assert name == "Everything"
    assert dict(pairs)["Echo time at least"] == "80.5 ms"
    assert dict(pairs)["Contrast"] == "portal venous phase"
    assert dict(pairs)["b-values"] == "0 s/mm², 50 s/mm², 800 s/mm²"


@pytest.mark.parametrize(
    ("place", "words", "section"),
    [
        (("schedule", 2, "day"), "Schedule, visit 2, study day", "visits"),
        (("queries", "templates", 1, "text"), "Queries, texts to ask with, text 1, what it asks", "checks"),
        (("modalities", 3), "Modalities, item 3", "images"),
        (
            ("deidentification", "rules", 1, "reason"),
            "De-identification, rules of this trial, rule 1, reason",
            "privacy",
        ),
        (("checks", "kvp"), "Findings graver or milder than usual, kvp", "checks"),
        (("colour",), "colour", None),
        ((), "", None),
    ],
)
def test_a_place_is_said_in_titles(place, words, section):
    told, found = titled(place)
    assert (told, found and found.name) == (words, section)
