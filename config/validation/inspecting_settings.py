"""How the installation is set: what `check --deploy` says, cookies, TLS of pages and of DICOM, second factor."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from django.conf import settings
from django.core.checks import run_checks

from config.validation.records import Check, Outcome
from trials.models import Site

_LOCAL = {"localhost", "127.0.0.1", "::1"}


def reached_from_elsewhere() -> bool:
    """Tell whether people reach this installation from other machines."""
    return urlsplit(settings.PUBLIC_URL).hostname not in _LOCAL


def settings_of_production() -> Iterator[Check]:
    """Yield what `manage.py check --deploy` says, and the second factor."""
    silenced = set(settings.SILENCED_SYSTEM_CHECKS)
    said = [m for m in run_checks(include_deployment_checks=True) if m.level >= 30 and m.id not in silenced]
    found = ", ".join(sorted(str(message.id) for message in said)) or "no issue"
    outcome = Outcome.PASS
    if said:
        outcome = Outcome.FAIL if reached_from_elsewhere() else Outcome.NOT_APPLICABLE
        found += "" if reached_from_elsewhere() else " (the installation is reached from this machine alone)"
    yield Check(
        "Settings",
        "manage.py check --deploy",
        "No warning and no error",
        found,
        outcome,
        ("REQ-OPS-001", "REQ-ACS-008"),
    )
    required = settings.SECOND_FACTOR == "required"
    yield _where_others_come(
        "Settings",
        "Second factor of everybody who sees images or results",
        "required",
        settings.SECOND_FACTOR,
        required,
        ("REQ-ACC-002",),
    )


def transport() -> Iterator[Check]:
    """Yield the checks of TLS, cookies, and of DICOM."""
    address = settings.PUBLIC_URL
    yield _where_others_come("Transport", "Address of the pages", "https://…", address, address.startswith("https://"))
    cookies = {
        "session cookie secure": settings.SESSION_COOKIE_SECURE,
        "session cookie out of reach of scripts": settings.SESSION_COOKIE_HTTPONLY,
        "CSRF cookie secure": settings.CSRF_COOKIE_SECURE,
        "HTTP leads to HTTPS": settings.SECURE_SSL_REDIRECT,
        "HSTS of a year": settings.SECURE_HSTS_SECONDS >= 365 * 24 * 3600,
    }
    found = ", ".join(f"{name}: {'yes' if value else 'no'}" for name, value in cookies.items())
    yield _where_others_come("Transport", "Cookies and HSTS", "All yes", found, all(cookies.values()))
    yield _dicom_tls()
    plain = Site.objects.filter(plain_dicom=True).count()
    yield Check(
        "Transport",
        "Sites that may send DICOM without TLS",
        "Each with a recorded reason; on a private network alone",
        f"{plain} of {Site.objects.count()} sites",
        Outcome.PASS,
        ("REQ-INT-006",),
    )


def _dicom_tls() -> Check:
    title, expected = "Certificate of DICOM over TLS", "Readable, and valid for 30 days more"
    if not settings.DICOM_TLS_PORT:
        return Check("Transport", title, expected, "no port is set (PARALLAX_DICOM_TLS_PORT)", Outcome.NOT_APPLICABLE)
    try:
        held = x509.load_pem_x509_certificate(Path(settings.DICOM_TLS_CERTIFICATE).read_bytes())
    except (OSError, ValueError):
        return Check("Transport", title, expected, "it cannot be read", Outcome.FAIL, ("REQ-INT-006",))
    left = held.not_valid_after_utc - dt.datetime.now(dt.UTC)
    good = left > dt.timedelta(days=30)
    said = f"port {settings.DICOM_TLS_PORT}, valid until {held.not_valid_after_utc:%Y-%m-%d}"
    return Check("Transport", title, expected, said, Outcome.PASS if good else Outcome.FAIL, ("REQ-INT-006",))


def _where_others_come(
    section: str, title: str, expected: str, found: str, good: bool, requirements: tuple[str, ...] = ("REQ-OPS-001",)
) -> Check:
    """A check that counts where people come from other machines."""
    if good or reached_from_elsewhere():
        return Check(section, title, expected, found, Outcome.PASS if good else Outcome.FAIL, requirements)
    found = f"{found} (the installation is reached from this machine alone)"
    return Check(section, title, expected, found, Outcome.NOT_APPLICABLE, requirements)
