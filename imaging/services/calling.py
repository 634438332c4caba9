"""Calling a site's scanner or archive where its record says that it listens: an echo, or an answer that it waits for.

Only the host and port of the record are called, at the address that its name had when it was looked up, and never an
address of this machine or of its own link. With a certificate in the record the call goes over TLS, and nobody but
the holder of that certificate is talked to.
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings
from pydicom import Dataset
from pynetdicom import AE, build_role
from pynetdicom.association import Association

from compliance.errors import HouseError
from imaging.dicom import verification
from imaging.dicom.commitments import PUSH_MODEL, PUSH_MODEL_INSTANCE
from imaging.dicom.verification import NotUnderstood
from trials.models import ApplicationEntity

#: Seconds to wait for a connection, and for each answer; and those that a whole echo may take.
CONNECTING, ANSWERING, ECHOING = 5, 15, 10
_EXPLICIT, _IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED
#: Where clouds tell a machine its secrets, as far as that is no link-local address.
_METADATA = frozenset(
    ipaddress.ip_address(one) for one in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16")
)


class Unreachable(HouseError):
    """A scanner or archive could not be called, or did not take what it was told."""

    code = "unreachable"
    status = 502


def echo(entity: ApplicationEntity) -> None:
    """Ask a scanner or archive whether it is there (C-ECHO), for ten seconds at most once its name is known.

    Raises
    ------
    Unreachable
        With a sentence on what stands between us, and what to do about it.
    """
    context = _encryption(entity) if entity.certificate else None
    until = time.monotonic() + ECHOING
    with _connected(entity, context, until) as (connection, _):
        try:
            _talk(entity, connection, until)
        except ssl.SSLError as problem:
            # TLS 1.3: the peer judges our certificate after we believe that the handshake is over.
            raise Unreachable(
                f"{entity.title} was reached, and ended the call over TLS. Let it trust the certificate of this "
                "installation; those who run it have it."
            ) from problem
        except TimeoutError as problem:
            raise Unreachable(
                f"{entity.title} took the connection and then said nothing for {ECHOING} seconds. Check that a DICOM "
                "service listens on this port, and whether it uses TLS there."
            ) from problem
        except OSError as problem:
            raise Unreachable(
                f"{entity.title} took the connection and hung up. Check that a DICOM service listens on this port, "
                "whether it uses TLS there, and that it knows our AE title."
            ) from problem
        except NotUnderstood as problem:
            raise Unreachable(
                f"What answered at the address of {entity.title} does not speak DICOM as expected. Check the port, and "
                "whether it uses TLS there; if so, its record here needs its certificate."
            ) from problem


def _talk(entity: ApplicationEntity, connection: socket.socket, until: float) -> None:
    """Associate, echo, release."""
    connection.settimeout(_left(until))
    connection.sendall(verification.association_request(settings.DICOM_AE_TITLE, entity.title))
    kind, content = _read(connection, until)
    if kind == verification.REJECTED:
        raise Unreachable(_refused(entity, verification.reason_of(content)))
    if kind == verification.ABORTED:
        raise ConnectionAbortedError
    if kind != verification.ACCEPTED or not verification.is_offered(content):
        raise Unreachable(
            f"{entity.title} took our call, but does not answer echoes there. Switch its verification service on."
        )
    connection.sendall(verification.echo_request())
    kind, content = _read(connection, until)
    if kind == verification.ABORTED:
        raise ConnectionAbortedError
    if kind != verification.DATA or verification.status_of(content) != 0x0000:
        raise Unreachable(f"{entity.title} took the call, but refused the echo. Look into its log.")
    with suppress(OSError, NotUnderstood):
        connection.sendall(verification.release_request())
        _read(connection, until)


def _read(connection: socket.socket, until: float) -> tuple[int, bytes]:
    """Return type and content of the next PDU."""
    kind, length = struct.unpack(">BxI", _exactly(connection, 6, until))
    if not 2 <= kind <= 7 or length > verification.LARGEST:
        raise NotUnderstood
    return kind, _exactly(connection, length, until)


def _exactly(connection: socket.socket, size: int, until: float) -> bytes:
    whole = bytearray()
    while len(whole) < size:
        connection.settimeout(_left(until))
        piece = connection.recv(size - len(whole))
        if not piece:
            raise ConnectionResetError
        whole += piece
    return bytes(whole)


def _left(until: float) -> float:
    """Seconds until a moment.

    Raises
    ------
    TimeoutError
        It has passed.
    """
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def report(entity: ApplicationEntity, event_type: int, information: Dataset) -> None:
    """Tell a sender what became of the images it asked about (N-EVENT-REPORT, PS3.4 §J.3.3).

    Raises
    ------
    Unreachable
        It was not told.
    """
    with _association(entity, PUSH_MODEL) as association:
        answer, _ = association.send_n_event_report(information, event_type, PUSH_MODEL, PUSH_MODEL_INSTANCE)
        if answer.get("Status") != 0x0000:
            raise Unreachable(f"{entity.title} did not take the report on storage commitment. Look into its log.")


@contextmanager
def _association(entity: ApplicationEntity, sop_class: str) -> Iterator[Association]:
    """An association with a scanner or archive, in which we are the provider of one SOP class."""
    context = _encryption(entity) if entity.certificate else None
    # Connect and hang up: what stands in the way has a name there, and none in an association.
    with _connected(entity, context, time.monotonic() + CONNECTING) as (_, address):
        pass
    ae = AE(ae_title=settings.DICOM_AE_TITLE)
    ae.connection_timeout = CONNECTING
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = ANSWERING
    ae.add_requested_context(sop_class, [_EXPLICIT, _IMPLICIT])
    association = ae.associate(
        address,
        entity.port or 0,
        ae_title=entity.title,
        ext_neg=[build_role(sop_class, scp_role=True)],
        tls_args=(context, entity.host) if context else None,
    )
    if association.is_rejected:
        raise Unreachable(_refused(entity, verification.CALLING_NOT_RECOGNISED))
    if not association.is_established:
        raise Unreachable(f"{entity.title} did not take our call. It does not offer this service, or was busy.")
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def _refused(entity: ApplicationEntity, reason: str) -> str:
    """What a refusal means, and what to do about it."""
    cure = {
        verification.CALLING_NOT_RECOGNISED: f"Enter our AE title {settings.DICOM_AE_TITLE} there as a known node.",
        verification.CALLED_NOT_RECOGNISED: f"Its own AE title is not {entity.title}: correct it there, or in the "
        "set-up here.",
    }
    otherwise = (
        f"Check that our AE title {settings.DICOM_AE_TITLE} is a known node there and that its own is {entity.title}, "
        "or try again later."
    )
    return f"{entity.title} answered and refused our call ({reason}). {cure.get(reason, otherwise)}"


def _encryption(entity: ApplicationEntity) -> ssl.SSLContext:
    """Return the means to call over TLS (BCP 195), with our certificate and no trust but in the entity's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM")
    # It is known by its certificate alone, whatever names that holds.
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=entity.certificate)
        context.load_cert_chain(settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY)
    except (OSError, ssl.SSLError) as problem:
        raise Unreachable(
            "This installation's own certificate for DICOM cannot be read, so nobody was called over TLS. "
            "Tell those who run it."
        ) from problem
    return context


@contextmanager
def _connected(
    entity: ApplicationEntity, context: ssl.SSLContext | None, until: float
) -> Iterator[tuple[socket.socket, str]]:
    """A connection to a scanner or archive, whose certificate was looked at if there is one; and its address."""
    where = f"{entity.host}:{entity.port}"
    shown = entity.certificate_sha256
    address = _address(entity)
    connection: socket.socket | None = None
    try:
        connection = socket.create_connection((address, entity.port or 0), min(CONNECTING, _left(until)))
        if context is not None:
            connection.settimeout(_left(until))
            encrypted = context.wrap_socket(connection, server_hostname=entity.host)
            connection = encrypted
            shown = hashlib.sha256(encrypted.getpeercert(binary_form=True) or b"").hexdigest()
    except Exception as problem:
        if connection is not None:
            connection.close()
        if isinstance(problem, OSError):
            raise _obstacle(entity, where, problem) from problem
        raise
    with connection:
        if shown != entity.certificate_sha256:
            raise _other_certificate(entity, where)
        yield connection, address


def _obstacle(entity: ApplicationEntity, where: str, problem: OSError) -> Unreachable:
    """Say what stands in the way of a connection."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        if problem.verify_code == _EXPIRED:
            return Unreachable(
                f"{entity.title} was reached at {where}, but its certificate has expired. Renew it there, then enter "
                "the new one in its record here."
            )
        return _other_certificate(entity, where)
    if isinstance(problem, ssl.SSLError):
        return Unreachable(
            f"{entity.title} was reached at {where}, but the two did not agree on TLS. Check that it uses TLS 1.2 or "
            "newer on this port, shows the certificate of its record, and trusts ours."
        )
    if isinstance(problem, TimeoutError):
        return Unreachable(
            f"Nothing answered at {where} in {CONNECTING} seconds. Ask the site's network people for a firewall on "
            "the way."
        )
    if isinstance(problem, ConnectionRefusedError):
        return Unreachable(f"Nobody listens at {where}. Start {entity.title} there, or correct the port.")
    return Unreachable(f"There is no way to {where}. Ask the site's network people.")


def _other_certificate(entity: ApplicationEntity, where: str) -> Unreachable:
    return Unreachable(
        f"At {where} another certificate is shown than that of {entity.title}. Nothing was sent. If its certificate "
        "was renewed, enter the new one in its record; else find out who answers there."
    )


def _address(entity: ApplicationEntity) -> str:
    """Return the address of a scanner or archive, looked up once: a name could say something else the next time."""
    if not entity.host or not entity.port:
        raise Unreachable(f"No address is registered for {entity.title}. Enter its host and port first.")
    try:
        found = socket.getaddrinfo(entity.host, entity.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise Unreachable(f"The name {entity.host} is not known here. Check its spelling, or use the address.") from (
            problem
        )
    address = str(found[0][4][0])
    if not settings.DICOM_CALL_LOCAL and _is_ours(address):
        raise Unreachable(
            f"The address of {entity.title} belongs to this machine or to the line it hangs on, so it was not called. "
            "Enter the address at which the site's network knows it."
        )
    return address


def _is_ours(address: str) -> bool:
    """Tell whether an address leads to this machine or its link, where no scanner of a site is."""
    known = ipaddress.ip_address(address)
    known = getattr(known, "ipv4_mapped", None) or known
    return (
        known.is_loopback
        or known.is_link_local
        or known.is_multicast
        or known.is_unspecified
        or known.is_reserved
        or known in _METADATA
    )
