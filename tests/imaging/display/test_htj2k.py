"""Frames become HTJ2K and are the same when they are decoded; what is not, is not used."""

from __future__ import annotations

import numpy as np
import openjpeg
import pytest

from imaging.display import htj2k
from imaging.display.htj2k import NotEncoded, encode

pytestmark = [pytest.mark.requires_tool("ojph_compress"), pytest.mark.one_database]


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        *[(dtype, shape) for dtype in ("u1", "<u2", "<i2") for shape in ((64, 48), (1, 1), (7, 130))],
        ("u1", (16, 16, 3)),
    ],
)
def test_values_of_each_kind_come_back(dtype: str, shape: tuple[int, ...]) -> None:
    limits = np.iinfo(dtype)
    values = np.random.default_rng(1).integers(limits.min, limits.max, shape, endpoint=True).astype(dtype)

    stream = encode(values)

    decoded = openjpeg.decode(stream)
    assert decoded.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(decoded, values)
    assert stream[:4] == b"\xff\x4f\xff\x51"


def test_the_stream_gives_whole_pictures_of_lower_resolution_first() -> None:
    stream = encode(np.zeros((64, 64), "<i2"))
    coding_style = stream.index(b"\xff\x52")
    assert stream[coding_style + 5] == 2  # RPCL: T.800 table A.16


@pytest.mark.parametrize("dtype", ["<f4", "<u4", "<i4", "i1"])
def test_other_kinds_are_not_encoded(dtype: str) -> None:
    with pytest.raises(NotEncoded):
        encode(np.zeros((4, 4), dtype))


def test_what_decodes_to_something_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(htj2k.openjpeg, "decode", lambda stream: np.ones((4, 4), "u1"))
    with pytest.raises(NotEncoded):
        encode(np.zeros((4, 4), "u1"))


def test_without_the_program_nothing_is_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(htj2k, "_PROGRAM", "no-such-program")
    with pytest.raises(NotEncoded):
        encode(np.zeros((4, 4), "u1"))
