"""Storage commitment, from the sender's question to the report that it takes: on both ways in, plain and over TLS."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone
from pydicom import Dataset
from pynetdicom import AE, evt

from compliance import jobs, storage
from compliance.models import AuditEvent, Job
from imaging.dicom.commitments import PUSH_MODEL, PUSH_MODEL_INSTANCE, Reference, Request
from imaging.models import Commitment, ReceivedInstance, Transfer
from imaging.services import committing, questions, spool
from imaging.services.receiving import index_spool
from tests.factories import AT, World, encoded, make_world, slice_of
from tests.imaging.dicom.test_commitments import CT, MR, action
from tests.support.certificates import Certificate
from tests.support.installation import free_port
from trials.services import connecting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("REQ-INT-016")]


@pytest.fixture
def world(transactional_db: None, own_disk: Path) -> World:
    """The trial, committed; the northern scanner listens for answers at a port of its own."""
    world = make_world()
    registered(world, free_port())
    return world


def registered(world: World, port: int | None, certificate: str = "") -> None:
    """Write down where the northern scanner listens."""
    connecting.change_entity(
        entity=world.north.application_entities.get(),
        active=True,
        certificate=certificate,
        host="127.0.0.1" if port else "",
        port=port,
        actor=world.founder,
        at=AT,
    )


@contextmanager
def listening(world: World, context: ssl.SSLContext | None = None) -> Iterator[list[Dataset]]:
    """The northern scanner listens where its record says; yields the reports that it takes."""
    reports: list[Dataset] = []

    def taken(event: evt.Event) -> tuple[int, None]:
        information = event.event_information
        information.EventTypeID = event.event_type
        reports.append(information)
        return 0x0000, None

    ae = AE(ae_title="NORTH_CT")
    ae.add_supported_context(PUSH_MODEL, scu_role=True, scp_role=True)
    where = ("127.0.0.1", world.north.application_entities.get().port)
    server = ae.start_server(where, block=False, ssl_context=context, evt_handlers=[(evt.EVT_N_EVENT_REPORT, taken)])
    try:
        yield reports
    finally:
        server.shutdown()


def asked(port: int, store: Sequence[Dataset], about: Sequence[tuple[str, str]], *, called: str = "PARALLAX") -> int:
    """Send instances and ask about some in one association; return the status of the question."""
    ae = AE(ae_title="NORTH_CT")
    ae.add_requested_context(CT, "1.2.840.10008.1.2.1")
    ae.add_requested_context(PUSH_MODEL, "1.2.840.10008.1.2.1")
    sender = ae.associate("127.0.0.1", port, ae_title=called)
    for dataset in store:
        encoded(dataset)
        assert sender.send_c_store(dataset).Status == 0x0000
    status, _ = sender.send_n_action(action(about), 1, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    sender.release()
    return int(status.Status)


def work() -> None:
    """What the worker does when it is rung."""
    index_spool(at=timezone.now())
    committing.take_up(at=timezone.now())
    jobs.drain()


def told(report: Dataset) -> dict[str, int]:
    """Each instance of a report with its failure reason, 0 for what is safe."""
    kept = {str(one.ReferencedSOPInstanceUID): 0 for one in report.get("ReferencedSOPSequence", [])}
    return kept | {str(one.ReferencedSOPInstanceUID): one.FailureReason for one in report.get("FailedSOPSequence", [])}


def again(at: dt.datetime) -> None:
    """Try to answer the one question at another time."""
    commitment = Commitment.objects.get()
    (path,) = (path for folder in spool.deliveries() for path in questions.waiting(folder))
    committing.answer(commitment_id=commitment.pk, folder=path.parent.name, at=at)


def test_a_sender_is_told_that_its_images_are_safe(port: int, world: World, own_disk: Path) -> None:
    series = [slice_of(number) for number in (1, 2, 3)]

    with listening(world) as reports:
        assert asked(port, series, [(CT, one.SOPInstanceUID) for one in series]) == 0x0000
        work()

    (report,) = reports
    assert (report.EventTypeID, report.TransactionUID) == (1, "1.2.3.4")
    assert told(report) == {str(one.SOPInstanceUID): 0 for one in series}
    commitment = Commitment.objects.get()
    assert (commitment.state, commitment.count, commitment.committed, commitment.failed) == ("reported", 3, 3, 0)
    assert list((own_disk / "spool").glob("*/*.question.json")) == []
    actions = AuditEvent.objects.filter(object_type="imaging.commitment").order_by("id")
    assert list(actions.values_list("action", flat=True)) == ["commitment.asked", "commitment.report"]


def test_a_sender_is_told_the_reason_for_each_that_is_not(port: int, world: World, own_disk: Path) -> None:
    whole, changed, other_class, gone, left = (slice_of(number) for number in (1, 2, 3, 4, 5))
    with listening(world) as reports:
        store = [whole, changed, other_class, gone, left]
        about = [(CT, whole.SOPInstanceUID), (CT, changed.SOPInstanceUID), (MR, other_class.SOPInstanceUID)]
        about += [(CT, gone.SOPInstanceUID), (CT, left.SOPInstanceUID), (CT, "1.2.3.99")]
        asked(port, store, about)
        index_spool(at=AT)
        jobs.drain()
        rows = {row.received_at: row for row in ReceivedInstance.objects.order_by("received_at")}
        _, second, _, fourth, fifth = rows.values()
        damage(second, lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"))
        damage(fourth, lambda path: path.unlink())
        ReceivedInstance.objects.filter(pk=fifth.pk).update(original_state="gone")
        work()

    (report,) = reports
    assert report.EventTypeID == 2
    assert told(report) == {
        str(whole.SOPInstanceUID): 0,
        str(changed.SOPInstanceUID): 0x0110,
        str(other_class.SOPInstanceUID): 0x0119,
        str(gone.SOPInstanceUID): 0x0110,
        str(left.SOPInstanceUID): 0x0112,
        "1.2.3.99": 0x0112,
    }


def damage(row: ReceivedInstance, how: Callable[[Path], Any]) -> None:
    """Do something to a stored file, past the store."""
    with storage.on_disk(storage.QUARANTINE, row.quarantine_key) as path:
        path.chmod(0o600)
        how(path)


def test_what_another_site_sent_is_not_vouched_for(port: int, world: World) -> None:
    dataset = slice_of()
    origin = spool.Origin(
        door=Transfer.Door.DIMSE, site_id=world.south.pk, sender="SOUTH_CT", delivery=spool.new_id(AT)
    )
    spool.receive_instance(encoded(dataset), origin=origin, at=AT)
    with listening(world) as reports:
        asked(port, [], [(CT, dataset.SOPInstanceUID)])
        work()

    assert told(reports[0]) == {str(dataset.SOPInstanceUID): 0x0112}


def test_what_has_come_and_is_not_indexed_or_read_yet_is_waited_for(port: int, world: World) -> None:
    dataset = slice_of()
    with listening(world) as reports:
        asked(port, [dataset], [(CT, dataset.SOPInstanceUID)])
        committing.take_up(at=timezone.now())
        jobs.drain()  # it lies in the spool
        assert (reports, Job.objects.filter(kind=committing.ANSWER, state="queued").count()) == ([], 1)
        index_spool(at=timezone.now())
        again(timezone.now())  # it has a row, and no name
        assert reports == []
        jobs.drain()
        again(timezone.now())

    assert told(reports[0]) == {str(dataset.SOPInstanceUID): 0}


def test_what_is_never_read_could_not_be_processed_and_is_not_called_missing(port: int, world: World) -> None:
    dataset = slice_of()
    with listening(world) as reports:
        asked(port, [dataset], [(CT, dataset.SOPInstanceUID)])
        committing.take_up(at=timezone.now())
        again(timezone.now() + dt.timedelta(hours=1))

    assert told(reports[0]) == {str(dataset.SOPInstanceUID): 0x0110}


def test_what_is_held_without_having_been_read_is_known_by_its_first_bytes(port: int, world: World) -> None:
    dataset = slice_of()
    with listening(world) as reports:
        asked(port, [dataset], [(CT, dataset.SOPInstanceUID)])
        index_spool(at=timezone.now())
        ReceivedInstance.objects.update(state="held", hold_reason="trial_locked")
        Job.objects.all().delete()
        work()

    assert told(reports[0]) == {str(dataset.SOPInstanceUID): 0}


def test_a_sender_that_cannot_be_called_is_refused(port: int, world: World, own_disk: Path) -> None:
    registered(world, None)

    assert asked(port, [], [(CT, "1.2.3")]) == 0x0110
    assert list((own_disk / "spool").glob("*/*.question.json")) == []


def test_nothing_is_promised_of_a_test(port: int, own_disk: Path) -> None:
    assert asked(port, [], [(CT, "1.2.3")], called="PARALLAX_TEST") == 0x0110
    assert list((own_disk / "spool").glob("*/*.question.json")) == []


@pytest.mark.parametrize(
    ("information", "kind", "instance", "status"),
    [
        (Dataset(), 1, PUSH_MODEL_INSTANCE, 0x0115),
        (action([(CT, "1.2.3")], "../x"), 1, PUSH_MODEL_INSTANCE, 0x0115),
        (action([(CT, "1.2.3")]), 2, PUSH_MODEL_INSTANCE, 0x0123),
        (action([(CT, "1.2.3")]), 1, "1.2.3.4", 0x0112),
    ],
    ids=["empty", "no UID", "another action", "another instance"],
)
@pytest.mark.filterwarnings("ignore:.*UI.*:UserWarning")
def test_a_question_that_cannot_be_answered_is_refused(
    port: int, information: Dataset, kind: int, instance: str, status: int
) -> None:
    ae = AE(ae_title="NORTH_CT")
    ae.add_requested_context(PUSH_MODEL, "1.2.840.10008.1.2.1")
    sender = ae.associate("127.0.0.1", port, ae_title="PARALLAX")
    information.PatientComments = "something, so that there is a data set"
    answer, _ = sender.send_n_action(information, kind, PUSH_MODEL, instance)
    sender.release()

    assert answer.Status == status


def question(world: World, asked_at: dt.datetime) -> None:
    """A question of the northern scanner, as the receiver leaves it."""
    origin = spool.Origin(
        door=Transfer.Door.DIMSE, site_id=world.north.pk, sender="NORTH_CT", delivery=spool.new_id(asked_at)
    )
    committing.ask(Request("1.2.3.4", [Reference(CT, "1.2.3.99")]), origin=origin, at=asked_at)
    committing.take_up(at=asked_at)


def test_a_sender_that_is_away_is_called_again_and_again_for_three_days(world: World) -> None:
    began = timezone.now()
    question(world, began)
    passed, pauses = dt.timedelta(0), []
    while Commitment.objects.get().state == "waiting":
        Job.objects.all().delete()
        again(began + passed)
        if job := Job.objects.filter(kind=committing.ANSWER).first():
            pauses.append(job.not_before - (began + passed))
            passed = job.not_before - began

    minutes = [pause.total_seconds() / 60 for pause in pauses]
    assert minutes == [1, 5, 15, 60] + [360] * 12
    commitment = Commitment.objects.get()
    assert (commitment.state, commitment.tries) == ("given_up", 16)
    assert commitment.problem.startswith("Nobody listens at 127.0.0.1:")
    assert AuditEvent.objects.filter(action="commitment.postponed").count() == 16


def test_a_sender_that_comes_back_is_told(world: World) -> None:
    began = timezone.now()
    question(world, began)
    again(began)
    with listening(world) as reports:
        again(began + dt.timedelta(minutes=1))

    assert told(reports[0]) == {"1.2.3.99": 0x0112}
    assert Commitment.objects.get().state == "reported"


def test_a_question_is_one_row_however_often_it_is_found(world: World, own_disk: Path) -> None:
    question(world, timezone.now())

    assert committing.take_up(at=timezone.now()) == 0
    assert Commitment.objects.count() == Job.objects.filter(kind=committing.ANSWER).count() == 1
    Commitment.objects.update(state="reported")  # and a crash before the file was removed
    committing.take_up(at=timezone.now())
    assert list((own_disk / "spool").glob("*/*.question.json")) == []


def test_a_sender_with_a_certificate_is_told_over_tls_and_nobody_else_in_its_place(
    world: World, settings: LazySettings, certificates: tuple[Certificate, Certificate, Certificate]
) -> None:
    ours, north, other = certificates
    settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY = str(ours.certificate), str(ours.key)
    registered(world, free_port(), north.pem)
    began = timezone.now()
    question(world, began)

    def shown(certificate: Certificate) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ours.certificate))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(certificate.certificate, certificate.key)
        return context

    with listening(world, shown(other)) as reports:
        again(began)
        assert reports == []
    with listening(world, shown(north)) as reports:
        again(began + dt.timedelta(minutes=1))
        assert told(reports[0]) == {"1.2.3.99": 0x0112}
