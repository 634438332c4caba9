"""Packaging: a locked trial leaves as one endpoint package, the same bytes each time."""

from __future__ import annotations

import datetime as dt

from compliance import access, audit, exporting, jobs
from compliance.models import Export, User
from trials import release
from trials.models import Trial
from trials.release import Artefact
from trials.selectors_unlocks import superseding
from trials.services import watching

ENDPOINT_PACKAGE, AUDIT_TRAIL = "endpoint-package", "audit-trail"
DRY_RUN, TRY_OUT = "endpoint-package-dry-run", "reading.build_dry_run"


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


def ask_for_dry_run(*, trial: Trial, actor: User, at: dt.datetime) -> None:
    """Have a dry run built by a job; of a trial of which there can be none, say so.

    Raises
    ------
    compliance.errors.HouseError
        The charter is not signed, or results by its criteria are not made up yet.
    compliance.access.AccessDenied
    """
    access.require(actor, "reading.see_dry_run", trial)
    exporting.exporter(DRY_RUN).ready(trial)
    jobs.enqueue(TRY_OUT, f"{trial.pk}", at=at, trial_id=trial.pk, actor_id=actor.pk)


def build_dry_run(*, trial: Trial, actor: User, at: dt.datetime) -> Export:
    """Build every file of the endpoint package with results that are made up, of any trial whose charter is signed.

    Raises
    ------
    reading.exports.dummy.NoDryRun
        There is no charter, or results by its criteria are not made up yet.
    compliance.access.AccessDenied
    """
    fresh = Trial.objects.get(pk=trial.pk)
    access.require(actor, "reading.see_dry_run", fresh)
    release.require(Artefact.DRY_RUN, fresh)
    return exporting.build(exporting.exporter(DRY_RUN), fresh, actor=actor, at=at)


def open_dry_run(*, export: Export, actor: User, at: dt.datetime) -> bytes:
    """Return a dry run's bytes for download, checked, and record who took it.

    Raises
    ------
    compliance.exporting.PackageDamaged, compliance.access.AccessDenied
    """
    trial = Trial.objects.get(pk=export.trial_id)
    access.require(actor, "reading.see_dry_run", trial)
    release.require(Artefact.DRY_RUN, trial)
    data = exporting.read(export)
    audit.record("dry_run.downloaded", trial, actor=actor, at=at, after=exporting.named(export))
    return data


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
