"""Calling a site's scanner or archive where its record says that it listens: an echo, or an answer that it waits for.

Only the host and port of the record are called. With a certificate in the record the call goes over TLS, and
nobody but the holder of that certificate is talked to.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from pydicom import Dataset
from pynetdicom import AE, build_role
from pynetdicom.association import Association

from compliance.errors import HouseError
from imaging.dicom.commitments import PUSH_MODEL, PUSH_MODEL_INSTANCE
from trials.models import ApplicationEntity

#: Verification SOP Class (PS3.4 annex A).
VERIFICATION = "1.2.840.10008.1.1"
#: Seconds to wait for a connection, and for each answer.
CONNECTING, ANSWERING = 5, 15
_EXPLICIT, _IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


class Unreachable(HouseError):
    """A scanner or archive could not be called, or did not take what it was told."""

    code = "unreachable"
    status = 502


def echo(entity: ApplicationEntity) -> None:
    """Ask a scanner or archive whether it is there (C-ECHO).

    Raises
    ------
    Unreachable
        With a sentence on what stands between us.
    """
    with _association(entity, VERIFICATION) as association:
        answer = association.send_c_echo()
        if answer.get("Status") != 0x0000:
            raise Unreachable(f"{entity.title} took the call, but did not answer the echo. Look into its log.")


def report(entity: ApplicationEntity, event_type: int, information: Dataset) -> None:
    """Tell a sender what became of the images it asked about (N-EVENT-REPORT, PS3.4 §J.3.3).

    Raises
    ------
    Unreachable
        It was not told.
    """
    with _association(entity, PUSH_MODEL, as_scp=True) as association:
        answer, _ = association.send_n_event_report(information, event_type, PUSH_MODEL, PUSH_MODEL_INSTANCE)
        if answer.get("Status") != 0x0000:
            raise Unreachable(f"{entity.title} did not take the report on storage commitment. Look into its log.")


@contextmanager
def _association(entity: ApplicationEntity, sop_class: str, *, as_scp: bool = False) -> Iterator[Association]:
    """An association with a scanner or archive, for one SOP class."""
    context = _encryption(entity) if entity.certificate else None
    _knock(entity, context)
    ae = AE(ae_title=settings.DICOM_AE_TITLE)
    ae.connection_timeout = CONNECTING
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = ANSWERING
    ae.add_requested_context(sop_class, [_EXPLICIT, _IMPLICIT])
    association = ae.associate(
        entity.host,
        entity.port or 0,
        ae_title=entity.title,
        ext_neg=[build_role(sop_class, scp_role=True)] if as_scp else [],
        tls_args=(context, entity.host) if context else None,
    )
    if association.is_rejected:
        raise Unreachable(
            f"{entity.title} answered and refused our call. "
            f"Enter our AE title {settings.DICOM_AE_TITLE} there as a known node, and check that its own is "
            f"{entity.title}."
        )
    if not association.is_established:
        raise Unreachable(f"{entity.title} did not take our call. It does not offer this service, or was busy.")
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


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


def _knock(entity: ApplicationEntity, context: ssl.SSLContext | None) -> None:
    """Connect and hang up: what stands in the way has a name here, and none in an association."""
    where = f"{entity.host}:{entity.port}"
    if not entity.host or not entity.port:
        raise Unreachable(f"No address is registered for {entity.title}. Enter its host and port first.")
    try:
        with socket.create_connection((entity.host, entity.port), CONNECTING) as connection:
            if context is None:
                return
            with context.wrap_socket(connection, server_hostname=entity.host) as encrypted:
                shown = hashlib.sha256(encrypted.getpeercert(binary_form=True) or b"").hexdigest()
    except socket.gaierror as problem:
        raise Unreachable(f"The name {entity.host} is not known here. Check its spelling, or use the address.") from (
            problem
        )
    except TimeoutError as problem:
        raise Unreachable(
            f"Nothing answered at {where} in {CONNECTING} seconds. Ask the site's network people for a firewall on "
            "the way."
        ) from problem
    except ConnectionRefusedError as problem:
        raise Unreachable(f"Nobody listens at {where}. Start {entity.title} there, or correct the port.") from problem
    except ssl.SSLError as problem:
        raise Unreachable(
            f"{entity.title} was reached at {where}, but the two did not agree on TLS. Check that it uses TLS 1.2 or "
            "newer on this port, shows the certificate of its record, and trusts ours."
        ) from problem
    except OSError as problem:
        raise Unreachable(f"There is no way to {where}. Ask the site's network people.") from problem
    if shown != entity.certificate_sha256:
        raise Unreachable(f"At {where} another certificate is shown than that of {entity.title}. Nothing was sent.")
