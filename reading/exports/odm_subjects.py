"""The clinical data of an ODM file: each subject's visits, forms and items, with who signed them and when."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from xml.sax.saxutils import escape

from reading.exports.csv_table import Table, cell
from reading.exports.endpoint_columns import VALUES
from reading.exports.endpoint_tables import tables
from reading.exports.locked import LockedSubject, LockedTrial, moment
from reading.exports.locked_work import LockedWork
from reading.exports.odm_layout import (
    ADJUDICATION,
    LAYOUT,
    READ,
    REAL_TIME,
    SUBJECT,
    SUBJECT_EVENT,
    VALUE_NAMES,
    VISIT,
    Placed,
    event_of,
    item_of,
)
from reading.exports.signed_work import ADJUDICATION as DECIDED

AUTHORSHIP, CORE_LAB = "SD.AUTHORSHIP", "L.CORE_LAB"
#: Characters that XML 1.0 cannot hold.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_INSTEAD = "\ufffd"
_IN_QUOTES = {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}

#: An item's name and its value.
Item = tuple[str, str]
Row = Mapping[str, str]


def quoted(text: str) -> str:
    """Return a text as an attribute's value; what XML cannot hold is replaced."""
    return f'"{escape(_NO_XML.sub(_INSTEAD, text), _IN_QUOTES)}"'


def content(text: str) -> str:
    """Return a text as the content of an element; what XML cannot hold is replaced."""
    return escape(_NO_XML.sub(_INSTEAD, text))


def user_of(evalid: str) -> str:
    """Name a reader's place as a user: U.READER_1."""
    return f"U.{evalid.replace(' ', '_')}"


@dataclass(slots=True)
class Seen:
    """What was written: of each item the longest value and its most decimals; what each value is; and who signed."""

    items: dict[str, tuple[int, int]] = field(default_factory=dict)
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    numbered: dict[str, int] = field(default_factory=dict)

    def item(self, name: str, value: str) -> None:
        """Take note of an item."""
        longest, decimals = self.items.get(name, (0, 0))
        self.items[name] = max(longest, len(value)), max(decimals, len(value.partition(".")[2]))

    def number(self, kind: str) -> str:
        """Return the next identifier of a kind: AR.1, AR.2."""
        self.numbered[kind] = self.numbered.get(kind, 0) + 1
        return f"{kind}.{self.numbered[kind]}"


def subject_data(trial: LockedTrial, subject: LockedSubject, seen: Seen) -> Iterator[str]:
    """Give the lines of one subject."""
    rows = _rows(replace(trial, subjects=(subject,)), tables(trial))
    yield f"<SubjectData SubjectKey={quoted(f'{trial.code}-{subject.code}')}>"
    yield f"<SiteRef LocationOID={quoted(f'L.SITE.{subject.site}')}/>"
    yield f'<StudyEventData StudyEventOID="{SUBJECT_EVENT}">'
    yield from _form(SUBJECT, "", rows, seen)
    for key in dict.fromkeys(row["adjudicated"] for row in rows.get("adjudications", ())):
        yield from _form(ADJUDICATION, key, rows, seen, _work(subject, DECIDED, key))
    yield "</StudyEventData>"
    for visit in subject.timepoints:
        here = {name: [row for row in found if row.get("timepoint") == visit.code] for name, found in rows.items()}
        yield f"<StudyEventData StudyEventOID={quoted(event_of(visit.code))}>"
        yield from _form(VISIT, "", here, seen)
        for read in visit.reads:
            yield from _form(READ, read.evalid, here, seen, _work(subject, "read", visit.code, read.evalid))
        for key in dict.fromkeys(row["purpose"] for row in here.get("real_time_reads", ())):
            yield from _form(REAL_TIME, key, here, seen)
        yield "</StudyEventData>"
    yield "</SubjectData>"


def _rows(trial: LockedTrial, made: Mapping[Table, Callable[..., Iterator[Sequence[object]]]]) -> dict[str, list[Row]]:
    """Return the rows of one subject as the tables hold them, but for what only a spreadsheet needs."""
    found: dict[str, list[Row]] = {}
    for placed in LAYOUT:
        if placed.table in made:
            columns = [(one.name, "code" if one.kind == "text" else one.kind) for one in placed.table.columns]
            found[placed.oid] = [
                {name: cell(value, kind) for (name, kind), value in zip(columns, row, strict=True) if kind != "json"}
                for row in made[placed.table](trial)
            ]
    return found


def _work(subject: LockedSubject, what: str, timepoint: str, evalid: str = "") -> list[LockedWork]:
    mine = [one for one in subject.work if (one.what, one.timepoint) == (what, timepoint)]
    return [one for one in mine if evalid in ("", one.evalid)]


def _form(
    form: str, key: str, rows: Mapping[str, Sequence[Row]], seen: Seen, work: Sequence[LockedWork] = ()
) -> Iterator[str]:
    repeat = f" FormRepeatKey={quoted(key)}" if key else ""
    yield f'<FormData FormOID="{form}"{repeat}>'
    yield from _signed(work, seen)
    for placed in LAYOUT:
        if placed.form == form:
            mine = [row for row in rows.get(placed.oid, ()) if not placed.key or row[placed.key] == key]
            for place, items in enumerate(_groups(placed, mine, seen), start=1):
                yield _group(placed, place, items, seen)
    yield "</FormData>"


def _signed(work: Sequence[LockedWork], seen: Seen) -> Iterator[str]:
    """Give who signed the version that stands, and when; why an earlier one does not stand is its reason."""
    if work and work[-1].signed_at is not None:
        last = work[-1]
        reason = work[-2].reopened_because if len(work) > 1 else ""
        yield f'<AuditRecord ID="{seen.number("AR")}">{_stamp(last, seen)}{_because(reason)}</AuditRecord>'
        meaning = f'<SignatureRef SignatureOID="{AUTHORSHIP}"/>'
        yield f'<Signature ID="{seen.number("SG")}">{_stamp(last, seen, meaning)}</Signature>'


def _stamp(work: LockedWork, seen: Seen, between: str = "") -> str:
    seen.users.add(work.evalid)
    assert work.signed_at is not None
    return (
        f'<UserRef UserOID="{user_of(work.evalid)}"/><LocationRef LocationOID="{CORE_LAB}"/>{between}'
        f"<DateTimeStamp>{moment(work.signed_at)}</DateTimeStamp>"
    )


def _because(reason: str) -> str:
    return f"<ReasonForChange>{content(reason)}</ReasonForChange>" if reason else ""


def _groups(placed: Placed, rows: Iterable[Row], seen: Seen) -> Iterator[list[Item]]:
    if placed.table is VALUES:
        for (lesion, part), values in groupby(rows, key=lambda row: (row["lesion"], row["part"])):
            where = [("values.lesion", lesion), ("values.part", part)]
            yield [*where, *((_value_name(row, seen), row["number"] or row["text"]) for row in values)]
        return
    for row in rows:
        yield [(item_of(placed.oid, column.name), row[column.name]) for column in placed.items]


def _value_name(row: Row, seen: Seen) -> str:
    """Name a value by all that says what it is: values.diameter_mm.LDIAM.mm.entered."""
    said = (*(row[name] for name in VALUE_NAMES), "derived" if row["derived"] else "entered")
    name = ".".join(("values", *said))
    seen.values[name] = said
    return name


def _group(placed: Placed, place: int, items: Iterable[Item], seen: Seen) -> str:
    told = []
    for name, value in items:
        if value:
            seen.item(name, value)
            told.append(f"<ItemData ItemOID={quoted(name)} Value={quoted(value)}/>")
    return f'<ItemGroupData ItemGroupOID="{placed.oid}" ItemGroupRepeatKey="{place}">{"".join(told)}</ItemGroupData>'


def earlier_versions(trial: LockedTrial, seen: Seen) -> Iterator[str]:
    """Give an audit record of each signature that does not stand, because its read was opened again."""
    for subject in trial.subjects:
        for one in subject.work:
            if one.reopened_because and one.signed_at is not None:
                where = f"{subject.code}, {one.timepoint}, {one.evalid}, version {one.version}"
                source = f"<SourceID>{content(where)}</SourceID>"
                said = f"{_stamp(one, seen)}{_because(one.reopened_because)}{source}"
                yield f'<AuditRecord ID="{seen.number("AR")}">{said}</AuditRecord>'
