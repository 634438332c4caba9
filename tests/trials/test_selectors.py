"""What a person may see at all starts from the roles held now, in that trial, at that site."""

from __future__ import annotations

import pytest

from tests.factories import AT, make_world
from trials import selectors
from trials.models import SITE_AWARE, Role
from trials.services import enrolling, querying, setting_up

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ACS-005")]

SUBJECTS = ["N-001", "N-002", "S-001"]


@pytest.fixture
def elsewhere(world):
    """Another trial with other people."""
    return make_world("ELSE-2", prefix="else-")


def codes(records):
    return sorted(record.code for record in records)


@pytest.mark.parametrize("role", list(Role))
def test_everybody_sees_the_trials_of_their_roles_and_no_other(world, elsewhere, role):
    assert list(selectors.trials_of(world.people[role])) == [world.trial]
    assert list(selectors.trials_of(world.people[role], role)) == [world.trial]
    others = [other for other in Role if other is not role]
    assert list(selectors.trials_of(world.people[role], *others)) == []


@pytest.mark.parametrize("role", list(Role))
def test_sites_and_subjects_are_seen_by_the_site_aware_roles(world, elsewhere, role):
    person = world.people[role]
    if role is Role.SITE_COORDINATOR:
        sites, subjects = ["NORTH"], ["N-001", "N-002"]
    elif role in SITE_AWARE:
        sites, subjects = ["NORTH", "SOUTH"], SUBJECTS
    else:
        sites, subjects = [], []
    assert codes(selectors.sites_seen_by(person)) == sites
    assert codes(selectors.subjects_seen_by(person)) == subjects
    assert len(selectors.timepoints_seen_by(person)) == 3 * len(subjects)


def test_an_outsider_sees_nothing(world):
    assert not selectors.trials_of(world.outsider).exists()
    assert not selectors.sites_seen_by(world.outsider).exists()
    assert not selectors.charters_seen_by(world.outsider).exists()


def test_a_role_that_ended_shows_nothing_more(world):
    membership = world.trial.memberships.get(role=Role.QC_ANALYST)
    setting_up.end_membership(membership=membership, reason="Left", actor=world.administrator, at=AT)
    assert not selectors.trials_of(world.analyst).exists()
    assert not selectors.subjects_seen_by(world.analyst).exists()
    assert selectors.roles_in(world.analyst, world.trial) == []


def test_queries_are_seen_where_their_site_is(world):
    querying.raise_query(
        about=world.timepoint("S-001", "BL"), title="Where?", text="Please.", actor=world.analyst, at=AT
    )
    assert selectors.queries_seen_by(world.other_coordinator).count() == 1
    assert selectors.queries_seen_by(world.coordinator).count() == 0
    assert selectors.queries_seen_by(world.people[Role.READING_MANAGER]).count() == 0


def test_the_matrix_has_a_row_per_subject_in_order_and_counts_open_queries(world):
    timepoint = world.timepoint("N-002", "W8")
    query = querying.raise_query(about=timepoint, title="Where?", text="Please.", actor=world.analyst, at=AT)
    sites = selectors.sites_seen_by(world.coordinator)
    rows = selectors.matrix(sites, world.trial, ["BL", "W8", "W16"])
    assert [(subject.code, [(t.code, t.open_queries) for t in row]) for subject, row in rows] == [
        ("N-001", [("BL", 0), ("W8", 0), ("W16", 0)]),
        ("N-002", [("BL", 0), ("W8", 1), ("W16", 0)]),
    ]
    querying.close_query(query=query, actor=world.analyst, at=AT)
    assert [t.open_queries for t in selectors.matrix(sites, world.trial, ["BL", "W8", "W16"])[1][1]] == [0, 0, 0]


def test_progress_counts_each_step_once_however_many_tables_it_joins(world):
    enrolling.mark_missed(
        timepoint=world.timepoint("N-001", "W8"), reason="Scanner down", actor=world.coordinator, at=AT
    )
    querying.raise_query(
        about=world.timepoint("N-001", "BL"), title="Where?", text="Please.", actor=world.analyst, at=AT
    )
    zero = dict.fromkeys(selectors.PROGRESS_STEPS, 0)
    assert list(selectors.progress(world.trial)) == [
        {
            **zero,
            "code": "NORTH",
            "name": "North Hospital",
            "enrolled": 2,
            "expected": 6,
            "missed": 1,
            "open_queries": 1,
        },
        {**zero, "code": "SOUTH", "name": "South Hospital", "enrolled": 1, "expected": 3},
    ]


def test_a_sender_that_is_switched_off_names_no_site(world):
    entity = world.north.application_entities.get()
    assert selectors.entity_calling_as(entity.title) == entity
    entity.active = False
    entity.save()
    assert selectors.entity_calling_as(entity.title) is None


def test_members_with_a_role_are_those_who_hold_it_now(world):
    assert list(selectors.members_with(world.trial, Role.SITE_COORDINATOR)) == [
        world.coordinator,
        world.other_coordinator,
    ]
    membership = world.trial.memberships.get(user=world.coordinator)
    setting_up.end_membership(membership=membership, reason="Left", actor=world.administrator, at=AT)
    assert list(selectors.members_with(world.trial, Role.SITE_COORDINATOR)) == [world.other_coordinator]
