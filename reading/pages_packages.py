"""What the pages of packages show: what was built, what may be, and who took it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from compliance import jobs
from compliance.models import AuditEvent, Export, User
from reading.services.packaging import AUDIT_TRAIL, DRY_RUN, ENDPOINT_PACKAGE, TRY_OUT
from reading.services.packaging_images import IMAGE_PACKAGE, being_built, images_by_subject
from trials import release
from trials.models import Trial, Unlock
from trials.release import Artefact
from trials.selectors import trials_of
from trials.selectors_unlocks import superseding

#: Rows of those who took something that a page shows; the audit trail has all.
_TAKEN = 20


def packages_of(trial: Trial) -> list[Export]:
    """The endpoint packages of the lock that a trial has, the latest first."""
    return [one for one in _of(trial, ENDPOINT_PACKAGE) if superseding(one) is None]


def trail_of(trial: Trial) -> Export | None:
    """The audit trail that goes with the packages of the lock that a trial has, as it was exported last."""
    return next((one for one in _of(trial, AUDIT_TRAIL) if superseding(one) is None), None)


@dataclass(frozen=True, slots=True)
class OfLock:
    """What was built of a lock; `unlock` took it off, None: it stands."""

    number: int
    export: Export
    unlock: Unlock | None

    @property
    def is_superseded(self) -> bool:
        """Whether another lock has its place, or will have."""
        return self.unlock is not None


def earlier_of(trial: Trial) -> list[OfLock]:
    """Packages and audit trails of locks that were taken off, the latest lock first."""
    found = [*_of(trial, ENDPOINT_PACKAGE), *_of(trial, AUDIT_TRAIL)]
    known = [OfLock(unlock.lock_number, one, unlock) for one in found if (unlock := superseding(one)) is not None]
    return sorted(known, key=lambda one: -one.number)


def by_lock(trial: Trial) -> list[OfLock]:
    """The endpoint package of each lock, the first lock first; of several the one that was built last."""
    found = {}
    for export in _of(trial, ENDPOINT_PACKAGE).order_by("pk"):
        number = export.manifest["lock"].get("number", 1)
        found[number] = OfLock(number, export, superseding(export))
    return [found[number] for number in sorted(found)]


def two_of(packages: Sequence[OfLock], earlier: str, later: str) -> tuple[OfLock, OfLock] | None:
    """The two packages that are asked for by number of the lock, else the last two; None where there are none such."""
    if not (earlier or later):
        return (packages[-2], packages[-1]) if len(packages) > 1 else None
    known = {str(one.number): one for one in packages}
    return (known[earlier], known[later]) if earlier in known and later in known and earlier != later else None


def packages_and_trails_seen_by(user: User) -> QuerySet[Export]:
    """Endpoint packages, and audit trails that go with them, that the person may take."""
    return packages_seen_by(user) | _seen_by(user, AUDIT_TRAIL, Artefact.PACKAGE)


def packages_seen_by(user: User) -> QuerySet[Export]:
    """Endpoint packages that the person may take."""
    return _seen_by(user, ENDPOINT_PACKAGE, Artefact.PACKAGE)


def dry_runs_seen_by(user: User) -> QuerySet[Export]:
    """Dry runs of packages that the person may take."""
    return _seen_by(user, DRY_RUN, Artefact.DRY_RUN)


def dry_runs_of(trial: Trial) -> list[Export]:
    """Dry runs of a trial's package, the latest first."""
    return list(_of(trial, DRY_RUN))


def dry_run_waits(trial: Trial) -> bool:
    """Whether a dry run is being built."""
    return f"{trial.pk}" in jobs.open_under(TRY_OUT, f"{trial.pk}")


def image_packages_seen_by(user: User) -> QuerySet[Export]:
    """Packages of images that the person may take."""
    return _seen_by(user, IMAGE_PACKAGE, Artefact.IMAGES)


def _of(trial: Trial, kind: str) -> QuerySet[Export]:
    return Export.objects.filter(kind=kind, trial_id=trial.pk).select_related("created_by").order_by("-pk")


def _seen_by(user: User, kind: str, artefact: Artefact) -> QuerySet[Export]:
    trials = trials_of(user, *release.roles_of(artefact))
    return Export.objects.filter(kind=kind, trial_id__in=trials.values("pk")).select_related("created_by")


@dataclass(frozen=True, slots=True)
class ImagesRow:
    """Images of one subject, or (no code) of all: how many there are, and their package."""

    code: str
    images: int
    size: int
    export: Export | None
    is_being_built: bool
    has_failed: bool


def image_rows(trial: Trial) -> list[ImagesRow]:
    """Give all subjects together, then each; of what was built the latest."""
    built: dict[str, Export] = {}
    for export in _of(trial, IMAGE_PACKAGE):
        if superseding(export) is None:
            built.setdefault(export.manifest["subject"] or "", export)
    counted, waiting = images_by_subject(trial), being_built(trial)
    if not counted:
        return []
    total = {name: sum(row[name] for row in counted.values()) for name in ("images", "bytes")}
    return [
        ImagesRow(code, row["images"], row["bytes"], built.get(code), code in waiting, waiting.get(code, False))
        for code, row in [("", total), *sorted(counted.items())]
    ]


@dataclass(frozen=True, slots=True)
class Taking:
    """Somebody took a package, or a part of it."""

    event: AuditEvent
    file: str
    sha256: str
    part: str


def taken_of(trial: Trial) -> list[Taking]:
    """Who took packages of a trial, the latest first."""
    events = AuditEvent.objects.filter(trial_id=trial.pk, action="package.downloaded").order_by("-pk")[:_TAKEN]
    return [_taking(event) for event in events]


def _taking(event: AuditEvent) -> Taking:
    said = event.after or {}
    part = f"from byte {said['from_byte']}" if said.get("from_byte") else "in part" if "to_byte" in said else "whole"
    return Taking(event, said.get("file", ""), said.get("sha256", ""), part)
