"""When visits took place against when they were planned, as SVG for reports, in the manner of `plots`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .drawing import MUTED, WIDTH, Drawing, counted, linear, notice, text_width, ticks

_LEFT, _RIGHT, _TOP, _BOTTOM = 68.0, WIDTH - 20.0, 58.0, 320.0
_IN, _OUT = "#12527e", "#c8553d"


@dataclass(frozen=True, slots=True)
class VisitTimes:
    """A visit: its window in days around the planned one, and how many days from it each scan was made."""

    label: str
    before: int
    after: int
    days_off: tuple[int, ...]


def schedule_svg(visits: Sequence[VisitTimes], *, title: str) -> str:
    """Draw days from plan by visit: the more scans on a day, the wider; open marks lie outside of the window."""
    known = [visit for visit in visits if visit.days_off]
    if not known:
        return notice(title, "No scan has a study day.")
    total = sum(len(visit.days_off) for visit in known)
    late = {visit.label: sum(not -visit.before <= day <= visit.after for day in visit.days_off) for visit in known}
    drawing = Drawing(
        title,
        f"Days between plan and scan of {counted(total, 'scan')}, by visit; outside of the window: "
        + "; ".join(f"{label} {count}" for label, count in late.items())
        + ".",
    )
    drawing.subtitle(f"n = {counted(total, 'scan')}; {sum(late.values())} outside of the visit’s window")
    ends = [day for visit in known for day in (*visit.days_off, -visit.before, visit.after)]
    low, high = min(ends) - 1.5, max(ends) + 1.5
    y, slot = linear(low, high, _BOTTOM, _TOP), (_RIGHT - _LEFT) / len(known)
    high_of_day = max(min((_BOTTOM - _TOP) / (high - low) * 0.8, 7.0), 1.0)
    most = max(count for visit in known for count in Counter(visit.days_off).values())
    turned = any(text_width(visit.label, 9.5) > slot - 4 for visit in known)
    for i, visit in enumerate(known):
        middle = _LEFT + slot * (i + 0.5)
        top = y(visit.after + 0.5)
        drawing.rect(middle - slot * 0.42, top, slot * 0.84, y(-visit.before - 0.5) - top, fill="#2a9d8f", opacity=0.14)
        for day, count in sorted(Counter(visit.days_off).items()):
            wide = max(slot * 0.78 * count / most, 3.0)
            place = y(day) - high_of_day / 2
            if -visit.before <= day <= visit.after:
                drawing.rect(middle - wide / 2, place, wide, high_of_day, fill=_IN)
            else:
                drawing.diamond(middle, y(day), fill=_OUT, radius=4)
        drawing.text(
            middle + (3 if turned else 0), _BOTTOM + (8 if turned else 16), visit.label, size=9.5,
            anchor="end" if turned else "middle", turn=-60 if turned else None,
        )  # fmt: skip
    drawing.line(_LEFT, y(0), _RIGHT, y(0), colour=MUTED, dash="1.5 3")
    drawing.line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM)
    drawing.y_axis(y, ticks(low, high), "Days from plan", x=_LEFT, top=_TOP, bottom=_BOTTOM, signed=True)
    drawing.footnote("Shaded: the window. Bars: scans on a day, the wider the more. Diamond: scans outside.")
    return drawing.svg()
