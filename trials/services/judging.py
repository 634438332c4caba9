"""Test uploads: what was measured of one is kept, and an analyst accepts or refuses it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from compliance import audit
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import ReasonRequired, advance
from trials.models import Device, ImagingCharter, Site, UploadTest
from trials.selectors_sites import in_use
from trials.services import noticing, telling


def record_upload_test(
    *,
    site: Site,
    charter: ImagingCharter,
    delivery: uuid.UUID,
    sender: str,
    images: int,
    device: Device | None,
    series: Sequence[dict[str, Any]],
    findings: Sequence[dict[str, Any]],
    received_at: dt.datetime,
    at: dt.datetime,
) -> UploadTest:
    """Keep what was measured of a test upload and what the charter's checks say of it; once for each delivery.

    Parameters
    ----------
    device
        The scanner that its headers name.
    series
        A row per series: what fits a page, no text of a header.
    findings
        As `imaging.quality` gives them: code, severity, sentence, evidence and the series' label.
    """
    with transaction.atomic():
        Site.objects.select_for_update().get(pk=site.pk)
        known = UploadTest.objects.filter(delivery=delivery).first()
        if known is not None:
            return known
        scanner = noticing.scanner_of(device, in_use(site)) if device else None
        test = UploadTest(
            site=site,
            charter=charter,
            scanner=scanner,
            delivery=delivery,
            sender=sender,
            received_at=received_at,
            images=images,
            device=noticing.as_kept(device, scanner)._asdict() if device else {},
            series=list(series),
            findings=list(findings),
        )
        audit.save(test, action="uploadtest.judged", actor=None, at=at)
        telling.upload_to_judge(test, at=at)
    return test


def accept_upload_test(
    *, test: UploadTest, signature: Intent, actor: User, at: dt.datetime, reason: str = ""
) -> UploadTest:
    """Accept a test upload by signature; what waited for it is settled.

    Raises
    ------
    compliance.transitions.ReasonRequired
        A finding would block a timepoint, and nothing is said of why it does not matter here.
    """
    if test.blocking and not reason.strip():
        raise ReasonRequired("Some findings would block a timepoint. Say why the test upload is good enough.")
    with transaction.atomic():
        advance(test, "accept", actor=actor, at=at, reason=reason, signature=signature, decided_at=at)
        noticing.settle_by_test(site=test.site, scanner=test.scanner, device=test.seen, actor=actor, at=at)
    return test


def refuse_upload_test(*, test: UploadTest, reason: str, actor: User, at: dt.datetime) -> UploadTest:
    """Refuse a test upload with a reason, which the site is shown; it sends another."""
    with transaction.atomic():
        advance(test, "refuse", actor=actor, at=at, reason=reason, decided_at=at)
        telling.upload_refused(test, at=at)
    return test
