"""Lists of the API: how long their pages are, and by what they are narrowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from rest_framework.filters import BaseFilterBackend
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from compliance.errors import HouseError

#: What every list takes beside its filters.
_ALWAYS = frozenset({"page", "page_size", "format"})
_MOST_LETTERS = 200


class FilterRefused(HouseError):
    """A filter is unknown, or its value is not understood: a list that ignored it would say more than was asked."""

    code = "filter_refused"
    status = 400


class Pages(PageNumberPagination):
    """A hundred rows in a page, or as many as are asked for."""

    page_size_query_param = "page_size"
    max_page_size = 1000


@dataclass(frozen=True, slots=True)
class By:
    """A filter: where it leads from the record, and whether it is a key or a word."""

    path: str
    key: bool = False

    def read(self, name: str, said: str) -> int | str:
        """Return the value that a request says.

        Raises
        ------
        FilterRefused
        """
        if self.key and not (said.isascii() and said.isdecimal() and len(said) <= 18):
            raise FilterRefused(f"The filter {name} takes the number of a record. Leave it out to see all.")
        if len(said) > _MOST_LETTERS or "\0" in said:
            raise FilterRefused(f"The filter {name} is not understood. Leave it out to see all.")
        return int(said) if self.key else said


def keys(**paths: str) -> dict[str, By]:
    """Return filters by the number of a record, each with where it leads."""
    return {name: By(path, key=True) for name, path in paths.items()}


def words(*names: str) -> dict[str, By]:
    """Return filters by a field's own value."""
    return {name: By(name) for name in names}


class Narrowed(BaseFilterBackend):
    """Narrows a list by the `filters` of its view set; what is none of them is refused."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """Return the records of a list that are asked for."""
        if view.action != "list":
            return queryset
        unknown = sorted(set(request.query_params) - set(view.filters) - _ALWAYS)
        if unknown:
            known = ", ".join(sorted(view.filters)) or "none"
            raise FilterRefused(f"This list has no filter {unknown[0][:40]}. It has: {known}.")
        for name, by in view.filters.items():
            if said := request.query_params.get(name, ""):
                queryset = queryset.filter(**{by.path: by.read(name, said)})
        return queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return the filters as the description has them."""
        return [
            {
                "name": name,
                "in": "query",
                "required": False,
                "schema": {"type": "integer" if by.key else "string"},
                "description": f"Only those of this {name.replace('_', ' ')}.",
            }
            for name, by in sorted(view.filters.items())
        ]
