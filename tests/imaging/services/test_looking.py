"""A person looks at pixels: what waits, what is blanked, and that nothing else is."""

from __future__ import annotations

import datetime as dt
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.apps import apps
from django.core import serializers
from django.db import connection
from django.test.utils import CaptureQueriesContext
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.uid import VLPhotographicImageStorage

from compliance import audit, jobs, storage
from compliance.access import AccessDenied
from imaging.deid.pixels.regions import Region, covers
from imaging.models import Instance, PixelReview, ReceivedInstance, Transfer
from imaging.selectors_pixels import look_after, looks_waiting, series_waiting
from imaging.services import looking
from imaging.services.looking import Decision, LookChanged, LookIncomplete, decide, take_back
from imaging.services.proving import proof_of_transfer, report_of_transfer
from imaging.states import HoldReason, KeptFor, PixelState, ReceivedState
from tests.factories import AT, World, make_world, scan
from tests.imaging.captures import COLUMNS, CONSOLE, NAME, OVER_NAME, OVER_VIEW, RECIPE, ROWS, VIEW, capture, picture
from tests.imaging.services.delivery import by_scanner

pytestmark = pytest.mark.requirement("REQ-DEI-004")


@pytest.fixture
def world(db: None, own_disk: Path) -> World:
    return make_world(charter={"deidentification": RECIPE})


def sent(world: World, *files: bytes) -> Transfer:
    return by_scanner(world, files)


def everything(look: PixelReview) -> Decision:
    """All proposals, as they are."""
    return Decision([(region, number) for number, region in enumerate(look.regions)], {})


def settle(world: World, look: PixelReview, decision: Decision | None = None, *, series: bool = False) -> PixelReview:
    """Decide as the analyst, and do the work."""
    decide(
        look=look,
        round=look.round,
        decision=decision or everything(look),
        whole_series=series,
        actor=world.analyst,
        at=AT,
    )
    jobs.drain()
    return PixelReview.objects.get(pk=look.pk)


def archived(look: PixelReview) -> NDArray[np.uint8]:
    instance = Instance.objects.get(received=look.received)
    pixels: NDArray[np.uint8] = dcmread(BytesIO(storage.get(storage.ARCHIVE, instance.archive_key))).pixel_array
    return pixels


def test_text_is_proposed_and_the_image_waits_for_a_person(world: World) -> None:
    transfer = sent(world, capture(picture((NAME, 25))))

    received = transfer.instances.get()
    assert (received.state, received.hold_reason) == (ReceivedState.HELD, HoldReason.PIXEL_REVIEW)
    assert "site need not do anything" in received.hold_sentence
    look = looks_waiting(world.trial).get()
    assert (look.why, look.rows, look.columns, look.frames) == ("text_found", ROWS, COLUMNS, 1)
    (region,) = look.regions
    assert covers([Region(*OVER_NAME)], region)
    assert look.timepoint == world.timepoint("N-001", "BL")


def test_what_is_confirmed_is_blanked_flat_and_nothing_else_changes(world: World) -> None:
    before = picture((NAME, 25))
    sent(world, capture(before))

    look = settle(world, PixelReview.objects.get())

    assert look.state == PixelState.APPLIED
    ((left, top, right, bottom, _, _),) = look.proposed
    pixels = archived(look)
    assert np.ptp(pixels[top:bottom, left:right]) == 0
    expected = before.copy()
    expected[top:bottom, left:right] = pixels[top, left]
    assert np.array_equal(pixels, expected)


def test_a_box_of_ones_own_is_blanked_on_its_frames_alone(world: World) -> None:
    before = picture((NAME, 25)).copy()
    before[60:80, 270:310] = np.linspace(0, 120, 40).astype(np.uint8)
    sent(world, capture(before, before))
    look = PixelReview.objects.get()
    (name,) = look.regions
    assert (name.first, name.last) == (0, 1)

    own = Region(275, 62, 305, 78, 1, 1)
    look = settle(world, look, Decision([(name, 0), (own, None)], {}))

    first, second = archived(look)
    expected = before.copy()
    expected[name.top : name.bottom, name.left : name.right] = 0
    assert np.array_equal(first, expected)
    expected[62:78, 275:305] = second[62, 275]
    assert np.array_equal(second, expected)


def test_a_proposal_that_says_nothing_of_a_person_may_stay_for_a_reason(world: World) -> None:
    before = picture((NAME, 25), (VIEW, 112))
    sent(world, capture(before))
    look = PixelReview.objects.get()
    name, view = look.regions

    look = settle(world, look, Decision([(name, 0)], {1: KeptFor.ANATOMY}))

    assert look.state == PixelState.APPLIED
    left, top, right, bottom = OVER_VIEW
    assert np.array_equal(archived(look)[top:bottom, left:right], before[top:bottom, left:right])
    assert look.decided is not None
    assert look.decided["kept"] == [[list(view), "anatomy"]]


def test_text_outside_the_boxes_comes_back_to_the_person(world: World) -> None:
    """A box moved away from its text leaves it uncovered; the machine sees it at the second look."""
    sent(world, capture(picture((NAME, 25))))
    look = PixelReview.objects.get()

    moved = Region(20, 120, 60, 150, 0, 0)
    look = settle(world, look, Decision([(moved, 0)], {}))

    assert (look.state, look.round, look.why) == (PixelState.WAITING, 2, "text_outside")
    assert looks_waiting(world.trial).get() == look
    assert moved in look.regions
    assert any(covers([Region(*OVER_NAME)], region) for region in look.regions)
    assert not Instance.objects.exists()


def test_what_was_taken_away_for_a_reason_is_not_asked_again(world: World) -> None:
    sent(world, capture(picture((NAME, 25), (VIEW, 112))))
    look = PixelReview.objects.get()
    view = list(look.regions[1])

    away = Region(290, 60, 310, 80, 0, 0)
    look = settle(world, look, Decision([(away, 0)], {1: KeptFor.ANATOMY}))
    assert (look.state, look.why, look.decided_at) == (PixelState.WAITING, "text_outside", None)
    assert not any(covers([Region(*OVER_VIEW)], region) for region in look.regions)
    look = settle(world, look)

    assert look.state == PixelState.APPLIED
    assert look.standing == [[view, "anatomy"]]


def test_what_the_header_knows_of_the_person_cannot_stay(world: World) -> None:
    sent(world, capture(picture((NAME, 25))))

    look = settle(world, PixelReview.objects.get(), Decision([], {0: KeptFor.MARKER}))

    assert (look.state, look.why) == (PixelState.WAITING, "text_known")
    assert not Instance.objects.exists()


def test_of_a_kind_on_which_text_is_usual_a_person_says_that_there_is_none(world: World) -> None:
    empty = picture()
    sent(world, capture(empty))
    look = PixelReview.objects.get()
    assert (look.why, look.proposed) == ("text_usual", [])

    look = settle(world, look, Decision([], {}))

    assert np.array_equal(archived(look), empty)


def test_where_a_device_writes_is_proposed_by_its_template(db: None, own_disk: Path) -> None:
    world = make_world(charter={"deidentification": RECIPE | {"pixel_regions": [CONSOLE]}})
    device = {"Manufacturer": "Maker Ltd", "ManufacturerModelName": "Sono One"}
    transfer = sent(world, capture(picture((NAME, 25)), **device), capture(picture((NAME, 25), (VIEW, 112)), number=2))
    bare, other = PixelReview.objects.order_by("pk")
    banner = Region(0, 0, COLUMNS, 60, 0, 0)
    assert (bare.why, bare.regions, bare.templates) == ("text_template", [banner], ["console"])
    assert (other.why, other.regions[0], other.templates) == ("text_found", banner, ["console"])
    assert len(other.regions) == 2
    assert [(one.manufacturer, one.model) for one in (bare, other)] == [("Maker Ltd", "Sono One"), ("", "")]

    look = settle(world, bare)

    assert np.ptp(archived(look)) == 0
    (told,) = [json.loads(line)["pixels"] for line in report_of_transfer(transfer) if '"pixels"' in line]
    assert told["proposed_by_templates"] == ["console"]


def test_slices_without_text_pass_without_anybody(world: World) -> None:
    transfer = sent(world, *scan("N-001", slices=2))

    assert [one.state for one in transfer.instances.all()] == [ReceivedState.ARCHIVED] * 2
    assert not PixelReview.objects.exists()


def test_boxes_go_to_the_whole_series_but_not_to_an_image_with_text_elsewhere(world: World) -> None:
    sent(
        world,
        capture(picture((NAME, 25)), number=1),
        capture(picture((NAME, 25)), number=2),
        capture(picture((NAME, 25), ("MRN 55667788", 112)), number=3),
    )
    first, second, third = PixelReview.objects.order_by("pk")
    (row,) = series_waiting(world.trial, at=AT)
    assert (row.images, row.boxes, row.first) == (3, 4, first)

    wide = Region(*OVER_NAME, 0, 0)
    settle(world, first, Decision([(wide, 0)], {}), series=True)

    second.refresh_from_db()
    third.refresh_from_db()
    assert (second.state, second.led_by) == (PixelState.APPLIED, first)
    left, top, right, bottom = OVER_NAME
    assert np.ptp(archived(second)[top:bottom, left:right]) == 0
    assert (third.state, third.round) == (PixelState.WAITING, 2)
    assert wide in third.regions
    assert look_after(first, user=world.analyst, at=AT) == third


def test_a_long_series_is_decided_in_as_few_statements_as_a_short_one(world: World) -> None:
    counted = []
    for images in (2, 5):
        uid = f"1.2.826.0.1.3680043.9.7777.6.{images}"
        sent(world, *(capture(picture(), number=10 * images + n, SeriesInstanceUID=uid) for n in range(images)))
        look = looks_waiting(world.trial)[0]
        said: Any = {"round": 1, "decision": Decision([(Region(5, 5, 40, 40), None)], {}), "whole_series": True}
        with CaptureQueriesContext(connection) as decided:
            assert len(decide(look=look, actor=world.analyst, at=AT, **said)) == images
        with CaptureQueriesContext(connection) as undone:
            assert take_back(look=PixelReview.objects.get(pk=look.pk), actor=world.analyst, at=AT) == images
        decide(look=look, actor=world.analyst, at=AT, **(said | {"round": 2}))
        counted.append((len(decided), len(undone)))

    assert all(later <= first for first, later in zip(*counted, strict=True))
    together = audit.history(look).filter(action="receivedinstance.release")
    assert [(event.actor, event.after and event.after["count"]) for event in together] == [(world.analyst, 4)] * 2


def test_of_two_people_the_second_is_told(world: World) -> None:
    sent(world, capture(picture((NAME, 25))))
    look = PixelReview.objects.get()
    mine = {"look": look, "round": 1, "decision": everything(look), "whole_series": False, "at": AT}
    decide(actor=world.analyst, **mine)

    with pytest.raises(LookChanged):
        decide(actor=world.administrator, **mine)

    assert PixelReview.objects.get().decided_by == world.analyst


def test_a_decision_that_does_not_fit_changes_nothing(world: World) -> None:
    sent(world, capture(picture((NAME, 25))))
    look = PixelReview.objects.get()

    for decision in (
        Decision([], {}),
        Decision([(Region(0, 0, COLUMNS + 1, 10, 0, 0), 0)], {}),
        Decision([(Region(0, 0, 10, 10, 0, 1), 0)], {}),
        Decision([], {0: KeptFor.SCALE, 1: KeptFor.SCALE}),
    ):
        with pytest.raises(LookIncomplete):
            decide(look=look, round=1, decision=decision, whole_series=False, actor=world.analyst, at=AT)

    assert PixelReview.objects.get().state == PixelState.WAITING
    assert ReceivedInstance.objects.get().state == ReceivedState.HELD


def test_a_decision_is_taken_back_while_the_image_waits(world: World) -> None:
    sent(world, capture(picture((NAME, 25)), number=1), capture(picture((NAME, 25)), number=2))
    first = PixelReview.objects.order_by("pk")[0]
    wide = Decision([(Region(*OVER_NAME), 0)], {})
    now = dt.datetime.now(dt.UTC)
    decide(look=first, round=1, decision=wide, whole_series=True, actor=world.analyst, at=now)
    jobs.drain()  # within the time of grace nothing is done
    assert set(ReceivedInstance.objects.values_list("state", flat=True)) == {ReceivedState.RECEIVED}

    assert take_back(look=PixelReview.objects.get(pk=first.pk), actor=world.analyst, at=now) == 2

    assert [look.state for look in looks_waiting(world.trial)] == [PixelState.WAITING] * 2
    assert set(ReceivedInstance.objects.values_list("hold_reason", flat=True)) == {HoldReason.PIXEL_REVIEW}


def test_what_is_archived_is_not_taken_back(world: World) -> None:
    sent(world, capture(picture((NAME, 25))))
    look = settle(world, PixelReview.objects.get())

    with pytest.raises(LookChanged):
        take_back(look=look, actor=world.analyst, at=AT)


def test_an_image_is_filed_by_the_last_decision_or_not_at_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision is taken back and made anew while a worker works by the first one."""
    sent(world, capture(picture((NAME, 25))))
    look = PixelReview.objects.get()
    made = looking.note_applied

    def meanwhile(used: Any, *, at: dt.datetime) -> set[int]:
        monkeypatch.setattr(looking, "note_applied", made)
        mine = PixelReview.objects.get(pk=look.pk)
        take_back(look=mine, actor=world.analyst, at=AT)
        fresh = PixelReview.objects.get(pk=look.pk)
        again = {"round": fresh.round, "decision": everything(fresh), "whole_series": False}
        decide(look=fresh, actor=world.administrator, at=AT, **again)
        return made(used, at=at)

    monkeypatch.setattr(looking, "note_applied", meanwhile)
    look = settle(world, look)

    assert (look.state, look.decided_by, look.round) == (PixelState.APPLIED, world.administrator, 2)
    assert Instance.objects.count() == 1


def test_who_has_no_right_to_see_the_person_may_not_look(world: World) -> None:
    sent(world, capture(picture((NAME, 25))))
    look = PixelReview.objects.get()

    with pytest.raises(AccessDenied):
        decide(look=look, round=1, decision=everything(look), whole_series=False, actor=world.coordinator, at=AT)
    with pytest.raises(AccessDenied):
        looking.frame_png(look=look, number=1, whole_range=False, actor=world.coordinator, at=AT)


def test_a_frame_is_shown_as_it_came_and_the_look_is_recorded_once_a_day(world: World) -> None:
    before = picture((NAME, 25))
    sent(world, capture(before))
    look = PixelReview.objects.get()

    for whole in (False, True, True):
        png = looking.frame_png(look=look, number=1, whole_range=whole, actor=world.analyst, at=AT)

    assert np.array_equal(np.asarray(Image.open(BytesIO(png))), before)
    assert audit.history(look).filter(action="pixelreview.viewed").count() == 1


def test_who_when_which_boxes_and_why_stand_in_trail_and_proof_and_what_was_read_nowhere(
    world: World, own_disk: Path
) -> None:
    transfer = sent(world, capture(picture((NAME, 25), (VIEW, 112))))
    look = PixelReview.objects.get()
    name, view = (list(region) for region in look.regions)
    look = settle(world, look, Decision([(Region(*name), 0)], {1: KeptFor.ANATOMY}))

    event = audit.history(look).get(action="pixelreview.decide")
    assert event.actor == world.analyst
    assert event.after is not None
    assert event.after["decided"] == {"blank": [name], "kept": [[view, "anatomy"]]}
    proof = "".join(report_of_transfer(transfer))
    assert '"why":"text_found"' in proof
    assert '"by":"qc-analyst"' in proof
    assert proof_of_transfer(transfer).looked == 1
    tables = [m for m in apps.get_models() if m._meta.managed]
    kept = "".join(serializers.serialize("json", model._default_manager.all()) for model in tables) + proof
    stored = b"".join(p.read_bytes() for p in (own_disk / "archive").rglob("*") if p.is_file())
    for word in (*NAME.split(), *VIEW.split(), "Quillbrook"):
        assert word not in kept
        assert word.encode() not in stored


def test_where_a_machine_blanks_what_it_could_not_settle_goes_to_a_person(db: None, own_disk: Path) -> None:
    world = make_world(charter={"deidentification": RECIPE | {"pixels": "blank"}})
    before = picture()
    transfer = sent(world, capture(picture((NAME, 25)), number=1), capture(before, number=2, BurnedInAnnotation="YES"))

    assert sorted(one.hold_reason for one in transfer.instances.all()) == ["", HoldReason.PIXEL_REVIEW]
    look = PixelReview.objects.get()
    assert (look.why, look.proposed) == ("burned_in_annotation", [])

    look = settle(world, look, Decision([(Region(10, 10, 40, 30), None)], {}))

    assert look.state == PixelState.APPLIED
    assert np.array_equal(archived(look), before)


def test_where_a_machine_blanks_a_photograph_waits_for_a_person_all_the_same(db: None, own_disk: Path) -> None:
    """A face is no text, so no search finds it."""
    world = make_world(charter={"deidentification": RECIPE | {"pixels": "blank"}})
    before = picture() + np.uint8(40)
    transfer = sent(world, capture(before, Modality="XC", SOPClassUID=VLPhotographicImageStorage))

    received = transfer.instances.get()
    assert (received.state, received.hold_reason) == (ReceivedState.HELD, HoldReason.PIXEL_REVIEW)
    assert "is a photograph" in received.hold_sentence
    look = PixelReview.objects.get()
    assert (look.why, look.proposed) == ("photograph", [])

    look = settle(world, look, Decision([], {}))

    assert look.state == PixelState.APPLIED
    assert np.array_equal(archived(look), before)


def test_a_coloured_clip_is_blanked_on_every_frame(world: World) -> None:
    """Colour, pixel by pixel, with the name in the same place while the picture changes."""
    grey = [np.maximum(picture((NAME, 25)), np.uint8(tone)) for tone in (10, 40)]
    frames = [np.dstack([one, one, one // 2]) for one in grey]
    colour = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    sent(world, capture(*frames, **colour))
    look = PixelReview.objects.get()
    assert [(one.first, one.last) for one in look.regions] == [(0, 1)]
    png = looking.frame_png(look=look, number=2, whole_range=False, actor=world.analyst, at=AT)
    assert np.array_equal(np.asarray(Image.open(BytesIO(png))), frames[1])

    look = settle(world, look)

    ((left, top, right, bottom, _, _),) = look.proposed
    expected = np.stack(frames)
    expected[:, top:bottom, left:right] = expected[:, top : top + 1, left : left + 1]
    assert np.array_equal(archived(look), expected)
