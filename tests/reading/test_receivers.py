"""What the reading room does on hearing news of the rooms below."""

from __future__ import annotations

from typing import Any

import pytest

from reading.receivers import check_criteria
from tests.reading.conftest import World
from trials.charter import TEMPLATES, Charter, CharterInvalid, Template

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-CHA-003")]


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"criteria": "RECIST 2.0"}, "criteria: There are no criteria RECIST 2.0"),
        ({"criteria": "iRECIST", "criteria_parameters": {"assessment": "ct"}}, "iRECIST has no parameter assessment"),
        ({"criteria_parameters": {"min_sd_day": 42}}, "has no parameter min_sd_day"),
        ({"criteria_parameters": {"min_sd_days": "soon"}}, "Parameter min_sd_days cannot take this value"),
    ],
)
def test_a_charter_whose_criteria_cannot_be_read_by_is_not_signed(
    world: World, sections: dict[str, Any], said: str
) -> None:
    with pytest.raises(CharterInvalid) as refused:
        world.amend(**sections)

    assert said in str(refused.value)
    assert world.trial.charter_in_force.version == 1


@pytest.mark.parametrize("template", TEMPLATES, ids=[template.name for template in TEMPLATES])
def test_the_criteria_of_every_template_can_be_read_by(template: Template) -> None:
    assert check_criteria(terms=Charter.stored(template.content)) == []
