"""Two people who look at pixels are given different images, and nobody is kept out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from compliance.access import AccessDenied
from imaging.models import PixelClaim, PixelReview
from imaging.selectors_pixels import claims_standing, look_after, series_waiting
from imaging.services.claiming import claim, leave
from imaging.services.looking import Decision, decide
from tests.factories import AT, World, make_world
from tests.imaging.captures import RECIPE, capture, picture
from tests.imaging.services.delivery import by_scanner

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def world(db: None, own_disk: Path) -> World:
    return make_world(charter={"deidentification": RECIPE})


@pytest.fixture
def looks(world: World) -> list[PixelReview]:
    """Images 1 and 2 of one series, 3 of another one; on none of them text is found."""
    ours = [capture(picture(), number=1), capture(picture(), number=2)]
    by_scanner(world, [*ours, capture(picture(), number=3, SeriesInstanceUID="1.2.826.0.1.3680043.9.7777.6.3")])
    return list(PixelReview.objects.order_by("pk"))


def test_who_comes_first_has_it_and_the_second_is_told_who(world: World, looks: list[PixelReview]) -> None:
    mine = claim(look=looks[0], page="a", actor=world.analyst, at=AT)
    theirs = claim(look=looks[0], page="b", actor=world.administrator, at=AT + MINUTE)

    assert (mine.person, theirs.person, theirs.since) == (world.analyst, world.analyst, AT)


def test_the_next_person_is_given_another_series(world: World, looks: list[PixelReview]) -> None:
    claim(look=looks[0], page="a", actor=world.analyst, at=AT)

    assert look_after(looks[0], user=world.administrator, at=AT) == looks[2]
    assert look_after(looks[0], user=world.analyst, at=AT) == looks[1]
    first, second = series_waiting(world.trial, at=AT)
    assert ([one.person for one in first.claims], second.claims) == ([world.analyst], [])


def test_where_nothing_is_free_nobody_is_given_anything(world: World, looks: list[PixelReview]) -> None:
    claim(look=looks[0], page="a", actor=world.analyst, at=AT)

    assert look_after(looks[2], user=world.administrator, at=AT) is None


def test_of_two_in_one_series_who_decides_goes_out_of_the_others_way(world: World, looks: list[PixelReview]) -> None:
    claim(look=looks[0], page="a", actor=world.administrator, at=AT)
    claim(look=looks[1], page="b", actor=world.analyst, at=AT)

    assert look_after(looks[0], user=world.administrator, at=AT) == looks[2]


def test_it_lapses_when_nothing_is_heard_and_not_before(world: World, looks: list[PixelReview]) -> None:
    claim(look=looks[0], page="a", actor=world.analyst, at=AT)
    claim(look=looks[0], page="a", actor=world.analyst, at=AT + 4 * MINUTE)

    (held,) = claims_standing(world.trial, at=AT + 8 * MINUTE)
    assert held.since == AT
    assert not claims_standing(world.trial, at=AT + 9 * MINUTE)
    taken = claim(look=looks[0], page="b", actor=world.administrator, at=AT + 9 * MINUTE)
    assert (taken.person, taken.since) == (world.administrator, AT + 9 * MINUTE)


def test_who_leaves_lets_go_but_not_from_a_page_that_was_opened_anew(world: World, looks: list[PixelReview]) -> None:
    claim(look=looks[0], page="old", actor=world.analyst, at=AT)
    claim(look=looks[0], page="new", actor=world.analyst, at=AT)

    leave(look=looks[0], page="old", actor=world.analyst)
    leave(look=looks[0], page="new", actor=world.administrator)
    assert PixelClaim.objects.get().page == "new"
    leave(look=looks[0], page="new", actor=world.analyst)

    assert not PixelClaim.objects.exists()


def test_nobody_is_kept_out_and_a_decision_ends_it(world: World, looks: list[PixelReview]) -> None:
    claim(look=looks[0], page="a", actor=world.analyst, at=AT)
    claim(look=looks[2], page="b", actor=world.analyst, at=AT)

    decide(look=looks[0], round=1, decision=Decision([], {}), whole_series=True, actor=world.administrator, at=AT)

    assert [held.look for held in PixelClaim.objects.all()] == [looks[2]]


def test_who_may_not_look_claims_nothing(world: World, looks: list[PixelReview]) -> None:
    with pytest.raises(AccessDenied):
        claim(look=looks[0], page="a", actor=world.coordinator, at=AT)
    with pytest.raises(AccessDenied):
        leave(look=looks[0], page="a", actor=world.coordinator)

    assert not PixelClaim.objects.exists()
