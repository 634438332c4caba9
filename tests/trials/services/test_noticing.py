"""Images that name another scanner than the registry raise one notice; somebody settles it with a reason."""

from __future__ import annotations

import uuid

import pytest

from compliance.access import AccessDenied
from compliance.models import Mail
from compliance.signing import Intent
from compliance.transitions import IllegalMove, ReasonRequired
from tests.factories import AT, PASSWORD
from tests.factories.world import ask_of_sites
from trials.models import Device, ScannerNotice, UploadTest
from trials.services import judging, noticing, preparing
from trials.states import NoticeState, ScannerState, UploadTestState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-SUB-008")]

DEVICE = Device("CT", "Acme", "One", "QX-77", "v1")
PAGE = {"series": [{"label": "Chest", "images": 40}], "findings": []}


@pytest.fixture
def asked(world):
    ask_of_sites(world, scanners=True)
    return world


@pytest.fixture
def scanner(asked):
    return preparing.register_scanner(site=asked.north, **DEVICE._asdict(), actor=asked.coordinator, at=AT)


def note(world, *devices):
    noticing.note_devices(site=world.north, devices=devices, at=AT)


def notices():
    return list(ScannerNotice.objects.order_by("pk"))


def test_a_scanner_that_is_as_registered_is_no_news(asked, scanner):
    note(asked, DEVICE, DEVICE._replace(manufacturer="ACME ", model_name="o ne"), DEVICE._replace(software=""))
    note(asked, Device("CT", "", ""), DEVICE._replace(modality="SR", software="v2"))
    assert notices() == []


def test_nothing_is_noticed_where_the_charter_has_no_registry(world):
    note(world, DEVICE)
    assert notices() == []


@pytest.mark.parametrize(
    ("seen", "kind", "before", "after"),
    [
        (DEVICE._replace(software="v2"), "software", "v1", "v2"),
        (
            DEVICE._replace(model_name="Two"),
            "model",
            "Acme One (CT), serial number QX-77, software v1",
            "Acme Two (CT), serial number QX-77, software v1",
        ),
        # A number that nobody registered is compared, and kept nowhere.
        (DEVICE._replace(serial_number="QX-78"), "unknown", "", "Acme One (CT), software v1"),
    ],
)
def test_what_differs_is_said_once_with_both_values_and_by_mail(asked, scanner, seen, kind, before, after):
    note(asked, seen)
    note(asked, seen, DEVICE)
    (notice,) = notices()
    assert (notice.kind, notice.before, notice.after, notice.state) == (kind, before, after, NoticeState.OPEN)
    mails = Mail.objects.order_by("pk")
    assert {mail.to for mail in mails} == {asked.analyst, asked.administrator, asked.founder}
    for word in ("Acme", "v2", "QX-77", "NORTH", "North"):
        assert not any(word in mail.subject + mail.body for mail in mails)


def test_without_a_serial_number_a_scanner_is_known_by_its_model(asked):
    plain = {**DEVICE._asdict(), "serial_number": "", "software": ""}
    scanner = preparing.register_scanner(site=asked.north, **plain, actor=asked.coordinator, at=AT)
    note(asked, DEVICE)
    scanner.refresh_from_db()
    assert (notices(), scanner.software) == ([], "v1")


def test_a_retired_scanner_is_unknown(asked, scanner):
    preparing.retire_scanner(scanner=scanner, reason="Sold", actor=asked.coordinator, at=AT)
    note(asked, DEVICE)
    assert [one.kind for one in notices()] == ["unknown"]


def test_it_is_settled_with_a_reason_and_the_registry_follows(asked, scanner):
    note(asked, DEVICE._replace(software="v2"))
    (notice,) = notices()
    with pytest.raises(AccessDenied):
        noticing.acknowledge_notice(notice=notice, reason="Mine", actor=asked.coordinator, at=AT)
    with pytest.raises(ReasonRequired):
        noticing.acknowledge_notice(notice=notice, reason="", actor=asked.analyst, at=AT)
    noticing.acknowledge_notice(notice=notice, reason="Same reconstruction", actor=asked.analyst, at=AT)
    scanner.refresh_from_db()
    assert (scanner.software, notice.state) == ("v2", NoticeState.SETTLED)
    with pytest.raises(IllegalMove):
        noticing.ask_for_test(notice=notice, reason="Again", actor=asked.analyst, at=AT)
    # An older scan comes from the archive: the registry said so once.
    note(asked, DEVICE, DEVICE._replace(software="v2"))
    assert len(notices()) == 1


def a_test(world, device=DEVICE, findings=()):
    return judging.record_upload_test(
        site=world.north,
        charter=world.trial.charter_in_force,
        delivery=uuid.uuid4(),
        sender="NORTH_CT",
        images=40,
        device=device,
        series=PAGE["series"],
        findings=findings,
        received_at=AT,
        at=AT,
    )


def accept(world, test, **more):
    return judging.accept_upload_test(
        test=test, signature=Intent(PASSWORD), actor=more.pop("actor", world.analyst), at=AT, **more
    )


def test_a_new_test_upload_settles_what_waited_for_it(asked, scanner):
    note(asked, DEVICE._replace(software="v2"))
    (notice,) = notices()
    noticing.ask_for_test(notice=notice, reason="The kernel may differ", actor=asked.administrator, at=AT)
    assert Mail.objects.filter(to=asked.coordinator).count() == 1
    accept(asked, a_test(asked, Device("CT", "Other", "One")))
    notice.refresh_from_db()
    assert notice.state == NoticeState.AWAITING_TEST
    accept(asked, a_test(asked, DEVICE._replace(software="v2")))
    notice.refresh_from_db()
    scanner.refresh_from_db()
    assert (notice.state, scanner.software) == (NoticeState.SETTLED, "v2")


def test_the_charter_may_ask_for_a_test_upload_at_once(world):
    ask_of_sites(world, scanners=True, after_change="test")
    note(world, DEVICE)
    (notice,) = notices()
    assert notice.state == NoticeState.AWAITING_TEST
    with pytest.raises(IllegalMove):
        noticing.acknowledge_notice(notice=notice, reason="Known", actor=world.analyst, at=AT)
    accept(world, a_test(world))
    assert notices()[0].state == NoticeState.SETTLED


def test_a_test_upload_is_kept_once_and_belongs_to_its_scanner(asked, scanner):
    test = a_test(asked)
    again = judging.record_upload_test(
        site=asked.north,
        charter=asked.trial.charter_in_force,
        delivery=test.delivery,
        sender="NORTH_CT",
        images=1,
        device=None,
        series=[],
        findings=[],
        received_at=AT,
        at=AT,
    )
    assert (again, again.scanner, again.images) == (test, scanner, 40)
    assert [mail.to for mail in Mail.objects.all()] == [asked.analyst]
    assert scanner.state == ScannerState.REGISTERED


def test_only_an_analyst_accepts_and_blocking_findings_need_a_word(asked, scanner):
    test = a_test(asked, findings=[{"code": "gap", "severity": "block", "sentence": "A gap.", "evidence": {}}])
    with pytest.raises(ReasonRequired, match="would block"):
        accept(asked, test)
    with pytest.raises(AccessDenied):
        accept(asked, test, actor=asked.administrator, reason="Fine")
    accept(asked, test, reason="The phantom is short")
    assert UploadTest.objects.get().state == UploadTestState.ACCEPTED


def test_a_refusal_is_told_to_the_site_with_its_reason_on_the_page(asked, scanner):
    test = a_test(asked)
    with pytest.raises(ReasonRequired):
        judging.refuse_upload_test(test=test, reason="", actor=asked.analyst, at=AT)
    judging.refuse_upload_test(test=test, reason="Another kernel, please", actor=asked.analyst, at=AT)
    assert [mail.subject for mail in Mail.objects.filter(to=asked.coordinator)] == ["A test upload was not accepted"]
    with pytest.raises(IllegalMove):
        accept(asked, test)
