"""An echo as bytes: a library that knows the standard reads what we send; what answers mean."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from pynetdicom.dimse_messages import C_ECHO_RQ
from pynetdicom.dsutils import decode
from pynetdicom.pdu import A_ASSOCIATE_RQ, A_RELEASE_RQ, P_DATA_TF

from imaging.dicom import verification
from imaging.dicom.verification import NotUnderstood


def test_the_request_proposes_verification_and_nothing_else() -> None:
    pdu = A_ASSOCIATE_RQ()
    pdu.decode(verification.association_request("PARALLAX", "NORTH_CT"))

    request = pdu.to_primitive()
    (context,) = request.presentation_context_definition_list
    assert (request.calling_ae_title.strip(), request.called_ae_title.strip()) == ("PARALLAX", "NORTH_CT")
    assert (context.context_id, context.abstract_syntax, context.transfer_syntax) == (
        1,
        "1.2.840.10008.1.1",
        ["1.2.840.10008.1.2"],
    )
    assert request.application_context_name == "1.2.840.10008.3.1.1.1"
    assert request.maximum_length_received == verification.LARGEST


def test_the_echo_is_a_c_echo_request() -> None:
    pdu = P_DATA_TF()
    pdu.decode(verification.echo_request())
    ((context_id, value),) = pdu.to_primitive().presentation_data_value_list
    command = decode(BytesIO(value[1:]), True, True)

    assert (context_id, value[0]) == (1, 3)
    assert command.CommandGroupLength == len(value[1:]) - 12
    message = C_ECHO_RQ()
    message.command_set = command
    primitive = message.message_to_primitive()
    assert (primitive.MessageID, primitive.AffectedSOPClassUID) == (1, "1.2.840.10008.1.1")


def test_the_end_is_a_release_request() -> None:
    pdu = A_RELEASE_RQ()
    pdu.decode(verification.release_request())

    assert pdu.encode() == verification.release_request()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\0\1\1\3", "calling AE title not recognised"),
        (b"\0\1\1\7", "called AE title not recognised"),
        (b"\0\2\3\2", "local limit exceeded"),
        (b"\0\1\1\x09", "no reason given"),
        (b"\0\1", "no reason given"),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_standard(content: bytes, reason: str) -> None:
    assert verification.reason_of(content) == reason


@pytest.mark.parametrize("content", [b"", b"\0" * 68, b"\0" * 68 + struct.pack(">BxH", 0x21, 9)])
def test_an_acceptance_without_its_answer_is_not_understood(content: bytes) -> None:
    with pytest.raises(NotUnderstood):
        verification.is_offered(content)


@pytest.mark.parametrize("content", [b"", b"\0" * 6, b"\0" * 6 + struct.pack("<HHIH", 0, 0x0900, 2, 0)])
def test_data_that_are_no_answer_to_an_echo_are_not_understood(content: bytes) -> None:
    with pytest.raises(NotUnderstood):
        verification.status_of(content)
