"""SDTM as plain values: how a domain is declared, and what its records have in common.

A domain is one file, `cdisc_<domain>.py`, with a `Domain` and a function from a locked trial to its records. Texts are
transliterated to ASCII here, once, as transport files can hold no other; the CSV tables keep them as they were entered.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from anyascii import anyascii

from compliance.errors import HouseError
from reading.exports.endpoint_tables import numbered
from reading.exports.locked import LockedSubject, LockedTimepoint, LockedTrial

Value = str | int | Decimal | dt.date | None
Record = Mapping[str, Value]

IG = ("SDTMIG", "3.4")
INDEPENDENT = "INDEPENDENT ASSESSOR"
MOST_CHARACTERS = 200
READ = "Collected"
"""Origin of what a reader, a site or a scanner said."""
DERIVED = "Derived"
ASSIGNED = "Assigned"
PLANNED = "Protocol"
NOT_AVAILABLE = "Not Available"


class NotSdtm(HouseError):
    """A value does not fit into an SDTM dataset."""

    code = "not_sdtm"
    status = 409


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of a domain.

    Attributes
    ----------
    kind
        text, integer, decimal or date: as in Define-XML; a date is ISO 8601 text. A day is the date of an analysis
        dataset: a number of days in a transport file, shown as a date.
    origin
        As in Define-XML 2.1: Collected, Derived, Assigned, Protocol.
    method
        How it was derived, in words.
    terms
        Its permitted values with their meaning, where they are ours to list.
    without
        Why it never has a value, where the guide expects the variable all the same (SDTMIG 4.1.5).
    """

    name: str
    label: str
    kind: str = "text"
    origin: str = ASSIGNED
    method: str = ""
    terms: tuple[tuple[str, str], ...] = ()
    without: str = ""

    @property
    def numeric(self) -> bool:
        """Whether a transport file holds it as a number."""
        return self.kind in ("integer", "decimal", "day")


@dataclass(frozen=True, slots=True)
class Domain:
    """One dataset as it is declared: `key` names the variables that together name a record.

    `standard` is the guide that it follows, `subclass` the kind of its class, which analysis datasets have.
    """

    name: str
    label: str
    structure: str
    category: str
    key: tuple[str, ...]
    variables: tuple[Variable, ...]
    standard: tuple[str, str] = IG
    subclass: str = ""

    @property
    def tabulates(self) -> bool:
        """Whether it holds what was found (SDTM), and not an analysis of it."""
        return self.standard == IG


@dataclass(frozen=True, slots=True)
class Dataset:
    """A domain with its records, in order; what a record does not say is empty."""

    domain: Domain
    records: tuple[Record, ...]

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The domain's variables, in order."""
        return self.domain.variables

    def rows(self) -> Iterator[tuple[Value, ...]]:
        """Every record as values in the order of the variables; an absent text is empty, an absent number None."""
        for record in self.records:
            yield tuple(
                record.get(variable.name) if variable.numeric else record.get(variable.name) or ""
                for variable in self.variables
            )


def identifiers(domain: str) -> tuple[Variable, ...]:
    """Return the variables with which every record of a subject's domain begins."""
    return (
        Variable("STUDYID", "Study Identifier", origin=PLANNED),
        Variable("DOMAIN", "Domain Abbreviation", terms=((domain, domain),)),
        Variable("USUBJID", "Unique Subject Identifier", method="STUDYID and the subject's code, with a hyphen."),
    )


def sequence(domain: str) -> Variable:
    """Return --SEQ."""
    return Variable(f"{domain}SEQ", "Sequence Number", "integer", DERIVED, "Number of the record within the subject.")


def evaluator(domain: str) -> tuple[Variable, ...]:
    """Return --EVAL, --EVALID and --ACPTFL: who evaluated, and whether it counts."""
    return (
        Variable(f"{domain}EVAL", "Evaluator", terms=((INDEPENDENT, "A reader of the imaging core lab"),)),
        Variable(f"{domain}EVALID", "Evaluator Identifier", terms=EVALUATORS),
        Variable(
            f"{domain}ACPTFL",
            "Accepted Record Flag",
            origin=DERIVED,
            method="Y on the records of the reader whose evaluation the charter's rules or the adjudicator accepted.",
            terms=(("Y", "Yes"),),
        ),
    )


EVALUATORS = (
    ("READER 1", "Reader in the first place of the pair"),
    ("READER 2", "Reader in the second place of the pair"),
    ("ADJUDICATOR", "The accepted evaluations, where they are not those of one reader"),
)


def before_exposure(domain: str) -> Variable:
    """Return --LOBXFL, which the guide expects and only the sponsor can fill."""
    return Variable(
        f"{domain}LOBXFL",
        "Last Observation Before Exposure Flag",
        origin=NOT_AVAILABLE,
        without="The imaging core lab does not know when a subject was first treated (RFXSTDTC).",
    )


def timing(domain: str, what: str) -> tuple[Variable, ...]:
    """Return VISITNUM, VISIT, --DTC and --DY; `what` is the word of the guide for what was dated."""
    return (
        Variable(
            "VISITNUM",
            "Visit Number",
            "decimal",
            PLANNED,
            "Place in the charter's schedule, from 1; an unscheduled visit has a fraction.",
        ),
        Variable("VISIT", "Visit Name", origin=PLANNED),
        Variable(
            f"{domain}DTC",
            f"Date/Time of {what}",
            "date",
            READ,
            "Date of the scan, shifted by one constant number of days for each subject.",
        ),
        Variable(
            f"{domain}DY",
            f"Study Day of {what}",
            "integer",
            DERIVED,
            "Days from RFSTDTC to the scan; plus 1 on and after RFSTDTC: there is no day 0.",
        ),
    )


def ascii_text(text: str) -> str:
    """Return a text in ASCII and on one line: letters of other scripts become the nearest Latin ones."""
    return " ".join(anyascii(text).split())


def short(text: str) -> str:
    """Return a text for a variable of a domain: in ASCII; what is too long for a transport file is refused.

    Raises
    ------
    NotSdtm
        It has more than 200 characters.
    """
    made = ascii_text(text)
    if len(made) > MOST_CHARACTERS:
        raise NotSdtm(
            f"The package was not built: the text that begins with “{made[:30]}” has {len(made)} characters, and a "
            f"variable of SDTM takes {MOST_CHARACTERS}. Shorten it in the charter."
        )
    return made


def split(text: str) -> list[str]:
    """Return a text of any length as pieces of at most 200 ASCII characters, divided between words where possible."""
    rest, pieces = ascii_text(text), []
    while len(rest) > MOST_CHARACTERS:
        cut = rest.rfind(" ", 1, MOST_CHARACTERS + 1)
        cut = MOST_CHARACTERS if cut < 1 else cut
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*pieces, rest] if rest else pieces


def usubjid(trial: LockedTrial, subject: LockedSubject) -> str:
    """Name a subject uniquely among all trials of a sponsor."""
    return short(f"{trial.code}-{subject.code}")


def begin(trial: LockedTrial, subject: LockedSubject, domain: str) -> dict[str, Value]:
    """Return what every record of a subject begins with."""
    return {"STUDYID": short(trial.code), "DOMAIN": domain, "USUBJID": usubjid(trial, subject)}


@dataclass(frozen=True, slots=True)
class Visit:
    """A timepoint with its number."""

    number: Decimal
    timepoint: LockedTimepoint

    def when(self, domain: str) -> dict[str, Value]:
        """Return the record's timing."""
        return {
            "VISITNUM": self.number,
            "VISIT": short(self.timepoint.name).upper(),
            f"{domain}DTC": iso(self.timepoint.shifted_date),
            f"{domain}DY": self.timepoint.study_day,
        }


def visits(subject: LockedSubject) -> list[Visit]:
    """Return a subject's visits with their numbers."""
    return [Visit(number, timepoint) for number, timepoint in numbered(subject.timepoints)]


def iso(day: dt.date | None) -> str:
    """Return a date as SDTM writes it; empty without one."""
    return "" if day is None else day.isoformat()


def who(evalid: str) -> str:
    """Return a reader's place as it stands in identifiers: R1, R2."""
    return "R" + evalid.rpartition(" ")[2]


def link(evalid: str, lesion: str, part: int = 0) -> str:
    """Name a lesion of one reader, uniquely within the subject: R1-T01; a part of one that split R1-T01.1."""
    return f"{who(evalid)}-{lesion}" + (f".{part}" if part else "")


def group(evalid: str, visit: Visit) -> str:
    """Name what one reader found at one visit: what a response rests on."""
    return f"{who(evalid)}-{format(visit.number, 'f')}"


def assessed(domain: str, evalid: str, accepted: bool) -> dict[str, Value]:
    """Return who evaluated, and whether it counts."""
    return {
        f"{domain}EVAL": INDEPENDENT,
        f"{domain}EVALID": evalid,
        f"{domain}ACPTFL": "Y" if accepted else "",
    }


def in_sequence(domain: str, records: Iterable[Mapping[str, Value]]) -> tuple[Record, ...]:
    """Number the records of each subject, from 1 in the order in which they come."""
    counts: dict[Value, int] = {}
    made = []
    for record in records:
        counts[record["USUBJID"]] = counts.get(record["USUBJID"], 0) + 1
        made.append({**record, f"{domain}SEQ": counts[record["USUBJID"]]})
    return tuple(made)


def text_of(number: Decimal | int) -> str:
    """Return a number as --ORRES and --STRESC hold it."""
    return format(number, "f") if isinstance(number, Decimal) else str(number)
