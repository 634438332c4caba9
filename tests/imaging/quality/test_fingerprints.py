"""Whom a CT looks like: what moves, grows or is cut off changes little, another person much."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imaging.quality.fingerprints import fingerprint, likeness
from imaging.quality.pixels import BINS
from tests.imaging.quality.families import Person, filed_under, likenesses

Lines = NDArray[np.uint8]


def body(seed: int) -> Lines:
    """Lines of both views of somebody, 2 mm apart along 400 mm: bones of 12 mm at random."""
    random = np.random.Generator(np.random.PCG64(seed))
    bones = random.integers(0, 255, (34, 2 * BINS // 6)).repeat(6, axis=0).repeat(6, axis=1)
    return np.asarray(bones[:200], np.uint8)


def seen(lines: Lines, *, step_mm: float = 2.0, middle: float = 0.0) -> bytes:
    """The fingerprint of slices through these lines."""
    chosen = lines[:: round(step_mm / 2)]
    frames: list[dict[str, Any]] = [
        {
            "most": 255.0,
            "front": b64encode(line[:BINS].tobytes()).decode(),
            "side": b64encode(line[BINS:].tobytes()).decode(),
            "middle": [middle, 0.0],
        }
        for line in chosen
    ]
    return fingerprint(frames, [step_mm * number for number in range(len(chosen))])


def test_a_scan_is_like_itself() -> None:
    assert likeness(seen(body(1)), seen(body(1))) == pytest.approx(1.0)


def test_another_body_is_not_like_it() -> None:
    assert (likeness(seen(body(1)), seen(body(2))) or 0) < 0.2


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(seen(body(1)[30:]), id="a scan that begins 60 mm higher"),
        pytest.param(seen(body(1)[:150]), id="a shorter one"),
        pytest.param(seen(body(1), step_mm=4.0), id="thicker slices"),
        pytest.param(seen(np.roll(body(1), 2, axis=1), middle=12.0), id="a patient 12 mm further left"),
        pytest.param(seen(body(1) // 2), id="less contrast"),
    ],
)
def test_another_scan_of_the_same_body_is_like_it(other: bytes) -> None:
    assert (likeness(seen(body(1)), other) or 0) > 0.8


def test_too_little_says_nothing() -> None:
    assert seen(body(1)[:50]) == b""
    assert fingerprint([{}] * 100, [2.0 * number for number in range(100)]) == b""
    assert likeness(seen(body(1)[:100]), seen(body(1)[30:])) is not None


def test_only_a_scan_under_the_wrong_subject_is_flagged() -> None:
    """A few of the families of `benchmarks/subjects.py`."""
    people = [Person.of(family, 1) for family in (701, 702, 703)]
    scans = {f"N-{person.seed}": (person.facts(0), person.facts(1)) for person in people}
    first = {code: both[0] for code, both in scans.items()}
    for code, (_, second) in scans.items():
        alike = likenesses(second, first)
        for named in first:
            found = {one.code: one for one in filed_under(named, second, first, alike)}
            if code == named:
                assert "looks_like_own_earlier_scan" in found
            else:
                assert f"like the scan of {code}" in found["looks_like_other_subject"].sentence
