"""A reader goes over the case at the end: responses confirmed or changed by signature, and what follows from them."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from compliance import access, audit, jobs, signing
from compliance.models import AuditEvent
from compliance.signing import Intent, WrongPassword
from compliance.transitions import IllegalMove
from reading import blinding, pages, selectors
from reading.exports.endpoint_tables import csv_files
from reading.exports.snapshot import snapshot
from reading.models import Adjudication, GlobalReview, ReadTask, Reopening
from reading.selectors_reviews import reviews_of
from reading.services.locking import lock_trial, readiness
from reading.services.reopening import approve_reopening, ask_reopening, consequences
from reading.services.reviewing import Changed, InvalidReview, open_reviews, sign_review
from reading.timeline import road_of
from reading.worklists import of_reviewing_readers
from tests.reading.conftest import AT, PASSWORD, SITE_CODE, SUBJECT_CODE, World, baseline, follow_up
from tests.reading.test_views import signed_in, url, words
from tests.support.shown import shown
from trials.models import Role, Subject, Trial
from trials.services import enrolling

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-REA-014")]

VISITS = ("BL", "W8", "W16")
#: 30 mm at baseline; 20 mm is PR, 28 mm SD.
FIRST = (baseline(30), follow_up(28), follow_up(28))
SECOND = (baseline(30, comment="The remark of another"), follow_up(20), follow_up(20))


@pytest.fixture
def reviewed(world: World) -> World:
    """Two readers who differ have signed every timepoint of a case that is reviewed at the end."""
    world.amend(reads={"global_review": True})
    world.enrol()
    for code in VISITS:
        world.clear(code)
    for code, first, second in zip(VISITS, FIRST, SECOND, strict=True):
        world.read_by_both(code, first, second)
    return world


def review(slot: int) -> GlobalReview:
    return GlobalReview.objects.select_related("subject__trial", "reader").get(slot=slot)


def sign(world: World, slot: int, password: str = PASSWORD, **changes: tuple[str, str]) -> GlobalReview:
    """Sign a reader's review, with responses changed by visit: what to, and why."""
    one = review(slot)
    said = {world.task(code, slot).blinded_code: Changed(*change) for code, change in changes.items()}
    sign_review(review=one, changes=said, signature=Intent(password), actor=one.reader, at=AT)
    jobs.drain()
    return one


def test_a_charter_that_asks_for_none_opens_none(world: World, subject: Subject) -> None:
    for code, entry in zip(VISITS, FIRST, strict=True):
        world.clear(code)
        world.read_by_both(code, entry)

    assert GlobalReview.every.count() == 0
    assert world.result(subject).accepted is not None


def test_a_review_opens_to_a_reader_who_has_signed_every_timepoint(world: World) -> None:
    world.amend(reads={"global_review": True})
    subject = world.enrol()
    for code, entry in zip(VISITS, FIRST, strict=True):
        world.clear(code)
        assert GlobalReview.objects.count() == 0
        world.read(code, 1, entry)

    assert [one.slot for one in GlobalReview.objects.all()] == [1]
    assert open_reviews(subject=subject, at=AT) == ()


def test_a_visit_that_will_not_come_is_not_waited_for(world: World) -> None:
    world.amend(reads={"global_review": True})
    world.enrol()
    for code, entry in zip(VISITS[:2], FIRST, strict=False):
        world.clear(code)
        world.read_by_both(code, entry)
    assert GlobalReview.objects.count() == 0

    enrolling.mark_missed(timepoint=world.timepoint("W16"), reason="Did not come", actor=world.coordinator, at=AT)
    jobs.drain()

    assert GlobalReview.objects.count() == 2


def test_nothing_counts_and_nobody_is_adjudicated_before_both_have_reviewed(reviewed: World) -> None:
    sign(reviewed, 1)
    assert Adjudication.objects.count() == 0
    assert reviewed.result(Subject.objects.get()).accepted is None

    sign(reviewed, 2)
    assert Adjudication.objects.count() == 1


def test_what_the_reviews_left_is_what_readers_differ_in(reviewed: World) -> None:
    sign(reviewed, 1)
    sign(reviewed, 2, W8=("SD", "The margin was overstated"), W16=("SD", "As at week 8"))

    result = reviewed.result(Subject.objects.get())

    assert Adjudication.objects.count() == 0
    assert result.accepted is not None
    assert result.accepted.bor == "SD"
    second = result.slots[1]
    assert [read.overall for read in second.reads] == ["", "SD", "SD"]
    assert [read.response.overall for read in second.reads if read.response] == ["PR", "PR"]


def test_dates_follow_from_the_responses_as_they_were_left(reviewed: World) -> None:
    sign(reviewed, 1, W16=("PD", "Unequivocal growth of the pleura"))

    outcome = selectors.slot_results(Subject.objects.get())[0].outcome

    assert (outcome.bor, outcome.progression_day) == ("SD", outcome.timepoints[1].study_day)
    assert outcome.trace[-1].inputs == {"W16": "SD → PD"}


def test_a_read_stays_as_it_was_signed(reviewed: World) -> None:
    before = signing.digest(reviewed.task("W8", 2).signed_content())

    sign(reviewed, 2, W8=("SD", "The margin was overstated"))

    task = reviewed.task("W8", 2)
    assert signing.digest(task.signed_content()) == before
    assert task.assessment.derivation["overall"] == "PR"


@pytest.mark.parametrize(
    ("visit", "change", "said"),
    [
        ("W8", ("SD", "  "), "say why"),
        ("W8", ("BETTER", "As I see it"), "Choose one that is offered"),
        ("BL", ("SD", "As I see it"), "Choose one that is offered"),
    ],
)
def test_a_response_is_changed_to_one_of_the_criteria_and_for_a_reason(
    reviewed: World, visit: str, change: tuple[str, str], said: str
) -> None:
    with pytest.raises(InvalidReview, match=said):
        sign(reviewed, 2, **{visit: change})

    assert review(2).state == "open"


def test_the_derived_response_chosen_again_changes_nothing(reviewed: World) -> None:
    assert sign(reviewed, 2, W8=("PR", "")).changes == []


def test_a_read_of_another_is_no_part_of_a_review(reviewed: World) -> None:
    changes = {reviewed.task("W8", 1).blinded_code: Changed("PR", "Not mine")}

    with pytest.raises(InvalidReview):
        sign_review(review=review(2), changes=changes, signature=Intent(PASSWORD), actor=review(2).reader, at=AT)


def test_a_review_is_signed_once_by_its_reader_with_the_own_password(reviewed: World) -> None:
    with pytest.raises(WrongPassword):
        sign(reviewed, 1, password="another")
    with pytest.raises(access.AccessDenied):
        sign_review(review=review(1), changes={}, signature=Intent(PASSWORD), actor=review(2).reader, at=AT)

    signed = sign(reviewed, 1)

    (signature,) = signing.signatures_on(signed)
    assert signature.content_sha256 == signing.digest(signed.signed_content())
    with pytest.raises(IllegalMove):
        sign(reviewed, 1)


def test_a_reader_sees_the_own_case_and_nothing_of_another(reviewed: World) -> None:
    one = review(1)
    text = json.dumps(dataclasses.asdict(blinding.blinded_global_review(one)), default=str)

    planted = [
        "The remark of another",
        "20.00",
        SITE_CODE,
        SUBJECT_CODE,
        "Week 8",
        '"W8',
        "reader-",
        "2.25.",
        "study_day",
    ]
    assert [word for word in planted if word in text] == []
    assert {read.overall for read in blinding.blinded_global_review(one).own.reads} == {"", "SD"}
    program = APIClient()
    program.force_authenticate(one.reader)
    told = program.get(f"/api/v1/global-reviews/{one.blinded_code}/")
    assert told.json()["case"] == reviewed.task("BL", 1).case_code
    assert [row["code"] for row in program.get("/api/v1/global-reviews/").json()["results"]] == [one.blinded_code]


def test_the_page_shows_the_case_and_takes_changes_with_their_reasons(reviewed: World) -> None:
    one = review(2)
    client, address = signed_in(one.reader), url("review", one.blinded_code)
    assert one.blinded_code in words(client.get(url("worklist")))
    assert "PR, as derived" in words(client.get(address))
    assert AuditEvent.objects.filter(action="globalreview.viewed").count() == 1

    seen = {"shown_sha256": shown(one)}
    answer = client.post(address, {"response_1": "SD", "reason_1": "", "password": PASSWORD, **seen})
    assert answer.status_code == 422
    assert "Say why the response is changed." in words(answer)
    answer = client.post(address, {"response_1": "SD", "reason_1": "Overstated", "password": "another", **seen})
    assert (answer.status_code, review(2).state) == (422, "open")

    answer = client.post(address, {"response_1": "SD", "reason_1": "Overstated", "password": PASSWORD, **seen})
    assert answer.status_code == 302
    assert [(c["timepoint"], c["derived"], c["response"]) for c in review(2).changes] == [("W8", "PR", "SD")]
    assert "Overstated" in words(client.get(address))


def test_another_readers_review_is_not_there(reviewed: World) -> None:
    client = signed_in(review(1).reader)

    assert client.get(url("review", review(2).blinded_code)).status_code == 404


def test_a_picture_of_the_case_is_shown_under_keys_of_the_review(reviewed: World) -> None:
    one = review(1)
    series = blinding.blinded_global_review(one).timepoints[0].series[0].key
    client = signed_in(one.reader)

    assert client.get(url("review_pixels", one.blinded_code, series, 1)).status_code == 200
    assert client.get(url("review_thumbnail", one.blinded_code, series)).status_code == 200
    assert series != blinding.blinded_task(reviewed.task("BL", 1)).series[0].key


def test_a_review_to_sign_is_on_the_readers_list_of_what_waits(reviewed: World) -> None:
    (waiting,) = of_reviewing_readers(review(1).reader, None, AT)
    assert (waiting.count, waiting.url) == (1, url("review", review(1).blinded_code))

    sign(reviewed, 1)
    assert list(of_reviewing_readers(review(1).reader, None, AT)) == []


def test_a_review_in_the_list_costs_no_question_of_its_own(reviewed: World, django_assert_num_queries: Any) -> None:
    review = GlobalReview.objects.select_related("reader").get(slot=1)
    case = ReadTask.objects.filter(slot=1).values_list("case_code", flat=True)[0]

    with django_assert_num_queries(1):
        rows = [pages.review_row(one) for one in reviews_of(review.reader)]

    assert [(row.code, row.case) for row in rows] == [(review.blinded_code, case)]


def test_the_adjudicator_sees_both_what_was_derived_and_what_the_review_left(reviewed: World) -> None:
    sign(reviewed, 1)
    sign(reviewed, 2, W8=("CR", "Nothing viable is left"))
    case = Adjudication.objects.get()

    page = words(signed_in(case.adjudicator).get(url("adjudication", case.blinded_code)))

    assert "CR instead of PR, after the reader’s global review. Nothing viable is left" in page


def test_a_read_that_is_opened_again_supersedes_the_review_and_what_rests_on_it(reviewed: World) -> None:
    sign(reviewed, 1)
    sign(reviewed, 2)
    manager = reviewed.join("manager", Role.READING_MANAGER)
    task = reviewed.task("W16", 2)
    ask_reopening(task=task, reason="Wrong slice", actor=manager, at=AT)
    assert [one.slot for one in consequences(task).reviews] == [2]

    approve_reopening(reopening=Reopening.objects.get(), signature=Intent(PASSWORD), actor=reviewed.admin, at=AT)

    assert [one.slot for one in GlobalReview.objects.all()] == [1]
    assert GlobalReview.every.get(slot=2).state == "superseded"
    assert Adjudication.objects.count() == 0
    assert reviewed.result(Subject.objects.get()).accepted is None
    entry = dataclasses.replace(follow_up(21), version=reviewed.task("W16", 2).assessment.version)
    reviewed.read("W16", 2, entry)
    assert review(2).state == "open"
    assert review(2).blinded_code != GlobalReview.every.get(slot=2, state="superseded").blinded_code


def test_a_trial_is_not_locked_while_a_review_waits(reviewed: World) -> None:
    sign(reviewed, 1)

    assert [blocker.sentence for blocker in readiness(reviewed.trial)] == [
        f"Global review {review(2).blinded_code} is not signed."
    ]


def test_both_responses_leave_with_the_package(reviewed: World) -> None:
    sign(reviewed, 1)
    sign(reviewed, 2, W8=("SD", "The margin was overstated"), W16=("SD", "As at week 8"))
    lock_trial(trial=reviewed.trial, signature=Intent(PASSWORD), actor=reviewed.admin, at=AT)

    locked = snapshot(Trial.objects.get())
    tables = {
        name: list(csv.DictReader(io.StringIO(data.decode(), newline=""))) for name, data in csv_files(locked).items()
    }

    said = [
        (row["evalid"], row["timepoint"], row["derived_response"], row["overall_response"], row["changed"])
        for row in tables["global_reviews.csv"]
    ]
    assert said == [
        ("READER 1", "W8", "SD", "SD", ""),
        ("READER 1", "W16", "SD", "SD", ""),
        ("READER 2", "W8", "PR", "SD", "Y"),
        ("READER 2", "W16", "PR", "SD", "Y"),
    ]
    counts = [row["overall_response"] for row in tables["responses.csv"] if row["evalid"] == "READER 2"]
    assert counts == ["", "SD", "SD"]
    assert {row["file"] for row in tables["data_dictionary.csv"]} >= {"global_reviews.csv"}
    assert {one.state for one in GlobalReview.objects.all()} == {"locked"}
    with pytest.raises(audit.RecordFrozen):
        audit.save(review(1), action="globalreview.altered", actor=None, at=AT)


def test_a_package_without_reviews_has_no_table_of_them(world: World, subject: Subject) -> None:
    for code, entry in zip(VISITS, FIRST, strict=True):
        world.clear(code)
        world.read_by_both(code, entry)
    lock_trial(trial=world.trial, signature=Intent(PASSWORD), actor=world.admin, at=AT)

    assert "global_reviews.csv" not in csv_files(snapshot(Trial.objects.get()))


def test_an_auditor_finds_the_review_on_the_road_of_the_subject(reviewed: World) -> None:
    sign(reviewed, 2, W8=("SD", "The margin was overstated"))

    steps = [step for leg in road_of(Subject.objects.get()) for step in leg.steps]

    (step,) = [step for step in steps if step.title.startswith("Global review")]
    assert step.text == "W8: PR to SD, The margin was overstated."
    assert len(step.signatures) == 1
