"""The DICOM door: C-STORE and C-ECHO. The calling AE title names the site.

Success (0x0000) is answered only after bytes and record lie in the spool. Two ways lead there: `association` is ours,
made for speed and for hostile peers; `stock` is pynetdicom alone, and stands behind `PARALLAX_DICOM_FAST=0`.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

from imaging.intake.dimse.processes import serve

__all__ = ["serve", "start"]


def start(host: str, port: int, tls_port: int | None = None) -> Any:
    """Listen in the background of this process, on a second port over TLS if one is given.

    The answer has `server_address`, `tls_address` and `shutdown()`.
    """
    if settings.DICOM_FAST:
        from imaging.intake.dimse import listener

        return listener.start(host, port, tls_port)
    from imaging.intake.dimse import stock

    return stock.start(host, port, tls_port, settings.DICOM_AE_TITLE)
