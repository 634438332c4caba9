"""A second, plain implementation of each criteria agrees with the pack on random subjects.

`make criteria` takes 10,000 subjects of each, as docs/criteria.md says; the suite takes fewer.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from reading.criteria.requests import answer
from reading.management.jsonlines import request_of
from tests.reading.criteria import plain_irecist, plain_rano, plain_recist, random_histories

pytestmark = pytest.mark.requirement("REQ-CRI-003")

SUBJECTS = int(os.environ.get("PARALLAX_RANDOM_SUBJECTS", "1500"))

Evaluate = Callable[[dict[str, Any]], dict[str, Any]]


def contracted(answered: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """The fields of the contract; what an answer says beside them is its own."""
    timepoints = [
        {name: said[name] for name in expected}
        for said, expected in zip(answered["timepoints"], model["timepoints"], strict=True)
    ]
    return {name: answered[name] for name in model} | {"timepoints": timepoints}


@pytest.mark.parametrize(
    ("draw", "evaluate", "seen_often"),
    [
        (
            random_histories.recist,
            plain_recist.evaluate,
            {"CR", "PR", "SD", "PD", "NE", "NON-CR/NON-PD", "NED"},
        ),
        (
            random_histories.irecist,
            plain_irecist.evaluate,
            {"iCR", "iPR", "iSD", "iUPD", "iCPD", "NE", "NON-iCR/NON-iUPD"},
        ),
        (random_histories.rano, plain_rano.evaluate, {"CR", "PR", "MR", "SD", "PDu", "PD", "NE"}),
    ],
    ids=["RECIST 1.1", "iRECIST", "RANO 2.0"],
)
def test_random_subjects(draw: Callable[[Random], dict[str, Any]], evaluate: Evaluate, seen_often: set[str]) -> None:
    dice = Random(20090101)
    seen: Counter[str] = Counter()
    for _ in range(SUBJECTS):
        request = draw(dice)
        expected = evaluate(request["input"])
        answered = answer(request_of(json.dumps(request).encode()))
        assert contracted(answered, expected) == expected, request
        seen.update(timepoint["overall"] for timepoint in expected["timepoints"])
    assert {response for response, times in seen.items() if times > SUBJECTS // 50} == seen_often
