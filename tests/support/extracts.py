"""Extracts of the audit trail, made and verified as people do it, and changed as somebody can who has one."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command
from django.db import connection

from compliance import audit, exporting, signing
from compliance.extracts import Form
from compliance.models import AuditEvent, AuditLink
from tests.factories import AT, World
from tests.support.disarmed import disarm
from trials.models import Role
from trials.selectors_trail import SUBJECT, Selection
from trials.services import extracting

Files = dict[str, bytes]
#: Changes records.
Change = Callable[[list[dict[str, str]]], None]
LATER = AT + dt.timedelta(days=3)


def files_of(data: bytes) -> Files:
    """Return the members of an archive by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: Files) -> bytes:
    """Return an archive whose manifest fits the files: whoever changes one can do as much."""
    manifest = json.loads(files["manifest.json"])
    del manifest["manifest_sha256"]
    for entry in manifest["files"]:
        data = files[entry["name"]]
        entry["size"], entry["sha256"] = len(data), hashlib.sha256(data).hexdigest()
    manifest["manifest_sha256"] = signing.digest(manifest)
    return exporting._zip({**files, "manifest.json": exporting.readable(manifest)})


def rows_of(data: bytes) -> list[dict[str, str]]:
    """Return the records of an extract in CSV."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        return list(csv.DictReader(io.StringIO(files_of(data)["events.csv"].decode("utf-8-sig"), newline="")))
    finally:
        csv.field_size_limit(limit)


def events_of(data: bytes) -> list[dict[str, Any]]:
    """Return the records of an extract in JSON."""
    found: list[dict[str, Any]] = json.loads(files_of(data)["events.json"])
    return found


def said_by(data: bytes) -> dict[str, Any]:
    """Return what the statement of an extract says."""
    found: dict[str, Any] = json.loads(json.loads(files_of(data)["statement.json"])["statement"])
    return found


def changed(data: bytes, change: Change, *, digests: bool) -> bytes:
    """Return an extract in CSV with other records; with `digests` those of the records fit again, unsigned."""
    files, rows = files_of(data), rows_of(data)
    header = list(rows[0])
    change(rows)
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow(header)
    writer.writerows(row.values() for row in rows)
    files["events.csv"] = target.getvalue().encode("utf-8-sig")
    if digests:
        lines = [json.dumps(list(row.values()), ensure_ascii=False, separators=(",", ":")) for row in rows]
        files["digests.txt"] = "".join(f"{hashlib.sha256(line.encode()).hexdigest()}\n" for line in lines).encode()
    return packed(files)


def with_a_paper(data: bytes) -> bytes:
    """Return an extract beside whose events somebody laid a paper, and listed it in the manifest."""
    files = files_of(data) | {"events.pdf": b"%PDF-1.7 of somebody else"}
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = sorted([*manifest["files"], {"name": "events.pdf"}], key=lambda entry: str(entry["name"]))
    return packed({**files, "manifest.json": exporting.readable(manifest)})


def said_otherwise(rows: list[dict[str, str]]) -> None:
    rows[1]["actor_name"] = "Somebody Else"


def left_out(rows: list[dict[str, str]]) -> None:
    del rows[1]


def exchanged(rows: list[dict[str, str]]) -> None:
    rows[0], rows[1] = rows[1], rows[0]


def renumbered(rows: list[dict[str, str]]) -> None:
    rows[-1]["sequence"] = "999999"


def export(world: World, form: Form = Form.CSV, **wanted: Any) -> bytes:
    """An extract as it is downloaded; the act is in the chain then."""
    made = extracting.export_trail(
        trial=world.trial, wanted=Selection(**wanted), form=form, actor=world.people[Role.AUDITOR], at=LATER
    )
    with made.file as file:
        data = file.read()
    connection.seal()
    return data


def note(world: World, **said: Any) -> AuditEvent:
    event = audit.record("trial.looked", world.trial, actor=world.administrator, at=AT, **said)
    connection.seal()
    return event


def of_subject(world: World, code: str) -> dict[str, Any]:
    return {"kind": SUBJECT, "key": str(world.subjects[code].pk), "whole": True}


def links(world: World) -> dict[int, AuditLink]:
    return {link.sequence: link for link in AuditLink.objects.filter(trial_id=world.trial.pk).select_related("event")}


def tamper(event: AuditEvent) -> None:
    """Change an event as whoever owns the database can."""
    disarm()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE compliance_auditevent SET actor_name = 'Somebody Else' WHERE id = %s", [event.pk])


def verified(data: bytes, folder: Path) -> str:
    """Run the command on an extract, and return what it says; what it ends with, too, where something is wrong."""
    path, said = folder / "extract.zip", io.StringIO()
    path.write_bytes(data)
    try:
        call_command("verify_extract", str(path), stdout=said)
    except CommandError as problem:
        return f"{said.getvalue()}{problem}"
    return said.getvalue()
