"""A round of QC is decided: images and transfer form apart, by one person or two; what failed comes back alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from compliance import signing
from compliance.signing import ContentChanged, Intent
from compliance.transitions import ReasonRequired
from imaging.models import QcDecision, QcReview, Series, TransferForm
from imaging.second_look import drawn
from imaging.selectors_qc import Judged, Part, parts_to_judge, second_because, standing
from imaging.services import checking, declaring, reviewing
from imaging.services.reviewing import (
    Answers,
    Ask,
    ChecklistOpen,
    PartNotJudged,
    ReviewDecided,
    SamePerson,
    UnknownLabel,
)
from imaging.states import Verdict
from tests.factories import AT, PASSWORD, World, make_user, make_world, scan
from tests.factories.world import ask_of_sites
from tests.imaging.services.delivery import by_scanner
from trials.charter import RECIST_TEMPLATE
from trials.models import Device, Query, Role, ScannerNotice, Timepoint
from trials.services import noticing, setting_up
from trials.services.querying import EmptyMessage
from trials.states import QcState

pytestmark = [pytest.mark.usefixtures("db", "own_disk"), pytest.mark.requirement("REQ-QC-005")]

SERIES = {**RECIST_TEMPLATE["series"][0], "min_instances": 3}
IMAGES, FORM = Part.IMAGES, Part.FORM
FAILED_FORM = {IMAGES: Judged(), FORM: Judged(Verdict.FAIL, "The scan date is wrong.")}
FAILED_IMAGES = {IMAGES: Judged(Verdict.FAIL, "Motion."), FORM: Judged()}
ASKS = {IMAGES: Ask("Images", "Please send the other series."), FORM: Ask("Form", "Please correct the date.")}


def trial(**terms: Any) -> World:
    """A trial with some terms of quality control, and one scan in QC."""
    world = make_world(charter={"series": [SERIES], "quality_control": terms})
    by_scanner(world, scan("N-001"))
    return world


def baseline(world: World) -> Timepoint:
    return world.timepoint("N-001", "BL")


def sign_form(world: World, scanner: str = "CT 2", subject: str = "N-001") -> TransferForm:
    values = {
        "SCANDT": dt.date(2025, 12, 31),
        "SCANNER": scanner,
        "COMPLETE": True,
        "CONTRAST": False,
    }
    timepoint = world.timepoint(subject, "BL")
    form = timepoint.transfer_forms.first()
    if form is not None and form.state == "signed":
        declaring.correct_form(timepoint=timepoint, reason="A slip", actor=world.coordinator, at=AT)
    return declaring.sign_form(
        timepoint=timepoint, values=values, signature=Intent(PASSWORD), actor=world.coordinator, at=AT
    )


def latest() -> QcReview:
    return QcReview.objects.order_by("-round").first()


def decide(world: World, judged: dict[Part, Judged], **other: Any) -> QcReview:
    given = {"review": latest(), "signature": Intent(PASSWORD), "actor": world.analyst, "asks": ASKS, **other}
    return reviewing.decide_round(judged=judged, at=AT, **given)


def second(world: World) -> Any:
    """Another analyst."""
    person = make_user("second-analyst")
    setting_up.grant_membership(trial=world.trial, user=person, role=Role.QC_ANALYST, actor=world.founder, at=AT)
    return person


def rounds() -> list[tuple[int, str]]:
    return list(QcReview.objects.order_by("round").values_list("round", "state"))


# --- images and form apart ------------------------------------------------------------------------------------


def test_a_failed_form_asks_for_a_form_only_and_the_images_stand() -> None:
    world = trial()
    first_form = sign_form(world)
    waived = latest().findings.first()
    reviewing.decide_finding(finding=waived, verdict=Verdict.WAIVE, reason="Agreed.", actor=world.analyst, at=AT)

    decide(world, FAILED_FORM)

    query = Query.objects.get()
    assert (query.about_type, query.about_id, query.title) == ("imaging.transferform", first_form.pk, "Form")
    assert baseline(world).qc_state == QcState.QUERIED
    second_form = sign_form(world)
    assert rounds() == [(1, "failed"), (2, "open")]
    assert baseline(world).qc_state == QcState.AWAITING
    review = latest()
    assert parts_to_judge(review) == [FORM]
    assert standing(review) == {IMAGES: Judged(Verdict.PASS, "", 1)}
    kept = review.findings.get(code=waived.code)
    assert (kept.verdict, kept.verdict_reason, kept.verdict_by) == ("waive", "Agreed.", world.analyst)

    decide(world, {FORM: Judged()})

    assert baseline(world).qc_state == QcState.CLEARED
    told = QcDecision.objects.order_by("review__round").values_list(
        "images_verdict", "images_round", "form_verdict", "form_round", "form"
    )
    assert list(told) == [("pass", 1, "fail", 1, first_form.pk), ("pass", 1, "pass", 2, second_form.pk)]
    for decision in QcDecision.objects.all():
        assert signing.still_holds(signing.signatures_on(decision).get(), decision)
        assert signing.still_holds(signing.signatures_on(decision.review).get(), decision.review)


def test_failed_images_ask_for_images_only_and_the_form_stands() -> None:
    world = trial()
    sign_form(world)
    decide(world, FAILED_IMAGES)
    assert [(query.about_type, query.title) for query in Query.objects.all()] == [("trials.timepoint", "Images")]

    by_scanner(world, scan("N-001", slices=4))

    assert parts_to_judge(latest()) == [IMAGES]
    assert standing(latest()) == {FORM: Judged(Verdict.PASS, "", 1)}
    decide(world, {IMAGES: Judged(Verdict.WAIVE, "All that there is.")})
    assert baseline(world).qc_state == QcState.CLEARED


def test_where_both_failed_a_new_form_alone_opens_no_round_and_new_images_ask_for_both() -> None:
    world = trial()
    sign_form(world)
    both = {IMAGES: Judged(Verdict.FAIL, "Motion."), FORM: Judged(Verdict.FAIL, "Wrong date.")}
    with pytest.raises(EmptyMessage):
        decide(world, both, asks={IMAGES: ASKS[IMAGES]})
    assert Query.objects.count() == 0
    decide(world, both)
    assert sorted(Query.objects.values_list("title", flat=True)) == ["Form", "Images"]

    sign_form(world)
    assert rounds() == [(1, "failed")]

    by_scanner(world, scan("N-001", slices=4))
    assert parts_to_judge(latest()) == [IMAGES, FORM]


def test_what_is_said_of_each_part_must_be_whole() -> None:
    world = trial(checklist=[{"code": "CONTRAST", "label": "Contrast as declared", "kind": "yes_no", "required": True}])
    sign_form(world)
    shown = signing.digest(latest().shown_content())
    for judged, problem in (
        ({IMAGES: Judged()}, PartNotJudged),
        ({IMAGES: Judged(Verdict.PENDING), FORM: Judged()}, PartNotJudged),
        ({IMAGES: Judged(), FORM: Judged(Verdict.WAIVE, " ")}, ReasonRequired),
        ({IMAGES: Judged(Verdict.FAIL), FORM: Judged()}, ReasonRequired),
        ({IMAGES: Judged(), FORM: Judged()}, ChecklistOpen),
    ):
        with pytest.raises(problem):
            decide(world, judged)
    sign_form(world)
    with pytest.raises(ContentChanged):
        decide(world, FAILED_FORM, signature=Intent(PASSWORD, shown_sha256=shown))
    assert (QcDecision.objects.count(), rounds()) == (0, [(1, "open")])
    # What fails need not be gone through to the end.
    decide(world, FAILED_FORM)
    sign_form(world)
    decide(world, {FORM: Judged()}, answers=Answers({"CONTRAST": True}))
    assert QcDecision.objects.get(review=latest()).answers == {"CONTRAST": True}


def test_a_form_that_the_charter_needs_is_waited_for_and_a_later_version_judged_again() -> None:
    world = trial(needs_form=True)
    assert parts_to_judge(latest()) == [IMAGES, FORM]
    with pytest.raises(PartNotJudged):
        decide(world, {IMAGES: Judged(), FORM: Judged()})
    sign_form(world)
    decide(world, {IMAGES: Judged(), FORM: Judged()})
    assert baseline(world).qc_state == QcState.CLEARED

    sign_form(world)

    assert (rounds(), parts_to_judge(latest())) == ([(1, "cleared"), (2, "open")], [FORM])
    assert baseline(world).qc_state == QcState.AWAITING


# --- two people -----------------------------------------------------------------------------------------------


def test_a_second_person_looks_at_what_the_first_has_passed() -> None:
    world = trial(stages="two")
    another = second(world)
    decide(world, {IMAGES: Judged()})

    assert (latest().state, baseline(world).qc_state) == ("second", QcState.AWAITING)
    with pytest.raises(SamePerson):
        decide(world, {IMAGES: Judged()})
    decide(world, {IMAGES: Judged()}, actor=another)

    assert (latest().state, baseline(world).qc_state) == ("cleared", QcState.CLEARED)
    first, other = QcDecision.objects.all()
    assert (first.decided_by, first.second_because) == (world.analyst, ["first_of_site"])
    assert (other.decided_by, other.stage, other.second_because) == (another, 2, [])
    assert [signing.signatures_on(one).get().signer for one in (first, other)] == [world.analyst, another]
    with pytest.raises(ReviewDecided):
        decide(world, {IMAGES: Judged()})


def test_the_second_person_may_send_back_and_a_new_form_begins_anew() -> None:
    world = trial(stages="two")
    another = second(world)
    decide(world, {IMAGES: Judged()})
    sign_form(world)
    assert (rounds(), parts_to_judge(latest())) == ([(1, "superseded"), (2, "open")], [IMAGES, FORM])

    decide(world, {IMAGES: Judged(), FORM: Judged()})
    decide(world, FAILED_IMAGES, actor=another)

    assert (latest().state, baseline(world).qc_state) == ("failed", QcState.QUERIED)


def test_chance_sends_its_share_to_a_second_person_and_replays() -> None:
    names = [f"N-{number:04d}" for number in range(2000)]
    at_20 = [name for name in names if drawn("seed", name, "BL", 1, percent=20)]
    assert 330 < len(at_20) < 470
    assert at_20 == [name for name in names if drawn("seed", name, "BL", 1, percent=20)]
    assert set(at_20) < {name for name in names if drawn("seed", name, "BL", 1, percent=50)}
    assert at_20 != [name for name in names if drawn("another", name, "BL", 1, percent=20)]
    for percent, count in ((0, 0), (100, len(names))):
        assert sum(drawn("seed", name, "BL", 1, percent=percent) for name in names) == count


def test_risks_are_always_looked_at_twice() -> None:
    world = trial(
        stages="two", second_percent=0, always_second=["waived", "new_scanner", "sent_back"], first_timepoints=1
    )
    sign_form(world)
    decide(world, {IMAGES: Judged(), FORM: Judged()})
    assert QcDecision.objects.get().second_because == ["new_scanner"]
    by_scanner(world, scan("N-002", scan_number=2))
    sign_form(world, "ct  2", "N-002")
    of_next = QcReview.objects.get(timepoint=world.timepoint("N-002", "BL"))
    decide(world, {IMAGES: Judged(), FORM: Judged()}, review=of_next)
    assert (of_next.state, of_next.decisions.get().second_because) == ("cleared", [])
    by_scanner(world, scan("N-002", scan_number=2, slices=4))
    again = of_next.timepoint.qc_reviews.get(round=2)
    decide(world, {IMAGES: Judged(Verdict.WAIVE, "Short.")}, review=again)
    assert again.decisions.get().second_because == ["waived"]


def test_with_a_registry_a_scanner_is_new_until_its_notice_is_settled() -> None:
    world = trial(stages="two", second_percent=0, always_second=["new_scanner"])
    ask_of_sites(world, scanners=True)
    for device in (Device("CT", "Other", "Nine"), Device("MR", "Other", "Ten")):
        notice = ScannerNotice(site=world.north, kind="unknown", seen_at=AT, **device._asdict())
        notice.save()
    review = latest()
    assert second_because(review, QcDecision()) == ["new_scanner"]
    noticing.acknowledge_notice(
        notice=ScannerNotice.objects.get(modality="CT"), reason="A new room", actor=world.analyst, at=AT
    )
    # What a transfer form says of the scanner is not asked: the headers have told it.
    assert second_because(review, QcDecision(form=sign_form(world, "Another"))) == []


# --- series ---------------------------------------------------------------------------------------------------


def test_a_label_that_a_person_chose_stays_when_more_of_the_scan_comes() -> None:
    world = trial()
    series = Series.objects.get()
    with pytest.raises(UnknownLabel):
        reviewing.label_series(series=series, label="No such series", actor=world.analyst, at=AT)
    reviewing.label_series(series=series, label="", actor=world.analyst, at=AT)

    by_scanner(world, scan("N-001", slices=4))
    checking.check(timepoint_id=baseline(world).pk, at=AT)

    series.refresh_from_db()
    assert (series.label, series.labelled_by) == ("", world.analyst)
