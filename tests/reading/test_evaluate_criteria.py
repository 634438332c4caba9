"""`manage.py evaluate_criteria`: one answer for one line, whatever the line holds."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from reading.management.commands.evaluate_criteria import Command

pytestmark = pytest.mark.one_database

ROOT = Path(__file__).parents[2]
# Nobody listens there.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "DJANGO_SETTINGS_MODULE": "config.settings.test",
    "PARALLAX_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
}

RECIST: dict[str, Any] = {
    "kind": "recist",
    "criteria": "RECIST 1.1",
    "input": {
        "start_date": "2024-01-01",
        "options": {"confirmation_required": False, "confirm_min_days": 28, "min_sd_days": 42},
        "baseline": {
            "date": "2023-12-20",
            "targets": [
                {"id": "T1", "organ": "LIVER", "nodal": False, "diameter": 50.5},
                {"id": "T2", "organ": "LIVER", "nodal": False, "diameter": 20},
            ],
            "nontargets": [{"id": "N1", "organ": "BONE", "nodal": False}],
        },
        "timepoints": [
            {
                "id": "V1",
                "date": "2024-02-26",
                "targets": {"T1": {"parts": [10.1, 20.2]}, "T2": {"state": "TOO_SMALL"}},
                "nontargets": {"N1": "PRESENT"},
                "new_lesions": [{"id": "L1", "status": "EQUIVOCAL", "organ": "LUNG"}],
            },
            {
                "id": "V2",
                "date": "2024-04-22",
                "targets": {"T1": {"diameter": 45}, "T2": {"merged_into": "T1"}},
                "nontargets": {"N1": "PRESENT"},
                "new_lesions": [{"id": "L1", "status": "UNEQUIVOCAL"}],
            },
        ],
    },
}
IRECIST: dict[str, Any] = {
    "kind": "irecist",
    "criteria": "iRECIST",
    "input": {
        "start_date": "2024-01-01",
        "baseline": {
            "date": None,
            "targets": [{"id": "T1", "organ": "LIVER", "nodal": False, "diameter": 100}],
            "nontargets": [],
        },
        "timepoints": [
            {
                "id": 1,
                "date": "2024-02-26",
                "targets": {"T1": {"diameter": 100}},
                "nontargets": {},
                "new_lesions": [
                    {"id": "L1", "status": "UNEQUIVOCAL", "class": "TARGET", "diameter": 12, "change": "APPEARED"}
                ],
            },
            {
                "id": 2,
                "date": "2024-04-22",
                "targets": {"T1": {"diameter": 100}},
                "nontargets": {},
                "new_lesions": [
                    {"id": "L1", "status": "UNEQUIVOCAL", "class": "TARGET", "diameter": 17, "change": "INCREASED"}
                ],
            },
        ],
    },
}
BOR = {
    "kind": "bor",
    "criteria": "RECIST 1.1",
    "input": {
        "start_date": "2024-01-01",
        "options": {"confirmation_required": True},
        "responses": [{"date": "2024-04-22", "overall": "PR"}, {"date": "2024-02-26", "overall": "PR"}],
    },
}
CYST = {"id": "T1", "organ": "LIVER", "nodal": False, "long_axis": 9, "short_axis": 4, "slice_mm": 5, "flags": ["CYST"]}
NODE = {
    "id": "T2",
    "organ": "LYMPH NODE",
    "nodal": True,
    "long_axis": 30,
    "short_axis": None,
    "slice_mm": 5,
    "flags": [],
}
BASELINE = {"kind": "baseline", "criteria": "RECIST 1.1", "input": {"targets": [CYST, NODE]}}
ENDPOINT = {
    "kind": "endpoint",
    "criteria": "RECIST 1.1",
    "input": {
        "start_date": "2024-01-01",
        "baseline_evaluable": True,
        "options": {"missed_visit_limit_days": 126, "day_count": "inclusive"},
        "responses": [{"date": "2024-02-26", "overall": "PR"}, {"date": "2024-04-22", "overall": "PD"}],
        "death_date": None,
        "new_therapy_date": None,
    },
}


def ask(request: Any) -> dict[str, Any]:
    return answer(json.dumps(request).encode())


def answer(line: bytes) -> dict[str, Any]:
    (answered,) = Command().answers([line])
    found = json.loads(answered)
    assert isinstance(found, dict)
    return found


def changed(request: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    """A copy of a request with one value replaced; `...` takes it away."""
    copy = deepcopy(request)
    place: Any = copy
    for step in path[:-1]:
        place = place[step]
    if to is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return copy


def part(answered: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: answered[name] for name in names}


def test_recist() -> None:
    answered = ask(RECIST)
    names = ("id", "sum", "target", "nontarget", "new_lesion", "overall")
    assert [part(timepoint, *names) for timepoint in answered["timepoints"]] == [
        dict(zip(names, ("V1", 35.3, "PR", "NON-CR/NON-PD", False, "PR"), strict=True)),
        dict(zip(names, ("V2", 45, "PD", "NON-CR/NON-PD", True, "PD"), strict=True)),
    ]
    # The new lesion was first seen on the day of V1, and progression is dated there.
    assert part(answered, "bor", "progression_date") == {"bor": "PR", "progression_date": "2024-02-26"}


def test_irecist() -> None:
    answered = ask(IRECIST)
    assert [part(timepoint, "id", "overall") for timepoint in answered["timepoints"]] == [
        {"id": 1, "overall": "iUPD"},
        {"id": 2, "overall": "iCPD"},
    ]
    assert part(answered, "ibor", "icpd_progression_date") == {"ibor": "iCPD", "icpd_progression_date": "2024-02-26"}


def test_best_responses() -> None:
    assert part(ask(BOR), "bor", "confirmed", "first_response_date") == {
        "bor": "PR",
        "confirmed": True,
        "first_response_date": "2024-02-26",
    }
    immune = [{"date": "2024-02-26", "overall": "iUPD"}, {"date": "2024-04-22", "overall": "iPR"}]
    request = changed(BOR, "input", to={"start_date": "2024-01-01", "responses": immune})
    assert ask(request | {"kind": "ibor", "criteria": "iRECIST"})["ibor"] == "iPR"


def test_baseline() -> None:
    assert part(ask(BASELINE), "valid", "violations") == {
        "valid": False,
        "violations": ["MIN_LONG_AXIS", "MIN_SHORT_AXIS", "NON_MEASURABLE"],
    }
    assert part(ask(changed(BASELINE, "input", "targets", to=[])), "valid", "violations") == {
        "valid": True,
        "violations": [],
    }


def test_endpoint() -> None:
    assert part(ask(ENDPOINT), "pfs", "dor") == {
        "pfs": {"event": True, "date": "2024-04-22", "days": 113},
        "dor": {"event": True, "start": "2024-02-26", "date": "2024-04-22", "days": 57},
    }
    assert ask(changed(ENDPOINT, "input", "responses", to=[]))["dor"] is None


@pytest.mark.parametrize("request_", [RECIST, IRECIST, BOR, BASELINE, ENDPOINT], ids=lambda r: r["kind"])
def test_every_answer_says_by_which_rules_and_settings(request_: dict[str, Any]) -> None:
    answered = ask(request_)
    assert answered["pack"]["criteria"] == request_["criteria"]
    assert len(answered["pack"]["parameters_sha256"]) == 64
    assert answered["settings"]["pd_absolute_mm"] == 5
    assert all(step["clause"] for step in answered["trace"])
    for timepoint in answered.get("timepoints", []):
        assert timepoint["trace"]


def test_any_setting_of_the_pack_may_be_an_option() -> None:
    answered = ask(changed(RECIST, "input", "options", to={"equivocal_dates_back": False, "min_sd_days": None}))
    assert answered["progression_date"] == "2024-04-22"
    assert part(answered["settings"], "equivocal_dates_back", "min_sd_days") == {
        "equivocal_dates_back": False,
        "min_sd_days": 42,
    }


def test_options_of_endpoints_may_stand_in_any_request() -> None:
    options = RECIST["input"]["options"] | {"missed_visit_limit_days": 126, "day_count": "inclusive"}
    assert ask(changed(RECIST, "input", "options", to=options)) == ask(RECIST)


def test_numbers_are_read_as_they_are_written() -> None:
    # 0.1 + 0.2 is 0.3, and 21.21 of 30.3 is exactly -30%, which binary fractions do not know.
    exact = changed(
        RECIST, "input", "baseline", "targets", to=[{"id": "T1", "organ": "LIVER", "nodal": False, "diameter": 30.3}]
    )
    exact["input"]["timepoints"] = [{"id": "V1", "date": "2024-02-26", "targets": {"T1": {"parts": [21.11, 0.1]}}}]
    exact["input"]["baseline"]["nontargets"] = []
    (timepoint,) = ask(exact)["timepoints"]
    assert (timepoint["target"], timepoint["percent_from_baseline"]) == ("PR", -30)
    long = json.dumps(exact).replace("0.1]", "0.1000000000000000055511151231257827]")
    assert answer(long.encode())["timepoints"][0]["target"] == "SD"


def test_timepoints_are_answered_in_order_of_time() -> None:
    backwards = changed(RECIST, "input", "timepoints", to=RECIST["input"]["timepoints"][::-1])
    assert ask(backwards) == ask(RECIST)


def test_an_unknown_value_is_null_and_a_lesion_without_entry_was_not_assessed() -> None:
    for unknown in ({}, {"T1": None}, {"T1": {"diameter": None}}, {"T1": {"state": "NOT_EVALUABLE"}}):
        entry = {"id": "V1", "date": "2024-02-26", "targets": unknown, "nontargets": {"N1": None}, "new_lesions": None}
        (timepoint,) = ask(changed(RECIST, "input", "timepoints", to=[entry]))["timepoints"]
        assert part(timepoint, "sum", "target", "nontarget", "overall") == {
            "sum": None,
            "target": "NE",
            "nontarget": "NE",
            "overall": "NE",
        }


FIRST = ("input", "timepoints", 0)
LESION = ("input", "baseline", "targets", 0)
BROKEN = [
    (RECIST, ("kind",), ...),
    (RECIST, ("kind",), "recist2"),
    (RECIST, ("kind",), 7),
    (RECIST, ("kind",), "irecist"),
    (RECIST, ("criteria",), "iRECIST"),
    (RECIST, ("criteria",), "WHO"),
    (RECIST, ("criteria",), ...),
    (RECIST, ("input",), ...),
    (RECIST, ("input",), []),
    (RECIST, ("input", "start_date"), None),
    (RECIST, ("input", "start_date"), "2024-02-30"),
    (RECIST, ("input", "start_date"), "20240101"),
    (RECIST, ("input", "start_date"), "2024-W01-1"),
    (RECIST, ("input", "start_date"), "2024-01-01T10:00"),
    (RECIST, ("input", "start_date"), 20240101),
    (RECIST, ("input", "options"), []),
    (RECIST, ("input", "options", "colour"), "blue"),
    (RECIST, ("input", "options", "min_sd_days"), -1),
    (RECIST, ("input", "options", "min_sd_days"), 42.5),
    (RECIST, ("input", "options", "min_sd_days"), "42"),
    (RECIST, ("input", "options", "min_sd_days"), [42]),
    (RECIST, ("input", "options", "confirmation_required"), 1),
    (RECIST, ("input", "baseline"), ...),
    (RECIST, ("input", "baseline", "targets"), {}),
    (RECIST, ("input", "baseline", "targets"), ["T1"]),
    (RECIST, ("input", "baseline", "nontargets", 0, "id"), "T1"),
    (RECIST, (*LESION, "id"), ""),
    (RECIST, (*LESION, "id"), 1),
    (RECIST, (*LESION, "id"), "T2"),
    (RECIST, (*LESION, "organ"), None),
    (RECIST, (*LESION, "nodal"), "no"),
    (RECIST, (*LESION, "diameter"), "50"),
    (RECIST, (*LESION, "diameter"), True),
    (RECIST, (*LESION, "diameter"), None),
    (RECIST, (*LESION, "diameter"), 0),
    (RECIST, (*LESION, "diameter"), -4),
    (RECIST, (*LESION, "diameter"), 1e9),
    (RECIST, ("input", "timepoints"), None),
    (RECIST, (*FIRST, "id"), ...),
    (RECIST, (*FIRST, "id"), "V2"),
    (RECIST, (*FIRST, "id"), 1.5),
    (RECIST, (*FIRST, "id"), True),
    (RECIST, (*FIRST, "date"), "2024-04-22"),
    (RECIST, (*FIRST, "date"), "2023-12-19"),
    (RECIST, (*FIRST, "date"), None),
    (RECIST, (*FIRST, "targets"), []),
    (RECIST, (*FIRST, "targets", "T9"), {"diameter": 5}),
    (RECIST, (*FIRST, "targets", "T1"), 5),
    (RECIST, (*FIRST, "targets", "T1"), {}),
    (RECIST, (*FIRST, "targets", "T1"), {"parts": []}),
    (RECIST, (*FIRST, "targets", "T1"), {"parts": 5}),
    (RECIST, (*FIRST, "targets", "T1"), {"parts": [5, -1]}),
    (RECIST, (*FIRST, "targets", "T1"), {"parts": [5, "5"]}),
    (RECIST, (*FIRST, "targets", "T1"), {"diameter": -1}),
    (RECIST, (*FIRST, "targets", "T1"), {"diameter": 5, "state": "ABSENT"}),
    (RECIST, (*FIRST, "targets", "T1"), {"state": "GONE"}),
    (RECIST, (*FIRST, "targets", "T1"), {"merged_into": "T9"}),
    (RECIST, (*FIRST, "targets", "T1"), {"merged_into": "T1"}),
    (RECIST, (*FIRST, "targets"), {"T1": {"merged_into": "T2"}, "T2": {"merged_into": "T1"}}),
    (RECIST, (*FIRST, "targets", "T1"), {"merged_into": ["T2"]}),
    (RECIST, (*FIRST, "nontargets"), []),
    (RECIST, (*FIRST, "nontargets", "N1"), "GROWN"),
    (RECIST, (*FIRST, "nontargets", "N1"), "FURTHER_INCREASE"),
    (RECIST, (*FIRST, "nontargets", "N1"), {"status": "PRESENT"}),
    (RECIST, (*FIRST, "nontargets", "N9"), "PRESENT"),
    (RECIST, (*FIRST, "new_lesions"), {}),
    (RECIST, (*FIRST, "new_lesions", 0, "status"), "MAYBE"),
    (RECIST, (*FIRST, "new_lesions", 0, "id"), None),
    (RECIST, (*FIRST, "new_lesions", 0, "id"), "T1"),
    (RECIST, (*FIRST, "new_lesions"), [{"id": "L1", "status": "EQUIVOCAL"}] * 2),
    (IRECIST, (*FIRST, "new_lesions", 0, "class"), "SMALL"),
    (IRECIST, (*FIRST, "new_lesions", 0, "change"), "GROWN"),
    (IRECIST, (*FIRST, "new_lesions", 0, "diameter"), -1),
    (BOR, ("input", "responses"), {}),
    (BOR, ("input", "responses", 0, "overall"), "iPR"),
    (BOR, ("input", "responses", 0, "overall"), None),
    (BOR, ("input", "responses", 0, "date"), "soon"),
    (BASELINE, ("input", "targets", 0, "flags"), ["SHINY"]),
    (BASELINE, ("input", "targets", 0, "flags"), "CYST"),
    (BASELINE, ("input", "targets", 0, "modality"), "PET"),
    (BASELINE, ("input", "targets", 0, "long_axis"), "long"),
    (BASELINE, ("input", "targets", 0, "id"), "T2"),
    (ENDPOINT, ("input", "baseline_evaluable"), None),
    (ENDPOINT, ("input", "death_date"), "never"),
    (ENDPOINT, ("input", "options", "day_count"), "exclusive"),
    (ENDPOINT, ("input", "options", "missed_visit_limit_days"), -1),
    (ENDPOINT, ("input", "options", "missed_visit_limit_days"), 2.5),
    (ENDPOINT, ("input", "responses", 0, "overall"), "iPR"),
]


@pytest.mark.parametrize(
    ("request_", "path", "value"), BROKEN, ids=[f"{r['kind']}-{p[-1]}-{n}" for n, (r, p, _) in enumerate(BROKEN)]
)
def test_what_breaks_the_contract_is_answered_by_a_sentence(
    request_: dict[str, Any], path: tuple[Any, ...], value: Any
) -> None:
    answered = ask(changed(request_, *path, to=value))
    assert list(answered) == ["error"]
    assert answered["error"][0].isupper()
    assert answered["error"].endswith(".")
    assert len(answered["error"]) > 20


def test_the_command_answers_line_by_line_without_a_database() -> None:
    lines = [
        b"\xef\xbb\xbf" + json.dumps(RECIST).encode(),
        b"",
        b"nonsense",
        b"\xff",
        json.dumps(IRECIST).encode() + b"\r",
    ]
    finished = subprocess.run(
        [sys.executable, "manage.py", "evaluate_criteria"],
        cwd=ROOT,
        input=b"\n".join(lines),
        capture_output=True,
        check=True,
        timeout=240,
        env=ENVIRONMENT,
    )
    answers = [json.loads(line) for line in finished.stdout.splitlines()]
    assert [answers[0], answers[4]] == [ask(RECIST), ask(IRECIST)]
    assert [list(answered) for answered in answers[1:4]] == [["error"]] * 3
    assert finished.stderr == b""
