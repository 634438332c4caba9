"""How what was entered of a lesion is written on the pages of the reading room."""

from __future__ import annotations

from collections.abc import Mapping

from django import template
from django.utils import timezone

from reading.blinded import BlindedDue, BlindedMeasurement
from reading.clocks import Clock

register = template.Library()
#: What marks are called, by the tool that drew them.
_TOOLS = {
    "bidirectional": "Long and short axis",
    "freehand": "Outline",
}


@register.filter
def organ(name: str) -> str:
    """Write a term in capitals as a word: LYMPH NODE as Lymph node; other words stay as they were entered."""
    return name.capitalize() if name.isupper() else name


@register.filter
def due_words(due: BlindedDue) -> str:
    """Say until when a read is waited for: due in 5 h; overdue by 20 min; its clock rests."""
    return Clock(due.due_at).said(timezone.now()) if due.due_at else "its clock rests"


@register.filter
def entered(entry: BlindedMeasurement | None) -> str:
    """Write what was entered of a lesion, or that nothing was."""
    return "not entered" if entry is None else entry.said


@register.filter
def sizes(measured: Mapping[str, object]) -> str:
    """Write what a mark measures: 52.0 × 31.0 mm; 310.5 mm²; 41.2 ± 10.5 HU; 34.0°."""
    known = {name: f"{value:.1f}" for name, value in measured.items() if isinstance(value, int | float)}
    said = []
    if "long_mm" in known and "area_mm2" not in known:
        said.append(f"{known['long_mm']} × {known['short_mm']} mm")
    if "length_mm" in known:
        said.append(f"{known['length_mm']} mm")
    if "area_mm2" in known:
        said.append(f"{known['area_mm2']} mm²")
    if "mean" in known:
        spread = f" ± {known['sd']}" if "sd" in known else ""
        said.append(f"{known['mean']}{spread} {measured.get('unit') or ''}".strip())
    if "angle_deg" in known and "long_mm" not in known:
        said.append(f"{known['angle_deg']}°")
    return "; ".join(said) or "–"


@register.filter
def drawn_as(tool: str) -> str:
    """Name a mark by the tool that drew it."""
    return _TOOLS.get(tool, tool.capitalize())
