"""The command's door: files, folders, discs and ZIPs of the operator's machine go to the spool, each content once.

Each file is looked up by its content, its header is proven in a child process, and what is whole goes to the spool as
through any door. The command may be killed and repeated anywhere: what was acknowledged is known by its bytes, so
only the rest is taken.
"""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from django.db import transaction

from compliance import access, audit, confined, storage
from compliance.errors import HouseError
from compliance.faults import fault
from compliance.models import User
from imaging.dicom.archives import is_archive
from imaging.dicom.walking import Found, Unforeseen, Unreadable
from imaging.models import Transfer
from imaging.services import receiving, spool, unpacking
from imaging.services.knowing import KnownFiles
from imaging.services.rehearsing import Rehearsal
from imaging.services.staging import NotStored, on_the_disk
from imaging.services.uploading import SCRATCH
from trials.models import Site, Timepoint

_CHUNK = 1 << 20
#: Seconds that the proof of one file may take, and bytes that it must manage in each further one.
_PATIENCE, _BYTES_PER_SECOND = 60, 5_000_000


class Changed(HouseError):
    """The file is being written by somebody else."""

    code = "changed"
    status = 409


class Fate(StrEnum):
    """What became of a file."""

    TAKEN = "taken"
    KNOWN = "known"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file, or of one of a ZIP: `entry` is its number there, 0 the file or ZIP itself.

    `lies_at` is where a known one has its place.
    """

    path: Path
    fate: Fate
    size: int = 0
    entry: int = 0
    code: str = ""
    sentence: str = ""
    lies_at: Timepoint | None = None


class Import:
    """One run of the command for a site: `take` each file that was found, then `finish`.

    With a `rehearsal` nothing is written: each file that would be taken is shown to it instead.
    """

    def __init__(
        self,
        *,
        site: Site,
        timepoint: Timepoint | None,
        operator: str,
        actor: User | None,
        rehearsal: Rehearsal | None = None,
    ) -> None:
        """Begin a run.

        Parameters
        ----------
        operator
            The account of the machine that runs the command, for the record.
        actor
            The person in whose name it runs, if it was said; who must be allowed to upload for the site.

        Raises
        ------
        compliance.access.AccessDenied, compliance.audit.RecordFrozen
        """
        about = timepoint or site
        if actor is not None:
            access.require(actor, "imaging.upload", about)
        if why := about.frozen_by():
            raise audit.RecordFrozen(f"Nothing was imported, because {why}. Ask the trial administrator.")
        self.site, self.timepoint, self.actor = site, timepoint, actor
        self.sender = actor.username if actor else operator[:64]
        self.rehearsal = rehearsal
        #: The delivery of what was taken; none before the first.
        self.transfer: Transfer | None = None
        self.counts: Counter[str] = Counter()
        self._known = KnownFiles(site, timepoint)

    def take(self, found: Found, *, at: dt.datetime) -> Generator[Outcome, None, None]:
        """Take what lies at a path, and yield what became of it, or of each file of a ZIP.

        Raises
        ------
        NotStored
            The disk does not take it. What was taken before is safe; nothing of this file is acknowledged.
        """
        for outcome in self._outcomes(found, at):
            self.counts[outcome.code or outcome.fate] += 1
            yield outcome

    def finish(self, *, at: dt.datetime) -> None:
        """Close the delivery, with a record of what the run amounted to; a run that took nothing leaves none."""
        if self.transfer is None:
            return
        with transaction.atomic():
            receiving.close_transfer(transfer=self.transfer, at=at)
            audit.record(
                "transfer.imported", self.transfer, actor=self.actor, at=at, after=dict(sorted(self.counts.items()))
            )
        fault("import.closed")

    def _outcomes(self, found: Found, at: dt.datetime) -> Generator[Outcome, None, None]:
        try:
            if found.problem:
                raise found.problem
            sha256, head = _digest_of(found.path)
            if is_archive(head):
                yield from self._archive(found, at)
            else:
                yield self._file(found, sha256, at)
        except NotStored:
            raise
        except HouseError as problem:
            yield Outcome(found.path, Fate.REFUSED, found.size, 0, problem.code, problem.message)

    def _file(self, found: Found, sha256: str, at: dt.datetime) -> Outcome:
        here, lies_at = self._known.place_of(sha256)
        if not here:
            _prove(found)
            fault("import.proven")
        if self.rehearsal:
            self.rehearsal.show(found.path)
        elif not here:
            with on_the_disk(), spool.Landing(self._origin(at), at=at) as landing:
                for piece in _pieces(found.path):
                    landing.write(piece)
                if landing.sha256 != sha256:
                    raise Changed("The file changed while it was read. Run the command again when it is whole.")
                landing.commit()
            fault("import.taken")
        self._known.add(sha256)
        return Outcome(found.path, Fate.KNOWN if here else Fate.TAKEN, found.size, lies_at=lies_at)

    def _archive(self, found: Found, at: dt.datetime) -> Generator[Outcome, None, None]:
        """Take the instances of a ZIP, which were proven when they came out of it."""
        with self._scratch(found.size) as folder:
            with _reading():
                refused = unpacking.unpack(found.path, folder)
            for entry, code, sentence in refused:
                yield Outcome(found.path, Fate.REFUSED, 0, entry, code, sentence)
            fault("import.unpacked")
            for entry in unpacking.unpacked(folder):
                yield self._member(found.path, folder / str(entry), entry, at)

    def _member(self, archive: Path, path: Path, entry: int, at: dt.datetime) -> Outcome:
        size, (sha256, _) = path.stat().st_size, _digest_of(path)
        here, lies_at = self._known.place_of(sha256)
        if self.rehearsal:
            self.rehearsal.show(path)
        elif not here:
            with on_the_disk():
                spool.adopt(path, origin=self._origin(at), at=at)
            fault("import.taken")
        self._known.add(sha256)
        return Outcome(archive, Fate.KNOWN if here else Fate.TAKEN, size, entry, lies_at=lies_at)

    @contextmanager
    def _scratch(self, size: int) -> Iterator[Path]:
        """Give a folder on the spool's disk; a rehearsal gets one that is not ours to fill."""
        if self.rehearsal:
            with tempfile.TemporaryDirectory(prefix=SCRATCH) as name:
                yield Path(name)
            return
        with on_the_disk():
            spool.require_space(size)
            storage.make_folder(Path(settings.UPLOAD_DIR))
            folder = tempfile.TemporaryDirectory(prefix=SCRATCH, dir=settings.UPLOAD_DIR)
        with folder as name:
            yield Path(name)

    def _origin(self, at: dt.datetime) -> spool.Origin:
        """Return who sends; the delivery is opened when there is something to take."""
        if self.transfer is None:
            transfer = Transfer(
                site=self.site,
                timepoint=self.timepoint,
                door=Transfer.Door.COMMAND,
                sender=self.sender,
                uploaded_by=self.actor,
                opened_at=at,
            )
            self.transfer = audit.save(transfer, action="transfer.opened", actor=self.actor, at=at)
            fault("import.opened")
        return receiving.origin_of(self.transfer)


def _prove(found: Found) -> None:
    """Read and prove the header of a file in a child process."""
    with _reading():
        seconds = _PATIENCE + found.size / _BYTES_PER_SECOND
        confined.call("imaging.dicom.unpacking:prove", str(found.path), seconds=seconds)


@contextmanager
def _reading() -> Iterator[None]:
    """Tell what the child could not read from a disk that did not take what it unpacked."""
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            with on_the_disk():
                raise
        raise Unreadable(problem) from problem
    except confined.Failed as problem:
        raise Unforeseen from problem


def _digest_of(path: Path) -> tuple[str, bytes]:
    """SHA-256 of a file, and its first bytes."""
    digest, head = hashlib.sha256(), b""
    for piece in _pieces(path):
        head = head or piece[:4]
        digest.update(piece)
    return digest.hexdigest(), head


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            while piece := file.read(_CHUNK):
                yield piece
    except OSError as problem:
        raise Unreadable(problem) from problem
