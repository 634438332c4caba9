"""Figures of response and of its course, as SVG for pages and reports, in the manner of `plots`.

A response has one colour everywhere, and never its colour alone: it stands in a row, a panel or a name of its own, so
that a figure says the same in greyscale. One subject and five hundred have the same kinds of figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .base import Undefined
from .drawing import (
    HEIGHT,
    INK,
    MUTED,
    PAPER,
    RULE,
    WIDTH,
    Drawing,
    Scale,
    apart,
    counted,
    figure,
    linear,
    notice,
    padded,
    text_width,
    ticks,
)
from .proportion import Proportion

#: One colour per response in every figure, from best to worst over all criteria; a response of the same meaning has the
#: same colour, and one that is not named the last.
RESPONSE_COLOURS: Mapping[str, str] = {
    "CR": "#00664d",
    "iCR": "#00664d",
    "PR": "#2a9d8f",
    "iPR": "#2a9d8f",
    "MR": "#8cc5b5",
    "SD": "#7b8fa6",
    "iSD": "#7b8fa6",
    "NON-CR/NON-PD": "#9a8fb0",
    "NON-iCR/NON-iUPD": "#9a8fb0",
    "NON-PD": "#9a8fb0",
    "PDu": "#dfa594",
    "iUPD": "#dfa594",
    "PD": "#c8553d",
    "iCPD": "#c8553d",
    "NE": "#c9ced6",
}
OTHER_COLOUR = "#b9a36b"
_STRONG = "#12527e"

_LEFT, _TOP, _BOTTOM = 68.0, 58.0, 330.0
_THRESHOLDS_SAID = "Dashed: thresholds of response and progression."
_NO_CHANGE = "No subject has a measured change from baseline."
_RUG = 11.0
#: Most lines of a spider that are told apart by their names; more stand in one panel per response.
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class WaterfallBar:
    """One subject's best change from baseline in percent, and best overall response."""

    label: str
    change_percent: float
    response: str


@dataclass(frozen=True, slots=True)
class SpiderLine:
    """One subject's changes from baseline in percent over time, in order of time; baseline itself is added.

    `new_lesion_at` names the times at which a new lesion was seen.
    """

    label: str
    points: tuple[tuple[float, float], ...]
    response: str
    new_lesion_at: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ResponseRow:
    """How many subjects have a response, or one of several (`strong`), with the interval of their share."""

    label: str
    share: Proportion | Undefined
    strong: bool = False


def waterfall_svg(
    bars: Sequence[WaterfallBar],
    *,
    title: str = "Best change from baseline",
    axis: str = "Best change in sum of diameters (%)",
    thresholds: Sequence[float] = (20.0, -30.0),
    highest: float = 100.0,
) -> str:
    """One bar per subject from largest growth to largest shrinkage, over rows that tell the best overall response.

    Parameters
    ----------
    thresholds
        Changes in percent at which to draw a dashed line.
    highest
        Where the axis ends; a bar that goes beyond it is cut, and bears its value where there is room.
    """
    if not bars:
        return notice(title, _NO_CHANGE)
    ordered = sorted(bars, key=lambda bar: (-bar.change_percent, bar.label))
    rows = _in_use([bar.response for bar in ordered])
    drawing = Drawing(
        title,
        f"Waterfall plot of {counted(len(ordered), 'subject')} by best change from baseline in percent: "
        + "; ".join(f"{b.label} {figure(b.change_percent, signed=True)} ({b.response})" for b in ordered)
        + ".",
        HEIGHT + _RUG * len(rows),
    )
    left = _LEFT + 8
    slot = (WIDTH - 60 - left) / len(ordered)
    longest = max(len(bar.label) for bar in ordered)
    bottom = 354.0 - (min(longest * 5.6, 84.0) if slot >= 11 else 0.0)
    values = [min(bar.change_percent, highest) for bar in ordered]
    up = (min([*values, *thresholds, 0.0]) - 14, max([*values, *thresholds, 0.0]) + 10)
    y = linear(*up, bottom, _TOP)
    right = _thresholds(drawing, y, thresholds)
    for i, (bar, value) in enumerate(zip(ordered, values, strict=True)):
        middle = left + slot * (i + 0.5)
        _bar(drawing, bar, y, value, middle, slot)
        _rug(
            drawing, middle, bottom + 10 + _RUG * (rows.index(bar.response) + 0.5), slot, response_colour(bar.response)
        )
        if slot >= 11:
            drawing.text(middle + 3, bottom + 16 + _RUG * len(rows), bar.label, size=9, anchor="end", turn=-90)
    for place, response in enumerate(rows):
        drawing.text(_LEFT - 7, bottom + 10 + _RUG * (place + 0.5) + 3, _short(response, 10), size=9, anchor="end")
        drawing.line(
            left, bottom + 10 + _RUG * (place + 1), right, bottom + 10 + _RUG * (place + 1), colour=RULE, width=0.5
        )
    drawing.line(_LEFT, y(0), right, y(0))
    drawing.y_axis(y, ticks(*up), axis, x=_LEFT, top=_TOP, bottom=bottom, signed=True)
    _legend(drawing, [bar.response for bar in ordered])
    drawing.footnote(
        f"n = {counted(len(ordered), 'subject')}, ordered by change; rows below: best overall response. "
        f"{_THRESHOLDS_SAID if thresholds else ''}".rstrip()
    )
    return drawing.svg()


def spider_svg(
    lines: Sequence[SpiderLine],
    *,
    title: str = "Change from baseline over time",
    axis: str = "Change in sum of diameters (%)",
    time: str = "Weeks from baseline",
    thresholds: Sequence[float] = (20.0, -30.0),
    highest: float = 150.0,
) -> str:
    """One line per subject from baseline (time 0, no change) on; many subjects stand in one panel per response.

    Parameters
    ----------
    time
        Title of the time axis, with its unit.
    thresholds
        Changes in percent at which to draw a dashed line.
    highest
        Where the axis ends; what goes beyond it is marked there.
    """
    drawn = [line for line in sorted(lines, key=lambda line: line.label) if line.points]
    if not drawn:
        return notice(title, _NO_CHANGE)
    drawing = Drawing(
        title,
        f"Spider plot of {counted(len(drawn), 'subject')} over {time.lower()}; last change in percent: "
        + "; ".join(f"{s.label} {figure(s.points[-1][1], signed=True)} ({s.response})" for s in drawn)
        + ".",
    )
    changes = [change for line in drawn for _, change in line.points]
    up = padded([0.0, *thresholds, *(min(change, highest) for change in changes)])
    last = max(when for line in drawn for when, _ in line.points) or 1.0
    y = linear(*up, _BOTTOM, _TOP + 14 if len(drawn) > MOST_NAMED else _TOP)
    right = _thresholds(drawing, y, thresholds)
    if len(drawn) > MOST_NAMED:
        _panels(drawing, drawn, y, last, right, highest)
    else:
        named = [(f"{line.label} {line.response}", line) for line in drawn]
        room = min(max(text_width(name, 9) for name, _ in named) + 12, 150.0)
        x = linear(0.0, last, _LEFT, right - room)
        drawing.line(_LEFT, y(0), right, y(0), colour=RULE)
        for line in drawn:
            _course(drawing, line, x, y, highest, 1.6, 3.0)
        ends = [(name, x(line.points[-1][0]), y(min(line.points[-1][1], highest))) for name, line in named]
        _end_labels(drawing, ends, room)
        drawing.x_axis(x, ticks(0.0, last), "", left=_LEFT, right=right, y=_BOTTOM)
    drawing.text((_LEFT + right) / 2, _BOTTOM + 34, time, size=11.5, anchor="middle")
    drawing.y_axis(y, ticks(*up), axis, x=_LEFT, top=_TOP, bottom=_BOTTOM, signed=True)
    _legend(drawing, [line.response for line in drawn])
    said = [f"n = {counted(len(drawn), 'subject')}.", _THRESHOLDS_SAID if thresholds else ""]
    said.append("Diamond: new lesion." if any(line.new_lesion_at for line in drawn) else "")
    said.append("Triangle: beyond the axis." if max(changes) > highest else "")
    drawing.footnote(" ".join(part for part in said if part))
    return drawing.svg()


def best_response_svg(rows: Sequence[ResponseRow], *, title: str, subjects: int) -> str:
    """How many subjects have each best overall response, as bars with the exact interval of their share."""
    if not subjects or not rows:
        return notice(title, "No subject was evaluated.")
    known = [(row, row.share) for row in rows if isinstance(row.share, Proportion)]
    said = f"Best overall response of {counted(subjects, 'subject')}: "
    said += "; ".join(f"{row.label} {_share(share)}" for row, share in known) + "."
    step = min(300.0 / len(known), 34.0)
    left, right = 190.0, WIDTH - 178.0
    bottom = 56.0 + step * len(known) + 6
    drawing = Drawing(title, said, bottom + 70)
    drawing.subtitle(f"n = {counted(subjects, 'subject')} evaluated")
    x = linear(0.0, 100.0, left, right)
    for mark in ticks(0.0, 100.0, about=5):
        drawing.line(x(mark), 52, x(mark), bottom, colour=RULE, width=0.5)
    for i, (row, share) in enumerate(known):
        y, weight = 56.0 + step * (i + 0.5), "bold" if row.strong else None
        thick = min(step * 0.6, 18.0)
        fill = _STRONG if row.strong else response_colour(row.label)
        drawing.text(left - 10, y + 3.7, _short(row.label, 24), anchor="end", weight=weight)
        drawing.rect(left, y - thick / 2, max(x(100 * share.value) - left, 0.6), thick, fill=fill, opacity=0.6)
        low, high = (x(100 * end) for end in share.ci)
        drawing.line(low, y, high, y, width=1.2)
        for end in (low, high):
            drawing.line(end, y - 4, end, y + 4, width=1.2)
        drawing.text(right + 12, y + 3.7, _share(share), size=9.5, weight=weight)
    drawing.line(left, 52, left, bottom)
    drawing.x_axis(x, ticks(0.0, 100.0, about=5), "Subjects (%)", left=left, right=right, y=bottom)
    drawing.footnote("Bars: share of the subjects evaluated. Lines, and in brackets: exact 95 % interval.")
    return drawing.svg()


def response_colour(response: str) -> str:
    """Return the colour of a response, the same in every figure."""
    return RESPONSE_COLOURS.get(response, OTHER_COLOUR)


def _bar(drawing: Drawing, bar: WaterfallBar, y: Scale, value: float, middle: float, slot: float) -> None:
    wide = min(slot * 0.76 if slot >= 4 else slot, 30.0)
    high, low = min(y(value), y(0)), max(y(value), y(0))
    drawing.rect(middle - wide / 2, high, wide, max(low - high, 1.2), fill=response_colour(bar.response))
    cut = bar.change_percent > value
    if cut and slot >= 8:
        drawing.path([(middle - wide / 2 - 2, high + 12), (middle + wide / 2 + 2, high + 7)], colour=PAPER, width=2.5)
    if slot >= 24 or (cut and slot >= 18):
        place = low + 11 if value < 0 else high - 4
        drawing.text(middle, place, figure(bar.change_percent, signed=True), size=9, anchor="middle")


def _rug(drawing: Drawing, x: float, y: float, slot: float, colour: str) -> None:
    """Mark a subject in the row of its response; a pale colour has a rim."""
    wide, high = min(max(slot * 0.8, 0.8), 7.0), 7.0
    if slot >= 6:
        drawing.rect(x - wide / 2 - 0.6, y - high / 2 - 0.6, wide + 1.2, high + 1.2, fill=MUTED)
    drawing.rect(x - wide / 2, y - high / 2, wide, high, fill=colour if slot >= 6 else INK)


def _panels(drawing: Drawing, lines: Sequence[SpiderLine], y: Scale, last: float, right: float, highest: float) -> None:
    """Draw the lines of each response apart, from left to right."""
    responses = _in_use([line.response for line in lines])
    gap = 12.0
    wide = (right - _LEFT - gap * (len(responses) - 1)) / len(responses)
    for place, response in enumerate(responses):
        start = _LEFT + place * (wide + gap)
        x = linear(0.0, last, start, start + wide - 4)
        mine = [line for line in lines if line.response == response]
        drawing.line(start, y(0), start + wide, y(0), colour=RULE)
        fine = len(mine) > 40
        for line in mine:
            _course(drawing, line, x, y, highest, 0.7 if fine else 1.2, 0.0 if fine else 2.0)
        name = f"{_short(response, max(int(wide / 9), 4))} ({len(mine)})"
        drawing.text(start + wide / 2, _TOP + 4, name, size=10, anchor="middle", weight="bold")
        drawing.x_axis(x, ticks(0.0, last, about=max(int(wide / 45), 1)), "", left=start, right=start + wide, y=_BOTTOM)


def _course(
    drawing: Drawing, line: SpiderLine, x: Scale, y: Scale, highest: float, width: float, radius: float
) -> None:
    colour = response_colour(line.response)
    later = [(when, change) for when, change in line.points if when > 0]
    course = [(x(0), y(0)), *((x(when), y(min(change, highest))) for when, change in later)]
    drawing.path(course, colour=colour, width=width, opacity=None if radius else 0.7)
    for (when, change), place in zip(later, course[1:], strict=True):
        if change > highest:
            drawing.triangle(*place, fill=colour, radius=max(radius + 1.5, 2.5))
        elif radius:
            drawing.dot(*place, fill=colour, radius=radius, opacity=1)
        if when in line.new_lesion_at:
            drawing.diamond(*place, fill=INK, radius=5 if radius >= 3 else 3)


def _share(share: Proportion) -> str:
    low, high = (figure(100 * end, 1) for end in share.ci)
    return f"{share.x} · {figure(100 * share.value, 1)} % ({low} to {high})"


def _thresholds(drawing: Drawing, y: Scale, thresholds: Sequence[float]) -> float:
    """Draw the thresholds with their values at the right, and return where the plot ends."""
    right = WIDTH - 60.0
    for threshold in thresholds:
        drawing.line(_LEFT, y(threshold), right, y(threshold), colour=MUTED, dash="5 4")
        drawing.text(right + 6, y(threshold) + 3.7, f"{figure(threshold, signed=True)} %", colour=MUTED)
    return right


def _in_use(responses: Sequence[str]) -> list[str]:
    """Return the responses that occur, from best to worst, those without a colour last."""
    found = set(responses)
    known = [response for response in RESPONSE_COLOURS if response in found]
    return [*known, *sorted(found - set(known))]


def _legend(drawing: Drawing, responses: Sequence[str]) -> None:
    """Name the colours in use, with the number of subjects, on the line under the title."""
    counts = Counter(responses)
    drawing.text(16, 40, "Best overall response", size=11, colour=MUTED)
    x = 16 + text_width("Best overall response", 11) + 10
    for response in _in_use(responses):
        said = f"{response} ({counts[response]})"
        drawing.rect(x, 31, 10, 10, fill=response_colour(response))
        drawing.text(x + 14, 40, said, size=11)
        x += 14 + text_width(said, 11) + 14


def _end_labels(drawing: Drawing, ends: Sequence[tuple[str, float, float]], room: float) -> None:
    """Name lines at their ends (label, x, y); names that end at nearly the same time are moved apart."""
    groups: list[list[tuple[str, float, float]]] = []
    for end in sorted(ends, key=lambda end: (end[1], end[2], end[0])):
        if groups and end[1] - groups[-1][0][1] < room:
            groups[-1].append(end)
        else:
            groups.append([end])
    for group in groups:
        places = apart([y for *_, y in group], 11, _TOP, _BOTTOM - 4)
        for (label, x, _), place in zip(group, places, strict=True):
            drawing.text(x + 7, place + 3.3, label, size=9, colour=MUTED)


def _short(label: str, characters: int) -> str:
    return label if len(label) <= characters else label[: characters - 1] + "…"
