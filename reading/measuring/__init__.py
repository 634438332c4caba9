"""What a mark on a picture measures: lengths, axes, angles, areas, and the pixels inside.

Pure Python and numpy. Points are what the reader drew; everything else is computed from them here, and nothing is
taken from the program that drew them.
"""

from .geometry import Axes, NotMeasured, axes_of, beyond_edge, outside_by
from .marks import POINTS, Measured, Tool, measure, size_mm
from .regions import Statistics, inside, statistics
from .rules import SQUARE_WITHIN_DEG, entered, not_square

__all__ = [
    "POINTS",
    "SQUARE_WITHIN_DEG",
    "Axes",
    "Measured",
    "NotMeasured",
    "Statistics",
    "Tool",
    "axes_of",
    "beyond_edge",
    "entered",
    "inside",
    "measure",
    "not_square",
    "outside_by",
    "size_mm",
    "statistics",
]
