"""How a read opens before its reader: the charter's hangings that apply, and what may be drawn."""

from __future__ import annotations

from typing import Any

from reading.criteria.form import Form
from trials.charter import Charter
from trials.display_terms import TOOLS, Hanging

#: What every read may need: a region to look into, an angle, a place to point at.
_ALWAYS = frozenset({"ellipse", "angle", "point"})


def hangings_of(terms: Charter, *, is_baseline: bool) -> list[dict[str, Any]]:
    """Return the hangings that a read offers; it opens in the first. Series are named by the charter's labels."""
    return [_hanging(one) for one in terms.hanging if one.applies_at(baseline=is_baseline)]


def _hanging(hanging: Hanging) -> dict[str, Any]:
    cells = {
        cell.place: {
            "series": cell.series,
            "timepoint": cell.timepoint,
            "plane": cell.plane,
            "preset": cell.preset,
            "over": cell.over,
            "over_preset": cell.over_preset,
        }
        for cell in hanging.cells
    }
    return {
        "name": hanging.name,
        "layout": hanging.layout,
        "linked": hanging.linked,
        "cells": [cells.get(place) for place in range(1, hanging.places + 1)],
    }


def tools_of(terms: Charter, form: Form) -> list[str]:
    """Return what may be drawn: what the charter says, else what the criteria's form asks to be measured.

    Lengths need a ruler in one or two directions, volumes a brush, and anything else (a share, a score) a region.
    """
    units = {field.unit for listed in form.lesions for field in listed.fields if field.unit}
    needed = set(terms.tools or _ALWAYS)
    if not terms.tools:
        needed |= {"length", "bidirectional"} if "mm" in units else set()
        needed |= {"brush"} if "ml" in units else set()
        needed |= {"freehand"} if units - {"mm"} else set()
    return [tool for tool in TOOLS if tool in needed]
