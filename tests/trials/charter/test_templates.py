"""The charters that come with the house: each is a document as it would be written, and a trial can start from it."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from imaging.deid.recipe import Recipe
from tests.factories import AT, make_user
from trials.charter import TEMPLATES, Charter, Template, documents, find_template
from trials.charter.schema import schema
from trials.charter.templates import UnknownTemplate
from trials.services import setting_up

each = pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)


def test_there_is_one_for_each_document_and_none_has_another_name():
    found = sorted(path.stem for path in TEMPLATES[0].path.parent.glob("*.yaml"))
    assert found == sorted(template.name for template in TEMPLATES)
    with pytest.raises(UnknownTemplate, match="There is no template"):
        find_template("../x")


@each
def test_what_goes_out_comes_in_and_goes_out_as_the_same_bytes(template: Template):
    written = template.path.read_bytes()
    found = documents.read(written)
    assert found.faults() == []
    assert documents.write(Charter.parse(found.content).content()).encode() == written


@each
def test_it_holds_against_the_schema_and_its_recipe_can_be_carried_out(template: Template):
    Draft202012Validator(schema()).validate(dict(template.content))
    assert Recipe.parse(template.content["deidentification"]).dates == "shifted"


@each
def test_it_says_what_it_is_for_and_where_its_terms_come_from(template: Template):
    terms = Charter.parse(template.content)
    assert template.purpose
    assert terms.notes.sources


@pytest.mark.django_db
@each
def test_a_trial_can_start_from_it_and_only_criteria_can_speak_against_its_signature(template: Template, own_disk):
    trial = setting_up.create_trial(
        code="NEW-1",
        title="New",
        sponsor_name="Sponsor",
        actor=make_user("founder", is_staff=True),
        at=AT,
        template=template.name,
    )
    draft = trial.charters.get()
    assert draft.content == template.content
    assert {problem.place for problem in setting_up.objections(draft.content)} <= {("criteria",)}
