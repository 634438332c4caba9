"""Quality control: checks open a round, a person decides, and what comes late opens another."""

from __future__ import annotations

from typing import Any

import pytest
from django.dispatch import Signal
from django.test import Client
from django.urls import reverse

from compliance import access, signing
from compliance.models import Signature
from compliance.signing import Intent, WrongPassword
from compliance.transitions import ReasonRequired
from imaging import signals
from imaging.models import Finding, QcReview, Series
from imaging.services import checking, reviewing
from imaging.services.reviewing import FindingOpen, FormAwaited, NothingToRead, ReviewDecided
from imaging.states import ReviewState, Verdict
from tests.factories import AT, PASSWORD, World, make_world, scan
from tests.imaging.services.delivery import by_scanner
from trials.charter import RECIST_TEMPLATE
from trials.models import Query
from trials.services import answering
from trials.services.querying import EmptyMessage
from trials.states import QcState

pytestmark = pytest.mark.requirement("REQ-QC-002")

SERIES = {**RECIST_TEMPLATE["series"][0], "min_instances": 3}


@pytest.fixture
def world(db: None, own_disk: object) -> World:
    """A trial whose charter asks for three slices only."""
    return make_world(charter={"series": [SERIES]})


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """News of this room, in order."""
    news: list[str] = []
    for name in ("timepoint_cleared", "timepoint_reopened"):
        signal: Signal = getattr(signals, name)
        monkeypatch.setattr(signal, "send", lambda name=name, **_: news.append(name))
    return news


def latest() -> QcReview:
    return QcReview.objects.order_by("-round").first()


def blocking(review: QcReview) -> list[Finding]:
    return list(review.findings.filter(severity="block"))


def clear(world: World, review: QcReview, **other: Any) -> QcReview:
    given = {"signature": Intent(PASSWORD), "actor": world.analyst, **other}
    return reviewing.clear_timepoint(review=review, at=AT, **given)


def fail(world: World, review: QcReview, **other: Any) -> QcReview:
    given = {
        "reason": "motion",
        "query_title": "Please repeat",
        "query_text": "The scan shows motion. Send another series if there is one.",
        "signature": Intent(PASSWORD),
        "actor": world.analyst,
        **other,
    }
    return reviewing.fail_timepoint(review=review, at=AT, **given)


# --- checking -----------------------------------------------------------------------------------------------


def test_a_complete_scan_opens_a_round_without_blocks_and_proposes_its_series(world: World) -> None:
    by_scanner(world, scan("N-001", slices=3))

    review = latest()
    assert (review.round, review.state, blocking(review)) == (1, ReviewState.OPEN, [])
    series = Series.objects.get()
    assert (series.label, series.for_reading) == (SERIES["label"], True)
    assert (series.facts["n_slices"], series.facts["orientation"], series.facts["study_day"]) == (3, "axial", -5)
    assert world.timepoint("N-001", "BL").qc_state == QcState.AWAITING


def test_too_few_slices_are_found_with_their_numbers(world: World) -> None:
    by_scanner(world, scan("N-001", slices=2))

    (finding,) = blocking(latest())
    assert finding.series == Series.objects.get()
    assert 2 in finding.evidence.values()


def test_checking_again_changes_nothing(world: World) -> None:
    by_scanner(world, scan("N-001", slices=2))
    findings = list(Finding.objects.values())

    checking.check(timepoint_id=world.timepoint("N-001", "BL").pk, at=AT)

    assert (QcReview.objects.count(), list(Finding.objects.values())) == (1, findings)


def test_more_of_the_scan_replaces_an_open_round(world: World) -> None:
    by_scanner(world, scan("N-001", slices=2))

    by_scanner(world, scan("N-001", slices=3))

    assert list(QcReview.objects.order_by("round").values_list("round", "state")) == [(1, "superseded"), (2, "open")]
    assert blocking(latest()) == []


def test_a_checker_that_dies_is_followed_by_one_that_ends_its_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    def die(here: str) -> None:
        raise Died

    monkeypatch.setattr(checking, "fault", die)
    with pytest.raises(Died):
        by_scanner(world, scan("N-001", slices=3))
    monkeypatch.undo()
    checking.check(timepoint_id=world.timepoint("N-001", "BL").pk, at=AT)

    assert QcReview.objects.count() == 1


# --- deciding -----------------------------------------------------------------------------------------------


def test_a_block_must_be_passed_or_waived_before_clearing(world: World) -> None:
    by_scanner(world, scan("N-001", slices=2))
    (finding,) = blocking(latest())
    with pytest.raises(FindingOpen):
        clear(world, latest())

    reviewing.decide_finding(
        finding=finding, verdict=Verdict.WAIVE, reason="all that was planned", actor=world.analyst, at=AT
    )
    clear(world, latest())

    finding.refresh_from_db()
    assert (finding.verdict, finding.verdict_reason, finding.verdict_by) == (
        "waive",
        "all that was planned",
        world.analyst,
    )
    assert latest().state == ReviewState.CLEARED


def test_a_form_of_the_timepoint_holds_its_clearance_up_where_the_charter_says_so(db: None, own_disk: object) -> None:
    fields = [{"code": "MOVED", "label": "Did the subject move", "kind": "yes_no"}]
    asked = {"title": "Notes at the scanner", "asked": "timepoint", "fields": fields}
    forms = [{**asked, "code": "NOTES", "holds_up": True}, {**asked, "code": "OTHER", "title": "Other"}]
    world = make_world(charter={"series": [SERIES], "forms": forms})
    by_scanner(world, scan("N-001", slices=3))
    with pytest.raises(FormAwaited, match="“Notes at the scanner” is not signed by the site"):
        clear(world, latest())
    client = Client()
    client.force_login(world.analyst)
    page = client.get(reverse("imaging:review", args=[latest().pk])).content.decode()
    assert page.count("Not signed by the site: ") == page.count("Not signed by the site: Notes at the scanner") == 1

    form = answering.form_at(world.timepoint("N-001", "BL"), "NOTES", AT)
    given = {"values": {"MOVED": False}, "confirmed": {}, "actor": world.coordinator, "at": AT}
    answering.sign_answers(form=form, signature=Intent(PASSWORD, Signature.Meaning.RESPONSIBILITY), **given)
    answering.correct_answers(form=form, reason="A word", actor=world.coordinator, at=AT)

    clear(world, latest())
    assert latest().state == ReviewState.CLEARED


def test_a_failed_block_does_not_clear(world: World) -> None:
    by_scanner(world, scan("N-001", slices=2))
    (finding,) = blocking(latest())
    reviewing.decide_finding(finding=finding, verdict=Verdict.FAIL, reason="short", actor=world.analyst, at=AT)

    with pytest.raises(FindingOpen):
        clear(world, latest())


@pytest.mark.requirement("REQ-QC-003")
@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.WAIVE])
def test_failing_and_waiving_need_a_reason(world: World, verdict: Verdict) -> None:
    by_scanner(world, scan("N-001", slices=2))
    (finding,) = blocking(latest())

    with pytest.raises(ReasonRequired):
        reviewing.decide_finding(finding=finding, verdict=verdict, reason=" ", actor=world.analyst, at=AT)


def test_only_the_analyst_decides(world: World) -> None:
    by_scanner(world, scan("N-001", slices=2))
    (finding,) = blocking(latest())

    for actor in (world.coordinator, world.administrator, world.outsider):
        with pytest.raises(access.AccessDenied):
            reviewing.decide_finding(finding=finding, verdict=Verdict.PASS, reason="", actor=actor, at=AT)
        with pytest.raises(access.AccessDenied):
            reviewing.mark_for_reading(series=Series.objects.get(), for_reading=False, actor=actor, at=AT)
        with pytest.raises(access.AccessDenied):
            fail(world, latest(), actor=actor)
    finding.refresh_from_db()
    assert (finding.verdict, latest().state) == ("pending", "open")


# --- clearing and failing -----------------------------------------------------------------------------------


def test_clearing_is_signed_and_announced(world: World, heard: list[str]) -> None:
    by_scanner(world, scan("N-001", slices=3))

    review = clear(world, latest(), comment="good")

    assert heard == ["timepoint_cleared"]
    timepoint = world.timepoint("N-001", "BL")
    assert timepoint.qc_state == QcState.CLEARED
    for record in (QcReview.objects.get(pk=review.pk), timepoint):
        assert [s.signer for s in signing.signatures_on(record)] == [world.analyst]
        assert signing.still_holds(signing.signatures_on(record).get(), record)


def test_a_wrong_password_clears_nothing(world: World) -> None:
    by_scanner(world, scan("N-001", slices=3))

    with pytest.raises(WrongPassword):
        clear(world, latest(), signature=Intent("not it"))

    assert (latest().state, world.timepoint("N-001", "BL").qc_state) == ("open", QcState.AWAITING)


def test_without_a_series_for_reading_nothing_is_cleared(world: World) -> None:
    by_scanner(world, scan("N-001", slices=3))
    reviewing.mark_for_reading(series=Series.objects.get(), for_reading=False, actor=world.analyst, at=AT)

    with pytest.raises(NothingToRead):
        clear(world, latest())


@pytest.mark.requirement("REQ-QC-003")
def test_failing_asks_the_site(world: World) -> None:
    by_scanner(world, scan("N-001", slices=3))

    review = fail(world, latest())

    timepoint = world.timepoint("N-001", "BL")
    query = Query.objects.get()
    assert (review.state, timepoint.qc_state) == (ReviewState.FAILED, QcState.QUERIED)
    assert (query.timepoint, query.site, query.title) == (timepoint, world.north, "Please repeat")


@pytest.mark.requirement("REQ-QC-003")
def test_a_failure_whose_query_says_nothing_changes_nothing(world: World) -> None:
    by_scanner(world, scan("N-001", slices=3))

    with pytest.raises(EmptyMessage):
        fail(world, latest(), query_text=" ")

    assert (latest().state, Query.objects.count()) == ("open", 0)


@pytest.mark.requirement("REQ-QC-004")
def test_a_decided_round_stays_as_it_is(world: World) -> None:
    by_scanner(world, scan("N-001", slices=3))
    clear(world, latest())

    for again in (lambda: clear(world, latest()), lambda: fail(world, latest())):
        with pytest.raises(ReviewDecided):
            again()
    with pytest.raises(ReviewDecided):
        reviewing.mark_for_reading(series=Series.objects.get(), for_reading=False, actor=world.analyst, at=AT)


# --- afterwards ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-QC-004")
def test_a_late_slice_reopens_a_cleared_timepoint_and_tells_the_rooms_above(world: World, heard: list[str]) -> None:
    by_scanner(world, scan("N-001", slices=3))
    clear(world, latest())

    by_scanner(world, scan("N-001", slices=4))

    assert heard == ["timepoint_cleared", "timepoint_reopened"]
    assert world.timepoint("N-001", "BL").qc_state == QcState.AWAITING
    assert list(QcReview.objects.order_by("round").values_list("round", "state")) == [(1, "cleared"), (2, "open")]


@pytest.mark.requirement("REQ-QC-004")
def test_a_duplicate_reopens_nothing(world: World) -> None:
    by_scanner(world, scan("N-001", slices=3))
    clear(world, latest())

    by_scanner(world, scan("N-001", slices=3))

    assert world.timepoint("N-001", "BL").qc_state == QcState.CLEARED
    assert QcReview.objects.count() == 1


def test_new_images_after_a_query_await_quality_control_again(world: World) -> None:
    by_scanner(world, scan("N-001", slices=2))
    fail(world, latest())

    by_scanner(world, scan("N-001", slices=3))

    assert world.timepoint("N-001", "BL").qc_state == QcState.AWAITING
    assert (latest().round, latest().state) == (2, ReviewState.OPEN)
