"""Figures of time: until an event (Kaplan-Meier), and of each subject (swimmer), in the manner of `plots`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .drawing import INK, MUTED, PAPER, RULE, WIDTH, Drawing, Scale, counted, figure, linear, notice, text_width, ticks
from .response_plots import RESPONSE_COLOURS, response_colour
from .survival import KaplanMeier, kaplan_meier

DAYS_IN_MONTH = 30.4375

#: Of the curves of one figure, in their order: colour and dashes, which tell them apart without colour.
_CURVES: tuple[tuple[str, str | None], ...] = ((INK, None), ("#12527e", "7 4"), ("#c8553d", "2 3"))
_LEFT, _RIGHT, _TOP, _BOTTOM = 92.0, WIDTH - 24.0, 62.0, 282.0
_ROW = 14.0
#: Most subjects of a swimmer plot that are named; more stand in one block per response.
MOST_NAMED = 45
_PROGRESSION = "#9c3d1f"
#: Height of a row, px, below which its marks have no shape.
_FINE = 4.0


@dataclass(frozen=True, slots=True)
class Curve:
    """A group whose time until an event is drawn: days, and whether the event happened then."""

    label: str
    days: tuple[float, ...]
    events: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Swimmer:
    """One subject on study, in days from day 1; None where something did not happen.

    `ongoing` says that follow-up was not ended by progression or withdrawal.
    """

    label: str
    last_day: float
    response: str
    response_day: float | None = None
    progression_day: float | None = None
    ongoing: bool = False
    withdrawn: bool = False


def kaplan_meier_svg(
    curves: Sequence[Curve],
    *,
    title: str,
    axis: str,
    time: str = "Months",
    nobody: str = "No subject was followed.",
    note: str = "",
) -> str:
    """Draw survival of one group with its band, or of several with their lines alone; numbers at risk below.

    Parameters
    ----------
    axis
        Title of the vertical axis.
    nobody
        What the figure says when no group has a subject.
    note
        Added to the footnote.
    """
    found = [(curve, kaplan_meier(curve.days, curve.events)) for curve in curves]
    drawn = [(curve, result) for curve, result in found if isinstance(result, KaplanMeier)]
    if not drawn:
        return notice(title, nobody)
    drawing = Drawing(
        title,
        f"Kaplan-Meier curves, {axis.lower()}, in months. "
        + " ".join(f"{curve.label}: {_in_words(curve, result)}." for curve, result in drawn),
        (368 if len(drawn) == 1 else 382) + _ROW * (len(drawn) - 1),
    )
    last = max(max(max(curve.days) for curve, _ in drawn) / DAYS_IN_MONTH, 1.0)
    x, y = linear(0.0, last, _LEFT, _RIGHT), linear(0.0, 100.0, _BOTTOM, _TOP)
    drawing.line(_LEFT, y(50), _RIGHT, y(50), colour=RULE, dash="1.5 3")
    if len(drawn) == 1:
        drawing.subtitle(_in_words(*drawn[0]))
        _band(drawing, drawn[0][1], max(drawn[0][0].days), x, y)
    else:
        _key(drawing, drawn)
    for (curve, result), (colour, dash) in zip(drawn, _styles(len(drawn)), strict=True):
        _steps(drawing, curve, result, x, y, colour, dash)
    marks = ticks(0.0, last, about=7)
    drawing.y_axis(y, ticks(0.0, 100.0, about=5), axis, x=_LEFT, top=_TOP, bottom=_BOTTOM)
    drawing.x_axis(x, marks, time, left=_LEFT, right=_RIGHT, y=_BOTTOM)
    drawing.text(16, _BOTTOM + 54, "At risk", size=9.5, colour=MUTED)
    for row, (curve, _) in enumerate(drawn):
        place = _BOTTOM + (54 if len(drawn) == 1 else 70) + _ROW * row
        if len(drawn) > 1:
            drawing.text(16, place, _short(curve.label, 10), size=9.5)
        for mark in marks:
            left = sum(days >= mark * DAYS_IN_MONTH for days in curve.days)
            drawing.text(x(mark), place, str(left), size=9.5, anchor="middle")
    band = "Shaded: 95 % limits (log-log). " if len(drawn) == 1 else ""
    drawing.footnote(f"{band}Upright ticks: subjects whose follow-up ends there. {note}".strip())
    return drawing.svg()


def _styles(count: int) -> list[tuple[str, str | None]]:
    return [_CURVES[i % len(_CURVES)] for i in range(count)]


def _in_words(curve: Curve, result: KaplanMeier) -> str:
    low, high = (_months(end) for end in result.median_ci)
    interval = f" (95 % interval {low} to {high})" if any(result.median_ci) else ""
    return f"n = {result.n}, {counted(sum(curve.events), 'event')}, median {_months(result.median)}{interval}"


def _months(days: float | None) -> str:
    return "not reached" if days is None else figure(days / DAYS_IN_MONTH, 1)


def _outline(result: KaplanMeier, until: float) -> list[tuple[float, float, float, float | None, float | None]]:
    """Return each level of the curve: from, to, survival, limits; in days and shares."""
    starts = (0.0, *result.times)
    ends = (*result.times, until)
    levels = (1.0, *result.survival)
    return list(zip(starts, ends, levels, (None, *result.lower), (None, *result.upper), strict=True))


def _band(drawing: Drawing, result: KaplanMeier, until: float, x: Scale, y: Scale) -> None:
    for start, end, _, low, high in _outline(result, until):
        if low is not None and high is not None and end > start:
            left, right = x(start / DAYS_IN_MONTH), x(end / DAYS_IN_MONTH)
            drawing.rect(left, y(100 * high), right - left, y(100 * low) - y(100 * high), fill="#12527e", opacity=0.13)


def _steps(
    drawing: Drawing, curve: Curve, result: KaplanMeier, x: Scale, y: Scale, colour: str, dash: str | None
) -> None:
    points: list[tuple[float, float]] = []
    for start, end, level, *_ in _outline(result, max(curve.days)):
        points += [(x(start / DAYS_IN_MONTH), y(100 * level)), (x(end / DAYS_IN_MONTH), y(100 * level))]
    drawing.path(points, colour=colour, width=1.8, dash=dash)
    censored = sorted({days for days, event in zip(curve.days, curve.events, strict=True) if not event})
    for days in censored:
        level = next((s for t, s in reversed(list(zip(result.times, result.survival, strict=True))) if t <= days), 1.0)
        place = x(days / DAYS_IN_MONTH)
        drawing.line(place, y(100 * level) - 4, place, y(100 * level) + 4, colour=colour, width=1.1)


def _key(drawing: Drawing, drawn: Sequence[tuple[Curve, KaplanMeier]]) -> None:
    """Name the curves under the title."""
    left = 16.0
    for (curve, result), (colour, dash) in zip(drawn, _styles(len(drawn)), strict=True):
        said = f"{curve.label}: median {_months(result.median)}"
        drawing.line(left, 36, left + 26, 36, colour=colour, width=1.8, dash=dash)
        drawing.text(left + 32, 40, said, size=10)
        left += 32 + text_width(said, 10) + 14


def swimmer_svg(swimmers: Sequence[Swimmer], *, title: str, time: str = "Months from day 1", note: str = "") -> str:
    """One bar per subject from day 1 to the last scan, with response, progression, and whether it goes on.

    Up to `MOST_NAMED` subjects are named, the longest followed first; more stand in one block per response.
    """
    if not swimmers:
        return notice(title, "No subject has a scan after day 1.")
    named = len(swimmers) <= MOST_NAMED
    ordered = sorted(swimmers, key=lambda s: (-s.last_day, s.label))
    if not named:
        ordered.sort(key=lambda s: _rank(s.response))
    step = min(22.0, max(13.0, 250.0 / len(ordered))) if named else max(1.15, min(5.0, 640.0 / len(ordered)))
    blocks = len({s.response for s in ordered}) if not named else 1
    bottom = 66.0 + step * len(ordered) + 8.0 * (blocks - 1) + 4
    last = max(max(s.last_day for s in ordered) / DAYS_IN_MONTH, 0.5)
    labels = [f"{s.label} · {s.response}" for s in ordered] if named else [s.response for s in ordered]
    left = 26 + min(max(text_width(label, 9.5) for label in labels) + (0 if named else 40), 170.0)
    x = linear(0.0, last, left, WIDTH - 34.0)
    drawing = Drawing(title, _told(ordered), bottom + 62)
    _signs(drawing, step < _FINE)
    for mark in ticks(0.0, last, about=7):
        drawing.line(x(mark), 60, x(mark), bottom, colour=RULE, width=0.5)
    y, before = 66.0, ordered[0].response
    for swimmer, label in zip(ordered, labels, strict=True):
        if not named and swimmer.response != before:
            y, before = y + 8.0, swimmer.response
        _swim(drawing, swimmer, x, y + step / 2, step)
        if named:
            drawing.text(left - 8, y + step / 2 + 3.4, _short(label, 26), size=9.5, anchor="end")
        y += step
    if not named:
        _blocks(drawing, ordered, step, left)
    drawing.x_axis(x, ticks(0.0, last, about=7), time, left=left, right=WIDTH - 34.0, y=bottom)
    drawing.footnote(f"n = {counted(len(ordered), 'subject')}; bars end at the last scan. {note}".strip())
    return drawing.svg()


def _rank(response: str) -> tuple[int, str]:
    known = list(RESPONSE_COLOURS)
    return (known.index(response) if response in known else len(known), response)


def _told(swimmers: Sequence[Swimmer]) -> str:
    def days(name: str, value: float | None) -> str:
        return "" if value is None else f", {name} on day {figure(value)}"

    return (
        f"Swimmer plot of {counted(len(swimmers), 'subject')} by study day of the last scan: "
        + "; ".join(
            f"{s.label} day {figure(s.last_day)} ({s.response})"
            + days("response", s.response_day)
            + days("progression", s.progression_day)
            + (", withdrawn" if s.withdrawn else "")
            + (", ongoing" if s.ongoing else "")
            for s in swimmers
        )
        + "."
    )


def _signs(drawing: Drawing, fine: bool) -> None:
    """Explain the marks on the line under the title."""
    if fine:
        drawing.rect(18, 32, 6, 8, fill=INK)
        drawing.rect(123, 31, 8, 10, fill=MUTED)
        drawing.rect(124, 32, 6, 8, fill=PAPER)
    else:
        drawing.triangle(22, 36, fill=INK)
        drawing.diamond(128, 36, fill=_PROGRESSION)
    drawing.text(30, 40, "first response", size=11)
    drawing.text(137, 40, "progression", size=11)
    _arrow(drawing, 220, 36, 4.5)
    drawing.text(238, 40, "no progression at the last scan", size=11)
    drawing.line(446, 31, 446, 41, width=2)
    drawing.text(453, 40, "withdrawn", size=11)


def _swim(drawing: Drawing, swimmer: Swimmer, x: Scale, y: float, step: float) -> None:
    end = x(max(swimmer.last_day, 0.0) / DAYS_IN_MONTH)
    fine, thick, size = step < _FINE, step * 0.62 if step >= _FINE else step, min(5.0, step * 0.42)
    drawing.rect(x(0), y - thick / 2, max(end - x(0), 1.5), thick, fill=response_colour(swimmer.response))
    for day, colour in ((swimmer.response_day, INK), (swimmer.progression_day, PAPER if fine else _PROGRESSION)):
        if day is None:
            continue
        place = x(day / DAYS_IN_MONTH)
        if fine:
            # A shape is lost in a bar this thin: dark and bright are not.
            drawing.rect(min(place, end - 3) - 1, y - thick / 2, 3, thick, fill=colour)
        elif colour == INK:
            drawing.triangle(place, y, fill=colour, radius=size)
        else:
            drawing.diamond(place, y, fill=colour, radius=size)
    if swimmer.ongoing and not fine:
        _arrow(drawing, end, y, size)
    elif swimmer.ongoing:
        drawing.line(end + 2, y, end + 7, y, width=min(step * 0.6, 1))
    if swimmer.withdrawn:
        drawing.line(end + 1, y - step * 0.42, end + 1, y + step * 0.42, width=2)


def _arrow(drawing: Drawing, x: float, y: float, size: float) -> None:
    drawing.line(x, y, x + 7, y, width=1.2)
    drawing.polygon(((x + 6, y - size * 0.8), (x + 6 + size * 1.5, y), (x + 6, y + size * 0.8)), fill=INK)


def _blocks(drawing: Drawing, ordered: Sequence[Swimmer], step: float, left: float) -> None:
    """Name the block of each response at its left."""
    top, responses = 66.0, [s.response for s in ordered]
    for response in dict.fromkeys(responses):
        high = step * responses.count(response)
        drawing.line(left - 5, top + 0.5, left - 5, top + high - 0.5, colour=MUTED, width=1.5)
        drawing.text(left - 11, top + high / 2 + 3.4, f"{response} ({responses.count(response)})", anchor="end")
        top += high + 8.0


def _short(label: str, characters: int) -> str:
    return label if len(label) <= characters else label[: characters - 1] + "…"
