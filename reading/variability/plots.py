"""Figures of reader agreement, as SVG for pages and reports.

Plain values in, one SVG element out; where there is nothing to draw, the figure says why. Colours hold in
greyscale and for readers who confuse red and green.
"""

from __future__ import annotations

from collections.abc import Sequence

from .base import Undefined
from .bland_altman import BlandAltman
from .drawing import MUTED, WIDTH, Drawing, apart, figure, linear, notice, padded, ticks

POINT, LIMIT, BAND = "#12527e", "#9c3d1f", "#2a9d8f"

_LEFT, _TOP, _BOTTOM = 68.0, 58.0, 330.0


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


def _with_interval(value: float, ci: tuple[float, float], decimals: int) -> str:
    return f"{figure(value, decimals, signed=True)} {_interval(ci, decimals)}"


def _interval(ci: tuple[float, float], decimals: int) -> str:
    return f"({figure(ci[0], decimals, signed=True)} to {figure(ci[1], decimals, signed=True)})"
