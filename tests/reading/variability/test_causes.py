"""Why two readers differ: each cause in its plainest case, and in simulated pairs of which the cause is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from reading import criteria
from reading.criteria.discordance import response_to_sums
from reading.rehearsal.known import explained_pairs
from reading.variability.causes import Cause, Reading, Visit, explain
from reading.variability.pairing import FoundLesion

PACK = criteria.get("RECIST 1.1")
CAUSES = [cause for cause in Cause if cause is not Cause.UNCLASSED]


def lesion(name: str, organ: str, size: float) -> FoundLesion:
    return FoundLesion(name, "target", organ, False, "BL", "1", "axial", 100.0, size)


def reading(
    *courses: tuple[str, float, float], week_8: str, best: str = "", series: str = "1", **said: object
) -> Reading:
    """Targets as (organ, size at baseline, size at week 8), and the response there."""
    names = [f"T{n:02d}" for n in range(1, len(courses) + 1)]
    sizes = [dict(zip(names, column, strict=True)) for column in list(zip(*courses, strict=True))[1:]]
    return Reading(
        tuple(lesion(name, organ, size) for name, (organ, size, _) in zip(names, courses, strict=True)),
        (
            Visit("BL", sizes_mm=sizes[0], series=dict.fromkeys(names, "1")),
            Visit("W8", overall=week_8, **{"sizes_mm": sizes[1], "series": dict.fromkeys(names, series), **said}),
        ),
        best or week_8,
    )


SHRUNK = reading(("LIVER", 50, 30), ("LUNG", 20, 14), week_8="PR", target="PR", nontarget="NON-CR/NON-PD")


@pytest.mark.parametrize(
    ("other", "cause"),
    [
        (
            reading(("LIVER", 50, 38), ("LUNG", 20, 14), week_8="SD", target="SD", nontarget="NON-CR/NON-PD"),
            "measurement",
        ),
        (
            reading(
                ("LIVER", 50, 38), ("LUNG", 20, 14), week_8="SD", target="SD", series="2", nontarget="NON-CR/NON-PD"
            ),
            "other_series",
        ),
        (
            reading(("LIVER", 50, 30), ("SPLEEN", 40, 40), week_8="SD", target="SD", nontarget="NON-CR/NON-PD"),
            "target_choice",
        ),
        (
            reading(
                ("LIVER", 50, 30),
                ("LUNG", 20, 14),
                ("SPLEEN", 40, 40),
                week_8="SD",
                target="SD",
                nontarget="NON-CR/NON-PD",
            ),
            "number_of_targets",
        ),
        (
            replace(SHRUNK, visits=(SHRUNK.visits[0], replace(SHRUNK.visits[1], overall="PD", new_lesion=True))),
            "new_lesion",
        ),
        (
            replace(SHRUNK, visits=(SHRUNK.visits[0], replace(SHRUNK.visits[1], overall="PD", nontarget="PD"))),
            "non_target",
        ),
        (reading(("LIVER", 50, 30), week_8="NE", target="NE", nontarget="NE", evaluable=False), "evaluability"),
    ],
)
def test_each_cause_in_its_plainest_case(other: Reading, cause: str) -> None:
    for one, two in ((SHRUNK, other), (other, SHRUNK)):
        found = explain(one, two, ["W8"], response_to_sums(PACK))
        assert (found.cause, found.timepoint) == (cause, "W8")
        # The responses alone tell less than the criteria do, and the same.
        assert explain(one, two).cause == cause


def test_a_new_lesion_at_a_visit_that_the_other_cannot_evaluate_is_a_matter_of_evaluability() -> None:
    grown = replace(SHRUNK, visits=(SHRUNK.visits[0], replace(SHRUNK.visits[1], overall="PD", new_lesion=True)))
    blind = reading(("LIVER", 50, 30), ("LUNG", 20, 14), week_8="NE", target="NE", nontarget="NE", evaluable=False)
    assert explain(grown, blind).cause == Cause.EVALUABILITY


def test_where_nothing_differs_nothing_is_classed() -> None:
    assert explain(SHRUNK, SHRUNK).cause == Cause.UNCLASSED


@pytest.mark.parametrize("cause", CAUSES)
def test_known_causes_are_found(cause: Cause) -> None:
    """A few of each here; docs/variability.md has the table of 1,400 pairs (`python -m benchmarks.causes`)."""
    found = Counter(one.cause for one in explained_pairs(PACK, cause, 12, seed="tests"))
    assert found[cause] >= 10
