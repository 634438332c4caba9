"""New names for files and folders."""

from __future__ import annotations

import os
import re
from pathlib import PurePath

import pytest

from imaging.deid.naming import Names

pytestmark = pytest.mark.requirement("REQ-DEI-006")

NAMES = Names(bytes(range(32)))


def of(path: str) -> str:
    return NAMES.of(PurePath(path))


def test_the_layout_stays_and_the_names_go() -> None:
    one, other = of("Roe_Jane/CT/IM1").split("/"), of("Roe_Jane/CT/IM2").split("/")

    assert one[:2] == other[:2]
    assert one[2] != other[2]
    assert all(re.fullmatch("[a-z2-7]{18}", name) for name in one)


def test_one_name_at_two_places_becomes_two() -> None:
    assert of("A/IM1").split("/")[1] != of("B/IM1").split("/")[1]


def test_the_key_decides() -> None:
    assert Names(bytes(32)).of(PurePath("A/IM1")) != of("A/IM1")


def test_names_of_ours_stay() -> None:
    new = of("A/IM1")

    assert of(new) == of(f"{new}.dcm") == new
    assert Names(bytes(32)).of(PurePath(new)) != new


def test_a_name_that_only_looks_like_ours_goes() -> None:
    new = of("A")
    forged = new[:-1] + ("a" if new[-1] != "a" else "b")

    assert of(forged) not in (forged, new)


def test_names_in_no_encoding_are_taken() -> None:
    assert re.fullmatch("[a-z2-7]{18}", of(os.fsdecode(b"\xe9t\xff")))
