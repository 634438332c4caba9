"""What quality control clears of a screened subject is read when the subject is enrolled, and never if it is not."""

from __future__ import annotations

import datetime as dt

import pytest

from imaging.models import ImagingStudy, QcReview
from imaging.selectors import reviews_open
from reading.models import ReadTask
from reading.selectors import subject_results
from reading.services.locking import readiness
from tests.acceptance.workflow import CHARTER, Draw, Walk
from tests.factories import AT, World, make_user, make_world
from tests.factories.world import REFERENCE
from trials.charter import RECIST_TEMPLATE
from trials.models import Role, Subject
from trials.services import enrolling, setting_up

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_disk"), pytest.mark.requirement("REQ-SUB-010")]

BASELINE, *LATER = RECIST_TEMPLATE["schedule"]
#: One person clears.
BEFORE = {**CHARTER, "quality_control": {}}
SCREENING = {
    **BEFORE,
    "schedule": [{**BASELINE, "at_screening": True}, *LATER],
    "subjects": {"screening": True, "screening_format": "S-{number:3}", "code_format": "N-{number:3}"},
}
DRAW = Draw(number=0, who=0, way=4, size=20, right=True)


@pytest.fixture
def walk(own_disk: object, monkeypatch: pytest.MonkeyPatch) -> Walk:
    monkeypatch.setattr("os.fsync", lambda _: None)
    world = make_world(charter=BEFORE)
    setting_up.grant_membership(
        trial=world.trial, user=make_user("second-reader"), role=Role.READER, actor=world.founder, at=AT
    )
    world.amend(**SCREENING)
    return Walk(world)


def screened(world: World) -> Subject:
    return enrolling.screen_subject(
        site=world.north, code="S-007", reference_date=REFERENCE, actor=world.coordinator, at=AT
    )


def scanned(walk: Walk, subject: Subject) -> QcReview:
    baseline = subject.timepoints.get(code="BL")
    walk.send(baseline, walk.new_scan(), day=baseline.day)
    walk.work()
    return QcReview.objects.get(timepoint=baseline)


def cleared(walk: Walk, subject: Subject) -> None:
    review = scanned(walk, subject)
    walk.go_on(DRAW)
    walk.work()
    review.refresh_from_db()
    assert review.state == "cleared"


def test_a_cleared_baseline_waits_for_the_enrolment(walk: Walk) -> None:
    subject = screened(walk.world)
    cleared(walk, subject)
    assert not ReadTask.objects.filter(timepoint__subject=subject).exists()

    enrolling.enrol_screened(
        subject=subject, code="N-007", reference_date=REFERENCE, actor=walk.world.coordinator, at=walk.at
    )
    walk.work()

    assert (
        list(ReadTask.objects.filter(timepoint__subject=subject).values_list("timepoint__code", "state"))
        == [("BL", "assigned")] * 2
    )


def test_day_1_moves_the_days_of_scans_and_they_are_judged_again(walk: Walk) -> None:
    subject = screened(walk.world)
    scanned(walk, subject)
    study = ImagingStudy.objects.get(timepoint__subject=subject)
    assert (study.study_day, QcReview.objects.filter(timepoint__subject=subject).count()) == (-7, 1)

    later = REFERENCE + dt.timedelta(days=40)
    enrolling.enrol_screened(
        subject=subject, code="N-007", reference_date=later, actor=walk.world.coordinator, at=walk.at
    )
    walk.work()

    study.refresh_from_db()
    assert study.study_day == -47
    latest = QcReview.objects.filter(timepoint__subject=subject).order_by("-round").first()
    assert latest
    assert latest.round == 2
    assert latest.findings.filter(code="outside_visit_window").exists()


def test_scans_under_either_code_are_the_subjects_and_have_one_pseudonym(walk: Walk) -> None:
    subject = screened(walk.world)
    scanned(walk, subject)
    enrolling.enrol_screened(
        subject=subject, code="N-007", reference_date=REFERENCE, actor=walk.world.coordinator, at=walk.at
    )
    week_8 = subject.timepoints.get(code="W8")
    walk.send(week_8, walk.new_scan(), day=week_8.day)
    walk.work()

    dates = dict(ImagingStudy.objects.filter(timepoint__subject=subject).values_list("timepoint__code", "shifted_date"))
    assert (dates["W8"] - dates["BL"]).days == 63


def test_of_a_failed_screening_nothing_is_judged_read_or_reported(walk: Walk) -> None:
    subject = screened(walk.world)
    scanned(walk, subject)
    assert any(review.timepoint.subject == subject for review in reviews_open(walk.world.analyst))
    before = [blocker.sentence for blocker in readiness(walk.trial())]
    assert "Subject S-007 is being screened: enrol it, or record that its screening failed." in before

    enrolling.fail_screening(subject=subject, reason="Criterion 4", actor=walk.world.coordinator, at=walk.at)
    walk.work()

    assert not any(review.timepoint.subject == subject for review in reviews_open(walk.world.analyst))
    assert not any("S-007" in blocker.sentence for blocker in readiness(walk.trial()))
    assert subject not in [result.subject for result in subject_results(walk.trial())]
