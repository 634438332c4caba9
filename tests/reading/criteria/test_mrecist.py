"""mRECIST: the table of overall responses, and where it differs from RECIST 1.1."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reading.criteria import get
from reading.criteria.inputs import BaselineTarget
from tests.reading.criteria.build import history, rows, sums

pytestmark = pytest.mark.requirement("REQ-CRI-002")

MRECIST = get("mRECIST")
# Viable tumour of a lesion that measured 100 mm; what does not enhance is not measured.
TARGET: dict[str, Any] = {"CR": {"state": "ABSENT"}, "PR": "70", "SD": "100", "PD": "120"}
NONTARGET = {"CR": "ABSENT", "NON-CR/NON-PD": "PRESENT", "PD": "UNEQUIVOCAL_PD"}


@pytest.mark.parametrize(
    "row", rows("overall.csv", "mrecist"), ids=lambda r: f"{r['target']}+{r['nontarget']}+{r['new_lesion']}"
)
def test_overall_response(row: dict[str, str]) -> None:
    entry: dict[str, Any] = {
        "day": 56,
        "targets": {"T1": TARGET[row["target"]]},
        "nontargets": {"N1": NONTARGET[row["nontarget"]]},
    }
    entry |= {"new": {"NL1": "UNEQUIVOCAL"}} if row["new_lesion"] == "yes" else {}
    case = {
        "targets": [["T1", "LIVER", False, "100"]],
        "nontargets": [["N1", "LIVER", False]],
        "timepoints": [entry],
    }
    (response,) = MRECIST.derive_subject(history(case)).timepoints
    assert (response.target, response.nontarget, response.overall) == (row["target"], row["nontarget"], row["overall"])
    assert response.pack.criteria == "mRECIST"


def test_progression_needs_no_5_mm() -> None:
    # Lencioni 2010: at least 20%; RECIST 1.1 §4.3.1 asks for 5 mm as well.
    subject = sums("10", "12")
    assert [r.overall for r in MRECIST.derive_subject(subject).timepoints] == ["PD"]
    assert [r.overall for r in get("RECIST 1.1").derive_subject(subject).timepoints] == ["SD"]


def test_enhancement_that_stays_away_is_no_progression_from_a_nadir_of_0() -> None:
    result = get("mRECIST", {"disease_after_cr": "sum_rule_only"}).derive_subject(sums("30", "0", "0", "1"))
    assert [response.overall for response in result.timepoints] == ["CR", "CR", "PD"]


def test_a_nodule_that_proves_to_be_carcinoma_progressed_when_it_was_first_seen() -> None:
    case = {
        "targets": [["T1", "LIVER", False, "40"]],
        "timepoints": [
            {"day": 56, "targets": {"T1": "40"}, "new": {"NL1": "EQUIVOCAL"}},
            {"day": 112, "targets": {"T1": "40"}, "new": {"NL1": "UNEQUIVOCAL"}},
        ],
    }
    assert MRECIST.derive_subject(history(case)).progression_day == 56


def test_the_target_rules_name_the_paper() -> None:
    (response,) = MRECIST.derive_subject(sums("100", "65")).timepoints
    assert [step.clause for step in response.trace if step.rule == "target_partial_response"] == [
        "mRECIST (Lencioni 2010): target lesions"
    ]


@pytest.mark.parametrize(
    ("target", "violations"),
    [
        (BaselineTarget("T1", "LIVER", False, Decimal(10)), []),
        (BaselineTarget("T1", "LIVER", False, Decimal(9)), ["MIN_LONG_AXIS"]),
        (BaselineTarget("T1", "LIVER", False, Decimal(30), flags=frozenset({"NOT_ENHANCING"})), ["NON_MEASURABLE"]),
        (BaselineTarget("T1", "LYMPH NODE", True, None, Decimal(15)), []),
        (BaselineTarget("T1", "LYMPH NODE, PORTA HEPATIS", True, None, Decimal(19)), ["MIN_SHORT_AXIS"]),
        (BaselineTarget("T1", "LYMPH NODE, PORTA HEPATIS", True, None, Decimal(20)), []),
        (BaselineTarget("T1", "LYMPH NODE, PORTA HEPATIS", True, None, Decimal(14)), ["MIN_SHORT_AXIS"]),
    ],
)
def test_the_choice_of_targets(target: BaselineTarget, violations: list[str]) -> None:
    assert [violation.code for violation in MRECIST.check_baseline([target]).violations] == violations


def test_the_form_asks_for_viable_tumour() -> None:
    targets = MRECIST.form().of("target")
    assert targets is not None
    assert [(field.name, field.label) for field in targets.fields] == [("diameter_mm", "Viable diameter")]
    assert "enhances" in targets.fields[0].help
