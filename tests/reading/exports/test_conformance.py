"""Rules of SDTMIG 3.4 that CDISC's own engine would ask: docs/cdisc-rules.md lists them and what is answered."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date

import pytest

from reading.exports import sdtm_files
from reading.exports.sdtm import Dataset, Record
from tests.reading.exports.derived import random_trial
from tests.reading.exports.sample import locked_trial

pytestmark = pytest.mark.requirement("REQ-LOC-008")
TRIALS = {"reviewed": random_trial(8, seed=4, gone_over=True), "adjudicated": locked_trial()}
EVERY = {f"{trial} {one.domain.name}": one for trial, held in TRIALS.items() for one in sdtm_files.datasets(held)}
SUBJECTS = {trial: {row["USUBJID"]: row for row in EVERY[f"{trial} DM"].records} for trial in TRIALS}
FINDINGS = [name for name in EVERY if name.split()[1] in ("TU", "TR", "RS")]
SUPPLEMENTS = [name for name in EVERY if name.split()[1].startswith("SUPP")]

_OF_FINDINGS = (
    "STUDYID DOMAIN USUBJID --SEQ --GRPID --REFID --SPID --LNKID --LNKGRP --TESTCD --TEST --CAT --SCAT --ORRES "
    "--ORRESU --STRESC --STRESN --STRESU --STAT --REASND --NAM --LOC --LAT --DIR --PORTOT --METHOD --LOBXFL --BLFL "
    "--DRVFL --EVAL --EVALID --ACPTFL VISITNUM VISIT VISITDY TAETORD EPOCH --DTC --DY"
)
#: The variables of each domain in the order of the implementation guide.
ORDER = {
    "DM": "STUDYID DOMAIN USUBJID SUBJID RFSTDTC RFENDTC SITEID BRTHDTC AGE AGEU SEX RACE ARMCD ARM COUNTRY DMDTC DMDY",
    "PR": "STUDYID DOMAIN USUBJID PRSEQ PRGRPID PRREFID PRSPID PRLNKID PRLNKGRP PRTRT PRDECOD PRCAT PRSCAT PRPRESP "
    "PROCCUR PRLOC VISITNUM VISIT VISITDY TAETORD EPOCH PRSTDTC PRENDTC PRSTDY PRENDY",
    **{name: _OF_FINDINGS.replace("--", name) for name in ("TU", "TR", "RS")},
    **dict.fromkeys(
        ("SUPPTU", "SUPPTR", "SUPPRS"), "STUDYID RDOMAIN USUBJID IDVAR IDVARVAL QNAM QLABEL QVAL QORIG QEVAL"
    ),
    "RELREC": "STUDYID RDOMAIN USUBJID IDVAR IDVARVAL RELTYPE RELID",
}
#: What a record must say. SEX and COUNTRY of DM are answered in docs/cdisc-rules.md.
REQUIRED = {
    "DM": "STUDYID DOMAIN USUBJID SUBJID SITEID",
    "PR": "STUDYID DOMAIN USUBJID PRSEQ PRTRT",
    **{name: f"STUDYID DOMAIN USUBJID {name}SEQ {name}TESTCD {name}TEST" for name in ("TU", "TR", "RS")},
    **dict.fromkeys(("SUPPTU", "SUPPTR", "SUPPRS"), "STUDYID RDOMAIN USUBJID QNAM QLABEL QVAL QORIG"),
    "RELREC": "STUDYID RDOMAIN IDVAR RELID",
}


def of(name: str) -> tuple[str, str, Dataset]:
    trial, domain = name.split()
    return trial, domain, EVERY[name]


def found(name: str) -> Iterator[tuple[str, Record]]:
    """Give a findings domain's records, with the domain before them."""
    _, domain, dataset = of(name)
    return ((domain, record) for record in dataset.records)


@pytest.mark.parametrize("name", sorted(EVERY))
def test_variables_stand_in_the_order_of_the_guide(name):
    _, domain, dataset = of(name)
    places = [ORDER[domain].split().index(variable.name) for variable in dataset.variables]
    assert places == sorted(places)


@pytest.mark.parametrize("name", sorted(EVERY))
def test_required_variables_are_filled_and_domain_says_which(name):
    _, domain, dataset = of(name)
    for record in dataset.records:
        assert [v for v in REQUIRED[domain].split() if record.get(v) in (None, "")] == []
        assert record.get("DOMAIN", domain) == domain


@pytest.mark.parametrize("name", sorted(set(EVERY) - {f"{trial} RELREC" for trial in TRIALS}))
def test_every_subject_is_one_of_dm(name):
    trial, _, dataset = of(name)
    assert {record["USUBJID"] for record in dataset.records} <= set(SUBJECTS[trial])


@pytest.mark.parametrize("name", FINDINGS)
def test_each_test_has_one_code_and_one_name(name):
    names = defaultdict(set)
    for domain, record in found(name):
        assert re.fullmatch(r"[A-Z][A-Z0-9]{0,7}", str(record[f"{domain}TESTCD"]))
        names[record[f"{domain}TESTCD"]].add(record[f"{domain}TEST"])
    assert [code for code, said in names.items() if len(said) != 1] == []


@pytest.mark.parametrize("name", FINDINGS)
def test_a_result_is_standardised_and_what_was_not_done_has_none(name):
    for domain, record in found(name):
        said = {key: record.get(f"{domain}{key}") for key in ("ORRES", "STRESC", "STRESN", "STAT", "REASND")}
        assert (said["STAT"] or "") in ("", "NOT DONE")
        assert bool(said["ORRES"]) == bool(said["STRESC"]) == (not said["STAT"])
        assert not said["REASND"] or said["STAT"]
        if said["STRESN"] is not None:
            assert record[f"{domain}STRESU"]
            assert str(said["STRESC"]) == format(said["STRESN"], "f")


@pytest.mark.parametrize("name", [*FINDINGS, *(f"{trial} PR" for trial in TRIALS)])
def test_dates_are_iso_and_study_days_follow_from_them(name):
    trial, domain, dataset = of(name)
    stem = "PRST" if domain == "PR" else domain
    for record in dataset.records:
        day = record.get(f"{stem}DTC")
        if not day:
            assert record.get(f"{stem}DY") is None
            continue
        first = SUBJECTS[trial][record["USUBJID"]]["RFSTDTC"]
        elapsed = (date.fromisoformat(str(day)) - date.fromisoformat(str(first))).days
        assert record[f"{stem}DY"] == (elapsed + 1 if elapsed >= 0 else elapsed)


@pytest.mark.parametrize("name", [*FINDINGS, *(f"{trial} PR" for trial in TRIALS)])
def test_a_visit_has_one_number_and_one_name(name):
    names = {(record["VISITNUM"], record["VISIT"]) for record in of(name)[2].records if record.get("VISITNUM")}
    assert len({number for number, _ in names}) == len(names) == len({said for _, said in names})


@pytest.mark.parametrize("name", FINDINGS)
def test_who_evaluated_is_said_and_at_most_one_is_accepted_at_a_visit(name):
    accepted = defaultdict(set)
    for domain, record in found(name):
        assert record[f"{domain}EVAL"] == "INDEPENDENT ASSESSOR"
        assert (record.get(f"{domain}ACPTFL") or "") in ("", "Y")
        if record.get(f"{domain}ACPTFL"):
            accepted[record["USUBJID"], record.get("VISITNUM")].add(record[f"{domain}EVALID"])
    assert [where for where, who in accepted.items() if len(who) != 1] == []


@pytest.mark.parametrize("name", SUPPLEMENTS)
def test_a_qualifier_is_named_within_the_limits_and_said_once(name):
    keys = set()
    for record in of(name)[2].records:
        key = tuple(record[v] for v in ("USUBJID", "IDVAR", "IDVARVAL", "QNAM"))
        assert key not in keys
        keys.add(key)
        assert re.fullmatch(r"[A-Z][A-Z0-9]{0,7}", str(record["QNAM"]))
        assert len(str(record["QLABEL"])) <= 40


@pytest.mark.parametrize("trial", sorted(TRIALS))
def test_relations_join_variables_that_there_are(trial):
    relations = defaultdict(list)
    for record in EVERY[f"{trial} RELREC"].records:
        variables = {variable.name for variable in EVERY[f"{trial} {record['RDOMAIN']}"].variables}
        assert record["IDVAR"] in variables
        relations[record["RELID"]].append(record)
    assert {len(pair) for pair in relations.values()} == {2}


@pytest.mark.parametrize("trial", sorted(TRIALS))
def test_occurrence_is_said_of_what_was_planned_and_of_nothing_else(trial):
    for record in EVERY[f"{trial} PR"].records:
        assert bool(record.get("PROCCUR")) == (record.get("PRPRESP") == "Y")
        assert record.get("PROCCUR") != "N" or not record.get("PRSTDTC")
