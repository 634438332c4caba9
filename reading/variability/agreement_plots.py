"""Figures of how two readers' categories agree, as SVG for pages and reports, in the manner of `plots`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .base import Interval
from .drawing import INK, MUTED, PAPER, RULE, WIDTH, Drawing, figure, linear, notice, ticks

_LEFT, _TOP, _BOTTOM = 150.0, 76.0, 340.0
_POINT, _AGREED, _DIFFERED = "#12527e", "#2a9d8f", "#c8553d"
#: Most rows that a forest has room for.
MOST_ROWS = 18


@dataclass(frozen=True, slots=True)
class ForestRow:
    """One estimate with its interval, of `n` cases; `undefined` says in place of them why there is none."""

    label: str
    n: int
    value: float | None = None
    ci: Interval | None = None
    undefined: str = ""


def confusion_svg(
    table: Sequence[Sequence[int]],
    categories: Sequence[str],
    *,
    title: str,
    first: str = "First reader",
    second: str = "Second reader",
) -> str:
    """How often each category of the first reader met each of the second's; the darker the more often.

    Parameters
    ----------
    table
        Counts, rows by the first reader and columns by the second, in the order of `categories`.
    """
    total = sum(map(sum, table))
    if not total:
        return notice(title, "No case was read by both readers.")
    agreed = sum(table[i][i] for i in range(len(categories)))
    drawing = Drawing(
        title,
        f"Table of {total} pairs of readings; {agreed} on the diagonal agree. "
        + "; ".join(
            f"{first} {categories[i]}, {second} {categories[j]}: {count}"
            for i, row in enumerate(table)
            for j, count in enumerate(row)
            if count
        )
        + ".",
    )
    drawing.subtitle(f"{agreed} of {total} pairs agree ({figure(100 * agreed / total, 1)} %)")
    side = min((_BOTTOM - _TOP) / len(categories), 64.0)
    most = max(map(max, table))
    for i, row in enumerate(table):
        y = _TOP + side * i
        drawing.text(_LEFT - 8, y + side / 2 + 4, categories[i], anchor="end")
        drawing.text(_LEFT + side * (i + 0.5), _TOP - 7, categories[i], size=9.5, anchor="middle")
        for j, count in enumerate(row):
            x, share = _LEFT + side * j, count / most
            drawing.rect(x, y, side - 1.5, side - 1.5, fill=RULE, opacity=0.25)
            drawing.rect(x, y, side - 1.5, side - 1.5, fill=_AGREED if i == j else _DIFFERED, opacity=round(share, 3))
            if count:
                drawing.text(
                    x + side / 2 - 0.75,
                    y + side / 2 + 4,
                    str(count),
                    size=12,
                    anchor="middle",
                    colour=PAPER if share > 0.6 else INK,
                    weight="bold" if i == j else None,
                )
    drawing.text(20, _TOP + side * len(categories) / 2, first, size=11.5, anchor="middle", turn=-90)
    drawing.text(
        _LEFT + side * len(categories) / 2, _TOP + side * len(categories) + 20, second, size=11.5, anchor="middle"
    )
    drawing.footnote("Green, on the diagonal: both said the same. Red: they differed. The darker, the more pairs.")
    return drawing.svg()


def forest_svg(
    rows: Sequence[ForestRow], *, title: str, axis: str = "Cohen’s kappa", pooled: ForestRow | None = None
) -> str:
    """Estimates of the same thing in several groups, each with its interval, and of all together below.

    Parameters
    ----------
    rows
        In the order in which they stand; at most `MOST_ROWS` are drawn, those with most cases.
    pooled
        Of all cases together, drawn as a diamond.
    """
    kept = sorted(sorted(rows, key=lambda row: (-row.n, row.label))[:MOST_ROWS], key=rows.index)
    drawn = [*kept, *([pooled] if pooled else [])]
    known = [row for row in drawn if row.value is not None]
    if not known:
        return notice(title, next((row.undefined for row in drawn if row.undefined), "No case was read by two."))
    drawing = Drawing(title, f"Forest plot of {axis}: " + "; ".join(_said(row) for row in drawn) + ".")
    dropped = len(rows) - len(kept)
    drawing.subtitle(f"{axis} with 95 % intervals" + (f"; {dropped} smaller groups are not shown" if dropped else ""))
    ends = [end for row in known for end in (row.ci or (row.value, row.value)) if end is not None]
    low, high = min([*ends, 0.0]), max([*ends, 1.0])
    left, right = 190.0, WIDTH - 160.0
    x, step = linear(low, high, left, right), min((_BOTTOM - 56.0) / len(drawn), 30.0)
    bottom = 56.0 + step * len(drawn) + 6
    drawing.line(x(0), 52, x(0), bottom, colour=RULE)
    for i, row in enumerate(drawn):
        y = 56.0 + step * (i + 0.5)
        drawing.text(
            left - 10, y + 3.7, f"{_short(row.label)} ({row.n})", anchor="end", weight="bold" if row is pooled else None
        )
        if row.value is None:
            drawing.text(right + 12, y + 3.7, "not defined", size=9.5, colour=MUTED)
            continue
        if row.ci:
            drawing.line(x(row.ci[0]), y, x(row.ci[1]), y, colour=_POINT, width=1.5)
        if row is pooled:
            drawing.diamond(x(row.value), y, fill=INK, radius=6)
        else:
            drawing.dot(x(row.value), y, fill=_POINT, radius=4, opacity=1)
        drawing.text(right + 12, y + 3.7, _interval(row), size=9.5)
    drawing.x_axis(x, ticks(low, high), axis, left=left, right=right, y=bottom)
    drawing.footnote(
        "In brackets: pairs of readings. Diamond: all together. A value of 0 is agreement by chance alone."
    )
    return drawing.svg()


def _interval(row: ForestRow) -> str:
    assert row.value is not None
    shown = figure(row.value, 2)
    return f"{shown} ({figure(row.ci[0], 2)} to {figure(row.ci[1], 2)})" if row.ci else shown


def _said(row: ForestRow) -> str:
    return f"{row.label}, {row.n} pairs: {row.undefined if row.value is None else _interval(row)}"


def _short(label: str, characters: int = 22) -> str:
    return label if len(label) <= characters else label[: characters - 1] + "…"
