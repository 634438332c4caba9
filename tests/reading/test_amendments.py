"""What a version of the charter would change is what recomputing everything under it gives; nothing else moves."""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from compliance import access, jobs, signing
from compliance.errors import HouseError
from compliance.models import AuditEvent
from compliance.signing import Intent
from compliance.transitions import ReasonRequired
from imaging.models import QcReview
from imaging.services.checking import check
from reading import selectors
from reading.models import ReadTask
from reading.services.adjudicating import discordant_places
from reading.states import ReadState
from tests.acceptance.workflow import CHARTER, Draw, Walk
from tests.factories import AT, PASSWORD, World, make_user, make_world
from tests.support.shown import shown
from trials.models import ImagingCharter, Role, Subject, Timepoint
from trials.services import amending, setting_up
from trials.services.amending import NotInForce
from trials.states import ImageState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_disk"), pytest.mark.requirement("REQ-CHA-006")]

SCHEDULE = [
    {"code": "BL", "name": "Baseline", "day": -7, "window_before": 21, "window_after": 7},
    {"code": "W8", "name": "Week 8", "day": 57, "window_before": 7, "window_after": 7},
    {"code": "W16", "name": "Week 16", "day": 113, "window_before": 7, "window_after": 7},
]
AMENDED: dict[str, Any] = {
    # A threshold, a trigger, a visit window; and a parameter of the criteria.
    "series": [{**CHARTER["series"][0], "max_slice_thickness_mm": 4.0}],
    "adjudication": {"by": "subject", "triggers": ["response_class"], "date_window_days": 0},
    "schedule": [SCHEDULE[0], {**SCHEDULE[1], "window_before": 0, "window_after": 3, "day": 60}, SCHEDULE[2]],
    "criteria_parameters": {"pd_increase_percent": 250, "pr_decrease_percent": 70},
    "subjects": {"code_format": "N-{number:3}"},
}


def lived(world: World, until: Callable[[], bool]) -> Walk:
    """The trial as it goes on by itself, up to some point, by the walk of the acceptance tests."""
    walk = Walk(world)
    for n in range(200):
        if until():
            return walk
        walk.go_on(Draw(number=n, who=0, way=4 + n % 6, size=10 + 13 * n % 50, right=True))
    raise AssertionError(f"the trial did not get there: {walk.done}")


def signed(least: int) -> bool:
    """Whether so many reads are signed."""
    return ReadTask.objects.filter(state=ReadState.SUBMITTED).count() >= least


def being_read() -> bool:
    return ReadTask.objects.filter(state=ReadState.READING).exists()


@pytest.fixture
def world(own_disk: object, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("os.fsync", lambda _: None)
    world = make_world(charter={**CHARTER, "schedule": SCHEDULE})
    for name, role in (("second-reader", Role.READER), ("second-analyst", Role.QC_ANALYST)):
        user = make_user(name)
        setting_up.grant_membership(trial=world.trial, user=user, role=role, actor=world.founder, at=AT)
    return world


def amended(world: World, **sections: Any) -> ImagingCharter:
    charter = setting_up.amend_charter(
        trial=world.trial, change_summary="Amendment 1", actor=world.administrator, at=AT
    )
    content = copy.deepcopy({**charter.content, **sections})
    return setting_up.edit_charter(charter=charter, content=content, actor=world.administrator, at=AT)


def in_force(world: World, **sections: Any) -> ImagingCharter:
    charter = amended(world, **sections)
    return setting_up.sign_charter(charter=charter, signature=Intent(PASSWORD), actor=world.administrator, at=AT)


def recomputed(subject: Subject) -> dict[tuple[str, str], str]:
    """Everything of a subject that a charter decides, from its rows, by the plain road."""
    table: dict[tuple[str, str], str] = {}
    asked = "code_format" in ImagingCharter.objects.get(version=1).content.get("subjects", {})
    wrong = "It is not made as the charter says. A right one is N-001."
    table["", "Subject code"] = "as agreed" if not asked or re.fullmatch(r"N-\d{3}", subject.code) else wrong
    for timepoint in subject.timepoints.order_by("order"):
        table[timepoint.code, "Visit"] = (
            f"{timepoint.name}: day {timepoint.day}, {timepoint.window_before} days before "
            f"to {timepoint.window_after} after"
        )
        review = QcReview.objects.filter(timepoint=timepoint).order_by("-round").first()
        for finding in review.findings.all() if review else ():
            label = finding.series.label if finding.series else ""
            about = f"Finding {finding.code.replace('_', ' ')}" + (f", {label}" if label else "")
            weight = {"block": "Blocks", "warn": "To judge", "info": "Note", "pass": "As agreed"}[finding.severity]
            table[timepoint.code, about] = f"{weight}: {finding.sentence}"
    result = selectors.subject_result(subject)
    for slot in result.slots:
        by = f"by reader {slot.slot}"
        table["", f"Best overall response {by}"] = slot.outcome.bor
        table["", f"Progression {by}"] = slot.timepoint_on(slot.outcome.progression_day)
        table["", f"First response {by}"] = slot.timepoint_on(slot.outcome.first_response_day)
        for read in slot.reads:
            if read.response:
                table[read.timepoint.code, f"Response {by}"] = read.overall
    for timepoint, triggers in discordant_places(subject):
        words = {"best_overall_response": "best overall response", "response_class": "responder or not"}
        words |= {"overall_response": "response at a timepoint", "progression_date": "date of progression"}
        table[timepoint.code if timepoint else "", "Adjudication"] = ", ".join(words[t.name] for t in triggers)
    return table


@pytest.mark.requirement("REQ-CHA-005")
def test_the_changes_named_are_those_that_recomputing_gives(world):
    walk = lived(world, lambda: signed(17))
    draft = amended(world, **AMENDED)
    subjects = list(Subject.objects.order_by("code"))
    named = {
        (subject.code, change.timepoint, change.what): (change.before, change.after)
        for subject in subjects
        for change in amending.impact(subject, draft)
        if change.what != "Quality control"
    }
    judged_again = {
        (subject.code, change.timepoint)
        for subject in subjects
        for change in amending.impact(subject, draft)
        if change.what == "Quality control"
    }
    before = {subject.code: recomputed(subject) for subject in subjects}
    rounds = {review.timepoint_id: review.round for review in QcReview.objects.order_by("round")}

    # The first version's words are changed where they stand, past every guard, and all is done over.
    ImagingCharter.objects.filter(version=1).update(content=draft.content)
    for visit in draft.content["schedule"]:
        plan = {name: visit[name] for name in ("day", "window_before", "window_after")}
        Timepoint.objects.filter(code=visit["code"]).update(**plan)
    for timepoint in Timepoint.objects.filter(image_state=ImageState.RECEIVED).order_by("subject", "order"):
        check(timepoint_id=timepoint.pk, at=walk.at + dt.timedelta(hours=1))
    after = {subject.code: recomputed(subject) for subject in Subject.objects.order_by("code")}

    brute = {
        (code, *key): (before[code].get(key, ""), after[code].get(key, ""))
        for code in before
        for key in before[code].keys() | after[code].keys()
        if before[code].get(key, "") != after[code].get(key, "")
    }
    assert named == brute
    kinds = {what.split(" by ")[0].split(",")[0] for _, _, what in named}
    assert {"Visit", "Finding slices too thick", "Response", "Adjudication", "Subject code"} <= kinds
    latest = {review.timepoint_id: review.round for review in QcReview.objects.order_by("round")}
    reopened = Timepoint.objects.filter(pk__in=[pk for pk in latest if latest[pk] != rounds[pk]])
    assert judged_again == set(reopened.values_list("subject__code", "code"))


@pytest.mark.requirement("REQ-CHA-005")
def test_weighing_and_signing_change_nothing(world):
    lived(world, lambda: signed(6))
    before = {subject.code: recomputed(subject) for subject in Subject.objects.all()}
    held = list(ReadTask.objects.order_by("pk").values_list("pk", "charter__version", "state"))
    events = AuditEvent.objects.count()

    draft = amended(world, **AMENDED)
    drafted = AuditEvent.objects.count()
    for subject in Subject.objects.all():
        amending.impact(subject, draft)

    assert AuditEvent.objects.count() == drafted > events
    setting_up.sign_charter(charter=draft, signature=Intent(PASSWORD), actor=world.administrator, at=AT)
    assert {subject.code: recomputed(subject) for subject in Subject.objects.all()} == before
    assert list(ReadTask.objects.order_by("pk").values_list("pk", "charter__version", "state")) == held


def test_a_moved_subject_is_planned_and_checked_anew_and_its_signed_reads_stay(world):
    walk = lived(world, lambda: signed(2))
    added = {"code": "W24", "name": "Week 24", "day": 169, "window_before": 7, "window_after": 7}
    charter = in_force(world, **{**AMENDED, "schedule": [*AMENDED["schedule"][:2], added]})
    read = ReadTask.objects.filter(state=ReadState.SUBMITTED).values("timepoint__subject")
    with_reads = Subject.objects.filter(pk__in=read).first()
    without = Subject.objects.exclude(pk__in=read).first()
    assert with_reads
    assert without

    moved = amending.adopt(
        charter=charter,
        subjects=[with_reads, without],
        reason="Amendment 1",
        signature=Intent(PASSWORD),
        actor=world.administrator,
        at=AT,
    )
    walk.work()

    assert sorted(s.code for s in moved) == sorted([with_reads.code, without.code])
    for subject in moved:
        rows = subject.timepoints.order_by("order").values_list("code", "charter__version", "image_state")
        assert [row[0] for row in rows] in (["BL", "W8", "W24", "W16"], ["BL", "W8", "W16", "W24"])
        assert {row[1] for row in rows} == {2}
        assert {row[0]: row[2] for row in rows}["W16"] in (ImageState.MISSED, ImageState.RECEIVED)
    versions = ReadTask.objects.values_list("charter__version", flat=True)
    assert set(versions.filter(timepoint__subject=with_reads)) == {1}
    assert set(versions.filter(timepoint__subject=without)) <= {2}
    assert not amending.behind(charter).filter(pk__in=[with_reads.pk, without.pk]).exists()
    assert signing.signatures_on(charter).count() == 2
    event = AuditEvent.objects.get(action="imagingcharter.adopted")
    assert (event.reason, sorted(event.after["subjects"])) == ("Amendment 1", sorted(s.code for s in moved))


def test_a_read_that_is_open_follows_its_subject(world):
    walk = lived(world, being_read)
    task = ReadTask.objects.exclude(state__in=selectors.SIGNED).order_by("pk").first()
    assert task
    charter = in_force(world, blinded_to=["site", "subject", "dates"])
    subject = task.timepoint.subject

    (change,) = [c for c in amending.impact(subject, charter) if c.what == f"Hidden from reader {task.slot}"]
    assert (change.before, change.after) == ("arm, dates, site, subject", "dates, site, subject")
    amending.adopt(
        charter=charter,
        subjects=[subject],
        reason="Arm is known",
        signature=Intent(PASSWORD),
        actor=world.administrator,
        at=AT,
    )
    walk.work()

    task.refresh_from_db()
    assert task.charter.version == 2
    assert amending.impact(subject, charter) == []


@pytest.mark.parametrize(
    ("how", "refusal"),
    [
        ({"reason": " "}, ReasonRequired),
        ({"signature": Intent("another")}, signing.WrongPassword),
        ({"actor": "analyst"}, access.AccessDenied),
        ({"charter": 1}, NotInForce),
    ],
)
def test_moving_is_refused_whole(world, how, refusal: type[HouseError]):
    charter = in_force(world, **AMENDED)
    asked: dict[str, Any] = {
        "charter": ImagingCharter.objects.get(version=how["charter"]) if "charter" in how else charter,
        "subjects": list(Subject.objects.all()),
        "reason": how.get("reason", "Amendment 1"),
        "signature": how.get("signature", Intent(PASSWORD)),
        "actor": world.analyst if "actor" in how else world.administrator,
        "at": AT,
    }

    with pytest.raises(refusal):
        amending.adopt(**asked)
    jobs.drain()

    assert set(Timepoint.objects.values_list("charter__version", flat=True)) == {1}


@pytest.mark.requirement("REQ-CHA-005")
def test_the_page_names_each_change_and_moves_the_chosen(world):
    lived(world, being_read)
    charter = in_force(world, **AMENDED)
    client = Client()
    client.force_login(world.administrator)
    address = f"/trials/charters/{charter.pk}/impact/"
    chosen = Subject.objects.get(code="N-002")

    page = client.get(address).content.decode()
    assert "Week 8: day 57, 7 days before to 7 after" in page
    assert "Week 8: day 60, 0 days before to 3 after" in page
    table = b"".join(client.get(f"/trials/charters/{charter.pk}/impact.csv")).decode().splitlines()
    assert table[0] == "subject,timepoint,what,before,after,rests on a signed read"
    assert len(table) == 1 + sum(len(amending.impact(s, charter)) for s in Subject.objects.all())

    sent = {"subjects": [chosen.pk], "reason": "Amendment 1", "password": PASSWORD, "shown_sha256": shown(charter)}
    assert client.post(f"/trials/charters/{charter.pk}/adopt/", sent).status_code == 302
    jobs.drain()
    assert set(chosen.timepoints.values_list("charter__version", flat=True)) == {2}
    assert set(Timepoint.objects.exclude(subject=chosen).values_list("charter__version", flat=True)) == {1}


def test_a_subject_of_another_trial_cannot_be_moved_from_this_page(world):
    charter = in_force(world, **AMENDED)
    other = make_world("PLX-2", prefix="b-")
    client = Client()
    client.force_login(world.administrator)
    stranger = other.trial.subjects.first()

    sent = {"subjects": [stranger.pk], "reason": "Amendment 1", "password": PASSWORD, "shown_sha256": shown(charter)}
    client.post(f"/trials/charters/{charter.pk}/adopt/", sent)
    jobs.drain()

    assert set(stranger.timepoints.values_list("charter__trial__code", flat=True)) == {"PLX-2"}
