"""Bundling: de-identified images of a trial as a file-set with its directory, planned as one ZIP.

Laid out as IHE's Portable Data for Imaging asks (RAD TF-3 §4.47): `DICOM/` with names of up to eight characters,
`DICOMDIR`, `INDEX.HTM` and `README.TXT`. Images stay where they are, in the archive; each is read and compared with the
digest with which it was archived. What else there is, is written into one file beside the plan.
"""

from __future__ import annotations

import csv
import hashlib
import html
import io
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import pydicom
from django.template.loader import render_to_string

from compliance import confined, storage
from compliance.exporting import PackageDamaged, readable, sealed
from compliance.spreadsheets import harmless
from compliance.zipping import AT_ONCE, Member, Writer
from imaging.dicom.directories import Directory, Filed, FileSet, as_filed, filed
from imaging.models import Instance, Series
from imaging.services.limits import budget
from imaging.states import OriginalState
from trials.models import Subject, Trial

#: Where a member's bytes lie: in the archive, or in the file of what was made for this bundle.
IN_ARCHIVE, MADE = 0, 1
#: Files that a child reads at once.
_BATCH = 50
_PROGRAM = "PARALLAX"
_COLUMNS = (
    *("file", "kind", "subject", "timepoint", "study_day", "modality", "series", "series_instance_uid"),
    *("sop_instance_uid", "transfer_syntax_uid", "size", "sha256"),
)
_KINDS = {"SR": "report", "SEG": "segmentation"}


@dataclass(frozen=True, slots=True)
class Beside:
    """A DICOM file that goes along with a subject's images."""

    subject: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle as it was planned: size and SHA-256 of the ZIP, and its manifest."""

    size: int
    sha256: str
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _File:
    """One DICOM file of a bundle, with what is told of it in words."""

    filed: Filed
    kind: str
    timepoint: str
    study_day: int | None
    series: str
    data: bytes = b""

    @property
    def place(self) -> tuple[str, str, str]:
        """Patient, study and series to which it says that it belongs."""
        said = self.filed.said
        return str(said.get("PatientID", "")), str(said.StudyInstanceUID), str(said.SeriesInstanceUID)


def bundle(
    trial: Trial,
    subjects: Sequence[Subject],
    beside: Iterable[Beside],
    statement: Mapping[str, Any],
    *,
    plan: IO[bytes],
    made: IO[bytes],
) -> Bundle:
    """Plan the bundle of some subjects of a trial.

    Parameters
    ----------
    beside
        Further files, in the order of the subjects' codes.
    statement
        What the manifest says of the whole.
    plan, made
        Files that are written: the plan, and what lies nowhere else.

    Raises
    ------
    compliance.exporting.PackageDamaged
        An image does not lie in the archive as it was written.
    """
    with ExitStack() as files:
        writing = _Writing(trial, plan, made, files)
        waiting = _Waiting(beside)
        for subject in sorted(subjects, key=lambda one: one.code):
            writing.subject(subject, waiting.of(subject.code))
        return writing.finish(statement)


class _Waiting:
    """Files beside, of which no more are read than the next subject's first."""

    def __init__(self, beside: Iterable[Beside]) -> None:
        self._beside = iter(beside)
        self._next = next(self._beside, None)

    def of(self, subject: str) -> list[Beside]:
        found = []
        while self._next is not None and self._next.subject <= subject:
            if self._next.subject == subject:
                found.append(self._next)
            self._next = next(self._beside, None)
        return found


class _Writing:
    """A bundle while it is written."""

    def __init__(self, trial: Trial, plan: IO[bytes], made: IO[bytes], files: ExitStack) -> None:
        self.trial, self.zip, self.made = trial, Writer(plan), made
        self.directory_file, self.sums, self.index = (files.enter_context(_temporary()) for _ in range(3))
        about = FileSet(f"{trial.code[:9].replace('-', '_')}_IMAGES", _PROGRAM, uid_of("implementation"))
        self.directory = Directory(self.directory_file, about)
        self.listed = files.enter_context(io.TextIOWrapper(_temporary(), "utf-8", newline="", write_through=True))
        self.table = csv.writer(self.listed)
        self.table.writerow(_COLUMNS)
        self.all_files = hashlib.sha256()
        self.counts: Counter[str] = Counter()
        #: Patient, study and series of the file before, and the number of each in what is above it.
        self.before: tuple[str, ...] = ()
        self.numbers = [0, 0, 0, 0]

    def subject(self, subject: Subject, beside: Sequence[Beside]) -> None:
        """Write a subject: study by study its images, and what goes along with them."""
        self.counts["subjects"] += 1
        read = [pydicom.dcmread(io.BytesIO(one.data)) for one in beside]
        studies = _studies(subject)
        places = {str(one[0].imaging_study.study_instance_uid): one[0].imaging_study for one in studies}
        made = [
            _beside(filed(one), places, str(one.get("SeriesDescription", "")), given.data)
            for one, given in zip(read, beside, strict=True)
        ]
        # Images bear the code that never changes. Where enrolment brought another, what was made later has that one,
        # and belongs to a patient of its own.
        along = [one for one in made if one.place[0] == subject.first_code]
        for study in studies:
            for series in study:
                self._images(subject, series)
            uid = study[0].imaging_study.study_instance_uid
            self._made(subject, [one for one in along if one.place[1] == uid])
        self._made(subject, [one for one in made if one not in along])

    def _images(self, subject: Subject, series: Series) -> None:
        held = sorted(series.instances.filter(stored_state=OriginalState.KEPT), key=_order)
        for start in range(0, len(held), _BATCH):
            with ExitStack() as opened:
                batch = held[start : start + _BATCH]
                paths = [opened.enter_context(storage.on_disk(storage.ARCHIVE, one.archive_key)) for one in batch]
                limits = budget(sum(one.size for one in batch))
                told = confined.call("imaging.dicom.directories:filed_at", [str(path) for path in paths], **limits)
                for instance, path, one in zip(batch, paths, told, strict=True):
                    study = series.imaging_study
                    words = study.timepoint.code, study.study_day, series.label
                    self._image(subject, instance, _File(as_filed(one), "image", *words), path)

    def _image(self, subject: Subject, instance: Instance, file: _File, path: Path) -> None:
        crc32, digest = 0, hashlib.sha256()
        for piece in _pieces(path):
            crc32 = zlib.crc32(piece, crc32)
            digest.update(piece)
        if digest.hexdigest() != instance.sha256:
            raise PackageDamaged(
                f"No package was built: instance {instance.pk} does not lie in the archive as it was written. "
                "Tell who is responsible for the installation."
            )
        name = self._place(file)
        self.zip.add(Member(name, instance.size, crc32, IN_ARCHIVE, instance.archive_key), _pieces(path))
        self._tell(subject, name, file, instance.size, instance.sha256)

    def _made(self, subject: Subject, files: Iterable[_File]) -> None:
        for file in sorted(files, key=lambda one: (*one.place, one.filed.sop_instance_uid)):
            name = self._place(file)
            self._tell(subject, name, file, len(file.data), self._keep(name, file.data))

    def _place(self, file: _File) -> str:
        """Write the records that lead to a file, and return its name."""
        for level, type_ in enumerate(("PATIENT", "STUDY", "SERIES")):
            if self.before[: level + 1] != file.place[: level + 1]:
                self.numbers[level:] = [self.numbers[level] + 1, *[0] * (3 - level)]
                self.directory.enter(level, type_, file.filed.said)
                self.before = file.place[: level + 1]
                self.counts[("patients", "studies", "series")[level]] += 1
        self.numbers[3] += 1
        patient, study, series, number = self.numbers
        place = ("DICOM", f"P{patient:05d}", f"T{study:04d}", f"S{series:05d}", f"I{number:07d}")
        if number == 1:
            self._index_row(file, "/".join(place[:-1]))
        self.directory.file(place, file.filed)
        return "/".join(place)

    def _index_row(self, file: _File, folder: str) -> None:
        said = file.filed.said
        cells = (said.get("PatientID", ""), file.timepoint, said.get("Modality", ""), file.series, file.kind)
        row = "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells)
        self.index.write(f'<tr>{row}<td><a href="{folder}">{folder}</a></td></tr>\n'.encode())

    def _tell(self, subject: Subject, name: str, file: _File, size: int, sha256: str) -> None:
        self.counts[f"{file.kind}s"] += 1
        self.counts["bytes"] += size
        said, one = file.filed.said, file.filed
        words = (name, file.kind, subject.code, file.timepoint, file.study_day, str(said.get("Modality", "")))
        uids = str(said.SeriesInstanceUID), one.sop_instance_uid, one.transfer_syntax_uid
        row = (*words, file.series, *uids, size, sha256)
        self.table.writerow([harmless(value) if isinstance(value, str) else value for value in row])
        line = f"{sha256}  {name}\n".encode()
        self.all_files.update(line)
        self.sums.write(line)

    def _keep(self, name: str, data: bytes) -> str:
        """Add a file that lies nowhere else, and return its SHA-256."""
        self.zip.add(Member(name, len(data), zlib.crc32(data), MADE, "", self.made.tell()), [data])
        self.made.write(data)
        return hashlib.sha256(data).hexdigest()

    def _keep_file(self, name: str, file: IO[bytes]) -> dict[str, Any]:
        """As `_keep`, for a file that may be long."""
        begin, crc32, digest = self.made.tell(), 0, hashlib.sha256()
        file.seek(0)
        while piece := file.read(AT_ONCE):
            crc32 = zlib.crc32(piece, crc32)
            digest.update(piece)
            self.made.write(piece)
        size = self.made.tell() - begin
        file.seek(0)
        self.zip.add(Member(name, size, crc32, MADE, "", begin), iter(lambda: file.read(AT_ONCE), b""))
        return {"name": name, "size": size, "sha256": digest.hexdigest()}

    def finish(self, statement: Mapping[str, Any]) -> Bundle:
        """Write what lies at the root, by name, and return what it all is."""
        self.directory.close(uid_of("file-set", self.all_files.hexdigest()))
        counts = {name: self.counts[name] for name in sorted({*self.counts, "images", "reports", "segmentations"})}
        told = {"trial": self.trial, "counts": counts, "statement": statement}
        root = [self._keep_file("DICOMDIR", self.directory_file), self._keep_file("FILES.CSV", self.listed.buffer)]
        with TemporaryFile() as page:
            self.index.seek(0)
            head, tail = render_to_string("imaging/bundle_index.html", told).split("<!-- rows -->")
            page.write(head.encode())
            page.writelines(iter(lambda: self.index.read(AT_ONCE), b""))
            page.write(tail.encode())
            root.append(self._keep_file("INDEX.HTM", page))
        readme = render_to_string("imaging/bundle_readme.txt", told).encode("ascii", "replace")
        root.append(self._keep_file("README.TXT", io.BytesIO(readme.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))))
        self.sums.writelines(f"{one['sha256']}  {one['name']}\n".encode() for one in root)
        root.append(self._keep_file("SHA256SUM.TXT", self.sums))
        manifest = sealed({**statement, "counts": counts, "files": root})
        self._keep("manifest.json", readable(manifest))
        size, sha256 = self.zip.finish()
        return Bundle(size, sha256, manifest)


def _temporary() -> IO[bytes]:
    return TemporaryFile()


def uid_of(*parts: str) -> str:
    """Return the UID, of one length, that follows from these parts alone (PS3.5 §B.2)."""
    number = int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:16], "big")
    # Between 10^38 and 2^128 all numbers have 39 digits.
    return f"2.25.{10**38 + number % (2**128 - 10**38)}"


def _studies(subject: Subject) -> list[list[Series]]:
    """Series of a subject that hold images, by study, in the order of the schedule."""
    held = Instance.objects.filter(series__imaging_study__timepoint__subject=subject, stored_state=OriginalState.KEPT)
    found = Series.objects.filter(pk__in=held.order_by().values("series"))
    ordered = sorted(found.select_related("imaging_study__timepoint"), key=_series_order)
    return [list(series) for _, series in groupby(ordered, key=lambda one: one.imaging_study_id)]


def _series_order(series: Series) -> tuple[Any, ...]:
    study = series.imaging_study
    number = series.number is None, series.number or 0
    return study.timepoint.order, study.study_instance_uid, *number, series.series_instance_uid


def _order(instance: Instance) -> tuple[Any, ...]:
    position, number = instance.position_mm, instance.number
    return position is None, position or 0.0, number is None, number or 0, instance.sop_instance_uid


def _beside(one: Filed, places: Mapping[str, Any], title: str, data: bytes) -> _File:
    study = places.get(str(one.said.StudyInstanceUID))
    kind = _KINDS.get(str(one.said.Modality), "image")
    timepoint, study_day = (study.timepoint.code, study.study_day) if study else ("", None)
    return _File(one, kind, timepoint, study_day, title, data=data)


def _pieces(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(AT_ONCE):
            yield piece
