"""Subjects drawn at random: lesions where they lie, and how large each is at each visit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ORGANS = ("LIVER", "LUNG", "ADRENAL GLAND", "BONE", "PANCREAS")


@dataclass(frozen=True, slots=True)
class Population:
    """Whom a trial enrols; not one trial's data, but plain assumptions that a planner sets.

    Attributes
    ----------
    mean_lesions
        Measurable lesions of a subject beyond the first, on average (Poisson).
    shrink, shrink_sd
        Natural logarithm of a lesion's size at its best against its baseline: mean over subjects, and SD.
    growth
        Increase of that logarithm by a visit, once the best is passed.
    own_sd
        SD between lesions of one subject in the logarithm, at each visit.
    new_lesion, nontarget_progression
        Probability at each visit after the baseline that they happen, once for a subject.
    """

    mean_lesions: float = 3.0
    shrink: float = -0.25
    shrink_sd: float = 0.35
    growth: float = 0.12
    own_sd: float = 0.15
    new_lesion: float = 0.06
    nontarget_progression: float = 0.03


@dataclass(frozen=True, slots=True)
class TrueLesion:
    """A lesion that is there: its slice along the body in mm, and its size at each visit in mm, the baseline first."""

    organ: str
    slice_mm: float
    sizes_mm: Floats


@dataclass(frozen=True, slots=True)
class TrueSubject:
    """What there is to see of a subject. Visits count from 0, the baseline; None: it never happens."""

    lesions: tuple[TrueLesion, ...]
    new_lesion_at: int | None
    new_lesion: TrueLesion
    nontarget_at: int | None


def draw_subject(population: Population, visits: int, generator: np.random.Generator) -> TrueSubject:
    """Draw a subject with its lesions, none of two in one organ on neighbouring slices.

    Parameters
    ----------
    visits
        How many there are, the baseline included.
    """
    organs = generator.permutation(len(ORGANS))
    trend = _trend(population, visits, generator)
    lesions: list[TrueLesion] = []
    for number in range(1 + min(int(generator.poisson(population.mean_lesions)), 2 * len(ORGANS) - 1)):
        organ = ORGANS[int(organs[number % len(ORGANS)])]
        lesions.append(_lesion(organ, number, trend, population, generator))
    return TrueSubject(
        tuple(lesions),
        _first(population.new_lesion, visits, generator),
        TrueLesion("BRAIN", float(generator.uniform(600, 700)), np.full(visits, 12.0)),
        _first(population.nontarget_progression, visits, generator),
    )


def _trend(population: Population, visits: int, generator: np.random.Generator) -> Floats:
    """Logarithm of size against baseline at each visit: down to the best within some visits, then up."""
    best = generator.normal(population.shrink, population.shrink_sd)
    turn = int(generator.integers(1, max(2, visits)))
    steps = np.arange(visits, dtype=float)
    down = best * np.minimum(steps / turn, 1.0)
    return np.asarray(down + population.growth * np.maximum(steps - turn, 0.0))


def _lesion(
    organ: str, number: int, trend: Floats, population: Population, generator: np.random.Generator
) -> TrueLesion:
    own = generator.normal(0, population.own_sd, trend.shape)
    own[0] = 0.0
    size = float(np.clip(generator.lognormal(np.log(28), 0.4), 12, 90))
    # Lesions of one organ lie 120 mm apart, so that which is which is known.
    place = 100.0 * ORGANS.index(organ) + 120.0 * (number // len(ORGANS)) + float(generator.uniform(0, 60))
    return TrueLesion(organ, place, size * np.exp(trend + own))


def _first(chance: float, visits: int, generator: np.random.Generator) -> int | None:
    happens = generator.random(max(visits - 1, 0)) < chance
    return int(np.argmax(happens)) + 1 if happens.any() else None


def generator_of(*parts: object) -> np.random.Generator:
    """Return a generator that a seed and names determine, on any machine and in any order of use."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16]))
