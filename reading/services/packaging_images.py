"""Packaging images: of a locked trial, de-identified images leave with the accepted reads, of a subject or of all.

Nothing is copied: what is kept is the plan of a ZIP and the few files that lie nowhere else. The images are read from
the archive when somebody takes them, from any place on, so that a download goes on where it broke.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.db import transaction
from django.db.models import Count, QuerySet, Sum

from compliance import access, audit, exporting, jobs, storage
from compliance.errors import HouseError
from compliance.models import Export, User
from compliance.zipping import AT_ONCE, Archive, Member
from imaging.models import Instance
from imaging.services.bundling import IN_ARCHIVE, Beside, bundle
from imaging.states import OriginalState
from trials import release
from trials.models import Subject, Trial
from trials.release import Artefact
from trials.selectors_unlocks import superseding
from trials.services import watching
from trials.states import NOT_ENROLLED, SubjectState

IMAGE_PACKAGE, ACCEPTED_READS = "image-package", "accepted-reads"
BUILD = "reading.build_images"
VERB = "reading.see_images"
SOURCES = (
    *("compliance/exporting.py", "compliance/zipping.py", "imaging/dicom/directories.py"),
    *("imaging/services/bundling.py", "reading/exports", "reading/services/packaging_images.py"),
)


class PackageOutdated(HouseError):
    """What a package of images was built from is not all there any more, or may not be handed on."""

    code = "package_outdated"
    status = 409


class NoImages(HouseError):
    """There is nothing to hand over."""

    code = "no_images"
    status = 409


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a package that are about to be sent: its size, and any part of it."""

    export: Export
    archive: Archive

    def pieces(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from a place up to another."""
        return self.archive.pieces(begin, end)


def subjects_handed_over(trial: Trial) -> QuerySet[Subject]:
    """Subjects whose images may leave: those who took part, and whose consent stands."""
    took_part = trial.subjects.exclude(state__in=(*NOT_ENROLLED, SubjectState.CONSENT_WITHDRAWN))
    return took_part.exclude(state=SubjectState.WITHDRAWN, enrolled_at=None)


def images_handed_over(trial: Trial, subject: Subject | None = None) -> QuerySet[Instance]:
    """Images that may leave, of a subject or of all."""
    subjects = subjects_handed_over(trial)
    if subject is not None:
        subjects = subjects.filter(pk=subject.pk)
    of_these = {"series__imaging_study__timepoint__subject__in": subjects}
    return Instance.objects.filter(trial=trial, stored_state=OriginalState.KEPT, **of_these).order_by()


def images_by_subject(trial: Trial) -> dict[str, dict[str, int]]:
    """Return how many images of how many bytes there are to hand over of each subject, by its code."""
    code = "series__imaging_study__timepoint__subject__code"
    counted = images_handed_over(trial).values(code).annotate(images=Count("pk"), bytes=Sum("size"))
    return {row[code]: {"images": row["images"], "bytes": row["bytes"]} for row in counted}


def ask_for_images(*, trial: Trial, subject: Subject | None, actor: User, at: dt.datetime) -> None:
    """Have the package of a subject, or of all, built by a job.

    Raises
    ------
    NoImages
    compliance.exporting.NotLocked
    compliance.access.AccessDenied
    """
    fresh = Trial.objects.get(pk=trial.pk)
    access.require(actor, VERB, fresh)
    release.require(Artefact.IMAGES, fresh)
    if not images_handed_over(fresh, subject).exists():
        raise NoImages("No package was built: there are no images that may be handed over.")
    subject_id = subject.pk if subject else None
    jobs.enqueue(BUILD, _key(fresh, subject), at=at, trial_id=fresh.pk, subject_id=subject_id, actor_id=actor.pk)


def being_built(trial: Trial) -> dict[str, bool]:
    """Return what jobs wait for or are at, by the subject's code ("" for all), and whether a try has failed."""
    codes = {str(pk): code for pk, code in trial.subjects.values_list("pk", "code")} | {"all": ""}
    asked = jobs.open_under(BUILD, f"{trial.pk}-")
    return {codes[key.rpartition("-")[2]]: failed for key, failed in asked.items()}


def _key(trial: Trial, subject: Subject | None) -> str:
    return f"{trial.pk}-{subject.pk if subject else 'all'}"


def build_images(*, trial: Trial, subject: Subject | None, actor: User, at: dt.datetime) -> Export:
    """Build the package of a subject's images, or of all, and record that it was built; twice gives one.

    Raises
    ------
    NoImages
    compliance.exporting.NotLocked, compliance.exporting.PackageDamaged
    trials.services.watching.TrailDamaged
    compliance.access.AccessDenied
    """
    fresh = Trial.objects.get(pk=trial.pk)
    access.require(actor, VERB, fresh)
    release.require(Artefact.IMAGES, fresh)
    watching.require_whole(fresh)
    held = images_handed_over(fresh, subject)
    count = held.count()
    if not count:
        raise NoImages("No package was built: there are no images that may be handed over.")
    wanted = subjects_handed_over(fresh).filter(pk__in=held.values("series__imaging_study__timepoint__subject"))
    reads = exporting.exporter(ACCEPTED_READS)
    locked = reads.snapshot(fresh)
    statement = {
        "format": {"name": "parallax image package", "version": 1},
        "exporter": IMAGE_PACKAGE,
        "title": "Image package",
        "code": dict(exporting.code_version(SOURCES)),
        "trial": fresh.code,
        "sponsor": fresh.sponsor_name,
        "subject": subject.code if subject else None,
        "left_out": _left_out(fresh, subject),
        **reads.statement(locked),
    }
    beside = _beside(reads.files(locked), {one.code for one in wanted})
    with tempfile.NamedTemporaryFile() as plan, tempfile.NamedTemporaryFile() as made:
        built = bundle(fresh, list(wanted), beside, statement, plan=plan, made=made)
        keys = {
            f"{IMAGE_PACKAGE}/{built.sha256}.{kind}": _flushed(file) for kind, file in (("plan", plan), ("made", made))
        }
        storage.adopt(storage.EXPORTS, keys, through=_pieces)
    name = "-".join([fresh.code, "images", *([subject.code] if subject else []), built.sha256[:12]])
    with transaction.atomic():
        Trial.objects.select_for_update().get(pk=fresh.pk)
        kept = {"kind": IMAGE_PACKAGE, "trial_id": fresh.pk, "sha256": built.sha256}
        export = Export.objects.filter(**kept).order_by("-pk").first()
        repeated = export is not None
        if export is None:
            export = Export.objects.create(
                **kept,
                storage_key=f"{IMAGE_PACKAGE}/{built.sha256}.plan",
                file_name=f"{name}.zip",
                size=built.size,
                manifest=built.manifest,
                created_at=at,
                created_by=actor,
            )
        audit.record(
            "package.built", fresh, actor=actor, at=at, after={**exporting.named(export), "repeated": repeated}
        )
    return export


def _left_out(trial: Trial, subject: Subject | None) -> Mapping[str, Any]:
    """Say what the archive held and does not leave; of cases that train readers nothing is said."""
    mine = trial.subjects.filter(pk=subject.pk) if subject else trial.subjects.all()
    withdrawn = mine.filter(state=SubjectState.CONSENT_WITHDRAWN).values_list("code", flat=True)
    held = Instance.objects.filter(series__imaging_study__timepoint__subject__in=mine.exclude(state__in=NOT_ENROLLED))
    erased = held.exclude(stored_state=OriginalState.KEPT).count()
    return {"consent_withdrawn": sorted(withdrawn), "images_erased": erased}


def _beside(files: Iterable[tuple[str, bytes]], subjects: set[str]) -> Iterator[Beside]:
    for name, data in files:
        code = name.split("/")[2]
        if code in subjects:
            yield Beside(code, data)


def _flushed(file: Any) -> Path:
    file.flush()
    return Path(file.name)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(AT_ONCE), b"")


def open_images(*, export: Export, actor: User) -> Part:
    """Return a package of images for download; what is taken of it, `took_images` records.

    Raises
    ------
    PackageOutdated
        Images were erased since it was built, or consent was withdrawn.
    compliance.exporting.NotLocked
    trials.services.watching.TrailDamaged
    compliance.access.AccessDenied
    """
    trial = Trial.objects.get(pk=export.trial_id)
    access.require(actor, VERB, trial)
    release.require(Artefact.IMAGES, trial)
    watching.require_whole(trial)
    if superseding(export) is not None:
        raise PackageOutdated(
            f"{export.file_name} was not handed out: the lock that it was built of was taken off. Build it again "
            "of the lock that stands."
        )
    if not _stands(export, trial):
        raise PackageOutdated(
            f"{export.file_name} was not handed out: since it was built, images in it were erased or consent was "
            "withdrawn. Build it again."
        )
    made = f"{export.storage_key.removesuffix('.plan')}.made"

    def plan(begin: int, length: int) -> bytes:
        return storage.read(storage.EXPORTS, export.storage_key, begin, length)

    def member(one: Member, begin: int, length: int) -> bytes:
        alias, key = (storage.ARCHIVE, one.key) if one.source == IN_ARCHIVE else (storage.EXPORTS, made)
        return storage.read(alias, key, one.begin + begin, length)

    return Part(export, Archive(plan, member))


def _stands(export: Export, trial: Trial) -> bool:
    """Whether all that was counted may still be handed over; after a lock nothing is added."""
    code = export.manifest["subject"]
    subject = trial.subjects.get(code=code) if code else None
    return images_handed_over(trial, subject).count() == export.manifest["counts"]["images"]


def took_images(*, export: Export, begin: int, end: int, actor: User, at: dt.datetime) -> None:
    """Record who takes which bytes of a package."""
    trial = Trial.objects.get(pk=export.trial_id)
    part = {} if (begin, end) == (0, export.size) else {"from_byte": begin, "to_byte": end}
    audit.record("package.downloaded", trial, actor=actor, at=at, after={**exporting.named(export), **part})
