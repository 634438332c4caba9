"""Small template filters that every room uses."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from django import template

register = template.Library()


@register.filter
def concat(text: object, more: object) -> str:
    """Join two values as text, for identifiers in markup."""
    return f"{text}{more}"


@register.filter
def words(name: str) -> str:
    """Show a code such as `overall_response` as words."""
    return str(name).replace("_", " ")


@register.filter
def action(name: str) -> str:
    """Show an audited action such as `timepoint.mark_missed` as words."""
    return words(name).replace(".", ": ", 1).capitalize()


@register.filter
def evidence(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Show measured values as pairs of words; a unit at the end of a name moves behind its value."""
    shown = []
    for name, value in values.items():
        text = f"{value:g}" if isinstance(value, float) else str(value)
        stem, _, unit = name.rpartition("_")
        shown.append((words(stem), f"{text} mm") if unit == "mm" else (words(name), text))
    return shown


@register.filter
def within(form: Any, place: str) -> Any:
    """Return the form with ids of its own, for a page that shows the same form in several places."""
    form = copy.copy(form)
    form.auto_id, form._bound_fields_cache = f"{place}_%s", {}
    return form


@register.filter
def where(rows: Iterable[Any], rule: str) -> list[Any]:
    """Keep the rows of which an attribute has a value, given as `name=value`."""
    name, _, value = rule.partition("=")
    return [row for row in rows if str(getattr(row, name)) == value]
