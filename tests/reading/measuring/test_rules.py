"""What a mark enters in a form, and what is said of the way it was drawn."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reading import criteria
from reading.criteria.form import TARGET, At
from reading.measuring import Tool, entered, not_square

CROSS = {"long_mm": 30.2, "short_mm": 18.1, "angle_deg": 88.0}
MEASURED = {"state": "MEASURED"}


def asked(pack: str) -> tuple[object, ...]:
    listed = criteria.get(pack, {}).form().of(TARGET)
    assert listed
    return listed.asked(At.FIRST)


@pytest.mark.parametrize(
    ("pack", "nodal", "expected"),
    [
        # RECIST 1.1 §4.3.2: the short axis of a node, the longest diameter of all else.
        ("RECIST 1.1", False, {"diameter_mm": "30.2"}),
        ("RECIST 1.1", True, {"diameter_mm": "18.1"}),
        # Lugano 2014: both diameters, of nodes too.
        ("Lugano 2014", True, {"diameter_mm": "30.2", "across_mm": "18.1"}),
    ],
)
def test_the_pack_says_which_axis_counts(pack: str, nodal: bool, expected: dict[str, str]) -> None:
    found = entered(Tool.BIDIRECTIONAL, CROSS, asked(pack), nodal=nodal, context=MEASURED)

    assert found == {name: Decimal(value) for name, value in expected.items()}


def test_a_single_line_is_the_diameter_that_counts() -> None:
    line = {"length_mm": 16.4}

    assert entered(Tool.LENGTH, line, asked("RECIST 1.1"), nodal=True, context=MEASURED) == {
        "diameter_mm": Decimal("16.4")
    }
    assert entered(Tool.LENGTH, line, asked("Lugano 2014"), nodal=False, context=MEASURED) == {
        "diameter_mm": Decimal("16.4")
    }


def test_nothing_is_entered_where_nothing_is_asked_or_measured() -> None:
    assert entered(Tool.BIDIRECTIONAL, CROSS, asked("RECIST 1.1"), nodal=False, context={"state": "ABSENT"}) == {}
    assert entered(Tool.POINT, {}, asked("RECIST 1.1"), nodal=False, context=MEASURED) == {}
    # The axes of a region are no diameters of a lesion.
    assert entered(Tool.ELLIPSE, CROSS, asked("RECIST 1.1"), nodal=False, context=MEASURED) == {}
    # A picture without geometry measures in pixels, which are no millimetres.
    assert entered(Tool.LENGTH, {}, asked("RECIST 1.1"), nodal=False, context=MEASURED) == {}


def test_lines_within_ten_degrees_of_a_right_angle_are_square() -> None:
    assert not_square({**CROSS, "angle_deg": 80.0}) == ""
    assert not_square({**CROSS, "angle_deg": 79.9}).startswith("The two lines cross at 80°")
    assert not_square({"angle_deg": 30.0}) == ""
