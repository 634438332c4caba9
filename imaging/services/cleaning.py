"""De-identifying whatever lies in a folder into another one, with nothing but the two folders, a recipe and a key.

Each file is looked at, then each is cleaned of all that any file says of its person, and written once: to a temporary
name, synced, renamed. What cannot be cleaned is not written. Foreign bytes are read in child processes, several at a
time, and one that ends a child is held alone. A run that was ended anywhere may be repeated: what is there stays.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Any, Self

from compliance import confined, storage
from compliance.errors import HouseError
from compliance.faults import fault
from imaging.deid.keys import SubjectKeys
from imaging.deid.naming import SUFFIX, Names
from imaging.deid.people import Signs, people_of, pseudonym
from imaging.deid.recipe import Recipe
from imaging.dicom.archives import is_junk
from imaging.dicom.headers import MediaDirectory
from imaging.dicom.walking import Found, Unforeseen, Unreadable, is_beside
from imaging.services.facing import look_for_face, read_files
from imaging.services.limits import budget

#: A file that is not whole yet; none is left after a run that ended by itself, or after the next one.
PARTIAL = ".part"


class OtherOutput(HouseError):
    """Other bytes lie under the name of an output; nothing is overwritten."""

    code = "other_output"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            "Another output lies under its name already, made by another recipe or release, or of other files of "
            "the person. It was left as it is. Choose an empty folder."
        )


class Busy(HouseError):
    """Another run writes into the folder."""

    code = "busy"
    status = 409


class Stopped(HouseError):
    """The disk does not take any more; what was written before is whole."""

    code = "not_stored"
    status = 507


class Fate(StrEnum):
    """What became of a file."""

    CLEANED = "cleaned"
    UNCHANGED = "unchanged"
    HELD = "held"
    PASSED_OVER = "passed_over"


@dataclass(frozen=True, slots=True)
class Means:
    """By what a folder is de-identified.

    Attributes
    ----------
    terms
        What the recipe was made of; see `Recipe.parse`.
    secret
        The key of the run, at least 16 bytes.
    protocol
        Written as the clinical trial's protocol.
    """

    terms: Mapping[str, Any]
    recipe: Recipe
    secret: bytes
    protocol: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file.

    Attributes
    ----------
    original
        Its path below the folder that was named. It may say who somebody is.
    path
        Its new path, also where nothing was written.
    subject
        The person's pseudonym; empty where the file says nothing of a person.
    there
        The same output was there already.
    reason, sentence
        Why it was held or passed over.
    sha256, output_sha256
        Of the original, empty if it was never read, and of the output.
    """

    original: PurePath
    path: str
    fate: Fate
    subject: str = ""
    there: bool = False
    reason: str = ""
    sentence: str = ""
    sha256: str = ""
    output_sha256: str = ""
    actions: Sequence[Sequence[str | int]] = ()
    counters: Mapping[str, int] = field(default_factory=dict)


class Target:
    """The folder that outputs go to; one run at a time writes there, and nothing in it is ever overwritten."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    @contextmanager
    def opened(cls, folder: Path) -> Iterator[Self]:
        """Make the folder if it is not there, keep other runs away, and clear away what an ended one left.

        Raises
        ------
        Busy
            Another run writes there.
        """
        storage.make_folder(folder)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy("Another run writes into the folder for the output. Wait for its end.") from None
            except OSError:
                pass  # a file system without locks: nobody can be kept away
            for left in folder.rglob(f".*{SUFFIX}{PARTIAL}"):
                left.unlink()
            yield cls(folder)
        finally:
            os.close(handle)

    def write(self, path: str, content: bytes) -> bool:
        """Write an output under its name, durably; tell whether the same one was there already.

        Raises
        ------
        OtherOutput
        """
        final = self._folder / path
        if final.exists():
            if final.stat().st_size != len(content) or final.read_bytes() != content:
                raise OtherOutput
            return True
        storage.make_folder(final.parent)
        partial = final.with_name(f".{secrets.token_hex(4)}{SUFFIX}{PARTIAL}")
        try:
            with open(partial, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fault("cleaned.partial")
            os.rename(partial, final)
        finally:
            partial.unlink(missing_ok=True)
        storage.sync_directory(final.parent)
        fault("cleaned.written")
        return False


@dataclass(frozen=True, slots=True)
class _Task:
    """A file with what the first look at it gave."""

    found: Found
    original: PurePath
    seen: Mapping[str, Any]


class Cleaning:
    """One run over the files that were found: `survey` all of them, then `clean` all of them.

    Both go through the files in their order, and may be left at any time.
    """

    def __init__(
        self, files: Sequence[Found], *, top: Path, means: Means, workers: int, only_dicom: bool = False
    ) -> None:
        """Begin a run.

        Parameters
        ----------
        files
            From `find_files(..., everything=True)`.
        top
            The folder that was named, or that of the file that was.
        workers
            Files that are worked on at a time.
        only_dicom
            Pass over what is no DICOM, which is held otherwise.
        """
        self._files, self._top, self._means = files, Path(os.path.abspath(top)), means
        self._workers, self._only_dicom = workers, only_dicom
        self._names = Names(means.secret)
        self._tasks: list[_Task] = []

    def survey(self) -> Generator[Found, None, None]:
        """Look at each file; yield it when that is done."""
        self._tasks = []
        alike: dict[tuple[str, ...], tuple[str, ...]] = {}  # files of a scan say the same
        with closing(confined.each(self._look, self._files, workers=self._workers)) as seen:
            for found, facts in zip(self._files, seen, strict=True):
                if names := tuple(facts.get("names", ())):
                    facts["names"] = alike.setdefault(names, names)
                self._tasks.append(_Task(found, found.path.relative_to(self._top), facts))
                yield found

    def clean(self, target: Target | None) -> Generator[Outcome, None, None]:
        """Clean each file and write it; yield what became of it. Without a target nothing is written.

        Raises
        ------
        Stopped
            The disk does not take any more.
        """
        subjects, known = self._people()
        faces = self._faces()

        def work(number: int) -> Outcome:
            task = self._tasks[number]
            looked = faces.get(task.seen.get("series", ""))
            return self._one(task, subjects[number], known[subjects[number]], looked, target)

        with closing(confined.each(work, range(len(self._tasks)), workers=self._workers)) as outcomes:
            yield from outcomes

    def _look(self, found: Found) -> dict[str, Any]:
        try:
            if found.problem:
                raise found.problem
            name = found.path.relative_to(self._top).as_posix()
            if is_beside(name):
                return {"held": "leavings" if is_junk(name) else MediaDirectory.code}
            seen: dict[str, Any] = self._ask("survey", found)
        except HouseError as problem:
            return {"held": problem.code, "sentence": problem.message}
        return seen

    def _ask(self, step: str, found: Found, *arguments: Any) -> Any:
        means = self._means
        question = (f"imaging.deid.survey:{step}", str(found.path), means.terms, means.secret)
        try:
            reading = step != "survey" and means.recipe.reads_pixels
            return confined.call(*question, *arguments, **budget(found.size, reading=reading))
        except confined.Failed as problem:
            raise Unforeseen from problem
        except OSError as problem:
            raise Unreadable(problem) from problem

    def _people(self) -> tuple[list[str], Mapping[str, Sequence[str]]]:
        """Each file's subject, and by subject what all files say of the person."""
        keys = SubjectKeys(self._means.secret, "-")
        signed = [number for number, task in enumerate(self._tasks) if "signs" in task.seen]
        people = people_of([Signs(*self._tasks[number].seen["signs"]) for number in signed])
        subjects = [task.seen["own"][2] if "own" in task.seen else "" for task in self._tasks]
        names: dict[str, set[str]] = defaultdict(set)
        for number, person in zip(signed, people, strict=True):
            subjects[number] = pseudonym(person, keys)
            names[subjects[number]].update(self._tasks[number].seen["names"])
        return subjects, defaultdict(list, {subject: sorted(known) for subject, known in names.items()})

    def _faces(self) -> dict[str, Mapping[str, Any]]:
        """What looking for a face in each series gave, where the recipe masks faces."""
        series: dict[str, list[Found]] = defaultdict(list)
        for task in self._tasks:
            if "series" in task.seen:
                series[task.seen["series"]].append(task.found)

        def look(files: Sequence[Found]) -> Mapping[str, Any]:
            return look_for_face(read_files((nullcontext(found.path), found.size) for found in files))

        with closing(confined.each(look, series.values(), workers=self._workers)) as looked:
            return dict(zip(series, looked, strict=True))

    def _one(
        self,
        task: _Task,
        subject: str,
        known: Sequence[str],
        looked: Mapping[str, Any] | None,
        target: Target | None,
    ) -> Outcome:
        path = self._names.of(task.original)
        about = {"original": task.original, "path": path, "subject": subject, "sha256": task.seen.get("sha256", "")}
        if "held" in task.seen:
            return self._kept_out(about, task.seen["held"], task.seen.get("sentence", ""))
        identity = task.seen.get("own") or [self._means.protocol, "", subject, ""]
        try:
            facts, output = self._ask("clean", task.found, identity, known, looked)
            if "held" in facts:
                return self._kept_out(about, facts["held"], facts["sentence"])
            about["path"] = path + SUFFIX
            there = target.write(about["path"], output) if target else False
        except OtherOutput as problem:
            return self._kept_out(about, problem.code, problem.message)
        except (confined.NotRead, Unforeseen, Unreadable) as problem:
            return self._kept_out(about, problem.code, problem.message)
        except OSError as problem:
            raise Stopped(
                f"The disk did not take an output ({os.strerror(problem.errno or 0)}). Make room, or choose another."
            ) from problem
        return Outcome(
            **about,
            fate=Fate.UNCHANGED if "unchanged" in facts["counters"] else Fate.CLEANED,
            there=there,
            output_sha256=hashlib.sha256(output).hexdigest(),
            actions=facts["actions"],
            counters=facts["counters"],
        )

    def _kept_out(self, about: dict[str, Any], reason: str, sentence: str) -> Outcome:
        beside = reason in ("leavings", MediaDirectory.code) or (self._only_dicom and reason == "not_dicom")
        return Outcome(**about, fate=Fate.PASSED_OVER if beside else Fate.HELD, reason=reason, sentence=sentence)
