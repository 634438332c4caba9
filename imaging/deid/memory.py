"""What the slices of a scan say again: of a hundred values all but a dozen are those of the slice before.

Whatever follows from an element alone is worked out once and kept for the next one that is the same.
"""

from __future__ import annotations

from typing import NamedTuple, TypeGuard, TypeVar

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

#: Longer values rarely come again, and would take room.
LONGEST = 1024
_MOST = 4096
_UNDEFINED_LENGTH = 0xFFFFFFFF

Key = TypeVar("Key")
Result = TypeVar("Result")


class Memory(dict[Key, Result]):
    """Results by what they follow from; forgotten together when they are too many."""

    def __setitem__(self, key: Key, result: Result) -> None:
        if len(self) >= _MOST:
            self.clear()
        super().__setitem__(key, result)


def recurs(element: DataElement | RawDataElement) -> TypeGuard[RawDataElement]:
    """Whether an element is as it was read, and short enough to be one that comes again."""
    return (
        isinstance(element, RawDataElement)
        and isinstance(value := element.value, bytes)
        and len(value) <= LONGEST
        and element.length != _UNDEFINED_LENGTH
    )


class Encoding(NamedTuple):
    """How the elements of a level are read: two of the same tag, VR and bytes are the same under the same encoding."""

    implicit: bool
    little: bool
    charset: tuple[str, ...]


def encoding_of(dataset: Dataset) -> Encoding | None:
    """Return how the elements of a level were read; none if they were not."""
    implicit, little = dataset.original_encoding
    if implicit is None or little is None:
        return None
    charset = dataset.original_character_set
    return Encoding(implicit, little, (charset,) if isinstance(charset, str) else tuple(charset))
