"""A drawing surface for figures: SVG text without script or style sheet, the same bytes on every machine.

Coordinates are in px of a figure 640 wide and 400 high, or higher, with y down; every number is written with at most
two decimals.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from html import escape

WIDTH, HEIGHT = 640, 400
FONT = "DejaVu Sans, sans-serif"
INK, MUTED, RULE, PAPER = "#1d2733", "#5d6b7a", "#c4ccd4", "#ffffff"
#: Baseline of the title and of the line under it; of a footnote, from the bottom.
TITLE_Y, SUBTITLE_Y, _FOOT = 22.0, 40.0, 9.0
#: Mean width of a character of DejaVu Sans in units of its size; for room only, never for meaning.
_CHARACTER = 0.6

Scale = Callable[[float], float]


def coordinate(value: float) -> str:
    """Return a coordinate with at most two decimals and no trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def figure(value: float, decimals: int = 0, *, signed: bool = False) -> str:
    """Return a number as it is read: fixed decimals, a true minus sign, and a plus where signs matter."""
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    if not text.strip("+-0."):
        return text.lstrip("+-")
    return text.replace("-", "−")


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Return round values inside a range, about so many; `low` < `high`."""
    power = 10.0 ** math.floor(math.log10((high - low) / about))
    step = min((factor * power for factor in (1, 2, 5, 10)), key=lambda s: abs((high - low) / s - about))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def padded(values: Sequence[float], share: float = 0.06) -> tuple[float, float]:
    """Return a range around values with some room at both ends; never of no width."""
    low, high = min(values), max(values)
    room = (high - low) * share or max(abs(high), 1.0) * 0.1
    return low - room, high + room


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Return the map of values in [low, high] to places in [start, end]."""
    return lambda value: start + (value - low) * (end - start) / (high - low)


def counted(count: int, one: str, more: str = "") -> str:
    """Return a number with its noun: 1 subject, 2 subjects."""
    return f"{count} {one if count == 1 else more or one + 's'}"


def text_width(text: str, size: float) -> float:
    """Return about how wide a text is, in px."""
    return len(text) * size * _CHARACTER


def apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels at `places` to lie at least `gap` apart within [low, high], keeping their order.

    Labels that would touch share their room around their common middle.
    """
    blocks: list[list[int]] = []

    def top(block: list[int]) -> float:
        span = gap * (len(block) - 1)
        middle = sum(places[i] for i in block) / len(block)
        return max(low, min(middle - span / 2, high - span))

    for i in sorted(range(len(places)), key=lambda i: (places[i], i)):
        blocks.append([i])
        while len(blocks) > 1 and top(blocks[-2]) + gap * len(blocks[-2]) > top(blocks[-1]):
            last = blocks.pop()
            blocks[-1].extend(last)
    found = [0.0] * len(places)
    for block in blocks:
        for row, i in enumerate(block):
            found[i] = top(block) + gap * row
    return found


class Drawing:
    """Shapes of one figure, in the order in which they are painted.

    Parameters
    ----------
    title
        Printed above the figure, and its accessible name.
    description
        What the figure says, in words, for those who cannot see it.
    height
        Of the whole figure.
    """

    def __init__(self, title: str, description: str, height: float = HEIGHT) -> None:
        self._height = height
        self._head = f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
        self._shapes: list[str] = []
        self._add("rect", x=0, y=0, width=WIDTH, height=height, fill=PAPER)
        self.text(16, TITLE_Y, title, size=14, weight="bold")

    def _add(self, tag: str, content: str = "", **attributes: object) -> None:
        pairs = "".join(
            f' {name.replace("_", "-")}="{coordinate(v) if isinstance(v, int | float) else escape(str(v))}"'
            for name, v in attributes.items()
            if v is not None
        )
        self._shapes.append(f"<{tag}{pairs}>{content}</{tag}>" if content else f"<{tag}{pairs}/>")

    def line(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        *,
        colour: str = INK,
        width: float = 1,
        dash: str | None = None,
    ) -> None:
        """Draw a straight line."""
        self._add("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, stroke_width=width, stroke_dasharray=dash)

    def path(
        self,
        points: Sequence[tuple[float, float]],
        *,
        colour: str,
        width: float = 1,
        dash: str | None = None,
        opacity: float | None = None,
    ) -> None:
        """Draw a line through points."""
        self._add(
            "polyline", points=_places(points), fill="none", stroke=colour, stroke_width=width,
            stroke_linejoin="round", stroke_dasharray=dash, stroke_opacity=opacity,
        )  # fmt: skip

    def rect(self, x: float, y: float, width: float, height: float, *, fill: str, opacity: float | None = None) -> None:
        """Draw a filled rectangle."""
        self._add("rect", x=x, y=y, width=width, height=height, fill=fill, fill_opacity=opacity)

    def dot(self, x: float, y: float, *, fill: str, radius: float = 3.6, opacity: float = 0.75) -> None:
        """Draw a point with a white rim, so that points which overlap can be told apart."""
        self._add("circle", cx=x, cy=y, r=radius, fill=fill, fill_opacity=opacity, stroke=PAPER, stroke_width=0.8)

    def diamond(self, x: float, y: float, *, fill: str, radius: float = 5) -> None:
        """Draw a point that stands out."""
        self.polygon(((x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)), fill=fill)

    def triangle(self, x: float, y: float, *, fill: str, radius: float = 4.5) -> None:
        """Draw a point that points upwards."""
        self.polygon(((x, y - radius), (x + radius, y + radius * 0.8), (x - radius, y + radius * 0.8)), fill=fill)

    def polygon(self, corners: Sequence[tuple[float, float]], *, fill: str) -> None:
        """Draw a filled shape with a white rim."""
        self._add("polygon", points=_places(corners), fill=fill, stroke=PAPER, stroke_width=1)

    def text(
        self,
        x: float,
        y: float,
        said: str,
        *,
        size: float = 10.5,
        anchor: str = "start",
        colour: str = INK,
        weight: str | None = None,
        turn: float | None = None,
    ) -> None:
        """Write one line of text, turned by degrees around its own place if asked."""
        about = f"rotate({coordinate(turn)} {coordinate(x)} {coordinate(y)})" if turn is not None else None
        self._add(
            "text", escape(said), x=x, y=y, font_size=size, text_anchor=anchor, fill=colour, font_weight=weight,
            transform=about,
        )  # fmt: skip

    def paragraph(self, x: float, y: float, said: str, *, characters: int, size: float = 10.5) -> float:
        """Write a text over lines of at most so many characters; return where the next line would stand."""
        for row in textwrap.wrap(said, characters):
            self.text(x, y, row, size=size)
            y += size * 1.5
        return y

    def subtitle(self, said: str) -> None:
        """Write the quiet line under the title."""
        self.text(16, SUBTITLE_Y, said, size=11, colour=MUTED)

    def footnote(self, said: str) -> None:
        """Write the quiet line at the foot."""
        self.text(16, self._height - _FOOT, said, size=9.5, colour=MUTED)

    def x_axis(self, x: Scale, marks: Sequence[float], title: str, *, left: float, right: float, y: float) -> None:
        """Draw a horizontal axis with its ticks and title below."""
        self.line(left, y, right, y)
        for mark in marks:
            self.line(x(mark), y, x(mark), y + 4)
            self.text(x(mark), y + 16, _mark(mark, marks), anchor="middle")
        self.text((left + right) / 2, y + 34, title, size=11.5, anchor="middle")

    def y_axis(
        self,
        y: Scale,
        marks: Sequence[float],
        title: str,
        *,
        x: float,
        top: float,
        bottom: float,
        signed: bool = False,
    ) -> None:
        """Draw a vertical axis with its ticks, and its title turned beside it."""
        self.line(x, top, x, bottom)
        for mark in marks:
            self.line(x - 4, y(mark), x, y(mark))
            self.text(x - 7, y(mark) + 3.7, _mark(mark, marks, signed=signed), anchor="end")
        self.text(20, (top + bottom) / 2, title, size=11.5, anchor="middle", turn=-90)

    def svg(self) -> str:
        """Return the figure as one SVG element."""
        height = coordinate(self._height)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" font-family="{FONT}">{self._head}{"".join(self._shapes)}</svg>'
        )


def notice(title: str, said: str) -> str:
    """Return a figure that says in words why there is nothing to draw."""
    drawing = Drawing(title, said)
    drawing.rect(16, 56, WIDTH - 32, HEIGHT - 88, fill="#f4f6f8")
    rows = textwrap.wrap(said, 76)
    for i, row in enumerate(rows):
        y = HEIGHT / 2 + (i - (len(rows) - 1) / 2) * 18
        drawing.text(WIDTH / 2, y, row, size=11.5, anchor="middle", colour=MUTED)
    return drawing.svg()


def _places(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{coordinate(x)},{coordinate(y)}" for x, y in points)


def _mark(value: float, marks: Sequence[float], *, signed: bool = False) -> str:
    step = marks[1] - marks[0] if len(marks) > 1 else abs(value) or 1.0
    return figure(value, max(0, -math.floor(math.log10(step) + 1e-9)), signed=signed)
