"""The SDTM oncology test data of pharmaversesdtm: every overall response of its RECIST subset is derived again."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from reading.criteria import get
from tests.reading.criteria.build import history, rows

pytestmark = pytest.mark.requirement("REQ-CRI-003")

Case = tuple[str, str]


def subjects() -> dict[Case, dict[str, Any]]:
    """One history for each subject and assessor, from the rows of TR."""
    found: dict[Case, dict[str, Any]] = defaultdict(lambda: {"targets": [], "nontargets": [], "timepoints": {}})
    for row in rows("tr_onco_recist.csv", "pharmaversesdtm"):
        case = found[row["USUBJID"], row["ASSESSOR"]]
        lesion, value, visit = row["TRLNKID"], row["TRORRES"], int(row["VISITNUM"])
        nodal, target = row["TRTESTCD"] == "LPERP", row["TRGRPID"] == "TARGET"
        if visit == 1:
            about = [lesion, "LYMPH NODE" if nodal else "LIVER", nodal]
            case["targets" if target else "nontargets"].append([*about, value] if target else about)
            continue
        entry = {"id": str(visit), "day": 21 * (visit - 1), "targets": {}, "nontargets": {}}
        case["timepoints"].setdefault(visit, entry)["targets" if target else "nontargets"][lesion] = value
    return {key: case | {"timepoints": list(case["timepoints"].values())} for key, case in found.items()}


def responses(mode: str) -> dict[tuple[str, str, str], str]:
    pack = get("RECIST 1.1", {"disease_after_cr": mode})
    return {
        (subject, response.timepoint_id, assessor): response.overall
        for (subject, assessor), case in subjects().items()
        for response in pack.derive_subject(history(case)).timepoints
    }


EXPECTED = {
    (row["USUBJID"], row["VISITNUM"], row["ASSESSOR"]): row["RSSTRESC"]
    for row in rows("rs_onco_recist.csv", "pharmaversesdtm")
}


def test_all_overall_responses_are_derived_again() -> None:
    assert len(EXPECTED) == 66
    assert responses("sum_rule_only") == EXPECTED


def test_the_default_reading_differs_where_disease_came_back_after_cr() -> None:
    derived = responses("progression")
    differing = {place: (derived[place], stated) for place, stated in EXPECTED.items() if derived[place] != stated}
    assert differing == {("01-701-1133", "4", "RADIOLOGIST 2"): ("PD", "PR")}
