"""Packaging: a locked trial leaves as one endpoint package, the same bytes each time."""

from __future__ import annotations

import datetime as dt

from compliance import access, audit, exporting
from compliance.models import Export, User
from trials import release
from trials.models import Trial
from trials.release import Artefact
from trials.selectors_unlocks import superseding
from trials.services import watching

ENDPOINT_PACKAGE, AUDIT_TRAIL = "endpoint-package", "audit-trail"


def build_package(*, trial: Trial, actor: User, at: dt.datetime) -> Export:
    """Build the endpoint package of a trial whose database is locked.

    The package is kept in the exports store; building it again gives the one there is, as long as its bytes are
    the same.

    Raises
    ------
    compliance.exporting.NotLocked
        The trial's database is not locked; nobody sees an outcome before.
    trials.services.watching.TrailDamaged
        The audit trail is not what was written.
    compliance.access.AccessDenied
    """
    return _build(ENDPOINT_PACKAGE, trial, actor, at)


def build_trail(*, trial: Trial, actor: User, at: dt.datetime) -> Export:
    """Build what leaves of a locked trial's audit trail; it goes with the package, and is none of it.

    Raises
    ------
    compliance.exporting.NotLocked
    trials.services.watching.TrailDamaged
    compliance.access.AccessDenied
    """
    return _build(AUDIT_TRAIL, trial, actor, at)


def _build(kind: str, trial: Trial, actor: User, at: dt.datetime) -> Export:
    fresh = Trial.objects.get(pk=trial.pk)
    access.require(actor, "reading.see_package", fresh)
    release.require(Artefact.PACKAGE, fresh)
    watching.require_whole(fresh)
    return exporting.build(exporting.exporter(kind), fresh, actor=actor, at=at)


def read_released(*, export: Export, actor: User) -> bytes:
    """Return a package's bytes, checked, if they may be shown now; the caller records what for.

    Raises
    ------
    compliance.exporting.NotLocked, compliance.exporting.PackageDamaged, trials.services.watching.TrailDamaged
    compliance.access.AccessDenied
    """
    trial = Trial.objects.get(pk=export.trial_id)
    access.require(actor, "reading.see_package", trial)
    release.require(Artefact.PACKAGE if superseding(export) is None else Artefact.EARLIER, trial)
    watching.require_whole(trial)
    return exporting.read(export)


def open_package(*, export: Export, actor: User, at: dt.datetime) -> bytes:
    """Return a package's bytes for download, checked, and record who took it; one of an earlier lock is kept for ever.

    Raises
    ------
    compliance.exporting.NotLocked
    compliance.exporting.PackageDamaged
        The stored bytes are not those that were built.
    trials.services.watching.TrailDamaged
        The audit trail is not what was written.
    compliance.access.AccessDenied
    """
    data, unlock = read_released(export=export, actor=actor), superseding(export)
    said = exporting.named(export) | ({"superseded": unlock.lock_number} if unlock else {})
    audit.record("package.downloaded", Trial.objects.get(pk=export.trial_id), actor=actor, at=at, after=said)
    return data
