"""ADTTE and ADRS: times to event and best responses as analysis datasets, after ADaMIG 1.3, with their define.xml.

*After* the guide, not of it: an imaging core lab has no ADSL, no arms, no deaths and no treatments. Each record names
the record of RS or DM from which its end comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reading.exports import define_xml, xpt
from reading.exports.cdisc_rs import responses
from reading.exports.dataset_json import dataset_json
from reading.exports.endpoint_tables import numbered
from reading.exports.locked import ADJUDICATED, NOT_READ, LockedResult, LockedTrial
from reading.exports.sdtm import DERIVED, EVALUATORS, PLANNED, READ, Dataset, Domain, Value, Variable, short, usubjid
from reading.exports.time_to_event import ENDS, PARAMETERS, TimeToEvent, times

IG = ("ADaMIG", "1.3")
BASIC = "BASIC DATA STRUCTURE"
_KEY = ("STUDYID", "USUBJID", "PARAMCD", "EVALID")
_BEST, _RESPONDED = "BOR", "RSP"
_RESPONSES = {_BEST: "Best Overall Response", _RESPONDED: "Objective Response"}


def _head(parameters: Mapping[str, str]) -> tuple[Variable, ...]:
    return (
        Variable("STUDYID", "Study Identifier", origin=PLANNED),
        Variable("USUBJID", "Unique Subject Identifier", method="STUDYID and the subject's code, with a hyphen."),
        Variable("SUBJID", "Subject Identifier for the Study", origin=READ),
        Variable("SITEID", "Study Site Identifier", origin=READ),
        Variable("PARAMCD", "Parameter Code", terms=tuple(parameters.items())),
        Variable("PARAM", "Parameter"),
        Variable("PARCAT1", "Parameter Category 1", method="The response criteria of the charter."),
        Variable(
            "EVALID",
            "Evaluator Identifier",
            method="As RSEVALID; empty where nobody read the subject.",
            terms=EVALUATORS,
        ),
        Variable(
            "ANL01FL",
            "Analysis Flag 01",
            origin=DERIVED,
            method="Y on the records of the accepted result of the subject; what a primary analysis counts.",
            terms=(("Y", "Yes"),),
        ),
    )


_SOURCE = (
    Variable("SRCDOM", "Source Data", origin=DERIVED, method="RS; DM where the end is day 1."),
    Variable("SRCVAR", "Source Variable", origin=DERIVED, method="RSDTC, RSSTRESC or RFSTDTC."),
    Variable("SRCSEQ", "Source Sequence Number", "integer", DERIVED, "RSSEQ of the record of RS."),
)

ADTTE = Domain(
    "ADTTE",
    "Time-to-Event Analysis Dataset",
    "One record per subject per parameter per evaluator",
    BASIC,
    _KEY,
    (
        *_head(PARAMETERS),
        Variable("STARTDT", "Time-to-Event Origin Date for Subject", "day", DERIVED, "Day 1; of DOR first response."),
        Variable("ADT", "Analysis Date", "day", DERIVED, "Of the event or of censoring; shifted like the scans."),
        Variable("ADY", "Analysis Relative Day", "integer", DERIVED, "Study day of ADT; there is no day 0."),
        Variable("AVAL", "Analysis Value", "integer", DERIVED, "ADT - STARTDT + 1, in days."),
        Variable(
            "CNSR",
            "Censor",
            "integer",
            DERIVED,
            "0 at a progression by imaging; otherwise why it was censored, as EVNTDESC says. PFSFDA and DORFDA censor "
            "a progression after more than one missed or not evaluable visit (FDA 2018, Clinical Trial Endpoints, "
            "Appendix 3, Table A). Deaths and new treatments are not known to the core lab: none ends or censors a "
            "time.",
        ),
        Variable("EVNTDESC", "Event or Censoring Description", origin=DERIVED, method="By CNSR."),
        Variable("CNSDTDSC", "Censor Date Description", origin=DERIVED, method="By CNSR; empty at an event."),
        *_SOURCE,
    ),
    IG,
    "TIME-TO-EVENT",
)

ADRS = Domain(
    "ADRS",
    "Response Analysis Dataset",
    "One record per subject per parameter per evaluator",
    BASIC,
    _KEY,
    (
        *_head(_RESPONSES),
        Variable("AVALC", "Analysis Value (C)", origin=DERIVED, method="BESTRESP of RS; of RSP Y or N."),
        Variable(
            "AVAL",
            "Analysis Value",
            "integer",
            DERIVED,
            "Of RSP 1 where the best response is one that the criteria count as a response, otherwise 0; of BOR none.",
        ),
        *_SOURCE,
    ),
    IG,
)


class _Sources:
    """Finds the record of RS on which a result rests."""

    def __init__(self, trial: LockedTrial) -> None:
        self.visits = {
            (usubjid(trial, subject), visit.code): number
            for subject in trial.subjects
            for number, visit in numbered(subject.timepoints)
        }
        self.numbers: dict[tuple[Value, ...], Value] = {}
        for record in responses(trial).records:
            about = (record["USUBJID"], record["RSTESTCD"], record.get("VISITNUM"))
            for who in (record.get("RSEVALID", ""), *([""] if record.get("RSACPTFL") else [])):
                self.numbers[(*about, who)] = record["RSSEQ"]

    def of(self, subject: str, test: str, result: LockedResult, timepoint: str = "") -> dict[str, Value]:
        """Return SRCDOM, SRCVAR and SRCSEQ; DM where RS has no record."""
        who = "" if result.accepted else result.evalid
        number = self.numbers.get((subject, test, self.visits.get((subject, timepoint)), who))
        if number is None:
            return {"SRCDOM": "DM", "SRCVAR": "RFSTDTC"}
        return {"SRCDOM": "RS", "SRCVAR": "RSDTC" if timepoint else "RSSTRESC", "SRCSEQ": number}


def datasets(trial: LockedTrial) -> list[Dataset]:
    """Return ADTTE and ADRS of a locked trial; one without records is left out."""
    sources = _Sources(trial)
    made = (
        Dataset(ADTTE, tuple(_time(trial, one, sources) for one in times(trial))),
        Dataset(ADRS, tuple(_responses(trial, sources))),
    )
    return [dataset for dataset in made if dataset.records]


def _begin(trial: LockedTrial, subject: str, code: str, site: str, result: LockedResult) -> dict[str, Value]:
    evalid = {ADJUDICATED: "ADJUDICATOR", NOT_READ: ""}.get(result.evalid, result.evalid)
    return {
        "STUDYID": short(trial.code),
        "USUBJID": subject,
        "SUBJID": short(code),
        "SITEID": short(site),
        "PARCAT1": short(trial.criteria.name).upper(),
        "EVALID": evalid,
        "ANL01FL": "Y" if result.accepted else "",
    }


def _time(trial: LockedTrial, one: TimeToEvent, sources: _Sources) -> dict[str, Value]:
    name = usubjid(trial, one.subject)
    description, date = ENDS[one.censored]
    return {
        **_begin(trial, name, one.subject.code, one.subject.site, one.result),
        "PARAMCD": one.parameter,
        "PARAM": PARAMETERS[one.parameter],
        "STARTDT": one.on(one.start_day),
        "ADT": one.on(one.end_day),
        "ADY": one.end_day,
        "AVAL": one.days,
        "CNSR": one.censored,
        "EVNTDESC": description,
        "CNSDTDSC": date,
        **(
            sources.of(name, "OVRLRESP", one.result, one.timepoint)
            if one.timepoint
            else sources.of(name, "", one.result)
        ),
    }


def _responses(trial: LockedTrial, sources: _Sources) -> Iterator[dict[str, Value]]:
    for subject in trial.subjects:
        name = usubjid(trial, subject)
        for result in subject.results:
            head = _begin(trial, name, subject.code, subject.site, result)
            source = sources.of(name, "BESTRESP", result)
            yield {**head, **_named(_BEST), "AVALC": result.bor, **source}
            if trial.criteria.responders:
                responded = result.bor in trial.criteria.responders
                told = {"AVALC": "Y" if responded else "N", "AVAL": int(responded)}
                yield {**head, **_named(_RESPONDED), **told, **source}


def _named(code: str) -> dict[str, Value]:
    return {"PARAMCD": code, "PARAM": _RESPONSES[code]}


def adam_files(trial: LockedTrial) -> Iterator[tuple[str, bytes]]:
    """Return the files: adam/xpt/, adam/json/ and what defines both."""
    every = datasets(trial)
    for dataset in every:
        name = dataset.domain.name.lower()
        yield f"adam/xpt/{name}.xpt", xpt.transport(dataset, trial.locked_at)
        yield f"adam/json/{name}.json", dataset_json(trial, dataset)
    if every:
        yield "adam/define.xml", define_xml.define(trial, every)
