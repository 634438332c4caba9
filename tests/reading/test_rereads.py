"""Hidden re-reads: a case comes again after a wash-out, a reader cannot tell, and no result knows of it."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest
from django.test import Client

from compliance import api_conditions, jobs
from compliance.signing import Intent
from reading import blinding, pages, selectors
from reading.assignment import reread_after_days
from reading.exports.snapshot import snapshot
from reading.models import ReadTask
from reading.services.assessing import open_task, submit_read
from reading.services.excluding import exclude
from reading.services.locking import lock_trial, readiness
from reading.services.measuring import show_variability, variability_report
from reading.services.rereading import open_rereads
from reading.worklists import of_readers
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from trials.models import Role, Subject, Trial

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-BLI-005")]

LATER = AT + dt.timedelta(days=60)
TERMS = {"percent": 100, "washout_days": 28, "spread_days": 14}
VISITS = {"BL": baseline(30, 20), "W8": follow_up(20, 12), "W16": follow_up(18, 10)}


@pytest.fixture
def read(world: World) -> Subject:
    """A subject that both have read, in a trial whose every case comes again."""
    world.amend(rereads=TERMS)
    subject = world.enrol()
    for code in VISITS:
        world.clear(code)
    for code, entry in VISITS.items():
        world.read_by_both(code, entry)
    return subject


def again(world: World, code: str, slot: int = 1) -> ReadTask:
    return ReadTask.every.select_related("timepoint__subject__trial", "charter", "reader").get(
        timepoint=world.timepoint(code), slot=slot + 10
    )


def read_again(world: World, code: str, entry: Any, slot: int = 1) -> None:
    task = again(world, code, slot)
    open_task(task=task, actor=task.reader, at=LATER)
    submit_read(task=task, entry=entry, signature=Intent(PASSWORD), actor=task.reader, at=LATER)
    jobs.drain()


# --- when ------------------------------------------------------------------------------------------------------


def test_a_case_comes_again_after_the_wash_out_and_within_the_days_drawn(world: World, read: Subject) -> None:
    trial = world.trial
    assert open_rereads(trial=trial, at=AT + dt.timedelta(days=28)) == ()

    opened = open_rereads(trial=trial, at=AT + dt.timedelta(days=42))

    assert [(t.timepoint.code, t.slot, t.reader) for t in opened] == [
        (code, slot + 10, world.task(code, slot).reader) for slot in (1, 2) for code in VISITS
    ]
    assert open_rereads(trial=trial, at=LATER) == ()


def test_the_seed_draws_as_many_as_the_charter_says() -> None:
    drawn = [
        reread_after_days(f"S-{n}", slot, "seed", percent=10, washout=28, spread=14)
        for n in range(2000)
        for slot in (1, 2)
    ]
    days = [day for day in drawn if day is not None]
    assert 0.08 < len(days) / len(drawn) < 0.12
    assert 28 <= min(days) < 29 < 41 < max(days) < 42
    assert drawn[0] == reread_after_days("S-0", 1, "seed", percent=10, washout=28, spread=14)


def test_without_the_term_nothing_comes_again(world: World, subject: Subject) -> None:
    for code, entry in VISITS.items():
        world.clear(code)
        world.read_by_both(code, entry)
    assert open_rereads(trial=world.trial, at=LATER) == ()


def test_a_reader_who_was_excluded_meanwhile_does_not_get_the_case_again(world: World, read: Subject) -> None:
    manager, reader = world.join("manager", Role.READING_MANAGER), world.task("BL", 1).reader
    given = {"kind": "conflict", "reason": "Holds shares", "actor": manager, "at": LATER}
    exclude(trial=world.trial, person=reader, of=read, **given)
    assert {task.slot for task in open_rereads(trial=world.trial, at=LATER)} == {12}


# --- nobody can tell -----------------------------------------------------------------------------------------------


def received(task: ReadTask) -> dict[str, Any]:
    """Everything that the reader of a task gets, from opening to signature, by what was asked for."""
    client = Client()
    client.force_login(task.reader)
    address = f"/reading/tasks/{task.blinded_code}/"
    got = {"page": client.get(address), "api": client.get(f"/api/v1/read-tasks/{task.blinded_code}/")}
    shown = json.loads(got["api"].content)
    preset = shown["presets"][0]["name"]
    for n, series in enumerate(shown["series"]):
        got[f"picture {n}"] = client.get(f"{address}series/{series['key']}/frames/1/rendered", {"preset": preset})
    form = form_of(shown)
    headers = {"headers": {"accept": "application/json"}}
    got["refused draft"] = client.post(f"{address}save/", {**form, "image_quality": "x"}, **headers)
    got["draft"] = client.post(f"{address}save/", form, **headers)
    form["version"] = json.loads(got["draft"].content)["version"]
    for prefix, found in json.loads(got["draft"].content)["lesions"].items():
        form[f"{prefix}-number"] = found["number"]
    got["drafted page"] = client.get(address)
    got["refused signature"] = client.post(f"{address}sign/", {**form, "password": "wrong"})
    got["signature"] = client.post(f"{address}sign/", {**form, "password": PASSWORD})
    got["signed page"] = client.get(address)
    got["signed api"] = client.get(f"/api/v1/read-tasks/{task.blinded_code}/")
    return {name: plain(answer, task) for name, answer in got.items()}


def form_of(shown: dict[str, Any]) -> dict[str, Any]:
    """The read page's form for two targets and one non-target lesion."""
    form: dict[str, Any] = {"version": shown["version"], "rows": 3, "image_quality": "adequate", "comment": "Clear."}
    sizes = ("30", "20") if shown["is_baseline"] else ("21", "12")
    for n, (organ, size) in enumerate(zip(("LIVER", "LUNG"), sizes, strict=True)):
        form |= {f"lesion-{n}-{k}": v for k, v in {"category": "target", "organ": organ, "state": "MEASURED"}.items()}
        form |= {f"lesion-{n}-diameter_mm": size, f"lesion-{n}-number": "" if shown["is_baseline"] else n + 1}
    form |= {"lesion-2-category": "non_target", "lesion-2-organ": "PLEURA", "lesion-2-state": "PRESENT"}
    return form | {"lesion-2-number": "" if shown["is_baseline"] else 3}


def plain(answer: Any, task: ReadTask) -> tuple[Any, ...]:
    """An answer without what names its task or its images, each of which has another name in every read."""
    words = answer.content.decode("latin-1") if "image" in answer.get("Content-Type", "") else answer.content.decode()
    words = words.replace(task.blinded_code, "READ").replace(task.case_code, "CASE")
    words = re.sub(r"\b[0-9a-f]{32}\b", "KEY", words)
    words = re.sub(r'(csrfmiddlewaretoken" value="|csrf[^>]*content=")[^"]+|X-CSRFToken[^}]+', "TOKEN", words)
    words = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "REQUEST", words)
    words = re.sub(r"\d{1,2} \w+ \d{4},? \d\d:\d\d(:\d\d)?( UTC)?|\d{4}-\d\d-\d\dT[\d:.+]+Z?", "TIME", words)
    words = re.sub(r"\b[0-9a-f]{12,64}\b", "DIGEST", words)
    told = {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}
    told = {name: value.replace(task.blinded_code, "READ") for name, value in told.items()}
    if answer.headers.get("ETag") == api_conditions.tag_of(getattr(answer, "data", None)):
        # It is of what was answered, names and all, and so tells nothing else.
        told["ETag"] = "DIGEST"
    return answer.status_code, sorted(told.items()), words


def test_a_reader_receives_the_same_for_a_case_that_comes_again_as_for_a_new_one(world: World, read: Subject) -> None:
    """Page, API, pictures, drafts, refusals, headers and signature, at each timepoint; and the list of reads."""
    other = world.enrol("SUBJ-0001")
    for code in VISITS:
        world.clear(code, other)
    open_rereads(trial=world.trial, at=LATER)
    reader = again(world, "BL").reader
    slot = world.task("BL", 1, other).slot if world.task("BL", 1, other).reader == reader else 2

    for code in VISITS:
        new, hidden = world.task(code, slot, other), again(world, code)
        lists = [pages.read_row(task) for task in (new, hidden)]
        assert {(row.title, row.state, row.is_open, row.submitted_at) for row in lists} == {
            (f"Timepoint {new.order + 1}", "assigned", True, None)
        }
        got, expected = received(hidden), received(new)
        for name, answer in expected.items():
            assert got[name] == answer, name
        jobs.drain()

    rows = selectors.tasks_of(reader).exclude(case_code=world.task("BL", 1).case_code)
    shown = {(row.blinded_code[:2], len(row.blinded_code), row.case_code[:2], len(row.case_code)) for row in rows}
    assert shown == {("R-", 8, "C-", 8)}
    assert sorted(rows.values_list("order", flat=True)) == [0, 0, 1, 1, 2, 2]
    mine = list(ReadTask.every.filter(reader=reader, timepoint__subject=read).values_list("blinded_code", "case_code"))
    assert (len({read for read, _ in mine}), len({case for _, case in mine})) == (6, 2)


def test_pictures_bear_other_keys_when_they_come_again(world: World, read: Subject) -> None:
    open_rereads(trial=world.trial, at=LATER)
    first, second = (blinding.blinded_task(task) for task in (world.task("BL", 1), again(world, "BL")))
    stacks = [stack for shown in (first, second) for stack in shown.series]
    keys = [key for stack in stacks for key in (stack.key, *(picture.instance_key for picture in stack.slices))]
    assert len(set(keys)) == len(keys) == 6
    assert (second.lesions, second.earlier, second.response, second.version) == ((), (), None, 0)


def test_the_readers_home_counts_it_as_work_like_any_other(world: World, read: Subject) -> None:
    reader = world.task("BL", 1).reader
    (before,) = of_readers(reader, None, LATER)
    open_rereads(trial=world.trial, at=LATER)
    (after,) = of_readers(reader, None, LATER)
    assert (before.count, after.count, after.note) == (0, 1, "")


# --- no result knows of it -----------------------------------------------------------------------------------------


def test_the_endpoint_is_the_same_with_and_without_it(world: World, read: Subject) -> None:
    admin = world.admin
    before = world.result(read)
    open_rereads(trial=world.trial, at=LATER)
    for code, entry in {"BL": baseline(60), "W8": follow_up(80, new="UNEQUIVOCAL")}.items():
        read_again(world, code, entry)

    after = world.result(read)
    assert (after.accepted, after.adjudications, after.discordances) == (before.accepted, (), ())
    assert [len(slot.reads) for slot in after.slots] == [3, 3]
    assert readiness(world.trial) == ()
    lock_trial(trial=world.trial, signature=Intent(PASSWORD), actor=admin, at=LATER)

    states = ReadTask.every.filter(reread=True).order_by("slot", "order").values_list("state", flat=True)
    assert list(states) == ["locked", "locked", "withdrawn", "withdrawn", "withdrawn", "withdrawn"]
    content = snapshot(Trial.objects.get(pk=world.trial.pk))
    assert {read.evalid for _, _, read in content.reads()} == {"READER 1", "READER 2"}
    assert [len(subject.lesions) for subject in content.subjects] == [6]


def test_readers_are_held_against_themselves(world: World, read: Subject) -> None:
    manager = world.join("manager", Role.READING_MANAGER)
    assert "rereads" not in variability_report(world.trial)
    open_rereads(trial=world.trial, at=LATER)
    for code, entry in {"BL": baseline(31, 21), "W8": follow_up(20, 14), "W16": follow_up(30, 20)}.items():
        read_again(world, code, entry)

    found = show_variability(trial=world.trial, actor=manager, at=LATER)["monitoring"]["rereads"]

    reader = again(world, "BL").reader.username
    assert list(found) == [reader]
    assert (found[reader]["subjects"], found[reader]["timepoint_responses"]["n"]) == (1, 2)
    assert found[reader]["timepoint_responses"]["percent_agreement"]["value"] == 0.5
    # Sums 50, 32, 28 and again 52, 34, 50: half the mean of the squared differences 4, 4, 484.
    assert found[reader]["within_reader_sd"]["value"] == pytest.approx((492 / 6) ** 0.5)
    assert variability_report(world.trial)["rereads"]["subjects"] == 1
    client = Client()
    client.force_login(manager)
    page = client.get(f"/reading/trials/{world.trial.pk}/variability/").content.decode()
    assert f"{reader}: 1 subject read again" in page
