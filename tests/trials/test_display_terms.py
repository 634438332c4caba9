"""What a charter says of layouts and tools, and what is refused with its place."""

from __future__ import annotations

import pytest

from trials.charter import RECIST_TEMPLATE, TEMPLATES, Charter, CharterInvalid
from trials.display_terms import LAYOUTS, Hanging, HangingCell

CT = RECIST_TEMPLATE["series"][0]["label"]
PET = {"label": "PET", "modality": "PT"}
BESIDE = {
    "name": "Beside",
    "layout": "1x2",
    "cells": [{"place": 1, "series": CT, "timepoint": "previous"}, {"place": 2, "series": CT, "preset": "Lung"}],
}


def read(*hangings: object, **terms: object) -> Charter:
    series = [*RECIST_TEMPLATE["series"], PET]
    return Charter.parse(
        {**RECIST_TEMPLATE, "modalities": ["CT", "PT"], "series": series, "hanging": hangings, **terms}
    )


def one(*cells: dict, **said: object) -> dict:
    return {"name": "One", "layout": "2x2", "cells": cells, **said}


def test_a_charter_of_before_locks_its_windows_hangs_nothing_and_leaves_tools_to_the_criteria():
    older = {name: value for name, value in RECIST_TEMPLATE.items() if name not in ("hanging", "windows_locked")}
    terms = Charter.parse(older)
    assert (terms.windows_locked, terms.hanging, terms.tools) == (True, (), ())


def test_a_hanging_puts_series_of_timepoints_into_places():
    (hanging,) = read(BESIDE).hanging
    assert hanging == Hanging(
        name="Beside",
        layout="1x2",
        linked=True,
        cells=(HangingCell(1, CT, "previous", "stack"), HangingCell(2, CT, "present", "stack", "Lung")),
    )


@pytest.mark.parametrize(
    ("applies", "expected"), [("", (True, True)), ("baseline", (True, False)), ("follow_up", (False, True))]
)
def test_a_hanging_is_for_baseline_for_later_timepoints_or_for_both(applies, expected):
    (hanging,) = read(one({"place": 1, "series": CT}, applies=applies)).hanging
    assert (hanging.applies_at(baseline=True), hanging.applies_at(baseline=False)) == expected


@pytest.mark.parametrize(("layout", "places"), [("1x1", 1), ("1x2", 2), ("1x3", 3), ("2x1", 2), ("2x2", 4)])
def test_a_layout_has_rows_times_columns_of_places(layout, places):
    assert Hanging(name="x", layout=layout, cells=()).places == places
    assert layout in LAYOUTS


@pytest.mark.parametrize(
    ("hanging", "problem"),
    [
        (
            one({"place": 1, "series": "Chest"}),
            "hanging[1].cells[1].series: “Chest” is none of the images to acquire",
        ),
        (
            one({"place": 1, "series": CT, "preset": "Brain"}),
            "hanging[1].cells[1].preset: “Brain” is none of the display windows",
        ),
        (
            one({"place": 3, "series": CT}, layout="1x2"),
            "hanging[1].cells[1].place: the layout has room for two side by side only",
        ),
        (
            one({"place": 1, "series": CT}, {"place": 1, "series": CT}),
            "hanging[1].cells[2].place: another picture has the same",
        ),
        (
            one({"place": 1, "series": CT, "timepoint": "previous"}, applies="baseline"),
            "hanging[1].cells[1].timepoint: there is none before the first timepoint",
        ),
        (
            one({"place": 1, "series": "PET", "plane": "fusion"}),
            "hanging[1].cells[1].over: a fusion needs the series that lies beneath",
        ),
        (
            one({"place": 1, "series": "PET", "plane": "fusion", "over": "MR"}),
            "hanging[1].cells[1].over: “MR” is none of the images to acquire",
        ),
        (
            one({"place": 1, "series": "PET", "plane": "fusion", "over": "PET"}),
            "hanging[1].cells[1].over: it is the same series",
        ),
        (
            one({"place": 1, "series": "PET", "plane": "axial", "over": CT}),
            "hanging[1].cells[1].over: only a fusion lies over another series",
        ),
        (
            one({"place": 1, "series": "PET", "plane": "fusion", "over": CT, "over_preset": "Brain"}),
            "hanging[1].cells[1].over_preset: “Brain” is none of the display windows",
        ),
        (one(), "hanging[1].cells: at least one picture is needed"),
        (one({"place": 1, "series": CT}, layout="3x3"), "hanging[1].layout: “3x3” is unknown; choose"),
    ],
)
def test_what_cannot_hang_so_is_said_with_its_place(hanging, problem):
    with pytest.raises(CharterInvalid) as refused:
        read(hanging)
    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith(problem)


def test_tools_are_known_by_name():
    assert read(tools=["length", "brush"]).tools == ("length", "brush")
    with pytest.raises(CharterInvalid, match=r"tools\[1\]: “laser” is unknown"):
        read(tools=["laser"])


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_each_template_opens_baseline_and_later_timepoints_in_a_way_of_its_own(template):
    hangings = Charter.parse(template.content).hanging
    at_baseline = next(h for h in hangings if h.applies_at(baseline=True))
    later = [h for h in hangings if h.applies_at(baseline=False)]
    assert all(cell.timepoint == "present" for cell in at_baseline.cells)
    assert any(cell.timepoint == "previous" for h in later for cell in h.cells)
