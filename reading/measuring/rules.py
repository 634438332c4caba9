"""What a mark says of a lesion: the diameters that it enters in a form, and whether it was drawn as the rules ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from reading.criteria.form import ACROSS, DIAMETER, Field

from .marks import Tool, size_mm

#: The short axis is perpendicular to the long one (RECIST 1.1 §4.3.2); drawn by hand, it is so within this.
SQUARE_WITHIN_DEG = 10.0
#: Marks that are diameters.
_DIAMETERS = (Tool.LENGTH, Tool.BIDIRECTIONAL)


def entered(
    tool: Tool, measured: Mapping[str, float], fields: Iterable[Field], *, nodal: bool, context: Mapping[str, object]
) -> dict[str, Decimal]:
    """Return the values that a mark enters in the fields of a lesion, in mm; none that it does not measure.

    A node counts by its short axis where the pack has another name for its diameter (RECIST 1.1 §4.3.2), else the
    longest diameter counts. A diameter across is the short axis.

    Parameters
    ----------
    context
        What was entered beside (`state` among it): a field that is not asked there is not filled.
    """
    found = {}
    for field in fields:
        if field.name not in (DIAMETER, ACROSS) or tool not in _DIAMETERS or not field.holds(context):
            continue
        if field.name == ACROSS and tool is not Tool.BIDIRECTIONAL:
            continue
        size = size_mm(measured, short=field.name == ACROSS or (nodal and bool(field.node_label)))
        if size is not None:
            found[field.name] = size
    return found


def not_square(measured: Mapping[str, float]) -> str:
    """Return the sentence about two lines that are not at right angles; empty where they are, or there are no two."""
    angle = measured.get("angle_deg")
    if angle is None or "short_mm" not in measured or 90 - angle <= SQUARE_WITHIN_DEG:
        return ""
    return f"The two lines cross at {angle:.0f}°; the short axis should stand at right angles to the long one."
