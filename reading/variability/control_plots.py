"""Control charts of readers, as SVG for pages and reports, in the manner of `plots`."""

from __future__ import annotations

from .base import Undefined
from .control import Cusum, PChart
from .drawing import INK, MUTED, RULE, WIDTH, Drawing, apart, figure, linear, notice, text_width, ticks
from .monitoring import Drift

_LEFT, _RIGHT, _TOP, _BOTTOM = 68.0, WIDTH - 20.0, 58.0, 330.0
_POINT, _OUTSIDE = "#12527e", "#9c3d1f"
#: In this order for readers in the order of their ids; they hold in greyscale and for who confuses red and green.
_LINES = ("#12527e", "#c8553d", "#2a9d8f", "#7b8fa6", "#b9a36b", "#5b3f8c")


def p_chart_svg(chart: PChart | Undefined, *, title: str, rate: str = "Adjudicated cases (%)") -> str:
    """Each group's share as a point between the limits for its size, around the share of all.

    Parameters
    ----------
    rate
        Title of the vertical axis.
    """
    if isinstance(chart, Undefined):
        return notice(title, chart.reason)
    outside = [point for point in chart.points if point.outside]
    drawing = Drawing(
        title,
        f"Control chart of {len(chart.points)} groups; all together {figure(100 * chart.centre, 1)} %. "
        + ("Outside of the limits: " + ", ".join(point.label for point in outside) if outside else "None is outside")
        + ".",
    )
    cases = [point.n for point in chart.points]
    size = f"{cases[0]} cases in each" if len(set(cases)) == 1 else f"{min(cases)} to {max(cases)} cases in a group"
    drawing.subtitle(f"All together {figure(100 * chart.centre, 1)} %; {size}")
    top = min(100.0, 100 * max(max(point.upper, point.rate) for point in chart.points) + 4)
    slot = (_RIGHT - _LEFT) / len(chart.points)
    turned = any(text_width(point.label, 9.5) > slot - 6 for point in chart.points)
    bottom = 278.0 if turned else _BOTTOM
    y = linear(0.0, top, bottom, _TOP)
    drawing.line(_LEFT, y(100 * chart.centre), _RIGHT, y(100 * chart.centre), colour=MUTED)
    for i, point in enumerate(chart.points):
        left, middle, right = _LEFT + slot * i, _LEFT + slot * (i + 0.5), _LEFT + slot * (i + 1)
        for limit in (point.lower, point.upper):
            if 0 < limit < 1:
                drawing.line(left, y(100 * limit), right, y(100 * limit), colour=_OUTSIDE, dash="5 4")
        if point.outside:
            drawing.diamond(middle, y(100 * point.rate), fill=_OUTSIDE)
        else:
            drawing.dot(middle, y(100 * point.rate), fill=_POINT)
        if slot >= 11:
            drawing.text(
                middle + (3 if turned else 0),
                bottom + (8 if turned else 14),
                _short(point.label, 19),
                size=9.5,
                anchor="end" if turned else "middle",
                turn=-60 if turned else None,
            )
    drawing.line(_LEFT, bottom, _RIGHT, bottom)
    drawing.y_axis(y, ticks(0.0, top), rate, x=_LEFT, top=_TOP, bottom=bottom)
    drawing.footnote("Line: all together. Dashed: three standard errors for the size of the group. Diamond: outside.")
    return drawing.svg()


def cusum_svg(drift: Drift, *, title: str, what: str = "differences from the other reader") -> str:
    """Each reader's two sums, upwards and, below 0, downwards, in order of reading.

    Parameters
    ----------
    what
        What is summed, in the words of the figure's description.
    """
    if isinstance(drift.sd, Undefined):
        return notice(title, drift.sd.reason)
    drawn = {reader: found for reader, found in drift.readers.items() if isinstance(found, Cusum) and found.high}
    if not drawn:
        return notice(title, "The values have no spread, against which a change could be judged.")
    limit = next(iter(drawn.values())).limit
    alarmed = [reader for reader, found in drawn.items() if found.alarms]
    drawing = Drawing(
        title,
        f"Cusum of {what} of {len(drawn)} readers. "
        + ("Beyond the limit: " + ", ".join(alarmed) if alarmed else "None is beyond the limit")
        + ".",
    )
    drawing.subtitle(f"In standard deviations; one value {figure(drift.sd, 2)}")
    reach = max([limit, *(x for found in drawn.values() for x in (*found.high, *found.low))]) * 1.08
    longest = max(len(found.high) for found in drawn.values())
    right = _RIGHT - 92
    x, y = linear(0.0, float(longest), _LEFT, right), linear(-reach, reach, _BOTTOM, _TOP)
    drawing.line(_LEFT, y(0), right, y(0), colour=RULE)
    for sign in (1, -1):
        drawing.line(_LEFT, y(sign * limit), right, y(sign * limit), colour=_OUTSIDE, dash="5 4")
    ends = []
    for i, (reader, found) in enumerate(drawn.items()):
        colour = _LINES[i % len(_LINES)]
        for sign, sums in ((1, found.high), (-1, found.low)):
            drawing.path(
                [(x(0), y(0)), *((x(j + 1), y(sign * s)) for j, s in enumerate(sums))], colour=colour, width=1.6
            )
        if found.alarms:
            first = found.alarms[0]
            sign = 1 if found.high[first] > limit else -1
            drawing.diamond(x(first + 1), y(sign * max(found.high[first], found.low[first])), fill=INK)
        ends.append((reader, colour, y(found.high[-1] if found.high[-1] >= found.low[-1] else -found.low[-1])))
    for (reader, colour, _), place in zip(ends, apart([at for *_, at in ends], 12, _TOP, _BOTTOM), strict=True):
        drawing.text(
            right + 8, place + 3.5, reader if len(reader) <= 14 else reader[:13] + "…", size=9.5, colour=colour
        )
    drawing.y_axis(y, ticks(-reach, reach), "Cumulative sum (SD)", x=_LEFT, top=_TOP, bottom=_BOTTOM, signed=True)
    drawing.x_axis(x, ticks(0.0, float(longest)), "Values in order of reading", left=_LEFT, right=right, y=_BOTTOM)
    drawing.footnote("Dashed: limit. Diamond: where a reader's sum passes it first.")
    return drawing.svg()


def _short(label: str, characters: int) -> str:
    return label if len(label) <= characters else label[: characters - 1] + "…"
