"""Before and after: what a recipe makes of a file, attribute by attribute, for the eyes of whoever has the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydicom.datadict import dictionary_description, dictionary_has_tag
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from imaging.deid.values import CHARACTER_SET_VRS, in_order, name_of, parsed, readable, standard_vr, text_of

#: Characters of a value, and attributes of a file, that are shown.
LONGEST, MOST = 120, 3000
_BYTES_VRS = frozenset({"OB", "OW", "OV", "OD", "OF", "OL", "UN"})
_MAX_DEPTH = 24
#: Our seal in De-identification Method: another digest in each file, of which nobody can tell anything.
_METHOD, _SEAL = 0x00120063, "seal:"


class Change(NamedTuple):
    """One attribute before and after; None where it is not there.

    Attributes
    ----------
    path
        Tags from the top, with the items' numbers, such as `(0040,0275)[0].(0040,0007)`.
    name
        The attribute's name in the dictionary.
    before, after
        Values as text, shortened.
    """

    path: str
    name: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> str:
        """`kept`, `changed`, `removed` or `added`."""
        if self.before == self.after:
            return "kept"
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


def changes(before: Dataset, after: Dataset) -> list[Change]:
    """Pair the attributes of two data sets, in file order; at most `MOST`.

    Values that differ beyond their shown part are told apart by an ellipsis and their length.
    """
    one, other = dict(_walk(before)), dict(_walk(after))
    paths = [*one, *(path for path in other if path not in one)]
    return [
        Change(path, name_in_dictionary(path.rpartition(".")[2]), one.get(path), other.get(path))
        for path in sorted(paths, key=_order)[:MOST]
    ]


def _walk(dataset: Dataset, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    if depth == 0 and getattr(dataset, "file_meta", None) is not None:
        yield from _walk(dataset.file_meta, path, 1)
    for tag, element in in_order(dataset):
        if not tag & 0xFFFF:
            continue  # lengths of groups say nothing
        here, vr = f"{path}{name_of(tag)}", element.VR or standard_vr(tag)[:2] or "UN"
        if vr == "UN" and standard_vr(tag):
            element = parsed(dataset, element)
            vr = element.VR
        if vr == "SQ":
            items = parsed(dataset, element).value if depth < _MAX_DEPTH else None
            sequence = items if isinstance(items, Sequence) else Sequence()
            yield here, _counted(len(sequence), "item")
            for number, item in enumerate(sequence):
                yield from _walk(item, f"{here}[{number}].", depth + 1)
        elif vr in _BYTES_VRS:
            yield here, _counted(len(element.value or b""), "byte")
        else:
            texts = readable(dataset, element, vr) if vr in CHARACTER_SET_VRS else text_of(parsed(dataset, element))
            yield here, _short("\\".join(text for text in texts if tag != _METHOD or not text.startswith(_SEAL)))


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"


def _order(path: str) -> list[tuple[str, int]]:
    """Tags in order, the items of a sequence by number."""
    parts = (part.partition("[") for part in path.split("."))
    return [(tag, int(number.rstrip("]") or -1)) for tag, _, number in parts]


def name_in_dictionary(tag: str) -> str:
    """Name of an attribute; `tag` as people write it, such as `(0010,0020)`."""
    number = Tag(int(tag[1:5], 16), int(tag[6:10], 16))
    if number.is_private:
        return "Private attribute"
    return dictionary_description(number) if dictionary_has_tag(number) else "Unknown attribute"
