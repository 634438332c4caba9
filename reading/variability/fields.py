"""Fields of a request: each is read as what the contract says it is, or refused with a sentence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from compliance.errors import HouseError

from .base import exact

T = TypeVar("T")


class InvalidRequest(HouseError):
    """A request breaks the contract of `evaluate_variability`."""

    code = "invalid_request"
    status = 422


class Fields:
    """The fields of one object of a request, by name."""

    def __init__(self, name: str, value: object) -> None:
        if not isinstance(value, Mapping):
            raise InvalidRequest(f"{name} is not an object.")
        self.name = name
        self._fields = value

    def __contains__(self, name: str) -> bool:
        """Whether a field is there, and not null."""
        return self._fields.get(name) is not None

    def allow(self, *names: str) -> None:
        """Refuse fields of other names, which would be passed over in silence."""
        if unknown := set(self._fields) - set(names):
            known = "It takes " + ", ".join(sorted(names)) + "."
            raise InvalidRequest(f"{self.name} has {len(unknown)} field(s) that this statistic does not take. {known}")

    def one_of(self, *names: str) -> str:
        """Return the name of the one field that is there."""
        found = [name for name in names if name in self]
        if len(found) != 1:
            raise InvalidRequest(f"{self.name} needs one of {', '.join(names)}, and has {len(found)} of them.")
        return found[0]

    def sequence(self, name: str, of: Callable[[str, object], T]) -> list[T]:
        """Return a list whose items are each read by `of`."""
        return sequence(f"{self.name}.{name}", self._fields.get(name), of)

    def choice(self, name: str, *choices: str, default: str | None = None) -> str:
        """Return one of some words."""
        value = self._fields.get(name)
        value = default if value is None else value
        if value not in choices:
            raise InvalidRequest(f"{self.name}.{name} is one of {', '.join(choices)}.")
        return str(value)

    def number(self, name: str, default: float) -> float:
        """Return a number."""
        value = self._fields.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise InvalidRequest(f"{self.name}.{name} is not a number.")
        return float(exact(value))

    def count(self, name: str, default: int | None = None) -> int:
        """Return a whole number."""
        value = self._fields.get(name)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or value != int(value):
            raise InvalidRequest(f"{self.name}.{name} is not a whole number.")
        return int(value)

    def flag(self, name: str, default: bool | None = None) -> bool:
        """Return true or false, also when said as 1 or 0."""
        value = self._fields.get(name)
        value = default if value is None else value
        if value not in (True, False):
            raise InvalidRequest(f"{self.name}.{name} is neither true nor false.")
        return bool(value)

    def label(self, name: str) -> Hashable | None:
        """Return a name or a number, or null."""
        return label(f"{self.name}.{name}", self._fields.get(name))

    def day(self, name: str) -> dt.date | None:
        """Return an ISO day, or null."""
        value = self._fields.get(name)
        if value is None:
            return None
        try:
            day = dt.date.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            day = None
        if day is None or day.isoformat() != value:
            raise InvalidRequest(f"{self.name}.{name} is not a day such as 2026-03-31.")
        return day

    def given(self, name: str) -> Any:
        """Return a field as it came."""
        return self._fields.get(name)


def sequence(name: str, value: object, of: Callable[[str, object], T]) -> list[T]:
    """Return a list whose items are each read by `of`."""
    if not isinstance(value, list | tuple):
        raise InvalidRequest(f"{name} is not a list.")
    return [of(f"{name}[{i}]", item) for i, item in enumerate(value)]


def rows(of: Callable[[str, object], T]) -> Callable[[str, object], list[T]]:
    """Return a reader of lists, for lists of lists."""
    return lambda name, value: sequence(name, value, of)


def measurement(name: str, value: object) -> Any:
    """Return a number, exactly, or null."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise InvalidRequest(f"{name} is not a number. Give null for a missing reading.")
    return exact(value)


def given(of: Callable[[str, object], T | None]) -> Callable[[str, object], T]:
    """Return a reader that takes no null."""

    def read(name: str, value: object) -> T:
        found = of(name, value)
        if found is None:
            raise InvalidRequest(f"{name} is null.")
        return found

    return read


def label(name: str, value: object) -> Hashable | None:
    """Return a category: a name or a number, or null; true and false become names, which are no numbers."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, str | int | float | Decimal):
        return value
    raise InvalidRequest(f"{name} is neither a name nor a number. Give null for a missing reading.")


def pair(name: str, value: object) -> tuple[Hashable | None, Hashable | None]:
    """Return two categories of one case."""
    found = sequence(name, value, label)
    if len(found) != 2:
        raise InvalidRequest(f"{name} is not a pair of two readings.")
    return (found[0], found[1])


def flag(name: str, value: object) -> int | None:
    """Return 1 or 0, also when said as true or false, or null."""
    if value is not None and (isinstance(value, str | Sequence | Mapping) or value not in (0, 1)):
        raise InvalidRequest(f"{name} is neither 0 nor 1. Give null where it is missing.")
    return None if value is None else int(value == 1)


def voxels(first: object, second: object) -> Iterator[tuple[int | None, int | None]]:
    """Give the voxels of two masks of the same shape, of any number of dimensions, side by side."""
    if isinstance(first, list | tuple) and isinstance(second, list | tuple) and len(first) == len(second):
        for a, b in zip(first, second, strict=True):
            yield from voxels(a, b)
    elif isinstance(first, list | tuple) or isinstance(second, list | tuple):
        raise InvalidRequest("The two masks differ in size or shape.")
    else:
        yield (flag("A voxel", first), flag("A voxel", second))
