"""A whole read by each pack: two readers through the page's form, adjudicated where they differ, locked, exported."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client

from compliance import jobs
from reading.criteria.form import At
from reading.exports import endpoint_report
from reading.exports.endpoint_tables import csv_files
from reading.exports.snapshot import snapshot
from reading.models import Adjudication, Assessment
from tests.reading.conftest import PASSWORD, World
from tests.reading.test_views import posted, row, signed_in, url, words
from tests.support.shown import shown
from trials.models import Trial
from trials.states import TrialState

pytestmark = pytest.mark.django_db

VISITS = ("BL", "W8", "W16")
#: The first reader disagrees at week 8, whatever the criteria derive: both responses are kept, the derived one counts.
REASON = "Motion through all slices."


def known(n: int, number: int, state: str = "MEASURED", **values: str) -> dict[str, object]:
    """The fields of a lesion that was found before."""
    entered = {"number": number, "part": 0, "state": state, **values}
    return {f"lesion-{n}-{name}": value for name, value in entered.items()}


def answers(**given: str) -> dict[str, object]:
    """The fields of the questions about the timepoint."""
    return {f"answer_{name}": value for name, value in given.items()}


Sheet = dict[str, object]


@dataclass(frozen=True)
class Story:
    """What two readers enter at three visits, and what is derived from it by each clause of the criteria.

    `second` is where the second reader enters something else; `values` are rows of values.csv of the first.
    """

    criteria: str
    sheets: tuple[Sheet, Sheet, Sheet]
    overall: tuple[str, str]
    bor: str
    values: Mapping[tuple[str, str, str], str]
    second: Mapping[int, Sheet] = field(default_factory=dict)
    second_overall: tuple[str, str] | None = None
    progression: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)


STORIES = [
    Story(
        "RECIST 1.1",
        (
            posted(row(0, diameter_mm="50"), row(1, "non_target", organ="PLEURA")),
            posted(known(0, 1, diameter_mm="30"), known(1, 2, "PRESENT")),
            posted(known(0, 1, diameter_mm="40"), known(1, 2, "PRESENT")),
        ),
        # §4.3.1: -40 %; then +10 mm and +33 % over the nadir.
        ("PR", "PD"),
        "PR",
        {("W8", "T01", "diameter_mm"): "30", ("W8", "", "percent_from_baseline"): "-40"},
        {2: posted(known(0, 1, diameter_mm="33"), known(1, 2, "PRESENT"))},
        ("PR", "PR"),
        "W16",
    ),
    Story(
        "iRECIST",
        (
            posted(row(0, diameter_mm="50"), row(1, "non_target", organ="PLEURA")),
            posted(
                known(0, 1, diameter_mm="50"),
                known(1, 2, "PRESENT"),
                row(2, "new", organ="LUNG", state="UNEQUIVOCAL", lesion_class="TARGET", diameter_mm="12"),
                row(3, "new", organ="BONE", state="UNEQUIVOCAL", lesion_class="NONTARGET"),
            ),
            posted(
                known(0, 1, diameter_mm="50"),
                known(1, 2, "NO_CHANGE_FROM_LAST"),
                known(2, 3, "UNEQUIVOCAL", diameter_mm="18"),
                known(3, 4, "UNEQUIVOCAL", change="STABLE"),
            ),
        ),
        # Table 2: a new lesion; then 6 mm more of the new target lesions.
        ("iUPD", "iCPD"),
        "iCPD",
        {("W8", "NEW03", "lesion_class"): "TARGET", ("W16", "NEW03", "diameter_mm"): "18"},
        {
            2: posted(
                known(0, 1, diameter_mm="50"),
                known(1, 2, "NO_CHANGE_FROM_LAST"),
                known(2, 3, "UNEQUIVOCAL", diameter_mm="13"),
                known(3, 4, "UNEQUIVOCAL", change="STABLE"),
            )
        },
        ("iUPD", "iUPD"),
        "W8",
    ),
    Story(
        "Lugano 2014",
        (
            posted(
                row(0, organ="LYMPH NODE", diameter_mm="40", across_mm="30"),
                row(1, "non_target", organ="SPLEEN"),
                **answers(spleen_mm="150", marrow_involved="no"),
            ),
            posted(
                known(0, 1, diameter_mm="25", across_mm="20"),
                known(1, 2, "PRESENT"),
                **answers(spleen_mm="135", marrow="NORMAL", deauville="4", uptake="REDUCED", new_foci="no"),
            ),
            posted(known(0, 1, diameter_mm="38", across_mm="30"), known(1, 2, "PRESENT"), **answers(spleen_mm="135")),
        ),
        # Table 3. PET: score 4 with reduced uptake. CT: 38 x 30 = 1140 is more than half over 500, and 13 mm more.
        ("PR", "PD"),
        "PR",
        {
            ("BL", "", "spd_mm2"): "1200",
            ("W8", "T01", "across_mm"): "20",
            ("W8", "", "spd_mm2"): "500",
            ("W8", "", "deauville"): "4",
            ("W8", "", "by_pet"): "PR",
        },
        {2: posted(known(0, 1, diameter_mm="26", across_mm="20"), known(1, 2, "PRESENT"), **answers(spleen_mm="135"))},
        ("PR", "PR"),
        "W16",
    ),
    Story(
        "RANO 2.0",
        (
            posted(
                row(0, organ="FRONTAL LOBE", diameter_mm="30", across_mm="20"),
                **answers(since_radiotherapy_days="28"),
            ),
            posted(known(0, 1, diameter_mm="20", across_mm="10"), **answers(steroids="NONE", clinical="NOT_WORSE")),
            posted(known(0, 1, diameter_mm="25", across_mm="10"), **answers(steroids="NONE", clinical="NOT_WORSE")),
        ),
        # 200 of 600 mm² is PR; 250 mm² is a quarter over the nadir, and 12 weeks of radiotherapy are over.
        ("PR", "PD"),
        "SD",
        {("BL", "", "since_radiotherapy_days"): "28", ("W8", "", "spd_mm2"): "200", ("W8", "", "steroids"): "NONE"},
        {
            1: posted(
                known(0, 1, diameter_mm="20", across_mm="10"), **answers(steroids="INCREASED", clinical="NOT_WORSE")
            )
        },
        ("NE", "PD"),
        "W16",
    ),
    Story(
        "mRECIST",
        (
            posted(row(0, diameter_mm="40")),
            posted(known(0, 1, diameter_mm="20")),
            posted(known(0, 1, "ABSENT")),
        ),
        # Lencioni 2010: -50 % of the viable diameters; then no enhancement is left.
        ("PR", "CR"),
        "CR",
        {("W8", "", "sum_mm"): "20"},
    ),
    Story(
        "PCWG3 bone",
        (
            posted(row(0, "non_target", organ="RIB")),
            posted(
                known(0, 1, "PRESENT"),
                row(1, "new", organ="FEMUR"),
                row(2, "new", organ="SACRUM"),
            ),
            posted(
                known(0, 1, "PRESENT"),
                known(1, 2, "PRESENT"),
                known(2, 3, "ABSENT"),
                row(3, "new", organ="SKULL"),
                row(4, "new", organ="PELVIS"),
            ),
        ),
        # The 2+2 rule: two new lesions on the first scan, two more on the next; dated at the first.
        ("PDu", "PD"),
        "PD",
        {("W16", "", "lesions"): "4"},
        {1: posted(known(0, 1, "PRESENT")), 2: posted(known(0, 1, "PRESENT"))},
        ("NON-PD", "NON-PD"),
        "W8",
    ),
    Story(
        "Volumetric",
        (
            posted(row(0, volume_ml="20,5"), row(1, volume_ml="10")),
            posted(known(0, 1, volume_ml="5"), known(1, 2, volume_ml="5")),
            posted(known(0, 1, volume_ml="9.5"), known(1, 2, volume_ml="9.5")),
        ),
        # -67 % of 30.5 ml is past -65.7 %; 19 ml is +90 % over 10 ml.
        ("PR", "PD"),
        "PR",
        {("BL", "T01", "volume_ml"): "20.5", ("BL", "", "volume_ml"): "30.5"},
        {1: posted(known(0, 1, volume_ml="8"), known(1, 2, volume_ml="5"))},
        ("SD", "SD"),
        "W16",
    ),
    Story(
        "Continuous endpoint",
        (
            posted(row(0, organ="Segment II", value="18"), row(1, organ="Segment VI", value="22")),
            posted(known(0, 1, value="14.5"), known(1, 2, value="15.5")),
            posted(known(0, 1, value="12"), known(1, 2, "NOT_EVALUABLE", reason="Motion")),
        ),
        ("EVALUABLE", "NE"),
        "EVALUABLE",
        {("BL", "", "value"): "20", ("W8", "", "change"): "-5", ("W8", "", "percent_from_baseline"): "-25"},
        {2: posted(known(0, 1, value="12"), known(1, 2, value="10"))},
        ("EVALUABLE", "EVALUABLE"),
        parameters={"aggregate": "mean", "quantity": "Fat fraction", "unit": "%"},
    ),
]


def sign(client: Client, code: str, sheet: Mapping[str, object], version: int = 0) -> Any:
    return client.post(url("task_sign", code), {**sheet, "version": version, "password": PASSWORD})


def read(world: World, story: Story) -> None:
    """Both readers enter and sign each visit on the page."""
    for number, visit in enumerate(VISITS):
        world.clear(visit)
        for slot in (1, 2):
            task = world.task(visit, slot)
            client = signed_in(task.reader)
            asked_for_what_is_declared(client.get(url("task", task.blinded_code)))
            entered = story.sheets[number] if slot == 1 else story.second.get(number, story.sheets[number])
            if (visit, slot) == ("W8", 1):
                entered = {**entered, "stated_response": "NE", "stated_reason": REASON}
            answer = sign(client, task.blinded_code, entered)
            assert answer.status_code == 302, words(answer)
            assert client.get(url("task", task.blinded_code)).status_code == 200
            jobs.drain()


def asked_for_what_is_declared(page: Any) -> None:
    """Every list, size and question of the pack's form is on the page."""
    shown, task = words(page), page.context["task"]
    at = At.FIRST if task.is_baseline else At.LATER
    for listed in task.form.found(at):
        labels = [listed.title, listed.add, *(field.label for field in listed.asked(At.FIRST))]
        assert [label for label in labels if label not in shown] == []
    assert all(question.label in shown for question in task.form.asked(at))


def overalls(slot: int) -> tuple[str, ...]:
    found = Assessment.objects.filter(task__slot=slot).order_by("task__order")
    return tuple(one.derivation["overall"] for one in found)[1:]


@pytest.mark.parametrize("story", STORIES, ids=[story.criteria for story in STORIES])
def test_a_case_is_read_adjudicated_locked_and_exported(world: World, story: Story) -> None:
    world.amend(criteria=story.criteria, criteria_parameters=dict(story.parameters))
    subject = world.enrol()
    read(world, story)

    assert overalls(1) == story.overall
    assert overalls(2) == (story.second_overall or story.overall)
    decide_for_the_first(story)
    lock(world)
    result = world.result(subject)
    assert result.accepted is not None
    assert (result.accepted.bor, result.accepted.progression) == (story.bor, story.progression)
    exported(Trial.objects.get(), story)


def decide_for_the_first(story: Story) -> None:
    """A case is opened where the readers differ, and only there; its adjudicator chooses the first reader."""
    case = Adjudication.objects.first()
    assert (case is not None) == (story.second_overall is not None)
    if case is None:
        return
    client, address = signed_in(case.adjudicator), url("adjudication", case.blinded_code)
    said = words(client.get(address))
    assert all(overall in said for overall in (*story.overall, *(story.second_overall or ())))
    assert REASON in said
    chosen = {"choice": "left" if case.left_slot == 1 else "right", "rationale": "As measured on the images."}
    assert client.post(address, {**chosen, "password": PASSWORD, "shown_sha256": shown(case)}).status_code == 302


def lock(world: World) -> None:
    answer = signed_in(world.admin).post(
        url("lock", world.trial.pk), {"password": PASSWORD, "shown_sha256": shown(world.trial)}
    )
    assert answer.status_code == 302, words(answer)
    assert Trial.objects.get().state == TrialState.LOCKED


def exported(trial: Trial, story: Story) -> None:
    """The tables hold what was entered and derived; the report names the pack's own quantity and responses."""
    locked = snapshot(trial)
    files = csv_files(locked)
    tables = {name: list(csv.DictReader(io.StringIO(data.decode(), newline=""))) for name, data in files.items()}
    first = [line for line in tables["values.csv"] if line["evalid"] == "READER 1"]
    held = {(line["timepoint"], line["lesion"], line["name"]): line["number"] or line["text"] for line in first}
    assert {key: held.get(key) for key in story.values} == story.values
    responses = [line["overall_response"] for line in tables["responses.csv"] if line["evalid"] == "READER 1"]
    assert tuple(responses[1:]) == story.overall
    stated = [line for line in tables["responses.csv"] if line["stated_response"]]
    assert [(line["evalid"], line["timepoint"], line["stated_reason"]) for line in stated] == [
        ("READER 1", "W8", REASON)
    ]
    report = render_to_string("reading/report/endpoint.html", endpoint_report.context(locked, "0" * 64, files))
    assert locked.criteria.burden in report
    assert ("Objective response" in report) == bool(locked.criteria.responders)
