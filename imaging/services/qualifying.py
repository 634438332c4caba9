"""Test uploads of a site's qualification: worked on as a delivery would be, judged by the charter, and thrown away.

They come as test studies (`imaging.services.trying`), from a scanner or through the site's page, so that they lie apart
from all deliveries and can become nobody's data. When one has been silent for a while, each image is de-identified by
the trial's recipe in the child process, and what was measured of it goes to the site's qualification.
"""

from __future__ import annotations

import datetime as dt
import tempfile
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from compliance import access, confined, jobs, storage
from compliance.errors import HouseError
from compliance.models import User
from imaging.dicom.archives import is_archive
from imaging.models import Transfer
from imaging.quality import check_timepoint, facts_of, match_series
from imaging.services import spool
from imaging.services.archiving import Means
from imaging.services.confining import Held
from imaging.services.deidentifying import means_of
from imaging.services.limits import budget
from imaging.services.spool import Entry, Origin, receive_instance
from imaging.services.unpacking import unpack, unpacked
from imaging.services.uploading import SCRATCH, on_the_disk
from trials.models import Device, Site
from trials.selectors_sites import owes_test_upload
from trials.services.judging import record_upload_test

#: Kind of the job that looks at a test study.
LOOK = "imaging.look_at_test"
#: A test upload that has been silent for so long is whole.
QUIET = dt.timedelta(seconds=20)
#: Nobody is called so; the images are nobody's.
_NOBODY = ("TEST", "TEST")
_DAMAGED = "The file changed on our disk after it was received. Tell those who run the installation."
_BROKEN = "The file cannot be worked on for a reason that nobody foresaw. Tell those who run the installation."


class NoTestAsked(HouseError):
    """No test upload is asked of the site now."""

    code = "no_test_asked"
    status = 409


class NothingTaken(HouseError):
    """Among the files sent as a test upload is no image."""

    code = "nothing_taken"
    status = 422


def take_test_upload(*, site: Site, files: Sequence[UploadedFile], actor: User, at: dt.datetime) -> int:
    """Take images, or a ZIP of them, as a test upload of a site; return how many there are.

    Raises
    ------
    NoTestAsked, NothingTaken
    imaging.services.uploading.NotStored
    """
    access.require(actor, "imaging.upload", site)
    if not owes_test_upload(site, at):
        raise NoTestAsked(f"No test upload is asked of site {site.code} now. Its page “Qualification” says what is.")
    origin = Origin(Transfer.Door.WEB, site.pk, actor.username, uuid.uuid4(), user_id=actor.pk, test=True)
    with on_the_disk():
        taken = sum(_take(file, origin, at) for file in files)
    if not taken:
        raise NothingTaken("Among these files is no DICOM image. Choose the images as they came from the scanner.")
    jobs.enqueue(LOOK, origin.folder, at=at, delay=QUIET, folder=origin.folder)
    return taken


def _take(file: UploadedFile, origin: Origin, at: dt.datetime) -> int:
    spool.require_space(file.size or 0)
    with storage.as_file(file.chunks()) as path:
        with open(path, "rb") as copy:
            zipped = is_archive(copy.read(4))
        if zipped:
            return _take_archive(path, origin, at)
        try:
            confined.call("imaging.dicom.unpacking:prove", str(path))
        except (HouseError, confined.Failed):
            return 0
        with open(path, "rb") as copy:
            receive_instance(copy, origin=origin, at=at)
    return 1


def _take_archive(path: Path, origin: Origin, at: dt.datetime) -> int:
    storage.make_folder(Path(settings.UPLOAD_DIR))
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=settings.UPLOAD_DIR) as name:
        unpack(path, Path(name))
        numbers = unpacked(Path(name))
        for number in numbers:
            with open(Path(name, str(number)), "rb") as copy:
                receive_instance(copy, origin=origin, at=at)
    return len(numbers)


# --- what came ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Came:
    """What became of one image: its scanner and its measures, or why it would be held."""

    device: Device | None = None
    measured: dict[str, Any] | None = None
    held: str = ""


def is_for_qualification(folder: Path, at: dt.datetime) -> bool:
    """Tell whether a test study in the spool is one that its site's qualification waits for."""
    try:
        origin = spool.origin_of(folder)
    except ValueError:
        return False
    site = Site.objects.select_related("trial").filter(pk=origin.site_id).first()
    return site is not None and not site.frozen_by() and owes_test_upload(site, at)


def judge(folder: Path, *, at: dt.datetime) -> bool:
    """Judge a test upload that is whole, and remove its images; tell whether it was time for that.

    It may be killed and repeated: what was measured is kept once for each delivery, and the images stay until then.
    """
    waiting = spool.entries(folder)
    if not waiting or waiting[-1].received_at > at - QUIET:
        return False
    origin = spool.origin_of(folder)
    site = Site.objects.select_related("trial").get(pk=origin.site_id)
    charter = site.trial.charter_in_force
    assert charter is not None
    came = _look_at(waiting, site)
    facts = facts_of([one.measured for one in came if one.measured is not None])
    terms = charter.terms
    found = check_timepoint(facts, terms.series, severities=terms.checks)
    labels = {fact.key: label for label, fact in match_series(facts, terms.series).items()}
    seen = Counter(one.device for one in came if one.device is not None)
    record_upload_test(
        site=site,
        charter=charter,
        delivery=origin.delivery,
        sender=origin.sender,
        images=len(waiting),
        device=seen.most_common(1)[0][0] if seen else None,
        series=[
            {
                "modality": fact.modality,
                "label": labels.get(fact.key, ""),
                "images": fact.n_instances,
                "slice_thickness_mm": fact.slice_thickness_mm,
            }
            for fact in facts
        ],
        findings=_held(came)
        + [
            {
                "code": one.code,
                "severity": str(one.severity),
                "sentence": one.sentence,
                "evidence": dict(one.evidence),
                "label": one.rule_label or "",
            }
            for one in found
        ],
        received_at=waiting[0].received_at,
        at=at,
    )
    for entry in waiting:
        entry.path.unlink(missing_ok=True)
    return True


def _held(came: Sequence[_Came]) -> list[dict[str, Any]]:
    """A finding for each reason for which images would not enter the archive."""
    reasons = Counter(one.held for one in came if one.held)
    return [
        {"code": "held", "severity": "block", "sentence": reason, "evidence": {"images": count}, "label": ""}
        for reason, count in sorted(reasons.items())
    ]


def _look_at(waiting: Sequence[Entry], site: Site) -> list[_Came]:
    try:
        means = means_of(site.trial)
    except Held as held:
        return [_Came(held=held.message)] * len(waiting)
    return [_work_on(entry, means, site) for entry in waiting]


def _work_on(entry: Entry, means: Means, site: Site) -> _Came:
    path, identity = str(entry.path), [means.trial.code, site.code, *_NOBODY]
    # Whether there is a face a whole series tells, and the images are thrown away in any case.
    terms = means.terms | {"faces": "keep"}
    try:
        if not entry.is_whole():
            return _Came(held=_DAMAGED)
        seen = confined.call("imaging.deid.workshop:look", path, means.secret, **budget(entry.size))
        if "held" in seen:
            return _Came(held=seen["sentence"])
        limits = budget(entry.size, reading=means.recipe.reads_pixels)
        result, _ = confined.call(
            "imaging.deid.workshop:deidentify", path, terms, means.secret, identity, (), None, None, **limits
        )
    except HouseError as problem:
        return _Came(held=problem.message)
    except (OSError, confined.Failed):
        return _Came(held=_BROKEN)
    named = Device(seen["modality"], *seen["device"])
    device = named if named.manufacturer or named.model_name else None
    return _Came(device, result.get("facts"), result.get("sentence", ""))
