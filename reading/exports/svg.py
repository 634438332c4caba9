"""A small drawing surface: axes and shapes as SVG text, with numbers in one fixed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

INK, QUIET, GRID = "#1d2733", "#5d6b7a", "#dde3e9"


def number(value: float) -> str:
    """Return a coordinate with at most two decimals, the same on every machine."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Return round values that cover a range, about so many, both ends included."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / about))
    step = min((factor * power for factor in (1, 2, 2.5, 5, 10)), key=lambda size: abs(span / size - about))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


class Drawing:
    """Shapes on a plane of `width` × `height` points; y points down."""

    def __init__(self, width: float, height: float, description: str) -> None:
        self.width, self.height, self.description = width, height, description
        self.shapes: list[str] = []

    def _add(self, tag: str, attributes: Mapping[str, object], content: str = "") -> None:
        pairs = " ".join(
            f"{name.replace('_', '-')}={quoteattr(number(v) if isinstance(v, float | int) else str(v))}"
            for name, v in attributes.items()
        )
        self.shapes.append(f"<{tag} {pairs}>{content}</{tag}>" if content else f"<{tag} {pairs}/>")

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str = GRID, **more: object) -> None:
        """Draw a straight line."""
        self._add("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "stroke": colour, **more})

    def path(self, points: Sequence[tuple[float, float]], colour: str, **more: object) -> None:
        """Draw a line through points."""
        places = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        self._add("polyline", {"points": places, "fill": "none", "stroke": colour, **more})

    def rect(self, x: float, y: float, width: float, height: float, colour: str, **more: object) -> None:
        """Draw a filled rectangle."""
        self._add("rect", {"x": x, "y": y, "width": width, "height": height, "fill": colour, **more})

    def dot(self, x: float, y: float, radius: float, colour: str, **more: object) -> None:
        """Draw a filled circle."""
        self._add("circle", {"cx": x, "cy": y, "r": radius, "fill": colour, **more})

    def text(self, x: float, y: float, said: str, *, size: float = 7.5, anchor: str = "start", **more: object) -> None:
        """Write one line of text."""
        place = {"x": x, "y": y, "font_size": size, "text_anchor": anchor}
        self._add("text", {"fill": QUIET, **place, **more}, escape(said))

    def svg(self) -> str:
        """Return the drawing as an SVG element."""
        width, height = number(self.width), number(self.height)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" aria-label={quoteattr(self.description)} '
            f'font-family="DejaVu Sans, sans-serif">{"".join(self.shapes)}</svg>'
        )


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Return the map of a range of values to a range of places."""
    return lambda value: start + (value - low) * (end - start) / ((high - low) or 1.0)
