"""What became of a planted upload: what was left behind at which place, and what was lost that was to be kept."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from pydicom import DataElement, config, dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels import get_decoder

from imaging.deid.verifying import Search, verify
from tests.imaging.deid.frames import UNCOMPRESSED
from tests.imaging.deid.planted import FOLLOW_UP, Planted
from tests.imaging.deid.planted_people import PEOPLE, Person

_STEP = re.compile(r"(?:\((?P<group>\w{4}),(?P<element>\w{4})\)|(?P<keyword>\w+))(?:\[(?P<item>\d+)\])?")
#: Grey levels by which a flat area may differ once it was compressed.
_FLAT = 8


def read(content: bytes) -> Dataset:
    """Read an output, whatever is wrong with its values."""
    with config.disable_value_validation():
        return dcmread(BytesIO(content), force=True)


def left_behind(file: Planted, output: bytes) -> Iterator[tuple[str, str]]:
    """Kind of place and path of what was planted and is still there, in whatever part."""
    search, dataset = _search(file.person), read(output)
    for path, place in file.planted.items():
        if any(_names(search, value) for value in _at(dataset, output, path)):
            yield place, path
    if file.texts and _still_written_on(file, dataset):
        yield "pixels", "PixelData"


def named_anywhere(file: Planted, path: str) -> Mapping[str, Any]:
    """What a search of the whole file finds of the person; see `imaging.deid.verifying.verify`."""
    return verify(path, json.dumps(file.person.identifiers))


def lost(file: Planted, output: bytes) -> Iterator[str]:
    """Paths of what was to be kept and is gone or changed."""
    original, dataset = read(file.content), read(output)
    for path in file.kept:
        before, after = _element(original, path), _element(dataset, path)
        if after is None or before is None or str(before.value) != str(after.value):
            yield path
    if "PixelData" in original and not _same_pixels(file, original, dataset):
        yield "PixelData"


def intervals_kept(files: Mapping[Planted, bytes]) -> bool:
    """Whether each person's follow-up is as long after the first scan as it was, and on other days than it was."""
    days: dict[tuple[int, bool], set[date]] = {}
    for file, output in files.items():
        text = str(read(output).get("StudyDate") or "")
        if not re.fullmatch(r"\d{8}", text):
            return False
        days.setdefault((file.person.number_of, file.follow_up), set()).add(datetime.strptime(text, "%Y%m%d").date())  # noqa: DTZ007
    for person in PEOPLE:
        before, after = days.get((person.number_of, False), set()), days.get((person.number_of, True), set())
        if len(before) != 1 or len(after) != 1 or person.scanned in before:
            return False
        if next(iter(after)) - next(iter(before)) != FOLLOW_UP:
            return False
    return True


def references_intact(outputs: Iterable[bytes]) -> bool:
    """Whether each reference to an instance leads to one of the outputs, and none is an original one."""
    datasets = [read(output) for output in outputs]
    there = {str(dataset.get("SOPInstanceUID")) for dataset in datasets}
    references = [
        str(element.value)
        for dataset in datasets
        for element in dataset.iterall()
        if element.keyword == "ReferencedSOPInstanceUID"
    ]
    return bool(references) and all(uid in there for uid in references)


def _at(dataset: Dataset, output: bytes, path: str) -> Iterator[Any]:
    if path == "preamble":
        yield output[:128]
    elif path == "file meta":
        yield from (element.value for element in getattr(dataset, "file_meta", None) or ())
    elif path == "padding":
        value = dataset.get("PixelData")
        yield value if isinstance(value, bytes) else b""
    elif path == "unused bits":
        frames = _words(dataset)
        yield b"" if frames is None else np.packbits(frames >> 7).tobytes()
    elif (element := _element(dataset, path)) is not None:
        yield element.value


def _element(dataset: Dataset, path: str) -> DataElement | None:
    element: Any = None
    level: Any = dataset
    for step in (_STEP.fullmatch(part) for part in re.split(r"\.(?![^(]*\))", path)):
        assert step
        tag: Any = step["keyword"] or (int(step["group"], 16) << 16 | int(step["element"], 16))
        if level is None or tag not in level:
            return None
        element = level[tag]
        if step["item"]:
            items = element.value if element.VR == "SQ" else ()
            level = items[int(step["item"])] if len(items) > int(step["item"]) else None
    return element


def _names(search: Search, value: Any) -> bool:
    if value is None:
        return False
    if isinstance(value, bytes):
        return bool(list(search.in_bytes(value)))
    parts = value if hasattr(value, "append") else [value]
    return any(search.in_text(str(part)) for part in parts)


def _still_written_on(file: Planted, dataset: Dataset) -> bool:
    frames = _frames(dataset)
    return frames is None or any(
        np.ptp(frames[:, top:bottom, left:right].astype(int), axis=(1, 2)).max() > _FLAT
        for left, top, right, bottom in file.texts
    )


def _same_pixels(file: Planted, original: Dataset, dataset: Dataset) -> bool:
    """Whether pixels are as they were; where text was, and a margin around it, they may be blank."""
    before, after = _frames(original), _frames(dataset)
    if before is None or after is None or before.shape != after.shape:
        return False
    same = np.abs(before.astype(int) - after.astype(int)) <= (_FLAT if file.texts else 0)
    for left, top, right, bottom in file.texts:
        same[:, max(top - 10, 0) : bottom + 10, max(left - 10, 0) : right + 10] = True
    return bool(same.all())


def _frames(dataset: Dataset) -> np.ndarray | None:
    """Values of every frame."""
    frames = _words(dataset)
    return None if frames is None else frames & (1 << int(dataset.BitsStored)) - 1


def _words(dataset: Dataset) -> np.ndarray | None:
    """Every frame with what its unused bits hold."""
    if dataset.file_meta.TransferSyntaxUID == UNCOMPRESSED:
        items = generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames") or 1))
        return np.stack([np.frombuffer(item, np.uint8).reshape(dataset.Rows, dataset.Columns) for item in items])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # bytes behind the pixels were planted
            decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
            frames, _ = decoder.as_array(dataset, bits_stored=dataset.BitsAllocated)
    except (AttributeError, NotImplementedError, RuntimeError, ValueError, KeyError):
        return None
    return frames.reshape(-1, *frames.shape[-2:])


@lru_cache(maxsize=16)
def _search(person: Person) -> Search:
    return Search(person.identifiers)
