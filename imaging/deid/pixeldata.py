"""What the value of Pixel Data carries beside the picture, taken off without decoding it."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import UID

from imaging.deid.admission import CannotDeidentify, native_length
from imaging.deid.codestreams import without_comments
from imaging.deid.pixels.bits import Layout, clear_native
from imaging.dicom import films


def cleaned_pixels(value: bytes, source: Dataset, syntax: UID, layout: Layout) -> tuple[bytes, list[str]]:
    """Cut what no viewer shows: bytes past the last native pixel, unused bits, comments between compressed ones.

    Parameters
    ----------
    value
        Of Pixel Data.
    source
        The data set that describes the pixels.

    Returns
    -------
    bytes
        The same object when there was nothing to cut.
    list of str
        What was cut: `padding`, `bits`, `comments`, and of a film `film_notes`.

    Raises
    ------
    CannotDeidentify
        The description is missing or is not made of numbers; `video_container`; `video_frames`.
    """
    if films.is_film(syntax):
        try:
            stream = films.stream_of(value)
            cut, held = films.encapsulated(films.cleaned(stream, syntax)), films.described(stream).frames
        except films.FilmNotTaken as problem:
            raise CannotDeidentify("video_container") from problem
        if source.get("NumberOfFrames") != held:
            raise CannotDeidentify("video_frames")
        return (value, []) if cut == value else (cut, ["film_notes"])
    if syntax.is_encapsulated:
        cut = without_comments(value)
        return cut, [] if cut is value else ["comments"]
    cut = without_padding(value, source)
    outcomes = [] if cut is value else ["padding"]
    value = cut
    cleared = clear_native(value, layout, little=syntax.is_little_endian)
    if cleared is not value:
        value = cleared
        outcomes.append("bits")
    return value, outcomes


def without_padding(value: bytes, source: Dataset) -> bytes:
    """Native pixels, whole numbers or not, without bytes past the last one; the same object if there were none."""
    length = native_length(source)
    even = b"\0" * (length % 2)
    return value if value[length:] in (b"", even) else value[:length] + even
