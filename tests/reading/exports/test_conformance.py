"""Rules of SDTMIG 3.4 that CDISC's own engine would ask: docs/cdisc-rules.md lists them and what is answered."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from defusedxml import ElementTree

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
#: The tables of the guide, by domain: each variable with its label, type, role, and whether it must be there.
GUIDE: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
with Path("fixtures/reading/sdtm/sdtmig_3_4.csv").open(encoding="utf-8", newline="") as _table:
    for _row in csv.DictReader(_table):
        GUIDE[_row["domain"]][_row["variable"]] = _row
#: What only the sponsor knows: answered in docs/cdisc-rules.md.
_TOLD_BY_SPONSORS = (
    "RFENDTC RFXSTDTC RFXENDTC RFICDTC RFPENDTC DTHDTC DTHFL AGE AGEU SEX RACE ARMCD ARM ACTARMCD ACTARM ARMNRS "
    "ACTARMUD COUNTRY"
)
SPONSORS = set(_TOLD_BY_SPONSORS.split())
#: An identifier of the model, which the guide lets one add to any domain.
ADDED = {"PRREFID"}
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


def guide(domain: str) -> dict[str, dict[str, str]]:
    return GUIDE["SUPPQUAL" if domain.startswith("SUPP") else domain]


@pytest.mark.parametrize("name", sorted(EVERY))
def test_labels_and_types_are_those_of_the_guide(name):
    _, domain, dataset = of(name)
    told = {one.name: (one.label, "Num" if one.numeric else "Char") for one in dataset.variables}
    expected = {one: (row["label"], row["type"]) for one, row in guide(domain).items()}
    assert {one: said for one, said in told.items() if one not in ADDED} == {
        one: expected.get(one) for one in told if one not in ADDED
    }


@pytest.mark.parametrize("name", sorted(EVERY))
def test_what_the_guide_requires_or_expects_is_there_or_is_the_sponsors(name):
    _, domain, dataset = of(name)
    there = {variable.name for variable in dataset.variables}
    missing = {one for one, row in guide(domain).items() if row["core"] in ("Req", "Exp")} - there
    assert missing == (SPONSORS if domain == "DM" else set())


@pytest.mark.parametrize("trial", sorted(TRIALS))
def test_a_variable_that_is_expected_and_cannot_be_filled_is_empty_and_explained(trial):
    spaces = {"odm": "http://www.cdisc.org/ns/odm/v1.3", "def": "http://www.cdisc.org/ns/def/v2.1"}
    defined = ElementTree.fromstring(dict(sdtm_files.sdtm_files(TRIALS[trial]))["sdtm/define.xml"])
    comment = f"{{{spaces['def']}}}CommentOID"
    explained = {}
    for domain in ("TU", "TR"):
        flag = f"{domain}LOBXFL"
        assert {record.get(flag) for record in EVERY[f"{trial} {domain}"].records} == {None}
        (ref,) = defined.findall(f".//odm:ItemRef[@ItemOID='IT.{domain}.{flag}']", spaces)
        assert ref.get(f"{{{spaces['def']}}}HasNoData") == "Yes"
        (item,) = defined.findall(f".//odm:ItemDef[@OID='IT.{domain}.{flag}']", spaces)
        assert item.find("def:Origin", spaces).attrib == {"Type": "Not Available"}
        (said,) = defined.findall(f".//def:CommentDef[@OID='{item.get(comment)}']", spaces)
        explained[domain] = "".join(said.itertext())
    assert all("RFXSTDTC" in text for text in explained.values())


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
