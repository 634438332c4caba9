"""iRECIST: the published tables in every row, and the clarified scenarios, each with its source."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from reading.criteria import get
from reading.criteria.form import At, Entry, Sheet
from reading.criteria.results import DatedResponse
from reading.criteria.values import InvalidRead, canonical_json
from tests.reading.criteria.build import cases, history, rows

pytestmark = pytest.mark.requirement("REQ-CRI-002")

IRECIST = get("iRECIST")
EXAMPLES = cases("examples.json", "irecist")

# From component response to what a reader would have entered, baseline 100 mm.
TARGET = {"iCR": {"state": "ABSENT"}, "iPR": "70", "iSD": "100", "iUPD": "120"}
NONTARGET = {"iCR": "ABSENT", "NON-iCR/NON-iUPD": "PRESENT", "iUPD": "UNEQUIVOCAL_PD"}
SINCE = NONTARGET | {"iUPD": "NO_CHANGE_FROM_LAST"}


def seen(row: dict[str, str], day: int, nontarget: dict[str, str] = NONTARGET) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "day": day,
        "targets": {"T1": TARGET[row["target"]]},
        "nontargets": {"N1": nontarget[row["nontarget"]]},
    }
    return entry | ({"new": {"NL1": "UNEQUIVOCAL"}} if row["new_lesion"] == "yes" else {})


def overall(*timepoints: dict[str, Any]) -> list[str]:
    case = {
        "targets": [["T1", "LIVER", False, "100"]],
        "nontargets": [["N1", "BONE", False]],
        "timepoints": timepoints,
    }
    return [response.overall for response in IRECIST.derive_subject(history(case)).timepoints]


@pytest.mark.parametrize(
    "row", rows("table2.csv", "irecist"), ids=lambda r: f"{r['target']}+{r['nontarget']}+{r['new_lesion']}"
)
def test_table_2(row: dict[str, str]) -> None:
    assert overall(seen(row, 56)) == [row["without_iupd"]]
    if row["without_iupd"] == "iUPD":
        assert overall(seen(row, 56), seen(row, 98, SINCE)) == ["iUPD", row["with_iupd_unchanged"]]
    else:
        # An iUPD of a non-target lesion that went back: the first rows of the table, second column.
        before = {"target": "iSD", "nontarget": "iUPD", "new_lesion": "no"}
        assert overall(seen(before, 56), seen(row, 98)) == ["iUPD", row["with_iupd_unchanged"]]


ANY = "iCR|iPR|iSD|iUPD|iCPD|NE"


@pytest.mark.parametrize("row", rows("table3.csv", "irecist"), ids=lambda r: f"example {r['example']}")
def test_table_3_in_every_combination(row: dict[str, str]) -> None:
    columns = (row[name] for name in ("first", "second", "third", "fourth", "fifth"))
    for sequence in product(*((ANY if column == "any" else column).split("|") for column in columns)):
        visits = [DatedResponse(56 * number, response) for number, response in enumerate(sequence, 1)]
        assert IRECIST.best_overall_response(visits).response == row["ibor"], sequence


@pytest.mark.parametrize("case", EXAMPLES, ids=[case["name"] for case in EXAMPLES])
def test_example(case: dict[str, Any]) -> None:
    result = get("iRECIST", case.get("parameters")).derive_subject(history(case)).to_json()
    derived = result | {
        name: [response[name] for response in result["timepoints"]]
        for name in ("target", "nontarget", "new_lesion", "overall")
    }
    expected = {
        name: value
        for name, value in case.items()
        if name not in {"name", "source", "parameters", "targets", "nontargets", "timepoints"}
    }
    assert {name: derived[name] for name in expected} == expected


@pytest.mark.parametrize("case", EXAMPLES, ids=[case["name"] for case in EXAMPLES])
def test_deriving_again_gives_the_same_bytes_and_plain_json(case: dict[str, Any]) -> None:
    criteria = get("iRECIST", case.get("parameters"))
    first = criteria.derive_subject(history(case))
    assert canonical_json(first) == canonical_json(criteria.derive_subject(history(case)))
    assert json.loads(canonical_json(first)) == first.to_json()


def test_a_response_says_what_confirmed_it_and_by_which_rules() -> None:
    case = EXAMPLES[[case["name"] for case in EXAMPLES].index("5 mm more confirms, and dates progression at the iUPD")]
    result = IRECIST.derive_subject(history(case))
    last = result.timepoints[-1]
    assert (last.progression_by, last.pack) == (("target",), IRECIST.stamp)
    assert last.trace[-1].rule == "confirmed_progression"
    assert last.trace[-1].inputs == {
        "first iUPD": "day 56",
        "days since": "42",
        "sum at first iUPD": "125 mm",
        "sum": "130 mm",
        "growth": "target",
    }


@pytest.mark.parametrize(
    ("visits", "parameters", "expected"),
    [
        ([(56, "iPR"), (112, "iPR")], {"confirmation_required": True}, "iPR"),
        ([(56, "iPR"), (83, "iPR")], {"confirmation_required": True}, "iSD"),
        ([(56, "iPR"), (112, "iUPD"), (168, "iPR")], {"confirmation_required": True}, "iSD"),
        ([(56, "iCR"), (112, "NE"), (168, "iCR")], {"confirmation_required": True}, "iCR"),
        ([(56, "iPR"), (112, "iPR")], {"confirmation_required": True, "confirm_min_days": 57}, "iSD"),
        ([(41, "iSD"), (97, "iCPD")], {}, "iCPD"),
        ([(42, "iSD"), (98, "iCPD")], {}, "iSD"),
        ([(41, "iSD"), (97, "iUPD")], {}, "iUPD"),
        ([(41, "iSD")], {}, "NE"),
        ([(56, "NON-iCR/NON-iUPD"), (112, "iUPD")], {}, "NON-iCR/NON-iUPD"),
        ([], {}, "NE"),
    ],
)
def test_best_response_with_confirmation_and_minimum(
    visits: list[Any], parameters: dict[str, Any], expected: str
) -> None:
    responses = [DatedResponse(day, response) for day, response in visits]
    assert get("iRECIST", parameters).best_overall_response(responses).response == expected


@pytest.mark.parametrize(
    ("visits", "expected"),
    [
        ([(56, "iUPD"), (98, "iUPD"), (140, "iCPD")], 56),
        ([(56, "iUPD"), (98, "iSD"), (140, "iUPD"), (182, "NE"), (224, "iCPD")], 140),
        ([(56, "iUPD"), (98, "NE")], 56),
        ([(56, "iUPD"), (98, "iPR")], None),
        ([(56, "iCPD")], 56),
        ([], None),
    ],
)
def test_stated_responses_date_progression_at_the_iupd_that_stands(visits: list[Any], expected: int | None) -> None:
    assert IRECIST.progression_day([DatedResponse(*visit) for visit in visits]) == expected


def test_a_response_of_recist_is_refused() -> None:
    with pytest.raises(InvalidRead):
        IRECIST.best_overall_response([DatedResponse(56, "PR")])


def test_the_form_asks_for_what_recist_does_not() -> None:
    new = IRECIST.form().of("new")
    assert new is not None
    assert [field.name for field in new.asked(At.FIRST)] == ["lesion_class", "diameter_mm"]
    assert [field.name for field in new.asked(At.LATER)] == ["diameter_mm", "change"]
    compared = {"FURTHER_INCREASE", "NO_CHANGE_FROM_LAST", "DECREASED"}
    later = {pack: set(get(pack).form().lesions[1].later) for pack in ("iRECIST", "RECIST 1.1")}
    assert later["iRECIST"] - later["RECIST 1.1"] == compared


def entered(day: int, *entries: Entry) -> Sheet:
    return Sheet(f"day {day}", day, entries)


def test_a_new_lesion_keeps_the_class_it_was_found_with() -> None:
    """The class is stated once; a later timepoint states a size, or how a new non-target lesion has changed."""
    target = Entry("T01", "target", "LIVER", False, "MEASURED", {"diameter_mm": Decimal(50)})
    size = {"lesion_class": "TARGET", "diameter_mm": Decimal(12)}
    found = Entry("NEW02", "new", "LUNG", False, "UNEQUIVOCAL", size)
    grown = Entry("NEW02", "new", "LUNG", False, "UNEQUIVOCAL", {**size, "diameter_mm": Decimal(18)})
    result = IRECIST.derive(entered(0, target), [entered(56, target, found), entered(98, target, grown)])
    # iRECIST, Table 2: 6 mm more of the new target lesions confirm.
    assert [response.overall for response in result.timepoints] == ["iUPD", "iCPD"]
