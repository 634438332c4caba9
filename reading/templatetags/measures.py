"""How lengths and changes are written on the pages of the reading room."""

from __future__ import annotations

from decimal import Decimal

from django import template

from reading.blinded import BlindedMeasurement
from reading.pages import length, measured

register = template.Library()
register.filter("measured", measured)


@register.filter
def mm(value: Decimal | None) -> str:
    """Write a length with its unit, or a dash."""
    return "–" if value is None else length(value)


@register.filter
def change(percent: Decimal | None) -> str:
    """Write a change in percent with its sign, or a dash."""
    return "–" if percent is None else f"{percent:+.1f} %".replace("-", "−")


@register.filter
def organ(name: str) -> str:
    """Write an organ's term as a word: LYMPH NODE as Lymph node."""
    return name.capitalize()


@register.filter
def entered(entry: BlindedMeasurement | None) -> str:
    """Write what was entered of a lesion, or that nothing was."""
    return "not entered" if entry is None else measured(entry)
