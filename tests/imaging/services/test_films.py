"""A film from the site's device to the archive: held until a person has watched it, cleaned, and sent in parts."""

from __future__ import annotations

import datetime as dt
from io import BytesIO

import pytest
from django.test import Client
from django.urls import reverse
from pydicom import dcmread

from compliance import jobs, storage
from compliance.models import AuditEvent, User
from imaging.dicom import films
from imaging.display.thumbnails import thumbnail
from imaging.models import Instance, PixelReview, ReceivedInstance, SeriesDisplay
from imaging.selectors_pixels import series_of_look
from imaging.services import copying, displaying, looking
from imaging.services.viewing import shown_series
from imaging.stages import stage_of
from imaging.states import HoldReason, PixelState, ReceivedState
from tests.factories import AT, World, make_world
from tests.factories.films import FRAME_MS, FRAMES, HEVC, NOTES, film, stream
from tests.factories.scans import encoded, slice_of
from tests.imaging.services.delivery import by_scanner
from trials.charter import RECIST_TEMPLATE

pytestmark = pytest.mark.django_db
LATER = AT + dt.timedelta(minutes=5)


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def watched(world: World) -> Instance:
    """Let the film that waits go on."""
    look = PixelReview.objects.get()
    looking.decide(
        look=look,
        round=look.round,
        decision=looking.Decision([], {}),
        whole_series=False,
        actor=world.analyst,
        at=AT,
    )
    jobs.drain()
    return Instance.objects.get()


def test_a_film_waits_for_a_person_to_watch_it(world: World) -> None:
    by_scanner(world, [film()])

    (received,) = ReceivedInstance.objects.all()
    assert (received.state, received.hold_reason) == (ReceivedState.HELD, HoldReason.PIXEL_REVIEW)
    assert "a film" in received.hold_sentence
    look = PixelReview.objects.get()
    assert (look.why, look.proposed, look.rows, look.columns, look.frames) == ("video", [], 64, 96, FRAMES)
    assert not Instance.objects.exists()


@pytest.mark.parametrize("name", ["h264", "hevc"])
def test_a_film_that_was_watched_is_archived_without_what_its_container_and_coder_note(world: World, name: str) -> None:
    by_scanner(world, [film(stream(name), HEVC) if name == "hevc" else film()])
    instance = watched(world)

    content = storage.get(storage.ARCHIVE, instance.archive_key)
    assert [note for note in NOTES if note in content] == []
    made = dcmread(BytesIO(content))
    assert (made.PatientID, made.BurnedInAnnotation, made.NumberOfFrames) == ("N-001", "NO", FRAMES)
    described = films.described(films.stream_of(made.PixelData))
    assert (described.frames, described.duration_s) == (FRAMES, 2.0)
    assert instance.measured["film"] == {"frames": FRAMES, "duration_s": 2.0}


def test_boxes_cannot_be_blanked_in_a_film(world: World) -> None:
    by_scanner(world, [film()])
    look = PixelReview.objects.get()
    box = looking.Region(1, 1, 20, 20, 0, 0)
    looking.decide(
        look=look,
        round=look.round,
        decision=looking.Decision([(box, None)], {}),
        whole_series=False,
        actor=world.analyst,
        at=AT,
    )
    jobs.drain()

    assert not Instance.objects.exists()
    assert ReceivedInstance.objects.get().hold_reason == HoldReason.CANNOT_DEIDENTIFY


@pytest.mark.parametrize(
    ("content", "syntax"),
    [
        (b"\0\0\1\xb3" + bytes(996), "1.2.840.10008.1.2.4.100"),
        (b"\x47" + bytes(999), "1.2.840.10008.1.2.4.102"),
        (stream()[:-100], "1.2.840.10008.1.2.4.102"),
    ],
    ids=["MPEG-2", "transport stream", "cut off"],
)
def test_a_film_that_nobody_could_watch_here_is_held_with_what_to_do(world: World, content: bytes, syntax: str) -> None:
    by_scanner(world, [film(content, syntax)])

    received = ReceivedInstance.objects.get()
    assert (received.state, received.hold_reason) == (ReceivedState.HELD, HoldReason.CANNOT_DEIDENTIFY)
    assert "Export it as MP4 with H.264" in received.hold_sentence
    assert not PixelReview.objects.exists()


@pytest.mark.parametrize("told", [FRAMES - 1, FRAMES + 1, 1, None])
def test_a_film_of_other_frames_than_its_header_says_is_held(world: World, told: int | None) -> None:
    by_scanner(world, [film(NumberOfFrames=told)])

    received = ReceivedInstance.objects.get()
    assert (received.state, received.hold_reason) == (ReceivedState.HELD, HoldReason.CANNOT_DEIDENTIFY)
    assert "another number of frames than its header says" in received.hold_sentence
    assert not PixelReview.objects.exists()


def test_nobody_lets_a_film_go_on_with_the_pictures_of_its_series(world: World) -> None:
    photograph = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.1",
        "ClinicalTrialSubjectID": "N-001",
        "Modality": "ES",
        "Rows": 64,
        "Columns": 96,
        "PixelData": bytes(2 * 64 * 96),
    }
    still = encoded(slice_of(2, **photograph))
    by_scanner(world, [film(), still])
    of_film, of_still = PixelReview.objects.get(why="video"), PixelReview.objects.exclude(why="video").get()

    decision = looking.Decision([], {})
    by = {"actor": world.analyst, "at": AT}
    looking.decide(look=of_still, round=of_still.round, decision=decision, whole_series=True, **by)
    of_film.refresh_from_db()
    assert of_film.state == PixelState.WAITING
    assert not series_of_look(of_film).exists()


@pytest.mark.parametrize("sop_class", ["1.2.840.10008.5.1.4.1.1.77.1.1.1", "1.2.840.10008.5.1.4.1.1.12.1"])
def test_where_the_recipe_holds_pictures_no_film_enters(db: None, sop_class: str) -> None:
    recipe = dict(RECIST_TEMPLATE["deidentification"])
    recipe["options"] = [one for one in recipe["options"] if one != "clean_pixel_data"]
    recipe.pop("pixel_regions", None)
    world = make_world(charter={"deidentification": recipe | {"pixels": "hold"}})
    by_scanner(world, [film(SOPClassUID=sop_class)])

    assert ReceivedInstance.objects.get().hold_reason == HoldReason.CANNOT_DEIDENTIFY
    assert not PixelReview.objects.exists()


def test_whoever_looks_gets_the_film_in_parts_and_keeps_nothing(world: World) -> None:
    by_scanner(world, [film()])
    address = reverse("imaging:look_film", args=[PixelReview.objects.get().pk])
    client = signed_in(world.analyst)

    page = client.get(reverse("imaging:look", args=[PixelReview.objects.get().pk])).content.decode()
    part = client.get(address, headers={"Range": "bytes=4-7"})

    assert f'<video src="{address}"' in page
    assert "data-after-film disabled" in page
    assert (part.status_code, part.content, part["Content-Type"]) == (206, b"ftyp", 'video/mp4; codecs="avc1.64000a"')
    assert "immutable" not in part.headers.get("Cache-Control", "")
    assert AuditEvent.objects.filter(action="pixelreview.viewed").count() == 1


def test_the_decision_on_the_page_of_a_film_lets_it_go_on(world: World) -> None:
    by_scanner(world, [film()])
    look = PixelReview.objects.get()
    client = signed_in(world.analyst)
    form = client.get(reverse("imaging:look", args=[look.pk])).context["form"]

    client.post(reverse("imaging:look_decide", args=[look.pk]), form.initial)

    look.refresh_from_db()
    assert (look.state, look.decided) == (PixelState.DECIDED, {"blank": [], "kept": []})
    assert ReceivedInstance.objects.get().state == ReceivedState.RECEIVED


def test_the_page_of_quality_control_has_the_film_beside_the_pictures(world: World) -> None:
    by_scanner(world, [film()])
    instance = watched(world)

    stage = stage_of(world.timepoint("N-001", "BL"), world.analyst)

    assert stage is not None
    (told,) = stage["films"]
    assert (told["frames"], told["rows"], told["columns"], told["seconds"]) == (FRAMES, 64, 96, 2.0)
    assert told["frame_ms"] == pytest.approx(FRAME_MS, abs=0.01)
    assert (told["per_second"], told["played"], told["steady"]) == (12.0, None, True)
    assert [one["series"] for one in stage["timepoints"]] == [[]]
    client = signed_in(world.analyst)
    whole = client.get(told["url"])
    made = films.stream_of(dcmread(BytesIO(storage.get(storage.ARCHIVE, instance.archive_key))).PixelData)
    assert (whole.status_code, whole.content) == (200, made[: len(whole.content)])
    part = client.get(told["url"], headers={"Range": "bytes=-8"})
    assert (part.status_code, part.content) == (206, whole.content[-8:])
    assert part["Cache-Control"] == "private, max-age=31536000, immutable"
    beyond = client.get(told["url"], headers={"Range": "bytes=999999-"})
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{len(whole.content)}")
    for known, status in ((part["ETag"], 206), ('"another"', 200), ("Thu, 26 Nov 2026 10:00:00 GMT", 200)):
        assert client.get(told["url"], headers={"Range": "bytes=0-7", "If-Range": known}).status_code == status
    assert client.get(told["url"], headers={"If-None-Match": part["ETag"]}).status_code == 304
    page = client.get(reverse("imaging:timepoint", args=[instance.series.imaging_study.timepoint_id]))
    assert f'<video src="{told["url"]}"' in page.content.decode()


def test_a_film_is_one_place_in_its_series_and_has_a_sign_and_no_copy(world: World) -> None:
    by_scanner(world, [film()])
    instance = watched(world)
    copying.prepare(series_id=instance.series_id, at=LATER)

    assert (instance.frames, instance.pictures) == (FRAMES, 1)
    assert len(displaying.plan_of(instance.series).places) == 1
    assert len(shown_series(instance.series, "Film").plain()["slices"]) == 1
    display = SeriesDisplay.objects.get()
    assert display.copies == {str(instance.pk): None}
    with storage.on_disk(storage.ARCHIVE, instance.archive_key) as path:
        assert thumbnail(str(path), 0, None) == bytes(display.thumbnail)


def test_a_long_range_is_answered_by_a_shorter_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    by_scanner(world, [film()])
    watched(world)
    monkeypatch.setattr("compliance.unchanging._AT_ONCE", 100)
    stage = stage_of(world.timepoint("N-001", "BL"), world.analyst)
    assert stage is not None

    part = signed_in(world.analyst).get(stage["films"][0]["url"], headers={"Range": "bytes=0-"})

    assert (part.status_code, len(part.content)) == (206, 100)
    assert part["Content-Range"].startswith("bytes 0-99/")


@pytest.mark.parametrize(
    ("header", "pace", "played", "seconds"),
    [
        ({"FrameTime": "40"}, 25.0, 12.0, 0.96),
        ({"FrameTime": None, "FrameIncrementPointer": None, "CineRate": "24"}, 24.0, 12.0, 1.0),
        ({"FrameTime": None, "FrameIncrementPointer": None}, 12.0, None, 2.0),
    ],
    ids=["frame time", "cine rate", "nothing"],
)
def test_the_pace_is_that_of_the_header_and_it_is_said_where_the_film_plays_otherwise(
    world: World, header: dict[str, str | None], pace: float, played: float | None, seconds: float
) -> None:
    by_scanner(world, [film(**header)])
    instance = watched(world)
    client = signed_in(world.analyst)

    page = client.get(reverse("imaging:timepoint", args=[instance.series.imaging_study.timepoint_id]))

    (told,) = page.context["stage"]["films"]
    assert (told["per_second"], told["played"], told["seconds"]) == (pace, played, seconds)
    said = f"{FRAMES} frames, {seconds:g} s, {pace:g} a second"
    assert said + (f" (played at {played:g} a second)" if played else "") + "</summary>" in page.content.decode()
