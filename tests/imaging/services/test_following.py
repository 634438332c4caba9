"""Where a delivery stands, at each moment of its way."""

from __future__ import annotations

import pytest
from django.test import Client

from compliance import jobs
from compliance.models import Job, User
from imaging.models import Transfer, WebUpload
from imaging.services import following, spool
from imaging.services.checking import CHECK
from imaging.services.following import Followed, follow
from imaging.services.receiving import index_spool, origin_of, receive_instance
from imaging.services.resolving import discard_held
from tests.factories import AT, World, scan
from tests.imaging.services.delivery import by_coordinator, by_scanner
from trials.models import Role


def steps(transfer: Transfer) -> dict[str, tuple[int, int, int]]:
    """How many images passed each step, were stopped at it, and are before it."""
    return {step.name: (step.done, step.stopped, step.left) for step in follow(transfer).steps}


def tones(transfer: Transfer) -> list[str]:
    return [step.tone for step in follow(transfer).steps]


@pytest.fixture
def opened(world: World) -> Transfer:
    """A delivery that has just been opened."""
    return by_coordinator(world, [], world.timepoint("N-001", "BL"))


def test_each_step_is_told_while_it_happens(opened: Transfer) -> None:
    assert set(steps(opened).values()) == {(0, 0, 0)}
    assert (tones(opened), follow(opened).settled) == (["wait"] * 5, False)

    for file in scan("N-001", slices=3):
        receive_instance(file, origin=origin_of(opened), at=AT)
    assert steps(opened) == {
        "Received": (3, 0, 0),
        "Indexed": (0, 0, 3),
        "Matched": (0, 0, 3),
        "De-identified": (0, 0, 3),
        "Checked": (0, 0, 3),
    }
    assert (tones(opened), follow(opened).settled) == (["ok", "wait", "wait", "wait", "wait"], False)

    index_spool(at=AT)
    assert steps(opened) | {"Indexed": (3, 0, 0), "Matched": (0, 0, 3)} == steps(opened)

    jobs.run(Job.objects.get(state=Job.State.QUEUED).pk)
    assert steps(opened) | {"De-identified": (3, 0, 0), "Checked": (0, 0, 3)} == steps(opened)
    assert not follow(opened).settled

    jobs.run(Job.objects.get(state=Job.State.QUEUED, kind=CHECK).pk)
    assert set(steps(opened).values()) == {(3, 0, 0)}
    assert (tones(opened), follow(opened).settled) == (["ok"] * 5, True)


def test_what_stopped_an_image_is_told_at_its_step(world: World) -> None:
    files = [*scan("N-001", slices=2), *scan("X-999", slices=1, scan_number=2)]
    transfer = by_scanner(world, files)

    followed = follow(transfer)

    assert steps(transfer) == {
        "Received": (3, 0, 0),
        "Indexed": (3, 0, 0),
        "Matched": (2, 1, 0),
        "De-identified": (2, 0, 0),
        "Checked": (2, 0, 0),
    }
    assert tones(transfer) == ["ok", "ok", "warn", "ok", "ok"]
    (held,) = followed.held
    assert (held.reason, held.count) == ("No subject of the trial", 1)
    assert held.sentence.startswith("No subject code of the trial is in the image.")
    assert followed.settled


def test_an_image_of_nobody_is_told_which_codes_its_site_has(world: World) -> None:
    world.amend(subjects={"code_format": "{site}-{number:3}"})

    (held,) = follow(by_scanner(world, scan("X-999", slices=1))).held

    assert held.sentence == (
        "No subject code of the trial is in the image. Codes of its site are NORTH-001 to NORTH-999. "
        "Assign it to its subject and timepoint, or set it aside."
    )


def test_an_image_that_cannot_be_cleaned_was_matched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imaging.services.deidentifying.deidentify", lambda *_: 1 / 0)

    transfer = by_scanner(world, scan("N-001", slices=1))

    assert steps(transfer) | {"Matched": (1, 0, 0), "De-identified": (0, 1, 0)} == steps(transfer)


def test_what_was_set_aside_is_stopped_and_no_longer_held(world: World) -> None:
    transfer = by_scanner(world, scan("X-999", slices=1))
    discard_held(instances=transfer.instances.all(), reason="a test", actor=world.coordinator, at=AT)

    assert (steps(transfer)["Matched"], follow(transfer).held) == ((0, 1, 0), [])


def test_what_was_here_already_has_gone_all_the_way(world: World) -> None:
    by_scanner(world, scan("N-001", slices=2))

    again = by_scanner(world, scan("N-001", slices=2))

    assert set(steps(again).values()) == {(2, 0, 0)}
    assert follow(again).settled


def test_a_place_comes_with_what_the_checks_found(world: World) -> None:
    (place,) = follow(by_scanner(world, scan("N-001", slices=2))).places

    assert place.timepoint == world.timepoint("N-001", "BL")
    assert place.review is not None
    assert place.blocking == place.review.findings.filter(severity="block").count() == 1


def test_later_images_are_not_checked_by_the_round_before(world: World) -> None:
    by_scanner(world, scan("N-001", slices=2))
    later = by_scanner(world, scan("N-001", slices=3)[2:], work=False)
    jobs.run(Job.objects.get(state=Job.State.QUEUED).pk)

    assert steps(later)["Checked"] == (0, 0, 1)


def test_an_instance_between_its_row_and_the_end_of_its_name_is_counted_once(
    opened: Transfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive_instance(scan(slices=1)[0], origin=origin_of(opened), at=AT)
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.unlink", lambda *_, **__: None)
        index_spool(at=AT)

    assert len(spool.entries(spool.root() / str(opened.public_id))) == 1
    assert steps(opened)["Indexed"] == (1, 0, 0)


def test_files_on_their_way_keep_a_delivery_unsettled(world: World) -> None:
    transfer = by_coordinator(world, scan("N-001", slices=1), world.timepoint("N-001", "BL"))
    upload = WebUpload.objects.create(transfer=transfer, size=10, kind="zip", created_at=AT)
    assert (follow(transfer).coming, follow(transfer).settled) == (1, False)

    WebUpload.objects.filter(pk=upload.pk).update(state=WebUpload.State.UNPACKING)
    assert (follow(transfer).unpacking, follow(transfer).settled) == (1, False)

    WebUpload.objects.filter(pk=upload.pk).update(state=WebUpload.State.KEPT)
    assert follow(transfer).settled


# --- the page -----------------------------------------------------------------------------------------------


def page(user: User, transfer: Transfer, more: str = "") -> str:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.get(f"/imaging/transfers/{transfer.public_id}/{more}").content.decode()


def test_the_page_asks_again_until_the_delivery_is_settled(world: World, opened: Transfer) -> None:
    receive_instance(scan("N-001", slices=1)[0], origin=origin_of(opened), at=AT)
    for more in ("", "status/"):
        shown = page(world.coordinator, opened, more)
        assert f'hx-get="/imaging/transfers/{opened.public_id}/status/"' in shown
        assert 'data-settled="no"' in shown
    index_spool(at=AT)
    jobs.drain()

    shown = page(world.coordinator, opened, "status/")

    assert 'data-settled="yes"' in shown
    assert "hx-get" not in shown
    assert f"/imaging/timepoints/{world.timepoint('N-001', 'BL').pk}/" in shown


def test_those_who_may_resolve_are_led_to_the_quarantine(world: World) -> None:
    transfer = by_scanner(world, scan("X-999", slices=1))

    for role, led in ((Role.SITE_COORDINATOR, True), (Role.QC_ANALYST, True), (Role.AUDITOR, False)):
        assert ("assign or set aside" in page(world.people[role], transfer)) is led


def test_the_list_asks_again_while_something_is_worked_on(world: World) -> None:
    client = Client()
    client.force_login(world.coordinator, backend="django.contrib.auth.backends.ModelBackend")
    address = f"/imaging/trials/{world.trial.pk}/transfers/"
    by_scanner(world, scan("N-001", slices=1), work=False)
    assert 'hx-select="#deliveries"' in client.get(address).content.decode()

    jobs.drain()

    assert "hx-select" not in client.get(address).content.decode()


def test_a_long_delivery_is_followed_in_few_questions(world: World, django_assert_max_num_queries: object) -> None:
    transfer = by_scanner(world, scan("N-001", slices=12))
    few: Followed
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        few = following.follow(transfer)
    assert few.total == 12
