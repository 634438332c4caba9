"""A record of a qualification: checks with what was expected and found, as JSON and as a PDF that is sealed."""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from compliance import audit, keys, papers, printing
from compliance.exporting import code_version, readable
from compliance.models import User

#: What an installation runs.
CODE = ("compliance", "config", "imaging", "manage.py", "reading", "scripts", "templates", "trials", "pyproject.toml")


class Outcome(enum.StrEnum):
    """How a check came out."""

    PASS = "pass"  # noqa: S105 - an outcome
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"

    @property
    def chip(self) -> str:
        """The word's short form."""
        return "na" if self is Outcome.NOT_APPLICABLE else self.value


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; values of a subject's header and secrets never stand in it."""

    section: str
    title: str
    expected: str
    actual: str
    outcome: Outcome
    requirements: tuple[str, ...] = ()
    number: int = 0


@dataclass(frozen=True)
class Record:
    """A run of checks on one installation, by one person."""

    kind: str
    title: str
    about: str
    by: str
    began: dt.datetime
    ended: dt.datetime
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    release: dict[str, str] = field(default_factory=lambda: dict(code_version(CODE)))

    @property
    def address(self) -> str:
        """Where people reach the installation."""
        return settings.PUBLIC_URL

    @property
    def machine(self) -> str:
        """The machine that the checks ran on."""
        return f"{platform.node()} ({platform.system()} {platform.machine()}, Python {platform.python_version()})"

    @property
    def failed(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if check.outcome is Outcome.FAIL]

    @property
    def verdict(self) -> str:
        """The outcome of all of it in a sentence."""
        return f"{len(self.failed)} of {len(self.checks)} checks failed." if self.failed else "No check failed."

    @property
    def counts(self) -> str:
        """How many checks came out how."""
        said = [f"{sum(check.outcome is outcome for check in self.checks)} {outcome}" for outcome in Outcome]
        return f"{', '.join(said)}, in {(self.ended - self.began).total_seconds():.0f} s"

    @property
    def sections(self) -> list[tuple[str, list[Check]]]:
        """The checks by section, in their order."""
        return [(name, list(checks)) for name, checks in groupby(self.checks, key=lambda check: check.section)]

    @property
    def file_name(self) -> str:
        """The name of its files, without an ending."""
        return f"{self.kind.lower()}-{self.began:%Y%m%dT%H%M%S}"

    def content(self) -> dict[str, Any]:
        """Return the record as plain JSON."""
        return {
            "kind": self.kind,
            "release": self.release,
            "installation": self.address,
            "machine": self.machine,
            "by": self.by,
            "began": self.began.isoformat(),
            "ended": self.ended.isoformat(),
            "passed": not self.failed,
            "notes": list(self.notes),
            "checks": [
                {
                    "number": check.number,
                    "section": check.section,
                    "check": check.title,
                    "requirements": list(check.requirements),
                    "expected": check.expected,
                    "found": check.actual,
                    "outcome": str(check.outcome),
                }
                for check in self.checks
            ],
        }


def numbered(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the checks with their numbers, from 1."""
    return tuple(
        Check(check.section, check.title, check.expected, check.actual, check.outcome, check.requirements, number)
        for number, check in enumerate(checks, start=1)
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a record lies, and whether its PDF is sealed or missing."""

    json: Path
    pdf: Path | None
    sha256: str
    seal: str
    why: str = ""


def keep(record: Record, folder: Path) -> Kept:
    """Write a record as JSON and PDF; without Pango the JSON alone, without a key an unsealed PDF that says so."""
    folder.mkdir(parents=True, exist_ok=True)
    data = readable(record.content())
    sha256 = hashlib.sha256(data).hexdigest()
    path = folder / f"{record.file_name}.json"
    path.write_bytes(data)
    key = _key()
    seal = papers.fingerprint(key) if key else ""
    said = {"paper": record.title, "about": record.about, "release": record.release}
    html = render_to_string("validation/record.html", {**said, "record": record, "digest": sha256, "key": seal})
    identifier = bytes.fromhex(sha256)[:16]
    try:
        if key:
            pdf = papers.sealed(html, identifier, key, reason=record.title, at=record.ended)
        else:
            pdf = printing.pdf(html, identifier)
    except printing.PrintNotPossible as problem:
        return Kept(path, None, sha256, "", problem.message)
    printed = path.with_suffix(".pdf")
    printed.write_bytes(pdf)
    return Kept(path, printed, sha256, seal)


def note(record: Record, kept: Kept, *, actor: User, at: dt.datetime) -> None:
    """Put into the audit trail that a qualification was run, by whom, and how it came out."""
    outcome = {
        "passed": not record.failed,
        "checks": len(record.checks),
        "failed": [check.title for check in record.failed],
        "sha256": kept.sha256,
        "release": record.release["version"],
        "code_sha256": record.release["sources_sha256"],
    }
    audit.record(f"installation.{record.kind.lower()}", actor, actor=actor, at=at, after=outcome)


def plain_words(text: str) -> str:
    """Return a sentence without the ends of lines that a message may have."""
    return re.sub(r"\s+", " ", text).strip()


def _key() -> keys.AuditKey | None:
    try:
        return known[-1] if (known := keys.of_audit()) else None
    except keys.KeyMissing:
        return None
