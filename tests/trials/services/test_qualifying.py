"""Where the charter asks, no subject is enrolled at a site before it is qualified, through no door."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from compliance import signing
from compliance.access import AccessDenied
from compliance.signing import Intent
from compliance.transitions import ReasonRequired
from tests.factories import AT, PASSWORD
from tests.factories.world import REFERENCE, ask_of_sites
from trials.models import Scanner, SiteQualification, Subject, UploadTest
from trials.selectors_sites import standing_of, standings
from trials.services import enrolling, listing, preparing, qualifying
from trials.services.listing import Fate, Row
from trials.services.qualifying import AlreadyQualified, NotReady, SiteNotQualified
from trials.site_terms import Training
from trials.states import QualificationState, ScannerState, UploadTestState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-SUB-006")]

QUESTION = {"code": "CALIB", "label": "Calibrated each day?", "kind": "yes_no", "required": True}
TEXT = Training("Transfer of images", "Send the original series.")
ASKED = {
    "questions": [QUESTION],
    "scanners": True,
    "training": [{"title": TEXT.title, "text": TEXT.text}],
    "test_upload": "scanner",
}
SIGNED = Intent(PASSWORD)


def enrol(world, code="N-009", at=AT):
    return enrolling.enrol_subject(
        site=world.north, code=code, reference_date=REFERENCE, actor=world.coordinator, at=at
    )


def answer(world):
    preparing.sign_answers(site=world.north, values={"CALIB": True}, signature=SIGNED, actor=world.coordinator, at=AT)


def register(world, serial=""):
    return preparing.register_scanner(
        site=world.north,
        modality="CT",
        manufacturer="Acme",
        model_name="One",
        serial_number=serial,
        actor=world.coordinator,
        at=AT,
    )


def train(world, text=TEXT, actor=None):
    preparing.acknowledge_training(
        site=world.north, text_sha256=text.sha256, signature=SIGNED, actor=actor or world.coordinator, at=AT
    )


def accepted_test(world, scanner):
    return UploadTest.objects.create(
        site=world.north,
        scanner=scanner,
        charter=world.trial.charter_in_force,
        delivery=uuid.uuid4(),
        sender="NORTH_CT",
        received_at=AT,
        images=2,
        state=UploadTestState.ACCEPTED,
    )


def qualify(world, at=AT, actor=None):
    return qualifying.qualify_site(site=world.north, signature=SIGNED, actor=actor or world.analyst, at=at)


def fulfil(world):
    """Do all that the site itself has to do."""
    answer(world)
    accepted_test(world, register(world))
    train(world)


def test_a_charter_that_asks_nothing_leaves_the_sites_open(world):
    assert standing_of(world.north, AT).is_open
    enrol(world)
    with pytest.raises(NotReady, match="asks nothing"):
        qualify(world)


def test_what_is_missing_is_said_part_by_part_with_who_can_do_it(world):
    ask_of_sites(world, **ASKED)
    with pytest.raises(SiteNotQualified) as refused:
        enrol(world)
    assert refused.value.message == (
        "Site NORTH is not qualified yet. Nobody can be enrolled there until it is. Missing: "
        "the questionnaire is not signed (site coordinator); no CT scanner is registered (site coordinator); "
        "the training “Transfer of images” is not acknowledged by Site Coordinator (site coordinator); "
        "no scanner is registered from which a test upload could come (site coordinator). "
        "Its page “Qualification” says what to do."
    )
    assert not Subject.objects.filter(code="N-009").exists()


def test_each_part_counts_and_the_signature_opens_the_site(world):
    ask_of_sites(world, **ASKED)
    steps = [lambda: answer(world), lambda: register(world), lambda: train(world)]
    for done, step in enumerate(steps, start=1):
        step()
        assert standing_of(world.north, AT).done == done
    with pytest.raises(NotReady, match="no test upload of Acme One"):
        qualify(world)
    accepted_test(world, Scanner.objects.get())
    assert standing_of(world.north, AT).is_ready
    with pytest.raises(SiteNotQualified, match="not signed"):
        enrol(world)
    held = qualify(world)
    assert [one.signer for one in signing.signatures_on(held)] == [world.analyst]
    assert held.shown["scanners"][0]["model_name"] == "One"
    assert Scanner.objects.get().state == ScannerState.QUALIFIED
    enrol(world)
    with pytest.raises(AlreadyQualified):
        qualify(world)


def test_other_sites_stay_closed(world):
    ask_of_sites(world, **ASKED)
    fulfil(world)
    qualify(world)
    assert [one.is_open for one in standings(world.trial, world.trial.sites.all(), AT)] == [True, False]


def test_only_an_analyst_or_the_administrator_qualifies(world):
    ask_of_sites(world, scanners=True)
    register(world)
    for person in (world.coordinator, world.other_coordinator, world.outsider):
        with pytest.raises(AccessDenied):
            qualify(world, actor=person)
    assert qualify(world, actor=world.administrator).state == QualificationState.QUALIFIED


def test_a_list_of_subjects_meets_the_same_gate(world):
    ask_of_sites(world, scanners=True)

    def checked():
        row = Row(1, "NORTH", "N-009", "", REFERENCE.isoformat())
        return listing.check_rows(trial=world.trial, rows=[row], actor=world.administrator, at=AT).rows[0]

    assert checked().fate is Fate.WRONG
    assert checked().problems[0].startswith("Site NORTH is not qualified yet.")
    with pytest.raises(listing.ListRefused, match="not qualified"):
        rows = [Row(1, "NORTH", "N-009", "", REFERENCE.isoformat())]
        listing.enrol_rows(trial=world.trial, rows=rows, actor=world.administrator, at=AT)
    known = Row(1, "NORTH", "N-001", "", REFERENCE.isoformat())
    listing.check_rows(trial=world.trial, rows=[known], actor=world.administrator, at=AT)
    assert known.fate is Fate.ENROLLED
    register(world)
    qualify(world)
    assert checked().fate is Fate.NEW


def test_a_qualification_holds_as_long_as_the_charter_says(world):
    ask_of_sites(world, scanners=True, valid_days=30)
    register(world)
    held = qualify(world)
    assert held.expires_on == AT.date() + dt.timedelta(days=30)
    enrol(world, at=AT + dt.timedelta(days=30))
    later = AT + dt.timedelta(days=31)
    with pytest.raises(SiteNotQualified, match="ended on 1 April 2026"):
        enrol(world, "N-010", at=later)
    renewed = qualify(world, at=later)
    assert dict(SiteQualification.objects.values_list("pk", "state")) == {
        held.pk: QualificationState.ENDED,
        renewed.pk: QualificationState.QUALIFIED,
    }
    enrol(world, "N-010", at=later)


def test_a_qualification_is_ended_with_a_reason_and_closes_the_site(world):
    ask_of_sites(world, scanners=True)
    register(world)
    held = qualify(world)
    with pytest.raises(ReasonRequired):
        qualifying.end_qualification(qualification=held, reason="", actor=world.analyst, at=AT)
    with pytest.raises(AccessDenied):
        qualifying.end_qualification(qualification=held, reason="Mine", actor=world.coordinator, at=AT)
    qualifying.end_qualification(qualification=held, reason="The scanner burnt", actor=world.analyst, at=AT)
    with pytest.raises(SiteNotQualified, match="not qualified yet"):
        enrol(world)


def test_a_later_version_that_asks_more_closes_the_site_until_it_shows_what_is_new(world):
    ask_of_sites(world, scanners=True)
    register(world)
    qualify(world)
    ask_of_sites(world, scanners=True, training=ASKED["training"])
    with pytest.raises(SiteNotQualified, match="asked more of sites: training"):
        enrol(world)
    train(world)
    qualify(world)
    enrol(world)


def test_it_stays_open_where_the_later_version_says_so(world):
    ask_of_sites(world, scanners=True)
    register(world)
    qualify(world)
    ask_of_sites(world, scanners=True, training=ASKED["training"], earlier="stay")
    enrol(world)


def test_a_version_that_asks_less_closes_nothing(world):
    ask_of_sites(world, **ASKED)
    fulfil(world)
    qualify(world)
    ask_of_sites(world, scanners=True)
    enrol(world)


@pytest.mark.parametrize(("trained", "is_ready"), [("each", False), ("one", True)])
def test_each_coordinator_is_trained_or_one_as_the_charter_says(world, trained, is_ready):
    ask_of_sites(world, training=ASKED["training"], trained=trained)
    colleague = world.colleague()
    train(world)
    assert standing_of(world.north, AT).is_ready is is_ready
    if not is_ready:
        train(world, actor=colleague)
    qualify(world)


def test_a_scanner_that_joins_later_is_qualified_by_itself(world):
    ask_of_sites(world, scanners=True, test_upload="scanner")
    first = register(world)
    with pytest.raises(NotReady, match="Qualify site NORTH itself"):
        qualifying.qualify_scanner(scanner=first, actor=world.analyst, at=AT)
    accepted_test(world, first)
    qualify(world)
    second = register(world, serial="2")
    enrol(world)
    with pytest.raises(NotReady, match="test upload"):
        qualifying.qualify_scanner(scanner=second, actor=world.analyst, at=AT)
    accepted_test(world, second)
    assert qualifying.qualify_scanner(scanner=second, actor=world.analyst, at=AT).state == ScannerState.QUALIFIED


def test_subjects_who_are_enrolled_go_on_whatever_is_asked_later(world):
    ask_of_sites(world, **ASKED)
    subject = world.subjects["N-001"]
    enrolling.mark_missed(
        timepoint=subject.timepoints.get(code="BL"), reason="Scanner down", actor=world.coordinator, at=AT
    )
    assert Subject.objects.filter(site=world.north).count() == 2
