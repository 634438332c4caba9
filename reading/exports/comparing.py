"""Two packages of one trial side by side: which tables and records differ, told by the digests of `records.json`.

The packages alone are read: what is compared is what was handed out.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from compliance import audit, exporting
from compliance.models import Export, User
from reading.services.packaging import read_released
from trials.models import Trial

RECORDS, DICTIONARY, MANIFEST = "records.json", "data_dictionary.csv", "manifest.json"
#: Records of one table that are listed by name; there may be more.
LISTED = 50
CHANGED, ADDED, REMOVED = "changed", "only in the later", "only in the earlier"
#: What names a record of an SDTM dataset, as far as it has them.
_NAMES_SDTM = ("STUDYID", "RDOMAIN", "USUBJID", "IDVAR", "IDVARVAL", "QNAM", "RELID")


@dataclass(frozen=True, slots=True)
class Difference:
    """One record that is not the same: what names it, how it differs, and in which columns."""

    name: str
    how: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableCompared:
    """A table of both packages: records of each, and those that differ, the first of them by name."""

    name: str
    earlier: int
    later: int
    count: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """How two packages differ: tables by their records, all other files by their digests."""

    tables: tuple[TableCompared, ...]
    files: tuple[tuple[str, str], ...]

    @property
    def differing(self) -> tuple[TableCompared, ...]:
        """Tables of which a record differs."""
        return tuple(table for table in self.tables if table.count)

    @property
    def same(self) -> tuple[str, ...]:
        """Names of the tables of which none does."""
        return tuple(table.name for table in self.tables if not table.count)


@dataclass(frozen=True, slots=True)
class _Table:
    columns: Sequence[str]
    #: Values and digest of each record by what names it; a name twice has a number behind it.
    rows: Mapping[tuple[str, ...], tuple[Sequence[object], str]]


def show_comparison(*, earlier: Export, later: Export, actor: User, at: dt.datetime) -> Compared:
    """Compare two kept packages of a trial for somebody who may take both, and record it.

    Raises
    ------
    compliance.exporting.NotLocked, compliance.exporting.PackageDamaged, trials.services.watching.TrailDamaged
    compliance.access.AccessDenied
    """
    found = compare(*(read_released(export=export, actor=actor) for export in (earlier, later)))
    said = {name: exporting.named(export) for name, export in (("earlier", earlier), ("later", later))}
    audit.record("package.compared", Trial.objects.get(pk=later.trial_id), actor=actor, at=at, after=said)
    return found


def compare(earlier: bytes, later: bytes) -> Compared:
    """Compare two packages as they were handed out."""
    with zipfile.ZipFile(io.BytesIO(earlier)) as one, zipfile.ZipFile(io.BytesIO(later)) as other:
        counted = [json.loads(archive.read(RECORDS)) for archive in (one, other)]
        keys = [_keys(archive) for archive in (one, other)]
        tables = tuple(
            _compared(
                name,
                *(
                    _table(archive, name, known.get(name, []), key.get(name, ()))
                    for archive, known, key in zip((one, other), counted, keys, strict=True)
                ),
            )
            for name in sorted({*counted[0], *counted[1]})
        )
        return Compared(tables, tuple(_files(one, other, {*counted[0], *counted[1]})))


def _keys(archive: zipfile.ZipFile) -> dict[str, tuple[str, ...]]:
    """The columns that name a record of each CSV table, as the package's own dictionary says."""
    rows = csv.DictReader(io.StringIO(archive.read(DICTIONARY).decode(), newline=""))
    found: dict[str, tuple[str, ...]] = {}
    for row in rows:
        if row["key"] == "Y":
            found[row["file"]] = (*found.get(row["file"], ()), row["column"])
    return found


def _table(archive: zipfile.ZipFile, name: str, digests: Sequence[str], key: tuple[str, ...]) -> _Table:
    if name not in archive.namelist():
        return _Table((), {})
    columns, rows = _rows(name, archive.read(name))
    key = key or tuple(c for c in columns if c in _NAMES_SDTM or c.endswith("SEQ"))
    places = [columns.index(column) for column in key if column in columns]
    found: dict[tuple[str, ...], tuple[Sequence[object], str]] = {}
    for row, digest in zip(rows, digests, strict=True):
        named = tuple(str(row[place]) for place in places)
        again, number = named, 1
        while again in found:
            number += 1
            again = (*named, f"no. {number}")
        found[again] = (row, digest)
    return _Table(columns, found)


def _rows(name: str, data: bytes) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    if name.endswith(".csv"):
        columns, *rows = csv.reader(io.StringIO(data.decode(), newline=""))
        return columns, rows
    said = json.loads(data)
    return [column["name"] for column in said["columns"]], said["rows"]


def _compared(name: str, earlier: _Table, later: _Table) -> TableCompared:
    found = list(_differences(earlier, later))
    return TableCompared(name, len(earlier.rows), len(later.rows), len(found), tuple(found[:LISTED]))


def _differences(earlier: _Table, later: _Table) -> Iterator[Difference]:
    for named, (row, digest) in earlier.rows.items():
        if named not in later.rows:
            yield Difference(_said(named), REMOVED)
        elif digest != later.rows[named][1]:
            before = dict(zip(earlier.columns, row, strict=True))
            after = dict(zip(later.columns, later.rows[named][0], strict=True))
            columns = [column for column in {**before, **after} if before.get(column) != after.get(column)]
            yield Difference(_said(named), CHANGED, tuple(columns))
    for named in later.rows:
        if named not in earlier.rows:
            yield Difference(_said(named), ADDED)


def _said(named: Sequence[str]) -> str:
    return ", ".join(part for part in named if part)


def _files(earlier: zipfile.ZipFile, later: zipfile.ZipFile, tables: set[str]) -> Iterator[tuple[str, str]]:
    """All other files that differ; the manifests do in any case, as they name the locks."""
    said = [
        {file["name"]: file["sha256"] for file in json.loads(archive.read(MANIFEST))["files"]}
        for archive in (earlier, later)
    ]
    for name in sorted({*said[0], *said[1]} - tables - {RECORDS}):
        if said[0].get(name) != said[1].get(name):
            yield name, REMOVED if name not in said[1] else ADDED if name not in said[0] else CHANGED
