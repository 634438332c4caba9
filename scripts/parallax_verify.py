"""Verify an endpoint package of Parallax offline: python3 parallax_verify.py PACKAGE (a ZIP, or its folder).

This file needs Python 3.9 or later and nothing else, and shares no code with the system that made the package. It asks:

1. Are the files those of the manifest, byte for byte, and the archive as it was written?
2. Is each record of each table the one that was counted and digested (records.json)?
3. Do transport files, Dataset-JSON, ODM and CSV tables say the same?
4. Do sums and responses follow from the measurements? RECIST 1.1 is written here a second time, plainly.

Of an audit trail that was downloaded beside a package: do its events follow upon each other, are they those that were
signed (Ed25519), and have they the codes that checkpoints knew?

Of an extract of an audit trail: is each record the one of its digest, none left out and none put in, and are digests
and files those that were signed (Ed25519)?

It answers in sentences. Exit code 0: all holds. 1: something differs, and the first record that does is named.
2: there is no package to read.
"""

# ruff: noqa: B905 - zip() of Python 3.9 does not know `strict`
from __future__ import annotations

import csv
import datetime
import hashlib
import io
import json
import math
import os
import re
import struct
import sys
import xml.etree.ElementTree
import zipfile
from fractions import Fraction
from itertools import groupby

MANIFEST, RECORDS, REVIEWS = "manifest.json", "records.json", "global_reviews.csv"
RESPONSE = ("CR", "PR")
DISEASE = ("PR", "SD", "NON-CR/NON-PD")
BEFORE = "before the review"
MOST_SENTENCES = 20
TRAIL = "audit-trail"
PACKAGE_HOLDS = "The package is what was locked: files, records, sums and responses hold."
DRY_RUN = "This is a DRY RUN: what is in it is made up, and of no trial."
INTERIM = "This is of an interim lock: subjects and visits that it covers alone; the trial goes on."
DRY_RUN_HOLDS = "The dry run is what was made: files, records, sums and responses hold."
TRAIL_HOLDS = "The audit trail is what was exported: events, signatures and checkpoints hold."
EXTRACT = "audit-extract"
EXTRACT_HOLDS = "The extract is what was signed with that key: each record, its digest and the statement hold."
EXTRACT_SIGNED = "Whether the trail still says the same is asked where it is kept: manage.py verify_extract."
TRAIL_SIGNED = "The codes of events can be made again by the system alone, which has their key."


class NoPackage(Exception):
    """There is nothing here to verify."""


class Damaged(Exception):
    """The package cannot be read further."""


# ---- 1 and 2: bytes and records -------------------------------------------------------------------------------------


def members_of(path: str) -> tuple[dict, bytes]:
    """Return the files by name, and the archive's bytes (none of a folder)."""
    if os.path.isdir(path):
        found = {}
        for folder, _, names in os.walk(path):
            for name in names:
                full = os.path.join(folder, name)
                with open(full, "rb") as file:
                    found[os.path.relpath(full, path).replace(os.sep, "/")] = file.read()
        if MANIFEST not in found:
            raise NoPackage(f"The folder {path} has no {MANIFEST}.")
        return found, b""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as fault:
        raise NoPackage(f"{path} cannot be read: {fault.strerror}.") from None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {entry.filename: content(archive, entry, data) for entry in archive.infolist()}, data
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError, RuntimeError, struct.error):
        if data[:4] != b"PK\3\4" and data[1:4] != b"K\3\4" and b"PK\1\2" not in data:
            raise NoPackage(f"{path} is not a ZIP archive.") from None
        raise Damaged("The archive's own structure was changed: its directory or a header cannot be read.") from None


def content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, data: bytes) -> bytes:
    """Return a member's bytes, also where its checksum fails: the digests name it."""
    if entry.compress_type != zipfile.ZIP_STORED:
        raise NotImplementedError
    try:
        return archive.read(entry)
    except zipfile.BadZipFile:
        names = struct.unpack("<HH", data[entry.header_offset + 26 : entry.header_offset + 30])
        start = entry.header_offset + 30 + sum(names)
        return data[start : start + entry.file_size]


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def rebuilt(members: dict) -> bytes:
    """Return the archive as these files make it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, members[name])
    return target.getvalue()


def manifest_of(members: dict) -> dict:
    try:
        manifest = json.loads(members[MANIFEST])
        {entry["name"]: (entry["size"], entry["sha256"]) for entry in manifest["files"]}
        return dict(manifest)
    except KeyError:
        raise Damaged(f"The package has no {MANIFEST} as Parallax writes it.") from None
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Damaged(f"{MANIFEST} was changed: it cannot be read.") from None


def check_files(members: dict, manifest: dict, archive: bytes):
    """Each file is the one that the manifest names, and the manifest is the one that was sealed."""
    sealed = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
    if manifest.get("manifest_sha256") != sha256(canonical(sealed)):
        yield f"{MANIFEST} was changed: its own digest does not match."
    listed = {entry["name"]: (entry["size"], entry["sha256"]) for entry in manifest["files"]}
    for name in sorted(listed):
        if name not in members:
            yield f"{name} is missing."
        elif (len(members[name]), sha256(members[name])) != listed[name]:
            yield f"{name} was changed: its digest does not match the manifest."
    for name in sorted(set(members) - set(listed) - {MANIFEST}):
        yield f"{name} is not in the manifest."
    if archive and rebuilt(members) != archive:
        yield "The archive's own structure was changed."


def check_records(package: Package):
    """Each record of each table is the one that was counted and digested."""
    kept = package.json(RECORDS)
    for name in sorted(kept):
        rows = package.rows(name)
        digests = kept[name]
        for place, row in enumerate(rows):
            if place >= len(digests) or sha256(canonical(row))[:16] != digests[place]:
                yield f"{name}: record {place + 1} ({package.key(name, row)}) is not the one that was recorded."
                break
        else:
            if len(rows) != len(digests):
                yield f"{name} has {len(rows)} records; {len(digests)} were recorded."


class Package:
    """The files, read as tables."""

    def __init__(self, members: dict) -> None:
        self.members = members
        self.keys: dict = {}
        self.held: dict = {}

    def json(self, name: str):
        try:
            return json.loads(self.members[name])
        except KeyError:
            raise Damaged(f"{name} is missing.") from None
        except (ValueError, RecursionError):
            raise Damaged(f"{name} was changed: it cannot be read.") from None

    def rows(self, name: str) -> list:
        """Return a table's records as lists; the header of a CSV table is not one of them."""
        if name not in self.held:
            self.held[name] = self._csv(name) if name.endswith(".csv") else self._dataset(name)
        return self.held[name][1]

    def columns(self, name: str) -> list:
        self.rows(name)
        return self.held[name][0]

    def _csv(self, name: str):
        try:
            lines = list(csv.reader(io.StringIO(self.members[name].decode(), newline=""), strict=True))
            columns, rows = lines[0], lines[1:]
        except KeyError:
            raise Damaged(f"{name} is missing.") from None
        except (ValueError, IndexError, csv.Error):
            raise Damaged(f"{name} was changed: it cannot be read as a table.") from None
        for place, row in enumerate(rows, start=1):
            if len(row) != len(columns):
                raise Damaged(f"{name} was changed: record {place} has {len(row)} cells, the table {len(columns)}.")
        return columns, rows

    def _dataset(self, name: str):
        held = self.json(name)
        try:
            columns = [str(column["name"]) for column in held["columns"]]
            self.keys[name] = [column["name"] for column in held["columns"] if "keySequence" in column]
            rows = held["rows"]
            fit = held["records"] == len(rows) and all(len(row) == len(columns) for row in rows)
        except (KeyError, TypeError):
            raise Damaged(f"{name} was changed: it is no Dataset-JSON.") from None
        if not fit:
            raise Damaged(f"{name} was changed: it does not have the records and columns that it states.")
        return columns, rows

    def table(self, name: str) -> list:
        """Return a table's records as dictionaries; none where the package has no such table."""
        if name not in self.members:
            return []
        columns = self.columns(name)
        return [dict(zip(columns, row)) for row in self.rows(name)]

    def left(self) -> dict:
        """Return what readers left in their global reviews, by subject, timepoint and reader."""
        return {(row["subject"], row["timepoint"], row["evalid"]): row for row in self.table(REVIEWS)}

    def trace(self, row: dict):
        """Return the steps of one response; none where its file has no such response."""
        name = f"traces/{row['subject']}.json"
        if name not in self.held:
            self.held[name] = {(one["timepoint"], one["evalid"]): one for one in self.json(name)["responses"]}
        one = self.held[name].get((row["timepoint"], row["evalid"]), {})
        return one.get("steps") if one.get("overall_response") == row["overall_response"] else None

    def key(self, name: str, row: list) -> str:
        """Say which record a row is."""
        cells = dict(zip(self.columns(name), row))
        if name.endswith(".csv") and not self.keys.get(name):
            dictionary = self.table("data_dictionary.csv")
            own = [line["column"] for line in dictionary if line["file"] == name and line["key"] == "Y"]
            self.keys[name] = own or ["file", "column"]
        return ", ".join(f"{key} {cells.get(key)}" for key in self.keys[name] if cells.get(key) not in (None, ""))


# ---- 3: the same in every form --------------------------------------------------------------------------------------


def transport(name: str, data: bytes):
    """Return names and records of a SAS transport file, version 5 (TS-140)."""
    try:
        described = data.index(b"HEADER RECORD*******NAMESTR")
        variables, at = [], described + 80
        for _ in range(int(data[described + 54 : described + 58])):
            kind, _, width, _ = struct.unpack(">hhhh", data[at : at + 8])
            variables.append((data[at + 8 : at + 16].decode("ascii").strip(), kind, width))
            at += 140
        start = data.index(b"HEADER RECORD*******OBS") + 80
        length = sum(width for _, _, width in variables)
        rows = []
        for begin in range(start, len(data) - length + 1, length):
            if not data[begin:].strip():
                break
            row, place = [], begin
            for _, kind, width in variables:
                cell = data[place : place + width]
                row.append(cell.decode("ascii").rstrip() if kind == 2 else number(cell))
                place += width
            rows.append(row)
    except (ValueError, struct.error, ZeroDivisionError):
        raise Damaged(f"{name} was changed: it cannot be read as a transport file.") from None
    return [variable for variable, _, _ in variables], rows


def number(cell: bytes):
    if cell[:1] == b"." and not any(cell[1:]):
        return None
    value = Fraction(int.from_bytes(cell[1:], "big"), 2**56) * Fraction(16) ** ((cell[0] & 127) - 64)
    return float(-value if cell[0] & 128 else value)


def day_number(value):
    """Return the number of days since 1960 by which SAS holds a date."""
    return None if value is None else float((datetime.date.fromisoformat(value) - datetime.date(1960, 1, 1)).days)


def check_transport(package: Package):
    """Each transport file holds the values of the Dataset-JSON beside it."""
    for name in sorted(package.members):
        if not name.startswith(("sdtm/xpt/", "adam/xpt/")):
            continue
        twin = name.replace("xpt", "json")
        names, rows = transport(name, package.members[name])
        columns, other = package.columns(twin), package.rows(twin)
        described = package.json(twin)["columns"]
        days = [column.get("targetDataType") == "integer" for column in described]
        numeric = [column["dataType"] in ("integer", "decimal") for column in described]
        if names != columns:
            yield f"{name} does not have the variables of {twin}."
            continue
        for row, said in zip(rows, other):
            said_as_days = [day_number(value) if day else value for value, day in zip(said, days)]
            told = [float(v) if n and v is not None else v for v, n in zip(said_as_days, numeric)]
            if row != told:
                variable = next(c for c, a, b in zip(columns, row, told) if a != b)
                yield f"{name}: {variable} of the record ({package.key(twin, said)}) is not that of {twin}."
                break
        else:
            if len(rows) != len(other):
                yield f"{name} has {len(rows)} records, {twin} {len(other)}."


def check_tables(package: Package, recist: bool):
    """CSV tables and SDTM say the same of each measurement, response and result.

    Of other criteria than RECIST 1.1 a response has parts that the tables have no column for.
    """
    trial = {row["subject"]: f"{row['trial']}-{row['subject']}" for row in package.table("subjects.csv")}
    visit = {(r["subject"], r["timepoint"]): r["visit_number"] for r in package.table("timepoints.csv")}
    tr, rs = package.table("sdtm/json/tr.json"), package.table("sdtm/json/rs.json")
    # Where two diameters were asked, the table holds the longest.
    longest_last = sorted((r for r in tr if r["TRLNKID"]), key=lambda r: r["TRTESTCD"] == "LDIAM")
    sizes = {(r["USUBJID"], r["TRLNKGRP"], r["TRLNKID"]): r for r in longest_last}
    sums = {(r["USUBJID"], r["TRLNKGRP"], r["TRTESTCD"]): r for r in tr if not r["TRLNKID"]}
    told = {(r["USUBJID"], r["RSLNKGRP"] or r["RSEVALID"], r["RSTESTCD"]): r for r in rs}

    def group(row: dict):
        reader = "R" + row["evalid"].split(" ")[-1]
        return trial.get(row["subject"], row["subject"]), f"{reader}-{visit.get((row['subject'], row['timepoint']))}"

    def differs(name: str, row: dict, pairs: list):
        for column, other, where in pairs:
            if not same(row[column], other):
                record = package.key(name, list(row.values()))
                yield (
                    f"{name}: {column} of the record ({record}) is {row[column] or 'empty'}; "
                    f"{where} has {'nothing' if other in (None, '') else other}."
                )

    for row in package.table("measurements.csv"):
        where = group(row)
        lesion = where[1].split("-")[0] + "-" + row["lesion"] + ("" if row["part"] == "0" else "." + row["part"])
        found = sizes.get((*where, lesion), {})
        size = "" if row["state"] != "MEASURED" else found.get("TRSTRESN")
        pairs = [("acptfl", found.get("TRACPTFL"), "TR"), ("study_day", found.get("TRDY"), "TR")]
        pairs += [("shifted_date", found.get("TRDTC"), "TR"), ("sop_instance_uid", found.get("TRREFID"), "TR")]
        if found.get("TRTESTCD") in ("LDIAM", "LPERP"):
            pairs.append(("diameter_mm", size, "TR"))
        yield from differs("measurements.csv", row, pairs)
    for row in package.table("responses.csv"):
        where = group(row)
        pairs = [
            (column, told.get((*where, code), {}).get("RSSTRESC"), "RS")
            for column, code in (
                ("target_response", "TRGRESP"),
                ("non_target_response", "NTRGRESP"),
                ("overall_response", "OVRLRESP"),
            )
            if row[column] or (recist and ((*where, code) in told or row["overall_response"]))
        ]
        if row["new_lesion"] or (recist and (*where, "NEWLIND") in told):
            pairs.append(("new_lesion", told.get((*where, "NEWLIND"), {}).get("RSSTRESC"), "RS"))
        for column, code in (("sum_mm", "SUMDIAM"), ("change_from_baseline", "PCBSD"), ("change_from_nadir", "PCNSD")):
            if row[column] or (recist and (*where, code) in sums):
                pairs.append((column, sums.get((*where, code), {}).get("TRSTRESN"), "TR"))
        yield from differs("responses.csv", row, pairs)
        left = package.left().get((row["subject"], row["timepoint"], row["evalid"]))
        if left:
            yield from differs("responses.csv", row, [("overall_response", left["overall_response"], REVIEWS)])
        trace = package.trace(row)
        if trace is None or canonical(trace) != canonical(json.loads(row["derivation"])):
            name = f"traces/{row['subject']}.json"
            yield f"{name} does not have the steps of responses.csv for {row['timepoint']}, {row['evalid']}."
    for row in package.table("best_overall_response.csv"):
        evalid = {"ADJUDICATED": "ADJUDICATOR", "NOT READ": ""}.get(row["evalid"], row["evalid"])
        found = told.get((trial.get(row["subject"]), evalid, "BESTRESP"), {})
        pairs = [("best_overall_response", found.get("RSSTRESC"), "RS"), ("acptfl", found.get("RSACPTFL"), "RS")]
        yield from differs("best_overall_response.csv", row, pairs)


def same(one: object, other: object) -> bool:
    """Whether two cells say the same; 30.0 is 30, and nothing is nothing."""
    first, second = ("" if value is None else str(value) for value in (one, other))
    if first == second:
        return True
    try:
        return Fraction(first) == Fraction(second)
    except (ValueError, ZeroDivisionError):
        return False


# ---- 3, and ODM -----------------------------------------------------------------------------------------------------

ODM, SPACE = "odm.xml", "{http://www.cdisc.org/ns/odm/v1.3}"
#: Each form: the column by which several of them are told apart, and its tables.
FORMS = {
    "F.SUBJECT": ("", ("subjects", "lesions", "best_overall_response")),
    "F.ADJUDICATION": ("adjudicated", ("adjudications",)),
    "F.VISIT": ("", ("timepoints", "deviations", "images")),
    "F.READ": ("evalid", ("responses", "measurements", "values", "global_reviews")),
    "F.REAL_TIME": ("purpose", ("real_time_reads",)),
}
AT_VISITS = ("F.VISIT", "F.READ", "F.REAL_TIME")
OF_SUBJECT, OF_VISIT = {"trial", "site", "subject"}, {"timepoint", "study_day", "shifted_date"}
#: What the place of a group in the file tells, or the traces do.
TOLD = {name: OF_SUBJECT | OF_VISIT | {"derivation"} for _, names in FORMS.values() for name in names}
TOLD["timepoints"] = TOLD["real_time_reads"] = OF_SUBJECT | {"timepoint"}
TOLD.update(dict.fromkeys(FORMS["F.SUBJECT"][1], OF_SUBJECT), adjudications=OF_SUBJECT | {"adjudicated"})
for name in FORMS["F.READ"][1]:
    TOLD[name] = TOLD[name] | {"evalid"}


def parts_of(package: Package):
    """Give the parts of the ODM file: its people, meanings, subjects and what stands after them."""
    data = package.members[ODM]
    if b"<!DOCTYPE" in data:
        raise Damaged(f"{ODM} was changed: it has a document type, which Parallax never writes.")
    try:
        for _, part in xml.etree.ElementTree.iterparse(io.BytesIO(data)):  # noqa: S314 - it has no document type
            name = part.tag.replace(SPACE, "")
            if name in ("User", "SignatureDef", "SubjectData", "AuditRecords", "Signatures"):
                yield name, part
                part.clear()
    except xml.etree.ElementTree.ParseError:
        raise Damaged(f"{ODM} was changed: it cannot be read.") from None


def check_odm(package: Package, manifest: dict):
    """The ODM file holds the rows of the CSV tables, and who signed them and when."""
    if ODM not in package.members:
        if "signed_work.csv" in package.members:
            yield f"{ODM} is missing."
        return
    tables: dict = {}
    for name in (*TOLD, "signed_work"):
        for row in package.table(f"{name}.csv"):
            tables.setdefault(row["subject"], {}).setdefault(name, []).append(row)
    people, meanings, signed, versions, begun = {}, {}, [], [], []
    for kind, part in parts_of(package):
        if kind == "User":
            people[part.get("OID")] = text(part, "FullName") or text(part, "DisplayName")
        elif kind == "SignatureDef":
            meanings[part.get("OID")] = text(part, "Meaning")
        elif kind == "SubjectData":
            yield from check_subject(part, tables, people)
            begun.append(part.get("SubjectKey"))
        elif kind == "AuditRecords":
            versions = [(*stamp(one, people), text(one, "SourceID")) for one in part]
        else:
            signed = [
                (*stamp(one, people)[:2], meanings.get(attribute(one, "SignatureRef", "SignatureOID")), bound(one))
                for one in part
            ]
    subjects = [f"{row['trial']}-{row['subject']}" for row in package.table("subjects.csv")]
    if begun != subjects:
        yield f"{ODM} does not have the subjects of subjects.csv in their order."
    told = [row for row in package.table("signed_work.csv") if row["reopened_because"] and row["signed_at"]]
    sources = [f"{row['subject']}, {row['timepoint']}, {row['evalid']}, version {row['version']}" for row in told]
    expected = [
        (row["evalid"], row["signed_at"], row["reopened_because"], source) for row, source in zip(told, sources)
    ]
    for one, other in zip(versions + [None] * len(expected), expected + [None] * len(versions)):
        if (one is None) != (other is None) or (one and not all(spelled(a, b) for a, b in zip(one, other))):
            yield f"{ODM}: an audit record ({(one or other)[3]}) is not what signed_work.csv has."
    marks = [
        (one["printed_name"], one["at"], one["meaning"], f"{one['what']}: SHA-256 {one['content_sha256']}")
        for one in manifest["signatures"]
    ]
    if len(signed) != len(marks) or not all(spelled(a, b) for s, m in zip(signed, marks) for a, b in zip(s, m)):
        yield f"{ODM} does not have the signatures of the manifest."


def check_subject(part, tables: dict, people: dict):
    """One subject's forms hold the rows of the tables."""
    key = part.get("SubjectKey") or ""
    code = next((name for name, found in tables.items() if key == f"{found['subjects'][0]['trial']}-{name}"), None)
    if code is None:
        yield f"{ODM} has the subject {key}, subjects.csv has not."
        return
    rows, held, stamps = tables[code], {}, {}
    if attribute(part, "SiteRef", "LocationOID") != f"L.SITE.{rows['subjects'][0]['site']}":
        yield f"{ODM}: the site of {code} is not that of subjects.csv."
    for event in part.findall(f"{SPACE}StudyEventData"):
        for form in event.findall(f"{SPACE}FormData"):
            where = (event.get("StudyEventOID"), form.get("FormOID"), form.get("FormRepeatKey", ""))
            marks = [form.find(f"{SPACE}{name}") for name in ("AuditRecord", "Signature")]
            stamps[where] = [stamp(mark, people) for mark in marks if mark is not None]
            for group in form.findall(f"{SPACE}ItemGroupData"):
                items = {item.get("ItemOID"): item.get("Value") for item in group}
                held.setdefault((*where, group.get("ItemGroupOID")), []).append(items)
    expected = forms_of(rows)
    for where in dict.fromkeys((*expected, *held)):
        yield from differing(code, where, held.get(where, []), expected.get(where, []))
    yield from check_stamps(code, stamps, rows.get("signed_work", []), {where[:3] for where in expected})


def forms_of(rows: dict) -> dict:
    """Return the rows of one subject's tables as they stand in forms: by event, form and its key, and table."""
    made: dict = {}
    for form, (key, names) in FORMS.items():
        for name in names:
            for row in rows.get(name, []):
                event = f"SE.{row['timepoint']}" if form in AT_VISITS else "SE.SUBJECT"
                made.setdefault((event, form, row[key] if key else "", name), []).append(row)
    return {where: groups_of(where[3], found) for where, found in made.items()}


def groups_of(name: str, rows: list) -> list:
    """Return rows as groups of items; values of one lesion are one group."""
    if name != "values":
        return [{f"{name}.{c}": v for c, v in row.items() if v and c not in TOLD[name]} for row in rows]
    groups = []
    for (lesion, part), values in groupby(rows, key=lambda row: (row["lesion"], row["part"])):
        items = {"values.lesion": lesion, "values.part": part} if lesion else {"values.part": part}
        for row in values:
            kind = "derived" if row["derived"] else "entered"
            items[f"values.{row['name']}.{row['testcd']}.{row['unit']}.{kind}"] = row["number"] or row["text"]
        groups.append(items)
    return groups


def differing(code: str, where: tuple, held: list, expected: list):
    """Say how the groups of one table in one form differ from its rows."""
    event, _, key, name = where
    place = ", ".join(filter(None, (code, event.replace("SE.", "", 1), key)))
    if len(held) != len(expected):
        yield f"{ODM}: {name} has {len(held)} records of {place}; {name}.csv has {len(expected)}."
        return
    for said, row in zip(held, expected):
        for item in dict.fromkeys((*row, *said)):
            if not spelled(said.get(item), row.get(item)):
                yield (
                    f"{ODM}: {item} of {place} is {said.get(item) or 'empty'}; "
                    f"{name}.csv has {row.get(item) or 'nothing'}."
                )
                return


def check_stamps(code: str, stamps: dict, work: list, forms: set):
    """Audit records and signatures of forms are those of signed_work.csv."""
    expected: dict = {}
    for row in work:
        form = ("F.READ", row["evalid"]) if row["what"] == "read" else ("F.ADJUDICATION", row["timepoint"])
        event = f"SE.{row['timepoint']}" if row["what"] == "read" else "SE.SUBJECT"
        because = expected.get((event, *form), [("", "", "", "")])[0][3]
        # Of a version that was opened again the reason goes to the next one.
        expected[(event, *form)] = [(row["evalid"], row["signed_at"], because, row["reopened_because"])]
    for where in sorted(forms | set(stamps)):
        found = stamps.get(where, [])
        ((who, when, why, _),) = expected.get(where, [("", "", "", "")])
        due = [(who, when, why), (who, when, "")] if when else []
        pairs = [pair for one, other in zip(found, due) for pair in zip(one, other)]
        if len(found) != len(due) or not all(spelled(one, other) for one, other in pairs):
            place = ", ".join(filter(None, (code, where[0].replace("SE.", "", 1), where[2])))
            yield f"{ODM}: audit record or signature of {place} is not what signed_work.csv has."


def stamp(part, people: dict) -> tuple:
    """Return who, when and why of an audit record or a signature."""
    who = people.get(attribute(part, "UserRef", "UserOID"), "")
    return who, text(part, "DateTimeStamp"), text(part, "ReasonForChange")


def bound(part) -> str:
    return text(part, "CryptoBindingManifest")


def text(part, name: str) -> str:
    return part.findtext(f"{SPACE}{name}") or ""


def attribute(part, name: str, wanted: str):
    found = part.find(f"{SPACE}{name}")
    return None if found is None else found.get(wanted)


def spelled(said: object, cell: object) -> bool:
    """Whether ODM has what a cell has, which may have an apostrophe before it against spreadsheets."""
    kept = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "\ufffd", str(cell or ""))
    return (said or "") == kept or f"'{said}" == kept


# ---- 4: RECIST 1.1, a second time -----------------------------------------------------------------------------------


class Recist:
    """One reader's subject, visit after visit (Eisenhauer 2009). `settings`: the parameters of criteria.json."""

    def __init__(self, settings: dict, baseline: dict, nodal: set) -> None:
        self.settings = settings
        self.nodal = nodal
        self.targets = {name: nodal for name, (size, nodal) in baseline["targets"].items() if size is not None}
        self.nontargets = set(baseline["nontargets"])
        self.base = sum((baseline["targets"][name][0] for name in self.targets), Fraction(0))
        self.nadir = self.base
        self.seen: list = []

    def number(self, name: str) -> Fraction:
        return Fraction(str(self.settings[name]))

    def visit(self, read: dict) -> dict:
        """Return sum, changes and responses of one visit."""
        sizes = [(read["targets"].get(name, (None, nodal))[0], nodal) for name, nodal in self.targets.items()]
        known = sum((size for size, _ in sizes if size is not None), Fraction(0))
        whole = bool(sizes) and all(size is not None for size, _ in sizes)
        target = self.target(sizes, known, whole) if sizes else None
        rest = self.nontarget(read["nontargets"])
        new = "UNEQUIVOCAL" in read["new"].values()
        overall = self.overall(target, rest, new or self.back(sizes, read["nontargets"]))
        found = {
            "SUMDIAM": known if whole else None,
            "PCBSD": change(known, self.base) if whole else None,
            "PCNSD": change(known, self.nadir) if whole else None,
            "ACNSD": known - self.nadir if whole else None,
            "TRGRESP": target,
            "NTRGRESP": rest,
            "NEWLIND": "Y" if new else "N",
            "OVRLRESP": overall,
        }
        self.seen.append((read["day"], overall))
        self.nadir = min(self.nadir, known) if whole else self.nadir
        return found

    def target(self, sizes: list, known: Fraction, whole: bool) -> str:
        """§4.3.1; the measured part of a sum may prove progression (§4.4.2)."""
        grown = known - self.nadir
        enough = grown > 0 and grown >= self.number("pd_absolute_mm")
        if enough and known * 100 >= self.nadir * (100 + self.number("pd_increase_percent")):
            return "PD"
        if not whole:
            return "NE"
        normal = self.number("node_normal_mm")
        if all(size < normal if nodal else size == 0 for size, nodal in sizes):
            return "CR"
        if known * 100 <= self.base * (100 - self.number("pr_decrease_percent")):
            return "PR"
        return "PR" if self.settings["partial_response_continues"] and self.responding() else "SD"

    def responding(self) -> bool:
        since = []
        for day, overall in self.seen:
            since = [] if overall == "PD" else [*since, (day, overall)]
        if self.settings["confirmation_required"]:
            return confirmed(since, RESPONSE, self.settings) is not None
        return any(overall in RESPONSE for _, overall in since)

    def nontarget(self, states: dict):
        """§4.3.3."""
        if not self.nontargets:
            return None
        stated = [states.get(name, "NOT EVALUABLE") for name in self.nontargets]
        if "UNEQUIVOCAL PD" in stated:
            return "PD"
        persists = "PRESENT" in stated
        if "NOT EVALUABLE" in stated and not (
            persists and self.settings["nontarget_incomplete"] == "persisting_decides"
        ):
            return "NE"
        return "NON-CR/NON-PD" if persists else "CR"

    def back(self, sizes: list, states: dict) -> bool:
        """Disease seen again after overall CR (Table 3, footnote)."""
        mode = self.settings["disease_after_cr"]
        if mode == "sum_rule_only" or all(overall != "CR" for _, overall in self.seen):
            return False
        if mode == "progression_if_confirmed" and confirmed(self.seen, ("CR",), self.settings) is None:
            return False
        normal = self.number("node_normal_mm")
        if any(size is not None and (size >= normal if nodal else size > 0) for size, nodal in sizes):
            return True
        return any(states.get(name) == "PRESENT" for name in self.nontargets if name not in self.nodal)

    @staticmethod
    def overall(target: object, rest: object, progressed: bool) -> object:
        """Tables 1 and 2."""
        if progressed or "PD" in (target, rest):
            return "PD"
        if target is None:
            return rest or "NED"
        return "PR" if target == "CR" and rest not in (None, "CR") else target


def change(value: Fraction, reference: Fraction):
    """Return the change in percent, to six decimals."""
    return Fraction(round((value / reference - 1) * 10**8), 10**6) if reference else None


def confirmed(seen: list, kinds: tuple, settings: dict):
    """Return the place of the first response that a later one confirms (§4.4.4, §4.6.1)."""
    for first, (begun, response) in enumerate(seen):
        if response not in kinds:
            continue
        unevaluable = stable = 0
        for day, later in seen[first + 1 :]:
            if later in kinds:
                if day - begun >= int(settings["confirm_min_days"]):
                    return first
                continue
            unevaluable += later == "NE"
            stable += later == "SD" and "PR" in kinds
            if (
                later not in (("NE", "SD") if "PR" in kinds else ("NE",))
                or unevaluable > int(settings["confirm_max_ne"])
                or stable > int(settings["confirm_max_sd"])
                or unevaluable + stable > int(settings["confirm_max_interruptions"])
            ):
                break
    return None


def end(seen: list, judged: bool) -> int:
    """Return the place of the first PD, after the last without one; `judged`: disease after CR is PD (Table 3, a)."""
    complete = False
    for place, (_, overall) in enumerate(seen):
        if overall == "PD" or (judged and complete and overall in DISEASE):
            return place
        complete = complete or overall == "CR"
    return len(seen)


def best(seen: list, settings: dict, has_targets: bool, judged: bool = False) -> str:
    """Return the best overall response of dated responses up to and including the first PD (§4.4.3, Table 3)."""
    place = end(seen, judged)
    before, counted, progressed = seen[:place], seen[: place + 1], place < len(seen)
    if settings["confirmation_required"]:
        if confirmed(before, ("CR",), settings) is not None:
            return "CR"
        if confirmed(before, RESPONSE, settings) is not None:
            return "PR"
    else:
        for response in RESPONSE:
            if any(overall == response for _, overall in before):
                return response
    lasting = {overall for day, overall in counted if day >= int(settings["min_sd_days"])}
    if has_targets and lasting & {"CR", "PR", "SD"}:
        return "SD"
    long = lasting if settings["min_duration_for_nontarget"] else {overall for _, overall in counted}
    if long & ({"NON-CR/NON-PD"} if has_targets else {"NON-CR/NON-PD", "CR"}):
        return "NON-CR/NON-PD"
    if any(overall == "NED" for _, overall in counted):
        return "NED"
    return "PD" if progressed else "NE"


def dated(reads: list, overall: list, settings: dict) -> list:
    """Return dated responses; progression at the first sight of the lesion that proved it (§4.3.5)."""
    seen = [(read["day"], response) for read, response in zip(reads, overall)]
    if "PD" not in overall:
        return seen
    at = first = overall.index("PD")
    for lesion, state in reads[at]["new"].items() if settings["equivocal_dates_back"] else ():
        begun = at
        for place in range(at - 1, -1, -1):
            earlier = reads[place]["new"].get(lesion)
            if earlier == "NOT A LESION":
                break
            begun = place if earlier == "EQUIVOCAL" else begun
        first = min(first, begun) if state == "UNEQUIVOCAL" else first
    if first == at:
        return seen[: at + 1]
    stays = first if settings["equivocal_timepoint"] == "progression" else first + 1
    return [*seen[:stays], (seen[first][0], "PD")]


def reads_of(package: Package):
    """Return each reader's visits of each subject, from TR; visits without any finding from responses.csv."""
    trial = {row["subject"]: f"{row['trial']}-{row['subject']}" for row in package.table("subjects.csv")}
    visits = {(row["subject"], row["timepoint"]): row for row in package.table("timepoints.csv")}
    left = package.left()
    readers: dict = {}
    for row in package.table("responses.csv"):
        visit = visits.get((row["subject"], row["timepoint"]))
        if visit is None:
            raise Damaged(f"responses.csv has {row['subject']} {row['timepoint']}, timepoints.csv has not.")
        read = {
            "number": Fraction(visit["visit_number"]),
            "text": visit["visit_number"],
            "day": int(visit["study_day"] or visit["planned_day"]),
            "evaluable": row["image_quality"] != "not_evaluable",
            "review": left.get((row["subject"], row["timepoint"], row["evalid"])),
            "targets": {},
            "nontargets": {},
            "new": {},
        }
        readers.setdefault((trial.get(row["subject"], ""), row["evalid"]), []).append(read)
    groups = {}
    for (subject, evalid), reads in readers.items():
        reads.sort(key=lambda read: read["number"])
        last = None
        for read in reads:
            elapsed = read["day"] - 1 if read["day"] > 0 else read["day"]
            last = read["day"] = elapsed if last is None else max(elapsed, last + 1)
            groups[subject, "R" + evalid.split(" ")[-1] + "-" + read["text"]] = read
    for row in package.table("sdtm/json/tr.json"):
        read = groups.get((row["USUBJID"], row["TRLNKGRP"]))
        if read is None:
            raise Damaged(f"TR has {row['USUBJID']} {row['TRLNKGRP']}, responses.csv has no such read.")
        lesion = row["TRLNKID"].split(".")[0]
        if row["TRGRPID"] == "TARGET" and row["TRTESTCD"] in ("LDIAM", "LPERP"):
            size = None if row["TRSTRESN"] is None else Fraction(row["TRSTRESN"])
            earlier = read["targets"].get(lesion, (Fraction(0), None))[0]
            whole = None if size is None or earlier is None else earlier + size
            read["targets"][lesion] = (whole, row["TRTESTCD"] == "LPERP")
        elif row["TRTESTCD"] == "TUMSTATE":
            read["new" if row["TRGRPID"] == "NEW" else "nontargets"][lesion] = row["TRORRES"]
    return readers


def check_responses(package: Package):
    """Each sum, change and response is what follows from the measurements."""
    settings = package.json("criteria.json")["parameters"]
    nodal = {
        (f"{row['trial']}-{row['subject']}", "R" + row["evalid"].split(" ")[-1] + "-" + row["lesion"])
        for row in package.table("lesions.csv")
        if row["nodal"] == "Y"
    }
    recorded: dict = {}
    for domain, value in (("TR", "TRSTRESN"), ("RS", "RSSTRESC")):
        for row in package.table(f"sdtm/json/{domain.lower()}.json"):
            if not row.get("TRLNKID"):
                where = row[f"{domain}LNKGRP"] or row["RSEVALID"]
                record = f"{domain} record {domain}SEQ {row[f'{domain}SEQ']}"
                recorded[row["USUBJID"], where, row[f"{domain}TESTCD"]] = (record, row[value])
    visit = {(row["subject"], row["timepoint"]): row["visit_number"] for row in package.table("timepoints.csv")}
    for (subject, timepoint, evalid), row in package.left().items():
        where = "R" + evalid.split(" ")[-1] + "-" + visit.get((subject, timepoint), "")
        recorded[f"{row['trial']}-{subject}", where, BEFORE] = (f"{REVIEWS}: a record", row["derived_response"])
    for (subject, evalid), reads in reads_of(package).items():
        reader = "R" + evalid.split(" ")[-1]
        own = {lesion for one, lesion in nodal if one == subject}
        for where, code, follows in derived(reads, settings, own):
            name = evalid if where is None else f"{reader}-{where}"
            missing = ("TR record TRSEQ 0" if "D" in code[-2:] else "RS record RSSEQ 0", None)
            record, says = recorded.pop((subject, name, code), missing)
            if not same(says, shown(follows)):
                yield (
                    f"{record} of {subject} ({name}, {code}) says "
                    f"{says if says not in (None, '') else 'nothing'}; from the measurements follows "
                    f"{shown(follows) if follows not in (None, '') else 'nothing'}."
                )
    for (subject, where, code), (record, says) in recorded.items():
        if where not in ("", "ADJUDICATOR") and code not in ("TUMSTATE",):
            yield f"{record} of {subject} ({where}, {code}) says {says}; nothing asks for it."


def shown(value: object):
    """Return a value as text; a number with as many decimals as it has."""
    if not isinstance(value, Fraction):
        return value
    digits = 0
    while value * 10**digits != int(value * 10**digits) and digits < 60:
        digits += 1
    text = str(abs(int(value * 10**digits))).rjust(digits + 1, "0")
    sign = "-" if value < 0 else ""
    return sign + (text[:-digits] + "." + text[-digits:] if digits else text)


def derived(reads: list, settings: dict, nodal: set):
    """Give visit, test and result of one reader's subject; the best response without a visit."""
    if reads[0]["number"] != 1 or not reads[0]["evaluable"]:
        later = [read for read in reads if read["number"] != 1]
        for read in later:
            yield read["text"], "NEWLIND", "N"
        yield from told(later, ["NE" for _ in later], "NE", settings)
        return
    baseline, *later = reads
    subject = Recist(settings, baseline, nodal)
    if subject.targets:
        yield baseline["text"], "SUMDIAM", subject.base
    overall = []
    for read in later:
        found = subject.visit(read)
        overall.append(found.pop("OVRLRESP"))
        for code, value in found.items():
            if value is not None:
                yield read["text"], code, value
    yield from told(later, overall, best(dated(later, overall, settings), settings, bool(subject.targets)), settings)


def told(later: list, overall: list, follows: str, settings: dict):
    """Give the responses of all visits and the best one, as the reader left them in the global review, if at all.

    The best one stays as it follows from the measurements, unless what was changed makes another one of the responses.
    """
    left = [read["review"]["overall_response"] if read["review"] else said for read, said in zip(later, overall)]
    for read, was, now in zip(later, overall, left):
        yield read["text"], "OVRLRESP", now
        if read["review"]:
            yield read["text"], BEFORE, was
    days = [read["day"] for read in later]
    was, now = (stated(list(zip(days, responses)), settings) for responses in (overall, left))
    yield None, "BESTRESP", follows if was == now else now


def stated(seen: list, settings: dict) -> str:
    """Return the best overall response of stated ones: disease after CR may be PD, targets are told from them."""
    judged = settings["disease_after_cr"] == "progression"
    said = {overall for _, overall in seen[: end(seen, judged) + 1]}
    return best(seen, settings, "NON-CR/NON-PD" not in said or bool(said & {"PR", "SD"}), judged)


# ---- times to event, and rates --------------------------------------------------------------------------------------

TIMES, RATES, BEST = "time_to_event.csv", "response_rates.csv", "best_overall_response.csv"
#: By the code of censoring: what happened, and which day the date is.
ENDED = {
    0: ("PROGRESSION BY IMAGING", ""),
    1: ("NO PROGRESSION SEEN", "LAST EVALUABLE TIMEPOINT"),
    2: ("NO EVALUABLE TIMEPOINT AFTER DAY 1", "DAY 1"),
    3: ("PROGRESSION AFTER MORE THAN ONE MISSED VISIT", "LAST EVALUABLE TIMEPOINT BEFORE THE MISSED VISITS"),
}


def seen_by(package: Package) -> dict:
    """Return overall responses of RS by subject and reader, and those that are accepted by subject and nobody."""
    found: dict = {}
    for row in package.table("sdtm/json/rs.json"):
        if row["RSTESTCD"] == "OVRLRESP":
            for who in [row["RSEVALID"], *([""] if row["RSACPTFL"] == "Y" else [])]:
                found.setdefault((row["USUBJID"], who), {})[Fraction(row["VISITNUM"])] = row
    return found


def check_times(package: Package, recist: bool):
    """Each time to event follows from the responses of RS and the schedule, and each rate from the best responses."""
    if TIMES not in package.members:
        return
    responses, expected, visits = seen_by(package), {}, {}
    for row in package.table("timepoints.csv"):
        visits.setdefault(row["subject"], []).append(row)
    rates: dict = {}
    adrs = {(r["USUBJID"], r["EVALID"]): r for r in package.table("adam/json/adrs.json") if r["PARAMCD"] == "RSP"}
    for row in package.table(BEST):
        name = f"{row['trial']}-{row['subject']}"
        evalid = {"ADJUDICATED": "ADJUDICATOR", "NOT READ": ""}.get(row["evalid"], row["evalid"])
        analysed = adrs.get((name, evalid), {}).get("AVALC")
        responded = row["best_overall_response"] in RESPONSE
        if recist and analysed != ("Y" if responded else "N"):
            yield f"ADRS: RSP of {name} ({evalid}) is {analysed}; the best response is {row['best_overall_response']}."
        responded = responded if recist else analysed == "Y"
        said = responses.get((name, "" if row["acptfl"] == "Y" else row["evalid"]), {})
        if recist:
            yield from check_progression(row, visits[row["subject"]], said)
        for parameter, found in times_of(row, visits[row["subject"]], said, responded):
            expected[row["subject"], parameter, row["evalid"]] = (row["acptfl"], *found)
        for whose in [row["evalid"]] * (row["evalid"].startswith("READER")) + ["ACCEPTED"] * (row["acptfl"] == "Y"):
            rates.setdefault(whose, []).append((row["best_overall_response"], responded))
    days = {row["subject"]: row["shifted_day_1"] for row in package.table("subjects.csv")}
    for row in package.table(TIMES):
        follows = expected.pop((row["subject"], row["parameter"], row["evalid"]), None)
        yield from check_time(row, follows, days.get(row["subject"], ""))
    for subject, parameter, evalid in expected:
        yield f"{TIMES} has no {parameter} of {subject} ({evalid}), which follows from RS."
    yield from check_analysis(package)
    yield from check_rates(package, rates)


def check_progression(row: dict, visits: list, said: dict):
    """Progression is at the first PD of RS, or before it where an equivocal lesion dates it back (§4.3.5)."""
    at = {visit["timepoint"]: Fraction(visit["visit_number"]) for visit in visits}
    first = min((number for number, one in said.items() if one["RSSTRESC"] == "PD"), default=None)
    progressed = at.get(row["progression_timepoint"])
    if first is not None and (progressed is None or progressed > first):
        stated = row["progression_timepoint"] or "none"
        yield f"{BEST}: progression of {row['subject']} ({row['evalid']}) is {stated}; RS has PD at VISITNUM {first}."


def times_of(row: dict, visits: list, said: dict, responded: bool):
    """Give parameter and (start, end, code of censoring, timepoint) of one result, from the responses of RS."""
    read, missed, last, progressed, response = {}, 0, None, None, None
    many = 0
    for visit in visits:
        day = int(visit["study_day"] or visit["planned_day"])
        one = said.get(Fraction(visit["visit_number"]))
        first = visit is visits[0]
        if one is not None or first:
            read[visit["timepoint"]] = day
        if visit["timepoint"] == row["progression_timepoint"]:
            progressed, many = (day, visit["timepoint"]) if one is not None else None, missed
            break
        if one is not None and one["RSSTRESC"] not in ("", "NE") and day > 0 and (last is None or day > last[0]):
            last, missed = (day, visit["timepoint"]), 0
        elif not first and "." not in visit["visit_number"]:
            missed += 1
    response = read.get(row["first_response_timepoint"]) if responded else None
    censored = (*last[:1], 1, last[1]) if last else (1, 2, "")
    every = (max(progressed[0], 1), 0, progressed[1]) if progressed else censored
    by_fda = ((*last[:1], 3, last[1]) if last else (1, 3, "")) if progressed and many > 1 else every
    for name, end in (("", every), ("FDA", by_fda)):
        yield f"PFS{name}", (1, *end)
        if response is not None:
            yield f"DOR{name}", (response, *end)


def check_time(row: dict, follows, first: str):
    """One row says what follows."""
    record = f"{TIMES}: {row['parameter']} of {row['subject']} ({row['evalid']})"
    if follows is None:
        yield f"{record} is there; nothing in RS asks for it."
        return
    accepted, start, end, censored, timepoint = follows
    told = {
        "acptfl": accepted,
        "start_day": start,
        "start_shifted_date": on_day(first, start),
        "end_day": end,
        "end_shifted_date": on_day(first, end),
        "days": max(end - start + 1, 1),
        "event": "Y" if censored == 0 else "",
        "censored": censored,
        "description": ENDED[censored][0],
        "censoring_date": ENDED[censored][1],
        "timepoint": timepoint,
    }
    for column, value in told.items():
        if row[column] != str(value):
            follows = "nothing" if value == "" else value
            yield f"{record} has {column} {row[column] or 'empty'}; from RS follows {follows}."


def on_day(first: str, day: int) -> str:
    """Return the shifted date of a study day: there is no day 0."""
    if not first:
        return ""
    begun = datetime.date.fromisoformat(first)
    return (begun + datetime.timedelta(days=day - 1 if day > 0 else day)).isoformat()


def check_analysis(package: Package):
    """ADTTE and ADRS say what the CSV tables say, of records that RS has."""
    whose = {"ADJUDICATED": "ADJUDICATOR", "NOT READ": ""}
    times = {
        (f"{row['trial']}-{row['subject']}", row["parameter"], whose.get(row["evalid"], row["evalid"])): row
        for row in package.table(TIMES)
    }
    best = {
        (f"{row['trial']}-{row['subject']}", "BOR", whose.get(row["evalid"], row["evalid"])): row
        for row in package.table(BEST)
    }
    numbers = {(row["USUBJID"], row["RSSEQ"]): row for row in package.table("sdtm/json/rs.json")}
    pairs = (("STARTDT", "start_shifted_date"), ("ADT", "end_shifted_date"), ("ADY", "end_day"), ("AVAL", "days"))
    pairs += (("CNSR", "censored"), ("EVNTDESC", "description"), ("CNSDTDSC", "censoring_date"))
    everywhere = (("ANL01FL", "acptfl"), ("SUBJID", "subject"), ("SITEID", "site"))
    parts = (
        ("ADTTE", times, (*pairs, *everywhere)),
        ("ADRS", best, (("AVALC", "best_overall_response"), *everywhere)),
    )
    for name, table, columns in parts:
        left = dict(table)
        for row in package.table(f"adam/json/{name.lower()}.json"):
            key = (row["USUBJID"], row["PARAMCD"], row["EVALID"])
            record = f"{name}: {row['PARAMCD']} of {row['USUBJID']} ({row['EVALID']})"
            other = left.pop(key, None) if row["PARAMCD"] != "RSP" else {}
            if other is None:
                yield f"{record} is not in the CSV tables."
                continue
            for variable, column in columns:
                if other and not same(row[variable], other[column]):
                    yield f"{record} has {variable} {row[variable]}; the CSV table has {other[column] or 'nothing'}."
            source = numbers.get((row["USUBJID"], row["SRCSEQ"]))
            fits = source is not None and row["SRCDOM"] == "RS" and row["EVALID"] in (source["RSEVALID"], "ADJUDICATOR")
            if not fits and (row["SRCDOM"] != "DM" or row["SRCSEQ"] is not None):
                yield f"{record} names as its source the record RSSEQ {row['SRCSEQ']}, which is not its own."
        for subject, parameter, evalid in left:
            yield f"{name} has no {parameter} of {subject} ({evalid})."


def check_rates(package: Package, best: dict):
    """Each rate counts the best responses, within limits that are exact: binomial tails of 2.5% (Clopper, Pearson)."""
    told: set = set()
    for row in package.table(RATES):
        found = best.get(row["results"], [])
        of, measure = len(found), row["measure"]
        count = sum(yes if measure == "ORR" else term == measure for term, yes in found)
        told.add((row["results"], measure))
        record = f"{RATES}: {measure} of {row['results']}"
        if (row["count"], row["subjects"]) != (str(count), str(of)):
            yield f"{record} has {row['count']} of {row['subjects']}; the best responses are {count} of {of}."
            continue
        if not are_limits([float(row[column]) / 100 for column in ("percent", "lower", "upper")], count, of):
            yield f"{record}: share and exact limits are not those of {count} of {of}."
    for whose, found in best.items():
        for term in sorted({term for term, _ in found}):
            if (whose, term) not in told and (whose == "ACCEPTED" or len(best) > 2):
                yield f"{RATES} has no {term} of {whose}."


def are_limits(said: list, count: int, of: int) -> bool:
    """Whether share, lower and upper limit are those of so many (Clopper and Pearson 1934)."""
    share, lower, upper = said
    low = lower == 0 if count == 0 else near(lambda chance: tail(count, of, chance), lower)
    high = upper == 1 if count == of else near(lambda chance: 1 - tail(count + 1, of, chance), upper)
    return abs(share - count / of) < 1e-5 and low and high


def tail(count: int, of: int, share: float) -> float:
    """Return the chance of `count` or more of so many."""
    if not 0 < share < 1:
        return float(share >= 1)
    logs = math.log(share), math.log1p(-share)
    choose = [math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1) for k in range(of + 1)]
    return sum(math.exp(choose[k] + k * logs[0] + (of - k) * logs[1]) for k in range(count, of + 1))


def near(chance, share: float) -> bool:
    """Whether the chance passes 2.5% within a rounding of the share."""
    before, after = (chance(share + step) - 0.025 for step in (-1e-5, 1e-5))
    return before * after <= 0


# ---- what was signed ------------------------------------------------------------------------------------------------


def check_statements(package: Package, manifest: dict):
    """Criteria, charter and signatures are those that the manifest states."""
    criteria = package.json("criteria.json")
    if sha256(canonical(criteria)) != manifest["criteria"]["parameters_sha256"]:
        yield "criteria.json: the parameters are not those of the digest in the manifest."
    charter = package.json("charter.json")
    for version in charter["versions"]:
        if sha256(canonical(version["content"])) != version["sha256"]:
            yield f"charter.json: version {version['version']} is not the one of its digest."
    if charter["versions"][-1]["sha256"] != manifest["charter"]["sha256"]:
        yield "charter.json: the last version is not the one that the manifest names."
    signed = {"Database lock": {"trial": manifest["trial"], "state": "locked"}}
    if proposed := manifest["lock"].get("proposed_content_sha256"):
        signed["Proposal of the database lock"] = {"trial": manifest["trial"], "content_sha256": proposed}
    if interim := manifest.get("interim"):
        stated = {name: interim[name] for name in ("number", "purpose", "cut_off", "subjects")}
        what = f"Interim lock {interim['number']}"
        signed[what] = {"trial": manifest["trial"], "level": "interim", **stated}
    for version in charter["versions"]:
        what = f"Imaging charter, version {version['version']}"
        signed[what] = {"trial": charter["trial"], "version": version["version"], "charter": version["content"]}
    for mark in manifest["signatures"]:
        if sha256(canonical(signed.get(mark["what"]))) != mark["content_sha256"]:
            yield f"The signature of {mark['printed_name']} on “{mark['what']}” is not one on what the package holds."


# ---- an audit trail: its chain, and the signature under it ---------------------------------------------------------

# The curve of RFC 8032, section 5.1; points are X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z (section 5.1.4).
PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE = -121665 * pow(121666, PRIME - 2, PRIME) % PRIME
ROOT = pow(2, (PRIME - 1) // 4, PRIME)


def added(one: tuple, other: tuple) -> tuple:
    a = (one[1] - one[0]) * (other[1] - other[0]) % PRIME
    b = (one[1] + one[0]) * (other[1] + other[0]) % PRIME
    c = 2 * one[3] * other[3] * CURVE % PRIME
    d = 2 * one[2] * other[2] % PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME)


def times(count: int, point: tuple) -> tuple:
    found = (0, 1, 1, 0)
    while count:
        if count & 1:
            found = added(found, point)
        point = added(point, point)
        count >>= 1
    return found


def point_of(data: bytes):
    """Return the point that 32 bytes name (section 5.1.3), or None."""
    number = int.from_bytes(data, "little")
    odd, y = number >> 255, number & (2**255 - 1)
    if len(data) != 32 or y >= PRIME:
        return None
    square = (y * y - 1) * pow(CURVE * y * y + 1, PRIME - 2, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * ROOT % PRIME
    if (x * x - square) % PRIME or (x == 0 and odd):
        return None
    if x & 1 != odd:
        x = PRIME - x
    return (x, y, 1, x * y % PRIME)


BASE = point_of((4 * pow(5, PRIME - 2, PRIME) % PRIME).to_bytes(32, "little"))


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature holds (section 5.1.7)."""
    key, commitment = point_of(public_key), point_of(signature[:32])
    answer = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or len(signature) != 64 or answer >= ORDER:
        return False
    hashed = hashlib.sha512(signature[:32] + public_key + message).digest()
    left = times(answer, BASE)
    right = added(commitment, times(int.from_bytes(hashed, "little") % ORDER, key))
    return not ((left[0] * right[2] - right[0] * left[2]) % PRIME or (left[1] * right[2] - right[1] * left[2]) % PRIME)


def check_trail(members: dict, manifest: dict):
    """The events follow upon each other and are those that were signed; checkpoints had their codes."""
    signed = json.loads(members["statement.json"])
    text = signed["statement"].encode()
    if not is_signed(bytes.fromhex(signed["public_key"]), text, bytes.fromhex(signed["signature"])):
        yield "statement.json: the signature does not hold."
    said = json.loads(text)
    rows = list(csv.reader(io.StringIO(members["events.csv"].decode(), newline="")))[1:]
    previous, codes = "0" * 64, {}
    for place, row in enumerate(rows, start=1):
        follows = sha256(previous.encode() + b"\n" + canonical(row[:-1]))
        if row[0] != str(place) or row[-1] != follows:
            yield f"events.csv: event {place} is not the one that was exported: its link does not follow."
            return
        previous, codes[row[0]] = follows, row[7]
    if (len(rows), previous) != (said["events"], said["head"]):
        yield f"events.csv ends with event {len(rows)}; {said['events']} were signed."
    for name in sorted(said["tables"]):
        if sha256(members.get(name, b"")) != said["tables"][name]:
            yield f"{name} is not the one that was signed."
    if (said["trial"], said["locked_at"]) != (manifest["trial"], manifest["lock"]["locked_at"]):
        yield f"{MANIFEST} names another trial or lock than the one that was signed."
    for sequence, code, _ in list(csv.reader(io.StringIO(members["checkpoints.csv"].decode(), newline="")))[1:]:
        if codes.get(sequence) not in (code, ""):
            yield f"events.csv: event {sequence} has not the code that a checkpoint knew."


def verify_trail(members: dict, manifest: dict, problems: list):
    """Return what is wrong with an audit trail, and by whose key it is signed."""
    try:
        problems += check_trail(members, manifest)
        signed = json.loads(members["statement.json"])
        notes = [
            f"The trail is signed with the key {signed['public_key']}: compare it with the installation's.",
            TRAIL_SIGNED,
        ]
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as fault:
        problems.append(f"The audit trail was changed: it cannot be read ({type(fault).__name__}: {fault}).")
        notes = []
    return list(dict.fromkeys(problems)), notes


# ---- an extract of an audit trail: each record under its digest, and the digests under a signature -------------------


def extract_records(members: dict, form: str):
    """Return the records of an extract, one by one: number, and SHA-256 of what the file says."""
    if form == "csv":
        # An event that names a thousand files is longer than the reader takes a cell to be.
        csv.field_size_limit(2**31 - 1)
        text = io.TextIOWrapper(io.BytesIO(members["events.csv"]), encoding="utf-8-sig", newline="")
        rows = csv.reader(text, strict=True)
        place = next(rows, []).index("sequence")
        for row in rows:
            yield int(row[place]), sha256(canonical(row))
        return
    for line in io.BytesIO(members["events.json"]):
        line = line[:-1] if line.endswith(b"\n") else line
        line = line[:-1] if line.endswith(b",") else line
        if line not in (b"[", b"]", b""):
            yield json.loads(line)["sequence"], sha256(line)


def check_extract(members: dict, manifest: dict):
    """Each record is the one of its digest, in the order of its numbers, and the files are those that were signed."""
    signed = json.loads(members["statement.json"])
    text = signed["statement"].encode()
    if not is_signed(bytes.fromhex(signed["public_key"]), text, bytes.fromhex(signed["signature"])):
        yield "statement.json: the signature does not hold."
    said = json.loads(text)
    digests = io.BytesIO(members["digests.txt"])
    count = first = last = 0
    for count, (number, digest) in enumerate(extract_records(members, said["form"]), start=1):
        if digests.readline().strip() != digest.encode() or number <= last:
            yield f"Record {number}, at place {count}, is not the one that was exported."
            break
        first, last = first or number, number
    else:
        if (count, first, last) != (said["events"], said["first"], said["last"]):
            yield f"There are {count} records; {said['events']} were signed, from {said['first']} to {said['last']}."
    for name in sorted(said["files"]):
        if sha256(members.get(name, b"")) != said["files"][name]:
            yield f"{name} is not the one that was signed."
    for name in sorted(set(members) - set(said["files"]) - {"statement.json", MANIFEST}):
        yield f"{name} was put in: it is not part of what was signed."
    if manifest["trial"] != said["trial"]:
        yield f"{MANIFEST} names another trial than the one that was signed."


def verify_extract(members: dict, manifest: dict, problems: list):
    """Return what is wrong with an extract, what it is of, and by whose key it is signed."""
    notes = []
    try:
        problems += check_extract(members, manifest)
        signed = json.loads(members["statement.json"])
        said = json.loads(signed["statement"])
        wanted = "the whole trail" if not said["selection"] else canonical(said["selection"]).decode()
        notes = [
            f"Trial {said['trial']}, exported by {said['by']} at {said['at']}. Asked for: {wanted}.",
            f"{said['events']} of the {said['end']['sequence']} events that the trail had. That the others are not "
            "what was asked for is the installation's word.",
            f"It is signed with the key {signed['public_key']}: compare it with the installation's.",
            EXTRACT_SIGNED,
        ]
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, RecursionError, csv.Error) as fault:
        problems.append(f"The extract was changed: it cannot be read ({type(fault).__name__}: {fault}).")
    return list(dict.fromkeys(problems)), notes


def verify(path: str):
    """Return what is wrong, a sentence each, and what could not be asked."""
    try:
        members, archive = members_of(path)
        manifest = manifest_of(members)
    except Damaged as fault:
        return [str(fault)], []
    problems = list(check_files(members, manifest, archive))
    if manifest.get("exporter") == TRAIL:
        return verify_trail(members, manifest, problems)
    if manifest.get("exporter") == EXTRACT:
        return verify_extract(members, manifest, problems)
    notes = [said for name, said in (("dry_run", DRY_RUN), ("interim", INTERIM)) if name in manifest]
    package = Package(members)
    recist = manifest.get("criteria", {}).get("name") == "RECIST 1.1"
    checks = [
        lambda: check_records(package),
        lambda: check_transport(package),
        lambda: check_tables(package, recist),
        lambda: check_times(package, recist),
        lambda: check_odm(package, manifest),
        lambda: check_statements(package, manifest),
    ]
    if not recist:
        notes.append("The responses were not derived again: this verifier knows RECIST 1.1 only.")
    elif differing_rules(package):
        notes.append(
            "The responses were not derived again: versions of the charter differ in the criteria's parameters."
        )
    else:
        checks.append(lambda: check_responses(package))
    for check in checks:
        try:
            problems += check()
        except Damaged as fault:
            problems.append(str(fault))
        except (KeyError, ValueError, TypeError, AttributeError, IndexError, ZeroDivisionError) as fault:
            problems.append(f"A table was changed: it cannot be read ({type(fault).__name__}: {fault}).")
    return list(dict.fromkeys(problems)), notes


def differing_rules(package: Package) -> bool:
    try:
        versions = package.json("charter.json")["versions"]
        rules = [canonical([v["content"].get(name) for name in ("criteria", "criteria_parameters")]) for v in versions]
    except (Damaged, KeyError, TypeError, AttributeError):
        return False
    return len(set(rules)) > 1


def main(arguments: list) -> int:
    if len(arguments) != 1:
        sys.stderr.write("python3 parallax_verify.py PACKAGE\n")
        return 2
    try:
        problems, notes = verify(arguments[0])
    except NoPackage as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    for note in notes:
        sys.stdout.write(f"Note: {note}\n")
    if not problems:
        holds = {TRAIL_SIGNED: TRAIL_HOLDS, EXTRACT_SIGNED: EXTRACT_HOLDS, DRY_RUN: DRY_RUN_HOLDS}
        sys.stdout.write(f"{next((holds[note] for note in notes if note in holds), PACKAGE_HOLDS)}\n")
        return 0
    for problem in problems[:MOST_SENTENCES]:
        sys.stdout.write(f"{problem}\n")
    if len(problems) > MOST_SENTENCES:
        sys.stdout.write(f"And {len(problems) - MOST_SENTENCES} more.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
