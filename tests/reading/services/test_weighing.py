"""What other criteria in the charter would change of signed reads."""

from __future__ import annotations

import copy

import pytest

from reading.services.weighing import weigh
from tests.reading.conftest import AT, World, baseline, follow_up
from trials.impact import Change
from trials.models import ImagingCharter, Subject
from trials.services import setting_up

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-CHA-005")]


def version_by(world: World, criteria: str) -> ImagingCharter:
    """A draft of the charter that names other criteria."""
    draft = setting_up.amend_charter(trial=world.trial, change_summary="Others", actor=world.admin, at=AT)
    content = {**copy.deepcopy(draft.content), "criteria": criteria}
    return setting_up.edit_charter(charter=draft, content=content, actor=world.admin, at=AT)


@pytest.fixture
def progressing(world: World, subject: Subject) -> Subject:
    """Read by both readers with RECIST 1.1: stable, then a new lesion."""
    for visit, entry in (("BL", baseline(40)), ("W8", follow_up(40)), ("W16", follow_up(40, new="UNEQUIVOCAL"))):
        world.clear(visit)
        world.read_by_both(visit, entry)
    return subject


def test_criteria_that_what_was_entered_is_enough_for_are_derived(world: World, progressing: Subject) -> None:
    changes = weigh(progressing, version_by(world, "iRECIST"))
    told = {(c.timepoint, c.what): (c.before, c.after) for c in changes}
    assert told["W8", "Response by reader 1"] == ("SD", "iSD")
    assert told["W16", "Response by reader 1"] == ("PD", "iUPD")


def test_where_it_is_not_enough_that_is_said(world: World, progressing: Subject) -> None:
    """A product of two diameters does not follow from one of them."""
    changes = weigh(progressing, version_by(world, "Lugano 2014"))
    said = "cannot be derived by Lugano 2014 from what was entered"
    assert Change(progressing.code, "", "Responses", "", said, signed=True) in changes
