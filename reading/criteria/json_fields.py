"""Reading the fields of a JSON object, with a sentence for each that is missing or of another kind."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal, overload

from compliance.errors import HouseError

from .values import InvalidRead, study_day


class MalformedRequest(HouseError):
    """A request of a program does not keep to its contract."""

    code = "malformed_request"
    status = 422


class Fields:
    """One object of a request. What is not required may be left out or be null, which is unknown.

    Parameters
    ----------
    value
        What JSON held.
    where
        How a sentence begins that speaks of it.

    Raises
    ------
    MalformedRequest
        It is no object; so do all methods where a field is missing or of another kind.
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise MalformedRequest(f"{where} is not a JSON object.")
        self._value, self.where = value, where

    def named(self, where: str) -> Fields:
        """Return the same object under another name."""
        return Fields(self._value, where)

    def names(self) -> set[str]:
        """Return the names of the fields that are there."""
        return set(self._value)

    def plain(self, name: str) -> Any:
        """Return a true or false, a number or a text as it is; a number without a fraction as a whole one."""
        value = self._value[name]
        if isinstance(value, dict | list):
            raise self._wrong(name, "a single value")
        if isinstance(value, Decimal) and value.is_finite() and abs(value) < 10_000 and value == int(value):
            return int(value)
        return value

    @overload
    def text(self, name: str, required: Literal[True] = True) -> str: ...
    @overload
    def text(self, name: str, required: bool) -> str | None: ...
    def text(self, name: str, required: bool = True) -> str | None:
        """Return a text; not an empty one."""
        value = self._get(name, required)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise self._wrong(name, "a text")
        return value

    def name(self, name: str) -> str | int:
        """Return what a timepoint is called: a text or a whole number."""
        value = self._value.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else self.text(name)

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of a few words."""
        value = self.text(name)
        if value not in choices:
            raise MalformedRequest(f"{self.where} has an unknown {name}; choose one of {', '.join(choices)}.")
        return value

    def flag(self, name: str, *, default: bool | None = None) -> bool:
        """Return true or false."""
        value = self._get(name, default is None)
        if value is None and default is not None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    @overload
    def number(self, name: str, required: Literal[True] = True) -> Decimal: ...
    @overload
    def number(self, name: str, required: bool) -> Decimal | None: ...
    def number(self, name: str, required: bool = True) -> Decimal | None:
        """Return a number from 0."""
        value = self._get(name, required)
        return None if value is None else self._decimal(name, value)

    def numbers(self, name: str, *, required: bool) -> tuple[Decimal, ...] | None:
        """Return a list of numbers from 0."""
        value = self._get(name, required)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self._wrong(name, "a list of numbers")
        return tuple(self._decimal(name, item) for item in value)

    def whole(self, name: str, *, required: bool) -> int | None:
        """Return a whole number from 0."""
        value = self.number(name, required)
        if value is None:
            return None
        if value != value.to_integral_value() or value > 1_000_000:
            raise self._wrong(name, "a whole number")
        return int(value)

    def date(self, name: str) -> str:
        """Return an ISO day."""
        value = self.text(name)
        self._study_day(name, value, value)
        return value

    @overload
    def day(self, name: str, start: str, required: Literal[True] = True) -> int: ...
    @overload
    def day(self, name: str, start: str, required: bool) -> int | None: ...
    def day(self, name: str, start: str, required: bool = True) -> int | None:
        """Return the days from the start to an ISO day."""
        value = self.text(name, required)
        return None if value is None else self._study_day(name, value, start)

    def child(self, name: str, required: bool = True) -> Fields:
        """Return an object; an empty one where it may be and is left out."""
        value = self._get(name, required)
        return Fields({} if value is None else value, f"Field {name}")

    def children(self, name: str, required: bool = True) -> list[Fields]:
        """Return a list of objects."""
        value = self._get(name, required)
        if not isinstance(value, list | None):
            raise self._wrong(name, "a list of objects")
        return [Fields(item, f"An entry of {name}") for item in value or ()]

    def texts(self, name: str, *, required: bool) -> list[str]:
        """Return a list of texts."""
        value = self._get(name, required)
        if not isinstance(value, list | None) or any(not isinstance(item, str) for item in value or ()):
            raise self._wrong(name, "a list of texts")
        return list(value or ())

    def entries(self, name: str) -> Iterator[tuple[str, Fields]]:
        """Go through an object of objects; one that is null is left out."""
        for key, value in self._mapping(name).items():
            if value is not None:
                yield key, Fields(value, f"{self.where}, lesion {key},")

    def words(self, name: str) -> Iterator[tuple[str, Any]]:
        """Go through an object of texts; one that is null is left out."""
        for key, value in self._mapping(name).items():
            if value is not None:
                if not isinstance(value, str):
                    raise MalformedRequest(f"{self.where}, lesion {key}, must be given a text.")
                yield key, value

    def _mapping(self, name: str) -> dict[str, Any]:
        value = self._get(name, False)
        if not isinstance(value, dict | None):
            raise self._wrong(name, "an object")
        return value or {}

    def _get(self, name: str, required: bool) -> Any:
        value = self._value.get(name)
        if value is None and required:
            raise MalformedRequest(f"{self.where} has no {name}; give one.")
        return value

    def _decimal(self, name: str, value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self._wrong(name, "a number")
        if value < 0:
            raise MalformedRequest(f"{self.where} has a negative {name}; correct it.")
        return Decimal(value)

    def _study_day(self, name: str, value: str, start: str) -> int:
        try:
            return study_day(value, start)
        except InvalidRead:
            raise MalformedRequest(f"{self.where} has a {name} that is not a day written YYYY-MM-DD.") from None

    def _wrong(self, name: str, kind: str) -> MalformedRequest:
        return MalformedRequest(f"{self.where} must have {kind} as {name}.")
