"""Synthetic subjects: an anatomy of their own, and lesions whose true diameters are known at each timepoint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from imaging.phantom.anatomy import Anatomy
from imaging.phantom.canvas import Point


class Scenario(StrEnum):
    """How a subject's disease goes; named after what a reader would see."""

    SHRINKING = "shrinking"
    GROWING = "growing"
    STABLE = "stable"
    NEW_LESION = "new_lesion"


@dataclass(frozen=True)
class Lesion:
    """An ellipsoid of tumour.

    Attributes
    ----------
    label
        Where it is, in words.
    organ
        ``lung``, ``liver`` or ``lymph node``.
    nodal
        Whether RECIST 1.1 §3.1.2 measures it by short axis.
    centre_mm
        Patient LPS at baseline, mm. In each scan it lies on the nearest slice.
    diameters_mm
        True longest diameter and short axis in the axial plane through the centre, for each timepoint from
        baseline on, mm; (0, 0) while it is not there.
    turn
        Angle of the longest diameter to the patient's left-right axis, radians.
    """

    label: str
    organ: str
    nodal: bool
    centre_mm: Point
    diameters_mm: tuple[tuple[float, float], ...]
    turn: float = 0.0

    def longest_diameter_mm(self, timepoint: int) -> float:
        """True longest diameter in the axial plane, mm."""
        return self.diameters_mm[timepoint][0]

    def short_axis_mm(self, timepoint: int) -> float:
        """True diameter perpendicular to the longest one in the axial plane, mm."""
        return self.diameters_mm[timepoint][1]

    def measured_diameter_mm(self, timepoint: int) -> float:
        """The diameter that counts: short axis of a node, longest of others (RECIST 1.1 §4.3.2), mm."""
        return self.diameters_mm[timepoint][1 if self.nodal else 0]

    @property
    def room_mm(self) -> float:
        """Largest diameter at any timepoint: the anatomy keeps clear of it in every scan, mm."""
        return max(long for long, _ in self.diameters_mm)


@dataclass(frozen=True)
class PhantomSubject:
    """A synthetic subject.

    Attributes
    ----------
    seed
        Decides anatomy, positioning, noise and UIDs: the same seed gives the same bytes.
    lesions
        In the order in which a reader would number them.
    """

    seed: int
    lesions: tuple[Lesion, ...]

    @property
    def timepoints(self) -> int:
        """Number of scans for which the lesions have diameters."""
        return min((len(lesion.diameters_mm) for lesion in self.lesions), default=1)

    def shift_mm(self, timepoint: int) -> Point:
        """How far the subject lies from the place of the baseline scan, patient LPS, mm."""
        if timepoint == 0:
            return (0.0, 0.0, 0.0)
        x, y, z = _random(self.seed, 11, timepoint).normal(0.0, (3.0, 2.0, 3.0))
        return (round(float(x), 2), round(float(y), 2), round(float(z), 2))

    def anatomy(self, timepoint: int) -> Anatomy:
        """Proportions of the subject at a scan."""
        return Anatomy.of(self.seed)

    def breath_mm(self, timepoint: int) -> float:
        """How far the diaphragm lies from its place in the baseline scan, mm."""
        return float(_random(self.seed, 3, timepoint).uniform(-4, 4)) if timepoint else 0.0

    def enhancement(self, timepoint: int) -> float:
        """How much contrast agent is in blood and liver: 1 in the portal venous phase, 0 without agent."""
        return 1.0

    def lesion_centre_mm(self, lesion: Lesion, timepoint: int) -> Point:
        """Centre of a lesion in the coordinates of a scan, patient LPS, before it moves to a slice, mm."""
        x, y, z = (c + s for c, s in zip(lesion.centre_mm, self.shift_mm(timepoint), strict=True))
        return (x, y, z)

    def sum_of_diameters_mm(self, timepoint: int) -> float:
        """True sum of the diameters that count, over lesions present at baseline, mm."""
        return sum(les.measured_diameter_mm(timepoint) for les in self.lesions if les.longest_diameter_mm(0) > 0)

    @classmethod
    def with_scenario(cls, seed: int, scenario: Scenario | str, *, timepoints: int = 3) -> PhantomSubject:
        """A subject with two lung nodules, a liver metastasis and a mediastinal node that follow a scenario.

        Changes of the sum to the last timepoint are about -50 % (shrinking), +35 % (growing), and within
        ±6 % (stable); with `new_lesion` the targets stay and a nodule of about 12 mm appears in the right
        middle lobe from the second scan on.
        """
        scenario = Scenario(scenario)
        random = _random(seed, 5)
        lesions = [
            _lesion(random, site, scenario, timepoints)
            for site in (
                _pick(random, _LUNG_RIGHT),
                _pick(random, _LUNG_LEFT),
                _pick(random, _LIVER),
                _pick(random, _NODES),
            )
        ]
        if scenario is Scenario.NEW_LESION:
            lesions.append(_new_lesion(random, timepoints))
        return cls(seed, tuple(lesions))


def _random(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(key))


#: label, organ, centre patient LPS mm, range of the longest diameter mm, range of short / longest.
_Site = tuple[str, str, Point, tuple[float, float], tuple[float, float]]
_LUNG_RIGHT: tuple[_Site, ...] = (
    ("right upper lobe", "lung", (-72.0, -8.0, 42.0), (22, 34), (0.72, 0.9)),
    ("right lower lobe", "lung", (-84.0, 38.0, -42.0), (18, 30), (0.72, 0.9)),
)
_LUNG_LEFT: tuple[_Site, ...] = (
    ("left upper lobe", "lung", (76.0, -22.0, 30.0), (16, 26), (0.72, 0.9)),
    ("left lower lobe", "lung", (84.0, 34.0, -36.0), (16, 26), (0.72, 0.9)),
)
_LIVER: tuple[_Site, ...] = (
    ("liver segment VII", "liver", (-84.0, 18.0, -116.0), (24, 36), (0.75, 0.92)),
    ("liver segment VIII", "liver", (-60.0, -28.0, -112.0), (24, 36), (0.75, 0.92)),
)
_NODES: tuple[_Site, ...] = (
    ("lymph node station 4R", "lymph node", (-22.0, 6.0, 17.0), (22, 27), (0.72, 0.82)),
    ("lymph node station 7", "lymph node", (-2.0, 25.0, -26.0), (22, 28), (0.72, 0.82)),
)


def _pick(random: np.random.Generator, sites: tuple[_Site, ...]) -> _Site:
    return sites[int(random.integers(len(sites)))]


def _lesion(random: np.random.Generator, site: _Site, scenario: Scenario, timepoints: int) -> Lesion:
    label, organ, centre, sizes, ratios = site
    long = float(random.uniform(*sizes))
    ratio = float(random.uniform(*ratios))
    wander = random.uniform(-3.0, 3.0, size=3)
    jitter = random.uniform(-0.05, 0.05, size=timepoints)
    turn = round(float(random.uniform(0, np.pi)), 3)
    end = {Scenario.SHRINKING: 0.5, Scenario.GROWING: 1.35}.get(scenario, 1.0)
    diameters = []
    for timepoint in range(timepoints):
        progress = timepoint / max(1, timepoints - 1)
        factor = end**progress * (1.0 if timepoint == 0 else 1.0 + float(jitter[timepoint]))
        diameters.append((round(long * factor, 1), round(long * factor * ratio, 1)))
    x, y, z = (round(float(c + w), 1) for c, w in zip(centre, wander, strict=True))
    return Lesion(label, organ, organ == "lymph node", (x, y, z), tuple(diameters), turn)


def _new_lesion(random: np.random.Generator, timepoints: int) -> Lesion:
    long = round(float(random.uniform(11, 14)), 1)
    seen = tuple((round(long * 1.1**n, 1), round(long * 0.85 * 1.1**n, 1)) for n in range(timepoints - 1))
    return Lesion("right middle lobe", "lung", False, (-70.0, -48.0, -22.0), ((0.0, 0.0), *seen))
