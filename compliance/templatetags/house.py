"""Small template filters that every room uses."""

from __future__ import annotations

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
