"""What a charter says of pools, pairs and balance; its stored form, its faults, and who is told of its sites."""

from __future__ import annotations

from typing import Any

import pytest

from trials.charter import RECIST_TEMPLATE, Charter
from trials.charter.sections import read
from trials.models import ImagingCharter
from trials.pool_terms import DrawTerms

POOLS = [
    {"name": "radiologists", "reads_as": "first"},
    {"name": "region one", "reads_as": "second", "sites": ["NORTH"]},
    {"name": "other regions", "reads_as": "second"},
]


def said(**sections: object) -> list[str]:
    return [str(problem) for problem in read({**RECIST_TEMPLATE, **sections})[1]]


def test_a_charter_that_says_nothing_draws_from_all_by_the_seed_alone_and_stores_nothing() -> None:
    charter = Charter.parse(RECIST_TEMPLATE)
    assert charter.readers == DrawTerms()
    assert "readers" not in charter.content()


def test_pools_pairs_and_balance_are_stored_as_they_were_written() -> None:
    readers = {"pools": POOLS, "pairing": "fixed", "balanced": True}
    charter = Charter.parse({**RECIST_TEMPLATE, "readers": readers})
    assert charter.content()["readers"] == readers
    assert [pool.places for pool in charter.readers.pools] == [{1}, {2}, {2}]


@pytest.mark.parametrize(
    ("sections", "problems"),
    [
        ({"readers": {"pools": POOLS}}, []),
        (
            {"readers": {"pairing": "fixed"}, "readers_per_timepoint": 1},
            ["readers.pairing: a single reader has nobody to read with"],
        ),
        (
            {"readers": {"pools": [POOLS[2]]}, "readers_per_timepoint": 1},
            ["readers.pools[1].reads_as: each timepoint has a single reader"],
        ),
        ({"readers": {"pools": [POOLS[0]]}, "readers_per_timepoint": 1}, []),
        (
            {"readers": {"pools": [*POOLS, {"name": "more", "reads_as": "second", "sites": ["NORTH", "SOUTH"]}]}},
            ["readers.pools[4].sites: NORTH is of pool region one too"],
        ),
        ({"readers": {"pools": [POOLS[0], POOLS[0]]}}, ["readers.pools[2].name: another pool has the same"]),
        ({"readers": {"pools": [{"name": "x", "reads_as": "third"}]}}, None),
    ],
)
def test_what_cannot_be_drawn_is_said_before_anybody_signs(
    sections: dict[str, object], problems: list[str] | None
) -> None:
    found = said(**sections)
    if problems is None:
        assert len(found) == 1
    else:
        assert found == problems


def test_the_sites_of_a_pool_leave_with_no_charter_that_readers_see() -> None:
    charter = ImagingCharter(content={**RECIST_TEMPLATE, "readers": {"pools": POOLS}}, salt="salt")
    told: Any = charter.sealed
    assert told["readers"]["pools"] == [{name: v for name, v in pool.items() if name != "sites"} for pool in POOLS]
    assert "NORTH" not in str(told)
