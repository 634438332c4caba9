"""What the server has by content, for a browser that sends only the rest."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from compliance.transitions import advance
from imaging.models import ReceivedInstance, Transfer, WebUpload
from imaging.services import knowing, staging, uploading
from imaging.services.receiving import close_transfer, index_spool, open_transfer
from imaging.states import ReceivedState
from tests.factories import AT, World, encoded, slice_of
from tests.imaging.services.delivery import by_coordinator, by_scanner
from trials.models import Timepoint

GOOD = encoded(slice_of(ClinicalTrialSubjectID="N-001"))


@pytest.fixture
def baseline(world: World) -> Timepoint:
    return world.timepoint("N-001", "BL")


@pytest.fixture
def transfer(world: World, baseline: Timepoint) -> Transfer:
    """A delivery that the coordinator just began."""
    return open_transfer(timepoint=baseline, actor=world.coordinator, at=AT)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def known(world: World, transfer: Transfer, content: bytes = GOOD) -> dict[str, Any]:
    """What is said of one file."""
    assert transfer.timepoint is not None
    (answer,) = knowing.known_files(
        timepoint=transfer.timepoint,
        transfer=transfer,
        files=[(sha256(content), len(content))],
        actor=world.coordinator,
    )
    assert answer.pop("sha256") == sha256(content)
    return answer


def begun(world: World, transfer: Transfer, content: bytes, *, kind: str = "dicom", size: int = 0) -> WebUpload:
    """An upload of which `size` bytes have come."""
    upload = uploading.create_upload(
        transfer=transfer, size=len(content), sha256=sha256(content), kind=kind, actor=world.coordinator, at=AT
    )
    staging.staged(upload).write_bytes(content[:size])
    return upload


def test_a_new_file_is_new(world: World, transfer: Transfer) -> None:
    assert known(world, transfer) == {"state": "new"}


def test_a_file_is_known_whichever_door_it_came_through(world: World, transfer: Transfer) -> None:
    by_scanner(world, [GOOD])

    assert known(world, transfer) == {"state": "have"}


def test_a_file_is_known_from_the_moment_it_lies_in_the_spool(
    world: World, transfer: Transfer, baseline: Timepoint
) -> None:
    upload = begun(world, transfer, GOOD, size=len(GOOD))
    uploading.durable_bytes(upload=upload, at=AT)

    assert not ReceivedInstance.objects.exists()
    assert known(world, transfer) == {"state": "have"}
    index_spool(at=AT)
    assert known(world, transfer) == {"state": "have"}


def test_a_file_at_another_timepoint_is_new_here_with_a_warning(world: World, transfer: Transfer) -> None:
    by_coordinator(world, [GOOD], world.timepoint("N-002", "W8"))

    answer = known(world, transfer)

    assert answer["state"] == "new"
    assert answer["warning"].startswith("This file was uploaded for N-002, ")


def test_of_another_site_nothing_is_said(world: World, transfer: Transfer) -> None:
    by_scanner(world, [GOOD], site=world.south)

    assert known(world, transfer) == {"state": "new"}


def test_what_a_person_set_aside_may_come_again(world: World, transfer: Transfer) -> None:
    by_coordinator(world, [encoded(slice_of(ClinicalTrialSubjectID="N-002"))], transfer.timepoint)
    row = ReceivedInstance.objects.get()
    assert row.state == ReceivedState.HELD
    content = encoded(slice_of(ClinicalTrialSubjectID="N-002"))
    assert known(world, transfer, content) == {"state": "have"}

    advance(row, "discard", actor=world.analyst, at=AT, reason="Not ours")

    assert known(world, transfer, content) == {"state": "new"}


def test_a_file_that_was_begun_goes_on_in_the_delivery_of_whoever_asks(
    world: World, transfer: Transfer, baseline: Timepoint
) -> None:
    upload = begun(world, transfer, GOOD, size=100)
    close_transfer(transfer=transfer, at=AT)
    own = open_transfer(timepoint=baseline, actor=world.coordinator, at=AT)

    assert known(world, own) == {"state": "partial", "upload": upload, "offset": 100}
    assert WebUpload.objects.get().transfer == own


def test_of_the_same_size_and_other_content_nothing_is_known(world: World, transfer: Transfer) -> None:
    begun(world, transfer, GOOD, size=100)

    assert known(world, transfer, bytes(len(GOOD))) == {"state": "new"}


def test_a_begun_file_whose_bytes_have_gone_is_new(world: World, transfer: Transfer) -> None:
    upload = begun(world, transfer, GOOD)
    staging.staged(upload).unlink()

    assert known(world, transfer) == {"state": "new"}


@pytest.mark.parametrize(
    ("state", "answer"),
    [("unpacking", "have"), ("kept", "have"), ("refused", "new"), ("discarded", "new")],
)
def test_a_zip_is_known_from_its_acknowledgement_on_unless_nothing_in_it_was_taken(
    world: World, transfer: Transfer, state: str, answer: str
) -> None:
    upload = begun(world, transfer, b"PK archive", kind="zip")
    WebUpload.objects.filter(pk=upload.pk).update(state=state)

    assert known(world, transfer, b"PK archive") == {"state": answer}


def test_the_question_is_asked_for_an_own_open_delivery(world: World, transfer: Transfer) -> None:
    close_transfer(transfer=transfer, at=AT)

    with pytest.raises(uploading.TransferClosed):
        known(world, transfer)


def test_many_files_are_asked_about_in_few_questions(
    world: World, transfer: Transfer, django_assert_max_num_queries: Any
) -> None:
    files = [(sha256(str(number).encode()), 1) for number in range(2000)]

    with django_assert_max_num_queries(20):
        answers = knowing.known_files(
            timepoint=transfer.timepoint, transfer=transfer, files=files, actor=world.coordinator
        )
    assert {answer["state"] for answer in answers} == {"new"}
    assert [answer["sha256"] for answer in answers] == [digest for digest, _ in files]
