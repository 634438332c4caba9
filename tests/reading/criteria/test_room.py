"""The count of target lesions while a baseline is read, by the limits that its check has too."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reading import criteria
from reading.criteria.inputs import BaselineTarget

pytestmark = pytest.mark.requirement("REQ-CRI-001")

SIZE = Decimal(20)
LIVER, LUNG, NODE = ("LIVER", False), ("LUNG", False), ("LYMPH NODE", True)


@pytest.mark.parametrize(
    ("targets", "said", "hints"),
    [
        ((), "0 of 5 targets", ()),
        ((LIVER,), "1 of 5 targets: 1 in the liver", ()),
        (
            (LIVER, LUNG, LIVER),
            "3 of 5 targets: 2 in the liver (2 at most), 1 in the lung",
            ("One more in the liver would be too many.",),
        ),
        (
            (NODE, ("INGUINAL", True), ("", False)),
            "3 of 5 targets: 2 in lymph nodes (2 at most), 1 without an organ yet",
            ("One more in lymph nodes would be too many.",),
        ),
        (
            (LIVER, LIVER, LUNG, LUNG, NODE),
            "5 of 5 targets: 2 in the liver (2 at most), 2 in the lung (2 at most), 1 in lymph nodes",
            ("One more target would be too many.",),
        ),
        (
            (LIVER, LIVER, LIVER),
            "3 of 5 targets: 3 in the liver (2 at most)",
            ("3 targets are in the liver, and 2 may be. Remove one.",),
        ),
    ],
)
def test_targets_are_counted_in_all_and_by_organ(
    targets: tuple[tuple[str, bool], ...], said: str, hints: tuple[str, ...]
) -> None:
    room = criteria.get("RECIST 1.1").room(targets)
    assert (room.said, room.hints) == (said, hints)


@pytest.mark.parametrize("pack", ["RECIST 1.1", "iRECIST"])
@pytest.mark.parametrize("limits", [{}, {"max_targets": 3, "max_targets_per_organ": 1}], ids=["usual", "fewer"])
@pytest.mark.parametrize(
    "chosen", [(LIVER,), (LIVER, LIVER), (LIVER, LIVER, LIVER), (LIVER, LUNG, NODE, ("BONE", False))]
)
def test_the_count_and_the_check_of_the_baseline_agree(
    pack: str, limits: dict[str, int], chosen: tuple[tuple[str, bool], ...]
) -> None:
    rules = criteria.get(pack, limits)
    targets = [BaselineTarget(f"T{n:02d}", organ, nodal, SIZE) for n, (organ, nodal) in enumerate(chosen, 1)]
    broken = {violation.code for violation in rules.check_baseline(targets).violations}
    assert rules.room(chosen).is_broken == bool(broken & {"MAX_TOTAL", "MAX_PER_ORGAN"})


@pytest.mark.parametrize(
    ("pack", "said"),
    [("Lugano 2014", "2 of 6 targets: 2 in the liver"), ("Volumetric", "2 targets: 2 in the liver")],
)
def test_limits_are_those_of_the_criteria(pack: str, said: str) -> None:
    assert criteria.get(pack).room((LIVER, LIVER)).said == said
