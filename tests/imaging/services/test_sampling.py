"""Recipes are tried on a person's files, at once or by a job, and nothing of the files stays."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from compliance import access, confined, jobs, keys, storage
from imaging.models import RecipePreview
from imaging.services import sampling
from imaging.services.previewing import Outcome, Preview, Previewed
from imaging.services.sampling import TooManyPreviews, outcome_of, try_recipes
from tests.factories import AT, PLANTED, World, scan

pytestmark = pytest.mark.requirement("REQ-PRI-004")

LATER = AT + RecipePreview.KEPT + dt.timedelta(seconds=1)


def files(count: int) -> list[SimpleUploadedFile]:
    return [SimpleUploadedFile(f"{number}.dcm", one) for number, one in enumerate(scan("N-001", slices=count))]


def tried(world: World, chosen: Sequence[SimpleUploadedFile], **others: Any) -> Outcome | RecipePreview:
    charter = world.trial.charter_in_force
    assert charter is not None
    asked: dict[str, Any] = {"trial": world.trial, "charter": charter, "other": None, "actor": world.coordinator}
    return try_recipes(files=chosen, at=AT, **(asked | others))


def waiting(world: World, count: int = 2, **others: Any) -> RecipePreview:
    row = tried(world, files(count), **others)
    assert isinstance(row, RecipePreview)
    return row


def finished(row: RecipePreview) -> RecipePreview:
    jobs.drain()
    return RecipePreview.objects.get(pk=row.pk)


def lying(disk: Path) -> list[str]:
    """Names of what lies in quarantine for previews, under lock or not."""
    return sorted(path.suffix for path in (disk / "quarantine" / RecipePreview.FOLDER).glob("*"))


def in_the_open(disk: Path) -> list[Path]:
    """Files in which something of the person can be read."""
    planted = [value.encode() for value in PLANTED.values()]
    return [one for one in disk.rglob("*") if one.is_file() and any(value in one.read_bytes() for value in planted)]


def test_one_small_file_is_tried_at_once_and_nothing_is_stored(world: World, own_disk: Path) -> None:
    outcome = tried(world, files(1))

    assert isinstance(outcome, Outcome)
    assert {one.name: one.after for one in outcome.shown[0].altered}["Patient's Name"] == "PREVIEW"
    assert (RecipePreview.objects.count(), lying(own_disk)) == (0, [])


def test_more_files_wait_under_lock_and_only_the_result_stays_under_lock(world: World, own_disk: Path) -> None:
    row = waiting(world)
    assert (lying(own_disk), in_the_open(own_disk)) == ([".files"], [])

    row = finished(row)

    outcome = outcome_of(row)
    assert (outcome.count, outcome.held, row.done) == (2, {}, 2)
    before = {one.name: one.before for one in outcome.shown[1].altered}
    assert before["Patient's Name"] == PLANTED["PatientName"]
    assert (lying(own_disk), in_the_open(own_disk)) == ([".result"], [])


def test_two_recipes_are_compared_with_one_key(world: World) -> None:
    row = finished(waiting(world, other=world.trial.charter_in_force))

    assert (outcome_of(row).compared, outcome_of(row).differences) == (True, [])


def test_what_would_take_too_long_at_once_is_left_to_the_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Preview.of

    def slow(self: Preview, *args: Any, seconds: float | None = None) -> Previewed:
        if seconds is not None:
            raise confined.OverBudget("Reading the file took too long.")
        return made(self, *args)

    monkeypatch.setattr(Preview, "of", slow)
    row = tried(world, files(1))

    assert isinstance(row, RecipePreview)
    assert outcome_of(finished(row)).shown[0].altered


def test_no_file_is_begun_when_the_time_is_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "LONGEST", -1)

    outcome = outcome_of(finished(waiting(world)))

    assert (outcome.count, outcome.untried) == (0, 2)


def test_a_worker_that_was_lost_is_followed_by_another(
    world: World, own_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, made, calls = waiting(world), Preview.of, []

    def dies(self: Preview, *args: Any, **limits: Any) -> Previewed:
        calls.append(args)
        if len(calls) == 2:
            raise SystemExit
        return made(self, *args, **limits)

    monkeypatch.setattr(Preview, "of", dies)
    with pytest.raises(SystemExit):
        sampling.work(preview_id=row.pk, at=AT)
    assert RecipePreview.objects.get().done == 1
    sampling.work(preview_id=row.pk, at=AT)

    assert outcome_of(RecipePreview.objects.get()).count == 2
    assert lying(own_disk) == [".result"]


def test_a_result_that_was_stored_before_the_worker_was_lost_stands(
    world: World, own_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = waiting(world)
    with monkeypatch.context() as until_then:
        until_then.setattr(storage, "remove", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            sampling.work(preview_id=row.pk, at=AT)
    monkeypatch.setattr(Preview, "of", None)

    sampling.work(preview_id=row.pk, at=AT)

    assert outcome_of(RecipePreview.objects.get()).count == 2
    assert lying(own_disk) == [".result"]


@pytest.mark.parametrize("is_finished", [True, False])
def test_after_half_an_hour_it_is_gone_and_after_a_day_the_row(world: World, own_disk: Path, is_finished: bool) -> None:
    row = waiting(world)
    if is_finished:
        sampling.work(preview_id=row.pk, at=AT)

    sampling.sweep(at=AT + RecipePreview.KEPT)
    assert len(lying(own_disk)) == 1
    sampling.sweep(at=LATER)

    assert lying(own_disk) == []
    row = RecipePreview.objects.get()
    assert (row.cleared_at, bytes(row.secret), row.finished_at) == (LATER, b"", AT if is_finished else None)
    sampling.sweep(at=LATER + dt.timedelta(days=1, seconds=1))
    assert not RecipePreview.objects.exists()


def test_what_is_cleared_while_a_worker_is_at_it_leaves_no_result(
    world: World, own_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, made = waiting(world), Preview.of

    def meanwhile(self: Preview, *args: Any, **limits: Any) -> Previewed:
        sampling.sweep(at=LATER)
        return made(self, *args, **limits)

    monkeypatch.setattr(Preview, "of", meanwhile)
    sampling.work(preview_id=row.pk, at=AT)

    assert (lying(own_disk), RecipePreview.objects.get().finished_at) == ([], None)


def test_what_a_crash_left_is_found_and_what_somebody_waits_for_is_not_touched(world: World, own_disk: Path) -> None:
    waiting(world)
    folder = own_disk / "quarantine" / RecipePreview.FOLDER
    for name in ("c0ffee00-0000-4000-8000-000000000000.result", ".c0ffee00-0000-4000-8000-000000000000.files.adopting"):
        (folder / name).write_bytes(b"locked")

    sampling.sweep(at=AT)

    assert lying(own_disk) == [".files"]


def test_a_person_has_two_waiting_and_one_finished_at_a_time(world: World, own_disk: Path) -> None:
    first = finished(waiting(world))
    waiting(world)
    assert RecipePreview.objects.get(pk=first.pk).cleared_at == AT
    waiting(world)

    with pytest.raises(TooManyPreviews):
        waiting(world)
    waiting(world, actor=world.administrator)

    assert lying(own_disk) == [".files"] * 3


def test_without_the_trials_key_nothing_is_stored(
    world: World, own_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: str) -> bytes:
        raise keys.KeyMissing("The secret key of the trial cannot be read.")

    monkeypatch.setattr(keys, "of_trial", missing)

    with pytest.raises(keys.KeyMissing):
        waiting(world)

    assert (RecipePreview.objects.count(), lying(own_disk)) == (0, [])


def test_who_may_not_preview_stores_nothing(world: World, own_disk: Path) -> None:
    with pytest.raises(access.AccessDenied):
        tried(world, files(2), actor=world.outsider)

    assert (RecipePreview.objects.count(), lying(own_disk)) == (0, [])
