"""How a site's scanners and programs may connect: AE titles, certificates, tokens, and whether without encryption."""

from __future__ import annotations

import datetime as dt
import hashlib
import ssl

from compliance import access, audit, tokens
from compliance.errors import HouseError
from compliance.models import User
from trials.models import ApplicationEntity, Site, SiteToken


class CertificateInvalid(HouseError):
    """What was given is not one certificate in PEM form."""

    code = "certificate_invalid"
    status = 422


class CertificateTaken(HouseError):
    """Another scanner or archive has this certificate."""

    code = "certificate_taken"
    status = 409


def allow_plain_dicom(*, site: Site, allowed: bool, reason: str, actor: User, at: dt.datetime) -> Site:
    """Let a site send by DICOM without encryption, or no longer."""
    access.require(actor, "trials.administer", site)
    site.plain_dicom = allowed
    action = "site.plain_dicom_allowed" if allowed else "site.plain_dicom_refused"
    return audit.save(site, action=action, actor=actor, at=at, reason=reason)


def change_entity(
    *,
    entity: ApplicationEntity,
    active: bool,
    certificate: str,
    host: str,
    port: int | None,
    actor: User,
    at: dt.datetime,
) -> ApplicationEntity:
    """Set whether a scanner or archive may call, with which certificate, and where it listens for answers.

    Raises
    ------
    CertificateInvalid, CertificateTaken
    """
    access.require(actor, "trials.administer", entity)
    fingerprint = fingerprint_of(certificate) if certificate.strip() else ""
    others = ApplicationEntity.objects.exclude(pk=entity.pk)
    if fingerprint and others.filter(certificate_sha256=fingerprint).exists():
        raise CertificateTaken(
            "Another AE title has this certificate already. Each scanner or archive calls with one of its own."
        )
    entity.active, entity.host, entity.port = active, host.strip(), port
    entity.certificate, entity.certificate_sha256 = certificate.strip(), fingerprint
    return audit.save(entity, action="applicationentity.changed", actor=actor, at=at)


def fingerprint_of(certificate: str) -> str:
    """Return the SHA-256 of a certificate's DER form, in hexadecimal.

    Raises
    ------
    CertificateInvalid
    """
    try:
        der = ssl.PEM_cert_to_DER_cert(certificate.strip() + "\n")
        store = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        store.load_verify_locations(cadata=certificate)
        if store.cert_store_stats()["x509"] != 1:
            raise ValueError("not one certificate")
    except (ValueError, ssl.SSLError) as problem:
        raise CertificateInvalid(
            "This is not one certificate in PEM form. Paste the text from “-----BEGIN CERTIFICATE-----” to "
            "“-----END CERTIFICATE-----”, of the scanner's own certificate alone."
        ) from problem
    return hashlib.sha256(der).hexdigest()


def issue_token(*, site: Site, label: str, actor: User, at: dt.datetime) -> tuple[SiteToken, str]:
    """Give a site a token for the DICOMweb door; return it with its secret, which is kept nowhere."""
    access.require(actor, "trials.administer", site)
    secret = tokens.new_secret()
    digest = tokens.digest_of(secret)
    token = SiteToken(site=site, label=label, token_sha256=digest, created_by=actor, created_at=at)
    return audit.save(token, action="sitetoken.issued", actor=actor, at=at), secret


def revoke_token(*, token: SiteToken, reason: str, actor: User, at: dt.datetime) -> SiteToken:
    """End a token; what came with it stays."""
    access.require(actor, "trials.administer", token)
    if token.revoked_at is None:
        token.revoked_at = at
        audit.save(token, action="sitetoken.revoked", actor=actor, at=at, reason=reason)
    return token
