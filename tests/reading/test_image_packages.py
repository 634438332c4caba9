"""Packages of images: whose they are, what is in them, that they go on where they broke, and who may take them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from django.test import Client
from pydicom import dcmread

from compliance import exporting, jobs
from compliance.access import AccessDenied
from compliance.models import AuditEvent, Export, User
from imaging.models import Instance
from reading.exports.dicom_sr import reports
from reading.exports.snapshot import snapshot
from reading.services import packaging_images
from reading.services.packaging_images import PackageOutdated, build_images, open_images
from tests.reading.exports import recorded
from tests.reading.exports.recorded import LOCKED_AT as AT
from tests.support.disarmed import disarm
from tests.support.tools import requires_tool, tool
from trials.models import Role, Subject, Trial
from trials.services.watching import TrailDamaged

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial(own_disk: Path) -> Trial:
    """A locked trial of two subjects, whose five scans lie in the archive."""
    made = recorded.written()
    recorded.archive_images()
    return recorded.lock(made)


@pytest.fixture
def sponsor(trial: Trial) -> User:
    return recorded.member(trial, Role.SPONSOR)


def bytes_of(export: Export, actor: User) -> bytes:
    part = open_images(export=export, actor=actor)
    return b"".join(part.pieces(0, export.size))


def unpacked(data: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return folder


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_it_holds_every_image_and_the_accepted_reads(trial: Trial, sponsor: User, tmp_path: Path) -> None:
    export = build_images(trial=trial, subject=None, actor=sponsor, at=AT)
    data = bytes_of(export, sponsor)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (export.size, export.sha256)
    folder = unpacked(data, tmp_path / "x")
    rows = list(csv.DictReader(io.StringIO((folder / "FILES.CSV").read_text())))
    assert [(row["kind"], row["subject"], row["timepoint"]) for row in rows] == [
        (kind, subject, visit)
        for subject, visits in (("A-001", ("BL", "W8", "W16")), ("B-001", ("BL", "W8")))
        for visit in visits
        for kind in ("image", "report")
    ]
    accepted = {
        read.evalid for subject, _, read in snapshot(trial).reads() if read.accepted and subject.code == "A-001"
    }
    titles = {dcmread(folder / row["file"]).SeriesDescription for row in rows if row["kind"] == "report"}
    assert accepted == {"READER 2"}
    assert "Measurements of Reader 2" in titles
    whole = {hashlib.sha256(data).hexdigest() for _, data in reports(snapshot(trial))}
    assert {row["sha256"] for row in rows if row["kind"] == "report"} < whole
    for row in rows:
        assert hashlib.sha256((folder / row["file"]).read_bytes()).hexdigest() == row["sha256"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest == export.manifest
    assert manifest["counts"] | {"bytes": 0} == {
        "subjects": 2,
        "patients": 2,
        "studies": 5,
        "series": 10,
        "images": 5,
        "reports": 5,
        "segmentations": 0,
        "bytes": 0,
    }
    assert manifest["left_out"] == {"consent_withdrawn": [], "images_erased": 0}
    for planted in (*recorded.READER_NAMES, "ARM-X", f"{recorded.TRUE_DAY_1:%Y%m%d}"):
        assert planted.encode() not in data


@requires_tool("dcmdump", "dcmftest")
def test_its_directory_and_its_sums_hold_for_others(trial: Trial, sponsor: User, tmp_path: Path) -> None:
    export = build_images(trial=trial, subject=None, actor=sponsor, at=AT)
    folder = unpacked(bytes_of(export, sponsor), tmp_path / "x")
    sums = [shutil.which("sha256sum") or "sha256sum", "--quiet", "-c", "SHA256SUM.TXT"]
    assert subprocess.run(sums, cwd=folder, capture_output=True).returncode == 0
    dump = subprocess.run([tool("dcmdump"), "-q", "DICOMDIR"], cwd=folder, capture_output=True, text=True)
    assert (dump.returncode, dump.stderr) == (0, "")
    assert dump.stdout.count("[SR DOCUMENT]") == 5
    assert dump.stdout.count("[IMAGE]") == 5
    files = sorted(str(path) for path in folder.rglob("I0*"))
    assert len(files) == 10
    assert subprocess.run([tool("dcmftest"), *files, "DICOMDIR"], cwd=folder, capture_output=True).returncode == 0
    assert all(len(part) <= 8 for path in folder.rglob("*") for part in path.relative_to(folder).parts[:-1])
    assert (folder / "README.TXT").read_bytes().isascii()
    assert "B-001" in (folder / "INDEX.HTM").read_text()


def test_the_same_images_give_the_same_package_and_a_subject_has_one_of_its_own(trial: Trial, sponsor: User) -> None:
    first = build_images(trial=trial, subject=None, actor=sponsor, at=AT)
    assert build_images(trial=trial, subject=None, actor=sponsor, at=AT) == first
    subject = Subject.objects.get(code="B-001")
    alone = build_images(trial=trial, subject=subject, actor=sponsor, at=AT)
    assert alone != first
    assert (alone.manifest["subject"], alone.manifest["counts"]["images"]) == ("B-001", 2)
    assert alone.file_name == f"PKG-01-images-B-001-{alone.sha256[:12]}.zip"
    data = bytes_of(alone, sponsor)
    assert b"A-001" not in data


def test_a_download_that_broke_goes_on_where_it_stopped_and_each_part_is_recorded(trial: Trial, sponsor: User) -> None:
    export = build_images(trial=trial, subject=None, actor=sponsor, at=AT)
    client, address = client_of(sponsor), f"/reading/image-packages/{export.pk}/"
    head = client.head(address)
    assert (head.status_code, head["Content-Length"], head["Accept-Ranges"]) == (200, str(export.size), "bytes")
    assert not AuditEvent.objects.filter(action="package.downloaded").exists()
    whole = client.get(address)
    data = b"".join(whole.streaming_content)
    assert (whole.status_code, whole["ETag"]) == (200, f'"{export.sha256}"')
    rest = client.get(address, headers={"Range": f"bytes={export.size // 2}-", "If-Range": whole["ETag"]})
    assert (rest.status_code, rest["Content-Length"]) == (206, str(export.size - export.size // 2))
    assert data[: export.size // 2] + b"".join(rest.streaming_content) == data
    assert hashlib.sha256(data).hexdigest() == export.sha256
    assert client.get(address, headers={"Range": f"bytes={export.size}-"}).status_code == 416
    other = client.get(address, headers={"Range": "bytes=5-", "If-Range": '"another"'})
    assert other.status_code == 200
    told = [event.after for event in AuditEvent.objects.filter(action="package.downloaded").order_by("pk")]
    assert [row.get("from_byte") for row in told] == [None, export.size // 2, None]
    assert {row["sha256"] for row in told} == {export.sha256}


def test_what_was_erased_or_whose_consent_was_withdrawn_is_not_handed_on(trial: Trial, sponsor: User) -> None:
    export = build_images(trial=trial, subject=None, actor=sponsor, at=AT)
    disarm()
    Subject.objects.filter(code="B-001").update(state="consent_withdrawn")
    with pytest.raises(PackageOutdated):
        open_images(export=export, actor=sponsor)
    again = build_images(trial=trial, subject=None, actor=sponsor, at=AT)
    assert again.manifest["left_out"] == {"consent_withdrawn": ["B-001"], "images_erased": 0}
    assert again.manifest["counts"]["images"] == 3
    Instance.objects.filter(series__imaging_study__timepoint__code="W8").update(stored_state="gone")
    with pytest.raises(PackageOutdated):
        open_images(export=again, actor=sponsor)
    assert build_images(trial=trial, subject=None, actor=sponsor, at=AT).manifest["counts"]["images"] == 2


def test_an_image_that_is_not_as_it_was_archived_is_packed_nowhere(trial: Trial, sponsor: User) -> None:
    disarm()
    Instance.objects.filter(series__imaging_study__timepoint__code="W16").update(sha256="0" * 64)
    with pytest.raises(exporting.PackageDamaged, match="does not lie in the archive as it was written"):
        build_images(trial=trial, subject=None, actor=sponsor, at=AT)
    assert not Export.objects.exists()


def test_before_the_lock_nothing_is_built_listed_or_taken(trial: Trial, sponsor: User) -> None:
    export = build_images(trial=trial, subject=None, actor=sponsor, at=AT)
    disarm()
    Trial.objects.filter(pk=trial.pk).update(state="running")
    with pytest.raises(exporting.NotLocked):
        build_images(trial=trial, subject=None, actor=sponsor, at=AT)
    with pytest.raises(exporting.NotLocked):
        open_images(export=export, actor=sponsor)
    client = client_of(sponsor)
    page = client.get(f"/reading/trials/{trial.pk}/package/images/").content.decode()
    assert "Not locked yet" in page
    assert "A-001" not in page
    # Nor does an answer tell whether there is a subject of that code.
    for code in ("", "A-001", "X-999"):
        asked = {"trial": trial.pk, "subject": code}
        assert client.post(f"/reading/trials/{trial.pk}/package/images/", {"subject": code}).status_code == 409
        assert client.post("/api/v1/image-packages/", asked, content_type="application/json").status_code == 409


def test_nothing_leaves_while_the_audit_trail_is_not_what_was_written(trial: Trial, sponsor: User) -> None:
    export = build_images(trial=trial, subject=None, actor=sponsor, at=AT)
    past_the_door = {"action": "read.signed", "object_type": "reading.readtask", "object_id": "1"}
    AuditEvent.objects.create(at=AT, actor_name="nobody", trial_id=trial.pk, **past_the_door)
    with pytest.raises(TrailDamaged):
        open_images(export=export, actor=sponsor)


@pytest.mark.parametrize("role", [Role.READER, Role.ADJUDICATOR, Role.QC_ANALYST, Role.READING_MANAGER])
def test_other_roles_neither_build_nor_take_it(trial: Trial, sponsor: User, role: Role) -> None:
    export = build_images(trial=trial, subject=None, actor=sponsor, at=AT)
    other = recorded.member(trial, role)
    with pytest.raises(AccessDenied):
        build_images(trial=trial, subject=None, actor=other, at=AT)
    with pytest.raises(AccessDenied):
        open_images(export=export, actor=other)


def test_a_sponsor_has_it_built_on_the_page_and_the_page_says_who_took_it(trial: Trial, sponsor: User) -> None:
    client, address = client_of(sponsor), f"/reading/trials/{trial.pk}/package/images/"
    assert "Nobody has taken anything yet." in client.get(address).content.decode()
    assert client.post(address, {"subject": "B-001"}).status_code == 302
    assert packaging_images.being_built(trial) == {"B-001": False}
    assert "Being put together" in client.get(address).content.decode()
    jobs.drain()
    export = Export.objects.get()
    page = client.get(address).content.decode()
    assert f"/reading/image-packages/{export.pk}/" in page
    b"".join(client.get(f"/reading/image-packages/{export.pk}/").streaming_content)
    assert f"{export.file_name}</td>" in client.get(address).content.decode()
    assert client.post(address, {"subject": "C-404"}).status_code == 404


def test_a_program_has_it_built_and_takes_it(trial: Trial, sponsor: User) -> None:
    client, address = client_of(sponsor), "/api/v1/image-packages/"
    asked = {"trial": trial.pk, "subject": "A-001"}
    assert client.post(address, asked, content_type="application/json").status_code == 202
    wrong = client.post(address, {"trial": trial.pk, "subject": "X-1"}, content_type="application/json")
    assert wrong.status_code == 400
    jobs.drain()
    [row] = client.get(address).json()["results"]
    taken = client.get(f"{address}{row['id']}/download/", headers={"Range": "bytes=0-99"})
    assert (taken.status_code, len(b"".join(taken.streaming_content))) == (206, 100)
    assert row["manifest"]["subject"] == "A-001"


def test_of_a_subject_that_had_another_code_reads_are_a_patient_of_their_own(trial: Trial, sponsor: User) -> None:
    disarm()
    Subject.objects.filter(code="B-001").update(code="Z-009", screening_code="B-001")
    subject = Subject.objects.get(code="Z-009")
    export = build_images(trial=trial, subject=subject, actor=sponsor, at=AT)
    assert export.manifest["counts"] | {"bytes": 0} == {
        "subjects": 1,
        "patients": 2,
        "studies": 4,
        "series": 4,
        "images": 2,
        "reports": 2,
        "segmentations": 0,
        "bytes": 0,
    }
