"""The requirements of docs/requirements: a file for each subject, read as values, refused where one is not whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = "docs/requirements"
#: In the same folder: the tests that must each carry a requirement.
REGULATED = "regulated.yaml"
HARMS = ("patient", "data", "blinding")
_ID = re.compile(r"REQ-[A-Z]{2,3}-\d{3}")
#: From this product of severity and likelihood on a risk is high, or medium.
_HIGH, _MEDIUM = 9, 6


class NotARequirement(ValueError):
    """An entry of docs/requirements is not whole; the sentence says which."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What the software must do, from which clause it comes, and what happens where it does not.

    Attributes
    ----------
    harms
        Whom or what a failure would harm most: a patient (identity, safety), the data, or the blinding.
    severity, likelihood
        1 to 4: of the harm, and of the failure if the control were not there.
    control
        How the software keeps it.
    """

    id: str
    subject: str
    text: str
    source: tuple[str, ...]
    harms: str
    severity: int
    likelihood: int
    control: str

    @property
    def risk(self) -> int:
        """Severity times likelihood, without the control."""
        return self.severity * self.likelihood

    @property
    def rank(self) -> str:
        """The risk in a word."""
        return "high" if self.risk >= _HIGH else "medium" if self.risk >= _MEDIUM else "low"


@dataclass(frozen=True, slots=True)
class Subject:
    """One file: what it is about, and its requirements in order."""

    title: str
    about: str
    requirements: tuple[Requirement, ...]


def subjects(root: Path) -> tuple[Subject, ...]:
    """Return all subjects below this root of the project, by the names of their files.

    Raises
    ------
    NotARequirement
        An entry is not whole, or two have the same identifier.
    """
    found = tuple(_subject(path) for path in sorted((root / FOLDER).glob("*.yaml")) if path.name != REGULATED)
    known: set[str] = set()
    for requirement in each(found):
        if requirement.id in known:
            raise NotARequirement(f"{requirement.id} is given to two requirements.")
        known.add(requirement.id)
    return found


def each(found: tuple[Subject, ...]) -> Iterator[Requirement]:
    """Yield the requirements of these subjects, one after the other."""
    for subject in found:
        yield from subject.requirements


def regulated(root: Path) -> tuple[str, ...]:
    """Return the folders and files of the tests that must each carry a requirement."""
    return tuple(yaml.safe_load((root / FOLDER / REGULATED).read_text("utf-8")))


def _subject(path: Path) -> Subject:
    read = yaml.safe_load(path.read_text("utf-8"))
    try:
        title, about, entries = read["subject"], read["about"], read["requirements"]
    except (KeyError, TypeError) as missing:
        raise NotARequirement(f"{path.name} has no {missing}.") from None
    return Subject(title, about, tuple(_requirement(title, entry, path.name) for entry in entries))


def _requirement(subject: str, entry: dict[str, Any], file: str) -> Requirement:
    try:
        risk = entry["risk"]
        made = Requirement(
            id=entry["id"],
            subject=subject,
            text=entry["text"].strip(),
            source=tuple(entry["source"]),
            harms=risk["harms"],
            severity=risk["severity"],
            likelihood=risk["likelihood"],
            control=entry["control"].strip(),
        )
    except (KeyError, TypeError, AttributeError) as fault:
        raise NotARequirement(f"{file}: {entry.get('id', 'an entry without identifier')} lacks {fault}.") from None
    whole = made.text and made.source and made.control and _ID.fullmatch(made.id) and made.harms in HARMS
    if not whole or not {made.severity, made.likelihood} <= {1, 2, 3, 4}:
        raise NotARequirement(f"{file}: {made.id} is not whole.")
    return made
