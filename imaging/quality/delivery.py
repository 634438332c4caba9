"""What the timepoint checks look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imaging.quality.facts import SeriesFacts
from imaging.quality.patients import Patients
from trials.series_terms import SeriesTerms


@dataclass(frozen=True)
class VisitWindow:
    """Study days, both included, between which a visit's scan is on time."""

    day_from: int
    day_to: int


@dataclass(frozen=True)
class Resemblance:
    """How much a series looks like earlier scans (`imaging.quality.fingerprints`).

    Attributes
    ----------
    own
        Like the subject's own scan before it.
    others
        Like the latest one of the site's other subjects, by their codes.
    """

    own: float
    others: Mapping[str, float]


@dataclass(frozen=True)
class Delivery:
    """Everything that came for a timepoint, beside what was promised.

    Attributes
    ----------
    matches
        Label of the charter's series to the series that fulfils it.
    window
        The visit window, or None when the visit has none.
    patients
        Whether the patient is known from earlier images.
    earlier
        Label of the charter's series to the one that fulfilled it last before, at an earlier timepoint of the subject.
    resemblances
        Label of the charter's series to what it looks like.
    """

    series: tuple[SeriesFacts, ...]
    rules: tuple[SeriesTerms, ...]
    matches: Mapping[str, SeriesFacts]
    window: VisitWindow | None
    patients: Patients
    earlier: Mapping[str, SeriesFacts]
    resemblances: Mapping[str, Resemblance]
