"""Extracts of the audit trail with proof: what was asked for, in the order of its chain, under a signed statement.

An extract is a package (`compliance.exporting`): the events as they are recorded, each with its number and code; the
digest of each record; and a statement, signed with the trail's Ed25519 key, that names every other file by its digest,
what was asked for, where the chain ended, and the nearest checkpoints on both sides. With the public key anybody sees
offline that nothing was changed, left out or put in since; that nothing else of the trail was asked for is this
installation's word, which it signs. `compliance.verifying_extracts` holds an extract against the trail.

Whatever is long goes through files: memory holds a portion of the records, and all of them only where they are printed.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db.models import QuerySet

from compliance import checkpoints, exporting
from compliance.errors import HouseError
from compliance.extract_rows import AsCsv, AsJson, Chain, Row, Writing
from compliance.models import AuditEvent, AuditHead

FORMAT, EXPORTER = "parallax audit extract 1", "audit-extract"
#: The event that an extract leaves in its trail.
EXPORTED = "trail.exported"
DIGESTS, STATEMENT, PRINTED = "digests.txt", "statement.json", "events.pdf"
#: Events that are printed at most: a PDF is laid out as a whole.
MOST_PRINTED = 500

#: Bytes that are read at once.
_AT_ONCE = 1 << 20
_VERIFIER = Path(settings.ROOT) / "scripts" / "parallax_verify.py"
_SOURCES = ("compliance/chain.py", "compliance/extract_rows.py", "compliance/extracts.py", "scripts/parallax_verify.py")


class NothingToExport(HouseError):
    """No event of the trail is what was asked for."""

    code = "nothing_to_export"
    status = 422


class TooMuchToPrint(HouseError):
    """More events than a PDF is made of."""

    code = "too_much_to_print"
    status = 422


class Form(enum.StrEnum):
    """What an extract's events are written as."""

    CSV = "csv"
    JSON = "json"
    PDF = "pdf"


#: How records are written: beside a PDF they lie as JSON, for the verifier.
WRITINGS: Mapping[Form, Writing] = {Form.CSV: AsCsv(), Form.JSON: AsJson(), Form.PDF: AsJson()}
#: Prints records below what is said of them.
Print = Callable[[Mapping[str, Any], Sequence[Row]], bytes]


@dataclass(frozen=True, slots=True)
class About:
    """What an extract is of, and who asked for it: words for its statement.

    Attributes
    ----------
    trial, chain
        Code of the trial, and the number of its chain.
    selection
        What was asked for, as plain JSON values.
    by
        Printed name of who exports it.
    """

    trial: str
    chain: int
    selection: Mapping[str, Any]
    by: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Extract:
    """An extract that was made.

    Attributes
    ----------
    file
        Open at its beginning, and gone when it is closed.
    told
        What the trail says of it: its signed statement is named by its digest, and with it all of the extract.
    """

    file: IO[bytes]
    file_name: str
    told: dict[str, Any]


def make(events: QuerySet[AuditEvent], about: About, form: Form, *, printed: Print) -> Extract:
    """Write those of a trial's events that are in its chain now; the caller has verified the chain.

    Raises
    ------
    NothingToExport
        None of them is.
    TooMuchToPrint
        A PDF is asked for, of more than `MOST_PRINTED` events.
    compliance.keys.KeyMissing, compliance.printing.PrintNotPossible
    """
    head = AuditHead.objects.filter(trial_id=about.chain).first()
    wanted = events.filter(link__sequence__lte=head.sequence if head else 0)
    if form is Form.PDF and wanted.order_by()[: MOST_PRINTED + 1].count() > MOST_PRINTED:
        raise TooMuchToPrint(
            f"Nothing was printed, because more than {MOST_PRINTED} events are asked for. Narrow the days or the "
            "words, or take CSV or JSON, which have room for all."
        )
    writing = WRITINGS[form]
    with ExitStack() as open_files:
        records, digests = (open_files.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        written = _write(Chain(about.chain), wanted, writing, records, digests, keep=form is Form.PDF)
        if head is None or not written.count:
            raise NothingToExport("Nothing was exported, because no event is what you asked for. Ask for more of them.")
        files: dict[str, IO[bytes]] = {writing.file_name: records, DIGESTS: digests}
        files[_VERIFIER.name] = io.BytesIO(_VERIFIER.read_bytes())
        said = _said(about, form, written, head) | {"files": _digests(files)}
        if form is Form.PDF:
            files[PRINTED] = io.BytesIO(printed(said, written.rows))
            said["files"] = _digests(files)
        signed = checkpoints.signed(said)
        files[STATEMENT] = io.BytesIO(exporting.readable(signed))
        files[exporting.MANIFEST] = io.BytesIO(exporting.readable(_manifest(about, files)))
        name = f"{about.trial}-audit-extract-{about.at:%Y%m%dT%H%M%SZ}.zip"
        return Extract(_zipped(files), name, _told(name, said, signed["statement"]))


@dataclass(slots=True)
class _Written:
    count: int = 0
    first: int = 0
    last: int = 0
    rows: tuple[Row, ...] = ()


def _write(
    chain: Chain,
    wanted: QuerySet[AuditEvent],
    writing: Writing,
    records: IO[bytes],
    digests: IO[bytes],
    *,
    keep: bool,
) -> _Written:
    """Write records and their digests, one after the other; keep them too where they are printed."""
    done = _Written()
    kept: list[Row] = []
    records.write(writing.begin)
    for row in chain.rows(wanted):
        data, digest = writing.written(writing.said(row), done.count)
        records.write(data)
        digests.write(f"{digest}\n".encode())
        done.first, done.last = done.first or row[0], row[0]
        done.count += 1
        if keep:
            kept.append(row)
    records.write(writing.end)
    done.rows = tuple(kept)
    return done


def _said(about: About, form: Form, written: _Written, head: AuditHead) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "trial": about.trial,
        "chain": about.chain,
        "at": about.at.isoformat(),
        "by": about.by,
        "selection": dict(about.selection),
        "form": str(form),
        "events": written.count,
        "first": written.first,
        "last": written.last,
        "end": {"sequence": head.sequence, "code": _code(head, head.sequence, head.mac), "key": head.key},
        "without_key": head.unkeyed,
        "checkpoints": _around(head, written.first, written.last),
    }


def _told(name: str, said: Mapping[str, Any], statement: str) -> dict[str, Any]:
    kept = {key: said[key] for key in ("form", "selection", "events", "first", "last")}
    return {"file": name, **kept, "statement_sha256": hashlib.sha256(statement.encode()).hexdigest()}


def _code(head: AuditHead, sequence: int, mac: str) -> str:
    """Return a code as it may leave; one without a key is a digest, against which anybody could try contents."""
    return mac if sequence > head.unkeyed else ""


def _around(head: AuditHead, first: int, last: int) -> dict[str, dict[str, Any] | None]:
    """Return the nearest checkpoints that end before a part of a chain, and with its last record or after it.

    Each is named by the digest of what was signed: as that says where every trial stood, it is not given away.
    """
    known, _ = checkpoints.kept()
    there = [(one.ends[head.trial_id], one) for one in known if head.trial_id in one.ends]
    before = max((one for one in there if one[0].sequence < first), key=lambda one: one[0].sequence, default=None)
    after = min((one for one in there if one[0].sequence >= last), key=lambda one: one[0].sequence, default=None)
    return {"before": _named(head, before), "after": _named(head, after)}


def _named(head: AuditHead, found: tuple[checkpoints.End, checkpoints.Checkpoint] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    end, checkpoint = found
    return {
        "at": checkpoint.at.isoformat(),
        "sequence": end.sequence,
        "code": _code(head, end.sequence, end.mac),
        "statement_sha256": hashlib.sha256(checkpoint.statement.encode()).hexdigest(),
    }


def _manifest(about: About, files: Mapping[str, IO[bytes]]) -> dict[str, Any]:
    return exporting.described(
        exporter=EXPORTER,
        title="Extract of the audit trail",
        sources=_SOURCES,
        statement={"trial": about.trial},
        files={name: _measured(file) for name, file in files.items()},
    )


def _digests(files: Mapping[str, IO[bytes]]) -> dict[str, str]:
    return {name: _measured(file)[1] for name, file in sorted(files.items())}


def _measured(file: IO[bytes]) -> tuple[int, str]:
    """Return size and SHA-256 of a file, and leave it at its beginning."""
    file.seek(0)
    size, digest = 0, hashlib.sha256()
    while part := file.read(_AT_ONCE):
        size += len(part)
        digest.update(part)
    file.seek(0)
    return size, digest.hexdigest()


def _zipped(files: Mapping[str, IO[bytes]]) -> IO[bytes]:
    """Return the files as one archive, with the bytes that `exporting` would give it."""
    target: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, file in sorted(files.items()):
            entry = exporting.member_named(name)
            entry.file_size = file.seek(0, io.SEEK_END)
            file.seek(0)
            with archive.open(entry, "w") as member:
                shutil.copyfileobj(file, member, _AT_ONCE)
    target.seek(0)
    return target
