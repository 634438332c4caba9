"""SUPPTU, SUPPTR and SUPPRS: what readers said that the domains have no variable for."""

from __future__ import annotations

from collections.abc import Iterator

from reading.exports.locked import LockedLesion, LockedRead, LockedSubject, LockedTrial
from reading.exports.sdtm import (
    Dataset,
    Domain,
    Record,
    Value,
    Variable,
    group,
    iso,
    link,
    split,
    usubjid,
    visits,
)

#: What a value is called, and how; of a text in pieces the first. A name has room for one digit more.
NAMES = {
    "TUDESC": "Description of the Lesion",
    "TRREAS": "Reason for the State of the Lesion",
    "IMGQUAL": "Image Quality",
    "READCOM": "Comment of the Reader",
    "STATRSP": "Response Stated Against the Derived One",
    "STATREA": "Reason for the Stated Response",
    "SIMUL": "Simulated Read",
    "BORCONF": "Best Overall Response Confirmed",
    "PDVISIT": "Visit of Progression",
    "PDDTC": "Date of Progression",
    "RSPVISIT": "Visit of First Response",
    "RSPDTC": "Date of First Response",
    "DRVRESP": "Response Derived, Before Global Review",
    "REVREAS": "Reason for the Change in the Review",
    "ADJREAS": "Rationale of the Adjudicator",
    "CONREAS": "Rationale of the Readers' Consensus",
}


def _domain(parent: str) -> Domain:
    return Domain(
        f"SUPP{parent}",
        f"Supplemental Qualifiers for {parent}",
        f"One record per supplemental qualifier per related {parent} record or group of records",
        "RELATIONSHIP",
        ("STUDYID", "RDOMAIN", "USUBJID", "IDVAR", "IDVARVAL", "QNAM"),
        (
            Variable("STUDYID", "Study Identifier", origin="Protocol"),
            Variable("RDOMAIN", "Related Domain Abbreviation", terms=((parent, parent),)),
            Variable("USUBJID", "Unique Subject Identifier"),
            Variable("IDVAR", "Identifying Variable"),
            Variable("IDVARVAL", "Identifying Variable Value"),
            Variable("QNAM", "Qualifier Variable Name"),
            Variable("QLABEL", "Qualifier Variable Label"),
            Variable("QVAL", "Data Value", origin="Collected"),
            Variable("QORIG", "Origin"),
            Variable("QEVAL", "Evaluator"),
        ),
    )


def supplements(trial: LockedTrial, parents: dict[str, Dataset]) -> list[Dataset]:
    """Return the supplements of TU, TR and RS; one without records is left out."""
    lines = {"TU": list(_of_lesions(trial, parents["TU"])), "TR": [], "RS": []}
    for domain, record in _of_reads(trial, parents):
        lines[domain].append(record)
    lines["RS"] += _of_subjects(trial, parents["RS"])
    return [Dataset(_domain(parent), tuple(records)) for parent, records in lines.items() if records]


class _Of:
    """Writes the values of one record, or of one group of records."""

    def __init__(self, trial: LockedTrial, subject: LockedSubject, parent: str, by: str, value: str) -> None:
        self.head: Record = {
            "STUDYID": trial.code,
            "RDOMAIN": parent,
            "USUBJID": usubjid(trial, subject),
            "IDVAR": by,
            "IDVARVAL": value,
            "QEVAL": "INDEPENDENT ASSESSOR",
        }

    def say(self, name: str, text: str, origin: str = "Collected") -> Iterator[Record]:
        """Give a text; one too long for a record in pieces, as SDTMIG 4.5.3.2 has it."""
        for place, piece in enumerate(split(text)):
            number = str(place) if place else ""
            said: dict[str, Value] = {"QNAM": name + number, "QLABEL": NAMES[name], "QVAL": piece, "QORIG": origin}
            yield {**self.head, **said}


def _of_lesions(trial: LockedTrial, identified: Dataset) -> Iterator[Record]:
    numbers = {(r["USUBJID"], r["TULNKID"]): r["TUSEQ"] for r in identified.records if r["TUTESTCD"] == "TUMIDENT"}
    for subject in trial.subjects:
        for lesion in subject.lesions:
            yield from _of_lesion(trial, subject, lesion, numbers)


def _of_lesion(
    trial: LockedTrial, subject: LockedSubject, lesion: LockedLesion, numbers: dict[tuple[Value, Value], Value]
) -> Iterator[Record]:
    number = numbers[usubjid(trial, subject), link(lesion.evalid, lesion.label)]
    yield from _Of(trial, subject, "TU", "TUSEQ", str(number)).say("TUDESC", lesion.description)


def _of_reads(trial: LockedTrial, parents: dict[str, Dataset]) -> Iterator[tuple[str, Record]]:
    """Give what was said of a whole read, on the group of its findings; of its responses, where it has no finding."""
    findings = parents["TR"].records
    groups = {(r["USUBJID"], r["TRLNKGRP"]) for r in findings}
    numbers = {(r["USUBJID"], r["TRLNKGRP"], r.get("TRLNKID")): r["TRSEQ"] for r in findings}
    responses = {(r["USUBJID"], r.get("RSLNKGRP", "")) for r in parents["RS"].records}
    for subject in trial.subjects:
        for visit in visits(subject):
            for read in visit.timepoint.reads:
                name = group(read.evalid, visit)
                found = (usubjid(trial, subject), name) in groups
                whole = _Of(trial, subject, *(("TR", "TRLNKGRP") if found else ("RS", "RSLNKGRP")), name)
                for entry in read.measurements:
                    number = numbers[usubjid(trial, subject), name, link(read.evalid, entry.lesion, entry.part)]
                    about = _Of(trial, subject, "TR", "TRSEQ", str(number))
                    yield from (("TR", said) for said in about.say("TRREAS", entry.reason))
                if found or (usubjid(trial, subject), name) in responses:
                    yield from (("TR" if found else "RS", said) for said in _of_read(whole, read))
                stated = _Of(trial, subject, "RS", "RSLNKGRP", name)
                yield from (("RS", said) for said in stated.say("STATRSP", read.stated_response))
                yield from (("RS", said) for said in stated.say("STATREA", read.stated_reason))
                yield from (("RS", said) for said in _of_review(stated, subject, visit.timepoint.code, read.evalid))


def _of_read(whole: _Of, read: LockedRead) -> Iterator[Record]:
    yield from whole.say("IMGQUAL", read.image_quality)
    yield from whole.say("READCOM", read.comment)
    if read.simulated:
        yield from whole.say("SIMUL", "Y", "Assigned")


def _of_review(stated: _Of, subject: LockedSubject, timepoint: str, evalid: str) -> Iterator[Record]:
    """Say what a response was before its reader changed it in a global review, and why it was changed."""
    for review in subject.reviews:
        if (review.timepoint, review.evalid) == (timepoint, evalid) and review.response != review.derived:
            yield from stated.say("DRVRESP", review.derived, "Derived")
            yield from stated.say("REVREAS", review.reason)


def _of_subjects(trial: LockedTrial, responses: Dataset) -> Iterator[Record]:
    best = [record for record in responses.records if record["RSTESTCD"] == "BESTRESP"]
    results = [(subject, result) for subject in trial.subjects for result in subject.results]
    for record, (subject, result) in zip(best, results, strict=True):
        about = _Of(trial, subject, "RS", "RSSEQ", str(record["RSSEQ"]))
        if result.confirmed is not None:
            yield from about.say("BORCONF", "Y" if result.confirmed else "N", "Derived")
        for visit, date, code in (
            ("PDVISIT", "PDDTC", result.progression),
            ("RSPVISIT", "RSPDTC", result.first_response),
        ):
            timepoint = subject.timepoint(code)
            if timepoint:
                yield from about.say(visit, timepoint.name.upper(), "Derived")
                yield from about.say(date, iso(timepoint.shifted_date), "Derived")
        if result.accepted:
            for name, together in (("ADJREAS", False), ("CONREAS", True)):
                settled = [a for a in subject.adjudications if a.by_consensus == together]
                yield from about.say(name, " / ".join(a.rationale for a in settled if a.rationale))
