"""SDTM: every response comes out again from the measurements, files hold what the formats allow, and links join."""

from __future__ import annotations

import json
import re
import struct
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from defusedxml import ElementTree

from reading.exports import sdtm_files, xpt
from reading.exports.locked import LockedTrial
from reading.exports.sdtm import Dataset, Domain, NotSdtm, Variable, short, split
from tests.reading.exports.derived import VISITS, random_trial
from tests.reading.exports.sample import locked_trial

pytestmark = pytest.mark.requirement("REQ-LOC-008")

TRIAL = random_trial(25, seed=4)
FILES = dict(sdtm_files.sdtm_files(TRIAL))
EVERY = {dataset.domain.name: dataset for dataset in sdtm_files.datasets(TRIAL)}
SPACES = {"odm": "http://www.cdisc.org/ns/odm/v1.3", "def": "http://www.cdisc.org/ns/def/v2.1"}
AT = TRIAL.locked_at


def records(name: str) -> list[dict[str, Any]]:
    """Read a dataset back from its JSON, as a program would that knows nothing of ours."""
    held = json.loads(FILES[f"sdtm/json/{name}.json"])
    return [dict(zip([column["name"] for column in held["columns"]], row, strict=True)) for row in held["rows"]]


def transported(data: bytes) -> tuple[list[str], list[list[str | float | None]]]:
    """Read a transport file as SAS's description of it (TS-140) says, and nothing else."""
    described = data.index(b"HEADER RECORD*******NAMESTR")
    count = int(data[described + 54 : described + 58])
    variables = []
    for place in range(count):
        block = data[described + 80 + 140 * place :][:140]
        kind, _, width, _ = struct.unpack(">hhhh", block[:8])
        variables.append((block[8:16].decode().strip(), kind, width))
    start = data.index(b"HEADER RECORD*******OBS") + 80
    length = sum(width for _, _, width in variables)
    rows = []
    for at in range(start, start + (len(data) - start) // length * length, length):
        if not data[at:].strip():
            break  # a short row of blanks is what fills the last card
        row, place = [], at
        for _, kind, width in variables:
            held = data[place : place + width]
            row.append(held.decode().rstrip() if kind == 2 else number(held))
            place += width
        rows.append(row)
    return [name for name, _, _ in variables], rows


def number(held: bytes) -> float | None:
    if held[:1] == b"." and not any(held[1:]):
        return None
    value = Fraction(int.from_bytes(held[1:], "big"), 2**56) * Fraction(16) ** ((held[0] & 0x7F) - 64)
    return float(-value if held[0] & 0x80 else value)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".xpt")])
def test_the_transport_file_says_what_the_json_says(name):
    held = json.loads(FILES[name.replace("xpt", "json")])
    names, rows = transported(FILES[name])
    assert names == [column["name"] for column in held["columns"]]
    numeric = [column["dataType"] in ("integer", "decimal") for column in held["columns"]]
    for got, said in zip(rows, held["rows"], strict=True):
        assert got == [
            (None if value is None else float(value)) if is_number else value
            for value, is_number in zip(said, numeric, strict=True)
        ]


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 0.1, 70.04, -30.0, 1e-60, 1e60, 5.0, 16.0, 1 / 3, 21.21, 2.0**-4])
def test_a_number_is_the_same_after_the_way_through_sixteen(value):
    assert number(xpt.ibm(value)) == value


def test_known_numbers_have_the_bytes_that_are_known():
    """IBM System/360 Principles of Operation: 1 is 0.0625 times 16, -118.625 a well-known example."""
    assert xpt.ibm(1.0).hex() == "4110000000000000"
    assert xpt.ibm(-118.625).hex() == "c276a00000000000"


@pytest.mark.parametrize("name", sorted(EVERY))
def test_names_labels_and_lengths_are_within_the_formats_limits(name):
    dataset = EVERY[name]
    assert len(FILES[f"sdtm/xpt/{name.lower()}.xpt"]) % 80 == 0
    for variable in dataset.variables:
        assert re.fullmatch(r"[A-Z][A-Z0-9]{0,7}", variable.name)
        assert len(variable.label) <= 40
    for row in dataset.rows():
        assert all(not isinstance(value, str) or (value.isascii() and len(value) <= 200) for value in row)
    for record in dataset.records:
        for key, value in record.items():
            if key.endswith("TEST") and isinstance(value, str):
                assert len(value) <= 40


@pytest.mark.parametrize("name", sorted(EVERY))
def test_the_key_variables_name_each_record_once(name):
    dataset = EVERY[name]
    keys = Counter(tuple(record.get(key) for key in dataset.domain.key) for record in dataset.records)
    assert [key for key, count in keys.items() if count > 1] == []


@pytest.mark.parametrize("name", ["tu", "tr", "rs", "pr"])
def test_sequence_numbers_run_from_one_in_each_subject(name):
    numbers = defaultdict(list)
    for record in records(name):
        numbers[record["USUBJID"]].append(record[f"{name.upper()}SEQ"])
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())


def test_links_join_findings_to_lesions_and_responses_to_findings():
    lesions = {(record["USUBJID"], record["TULNKID"]) for record in records("tu")}
    linked = {(record["USUBJID"], record["TRLNKID"]) for record in records("tr") if record["TRLNKID"]}
    assert linked <= lesions
    groups = {(record["USUBJID"], record["TRLNKGRP"]) for record in records("tr")}
    # A subject without any disease has responses and no finding.
    rest = {(r["USUBJID"], r["RSLNKGRP"]) for r in records("rs") if r["RSLNKGRP"] and r["RSSTRESC"] not in ("NED", "N")}
    assert {group for group in rest if group not in groups} == set()


def test_supplements_hang_on_records_that_exist():
    for parent in ("tu", "tr", "rs"):
        known = {
            (record["USUBJID"], variable, str(record[variable]))
            for record in records(parent)
            for variable in record
            if variable.endswith(("SEQ", "LNKGRP"))
        }
        named = records(f"supp{parent}") if f"sdtm/json/supp{parent}.json" in FILES else []
        assert [r for r in named if (r["USUBJID"], r["IDVAR"], r["IDVARVAL"]) not in known] == []


def test_study_days_follow_from_the_dates():
    """SDTMIG 4.4.4: there is no day 0."""
    first = {record["USUBJID"]: date.fromisoformat(record["RFSTDTC"]) for record in records("dm")}
    for record in records("tr"):
        days = (date.fromisoformat(record["TRDTC"]) - first[record["USUBJID"]]).days
        assert record["TRDY"] == (days + 1 if days >= 0 else days)


def test_accepted_records_are_those_of_one_reader_at_each_visit():
    flagged = {(r["USUBJID"], r["VISITNUM"], r["TREVALID"]) for r in records("tr") if r["TRACPTFL"] == "Y"}
    assert {evaluator for _, _, evaluator in flagged} == {"READER 1"}
    assert {r["TREVALID"] for r in records("tr") if r["TRACPTFL"] == ""} == {"READER 2"}


class TestFromTheDatasetsAlone:
    """An independent short reading of RECIST 1.1 §4.3 and Table 1: sums and responses, from TR into RS."""

    def test_every_sum_is_the_sum_of_its_lesions(self):
        sizes, missing, sums = defaultdict(Fraction), set(), {}
        for record in records("tr"):
            where = (record["USUBJID"], record["TRLNKGRP"])
            if record["TRTESTCD"] == "SUMDIAM":
                sums[where] = Fraction(record["TRSTRESN"])
            elif record["TRTESTCD"] in ("LDIAM", "LPERP"):
                if record["TRSTRESN"] is None:
                    missing.add(where)
                else:
                    sizes[where] += Fraction(record["TRSTRESN"])
        assert sums == {where: total for where, total in sizes.items() if where not in missing}

    def test_every_response_of_the_target_lesions_is_the_one_recorded(self):
        told, derived = {}, {}
        for record in records("rs"):
            if record["RSTESTCD"] == "TRGRESP":
                told[record["USUBJID"], record["RSLNKGRP"]] = record["RSSTRESC"]
        for (subject, reader), by_visit in self._targets().items():
            first, *later = sorted(by_visit, key=Fraction)
            base = sum(size for size, _ in by_visit[first] if size is not None)
            nadir, responding = base, False
            for visit in later:
                name = (subject, f"{reader}-{visit}")
                found = by_visit[visit]
                known = sum(size for size, _ in found if size is not None)
                complete = all(size is not None for size, _ in found)
                gone = complete and all(size < 10 if nodal else size == 0 for size, nodal in found)
                if known >= nadir * Fraction(6, 5) and known - nadir >= 5:
                    response = "PD"
                elif not complete:
                    response = "NE"
                elif gone:
                    response = "CR"
                else:
                    response = "PR" if known <= base * Fraction(7, 10) or responding else "SD"
                derived[name] = response
                overall = self._overall()[name]
                responding = overall in ("CR", "PR") or (responding and overall != "PD")
                nadir = min(nadir, known) if complete else nadir
        assert derived == told
        assert len(set(told.values())) == 5

    def test_every_overall_response_follows_from_its_parts(self):
        parts = defaultdict(dict)
        for record in records("rs"):
            if record["RSLNKGRP"]:
                parts[record["USUBJID"], record["RSLNKGRP"]][record["RSTESTCD"]] = record["RSSTRESC"]
        again = {}
        for where, part in parts.items():
            target, rest = part.get("TRGRESP"), part.get("NTRGRESP")
            if "PD" in (target, rest) or part["NEWLIND"] == "Y":
                again[where] = "PD"
            elif target is None:
                again[where] = rest or "NED"
            else:
                again[where] = "PR" if target == "CR" and rest not in (None, "CR") else target
        differing = [part["OVRLRESP"] for where, part in parts.items() if part["OVRLRESP"] != again[where]]
        # Disease that is back after CR is the one thing that Table 1 alone does not tell.
        assert set(differing) <= {"PD"}
        assert len(differing) <= 5

    def _overall(self) -> dict[tuple[str, str], str]:
        return {(r["USUBJID"], r["RSLNKGRP"]): r["RSSTRESC"] for r in records("rs") if r["RSTESTCD"] == "OVRLRESP"}

    def _targets(self) -> dict[tuple[str, str], dict[str, list[tuple[Fraction | None, bool]]]]:
        """Give the targets of each reader by visit, parts of a lesion together."""
        parts: dict[tuple[str, str, str, str], list[tuple[Fraction | None, bool]]] = defaultdict(list)
        for record in records("tr"):
            if record["TRGRPID"] == "TARGET" and record["TRTESTCD"] in ("LDIAM", "LPERP"):
                reader, visit = record["TRLNKGRP"].split("-")
                size = None if record["TRSTRESN"] is None else Fraction(record["TRSTRESN"])
                lesion = record["TRLNKID"].partition(".")[0]
                parts[record["USUBJID"], reader, visit, lesion].append((size, record["TRTESTCD"] == "LPERP"))
        found: dict[Any, Any] = defaultdict(lambda: defaultdict(list))
        for (subject, reader, visit, _), sizes in sorted(parts.items()):
            known = [size for size, _ in sizes if size is not None]
            found[subject, reader][visit].append((sum(known) if len(known) == len(sizes) else None, sizes[0][1]))
        return found


def test_define_defines_every_dataset_and_variable_and_refers_to_nothing_else():
    root = ElementTree.fromstring(FILES["sdtm/define.xml"].decode())
    groups = {group.get("Name"): group for group in root.iterfind(".//odm:ItemGroupDef", SPACES)}
    assert sorted(groups) == sorted(EVERY)
    items = {item.get("OID"): item for item in root.iterfind(".//odm:ItemDef", SPACES)}
    assert len(items) == sum(1 for _ in root.iterfind(".//odm:ItemDef", SPACES))
    for name, group in groups.items():
        said = [items[ref.get("ItemOID")].get("Name") for ref in group.iterfind("odm:ItemRef", SPACES)]
        assert said == [variable.name for variable in EVERY[name].variables]
    for reference, name in (("CodeListRef", "CodeListOID"), ("ItemRef", "MethodOID"), ("ItemRef", "ItemOID")):
        defined = {one.get("OID") for one in root.iter() if one.get("OID")}
        used = {one.get(name) for one in root.iterfind(f".//odm:{reference}", SPACES)} - {None}
        assert used <= defined
    for leaf in root.iterfind(".//def:leaf", SPACES):
        assert f"sdtm/{leaf.get('{http://www.w3.org/1999/xlink}href')}" in FILES


def test_dataset_json_names_its_columns_as_define_does():
    root = ElementTree.fromstring(FILES["sdtm/define.xml"].decode())
    defined = {item.get("OID") for item in root.iterfind(".//odm:ItemDef", SPACES)}
    for name, data in FILES.items():
        if name.endswith(".json"):
            held = json.loads(data)
            assert held["records"] == len(held["rows"])
            assert held["datasetJSONVersion"] == "1.1.0"
            assert {column["itemOID"] for column in held["columns"]} <= defined


def test_texts_that_were_typed_are_carried_in_ascii_and_in_pieces():
    assert split("Müller " * 40) == ["Muller " * 27 + "Muller", ("Muller " * 12).strip()]
    assert split("x" * 450) == ["x" * 200, "x" * 200, "x" * 50]
    assert split("") == []
    with pytest.raises(NotSdtm, match="Shorten it"):
        short("y" * 201)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (Variable("TOOLONGNAME", "Label"), "x"),
        (Variable("NAME", "L" * 41), "x"),
        (Variable("NAME", "Label"), "x" * 201),
        (Variable("NAME", "Label"), "é"),
        (Variable("NAME", "Label"), "a\nb"),
    ],
    ids=["name", "label", "length", "ascii", "line"],
)
def test_what_a_transport_file_cannot_hold_is_refused(variable, value):
    domain = Domain("XX", "A dataset", "One record", "FINDINGS", (), (variable,))
    with pytest.raises(NotSdtm):
        xpt.transport(Dataset(domain, ({variable.name: value},)), AT)


def test_a_comment_and_an_adjudicator_s_words_are_in_the_supplements():
    files = dict(sdtm_files.sdtm_files(locked_trial()))
    said = files["sdtm/json/supptr.json"].decode() + files["sdtm/json/supprs.json"].decode()
    assert "- motion at the base" in said
    assert "this read follows its true border." in said


def methods(trial: LockedTrial) -> dict[str, str]:
    return {one.name: one.method for dataset in sdtm_files.datasets(trial) for one in dataset.variables}


def test_a_response_changed_in_a_global_review_counts_and_the_derived_one_is_told_beside_it():
    trial = random_trial(6, seed=9, gone_over=True)
    every = {dataset.domain.name: dataset.records for dataset in sdtm_files.datasets(trial)}
    counting = {(r["USUBJID"], r.get("RSLNKGRP")): r["RSORRES"] for r in every["RS"] if r["RSTESTCD"] == "OVRLRESP"}
    said = {
        (r["USUBJID"], r["IDVARVAL"]): (r["QVAL"], counting[r["USUBJID"], r["IDVARVAL"]])
        for r in every["SUPPRS"]
        if r["QNAM"] == "DRVRESP"
    }

    numbers = {code: number for number, (code, _) in enumerate(VISITS, start=1)}
    changed = {
        (f"{trial.code}-{subject.code}", f"R{one.evalid[-1]}-{numbers[one.timepoint]}"): (one.derived, one.response)
        for subject in trial.subjects
        for one in subject.reviews
        if one.derived != one.response
    }
    assert said == changed
    assert changed
    assert sum(r["QNAM"] == "REVREAS" for r in every["SUPPRS"]) == len(changed)
    assert "global review" in methods(trial)["RSORRES"]
    assert "global review" not in methods(TRIAL)["RSORRES"]


def test_of_a_consensus_the_rationale_and_the_accepted_records_are_told_as_such():
    trial = locked_trial()
    together = tuple(
        replace(subject, adjudications=tuple(replace(one, by_consensus=True) for one in subject.adjudications))
        for subject in trial.subjects
    )
    settled = replace(trial, subjects=together)

    def names(of: LockedTrial) -> set[object]:
        found = {dataset.domain.name: dataset.records for dataset in sdtm_files.datasets(of)}
        return {record["QNAM"] for record in found["SUPPRS"]} & {"ADJREAS", "CONREAS"}

    assert (names(trial), names(settled)) == ({"ADJREAS"}, {"CONREAS"})
    assert "consensus" in methods(settled)["RSACPTFL"]
    assert "adjudicator" in methods(trial)["RSACPTFL"]
