"""How a trial's visits went on through time, as SVG, in the manner of `plots`: counts alone, and no outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .drawing import WIDTH, Drawing, apart, counted, linear, notice, text_width, ticks

_LEFT, _TOP, _BOTTOM = 68.0, 58.0, 320.0
_LABEL = 10.5
#: Colour and dashes of each course, in their order.
_LOOKS: tuple[tuple[str, str | None], ...] = (
    ("#5d6b7a", "6 4"),
    ("#12527e", None),
    ("#2a9d8f", None),
    ("#c8553d", None),
)


@dataclass(frozen=True, slots=True)
class Course:
    """How many there were by the end of each month."""

    name: str
    counts: tuple[int, ...]


def course_svg(months: Sequence[str], courses: Sequence[Course], *, title: str) -> str:
    """Draw one stepped line per course over the months, with its name and last count at its end; four at most."""
    most = max((count for course in courses for count in course.counts), default=0)
    if not months or not most:
        return notice(title, "Nothing was received yet.")
    said = "; ".join(f"{course.name} {course.counts[-1]}" for course in courses)
    drawing = Drawing(title, f"Visits up to the end of {months[-1]}: {said}.")
    drawing.subtitle(f"{counted(len(months), 'month')} to {months[-1]}")
    labels = [f"{course.name} {course.counts[-1]}" for course in courses]
    right = WIDTH - 16 - max(text_width(label, _LABEL) for label in labels)
    x, y = linear(0.0, len(months), _LEFT, right), linear(0.0, most * 1.06, _BOTTOM, _TOP)
    for course, (colour, dash) in zip(courses, _LOOKS, strict=False):
        points = [(x(0), y(0))]
        for month, count in enumerate(course.counts):
            points += [(x(month), y(count)), (x(month + 1), y(count))]
        drawing.path(points, colour=colour, width=2, dash=dash)
    places = apart([y(course.counts[-1]) for course in courses], 14, _TOP, _BOTTOM)
    for place, label, (colour, _) in zip(places, labels, _LOOKS, strict=False):
        drawing.text(right + 6, place + 3.7, label, size=_LABEL, colour=colour, weight="bold")
    slot = (right - _LEFT) / len(months)
    every = max(1, -(-int(text_width("2026-01", 9.5) + 10) // max(int(slot), 1)))
    for month in range(0, len(months), every):
        drawing.text(x(month + 0.5), _BOTTOM + 16, months[month], size=9.5, anchor="middle")
    marks = [mark for mark in ticks(0.0, most * 1.06, about=5) if mark == int(mark)]
    drawing.line(_LEFT, _BOTTOM, right, _BOTTOM)
    drawing.y_axis(y, marks, "Visits", x=_LEFT, top=_TOP, bottom=_BOTTOM)
    drawing.text((_LEFT + right) / 2, _BOTTOM + 36, "Month (UTC)", size=11.5, anchor="middle")
    drawing.footnote("Planned: the day on which the schedule has the visit, of subjects who have not left.")
    return drawing.svg()
