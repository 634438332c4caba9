"""What a viewer is told: one shape, with nothing else of a header."""

from __future__ import annotations

from imaging.display.manifest import UNREADABLE, Manifest, Picture, Series

AXIAL = [1, 0, 0, 0, 1, 0]
SLICE = {**UNREADABLE, "rows": 4, "columns": 6, "spacing": [2.0, 0.5], "orientation": AXIAL, "space": "1.2.3"}


def at(z: float, **values: object) -> dict:
    return {**SLICE, "places": [[[0.0, 0.0, z], 1.0, -1024.0]], **values}


def series(*pictures: Picture, **values: object) -> dict:
    return Series("k", "Chest", "CT", None, pictures, lambda uid: f"named {len(uid)}", **values).plain()


def test_a_stack_is_told_with_its_places() -> None:
    told = series(Picture("a", 1, at(10.0)), Picture("b", 1, at(15.0)), Picture("c", 1, at(20.0)))

    assert told == {
        "key": "k",
        "label": "Chest",
        "modality": "CT",
        "rows": 4,
        "columns": 6,
        "samples": 1,
        "bits": 16,
        "signed": False,
        "float": False,
        "photometric": "MONOCHROME2",
        "unit": "",
        "suv_factor": None,
        "suv_reason": "",
        "suv_in_header": False,
        "interval": 5.0,
        "spacing": [2.0, 0.5],
        "orientation": AXIAL,
        "space": "named 5",
        "cine_ms": None,
        "window": None,
        "film": False,
        "slices": [
            ["a", 1, 0.0, [0.0, 0.0, 10.0], 1.0, -1024.0],
            ["b", 1, 5.0, [0.0, 0.0, 15.0], 1.0, -1024.0],
            ["c", 1, 10.0, [0.0, 0.0, 20.0], 1.0, -1024.0],
        ],
    }


def test_a_picture_unlike_the_first_says_in_what() -> None:
    told = series(Picture("a", 1, at(0.0)), Picture("b", 1, at(1.0, rows=8, photometric="RGB")))
    assert [slice[6:] for slice in told["slices"]] == [[], [{"rows": 8, "photometric": "RGB"}]]


def test_an_suv_factor_is_told_where_all_pictures_agree_on_it() -> None:
    first, second = (Picture(key, 1, at(0.0, suv_factor=value)) for key, value in (("a", 2.0), ("b", 3.0)))
    assert series(first, first)["suv_factor"] == 2.0
    assert series(first, second)["suv_factor"] is None
    assert series(first, Picture("c", 1, at(1.0)))["suv_factor"] is None


def test_a_picture_that_cannot_be_read_keeps_its_place() -> None:
    told = series(Picture("a", 1, at(0.0)), Picture("b", 1, UNREADABLE, 7.5))
    assert told["slices"][1][:6] == ["b", 1, 7.5, None, 1.0, 0.0]


def test_the_pictures_own_window_is_told_where_windows_are_free() -> None:
    picture = Picture("a", 1, at(0.0, window=[40, 400]))
    assert (series(picture)["window"], series(picture, window_shown=True)["window"]) == (None, [40, 400])


def test_addresses_change_with_what_the_stacks_hold() -> None:
    def told(*pictures: Picture) -> dict:
        stack = Series("k", "Chest", "CT", None, pictures, str)
        return Manifest("reader", "SERIES/0/pixels", "png", "small", [], [("Timepoint 1", [stack])]).plain()

    one, same, other = told(Picture("a", 1, SLICE)), told(Picture("a", 1, SLICE)), told(Picture("b", 1, SLICE))
    assert one["pixels_url"].startswith("SERIES/0/pixels?of=")
    assert one["pixels_url"] == same["pixels_url"] != other["pixels_url"]
