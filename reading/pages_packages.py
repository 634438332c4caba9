"""What the pages of packages show: what was built, what may be, and who took it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from compliance.models import AuditEvent, Export, User
from reading.services.packaging import AUDIT_TRAIL, ENDPOINT_PACKAGE
from reading.services.packaging_images import IMAGE_PACKAGE, being_built, images_by_subject
from trials import release
from trials.models import Trial
from trials.release import Artefact
from trials.selectors import trials_of

#: Rows of those who took something that a page shows; the audit trail has all.
_TAKEN = 20


def packages_of(trial: Trial) -> QuerySet[Export]:
    """A trial's endpoint packages, the latest first."""
    return _of(trial, ENDPOINT_PACKAGE)


def trail_of(trial: Trial) -> Export | None:
    """The audit trail that goes with a trial's packages, as it was exported last."""
    return _of(trial, AUDIT_TRAIL).first()


def packages_and_trails_seen_by(user: User) -> QuerySet[Export]:
    """Endpoint packages, and audit trails that go with them, that the person may take."""
    return packages_seen_by(user) | _seen_by(user, AUDIT_TRAIL, Artefact.PACKAGE)


def packages_seen_by(user: User) -> QuerySet[Export]:
    """Endpoint packages that the person may take."""
    return _seen_by(user, ENDPOINT_PACKAGE, Artefact.PACKAGE)


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
