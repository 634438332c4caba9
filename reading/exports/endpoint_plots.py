"""The endpoint report's figures: what the accepted reads say of each subject's tumour burden."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reading.exports.locked import LockedRead, LockedSubject, LockedTimepoint, LockedTrial
from reading.exports.svg import INK, QUIET, Drawing, scale, ticks
from reading.variability import BlandAltman

#: One colour per response; told apart without red and green (Okabe and Ito's palette).
COLOURS: Mapping[str, str] = {
    "CR": "#00664d",
    "PR": "#2a9d8f",
    "SD": "#7b8fa6",
    "PD": "#c8553d",
    "NE": "#c9ced6",
}
_OTHER = "#b9a36b"
_MOST_LABELS = 60
_TOP, _LEFT, _RIGHT = 12.0, 44.0, 26.0
_WEEKS_BETWEEN_MARKS = (4, 8, 12, 24, 48)

Accepted = tuple[LockedTimepoint, LockedRead]


def colour(response: str) -> str:
    """Return the colour of a response, the same in every figure and table."""
    return COLOURS.get(response, _OTHER)


def accepted_changes(subject: LockedSubject) -> list[tuple[int, float]]:
    """Return study day and percentage change from baseline at each accepted read up to progression."""
    changes: list[tuple[int, float]] = []
    for timepoint in subject.timepoints:
        read = timepoint.accepted
        if read is not None and read.change_from_baseline_percent is not None and timepoint.study_day is not None:
            changes.append((timepoint.study_day, float(read.change_from_baseline_percent)))
        if subject.result is not None and subject.result.progression == timepoint.code:
            break
    return changes


def best_changes(trial: LockedTrial) -> list[tuple[LockedSubject, float]]:
    """Return each subject's best change from baseline (accepted reads, up to progression), largest first."""
    courses = [(subject, accepted_changes(subject)) for subject in trial.subjects]
    best = [(subject, min(change for _, change in changes)) for subject, changes in courses if changes]
    return sorted(best, key=lambda item: (-item[1], item[0].code))


def _bor(subject: LockedSubject) -> str:
    return subject.result.bor if subject.result else "NE"


def waterfall(trial: LockedTrial, width: float = 500, height: float = 270) -> str:
    """Draw one bar per subject: best change of the sum of diameters from baseline, coloured by best response."""
    best = best_changes(trial)
    drawing = Drawing(width, height, "Waterfall plot of the best change from baseline")
    values = [change for _, change in best]
    marks = ticks(min([-50.0, *values]), max([40.0, *values]))
    bottom = height - (54 if len(best) <= _MOST_LABELS else 34)
    y = scale(marks[0], marks[-1], bottom, _TOP)
    _percent_axis(drawing, marks, y, width, "Best change from baseline, %")
    slot = (width - _LEFT - _RIGHT) / max(len(best), 1)
    bar = min(slot * 0.74, 26.0)
    for place, (subject, change) in enumerate(best):
        x = _LEFT + slot * (place + 0.5)
        top, low = min(y(change), y(0)), max(y(change), y(0))
        drawing.rect(x - bar / 2, top, bar, max(low - top, 0.8), colour(_bor(subject)))
        if len(best) <= 24:
            drawing.text(x, top - 3 if change >= 0 else low + 8, _signed(change), size=6.2, anchor="middle")
        if len(best) <= _MOST_LABELS:
            turned = f"rotate(-90 {x + 2:.2f} {bottom + 5:.2f})"
            drawing.text(x + 2, bottom + 5, subject.code, size=6.0, anchor="end", transform=turned)
    drawing.line(_LEFT, y(0), width - _RIGHT, y(0), INK, stroke_width=0.8)
    _legend(drawing, [_bor(subject) for subject, _ in best], height)
    return drawing.svg()


def spider(trial: LockedTrial, width: float = 500, height: float = 270) -> str:
    """Draw one line per subject: change of the sum of diameters from baseline over time, accepted reads."""
    courses = [(subject, changes) for subject in trial.subjects if (changes := accepted_changes(subject))]
    drawing = Drawing(width, height, "Spider plot of the change from baseline over time")
    values = [change for _, changes in courses for _, change in changes]
    days = [day for _, changes in courses for day, _ in changes]
    marks = ticks(min([-50.0, *values]), max([40.0, *values]))
    weeks = _weeks(max([56, *days]) / 7)
    bottom = height - 46
    y, x = scale(marks[0], marks[-1], bottom, _TOP), scale(0, weeks[-1] * 7, _LEFT, width - _RIGHT - 14)
    _percent_axis(drawing, marks, y, width - 14, "Change from baseline, %")
    for week in weeks:
        drawing.line(x(week * 7), bottom, x(week * 7), bottom + 3, QUIET, stroke_width=0.6)
        drawing.text(x(week * 7), bottom + 11, f"{week:g}", anchor="middle")
    drawing.text((_LEFT + width - _RIGHT - 14) / 2, bottom + 22, "Weeks since day 1", anchor="middle")
    drawing.line(_LEFT, y(0), width - _RIGHT - 14, y(0), INK, stroke_width=0.8)
    ends = []
    for subject, changes in courses:
        shade = colour(_bor(subject))
        points = [(x(0), y(0)), *((x(day), y(change)) for day, change in changes)]
        drawing.path(points, shade, stroke_width=1.3, stroke_linejoin="round", stroke_opacity=0.9)
        for place in points[1:]:
            drawing.dot(*place, 1.9, shade)
        ends.append((points[-1], subject.code))
    for (end, height_of_label), code in _apart(ends):
        drawing.text(end + 4, height_of_label + 2, code, size=5.6)
    _legend(drawing, [_bor(subject) for subject, _ in courses], height)
    return drawing.svg()


def _apart(ends: Sequence[tuple[tuple[float, float], str]], gap: float = 6.4) -> list[tuple[tuple[float, float], str]]:
    """Move labels that would lie on each other apart, downwards; too many to part get none."""
    if len(ends) > 30:
        return []
    placed: list[tuple[tuple[float, float], str]] = []
    for (x, y), code in sorted(ends, key=lambda end: (end[0][1], end[1])):
        near = [top for (other, top), _ in placed if abs(other - x) < 34]
        placed.append(((x, max([y, *(top + gap for top in near)])), code))
    return placed


def _percent_axis(
    drawing: Drawing, marks: Sequence[float], y: Callable[[float], float], width: float, title: str
) -> None:
    for mark in marks:
        drawing.line(_LEFT, y(mark), width - _RIGHT, y(mark), stroke_width=0.5)
        drawing.text(_LEFT - 5, y(mark) + 2.6, _signed(mark), anchor="end")
    middle = (y(marks[0]) + y(marks[-1])) / 2
    drawing.text(11, middle, title, anchor="middle", transform=f"rotate(-90 11 {middle:.2f})")
    for threshold in (-30, 20):
        end = width - _RIGHT
        drawing.line(_LEFT, y(threshold), end, y(threshold), INK, stroke_width=0.7, stroke_dasharray="3 2.5")
        drawing.text(end + 3, y(threshold) + 2.4, _signed(threshold), size=6.4, fill=INK)


def _signed(value: float) -> str:
    text = f"{value:+.0f}"
    return "0" if text in ("+0", "-0") else text.replace("-", "−")


def _weeks(last: float) -> list[int]:
    step = next((step for step in _WEEKS_BETWEEN_MARKS if last / step <= 9), 96)
    return list(range(0, int(last + step - 1e-9) // step * step + 1, step))


def _legend(drawing: Drawing, responses: Sequence[str], height: float) -> None:
    shown = [*(r for r in COLOURS if r in responses), *sorted(set(responses) - set(COLOURS))]
    x = _LEFT
    drawing.text(x, height - 5, "Best overall response", size=7)
    x += 96
    for response in shown:
        drawing.rect(x, height - 11, 8, 7, colour(response))
        drawing.text(x + 11, height - 5, f"{response} ({responses.count(response)})", size=7)
        x += 26 + 5.2 * len(f"{response} ({responses.count(response)})")


def bland_altman_plot(limits: BlandAltman, width: float = 500, height: float = 250) -> str:
    """Draw the readers' differences against their means, with the mean difference and the limits of agreement."""
    drawing = Drawing(width, height, "Bland-Altman plot of the sums of diameters")
    means = [(a + b) / 2 for a, b in limits.pairs]
    differences = [a - b for a, b in limits.pairs]
    lower, upper = limits.loa
    lines = ((limits.mean_diff, limits.mean_ci), (lower, limits.loa_lower_ci), (upper, limits.loa_upper_ci))
    extent = [*differences, *(end for _, interval in lines for end in interval), 0.0]
    across, up = ticks(min([0.0, *means]), max(means), 8), ticks(min(extent), max(extent))
    bottom, right = height - 34, width - 74
    x, y = scale(across[0], across[-1], _LEFT, right), scale(up[0], up[-1], bottom, _TOP)
    for _, interval in lines:
        low, high = interval
        drawing.rect(_LEFT, y(high), right - _LEFT, y(low) - y(high), "#2a9d8f", fill_opacity=0.13)
    for mark in up:
        drawing.line(_LEFT, y(mark), right, y(mark), stroke_width=0.5)
        drawing.text(_LEFT - 5, y(mark) + 2.6, f"{mark:g}".replace("-", "−"), anchor="end")
    for mark in across:
        drawing.line(x(mark), bottom, x(mark), bottom + 3, QUIET, stroke_width=0.6)
        drawing.text(x(mark), bottom + 11, f"{mark:g}", anchor="middle")
    drawing.line(_LEFT, y(0), right, y(0), INK, stroke_width=0.6)
    for (value, _), name in zip(lines, ("mean", "lower limit", "upper limit"), strict=True):
        solid = {} if name == "mean" else {"stroke_dasharray": "3 2.5"}
        drawing.line(_LEFT, y(value), right, y(value), "#1d6f66", stroke_width=1.0, **solid)
        drawing.text(right + 4, y(value) + 2.4, f"{name} {value:.1f}".replace("-", "−"), size=6.6, fill=INK)
    for mean, difference in zip(means, differences, strict=True):
        drawing.dot(x(mean), y(difference), 2.2, "#12324d", fill_opacity=0.65)
    drawing.text((_LEFT + right) / 2, height - 8, "Mean of the two readers, mm", anchor="middle")
    middle = (_TOP + bottom) / 2
    turned = f"rotate(-90 11 {middle:.2f})"
    drawing.text(11, middle, "READER 1 − READER 2, mm", anchor="middle", transform=turned)
    return drawing.svg()
