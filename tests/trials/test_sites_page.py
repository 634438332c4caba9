"""The pages of qualification: what is to do, done by those who may, and the way from a refused enrolment."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from compliance.worklists import waiting_in
from tests.factories import AT, PASSWORD
from tests.factories.world import REFERENCE, ask_of_sites
from tests.support.shown import shown
from trials.models import Device, Scanner, ScannerNotice, SiteAnswers, Subject, UploadTest
from trials.services import judging, noticing
from trials.site_terms import Training
from trials.states import AnswersState, NoticeState, QualificationState, ScannerState, UploadTestState

pytestmark = pytest.mark.django_db

TEXT = Training("Transfer of images", "Send the original series.")
SCANNER = {"modality": "ct", "manufacturer": "Acme", "model_name": "One", "serial_number": "7", "software": ""}
FINDINGS = [
    {
        "code": "gap_too_large",
        "severity": "block",
        "sentence": "A gap of 3 mm.",
        "evidence": {"gap_mm": 3.0},
        "label": "Chest",
    },
    {"code": "kernel_ok", "severity": "pass", "sentence": "The kernel is as agreed.", "evidence": {}, "label": "Chest"},
]


@pytest.fixture
def asked(world):
    ask_of_sites(
        world,
        questions=[
            {"code": "CALIB", "label": "Calibrated each day?", "kind": "yes_no", "required": True},
            {"code": "COUNT", "label": "How many scanners?", "kind": "integer", "required": True},
        ],
        scanners=True,
        training=[{"title": TEXT.title, "text": TEXT.text}],
    )
    return world


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


def post(world, person, name, record, **data):
    if name in ("site_qualify", "upload_test_accept"):
        data["shown_sha256"] = shown(record) if name == "upload_test_accept" else shown_on_page(world, person)
    return signed_in(person).post(reverse(f"trials:{name}", args=[record.pk]), data)


def page(world, person, site=None):
    return signed_in(person).get(reverse("trials:qualification", args=[(site or world.north).pk])).content.decode()


def shown_on_page(world, person):
    """The digest in the form by which the northern site is qualified, which stands last on its page."""
    return page(world, person).split('name="shown_sha256" value="')[-1].split('"')[0]


def a_test(world):
    return judging.record_upload_test(
        site=world.north,
        charter=world.trial.charter_in_force,
        delivery=uuid.uuid4(),
        sender="NORTH_CT",
        images=40,
        device=Device("CT", "Acme", "One", "7", "v1"),
        series=[{"modality": "CT", "label": "Chest", "images": 40}],
        findings=FINDINGS,
        received_at=AT,
        at=AT,
    )


def test_a_site_qualifies_through_its_pages_and_then_enrols(asked):
    north, coordinator = asked.north, asked.coordinator
    enrolment = {"code": "N-009", "reference_date": REFERENCE.isoformat()}
    refused = post(asked, coordinator, "enrol", north, **enrolment).content.decode()
    assert reverse("trials:qualification", args=[north.pk]) in refused
    assert "the questionnaire is not signed" in refused
    post(asked, coordinator, "questionnaire", north, CALIB="Y", COUNT="2", sign="1", password=PASSWORD)
    post(asked, coordinator, "scanner_register", north, **SCANNER)
    post(asked, coordinator, "training_acknowledge", north, text_sha256=TEXT.sha256, password=PASSWORD)
    assert "Qualify the site" not in page(asked, coordinator)
    assert "Qualify the site" in page(asked, asked.analyst)
    post(asked, asked.analyst, "site_qualify", north, password=PASSWORD)
    assert "The site is qualified." in page(asked, coordinator)
    post(asked, coordinator, "enrol", north, **enrolment)
    assert Subject.objects.filter(code="N-009").exists()


def test_a_draft_is_kept_and_what_is_missing_is_said_beside_its_question(asked):
    post(asked, asked.coordinator, "questionnaire", asked.north, COUNT="2", save="1")
    draft = SiteAnswers.objects.get()
    assert (draft.answers, draft.state) == ({"COUNT": 2}, AnswersState.DRAFT)
    client = signed_in(asked.coordinator)
    address = reverse("trials:questionnaire", args=[asked.north.pk])
    shown = client.get(address).content.decode()
    digest = shown.split('name="shown_sha256" value="')[1].split('"')[0]
    answer = client.post(address, {"COUNT": "2", "sign": "1", "password": PASSWORD, "shown_sha256": digest})
    assert "An answer is needed before the form is signed." in answer.content.decode()
    answer = client.post(address, {"CALIB": "N", "COUNT": "2", "sign": "1", "password": "x", "shown_sha256": digest})
    assert "the password is not yours" in answer.content.decode()
    client.post(address, {"CALIB": "N", "COUNT": "2", "sign": "1", "password": PASSWORD, "shown_sha256": digest})
    assert SiteAnswers.objects.get().state == AnswersState.SIGNED


def test_a_scanner_that_cannot_be_registered_is_said_at_its_form(asked):
    post(asked, asked.coordinator, "scanner_register", asked.north, **SCANNER)
    again = post(asked, asked.coordinator, "scanner_register", asked.north, **SCANNER)
    assert (again.status_code, "has this scanner already" in again.content.decode()) == (422, True)
    empty = post(asked, asked.coordinator, "scanner_register", asked.north, modality="CT")
    assert "This field is required." in empty.content.decode()
    scanner = Scanner.objects.get()
    post(asked, asked.coordinator, "scanner_retire", scanner, reason="Sold")
    scanner.refresh_from_db()
    assert scanner.state == ScannerState.RETIRED


def test_a_test_upload_is_shown_with_its_evidence_and_accepted_with_a_word(asked):
    test = a_test(asked)
    shown = page(asked, asked.analyst)
    assert "A gap of 3 mm." in shown
    assert "1 check found nothing." in shown
    post(asked, asked.analyst, "upload_test_accept", test, password=PASSWORD)
    test.refresh_from_db()
    assert test.state == UploadTestState.JUDGED
    post(asked, asked.analyst, "upload_test_accept", test, password=PASSWORD, reason="The phantom is short")
    test.refresh_from_db()
    assert test.state == UploadTestState.ACCEPTED
    other = a_test(asked)
    post(asked, asked.analyst, "upload_test_refuse", other, reason="Another kernel, please")
    assert UploadTest.objects.get(pk=other.pk).state == UploadTestState.REFUSED


def test_a_notice_is_settled_or_asks_for_a_test(asked):
    for model in ("Two", "Three"):
        device = Device("CT", "Acme", model, "77", "v1")
        noticing.note_devices(site=asked.north, devices=[device], at=AT)
    first, second = ScannerNotice.objects.order_by("pk")
    assert "Acme Two (CT), software v1" in page(asked, asked.coordinator)
    post(asked, asked.analyst, "notice_acknowledge", first, reason="")
    assert ScannerNotice.objects.get(pk=first.pk).state == NoticeState.OPEN
    post(asked, asked.analyst, "notice_acknowledge", first, reason="Borrowed for a week")
    post(asked, asked.administrator, "notice_ask_test", second, reason="It is new")
    states = dict(ScannerNotice.objects.values_list("pk", "state"))
    assert states == {first.pk: NoticeState.SETTLED, second.pk: NoticeState.AWAITING_TEST}


def test_a_qualification_is_ended_and_a_late_scanner_qualified(world):
    ask_of_sites(world, scanners=True)
    post(world, world.coordinator, "scanner_register", world.north, **SCANNER)
    post(world, world.administrator, "site_qualify", world.north, password=PASSWORD)
    post(world, world.coordinator, "scanner_register", world.north, **{**SCANNER, "serial_number": "8"})
    late = Scanner.objects.get(serial_number="8")
    post(world, world.analyst, "scanner_qualify", late)
    late.refresh_from_db()
    assert late.state == ScannerState.QUALIFIED
    held = world.north.qualifications.get()
    post(world, world.analyst, "qualification_end", held, reason="Moved to another building")
    held.refresh_from_db()
    assert held.state == QualificationState.ENDED


def test_the_list_shows_the_sites_one_may_know_of(asked):
    address = reverse("trials:qualifications", args=[asked.trial.pk])
    all_sites = signed_in(asked.analyst).get(address).content.decode()
    assert ("NORTH" in all_sites, "SOUTH" in all_sites) == (True, True)
    own = signed_in(asked.coordinator).get(address).content.decode()
    assert ("NORTH" in own, "SOUTH" in own) == (True, False)


def test_where_nothing_is_asked_the_pages_say_so(world):
    assert "The charter asks nothing of sites." in page(world, world.coordinator)
    assert (
        "asks nothing of sites"
        in signed_in(world.analyst).get(reverse("trials:qualifications", args=[world.trial.pk])).content.decode()
    )
    answer = signed_in(world.coordinator).get(reverse("trials:questionnaire", args=[world.north.pk]))
    assert answer.status_code == 409


def told(world, person):
    return {one.label: one.count for one in waiting_in(person, world.trial, AT) if one.since}


def test_each_is_told_at_home_what_waits(asked):
    assert told(asked, asked.coordinator)["Qualification"] == 1
    assert "Sites to qualify" not in told(asked, asked.analyst)
    post(asked, asked.coordinator, "questionnaire", asked.north, CALIB="Y", COUNT="2", sign="1", password=PASSWORD)
    post(asked, asked.coordinator, "scanner_register", asked.north, **SCANNER)
    post(asked, asked.coordinator, "training_acknowledge", asked.north, text_sha256=TEXT.sha256, password=PASSWORD)
    noticing.note_devices(site=asked.north, devices=[Device("CT", "Acme", "Two", "9")], at=AT)
    a_test(asked)
    assert "Qualification" not in told(asked, asked.coordinator)
    mine = {"Sites to qualify", "Scanners to look at", "Test uploads to judge"}
    assert {label for label in told(asked, asked.analyst) if label in mine} == mine
    assert "Test uploads to judge" not in told(asked, asked.administrator)
    post(asked, asked.analyst, "notice_ask_test", ScannerNotice.objects.get(), reason="It is new")
    assert told(asked, asked.coordinator)["Test uploads to send"] == 1
