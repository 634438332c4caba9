"""The site's own list: which of its patients became which subject.

It is read from the originals each time, and kept nowhere. Who a subject is stands in no row of the database: while
the originals lie in quarantine they say it; when they have left, only the hospital's own systems know.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Min, Q, QuerySet

from compliance import access, audit, confined, keys
from compliance.errors import HouseError
from compliance.models import User
from compliance.spreadsheets import harmless
from imaging.models import ImagingStudy, ReceivedInstance
from imaging.services import originals
from trials.models import Site

LEFT = "The original has left quarantine."
UNREADABLE = "The original cannot be read now. Tell the trial administrator if this stays so."
COLUMNS = (
    "Subject",
    "Timepoint",
    "Patient ID",
    "Issuer of Patient ID",
    "Patient name",
    "Birth date",
    "Scan date",
    "Scan date in the trial",
    "Study Instance UID",
    "Study Instance UID in the trial",
    "Note",
)
#: Studies whose originals are opened at a time.
_AT_ONCE = 100
#: Seconds that reading a header may take.
_PATIENCE = 10


@dataclass(frozen=True, slots=True)
class Identity:
    """A study in the archive, and whose it is. `note` says why the latter is empty."""

    subject: str
    timepoint: str
    archived_on: str
    archived_uid: str
    patient_id: str = ""
    issuer: str = ""
    patient_name: str = ""
    birth_date: str = ""
    scanned_on: str = ""
    study_uid: str = ""
    note: str = ""


def studies_of(site: Site) -> QuerySet[ImagingStudy]:
    """Archived studies of a site's subjects; `original` is the number of the first instance that it sent of each."""
    of_the_site = Q(series__instances__received__transfer__site=site)
    studies = ImagingStudy.objects.filter(timepoint__subject__site=site).select_related("timepoint__subject")
    return studies.annotate(original=Min("series__instances__received", filter=of_the_site)).order_by(
        "timepoint__subject__code", "timepoint__day", "pk"
    )


def look_up(*, site: Site, studies: Sequence[ImagingStudy], actor: User, at: dt.datetime) -> list[Identity]:
    """Say whose these studies (`studies_of`) are; that somebody looked is recorded, and of how many studies.

    Raises
    ------
    AccessDenied
        The person is not a coordinator of this site.
    KeyMissing
        The trial's key cannot be read, and no original without it.
    """
    _begin(site, "site.identities_viewed", len(studies), actor, at)
    return list(_identities(studies, site))


def as_csv(*, site: Site, actor: User, at: dt.datetime) -> Iterator[str]:
    """Return the list of all studies of a site as CSV, line by line; that somebody took it is recorded.

    It begins with the mark by which spreadsheets know UTF-8. What they would compute, or change by taking it for a
    number or a date, has an apostrophe before it.

    Raises
    ------
    AccessDenied, KeyMissing
        As in `look_up`, and before the first line.
    """
    studies = studies_of(site)
    _begin(site, "site.identities_downloaded", studies.count(), actor, at)
    return _lines(_identities(_in_pieces(studies), site))


def _begin(site: Site, action: str, count: int, actor: User, at: dt.datetime) -> None:
    access.require(actor, "imaging.see_identities", site)
    keys.of_originals(site.trial.code)
    audit.record(action, site, actor=actor, at=at, after={"studies": count})


def _in_pieces(studies: QuerySet[ImagingStudy]) -> Iterator[ImagingStudy]:
    numbers = list(studies.values_list("pk", flat=True))
    for start in range(0, len(numbers), _AT_ONCE):
        yield from studies.filter(pk__in=numbers[start : start + _AT_ONCE])


def _identities(studies: Iterable[ImagingStudy], site: Site) -> Iterator[Identity]:
    for study in studies:
        found, note = _read(study, site)
        yield Identity(
            subject=study.timepoint.subject.code,
            timepoint=study.timepoint.code,
            archived_on=study.shifted_date.isoformat() if study.shifted_date else "",
            archived_uid=study.study_instance_uid,
            note=note,
            **found,
        )


def _read(study: ImagingStudy, site: Site) -> tuple[dict[str, str], str]:
    """What a study's original says, or why that is not known."""
    received = ReceivedInstance.objects.filter(pk=study.original).first()  # type: ignore[attr-defined]  # annotated
    if received is None:
        return {}, LEFT
    try:
        with originals.on_disk(received, trial_code=site.trial.code) as path:
            found: dict[str, str] = confined.call("imaging.deid.identities:identity_in", str(path), seconds=_PATIENCE)
    except (originals.OriginalGone, FileNotFoundError):
        return {}, LEFT
    except (HouseError, OSError, confined.Failed):
        return {}, UNREADABLE
    return found, ""


def _lines(rows: Iterable[Identity]) -> Iterator[str]:
    yield "\ufeff" + _line(COLUMNS)
    for row in rows:
        yield _line(
            (
                row.subject,
                row.timepoint,
                _as_text(row.patient_id),
                _as_text(row.issuer),
                harmless(row.patient_name),
                harmless(row.birth_date),
                row.scanned_on,
                row.archived_on,
                row.study_uid,
                row.archived_uid,
                row.note,
            )
        )


def _line(cells: Sequence[str]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()


def _as_text(identifier: str) -> str:
    """An identifier that a spreadsheet leaves as it is: no zeros dropped, no digits rounded, no date made of it."""
    plain = re.fullmatch(r"[1-9][0-9]{0,14}|[^0-9]*", identifier) is not None
    return harmless(identifier) if plain else f"'{identifier}"
