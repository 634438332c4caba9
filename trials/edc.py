"""Reading subjects and visits from a file of an EDC system: ODM 1.3.2, of which only a few items are taken.

Made to run in a child process that may be killed (`compliance.confined`): plain values in and out. Everything else in
the file is passed over and kept nowhere; an item that names people refuses its subject, so that it is sent without.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from compliance.errors import HouseError

MOST_BYTES = 20 << 20
MOST_SUBJECTS = 5000
_MOST_LETTERS = 200
#: Items that are taken, by the last word of their OID (CDASH and SDTM): day 1, day of a visit, whether it took place.
DAY_1 = frozenset({"RFSTDTC", "RFSTDAT"})
VISIT_DAY = frozenset({"SVSTDTC", "SVSTDAT", "VISDAT"})
TOOK_PLACE = frozenset({"SVOCCUR", "VISYN"})
#: Items that say who somebody is; a subject with one of them is refused.
NAMING = frozenset(
    {"BRTHDTC", "BRTHDAT", "BIRTHDAT", "DOB", "DMDOB", "INIT", "INITIALS", "SUBJINIT", "NAME", "FIRSTNAME", "LASTNAME"}
    | {"SURNAME", "PHONE", "EMAIL", "ADDRESS", "MRN", "SSN", "PATID"}
)
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(T[\d:.+\-Z]+)?")
_YES_NO = {"Y": True, "YES": True, "1": True, "TRUE": True, "N": False, "NO": False, "0": False, "FALSE": False}


class UnreadableExchange(HouseError):
    """The file is no ODM that can be read; nothing of it is used."""

    code = "odm_unreadable"
    status = 422


def read(content: bytes) -> dict[str, Any]:
    """Read what an ODM file says of subjects and visits.

    Returns
    -------
    dict
        `studies`: the OIDs of its studies. `subjects`: for each `number`, `subject`, `site`, `day_1`, `problems`, and
        `visits`, each with `visit` (the last word of its OID), `date`, `took_place` (None: not said) and `problems`.

    Raises
    ------
    UnreadableExchange
    """
    if len(content) > MOST_BYTES:
        raise UnreadableExchange(f"The file is larger than {MOST_BYTES >> 20} MB. Divide it.")
    try:
        root = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise UnreadableExchange("The file is no XML that can be read. Export it as ODM 1.3.2.") from None
    if _local(root) != "ODM":
        raise UnreadableExchange("The file is XML and no ODM. Export it as ODM 1.3.2.")
    if not root.get("ODMVersion", "1.3").startswith("1.3"):
        raise UnreadableExchange("The file is of another version of ODM than 1.3. Export it as ODM 1.3.2.")
    data = [one for one in root if _local(one) == "ClinicalData"]
    found = [one for part in data for one in part if _local(one) == "SubjectData"]
    if not found:
        raise UnreadableExchange("The file holds no clinical data of any subject.")
    if len(found) > MOST_SUBJECTS:
        raise UnreadableExchange(f"The file has more than {MOST_SUBJECTS:,} subjects. Divide it.")
    studies = sorted({one.get("StudyOID", "")[:_MOST_LETTERS] for one in data})
    return {"studies": studies, "subjects": [_subject(number, one) for number, one in enumerate(found, start=1)]}


def _subject(number: int, element: Element) -> dict[str, Any]:
    problems: list[str] = []
    if element.get("TransactionType", "") == "Remove":
        problems.append("A subject is not removed by a file. Withdraw it on its page, with the reason.")
    site = next((one.get("LocationOID", "") for one in element if _local(one) == "SiteRef"), "")
    events = [one for one in element if _local(one) == "StudyEventData"]
    items = list(_items(element))
    if naming := sorted({name for name, _ in items if name in NAMING}):
        problems.append(f"The file says who the subject is ({', '.join(naming)}). Export it without.")
    days = sorted({value for name, value in items if name in DAY_1 and value})
    if len(days) > 1:
        problems.append("Day 1 is there more than once, with different dates.")
    day_1, fault = _day(days[0] if days else "")
    if fault or not days:
        problems.append(f"Day 1 (RFSTDTC): {fault or 'This is missing.'}")
    return {
        "number": number,
        "subject": element.get("SubjectKey", "").strip()[:_MOST_LETTERS],
        "site": _last_word(site)[:_MOST_LETTERS],
        "day_1": day_1,
        "problems": problems,
        "visits": [told for one in events if (told := _visit(one)) is not None],
    }


def _visit(element: Element) -> dict[str, Any] | None:
    """What is said of a visit; None where nothing is that is taken."""
    items = dict(_items(element))
    date = next((value for name, value in items.items() if name in VISIT_DAY and value), "")
    said = next((value for name, value in items.items() if name in TOOK_PLACE and value), "")
    if not date and not said:
        return None
    day, fault = _day(date)
    problems = [f"The day of the visit: {fault}"] if fault else []
    took_place = _YES_NO.get(said.upper()) if said else None
    if said and took_place is None:
        problems.append("Whether the visit took place is said neither as Y nor as N.")
    if took_place is False and date:
        problems.append("The visit has a day, and is said not to have taken place.")
    visit = _last_word(element.get("StudyEventOID", ""))[:_MOST_LETTERS]
    return {"visit": visit, "date": day, "took_place": took_place, "problems": problems}


def _items(element: Element) -> Iterator[tuple[str, str]]:
    """Yield name and value of every item below."""
    for one in element.iter():
        if _local(one).startswith("ItemData"):
            value = one.get("Value") if "Value" in one.attrib else one.text
            yield _last_word(one.get("ItemOID", "")).upper(), (value or "").strip()[:_MOST_LETTERS]


def _day(said: str) -> tuple[str, str]:
    """Return a date in ISO 8601 without its time, and what is wrong with it."""
    if not said:
        return "", ""
    match = _DATE.fullmatch(said)
    try:
        return dt.date.fromisoformat(match[1] if match else "").isoformat(), ""
    except ValueError:
        return "", "A date is written like 2026-01-31, with year, month and day."


def _last_word(oid: str) -> str:
    return oid.strip().rpartition(".")[2]


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
