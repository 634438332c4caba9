"""What recipes make of files, in sum: what is held, and where two recipes differ."""

from __future__ import annotations

import json

from imaging.deid.preview import Change
from imaging.services.previewing import Outcome, Previewed

KEPT = Previewed([Change("(0010,0040)", "Patient's Sex", "F", "F")])
TAKEN = Previewed([Change("(0010,0040)", "Patient's Sex", "F", None)])
HELD = Previewed(held="The instance is a document.")


def test_differences_of_many_files_alike_are_one_and_the_first_file_is_named() -> None:
    outcome = Outcome(compared=True)
    for pair in ((KEPT, KEPT), (KEPT, TAKEN), (KEPT, TAKEN)):
        outcome.add(*pair)

    (one,) = outcome.differences
    assert (one.name, one.before, one.first, one.second, one.file, one.files) == ("Patient's Sex", "F", "F", None, 2, 2)


def test_a_file_that_one_recipe_holds_differs_as_a_whole() -> None:
    outcome = Outcome(compared=True)
    outcome.add(HELD, KEPT)
    outcome.add(HELD, HELD)

    (one,) = outcome.differences
    assert (one.name, one.first, one.second, one.file) == ("The whole file", HELD.held, None, 1)
    assert outcome.held == {HELD.held: 2}


def test_of_many_files_the_first_are_shown_and_of_many_differences_as_many_as_a_page_takes() -> None:
    outcome = Outcome(compared=True)
    for number in range(Outcome.DIFFERENCES + 1):
        outcome.add(KEPT, Previewed([Change("(0010,0040)", "Patient's Sex", "F", str(number))]))

    assert (outcome.count, len(outcome.shown)) == (Outcome.DIFFERENCES + 1, Outcome.FILES)
    assert len(outcome.differences) == Outcome.DIFFERENCES


def test_it_comes_back_from_plain_values_as_it_was() -> None:
    outcome = Outcome(compared=True)
    outcome.add(KEPT, TAKEN)
    outcome.add(HELD, KEPT)

    again = Outcome.of(json.loads(json.dumps(outcome.plain())))

    assert again.plain() == outcome.plain()
    assert (again.differences, again.shown[0]) == (outcome.differences, KEPT)
