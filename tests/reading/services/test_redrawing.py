"""Every draw replays from the trial's seed and what it knew; hand-overs explain the rest, and all else is named."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from reading.models import Draw, ReadTask
from reading.services.excluding import exclude
from reading.services.handing import hand_on_reads
from reading.services.redrawing import Redrawn, redraw
from tests.reading.conftest import AT, World
from trials.models import Role, Subject

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-REA-001")]


@pytest.fixture
def drawn(world: World) -> World:
    """Five subjects given to three readers, evenly; then things change that a draw today would heed."""
    world.join("manager", Role.READING_MANAGER)
    world.join("reader-c", Role.READER)
    world.amend(readers={"balanced": True})
    for number in range(5):
        world.clear("BL", world.enrol(f"SUBJ-{number}"))
    world.join("reader-d", Role.READER)
    exclude(
        trial=world.trial,
        person=world.people["reader-a"],
        of=world.site,
        kind="conflict",
        reason="Holds shares",
        actor=world.people["manager"],
        at=AT,
    )
    return world


def replayed(world: World, code: str = "SUBJ-2") -> Redrawn:
    return next(one for one in redraw(world.trial) if one.subject.code == code)


def run(world: World) -> str:
    out = io.StringIO()
    call_command("replay_assignment", world.trial.code, stdout=out, stderr=out)
    return out.getvalue()


def test_draws_replay_whatever_came_after_them(drawn: World) -> None:
    found = redraw(drawn.trial)
    assert [one.subject.code for one in found] == [f"SUBJ-{number}" for number in range(5)]
    assert all(one.drawn == one.again == one.now for one in found)
    assert {one.said for one in found} == {"Drawn again: the same"}
    said = run(drawn)
    assert "Trial READ-1, seed seed" in said
    assert "5 subjects have the readers that were drawn for them" in said


def test_a_hand_over_is_told_with_its_reason_and_explains_who_reads(drawn: World) -> None:
    subject = Subject.objects.get(code="SUBJ-2")
    before = ReadTask.objects.get(timepoint__subject=subject, slot=2).reader.username
    hand_on_reads(
        subject=subject,
        slot=2,
        taker=drawn.people["reader-d"],
        reason="Conflict found",
        actor=drawn.people["manager"],
        at=AT,
    )
    one = replayed(drawn)
    assert (one.drawn[1], one.again[1], one.now[1], one.fault) == (before, before, "reader-d", "")
    assert one.said == "Drawn again: the same, then handed on"
    assert f"reader 2, {before} to reader-d, by manager: Conflict found" in run(drawn)


def test_a_reader_whom_nothing_explains_is_named(drawn: World) -> None:
    # Behind the services, as somebody with the database might.
    ReadTask.objects.filter(timepoint__subject__code="SUBJ-2", slot=1).update(reader=drawn.people["reader-d"])
    assert "which neither draw nor hand-over explains" in replayed(drawn).fault
    with pytest.raises(CommandError, match="1 of 5 subjects have other readers than the seed draws"):
        run(drawn)


def test_a_draw_that_comes_out_otherwise_is_named(drawn: World) -> None:
    kept = Draw.objects.get(subject__code="SUBJ-2")
    other = next(name for name in ("reader-a", "reader-b", "reader-c") if name not in kept.readers)
    Draw.objects.filter(pk=kept.pk).update(readers=[kept.readers[0], other])
    assert replayed(drawn).fault == f"Drawn again: {' and '.join(kept.readers)}, not {kept.readers[0]} and {other}"


def test_another_seed_does_not_replay(drawn: World) -> None:
    type(drawn.trial).objects.filter(pk=drawn.trial.pk).update(seed="another")
    drawn.trial.refresh_from_db()
    assert any(one.fault for one in redraw(drawn.trial))


def test_subjects_whose_draw_was_not_kept_are_said_to_be_so(world: World, subject: Subject) -> None:
    world.clear("BL")
    Draw.objects.all().delete()
    (one,) = redraw(world.trial)
    assert (one.kept, one.fault) == (None, "")
    assert one.said == "Drawn before draws were kept; today’s readers give the same"


def test_an_unknown_trial_is_refused(db: None) -> None:
    with pytest.raises(CommandError, match="no trial"):
        call_command("replay_assignment", "NOWHERE")
