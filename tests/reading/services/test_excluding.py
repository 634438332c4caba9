"""Who may be given what: exclusions count at the next draw and are ended, not deleted; pools and pairs likewise."""

from __future__ import annotations

import pytest
from django.db.models import ProtectedError

from compliance import access, audit
from compliance.models import AuditEvent, User
from compliance.transitions import ReasonRequired
from reading.assignment import NotEnoughReaders
from reading.models import Adjudication, Draw, ReaderExclusion, ReadTask
from reading.services.excluding import NotRecorded, end_exclusion, end_place, exclude, join_pool, make_pair
from tests.reading.conftest import AT, World, baseline, follow_up
from trials.models import Role, Subject
from trials.services import setting_up

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-REA-010")]

POOLS = [{"name": "radiologists", "reads_as": "first"}, {"name": "oncologists", "reads_as": "second"}]


@pytest.fixture
def managed(world: World) -> World:
    """Four readers, and somebody who manages them."""
    world.join("manager", Role.READING_MANAGER)
    world.join("reader-c", Role.READER)
    world.join("reader-d", Role.READER)
    return world


def keep_out(
    world: World, name: str, of: object, kind: str = "conflict", reason: str = "Holds shares"
) -> ReaderExclusion:
    return exclude(
        trial=world.trial,
        person=world.people[name],
        of=of,  # type: ignore[arg-type]
        kind=kind,
        reason=reason,
        actor=world.people["manager"],
        at=AT,
    )


def join(world: World, **pools: tuple[str, ...]) -> None:
    for pool, names in pools.items():
        for name in names:
            join_pool(trial=world.trial, person=world.people[name], pool=pool, actor=world.people["manager"], at=AT)


def readers_of(subject: Subject) -> set[str]:
    return set(ReadTask.objects.filter(timepoint__subject=subject).values_list("reader__username", flat=True))


def by_slot(subject: Subject) -> tuple[str, ...]:
    tasks = ReadTask.objects.filter(timepoint__subject=subject, order=0).order_by("slot")
    return tuple(tasks.values_list("reader__username", flat=True))


def test_who_is_excluded_from_the_site_is_drawn_for_none_of_its_subjects(managed: World) -> None:
    keep_out(managed, "reader-a", managed.site, kind="institution", reason="Works there")
    for number in range(6):
        subject = managed.enrol(f"SUBJ-{number}")
        managed.clear("BL", subject)
        assert "reader-a" not in readers_of(subject)


def test_who_is_excluded_from_one_subject_reads_the_others(managed: World) -> None:
    subjects = [managed.enrol(f"SUBJ-{number}") for number in range(8)]
    keep_out(managed, "reader-b", subjects[0])
    for subject in subjects:
        managed.clear("BL", subject)
    assert "reader-b" not in readers_of(subjects[0])
    assert any("reader-b" in readers_of(subject) for subject in subjects[1:])


def test_an_adjudicator_who_is_excluded_gets_no_case_of_the_site(managed: World, subject: Subject) -> None:
    managed.join("umpire", Role.ADJUDICATOR)
    keep_out(managed, "judge", managed.site)
    for code in ("BL", "W8", "W16"):
        managed.clear(code)
    managed.read_by_both("BL", baseline(30))
    managed.read_by_both("W8", follow_up(20), follow_up(28))
    managed.read_by_both("W16", follow_up(20), follow_up(28))
    assert Adjudication.objects.get().adjudicator.username == "umpire"


def test_too_many_exclusions_leave_the_timepoint_waiting_and_say_so(managed: World, subject: Subject) -> None:
    for name in ("reader-a", "reader-b", "reader-c"):
        keep_out(managed, name, subject)
    with pytest.raises(NotEnoughReaders, match="1 of the 2 readers"):
        managed.clear("BL")
    assert not ReadTask.objects.exists()
    assert not Draw.objects.exists()


def test_an_exclusion_is_ended_with_a_reason_and_kept(managed: World, subject: Subject) -> None:
    made = keep_out(managed, "reader-a", subject)
    with pytest.raises(ReasonRequired):
        end_exclusion(exclusion=made, reason=" ", actor=managed.people["manager"], at=AT)
    ended = end_exclusion(exclusion=made, reason="Sold them", actor=managed.people["manager"], at=AT)

    assert (ended.end_reason, ended.ended_by) == ("Sold them", managed.people["manager"])
    with pytest.raises(NotRecorded, match="ended already"):
        end_exclusion(exclusion=made, reason="Again", actor=managed.people["manager"], at=AT)
    ended.reason = "Nothing"
    with pytest.raises(audit.RecordFrozen):
        audit.save(ended, action="readerexclusion.changed", actor=managed.people["manager"], at=AT)
    # The next one is a record of its own.
    keep_out(managed, "reader-a", subject)
    told = AuditEvent.objects.filter(object_type="reading.readerexclusion").order_by("pk")
    assert list(told.values_list("action", "reason")) == [
        ("readerexclusion.recorded", "Holds shares"),
        ("readerexclusion.ended", "Sold them"),
        ("readerexclusion.recorded", "Holds shares"),
    ]


def test_what_cannot_be_recorded_is_refused_with_its_reason(managed: World, subject: Subject) -> None:
    keep_out(managed, "reader-a", subject)
    refused = [
        ({"name": "reader-a", "of": subject}, "reader-a is excluded from SUBJ-4242 already"),
        ({"name": "coordinator", "of": subject}, "coordinator is neither reader nor adjudicator of this trial"),
        ({"name": "reader-b", "of": subject, "kind": "envy"}, "its kind is unknown"),
    ]
    for given, said in refused:
        with pytest.raises(NotRecorded, match=said):
            keep_out(managed, **given)  # type: ignore[arg-type]
    with pytest.raises(ReasonRequired):
        keep_out(managed, "reader-b", subject, reason="")


@pytest.mark.parametrize("who", ["reader-a", "coordinator", "judge", "admin"])
def test_nobody_but_a_reading_manager_decides_who_may_be_given_what(managed: World, subject: Subject, who: str) -> None:
    made, actor = keep_out(managed, "reader-a", subject), User.objects.get(username=who)
    own = {"trial": managed.trial, "actor": actor, "at": AT}
    a, b = managed.people["reader-a"], managed.people["reader-b"]
    for act in (
        lambda: exclude(person=b, of=subject, kind="other", reason="Why", **own),
        lambda: end_exclusion(exclusion=made, reason="Why", actor=actor, at=AT),
        lambda: join_pool(person=a, pool="radiologists", **own),
        lambda: make_pair(first=a, second=b, **own),
    ):
        with pytest.raises(access.AccessDenied):
            act()


def test_each_place_is_filled_from_its_own_pool(managed: World) -> None:
    managed.amend(readers={"pools": POOLS})
    join(managed, radiologists=("reader-a", "reader-b"), oncologists=("reader-b", "reader-c"))
    for number in range(8):
        subject = managed.enrol(f"SUBJ-{number}")
        managed.clear("BL", subject)
        first, second = by_slot(subject)
        assert first in ("reader-a", "reader-b")
        assert second in ("reader-b", "reader-c")
        assert first != second


def test_a_pool_of_nobody_says_which_one(managed: World, subject: Subject) -> None:
    managed.amend(readers={"pools": POOLS})
    join(managed, radiologists=("reader-a",))
    with pytest.raises(NotEnoughReaders, match="nobody in the pool oncologists who may be reader 2"):
        managed.clear("BL")


def test_a_reader_who_left_the_pool_or_the_trial_is_drawn_no_more(managed: World) -> None:
    managed.amend(readers={"pools": POOLS})
    join(managed, radiologists=("reader-a", "reader-b", "reader-c"), oncologists=("reader-d",))
    member = managed.trial.pool_members.get(person__username="reader-a")
    end_place(record=member, actor=managed.people["manager"], at=AT)
    role = managed.trial.memberships.get(user__username="reader-b", role=Role.READER)
    setting_up.end_membership(membership=role, reason="Left", actor=managed.admin, at=AT)
    subject = managed.enrol()
    managed.clear("BL")
    assert by_slot(subject) == ("reader-c", "reader-d")
    with pytest.raises(NotRecorded, match="ended already"):
        end_place(record=member, actor=managed.people["manager"], at=AT)
    with pytest.raises(NotRecorded, match="no pool surgeons"):
        join(managed, surgeons=("reader-a",))
    with pytest.raises(NotRecorded, match="already"):
        join(managed, oncologists=("reader-d",))


def test_a_pool_of_the_site_goes_before_the_rest(managed: World) -> None:
    pools = [{"name": "here", "sites": [managed.site.code]}, {"name": "elsewhere"}]
    managed.amend(readers={"pools": pools})
    join(managed, here=("reader-c", "reader-d"), elsewhere=("reader-a", "reader-b"))
    subject = managed.enrol()
    managed.clear("BL")
    assert set(by_slot(subject)) == {"reader-c", "reader-d"}


def test_fixed_pairs_read_together_and_equally_much(managed: World) -> None:
    managed.amend(readers={"pairing": "fixed", "balanced": True})
    people, manager = managed.people, managed.people["manager"]
    for first, second in (("reader-c", "reader-a"), ("reader-b", "reader-d")):
        make_pair(trial=managed.trial, first=people[first], second=people[second], actor=manager, at=AT)
    with pytest.raises(NotRecorded, match="reader-a and reader-c are a pair already"):
        make_pair(trial=managed.trial, first=people["reader-a"], second=people["reader-c"], actor=manager, at=AT)
    with pytest.raises(NotRecorded, match="two readers"):
        make_pair(trial=managed.trial, first=people["reader-a"], second=people["reader-a"], actor=manager, at=AT)
    teams = []
    for number in range(6):
        subject = managed.enrol(f"SUBJ-{number}")
        managed.clear("BL", subject)
        teams.append(tuple(sorted(by_slot(subject))))
    assert {team: teams.count(team) for team in teams} == {("reader-a", "reader-c"): 3, ("reader-b", "reader-d"): 3}


def test_where_readers_get_equally_many_nobody_is_two_ahead(managed: World) -> None:
    managed.amend(readers={"balanced": True})
    for number in range(7):
        managed.clear("BL", managed.enrol(f"SUBJ-{number}"))
    tasks = list(ReadTask.objects.values_list("reader__username", flat=True))
    counts = [tasks.count(name) for name in ("reader-a", "reader-b", "reader-c", "reader-d")]
    assert sum(counts) == 14
    assert max(counts) - min(counts) <= 1


def test_what_a_draw_or_an_exclusion_rests_on_cannot_be_deleted(managed: World, subject: Subject) -> None:
    keep_out(managed, "reader-a", subject)
    with pytest.raises(ProtectedError):
        managed.people["reader-a"].delete()
