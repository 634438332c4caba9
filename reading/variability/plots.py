"""Figures of reader agreement and of response, as SVG for pages and reports.

Plain values in, one SVG element out; where there is nothing to draw, the figure says why. Colours hold in
greyscale and for readers who confuse red and green.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .base import Undefined
from .bland_altman import BlandAltman
from .drawing import (
    INK,
    MUTED,
    RULE,
    WIDTH,
    Drawing,
    Scale,
    apart,
    figure,
    linear,
    notice,
    padded,
    text_width,
    ticks,
)

#: One colour per response in every figure; a response that is not named has the last one.
RESPONSE_COLOURS: Mapping[str, str] = {
    "CR": "#00664d",
    "PR": "#2a9d8f",
    "SD": "#7b8fa6",
    "NON-CR/NON-PD": "#9a8fb0",
    "PD": "#c8553d",
    "NE": "#c9ced6",
}
OTHER_COLOUR = "#b9a36b"
POINT, LIMIT, BAND = "#12527e", "#9c3d1f", "#2a9d8f"

_LEFT, _TOP, _BOTTOM = 68.0, 58.0, 330.0
_NAME_WIDTH = 46.0
_THRESHOLDS_SAID = "Dashed: thresholds of response and progression."


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


def bland_altman_svg(
    result: BlandAltman | Undefined,
    *,
    title: str = "Differences between two readers",
    quantity: str = "sum of diameters",
    unit: str = "mm",
    first: str = "Reader 1",
    second: str = "Reader 2",
    decimals: int = 1,
) -> str:
    """Difference against mean of each pair, with the mean difference, the limits of agreement and their intervals.

    Parameters
    ----------
    result
        Of `bland_altman`; when undefined, the figure says why.
    quantity, unit
        What was measured, for the axis titles.
    decimals
        Decimals of the numbers beside the lines.
    """
    if isinstance(result, Undefined):
        return notice(title, result.reason)
    level = figure(result.confidence * 100)
    times = figure(result.multiplier, 2).rstrip("0").rstrip(".")
    rows = (
        ("Upper limit", f"+{times} SD", result.loa[1], result.loa_upper_ci),
        ("Mean difference", "", result.mean_diff, result.mean_ci),
        ("Lower limit", f"−{times} SD", result.loa[0], result.loa_lower_ci),
    )
    drawing = Drawing(
        title,
        f"Bland-Altman plot of {result.n} pairs: {first} minus {second} against their mean, {quantity} in {unit}. "
        + " ".join(f"{name} {_with_interval(value, ci, decimals)}." for name, _, value, ci in rows),
    )
    drawing.subtitle(f"{first} minus {second}, {quantity}; n = {result.n} pairs")
    means = [(a + b) / 2 for a, b in result.pairs]
    differences = [a - b for a, b in result.pairs]
    across = padded(means)
    up = padded([0.0, *differences, *(end for *_, ci in rows for end in ci)])
    right = WIDTH - 156.0
    x, y = linear(*across, _LEFT, right), linear(*up, _BOTTOM, _TOP)
    for *_, ci in rows:
        drawing.rect(_LEFT, y(ci[1]), right - _LEFT, y(ci[0]) - y(ci[1]), fill=BAND, opacity=0.14)
    drawing.line(_LEFT, y(0), right, y(0), colour=MUTED, width=0.8, dash="1.5 3")
    for name, _, value, _ in rows:
        mean = name == "Mean difference"
        colour, dash = (POINT, None) if mean else (LIMIT, "6 4")
        drawing.line(_LEFT, y(value), right, y(value), colour=colour, width=1.5, dash=dash)
    for mean_of_pair, difference in sorted(zip(means, differences, strict=True)):
        drawing.dot(x(mean_of_pair), y(difference), fill=POINT)
    places = apart([y(value) for *_, value, _ in rows], 42, _TOP + 4, _BOTTOM - 18)
    for (name, sd, value, ci), place in zip(rows, places, strict=True):
        colour = POINT if not sd else LIMIT
        drawing.path([(right, y(value)), (right + 8, place), (right + 12, place)], colour=colour, width=0.8)
        drawing.text(right + 16, place - 3, name, size=10, colour=MUTED)
        drawing.text(
            right + 16, place + 10, figure(value, decimals, signed=True), size=11.5, colour=colour, weight="bold"
        )
        drawing.text(right + 16, place + 22, _interval(ci, decimals), size=9.5, colour=MUTED)
    drawing.y_axis(y, ticks(*up), f"Difference ({unit})", x=_LEFT, top=_TOP, bottom=_BOTTOM, signed=True)
    drawing.x_axis(x, ticks(*across), f"Mean of the two readers ({unit})", left=_LEFT, right=right, y=_BOTTOM)
    drawing.footnote(f"Limits: mean ± {times} SD. Shaded, and in brackets: {level} % confidence intervals.")
    return drawing.svg()


def identity_scatter_svg(
    pairs: Sequence[tuple[float, float]],
    *,
    title: str = "Agreement of two readers",
    quantity: str = "Sum of diameters",
    unit: str = "mm",
    first: str = "Reader 1",
    second: str = "Reader 2",
    notes: Sequence[str] = (),
) -> str:
    """One reader against the other on equal scales, with the line of identity.

    Parameters
    ----------
    pairs
        Complete pairs (first, second) in the unit.
    notes
        Lines to print beside the figure, such as an ICC with its interval.
    """
    if not pairs:
        return notice(title, "No case was measured by both readers.")
    drawing = Drawing(
        title,
        f"Scatter plot of {len(pairs)} pairs: {second} against {first}, {quantity.lower()} in {unit}, "
        f"with the line of identity. {' '.join(notes)}".strip(),
    )
    drawing.subtitle(f"{quantity}; n = {len(pairs)} pairs")
    extent = padded([value for pair in pairs for value in pair])
    right = _LEFT + (_BOTTOM - _TOP)
    x, y = linear(*extent, _LEFT, right), linear(*extent, _BOTTOM, _TOP)
    drawing.line(_LEFT, _BOTTOM, right, _TOP, colour=MUTED, width=1.2, dash="6 4")
    for a, b in sorted(pairs):
        drawing.dot(x(a), y(b), fill=POINT)
    marks = ticks(*extent, about=5)
    drawing.y_axis(y, marks, f"{second} ({unit})", x=_LEFT, top=_TOP, bottom=_BOTTOM)
    drawing.x_axis(x, marks, f"{first} ({unit})", left=_LEFT, right=right, y=_BOTTOM)
    place = _TOP + 12
    for note in notes:
        place = drawing.paragraph(right + 32, place, note, characters=38) + 6
    drawing.footnote("Dashed: line of identity.")
    return drawing.svg()


def waterfall_svg(
    bars: Sequence[WaterfallBar],
    *,
    title: str = "Best change from baseline",
    axis: str = "Best change in sum of diameters (%)",
    thresholds: Sequence[float] = (20.0, -30.0),
    highest: float = 100.0,
) -> str:
    """One bar per subject from largest growth to largest shrinkage, coloured by best overall response.

    Parameters
    ----------
    thresholds
        Changes in percent at which to draw a dashed line.
    highest
        Where the axis ends; a bar that goes beyond it is cut, and always bears its value.
    """
    if not bars:
        return notice(title, "No subject has a measured change from baseline.")
    ordered = sorted(bars, key=lambda bar: (-bar.change_percent, bar.label))
    drawing = Drawing(
        title,
        f"Waterfall plot of {len(ordered)} subjects by best change from baseline in percent: "
        + "; ".join(f"{b.label} {figure(b.change_percent, signed=True)} ({b.response})" for b in ordered)
        + ".",
    )
    left = _LEFT + 8
    slot = (WIDTH - 60 - left) / len(ordered)
    named, valued = slot >= 11, slot >= 24
    longest = max(len(bar.label) for bar in ordered)
    bottom = 366.0 - (min(longest * 5.6, 84.0) if named else 0.0)
    values = [min(bar.change_percent, highest) for bar in ordered]
    up = (min([*values, *thresholds, 0.0]) - 14, max([*values, *thresholds, 0.0]) + 10)
    y = linear(*up, bottom, _TOP)
    right = _thresholds(drawing, y, thresholds)
    wide = min(slot * 0.76, 30.0)
    for i, (bar, value) in enumerate(zip(ordered, values, strict=True)):
        middle = left + slot * (i + 0.5)
        high, low = min(y(value), y(0)), max(y(value), y(0))
        drawing.rect(middle - wide / 2, high, wide, max(low - high, 1.2), fill=response_colour(bar.response))
        cut = bar.change_percent > highest
        if cut:
            drawing.path(
                [(middle - wide / 2 - 2, high + 12), (middle + wide / 2 + 2, high + 7)], colour="#ffffff", width=2.5
            )
        if valued or cut:
            place = low + 11 if value < 0 else high - 4
            drawing.text(middle, place, figure(bar.change_percent, signed=True), size=9, anchor="middle")
        if named:
            drawing.text(middle + 3, bottom + 6, bar.label, size=9, anchor="end", turn=-90)
    drawing.line(_LEFT, y(0), right, y(0))
    drawing.y_axis(y, ticks(*up), axis, x=_LEFT, top=_TOP, bottom=bottom, signed=True)
    _legend(drawing, [bar.response for bar in ordered])
    drawing.footnote(
        f"n = {len(ordered)} subjects, ordered by change. {_THRESHOLDS_SAID if thresholds else ''}".rstrip()
    )
    return drawing.svg()


def spider_svg(
    lines: Sequence[SpiderLine],
    *,
    title: str = "Change from baseline over time",
    axis: str = "Change in sum of diameters (%)",
    time: str = "Weeks from baseline",
    thresholds: Sequence[float] = (20.0, -30.0),
) -> str:
    """One line per subject from baseline (time 0, no change) on, coloured by best overall response.

    Parameters
    ----------
    time
        Title of the time axis, with its unit.
    thresholds
        Changes in percent at which to draw a dashed line.
    """
    drawn = [line for line in sorted(lines, key=lambda line: line.label) if line.points]
    if not drawn:
        return notice(title, "No subject has a measured change from baseline.")
    drawing = Drawing(
        title,
        f"Spider plot of {len(drawn)} subjects over {time.lower()}; last change in percent: "
        + "; ".join(f"{s.label} {figure(s.points[-1][1], signed=True)} ({s.response})" for s in drawn)
        + ".",
    )
    up = padded([0.0, *thresholds, *(change for line in drawn for _, change in line.points)])
    last = max(when for line in drawn for when, _ in line.points)
    y = linear(*up, _BOTTOM, _TOP)
    right = _thresholds(drawing, y, thresholds)
    x = linear(0.0, last or 1.0, _LEFT, right - 54)
    drawing.line(_LEFT, y(0), right, y(0), colour=RULE)
    for line in drawn:
        colour = response_colour(line.response)
        course = [(x(0), y(0)), *((x(when), y(change)) for when, change in line.points if when > 0)]
        drawing.path(course, colour=colour, width=1.6)
        for place in course[1:]:
            drawing.dot(*place, fill=colour, radius=3, opacity=1)
        for when, change in line.points:
            if when in line.new_lesion_at:
                drawing.diamond(x(when), y(change), fill=INK)
    if len(drawn) <= 20:
        _end_labels(drawing, [(line.label, x(line.points[-1][0]), y(line.points[-1][1])) for line in drawn])
    drawing.y_axis(y, ticks(*up), axis, x=_LEFT, top=_TOP, bottom=_BOTTOM, signed=True)
    drawing.x_axis(x, ticks(0.0, last or 1.0), time, left=_LEFT, right=right, y=_BOTTOM)
    _legend(drawing, [line.response for line in drawn])
    new = " Diamond: new lesion." if any(line.new_lesion_at for line in drawn) else ""
    drawing.footnote(f"n = {len(drawn)} subjects. {_THRESHOLDS_SAID if thresholds else ''}{new}")
    return drawing.svg()


def response_colour(response: str) -> str:
    """Return the colour of a response, the same in every figure."""
    return RESPONSE_COLOURS.get(response, OTHER_COLOUR)


def _with_interval(value: float, ci: tuple[float, float], decimals: int) -> str:
    return f"{figure(value, decimals, signed=True)} {_interval(ci, decimals)}"


def _interval(ci: tuple[float, float], decimals: int) -> str:
    return f"({figure(ci[0], decimals, signed=True)} to {figure(ci[1], decimals, signed=True)})"


def _thresholds(drawing: Drawing, y: Scale, thresholds: Sequence[float]) -> float:
    """Draw the thresholds with their values at the right, and return where the plot ends."""
    right = WIDTH - 60.0
    for threshold in thresholds:
        drawing.line(_LEFT, y(threshold), right, y(threshold), colour=MUTED, dash="5 4")
        drawing.text(right + 6, y(threshold) + 3.7, f"{figure(threshold, signed=True)} %", colour=MUTED)
    return right


def _legend(drawing: Drawing, responses: Sequence[str]) -> None:
    """Name the colours in use, with the number of subjects, on the line under the title."""
    counts = Counter(responses)
    known = [response for response in RESPONSE_COLOURS if response in counts]
    drawing.text(16, 40, "Best overall response", size=11, colour=MUTED)
    x = 16 + text_width("Best overall response", 11) + 10
    for response in [*known, *sorted(set(counts) - set(known))]:
        said = f"{response} ({counts[response]})"
        drawing.rect(x, 31, 10, 10, fill=response_colour(response))
        drawing.text(x + 14, 40, said, size=11)
        x += 14 + text_width(said, 11) + 14


def _end_labels(drawing: Drawing, ends: Sequence[tuple[str, float, float]]) -> None:
    """Name lines at their ends (label, x, y); names that end at nearly the same time are moved apart."""
    groups: list[list[tuple[str, float, float]]] = []
    for end in sorted(ends, key=lambda end: (end[1], end[2], end[0])):
        if groups and end[1] - groups[-1][0][1] < _NAME_WIDTH:
            groups[-1].append(end)
        else:
            groups.append([end])
    for group in groups:
        places = apart([y for *_, y in group], 11, _TOP, _BOTTOM - 4)
        for (label, x, _), place in zip(group, places, strict=True):
            drawing.text(x + 7, place + 3.3, label, size=9, colour=MUTED)
