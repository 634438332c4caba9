"""A person decides on the face of a series: nothing of it is archived before, and exactly what was decided after."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from django.utils import timezone
from pydicom import dcmread
from pydicom.dataset import Dataset

from compliance import access, jobs, storage, vault
from compliance.errors import HouseError
from compliance.models import AuditEvent, Job
from imaging.deid.faces.choosing import Choice
from imaging.deid.faces.cutting import Cut
from imaging.deid.faces.finding import find_face
from imaging.deid.faces.masking import EVERYWHERE, View, mask
from imaging.deid.faces.volume import Volume, slices_of
from imaging.models import FaceReview, Instance, ReceivedInstance
from imaging.selectors_faces import faces_waiting, first_face_in
from imaging.services import deidentifying, masking, portraying, proposals, proving
from imaging.services.looking import GRACE
from imaging.services.resolving import discard_held
from imaging.states import FaceState, HoldReason, NoFace, OriginalState, ReceivedState
from tests.factories import AT, World, encoded
from tests.factories.heads import Cuts, Head, head_series
from tests.imaging.services.delivery import by_scanner
from trials.models import Trial

pytestmark = pytest.mark.requirement("REQ-DEI-005")

RECIPE = {
    "identifier": "faces",
    "version": "1",
    "options": ["clean_recognizable_visual_features", "retain_longitudinal_modified_dates"],
}
#: Few and small slices, in which a face is found all the same.
CUTS = Cuts(between_mm=7, pixel_mm=4, low=(-100, -124, -110), high=(100, 124, 90))
AS_PROPOSED = Choice("found")


def under(faces: str) -> None:
    """The trial's charter says this of faces."""
    charter = Trial.objects.get().charter_in_force
    options = [] if faces == "keep" else RECIPE["options"]
    recipe = {**RECIPE, "options": options, "faces": faces}
    type(charter).objects.filter(pk=charter.pk).update(content=charter.content | {"deidentification": recipe})


@cache
def head() -> list[bytes]:
    return [encoded(one) for one in head_series(Head(), CUTS, ClinicalTrialSubjectID="N-001")]


def late(series: Sequence[bytes]) -> bytes:
    """A further slice, above the last one."""
    one = dcmread(BytesIO(series[-1]))
    one.SOPInstanceUID += ".9"
    one.ImagePositionPatient = [*one.ImagePositionPatient[:2], one.ImagePositionPatient[2] + 7]
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    return encoded(one)


def decide(world: World, review: FaceReview, **said: Any) -> int:
    """Decide, and let the grace pass in which it could be taken back."""
    asked = {"round": review.round, "choice": AS_PROPOSED, "no_face": None, "actor": world.analyst, "at": AT}
    count = masking.decide(review=review, **asked | said)
    go_on()
    return count


def go_on() -> None:
    Job.objects.filter(state=Job.State.QUEUED).update(not_before=AT)
    jobs.drain()


def archived() -> dict[float, Dataset]:
    """What lies in the archive, by height."""
    read = [dcmread(BytesIO(storage.get(storage.ARCHIVE, one.archive_key))) for one in Instance.objects.all()]
    return {float(one.ImagePositionPatient[2]): one for one in read}


def states() -> set[tuple[str, str]]:
    return set(ReceivedInstance.objects.values_list("state", "hold_reason"))


HELD = {(ReceivedState.HELD, HoldReason.FACE_REVIEW)}
ARCHIVED = {(ReceivedState.ARCHIVED, "")}
#: Everything before a plane through the cheeks.
PLANE = Choice("plane", front_mm=30, top_mm=60, bottom_mm=-60)
NO_FACE: dict[str, Any] = {"choice": None, "no_face": NoFace.OUTSIDE}


def few() -> list[bytes]:
    """Three slices through the nose: no volume, so that no machine can tell."""
    return head()[11:14]


def asked(world: World, files: Sequence[bytes] | None = None, faces: str = "mask") -> FaceReview:
    """Few slices wait for a person."""
    under(faces)
    by_scanner(world, files or few())
    assert states() == HELD
    assert not Instance.objects.exists()
    return FaceReview.objects.get(state=FaceState.WAITING)


def masked(files: Sequence[bytes], place: Any, view: View = EVERYWHERE) -> dict[float, bytes]:
    """Pixels as the automatic path masks them, by height."""
    read = [dcmread(BytesIO(one)) for one in files]
    for one in read:
        mask(one, view, place)
    return {float(one.ImagePositionPatient[2]): one.PixelData for one in read}


def pixels() -> dict[float, bytes]:
    return {height: one.PixelData for height, one in archived().items()}


def test_a_mask_that_a_person_accepts_makes_what_the_machine_alone_would_have_made(world: World) -> None:
    files = head()
    review = asked(world, files, "review")
    assert (review.found, review.doubt, review.pictures) == (True, "", len(files))

    assert decide(world, review) == len(files)

    volume = Volume([one for file in files for one in slices_of(dcmread(BytesIO(file)))])
    found = find_face(volume, hounsfield=True)
    assert pixels() == masked(files, found, View.between(*volume.corners()))
    assert pixels() != masked(files, None)
    assert {one.DeidentificationMethod[2] for one in archived().values()} == {"face taken out of the series"}
    assert {one.face_review.decided["share"] for one in Instance.objects.all()} == {review_of().decided["share"]}
    assert review_of().state == FaceState.APPLIED


def review_of() -> FaceReview:
    return FaceReview.objects.latest("pk")


def test_what_a_machine_is_not_certain_of_waits_for_a_person_who_takes_it_out_by_a_plane(world: World) -> None:
    review = asked(world)
    assert (review.found, review.doubt) == (False, "few_slices")

    assert decide(world, review, choice=PLANE) == 3

    extent = proposals.read(review.proposal, trial_code=world.trial.code)["extent"]
    x, y, z = np.mean(extent, axis=0).tolist()
    assert pixels() == masked(few(), Cut((x, y, z), 30, 60, -60, 0, -1000))
    gone = [after != before for after, before in zip(pixels().values(), masked(few(), None).values(), strict=True)]
    assert all(gone)
    report = [json.loads(line) for line in proving.report_of_trial(world.trial)]
    told = [line["face"] for line in report if "output_sha256" in line]
    decided = {"choice": PLANE.plain(), "place_sha256": review_of().decided["place_sha256"], "share": None}
    assert (
        told
        == [decided | {"found": False, "doubt": "few_slices", "by": world.analyst.username, "at": AT.isoformat()}] * 3
    )
    assert proving.proof_of_trial(world.trial).faces == 3


def test_pictures_without_a_face_stay_as_they_are_and_say_so(world: World) -> None:
    assert decide(world, asked(world), **NO_FACE) == 3

    assert pixels() == masked(few(), None)
    assert {one.DeidentificationMethod[2] for one in archived().values()} == {"no face in the series"}
    event = AuditEvent.objects.get(action="facereview.decide")
    assert (event.actor, event.after["decided"]["no_face"]) == (world.analyst, "outside")


def test_a_picture_that_nobody_could_see_is_not_left_as_it_is(world: World) -> None:
    files = few()
    broken = dcmread(BytesIO(files[0]))
    broken.BitsAllocated, broken.PixelData = 32, broken.PixelData * 2
    review = asked(world, [encoded(broken), *files[1:]])
    assert review.pictures == 2

    decide(world, review, **NO_FACE)

    held = ReceivedInstance.objects.get(state=ReceivedState.HELD)
    assert (held.hold_reason, "cannot be read" in held.hold_sentence) == (HoldReason.CANNOT_DEIDENTIFY, True)
    assert len(archived()) == 2


def test_a_series_that_is_refused_is_set_aside_and_a_slice_that_follows_is_asked_anew(world: World) -> None:
    review = asked(world)
    with pytest.raises(HouseError, match="needs a reason"):
        masking.refuse(review=review, round=1, reason=" ", actor=world.analyst, at=AT)

    assert masking.refuse(review=review, round=1, reason="A face, turned away", actor=world.analyst, at=AT) == 3

    assert states() == {(ReceivedState.DISCARDED, HoldReason.FACE_REVIEW)}
    assert review_of().state == FaceState.REFUSED
    by_scanner(world, [late(few())])
    assert FaceReview.objects.get(state=FaceState.WAITING).pictures == 1
    assert not Instance.objects.exists()


def test_of_two_people_the_first_counts(world: World) -> None:
    review = asked(world)
    decide(world, review, choice=PLANE)

    with pytest.raises(masking.FaceChanged, match="Somebody has decided"):
        decide(world, review, **NO_FACE, actor=world.administrator)
    assert review_of().decided_by == world.analyst


def test_who_may_not_look_decides_nothing(world: World) -> None:
    review = asked(world)
    for person in (world.coordinator, world.outsider):
        with pytest.raises(access.AccessDenied):
            decide(world, review, choice=PLANE, actor=person)
    with pytest.raises(masking.FaceIncomplete):
        decide(world, review, choice=AS_PROPOSED)  # none was found
    with pytest.raises(masking.FaceIncomplete):
        decide(world, review, choice=PLANE, no_face=NoFace.NO_HEAD)
    assert states() == HELD


def test_a_decision_is_taken_back_until_an_image_is_archived(world: World) -> None:
    review = asked(world)
    masking.decide(review=review, round=1, choice=PLANE, no_face=None, actor=world.analyst, at=AT)
    job = Job.objects.get(state=Job.State.QUEUED)
    assert job.not_before >= AT + GRACE
    assert states() == {(ReceivedState.RECEIVED, "")}

    assert masking.take_back(review=review, actor=world.analyst, at=AT) == 3

    assert states() == HELD
    go_on()
    assert not Instance.objects.exists()
    review = review_of()
    assert (review.round, review.decided, review.before["choice"]) == (2, None, PLANE.plain())
    decide(world, review, choice=PLANE)
    with pytest.raises(masking.FaceChanged, match="gone on already"):
        masking.take_back(review=review, actor=world.analyst, at=AT)


def test_a_decision_that_was_taken_back_while_it_was_carried_out_archives_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = asked(world)
    file = deidentifying.file_instances

    def meanwhile(*args: Any, **kwargs: Any) -> None:
        monkeypatch.undo()
        masking.take_back(review=review, actor=world.analyst, at=AT)
        masking.decide(review=review_of(), round=2, **NO_FACE, actor=world.administrator, at=AT)
        file(*args, **kwargs)

    masking.decide(review=review, round=1, choice=PLANE, no_face=None, actor=world.analyst, at=AT)
    monkeypatch.setattr(deidentifying, "file_instances", meanwhile)
    jobs.run(Job.objects.get(state=Job.State.QUEUED).pk)
    assert not Instance.objects.exists()

    go_on()
    assert pixels() == masked(few(), None)  # as the second person said
    assert {one.face_review.decided_by for one in Instance.objects.all()} == {world.administrator}


def test_a_slice_that_comes_while_it_waits_is_proposed_with_the_others(world: World) -> None:
    review = asked(world)
    by_scanner(world, [late(few())])

    assert states() == HELD
    (again,) = FaceReview.objects.all()
    assert (again.round, again.pictures, again.proposal != review.proposal) == (2, 4, True)
    with pytest.raises(masking.FaceChanged):
        decide(world, review, choice=PLANE)
    assert decide(world, again, choice=PLANE) == 4
    assert states() == ARCHIVED


def test_a_slice_that_came_and_is_not_read_yet_keeps_the_series_from_being_decided(world: World) -> None:
    review = asked(world)
    by_scanner(world, [late(few())])
    ReceivedInstance.objects.filter(pk__gt=ReceivedInstance.objects.earliest("pk").pk + 2).update(
        state=ReceivedState.RECEIVED, hold_reason=""
    )
    FaceReview.objects.update(content_sha256=review.content_sha256, round=1)

    with pytest.raises(masking.FaceChanged, match="Further images"):
        decide(world, review, **NO_FACE)
    assert not Instance.objects.exists()


def test_a_slice_that_comes_between_decision_and_archive_is_decided_with_the_others(world: World) -> None:
    review = asked(world)
    masking.decide(review=review, round=1, **NO_FACE, actor=world.analyst, at=timezone.now())
    by_scanner(world, [late(few())])
    go_on()

    assert states() == HELD
    assert not Instance.objects.exists()
    again = review_of()
    assert (again.pk, again.round, again.before["no_face"], again.pictures) == (review.pk, 2, "outside", 4)
    decide(world, again, choice=PLANE)
    assert len(pixels()) == 4


def test_a_slice_that_comes_after_the_archive_waits_for_a_look_of_its_own(world: World) -> None:
    first = asked(world)
    decide(world, first, choice=PLANE)
    before = pixels()
    by_scanner(world, [late(few())])

    second = FaceReview.objects.get(state=FaceState.WAITING)
    assert (second.before["choice"], second.pictures, pixels()) == (PLANE.plain(), 4, before)
    assert list(faces_waiting(world.trial).values_list("pk", "images")) == [(second.pk, 1)]
    decide(world, second, choice=Choice("plane", front_mm=0, top_mm=60, bottom_mm=-60))
    assert {height: content for height, content in pixels().items() if height in before} == before
    assert sorted(Instance.objects.values_list("face_review", flat=True)) == [first.pk] * 3 + [second.pk]


def test_where_an_image_is_set_aside_the_others_are_proposed_anew_and_decided(world: World) -> None:
    review = asked(world)
    discard_held(instances=ReceivedInstance.objects.all()[:1], reason="Blurred", actor=world.analyst, at=AT)
    with pytest.raises(masking.FaceChanged, match="some were set aside"):
        decide(world, review, choice=PLANE)

    again = masking.renew(review=review, at=AT)

    assert (again.pk, again.round, again.pictures) == (review.pk, 2, 2)
    assert masking.renew(review=again, at=AT) == again
    assert decide(world, again, choice=PLANE) == 2


def test_the_same_image_once_more_changes_nothing_that_was_proposed(world: World) -> None:
    review = asked(world)
    by_scanner(world, few()[:1])

    assert states() == HELD
    assert (review_of().round, review_of().proposal) == (1, review.proposal)
    assert decide(world, review, choice=PLANE) == 4
    assert sorted(ReceivedInstance.objects.values_list("state", flat=True)) == ["archived"] * 3 + ["duplicate"]


def test_a_charter_that_keeps_faces_by_now_lets_none_pass_about_which_somebody_is_asked(world: World) -> None:
    review = asked(world)
    under("keep")
    by_scanner(world, [late(few())])
    assert states() == HELD

    decide(world, review_of(), choice=PLANE)

    assert len(pixels()) == 4
    assert all(pixels()[height] != content for height, content in masked(few(), None).items())
    assert review.pk == review_of().pk


def test_a_proposal_lies_under_lock_as_long_as_images_wait_and_is_made_again_when_it_is_lost(world: World) -> None:
    review = asked(world)
    key = f"faces/{review.proposal}.proposal"
    stored = storage.get(storage.QUARANTINE, key)
    assert vault.is_locked(stored)
    assert b"portrait" not in stored
    later = timezone.now() + dt.timedelta(hours=2)
    proposals.sweep(at=later)
    assert storage.of(storage.QUARANTINE).exists(key)
    storage.remove(storage.QUARANTINE, [key])
    assert portraying.shown(review=review, actor=world.analyst, at=AT).first == Choice.at_first(
        proposals.read(review.proposal, trial_code=world.trial.code)
    )
    assert AuditEvent.objects.filter(action="facereview.viewed", actor=world.analyst).count() == 1

    decide(world, review, choice=PLANE)
    proposals.sweep(at=later)

    assert storage.of(storage.QUARANTINE).listdir("faces")[1] == []


def test_a_proposal_that_is_lost_is_not_made_of_other_images(world: World) -> None:
    review = asked(world)
    storage.remove(storage.QUARANTINE, [f"faces/{review.proposal}.proposal"])
    ReceivedInstance.objects.filter(pk=ReceivedInstance.objects.earliest("pk").pk).update(
        original_state=OriginalState.GONE
    )
    with pytest.raises(proposals.ProposalLost):
        portraying.picture_png(review=review, number=1, choice=None, show="before", actor=world.analyst, at=AT)


def test_what_waits_in_a_delivery_is_found_from_it(world: World) -> None:
    review = asked(world)
    transfer = ReceivedInstance.objects.all()[0].transfer
    assert first_face_in(transfer) == review
    decide(world, review, choice=PLANE)
    assert first_face_in(transfer) is None
