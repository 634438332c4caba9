"""What the timepoint checks look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imaging.quality.facts import SeriesFacts
from imaging.quality.patients import Patients
from imaging.quality.rules import SeriesRule, VisitWindow


@dataclass(frozen=True)
class Delivery:
    """Everything that came for a timepoint, beside what was promised.

    Attributes
    ----------
    matches
        Rule label to the series that fulfils it.
    window
        The visit window, or None when the visit has none.
    patients
        Whether the patient is known from earlier images.
    """

    series: tuple[SeriesFacts, ...]
    rules: tuple[SeriesRule, ...]
    matches: Mapping[str, SeriesFacts]
    window: VisitWindow | None
    patients: Patients
