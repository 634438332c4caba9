"""A charter that this room could not carry out is not signed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from compliance.signing import Intent
from tests.factories import AT, PASSWORD, World
from trials.charter import RECIST_TEMPLATE, CharterInvalid
from trials.models import ImagingCharter
from trials.services import setting_up

pytestmark = pytest.mark.requirement("REQ-CHA-003")


def amend(world: World, **sections: Any) -> ImagingCharter:
    draft = setting_up.amend_charter(trial=world.trial, change_summary="a change", actor=world.administrator, at=AT)
    content = copy.deepcopy({**RECIST_TEMPLATE, **sections})
    return setting_up.edit_charter(charter=draft, content=content, actor=world.administrator, at=AT)


@pytest.mark.parametrize(
    ("sections", "place"),
    [
        ({"deidentification": {"identifier": "x", "version": "1", "options": ["no such option"]}}, "deidentification"),
        ({"checks": {"no_such_finding": "block"}}, "checks"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_with_its_place(
    world: World, sections: dict[str, Any], place: str
) -> None:
    draft = amend(world, **sections)

    with pytest.raises(CharterInvalid) as refusal:
        setting_up.sign_charter(charter=draft, signature=Intent(PASSWORD), actor=world.administrator, at=AT)

    assert [fault.place[0] for fault in refusal.value.faults] == [place]
    assert world.trial.charter_in_force.version == 1


def test_a_charter_that_holds_together_is_signed(world: World) -> None:
    draft = amend(world, purpose="amended")

    setting_up.sign_charter(charter=draft, signature=Intent(PASSWORD), actor=world.administrator, at=AT)

    assert world.trial.charter_in_force.version == 2
