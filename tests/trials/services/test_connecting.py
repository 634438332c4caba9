"""How a site's scanners and programs may connect."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import ssl
from pathlib import Path

import pytest
from django.core import serializers
from django.test import Client
from django.utils import timezone

from compliance import access, audit
from compliance.models import AuditEvent, Mail
from tests.factories import AT, World
from tests.support.certificates import make_certificate
from trials import selectors
from trials.models import ApplicationEntity, SiteToken
from trials.services import connecting

pytestmark = pytest.mark.requirement("REQ-INT-006")


def test_plain_dicom_is_off_until_somebody_says_why(world: World) -> None:
    assert ApplicationEntity._meta.apps.get_model("trials.Site")().plain_dicom is False

    connecting.allow_plain_dicom(site=world.north, allowed=True, reason="VPN", actor=world.administrator, at=AT)
    connecting.allow_plain_dicom(site=world.north, allowed=False, reason="TLS now", actor=world.administrator, at=AT)

    event = audit.history(world.north).first()
    assert event is not None
    assert (event.action, event.reason) == ("site.plain_dicom_refused", "TLS now")


@pytest.mark.requirement("REQ-ACS-007")
def test_a_token_opens_for_its_site_until_it_is_revoked_and_its_secret_is_kept_nowhere(world: World) -> None:
    now = timezone.now()
    token, secret = connecting.issue_token(site=world.north, label="archive", actor=world.administrator, at=now)

    found = selectors.site_token(secret)
    assert found == token
    assert found.site == world.north
    assert selectors.site_token(secret + "x") is None
    stored = serializers.serialize("json", [*SiteToken.objects.all(), *AuditEvent.objects.all()])
    assert secret not in stored
    # Its digest is in its row, and not in the trail.
    digest = hashlib.sha256(secret.encode()).hexdigest()
    assert digest not in json.dumps(list(AuditEvent.objects.values_list("after", flat=True)))

    connecting.revoke_token(token=token, reason="gone", actor=world.administrator, at=now)
    assert selectors.site_token(secret) is None


@pytest.mark.requirement("REQ-ACS-007")
def test_a_token_is_taken_back_after_the_lock_and_none_is_issued(world: World, request: pytest.FixtureRequest) -> None:
    token, _ = connecting.issue_token(site=world.north, label="PACS", actor=world.administrator, at=AT)
    request.getfixturevalue("locked")
    world.north.refresh_from_db()

    with pytest.raises(audit.RecordFrozen):
        connecting.issue_token(site=world.north, label="Another", actor=world.administrator, at=AT)
    client = Client()
    client.force_login(world.administrator)
    assert f"revoke-{token.pk}" in client.get(f"/trials/sites/{world.north.pk}/connections/").content.decode()
    client.post(f"/trials/tokens/{token.pk}/revoke/", {"reason": "Stolen"})

    token.refresh_from_db()
    assert token.revoked_at is not None


@pytest.mark.requirement("REQ-ACS-007")
def test_a_token_opens_nothing_from_its_end_on(world: World) -> None:
    named = {"site": world.north, "actor": world.administrator, "days": 30}
    ends = timezone.now() + dt.timedelta(minutes=5)
    _, standing = connecting.issue_token(label="new", at=ends - dt.timedelta(days=30), **named)
    _, over = connecting.issue_token(label="old", at=ends - dt.timedelta(days=31), **named)

    assert selectors.site_token(standing) is not None
    assert selectors.site_token(over) is None
    with pytest.raises(ValueError, match="a token lasts"):
        connecting.issue_token(label="for ever", at=AT, **{**named, "days": 36500})


def test_those_who_answer_for_a_token_are_told_once_a_week_before_its_end(world: World) -> None:
    day = dt.timedelta(days=1)
    connecting.issue_token(site=world.north, label="PACS", days=30, actor=world.administrator, at=AT)
    gone, _ = connecting.issue_token(site=world.north, label="gone", days=30, actor=world.administrator, at=AT)
    connecting.revoke_token(token=gone, reason="Replaced", actor=world.administrator, at=AT)

    connecting.tell_of_ends(at=AT + 22 * day)
    assert not Mail.objects.filter(kind=connecting.KIND).exists()
    for days in (23.5, 24, 29):
        connecting.tell_of_ends(at=AT + days * day)

    told = Mail.objects.filter(kind=connecting.KIND)
    assert {mail.to for mail in told} == {world.administrator, world.founder, world.coordinator}
    assert told.count() == 3
    assert all("“PACS”" in mail.body and "1 April 2026" in mail.body for mail in told)


def change(entity: ApplicationEntity, world: World, certificate: str) -> ApplicationEntity:
    return connecting.change_entity(
        entity=entity, active=True, certificate=certificate, host="", port=None, actor=world.administrator, at=AT
    )


def test_a_certificate_is_known_by_the_digest_of_its_der_form(world: World, tmp_path: Path) -> None:
    pem = make_certificate(tmp_path, "north").pem
    entity = change(world.north.application_entities.get(), world, pem)

    assert entity.certificate_sha256 == hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    assert selectors.trusted_certificates() == [pem.strip()]


def test_two_scanners_do_not_share_a_certificate(world: World, tmp_path: Path) -> None:
    pem = make_certificate(tmp_path, "north").pem
    change(world.north.application_entities.get(), world, pem)

    with pytest.raises(connecting.CertificateTaken):
        change(world.south.application_entities.get(), world, pem)


@pytest.mark.parametrize("text", ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "two"])
def test_what_is_not_one_certificate_is_refused(world: World, tmp_path: Path, text: str) -> None:
    if text == "two":
        text = make_certificate(tmp_path, "a").pem + make_certificate(tmp_path, "b").pem

    with pytest.raises(connecting.CertificateInvalid):
        change(world.north.application_entities.get(), world, text)


def test_only_the_administrator_changes_connections(world: World) -> None:
    with pytest.raises(access.AccessDenied):
        connecting.issue_token(site=world.north, label="x", actor=world.coordinator, at=AT)
    with pytest.raises(access.AccessDenied):
        connecting.allow_plain_dicom(site=world.north, allowed=True, reason="x", actor=world.coordinator, at=AT)
