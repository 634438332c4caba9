"""Families of phantoms for the wrong-subject alarm: a site's subjects, each with scans that differ as real ones do.

Between two scans of a subject weight, breath, position, field of view, slices, dose, contrast phase and lesions change.
Every subject has a sibling of the same sex, age, size and build, of whom only the inside differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from pydicom.dataset import FileDataset

from imaging.phantom.anatomy import Anatomy
from imaging.phantom.canvas import Grid, Point
from imaging.phantom.series import ct_series
from imaging.phantom.subjects import PhantomSubject, Scenario
from imaging.quality import Finding, Resemblance, SeriesFacts, check_timepoint, facts_of
from imaging.quality.fingerprints import likeness
from imaging.quality.measuring import measured
from trials.series_terms import SeriesTerms

_RULE = SeriesTerms("Chest", "CT")

_SCENARIOS = tuple(Scenario)


@dataclass(frozen=True)
class Person(PhantomSubject):
    """A subject whose scans vary.

    Attributes
    ----------
    family
        Seed that siblings share: build, sex, age and size.
    """

    family: int = 0

    @classmethod
    def of(cls, family: int, number: int) -> Person:
        """One of the siblings of a family."""
        seed = 10 * family + number
        lesions = PhantomSubject.with_scenario(seed, _SCENARIOS[seed % len(_SCENARIOS)], timepoints=3).lesions
        return cls(seed, lesions, family)

    @property
    def sex(self) -> str:
        """As the header says."""
        return "FM"[self.family % 2]

    @property
    def born(self) -> int:
        """Year."""
        return 1940 + int(self._shared(41).integers(40))

    @property
    def size_m(self) -> float:
        """Height."""
        return round(float(self._shared(42).uniform(1.55, 1.9)), 2)

    def anatomy(self, timepoint: int) -> Anatomy:
        """Build of the family, inside of the person, and up to a quarter of the fat gained or lost."""
        build, own = Anatomy.of(self.family), Anatomy.of(self.seed)
        slight = self._random(43).uniform(-0.01, 0.01, 2)
        gained = build.fat * float(self._random(44, timepoint).uniform(-0.25, 0.25)) if timepoint else 0.0
        return replace(
            own,
            width=build.width * (1 + slight[0]) + gained,
            depth=build.depth * (1 + slight[1]) + gained,
            fat=build.fat + gained,
        )

    def breath_mm(self, timepoint: int) -> float:
        """Up to 10 mm deeper or less deep than usual."""
        return float(self._random(45, timepoint).uniform(-10, 10))

    def shift_mm(self, timepoint: int) -> Point:
        """Where the person lies on the table."""
        x, y, z = self._random(46, timepoint).normal(0.0, (8.0, 6.0, 10.0))
        return (round(float(x), 2), round(float(y), 2), round(float(z), 2))

    def enhancement(self, timepoint: int) -> float:
        """Portal venous phase, early or late; one scan of eight is without agent."""
        random = self._random(47, timepoint)
        return 0.0 if random.random() < 0.125 else float(random.uniform(0.6, 1.2))

    def scan(self, timepoint: int) -> list[FileDataset]:
        """The instances of a CT."""
        random = self._random(48, timepoint)
        thickness = float(random.choice([4.0, 5.0, 5.0, 6.0]))
        grid = Grid(
            rows=int(random.choice([96, 112, 128])),
            slices=int(random.uniform(215, 250) / thickness),
            slice_thickness_mm=thickness,
            top_mm=float(random.uniform(75, 110)),
            field_of_view_mm=float(random.uniform(400, 460)),
        )
        scan = list(ct_series(self, timepoint, study_date=date(2026, 3, 4 + 7 * timepoint), grid=grid))
        noise = float(random.uniform(5, 30))
        for one in scan:
            stored = np.frombuffer(one.PixelData, "<u2") + random.normal(0.0, noise, one.Rows * one.Columns)
            one.PixelData = np.clip(np.rint(stored), 0, 4095).astype("<u2").tobytes()
            one.PatientSex, one.PatientSize = self.sex, self.size_m
            one.PatientAge = f"{2026 - self.born:03d}Y"
        return scan

    def facts(self, timepoint: int) -> SeriesFacts:
        """A scan as measured."""
        scan = [measured(one, one, one.PixelData) for one in self.scan(timepoint)]
        (found,) = facts_of(scan, reference_date=date(2026, 3, 4))
        return found

    def _random(self, *key: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64((self.seed, *key)))

    def _shared(self, key: int) -> np.random.Generator:
        """What siblings have in common."""
        return np.random.Generator(np.random.PCG64((self.family, key)))


def likenesses(scan: SeriesFacts, first: Mapping[str, SeriesFacts]) -> dict[str, float]:
    """How much a scan looks like the first one of each subject."""
    return {code: likeness(scan.fingerprint, one.fingerprint) or 0.0 for code, one in first.items()}


def filed_under(
    named: str, scan: SeriesFacts, first: Mapping[str, SeriesFacts], alike: Mapping[str, float]
) -> tuple[Finding, ...]:
    """What the checks say of a scan that is filed as the second one of a subject.

    Parameters
    ----------
    first
        The first scans of the site's subjects, by their codes.
    alike
        How much the scan looks like them, as far as they are there.
    """
    others = {code: one for code, one in alike.items() if code != named}
    seen, label = Resemblance(alike[named], others), _RULE.label
    return check_timepoint([scan], [_RULE], earlier={label: first[named]}, resemblances={label: seen})
