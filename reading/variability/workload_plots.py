"""Figures of one reader's own work: reads by month, and the time that each took, in the manner of `plots`."""

from __future__ import annotations

from collections.abc import Sequence

from .base import Undefined
from .drawing import MUTED, WIDTH, Drawing, counted, figure, linear, notice, text_width, ticks
from .monitoring import read_times

_LEFT, _RIGHT, _TOP, _BOTTOM = 68.0, WIDTH - 20.0, 58.0, 320.0
_BAR, _LIMIT = "#12527e", "#9c3d1f"
_NOTHING = Undefined("No read was signed yet.")


def reads_by_month_svg(months: Sequence[tuple[str, int]], *, title: str) -> str:
    """One bar per month with the number of reads signed in it; months in order, those without reads too."""
    if not any(count for _, count in months):
        return notice(title, _NOTHING.reason)
    total = sum(count for _, count in months)
    drawing = Drawing(
        title,
        f"Bar chart of {counted(total, 'signed read')}: "
        + "; ".join(f"{month} {count}" for month, count in months)
        + ".",
    )
    drawing.subtitle(f"{counted(total, 'read')} in {counted(len(months), 'month')}")
    slot = (_RIGHT - _LEFT) / len(months)
    most = max(count for _, count in months)
    y = linear(0.0, most * 1.08, _BOTTOM, _TOP)
    every = max(1, -(-int(text_width("2026-01", 9.5) + 10) // max(int(slot), 1)))
    wide = min(slot * 0.7, 48.0)
    for i, (month, count) in enumerate(months):
        middle = _LEFT + slot * (i + 0.5)
        drawing.rect(middle - wide / 2, y(count), wide, _BOTTOM - y(count), fill=_BAR)
        if slot >= 18 and count:
            drawing.text(middle, y(count) - 4, str(count), size=9.5, anchor="middle")
        if i % every == 0:
            drawing.text(middle, _BOTTOM + 16, month, size=9.5, anchor="middle")
    marks = [mark for mark in ticks(0.0, most * 1.08, about=5) if mark == int(mark)]
    drawing.line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM)
    drawing.y_axis(y, marks, "Signed reads", x=_LEFT, top=_TOP, bottom=_BOTTOM)
    drawing.text((_LEFT + _RIGHT) / 2, _BOTTOM + 36, "Month (UTC)", size=11.5, anchor="middle")
    return drawing.svg()


def read_times_svg(minutes: Sequence[float], *, title: str) -> str:
    """One point per read in order of signature, with median and quartiles; much longer ones stand at the edge."""
    if not minutes:
        return notice(title, _NOTHING.reason)
    found = read_times({"own": minutes})["own"]
    low, high = figure(found.lower_quartile, 1), figure(found.upper_quartile, 1)
    spread = f"median {figure(found.median, 1)} min, half of them between {low} and {high} min"
    drawing = Drawing(
        title,
        f"Minutes from opening to signature of {counted(found.n, 'read')}, in order of signature: {spread}.",
    )
    drawing.subtitle(f"n = {counted(found.n, 'read')}; {spread}")
    highest = max(3 * found.upper_quartile, 1.0)
    top = min(max(minutes), highest) * 1.06 or 1.0
    x, y = linear(0.5, len(minutes) + 0.5, _LEFT, _RIGHT), linear(0.0, top, _BOTTOM, _TOP)
    upper = y(found.upper_quartile)
    drawing.rect(_LEFT, upper, _RIGHT - _LEFT, y(found.lower_quartile) - upper, fill="#2a9d8f", opacity=0.14)
    drawing.line(_LEFT, y(found.median), _RIGHT, y(found.median), colour=MUTED, dash="6 4")
    radius = 3.6 if len(minutes) <= 120 else 1.8
    for number, value in enumerate(minutes, start=1):
        if value > highest:
            drawing.triangle(x(number), y(highest), fill=_LIMIT, radius=radius)
        else:
            drawing.dot(x(number), y(value), fill=_BAR, radius=radius)
    marks = [mark for mark in ticks(0.5, len(minutes) + 0.5) if mark >= 1 and mark == int(mark)]
    drawing.y_axis(y, ticks(0.0, top, about=5), "Minutes", x=_LEFT, top=_TOP, bottom=_BOTTOM)
    drawing.x_axis(x, marks, "Reads in order of signature", left=_LEFT, right=_RIGHT, y=_BOTTOM)
    beyond = " Triangle: beyond the axis." if max(minutes) > highest else ""
    drawing.footnote(f"Dashed: median. Shaded: from the lower to the upper quartile.{beyond}")
    return drawing.svg()
