"""Gated release: what of a trial leaves to whom, in which state of it, as one table that every door outward asks.

`access` says who may open a page; a page may open and say that there is nothing yet. What is here is about the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from compliance.exporting import NotLocked
from trials.lock_terms import MAY_HAVE
from trials.models import SITE_AWARE, Role, Trial
from trials.states import TrialState


class Artefact(StrEnum):
    """What leaves."""

    STATUS = "status"
    SITE_FIGURES = "site_figures"
    ARCHIVE = "archive"
    AGREEMENT = "agreement"
    TRAIL = "trail"
    OUTCOMES = "outcomes"
    PACKAGE = "package"
    EARLIER = "earlier"
    INTERIM = "interim"
    DRY_RUN = "dry_run"
    IMAGES = "images"


@dataclass(frozen=True, slots=True)
class Release:
    """One row: what it is, who gets it, in which states of the trial, and what else is asked."""

    what: str
    roles: tuple[Role, ...]
    states: tuple[TrialState, ...]
    note: str = ""


_ALWAYS = tuple(TrialState)
_AFTER_LOCK = (TrialState.LOCKED,)
_TAKE_PACKAGES = (Role.SPONSOR, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
#: Whom a charter may name for packages of interim locks.
MAY_HAVE_INTERIM = tuple(Role(named) for named in MAY_HAVE)
TABLE = {
    Artefact.STATUS: Release(
        "Counts: subjects, visits, what was received, cleared and read, queries",
        (Role.SPONSOR, Role.READING_MANAGER, *SITE_AWARE),
        _ALWAYS,
    ),
    Artefact.SITE_FIGURES: Release("Figures of sites and their deliveries", (Role.SPONSOR, *SITE_AWARE), _ALWAYS),
    Artefact.ARCHIVE: Release(
        "De-identified images, page by page and by DICOMweb; that they are there, also by FHIR",
        (Role.QC_ANALYST, Role.SITE_COORDINATOR, Role.AUDITOR),
        _ALWAYS,
        "coordinators: of their own sites; DICOMweb: with a token, where the charter's `external_viewers` has staff",
    ),
    Artefact.AGREEMENT: Release("Agreement of readers", (Role.READING_MANAGER, Role.AUDITOR), _ALWAYS),
    Artefact.TRAIL: Release("Audit trail", (Role.AUDITOR,), _ALWAYS, "extracts of it: while it verifies"),
    Artefact.OUTCOMES: Release(
        "Endpoints and their figures; accepted responses, also by FHIR",
        (Role.READING_MANAGER, *_TAKE_PACKAGES),
        _AFTER_LOCK,
    ),
    Artefact.PACKAGE: Release(
        "Endpoint package: every read, result and table; beside it the audit trail without names",
        _TAKE_PACKAGES,
        _AFTER_LOCK,
        "while the audit trail verifies",
    ),
    Artefact.EARLIER: Release(
        "Endpoint packages of a lock that was taken off, marked superseded; how two packages differ",
        _TAKE_PACKAGES,
        _ALWAYS,
        "while the audit trail verifies; none is there before a first lock",
    ),
    Artefact.INTERIM: Release(
        "Package of an interim lock: reads and results of its subjects up to its cut-off",
        MAY_HAVE_INTERIM,
        _ALWAYS,
        "those alone whom the charter names (`locking.interim_package_to`), by default nobody; while the interim lock "
        "stands and the audit trail verifies",
    ),
    Artefact.DRY_RUN: Release(
        "Dry run of the endpoint package: its files with results that are made up",
        (Role.READING_MANAGER, *_TAKE_PACKAGES),
        _ALWAYS,
        "once the charter is signed; nothing of the trial's data is in it",
    ),
    Artefact.IMAGES: Release(
        "Packages of images, with the accepted reads",
        _TAKE_PACKAGES,
        _AFTER_LOCK,
        "while the audit trail verifies; not of subjects whose consent was withdrawn",
    ),
}


def roles_of(artefact: Artefact) -> tuple[Role, ...]:
    """Return the roles that ever get something."""
    return TABLE[artefact].roles


def states_of(artefact: Artefact) -> tuple[TrialState, ...]:
    """Return the states of a trial in which something leaves."""
    return TABLE[artefact].states


def roles_of_interim(trial: Trial) -> tuple[Role, ...]:
    """Return the roles that the charter in force lets have packages of interim locks."""
    charter = trial.charter_in_force
    named = charter.terms.locking.interim_package_to if charter is not None else ()
    return tuple(role for role in MAY_HAVE_INTERIM if role in named)


def is_released(artefact: Artefact, trial: Trial) -> bool:
    """Whether the state of the trial lets something out, to those who get it at all."""
    return trial.state in states_of(artefact)


def require(artefact: Artefact, trial: Trial) -> None:
    """Refuse to hand something out before its time.

    Raises
    ------
    compliance.exporting.NotLocked
    """
    if not is_released(artefact, trial):
        raise NotLocked(
            f"Nothing was handed out of trial {trial.code}, because its database is not locked. "
            "Lock the trial first; until then nobody sees an outcome."
        )


def as_markdown() -> Iterator[str]:
    """Yield the table as its page of the documentation shows it."""
    yield "| what | who | when | what else |"
    yield "| --- | --- | --- | --- |"
    for one in TABLE.values():
        who = ", ".join(role.label for role in one.roles)
        when = "always" if one.states == _ALWAYS else "after the lock"
        yield f"| {one.what} | {who} | {when} | {one.note} |"
