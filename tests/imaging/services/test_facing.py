"""Faces in a delivery and in a folder: the whole series is looked at, whatever files it came in and when."""

from __future__ import annotations

import datetime as dt
import json
from io import BytesIO
from pathlib import Path

import pytest
from django.core.management import call_command
from pydicom import dcmread
from pydicom.dataset import Dataset

from compliance import jobs, storage
from compliance.models import Job
from imaging.models import FaceReview, Instance, ReceivedInstance
from imaging.services import deidentifying, facing
from imaging.states import OriginalState, ReceivedState
from tests.factories import AT, World, encoded, slice_of
from tests.factories.heads import BRAIN, Cuts, Head, head_series
from tests.imaging.services.delivery import by_scanner
from trials.models import Trial

pytestmark = pytest.mark.requirement("REQ-DEI-005")

RECIPE = {
    "identifier": "faces",
    "version": "1",
    "options": ["clean_recognizable_visual_features", "retain_longitudinal_modified_dates"],
    "faces": "mask",
}
CUTS = Cuts(between_mm=7, pixel_mm=3, low=(-100, -124, -110), high=(100, 124, 90))


@pytest.fixture
def masking(world: World) -> World:
    """The trial's charter asks for faces to be masked."""
    charter = Trial.objects.get().charter_in_force
    type(charter).objects.filter(pk=charter.pk).update(content=charter.content | {"deidentification": RECIPE})
    return world


def head() -> list[Dataset]:
    return head_series(Head(), CUTS, ClinicalTrialSubjectID="N-001")


def changed(before: list[Dataset], after: list[Dataset]) -> int:
    """Pixels that are not what they were; none of them shows the brain."""
    lowest = {float(one.ImagePositionPatient[2]): one for one in after}
    count = 0
    for one, (_, points) in zip(before, CUTS.planes(), strict=True):
        differs = one.pixel_array != lowest[float(one.ImagePositionPatient[2])].pixel_array
        assert not differs[Head().tissue(points) == BRAIN].any()
        count += int(differs.sum())
    return count


def read(files: list[bytes]) -> list[Dataset]:
    return [dcmread(BytesIO(one)) for one in files]


def test_a_delivered_head_loses_its_face_and_single_slices_wait_the_late_one_too(masking: World) -> None:
    files = [encoded(one) for one in head()]
    scout = encoded(slice_of(1, scan_number=2, ClinicalTrialSubjectID="N-001"))
    transfer = by_scanner(masking, [*files, scout])

    archived = [storage.get(storage.ARCHIVE, one.archive_key) for one in Instance.objects.all()]
    assert len(archived) == len(files)
    assert changed(read(files), read(archived)) > 2000
    assert {one.RecognizableVisualFeatures for one in read(archived)} == {"NO"}
    assert sum(one.deid_counters.get("faces", 0) for one in Instance.objects.all()) > 5
    assert transfer.instances.get(state=ReceivedState.HELD).hold_reason == "face_review"

    ReceivedInstance.objects.update(original_state=OriginalState.GONE)
    late = head()[-1]
    late.SOPInstanceUID += ".9"
    late.ImagePositionPatient = [*late.ImagePositionPatient[:2], late.ImagePositionPatient[2] + 7]
    held = by_scanner(masking, [encoded(late)]).instances.get()
    assert (held.state, held.hold_reason) == (ReceivedState.HELD, "face_review")
    assert [(one.pictures, one.doubt) for one in FaceReview.objects.all()] == [(1, "few_slices")] * 2


def test_a_series_waits_for_the_rest_of_its_delivery(masking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(deidentifying, "is_arriving", lambda transfer, at: True)
        by_scanner(masking, [encoded(one) for one in head()[:3]])

    assert {one.state for one in ReceivedInstance.objects.all()} == {ReceivedState.RECEIVED}
    again = Job.objects.filter(state=Job.State.QUEUED)
    assert again.get().not_before == again.get().created_at + facing.SETTLED
    again.update(not_before=AT)
    jobs.drain()
    assert {one.state for one in ReceivedInstance.objects.all()} == {ReceivedState.HELD}  # three slices are no volume


def test_a_delivery_arrives_until_nothing_came_for_a_while(masking: World) -> None:
    transfer = by_scanner(masking, [encoded(head()[0])])
    soon, late = AT + facing.SETTLED / 2, AT + facing.SETTLED + dt.timedelta(seconds=1)

    assert facing.is_arriving(transfer, soon)
    assert not facing.is_arriving(transfer, late)
    transfer.instances.update(state=ReceivedState.RECEIVED, series_uid_key="")
    assert facing.is_arriving(transfer, late)


def test_the_command_asks_nobody_and_holds_what_a_person_must_see(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "0.dcm").write_bytes(encoded(head()[0]))
    (tmp_path / "faces.json").write_text(json.dumps(RECIPE | {"faces": "review"}))
    named = {"key": tmp_path / "key", "recipe": tmp_path / "faces.json", "report": tmp_path / "report.jsonl"}
    with pytest.raises(SystemExit) as ended:
        call_command("deidentify", tmp_path / "in", tmp_path / "out", **named)

    assert ended.value.code
    assert '"face_review"' in (tmp_path / "report.jsonl").read_text()
    assert list((tmp_path / "out").rglob("*.dcm")) == []


def test_a_folder_with_a_head_loses_the_face(tmp_path: Path) -> None:
    files = [encoded(one) for one in head()]
    (tmp_path / "in").mkdir()
    for number, content in enumerate(files):
        (tmp_path / "in" / f"{number}.dcm").write_bytes(content)
    (tmp_path / "faces.json").write_text(str(RECIPE).replace("'", '"'))
    named = {"key": tmp_path / "key", "recipe": tmp_path / "faces.json"}
    call_command("deidentify", tmp_path / "in", tmp_path / "out", **named)

    cleaned = [path.read_bytes() for path in (tmp_path / "out").rglob("*.dcm")]
    assert len(cleaned) == len(files)
    assert changed(read(files), read(cleaned)) > 2000
    assert all("face taken out of the series" in one.DeidentificationMethod for one in read(cleaned))
