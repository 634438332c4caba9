"""An auditor takes a part of a trial's audit trail along, with its proof; that this was done is in the trail."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.template.loader import render_to_string

from compliance import access, audit, checkpoints, extracts, papers, sealing
from compliance.extract_rows import COLUMNS, Row
from compliance.extracts import EXPORTED, About, Extract, Form
from compliance.models import AuditEvent, User
from trials import release
from trials.models import Trial
from trials.release import Artefact
from trials.selectors_trail import Selection, label, people, selected
from trials.services import watching

_PAPER = "trials/print/trail_extract.html"


def export_trail(*, trial: Trial, wanted: Selection, form: Form, actor: User, at: dt.datetime) -> Extract:
    """Make an extract of what is wanted of a trial's trail, up to now; the caller sends it and closes its file.

    Raises
    ------
    compliance.extracts.NothingToExport, compliance.extracts.TooMuchToPrint, compliance.printing.PrintNotPossible
    trials.services.watching.TrailDamaged
        The trail is not what was written: what is signed of it would be false.
    compliance.exporting.NotLocked, compliance.access.AccessDenied, compliance.keys.KeyMissing
    """
    access.require(actor, "trials.audit", trial)
    release.require(Artefact.TRAIL, trial)
    watching.require_whole(trial)
    about = About(
        trial=trial.code,
        chain=trial.pk,
        selection=said_of(trial, wanted),
        by=actor.full_name or actor.username,
        at=at,
    )
    made = extracts.make(selected(trial, wanted), about, form, printed=_printed)
    audit.record(EXPORTED, trial, actor=actor, at=at, after=made.told)
    return made


def said_of(trial: Trial, wanted: Selection) -> dict[str, Any]:
    """Return what is asked for as the extract's statement says it; nothing for the whole trail."""
    said: dict[str, Any] = {}
    if wanted.words:
        said["words"] = wanted.words
    if wanted.first_on:
        said["first_on"] = wanted.first_on.isoformat()
    if wanted.last_on:
        said["last_on"] = wanted.last_on.isoformat()
    if wanted.key:
        said["record"] = {
            "kind": wanted.kind,
            "id": wanted.key,
            "label": label(trial, wanted),
            "with_all_that_belongs_to_it": wanted.whole,
        }
    if wanted.person:
        said["person"] = {"id": wanted.person, "name": people(trial, wanted)[wanted.person]}
    return said


def _printed(said: Mapping[str, Any], rows: Sequence[Row]) -> bytes:
    """Print records below what is signed of them; the paper is sealed by the installation."""
    events = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    told = [{**one, "documents": AuditEvent(before=one["before"], after=one["after"])} for one in events]
    key, at = sealing.newest_key(), dt.datetime.fromisoformat(said["at"])
    digests = said["files"][extracts.DIGESTS]
    context = {
        "said": said,
        "at": at,
        "left_out": said["end"]["sequence"] - said["events"],
        "digests": digests,
        "events": told,
        "key": checkpoints.public_keys()[-1],
        "seal": papers.fingerprint(key),
    }
    return papers.sealed(
        render_to_string(_PAPER, context),
        bytes.fromhex(digests)[:16],
        key,
        reason="Extract of the audit trail",
        at=at,
    )
