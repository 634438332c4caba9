"""Packages of interim locks: built when one stands, and handed to those alone whom the charter names."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet

from compliance import access, audit, exporting
from compliance.models import Export, User
from trials import release
from trials.models import Freeze, Trial
from trials.release import Artefact
from trials.selectors import trials_of
from trials.services import watching
from trials.states import FreezeLevel, FreezeState

INTERIM_PACKAGE = "interim-package"


def build_interim(*, freeze: Freeze, actor: User, at: dt.datetime) -> Export:
    """Build the package of an interim lock that stands; whoever builds it is handed nothing by that.

    Raises
    ------
    compliance.exporting.NotLocked, trials.services.watching.TrailDamaged, compliance.access.AccessDenied
    """
    access.require(actor, "trials.freeze", freeze)
    watching.require_whole(freeze.trial)
    return exporting.build(exporting.exporter(INTERIM_PACKAGE), freeze, actor=actor, at=at)


def packages_of_interim(freeze: Freeze) -> list[Export]:
    """Return what was built of an interim lock, the latest first."""
    of_trial = Export.objects.filter(kind=INTERIM_PACKAGE, trial_id=freeze.trial_id).order_by("-pk")
    return [one for one in of_trial.select_related("created_by") if _freeze_of(one) == freeze]


def interim_packages_seen_by(user: User) -> QuerySet[Export]:
    """Packages of interim locks of the trials whose charter lets the person have them."""
    trials = trials_of(user, *release.roles_of(Artefact.INTERIM))
    seen = [trial.pk for trial in trials if access.may(user, "reading.see_interim", trial)]
    return Export.objects.filter(kind=INTERIM_PACKAGE, trial_id__in=seen).select_related("created_by")


def open_interim(*, export: Export, actor: User, at: dt.datetime) -> bytes:
    """Return the bytes of an interim lock's package for download, checked, and record who took it.

    Raises
    ------
    compliance.exporting.NotLocked
        The interim lock was lifted.
    compliance.exporting.PackageDamaged, trials.services.watching.TrailDamaged, compliance.access.AccessDenied
    """
    trial = Trial.objects.get(pk=export.trial_id)
    access.require(actor, "reading.see_interim", trial)
    release.require(Artefact.INTERIM, trial)
    freeze = _freeze_of(export)
    if freeze is None or freeze.state != FreezeState.STANDING:
        raise exporting.NotLocked(
            f"{export.file_name} was not handed out, because its interim lock was lifted. The package is kept."
        )
    watching.require_whole(trial)
    data = exporting.read(export)
    audit.record("interim.downloaded", trial, actor=actor, at=at, after=exporting.named(export))
    return data


def _freeze_of(export: Export) -> Freeze | None:
    """Return the interim lock that a package was built of."""
    number = export.manifest["interim"]["number"]
    of_trial = Freeze.objects.filter(trial_id=export.trial_id, level=FreezeLevel.INTERIM, number=number)
    return of_trial.select_related("trial").first()
