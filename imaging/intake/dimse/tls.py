"""DICOM over TLS (PS3.15 annex B, BCP 195): both sides show a certificate, and the peer's is that of its AE title."""

from __future__ import annotations

import hashlib
import logging
import socket
import ssl
import time

from django.conf import settings
from django.db import DatabaseError, connections

from trials.selectors import trusted_certificates

log = logging.getLogger(__name__)

#: Seconds after which the certificates of the sites are read anew.
_REFRESH = 5.0


class Trust:
    """The TLS context of the receiver; it follows the certificates that the sites' records hold."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None
        self._certificates: list[str] | None = None
        self._read_at = -_REFRESH

    def context(self) -> ssl.SSLContext:
        """Return the context for a new connection.

        Raises
        ------
        ssl.SSLError
            There is no certificate by which anybody could be known, or our own cannot be read.
        """
        if time.monotonic() - self._read_at > _REFRESH:
            self._read_at = time.monotonic()
            try:
                certificates = trusted_certificates()
            except DatabaseError:
                # Whom we knew a moment ago we know still.
                certificates = self._certificates or []
            finally:
                connections.close_all()
            if certificates != self._certificates:
                self._context, self._certificates = _context(certificates), certificates
        if self._context is None:
            raise ssl.SSLError("no context")
        return self._context


def _context(certificates: list[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # BCP 195 (RFC 9325 §4.2): forward secrecy and authenticated encryption alone.
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM")
    context.verify_mode = ssl.CERT_REQUIRED
    # A registered certificate is trusted for itself, whoever issued it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_cert_chain(settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY)
    for certificate in certificates:
        try:
            context.load_verify_locations(cadata=certificate)
        except ssl.SSLError:
            log.error("a certificate in a site's record cannot be read; its scanner cannot call")
    return context


def fingerprint_of_peer(connection: socket.socket) -> str | None:
    """Return the SHA-256 of the peer's certificate in DER, in hexadecimal; None without TLS."""
    if not isinstance(connection, ssl.SSLSocket):
        return None
    return hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()
