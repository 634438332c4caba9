"""How what was entered of a lesion is written on the pages of the reading room."""

from __future__ import annotations

from django import template

from reading.blinded import BlindedMeasurement

register = template.Library()


@register.filter
def organ(name: str) -> str:
    """Write a term in capitals as a word: LYMPH NODE as Lymph node; other words stay as they were entered."""
    return name.capitalize() if name.isupper() else name


@register.filter
def entered(entry: BlindedMeasurement | None) -> str:
    """Write what was entered of a lesion, or that nothing was."""
    return "not entered" if entry is None else entry.said
