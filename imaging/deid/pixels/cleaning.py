"""An instance without the text in its pixels: found, blanked flat, and looked for again.

A machine blanks what it finds (`clean`), or proposes it to a person (`propose`), who settles what is blanked (`blank`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID

from imaging.deid.admission import CannotDeidentify, TextInPixels, says_it_has_text, text_is_usual
from imaging.deid.pixels.candidates import Look, is_slice, is_suspect, look_at
from imaging.deid.pixels.frames import Frame, Pixels, readable
from imaging.deid.pixels.networks import Box
from imaging.deid.pixels.reading import find_text, views_of, words_in
from imaging.deid.pixels.regions import Region, Settled, gathered, on_frame
from imaging.deid.pixels.slices import weigh
from imaging.deid.pixels.templates import Place

#: Pixels of all frames together. Looking at a million of them takes about a second.
MAX_PIXELS = 400_000_000
_MARGIN = 2
#: Each round looks at another scale, since what one does not see another may.
_SCALES = (1.0, 1.5, 1.0, 1.5)
#: What a person settled is looked at in that order: the proposals were made in the other one.
_SCALES_AGAIN = (1.5, 1.0, 1.5, 1.0)


@dataclass(frozen=True)
class Cleaned:
    """What was found and blanked; never what was read.

    Attributes
    ----------
    regions
        For each frame the boxes that were blanked because of what was found: left, top, right, bottom, in pixels.
    transfer_syntax
        In which the data set is written now.
    places
        Of device templates, blanked on every frame.
    frame
        The only frame, as it is stored now.
    """

    regions: tuple[tuple[Box, ...], ...]
    transfer_syntax: UID
    places: tuple[Place, ...] = ()
    frame: Frame | None = field(default=None, compare=False, repr=False)

    @property
    def changed(self) -> bool:
        """Whether any pixel was blanked."""
        return any(self.regions) or bool(self.places)

    @property
    def count(self) -> int:
        """Boxes in all frames, without those of templates."""
        return sum(map(len, self.regions))


def clean(dataset: Dataset, *, words: Collection[str] = (), places: Sequence[Place] = ()) -> Cleaned:
    """Blank the text in an instance's pixels; the data set is changed if there is any.

    Pixels outside the boxes keep their values, and frames without text their bytes. A syntax that loses nothing
    stays if it can be written here. What was compressed with losses is stored as it was decoded, so that
    nothing is lost twice; its history of losses stays in the header (PS3.3 §C.7.6.1.1.5).

    Parameters
    ----------
    dataset
        With file meta information. Pixel data are replaced, not changed.
    words
        What is known of the person.
    places
        Where templates say that the device writes: blanked first, whatever is there.

    Raises
    ------
    CannotDeidentify
        `pixels_unreadable`, or `pixels_too_many`.
    TextInPixels
        `text_remains`; `text_in_slice`: what was found in a slice may be anatomy; or `burned_in_annotation`: the image
        says that it has text, and none was found.
    """
    with readable():
        found = _find(dataset, words, places)
        if found.unsettled:
            raise found.for_a_person(found.unsettled)
        if found.changed:
            return _stored(dataset, found)
    if says_it_has_text(dataset):
        if found.pixels is None:
            raise CannotDeidentify("burned_in_annotation")
        raise found.for_a_person("burned_in_annotation")
    return Cleaned(tuple(map(tuple, found.boxes)), UID(dataset.file_meta.TransferSyntaxUID), frame=found.frame)


def propose(
    dataset: Dataset, *, words: Collection[str] = (), places: Sequence[Place] = (), photograph: bool = False
) -> Cleaned:
    """Find the text in an instance's pixels for a person to look at; the data set is not changed.

    Returns only where there is nothing to look at, and so never for a photograph.

    Raises
    ------
    CannotDeidentify
        As `clean`.
    TextInPixels
        `photograph`; `text_found`; `text_template`, where none was found outside of the places of templates; or
        `text_usual`, where none was found in an image of a kind on which text is usual.
    """
    with readable():
        found = _find(dataset, words, places)
    if found.pixels is not None and photograph:
        raise found.for_a_person("photograph")
    if any(found.boxes):
        raise found.for_a_person("text_found")
    if found.places:
        raise found.for_a_person("text_template")
    if found.pixels is not None and text_is_usual(dataset):
        raise found.for_a_person("text_usual")
    return Cleaned((), UID(dataset.file_meta.TransferSyntaxUID), frame=found.frame)


def blank(dataset: Dataset, settled: Settled, *, words: Collection[str] = ()) -> Cleaned:
    """Blank what a person settled, exactly that, and look for text outside of it; otherwise as `clean`.

    Raises
    ------
    CannotDeidentify
        As `clean`.
    TextInPixels
        `text_known`: a region that was to be kept holds one of the words. `text_outside`: text was found elsewhere.
        Both come with all regions that a person should look at now.
    """
    with readable():
        pixels, look = _opened(dataset)
        if pixels is None:
            return Cleaned((), UID(dataset.file_meta.TransferSyntaxUID))
        found, known, seek = _Found(pixels), False, _way_for(dataset, _SCALES_AGAIN)
        outside: list[list[Box]] = []
        for number, (frame, worth) in enumerate(_frames(pixels, look)):
            boxes, kept = on_frame(settled.blank, number), on_frame(settled.kept, number)
            named = [box for box in kept if _names_the_person(frame, box, pixels, words)]
            known |= bool(named)
            found.add(number, boxes, _filled(frame, boxes))
            rest = _filled(found.changed.get(number, frame), [_wider(box, pixels) for box in kept])
            outside.append(named + (seek(rest, pixels, words).boxes if worth else []))
        if any(outside):
            again = [*settled.blank, *gathered(outside)]
            raise TextInPixels("text_known" if known else "text_outside", again, found.size)
        cleaned = _stored(dataset, found)
        dataset.BurnedInAnnotation = "NO"
        return cleaned


def film(dataset: Dataset, settled: Settled | None) -> Cleaned:
    """Let a film go on that a person has looked at; nothing in it can be blanked without coding it anew.

    Raises
    ------
    TextInPixels
        `video`: nobody has looked at it.
    CannotDeidentify
        `video_boxes`: something is to be blanked; `pixel_description`.
    """
    try:
        rows, columns, frames = int(dataset.Rows), int(dataset.Columns), int(dataset.NumberOfFrames)
    except (AttributeError, TypeError, ValueError):
        raise CannotDeidentify("pixel_description") from None
    if settled is None:
        raise TextInPixels("video", [], (rows, columns, frames))
    if settled.blank:
        raise CannotDeidentify("video_boxes")
    dataset.BurnedInAnnotation = "NO"
    return Cleaned((), UID(dataset.file_meta.TransferSyntaxUID))


@dataclass
class _Found:
    """Boxes on each frame, the frames that they change, and why a person must settle them; places on all frames."""

    pixels: Pixels | None
    places: Sequence[Place] = ()
    boxes: list[list[Box]] = field(default_factory=list)
    changed: dict[int, Frame] = field(default_factory=dict)
    unsettled: str = ""
    last: Frame | None = None

    @property
    def frame(self) -> Frame | None:
        """The frame, where it is the only one."""
        return self.last if len(self.boxes) == 1 else None

    @property
    def size(self) -> tuple[int, int, int]:
        """Rows, columns and frames."""
        return (self.pixels.rows, self.pixels.columns, self.pixels.count) if self.pixels else (0, 0, 0)

    def add(self, number: int, boxes: list[Box], blanked: Frame) -> None:
        """Note what was found on the next frame."""
        self.boxes.append(boxes)
        self.last = blanked
        if boxes or self.places:
            self.changed[number] = blanked

    def for_a_person(self, reason: str) -> TextInPixels:
        """All that is proposed to a person, places of templates first."""
        rows, columns, frames = self.size
        known = [Region(*box, 0, frames - 1) for _, box in self.places]
        templates = [template for template, _ in self.places]
        return TextInPixels(reason, [*known, *gathered(self.boxes)], (rows, columns, frames), templates)


def _opened(dataset: Dataset) -> tuple[Pixels | None, Look]:
    """The pixels of an instance, None where they are no picture, and how closely they must be looked at."""
    syntax, look = UID(dataset.file_meta.TransferSyntaxUID), look_at(dataset)
    if look is Look.NEVER:
        return None, look
    pixels = Pixels(dataset, syntax)
    if pixels.count * pixels.rows * pixels.columns > MAX_PIXELS:
        raise CannotDeidentify("pixels_too_many")
    return pixels, look


def _frames(pixels: Pixels, look: Look) -> Iterator[tuple[Frame, bool]]:
    """Each frame, and whether it is worth a close look."""
    count = 0
    for frame in pixels.frames():
        count += 1
        yield frame, look is Look.ALWAYS or is_suspect(frame)
    if count != pixels.count:
        raise CannotDeidentify("pixels_unreadable")


def _find(dataset: Dataset, words: Collection[str], places: Sequence[Place]) -> _Found:
    pixels, look = _opened(dataset)
    found = _Found(pixels, places if pixels is not None else ())
    if pixels is not None:
        seek = _way_for(dataset, _SCALES)
        for number, (frame, worth) in enumerate(_frames(pixels, look)):
            bare = _filled(frame, [box for _, box in places])
            seen = seek(bare, pixels, words) if worth else _Seen([], bare)
            found.add(number, seen.boxes, seen.blanked)
            found.unsettled = found.unsettled or seen.unsettled
    return found


def _stored(dataset: Dataset, found: _Found) -> Cleaned:
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    if found.changed and found.pixels is not None:
        syntax = found.pixels.replace(found.changed)
        dataset.BurnedInAnnotation = "NO"
    return Cleaned(tuple(map(tuple, found.boxes)), syntax, tuple(found.places), found.frame)


class _Seen(NamedTuple):
    """Boxes found on a frame, the frame without those that are text, and why a person must settle them if one must."""

    boxes: list[Box]
    blanked: Frame
    unsettled: str = ""


_Way = Callable[[Frame, Pixels, Collection[str]], _Seen]


def _way_for(dataset: Dataset, scales: Sequence[float]) -> _Way:
    """How text is sought in the frames of an instance."""
    return _in_a_slice if is_slice(dataset) else partial(_in_a_picture, scales=scales)


def _in_a_picture(frame: Frame, pixels: Pixels, words: Collection[str], *, scales: Sequence[float]) -> _Seen:
    """Take all that is found for text, since text is usual here."""
    found: list[Box] = []
    for scale in scales:
        boxes = [_wider(box, pixels) for box in find_text(views_of(pixels.shown(frame)), words, scale=scale)]
        if not boxes:
            return _Seen(found, frame)
        frame = _filled(frame, boxes)
        found += boxes
    return _Seen(found, frame, "text_remains")


def _in_a_slice(frame: Frame, pixels: Pixels, words: Collection[str]) -> _Seen:
    """Take for text what is text for sure, since the rest may be what readers measure."""
    found: list[Box] = []
    for _ in _SCALES:
        sure, doubtful = weigh(views_of(pixels.shown(frame)), words)
        boxes = [_wider(box, pixels) for box in sure]
        frame = _filled(frame, boxes)
        found += boxes
        if doubtful:
            return _Seen([*found, *(_wider(box, pixels) for box in doubtful)], frame, "text_in_slice")
        if not sure:
            return _Seen(found, frame)
    return _Seen(found, frame, "text_remains")


def _names_the_person(frame: Frame, box: Box, pixels: Pixels, words: Collection[str]) -> bool:
    """Whether one of the words is read in a box."""
    left, top, right, bottom = _wider(box, pixels)
    known = {word.casefold() for word in words}
    views = views_of(pixels.shown(frame))
    return any(known & words_in(np.ascontiguousarray(view[top:bottom, left:right])) for view in views)


def _filled(frame: Frame, boxes: Collection[Box]) -> Frame:
    """A copy of a frame with boxes made flat; the frame itself where there are none."""
    if not boxes:
        return frame
    copy = frame.copy()
    for box in boxes:
        _fill(copy, box)
    return copy


def _wider(box: Box, pixels: Pixels) -> Box:
    left, top, right, bottom = box
    return (
        max(left - _MARGIN, 0),
        max(top - _MARGIN, 0),
        min(right + _MARGIN, pixels.columns),
        min(bottom + _MARGIN, pixels.rows),
    )


def _fill(frame: Frame, box: Box) -> None:
    """Give a box the value that is the most common on its border: it is flat, and in any kind of pixels one of them."""
    left, top, right, bottom = box
    inside = frame[top:bottom, left:right]
    edge = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    values, counts = np.unique(edge, axis=0, return_counts=True)
    inside[...] = values[counts.argmax()]
