"""A case read as a batch, or timepoint by timepoint in a drawn order that nothing tells."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re

import pytest

from compliance import jobs
from compliance.signing import Intent
from reading import blinding, derivation, pages, selectors
from reading.api import BlindedTaskSerializer
from reading.assignment import drawn_order
from reading.blinding import NotOpen
from reading.criteria.form import At
from reading.exports.endpoint_tables import csv_files
from reading.exports.snapshot import snapshot
from reading.models import ReadTask, Reopening
from reading.services.assessing import IncompleteRead, open_task
from reading.services.entries import AssessmentEntry, LesionEntry
from reading.services.locking import lock_trial, readiness
from reading.services.rederiving import rederive
from reading.services.reopening import approve_reopening, ask_reopening
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from tests.reading.test_views import signed_in, url, words
from trials.charter import CharterInvalid
from trials.models import Role, Subject, Trial
from trials.services import enrolling

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-REA-002")]

VISITS = ("BL", "W8", "W16")
FAT = {
    "criteria": "Continuous endpoint",
    "criteria_parameters": {"aggregate": "mean", "quantity": "Fat fraction", "unit": "%"},
    "reads": {"order": "randomised"},
}


def shown(world: World, slot: int) -> list[str]:
    """The timepoints that a reader can see anything of, in the order of the schedule."""
    tasks = ReadTask.objects.filter(slot=slot, state__in=selectors.SHOWN).order_by("order")
    return list(tasks.values_list("timepoint__code", flat=True))


# --- batch -----------------------------------------------------------------------------------------------------


@pytest.fixture
def batch(world: World) -> World:
    world.amend(reads={"order": "batch"})
    world.enrol()
    return world


def test_nothing_of_a_batch_is_opened_before_all_is_cleared(batch: World) -> None:
    batch.clear("BL")
    batch.clear("W8")
    assert shown(batch, 1) == shown(batch, 2) == []

    batch.clear("W16")
    assert shown(batch, 1) == shown(batch, 2) == ["BL"]


def test_a_batch_is_read_in_the_order_of_visits_with_what_was_before(batch: World) -> None:
    for code in VISITS:
        batch.clear(code)

    batch.read("BL", 1, baseline(30))
    assert shown(batch, 1) == ["BL", "W8"]
    batch.read("W8", 1, follow_up(20))
    assert shown(batch, 1) == ["BL", "W8", "W16"]
    seen = blinding.blinded_task(batch.task("W16", 1))
    assert [one.title for one in seen.earlier] == ["Timepoint 1", "Timepoint 2"]


def test_a_visit_that_will_not_come_is_not_waited_for(batch: World) -> None:
    batch.clear("BL")
    batch.clear("W8")

    enrolling.mark_missed(timepoint=batch.timepoint("W16"), reason="Did not come", actor=batch.coordinator, at=AT)
    jobs.drain()

    assert shown(batch, 1) == ["BL"]


def test_a_subject_that_left_is_read_as_far_as_it_came(batch: World) -> None:
    batch.clear("BL")
    batch.clear("W8")
    subject = Subject.objects.get()

    enrolling.withdraw_subject(subject=subject, reason="Moved away", actor=batch.coordinator, at=AT)
    jobs.drain()

    assert shown(batch, 2) == ["BL"]


def test_a_batch_up_to_a_visit_waits_for_no_later_one(world: World) -> None:
    world.amend(reads={"order": "batch", "cut_off": "W8"})
    world.enrol()
    world.clear("BL")
    assert shown(world, 1) == []

    world.clear("W8")
    assert shown(world, 1) == ["BL"]
    world.read("BL", 1, baseline(30))
    world.read("W8", 1, follow_up(20))
    world.clear("W16")
    assert shown(world, 1) == ["BL", "W8", "W16"]


def test_what_is_back_in_quality_control_does_not_shut_a_batch_that_was_begun(batch: World) -> None:
    for code in VISITS:
        batch.clear(code)
    batch.read("BL", 1, baseline(30))

    batch.receive(batch.timepoint("W16"))
    batch.read("BL", 2, baseline(30))

    assert shown(batch, 2) == ["BL", "W8"]


# --- each by itself --------------------------------------------------------------------------------------------


def measured(**values: float) -> AssessmentEntry:
    """Regions with their values, in this order."""
    return AssessmentEntry(
        version=0,
        lesions=tuple(
            LesionEntry(None, "target", name, state="MEASURED", values={"value": str(value)})
            for name, value in values.items()
        ),
    )


@pytest.fixture
def drawn(world: World) -> World:
    world.amend(**FAT)
    world.enrol()
    for code in VISITS:
        world.clear(code)
    return world


def order_of(world: World, slot: int) -> list[str]:
    return drawn_order(Subject.objects.get().code, slot, VISITS, world.trial.seed)


READINGS = {
    "BL": measured(left=18, right=22),
    "W8": measured(right=15.5, Left=14.5),
    "W16": measured(left=12, right=8),
}


def read_through(world: World, slot: int, **other: AssessmentEntry) -> None:
    for code in order_of(world, slot):
        world.read(code, slot, other.get(code, READINGS[code]))


def test_a_drawn_order_replays_whatever_order_it_is_asked_in() -> None:
    orders = {tuple(drawn_order(f"S-{n}", slot, VISITS, "seed")) for n in range(20) for slot in (1, 2)}

    assert len(orders) == 6
    assert drawn_order("S-1", 1, VISITS, "seed") == drawn_order("S-1", 1, VISITS[::-1], "seed")


def test_timepoints_come_one_by_one_in_the_drawn_order(drawn: World) -> None:
    opened = []
    for _ in VISITS:
        (task,) = ReadTask.objects.filter(slot=1, state="assigned").select_related("timepoint")
        opened.append(task.timepoint.code)
        drawn.read(task.timepoint.code, 1, READINGS[task.timepoint.code])

    assert opened == order_of(drawn, 1)


def test_nothing_is_drawn_before_all_is_in(world: World) -> None:
    world.amend(**FAT)
    world.enrol()
    world.clear("W8")
    world.clear("BL")

    assert shown(world, 1) == []


def test_a_read_by_itself_tells_no_place_and_nothing_of_other_timepoints(drawn: World) -> None:
    place = re.compile(r"\b(Timepoint \d|baseline|week|W8|W16|BL|visit|order)\b", re.IGNORECASE)
    cases = set()
    for code in order_of(drawn, 1):
        task = drawn.task(code, 1)
        client = signed_in(task.reader)
        page = client.get(url("task", task.blinded_code))
        seen = blinding.blinded_task(drawn.task(code, 1))
        looked = blinding.look_at_read(drawn.task(code, 1), actor=task.reader)
        row = pages.read_row(task)
        texts = {
            "page": words(page),
            "list": words(client.get(url("worklist"))),
            "told": json.dumps(dataclasses.asdict(dataclasses.replace(seen, form=None)), default=str),
            # What the criteria ask is the same for every read.
            "program": json.dumps({**BlindedTaskSerializer(seen).data, "form": None}, default=str),
            "stacks": json.dumps([title for title, _ in blinding.stacks_shown(looked)]),
            "row": json.dumps(dataclasses.asdict(row), default=str),
        }
        assert {name: place.findall(text) for name, text in texts.items() if place.search(text)} == {}
        assert (seen.earlier, seen.lesions, seen.is_baseline, seen.title) == ((), (), True, "Single timepoint")
        cases.add(seen.case)
        drawn.read(code, 1, READINGS[code])
    assert len(cases) == len(VISITS)


def test_a_signed_read_by_itself_says_what_was_measured_and_no_change(drawn: World) -> None:
    last = order_of(drawn, 1)[-1]
    read_through(drawn, 1)

    seen = blinding.blinded_task(drawn.task(last, 1))

    assert seen.response is not None
    assert {figure.title: figure.text for figure in seen.response.figures if figure.text != blinding.reads.NOTHING} == {
        "Fat fraction": f"{20 if last == 'BL' else 15 if last == 'W8' else 10}.0 %"
    }
    assert drawn.task(last, 1).assessment.derivation["kind"] == "alone"


def test_regions_are_matched_by_their_names_whatever_their_order(drawn: World) -> None:
    read_through(drawn, 1)
    read_through(drawn, 2, W16=measured(left=12))

    first, second = drawn.result(Subject.objects.get()).slots

    assert [read.burden for read in first.reads] == [20, 15, 10]
    assert [read.response.percent_from_baseline for read in first.reads if read.response] == [-25, -50]
    # A region that the reader did not find again was not assessed.
    assert [read.overall for read in second.reads] == ["", "EVALUABLE", "NE"]


def test_two_regions_of_one_name_are_not_signed(drawn: World) -> None:
    with pytest.raises(IncompleteRead, match="Two are called “left”"):
        drawn.read(order_of(drawn, 1)[0], 1, measured(left=1, right=2, Left=3))


def test_readers_differ_only_when_both_have_read_everything(drawn: World) -> None:
    for code in order_of(drawn, 1):
        drawn.read(code, 1, READINGS[code])
    first = order_of(drawn, 2)[0]
    drawn.read(first, 2, AssessmentEntry(version=0, image_quality="not_evaluable"))

    assert Subject.objects.get().adjudications.count() == 0


def test_a_trial_read_so_is_locked_exported_and_derived_anew(drawn: World) -> None:
    read_through(drawn, 1)
    read_through(drawn, 2)
    assert readiness(drawn.trial) == ()

    lock_trial(trial=drawn.trial, signature=Intent(PASSWORD), actor=drawn.admin, at=AT)
    locked = snapshot(Trial.objects.get())
    values = csv_files(locked)["values.csv"].decode()
    rows = list(csv.DictReader(io.StringIO(values, newline="")))

    found = {
        (row["timepoint"], row["name"]): row["number"]
        for row in rows
        if row["evalid"] == "READER 1" and not row["lesion"]
    }
    assert found["W8", "value"] == "15"
    assert found["W8", "percent_from_baseline"] == "-25"
    assert found["BL", "value"] == "20"
    assert rederive(trial=drawn.trial, actor=None, at=AT).differences == ()


def test_opening_one_again_leaves_the_others_signed(drawn: World) -> None:
    read_through(drawn, 1)
    manager = drawn.join("manager", Role.READING_MANAGER)
    ask_reopening(task=drawn.task("BL", 1), reason="Wrong region", actor=manager, at=AT)

    approve_reopening(reopening=Reopening.objects.get(), signature=Intent(PASSWORD), actor=drawn.admin, at=AT)

    states = {code: drawn.task(code, 1).state for code in VISITS}
    assert states == {"BL": "assigned", "W8": "submitted", "W16": "submitted"}


def test_a_scan_is_not_read_while_it_is_with_quality_control_again(drawn: World) -> None:
    first, second, _ = order_of(drawn, 1)
    drawn.read(first, 1, READINGS[first])
    drawn.receive(drawn.timepoint(second))
    task = drawn.task(second, 1)

    with pytest.raises(NotOpen):
        open_task(task=task, actor=task.reader, at=AT)


@pytest.mark.parametrize("criteria", ["RECIST 1.1", "Volumetric", "Lugano 2014"])
def test_criteria_that_compare_cannot_be_read_so(world: World, criteria: str) -> None:
    with pytest.raises(CharterInvalid, match="none can be read by itself"):
        world.amend(criteria=criteria, criteria_parameters={}, reads={"order": "randomised"})


def test_all_is_asked_anew_at_each_timepoint(drawn: World) -> None:
    assert {derivation.at_of(drawn.task(code, 1)) for code in VISITS} == {At.FIRST}
