"""A reader may disagree with a derived response, with a reason only; both are kept, whatever the criteria."""

from __future__ import annotations

import pytest

from reading.models import Assessment, ReadTask
from reading.services import assessing
from reading.services.assessing import InvalidEntry
from reading.services.entries import AssessmentEntry
from tests.reading.conftest import AT, World, baseline
from tests.reading.test_reading_by_pack import sign
from tests.reading.test_views import posted, row, signed_in, url, words

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-CRI-006")]


@pytest.fixture
def task(world: World) -> ReadTask:
    """The first reader's read of week 8, whose target has not changed."""
    world.enrol()
    world.clear("BL")
    world.read_by_both("BL", baseline(40))
    world.clear("W8")
    return world.task("W8", 1)


def sheet(**stated: str) -> dict[str, object]:
    known = [
        {"lesion-0-number": 1, "lesion-0-state": "MEASURED", "lesion-0-diameter_mm": "40", "lesion-0-part": 0},
        {"lesion-1-number": 2, "lesion-1-state": "PRESENT"},
    ]
    return posted(*known, **stated)


def test_without_a_reason_nothing_is_signed(task: ReadTask) -> None:
    client = signed_in(task.reader)
    client.get(url("task", task.blinded_code))

    page = sign(client, task.blinded_code, sheet(stated_response="PD"))

    assert page.context["form"].errors == {
        "id_stated_reason": ["Say why you disagree with the derived response."],
    }
    assert not Assessment.objects.filter(task=task).exists()


def test_the_derived_response_is_no_disagreement(task: ReadTask) -> None:
    client = signed_in(task.reader)
    client.get(url("task", task.blinded_code))

    page = sign(client, task.blinded_code, sheet(stated_response="SD", stated_reason="As derived"))

    assert page.context["points"] == ("The response that you state is the derived one. Take it back.",)


def test_both_are_signed_and_the_derived_one_counts(task: ReadTask) -> None:
    client = signed_in(task.reader)
    client.get(url("task", task.blinded_code))

    sign(client, task.blinded_code, sheet(stated_response="PD", stated_reason="The margin is clearly wider."))

    content = Assessment.objects.get(task=task).content()
    assert content["disagreement"] == {"response": "PD", "reason": "The margin is clearly wider."}
    assert content["derivation"]["overall"] == "SD"  # type: ignore[index]
    said = words(client.get(url("task", task.blinded_code)))
    assert "The margin is clearly wider." in said
    assert "SD Stable disease" in said


def test_what_is_signed_of_a_read_by_recist_is_what_always_was(task: ReadTask) -> None:
    """A signature made before packs had forms of their own must still verify."""
    signed = Assessment.objects.get(task__timepoint__code="BL", task__slot=1).content()
    assert set(signed) == {"image_quality", "comment", "measurements", "derivation"}
    about = {"lesion", "category", "organ", "nodal", "part"}
    seen = {"state", "diameter_mm", "sop_instance_uid", "frame", "reason"}
    assert set(signed["measurements"][0]) == about | seen  # type: ignore[index]


@pytest.mark.parametrize("stated", ["iCR", "anything"])
def test_a_response_of_other_criteria_is_refused(task: ReadTask, stated: str) -> None:
    assessing.open_task(task=task, actor=task.reader, at=AT)
    entry = AssessmentEntry(version=0, stated_response=stated, stated_reason="Because")

    with pytest.raises(InvalidEntry):
        assessing.save_draft(task=task, entry=entry, actor=task.reader, at=AT)


def test_at_baseline_there_is_nothing_to_disagree_with(world: World) -> None:
    world.enrol()
    world.clear("BL")
    task = world.task("BL", 1)
    client = signed_in(task.reader)
    page = client.get(url("task", task.blinded_code))
    assert "I disagree" not in words(page)
    stated = posted(row(0, diameter_mm="40"), stated_response="PD", stated_reason="Because")
    assert sign(client, task.blinded_code, stated).status_code == 422
