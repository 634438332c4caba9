"""Frames as HTJ2K, losslessly, resolution by resolution (1.2.840.10008.1.2.4.202): half the bytes, first lines first.

OpenJPH's program encodes. It takes values without a sign only; HTJ2K shifts those down to around zero before it codes
them, so that a stream of values with a sign is the same but for one bit that says so (ITU-T T.800 §A.5.1, §G.1.2).
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import openjpeg
from numpy.typing import NDArray

MEDIA_TYPE = "image/jphc"
_PROGRAM = "ojph_compress"
#: Seconds that encoding a frame may take.
_PATIENCE = 60
#: In the SIZ segment behind the first marker: where the description of the first of three-byte components begins.
_COMPONENTS = 42
_SIGNED = 0x80


class NotEncoded(Exception):
    """The frame cannot be encoded, or what came of it is not the same."""


def encode(values: NDArray[Any]) -> bytes:
    """Encode (rows, columns) of 8 bits without sign or of 16, or RGB of 8; what it decodes to was compared.

    Raises
    ------
    NotEncoded
    """
    if values.dtype.kind not in "iu" or values.dtype.itemsize > 2 or values.dtype == np.int8:
        # The decoder of browsers (OpenJPH's JavaScript) makes 0 of negative values of 8 bits.
        raise NotEncoded("the values have a kind that is not encoded")
    signed, bits = values.dtype.kind == "i", 8 * values.dtype.itemsize
    shifted = values.astype(np.int32) + (1 << bits - 1 if signed else 0)
    kind, name = (b"P6", "frame.ppm") if values.ndim == 3 else (b"P5", "frame.pgm")
    head = b"%s\n%d %d\n%d\n" % (kind, values.shape[1], values.shape[0], (1 << bits) - 1)
    with tempfile.TemporaryDirectory(prefix="htj2k-") as folder:
        source, target = Path(folder, name), Path(folder, "frame.j2c")
        source.write_bytes(head + shifted.astype(f">u{bits // 8}").tobytes())
        command = [_PROGRAM, "-i", str(source), "-o", str(target), "-reversible", "true", "-prog_order", "RPCL"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE)
            stream = bytearray(target.read_bytes())
        except (OSError, subprocess.SubprocessError) as problem:
            raise NotEncoded(type(problem).__name__) from problem
    if signed:
        stream[_COMPONENTS] |= _SIGNED
    if not np.array_equal(openjpeg.decode(bytes(stream)), values):
        raise NotEncoded("the frame decodes to other values")
    return bytes(stream)
