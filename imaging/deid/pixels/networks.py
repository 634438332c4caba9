"""Two neural networks that find and read text, offline.

The models are PP-OCR's, as they come inside the wheel of `rapidocr`; onnxruntime carries them out. Loading them takes
memory and a moment, so it waits for the first picture that needs them, and happens once per process.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
#: Left, top, right, bottom in pixels; right and bottom are outside.
Box = tuple[int, int, int, int]

_DETECTOR, _RECOGNISER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"
#: The results must not depend on how busy the machine is, and a worker has one core.
_THREADS = 1
_INK, _LEAST_SCORE, _LEAST_SIDE = 0.3, 0.5, 3
#: The detector marks the core of a line; its box grows by this share of area over perimeter (PP-OCR's unclip ratio).
_UNCLIP = 1.6
_LINE_HEIGHT, _LONGEST_LINE = 48, 2400


def detect(picture: Picture) -> list[tuple[Box, float]]:
    """Boxes of lines of text in a picture (rows, columns, 3), and how sure the network is of each."""
    import cv2

    rows, columns = picture.shape[:2]
    padded = np.zeros((-(-rows // 32) * 32, -(-columns // 32) * 32, 3), np.uint8)
    padded[:rows, :columns] = picture
    ink = _run(_DETECTOR, _normal(padded)[None])[0, 0]
    count, labels, areas, _ = cv2.connectedComponentsWithStats((ink > _INK).astype(np.uint8))
    found = []
    for label in range(1, count):
        left, top, width, height, _ = (int(number) for number in areas[label])
        if min(width, height) < _LEAST_SIDE:
            continue
        inside = (slice(top, top + height), slice(left, left + width))
        shape = np.argwhere(labels[inside] == label)
        _, (length, breadth), _ = cv2.minAreaRect(shape.astype(np.float32))
        # Over the whole rectangle, so that a hollow shape is none.
        filled = float(ink[inside][tuple(shape.T)].sum()) / max((length + 1) * (breadth + 1), len(shape))
        score = min(filled, 1.0)
        if score < _LEAST_SCORE:
            continue
        more = round(width * height * _UNCLIP / (2 * (width + height)))
        box = (max(left - more, 0), max(top - more, 0), left + width + more, top + height + more)
        found.append(((*box[:2], min(box[2], columns), min(box[3], rows)), score))
    return found


def read(line: Picture) -> tuple[str, float]:
    """Text of one horizontal line (rows, columns, 3), and the mean certainty of its characters."""
    import cv2

    width = min(max(round(line.shape[1] * _LINE_HEIGHT / line.shape[0]), 16), _LONGEST_LINE)
    sized = cv2.resize(line, (width, _LINE_HEIGHT)).astype(np.uint8)
    padded = np.zeros((3, _LINE_HEIGHT, max(-(-width // 32) * 32, 320)), np.float32)
    padded[:, :, :width] = _normal(sized)
    chances = _run(_RECOGNISER, padded[None])[0]
    best, characters = chances.argmax(axis=1), _characters()
    # Connectionist temporal classification: 0 parts repeated characters.
    kept = [at for at, one in enumerate(best) if one and (not at or one != best[at - 1])]
    text = "".join(characters[best[at] - 1] for at in kept if best[at] <= len(characters))
    return text, float(np.mean([chances[at, best[at]] for at in kept])) if kept else 0.0


def _normal(picture: Picture) -> NDArray[np.float32]:
    return np.ascontiguousarray(picture.transpose(2, 0, 1), dtype=np.float32) / 127.5 - 1


@cache
def _session(model: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = _THREADS
    options.enable_cpu_mem_arena = False  # it would keep what the largest picture took
    options.log_severity_level = 4
    package = importlib.util.find_spec("rapidocr")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("rapidocr")
    path = Path(package.origin).parent / "models" / model
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@cache
def _characters() -> list[str]:
    listed: str = _session(_RECOGNISER).get_modelmeta().custom_metadata_map["character"]
    return [*listed.splitlines(), " "]


def _run(model: str, content: NDArray[np.float32]) -> NDArray[np.float32]:
    session = _session(model)
    result: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: content})[0]
    return result
