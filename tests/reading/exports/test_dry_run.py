"""A dry run of the package: every file is there and says so, and nothing of the trial's data is in it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from compliance import access, exporting, jobs
from compliance.models import AuditEvent, Export
from reading.exports import dummy
from reading.exports.dry_run import DryRun
from reading.exports.endpoint_package import VERIFIER, EndpointPackage
from reading.exports.snapshot import snapshot
from reading.services.packaging import build_dry_run, open_dry_run
from tests.reading.exports import recorded
from trials.models import ImagingCharter, Role, Subject, Trial
from trials.webhooks import KINDS

AT = recorded.LOCKED_AT
pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-LOC-015")]
#: Tables that may be asked: the charter, and who signed it.
ASKED = {"trials_imagingcharter", "compliance_signature", "compliance_supersession", "compliance_user"}


@pytest.fixture
def trial() -> Trial:
    return recorded.written()


def test_nothing_but_the_charter_and_its_signatures_is_read(trial: Trial) -> None:
    with CaptureQueriesContext(connection) as asked:
        dummy.dummy_trial(trial)
    tables = {
        table for query in asked for table in connection.introspection.table_names() if f'"{table}"' in query["sql"]
    }
    assert tables <= ASKED


def test_it_is_the_same_whatever_was_read(trial: Trial) -> None:
    before = exporting.pack(DryRun(), dummy.dummy_trial(trial))
    recorded.lock(trial)
    real = exporting.pack(EndpointPackage(), snapshot(trial))

    after = exporting.pack(DryRun(), dummy.dummy_trial(trial))

    assert after.data == before.data
    with zipfile.ZipFile(io.BytesIO(after.data)) as made, zipfile.ZipFile(io.BytesIO(real.data)) as locked:
        names = {name for name in locked.namelist() if name.split("/")[0] not in ("traces", "images")}
        assert names <= set(made.namelist()) | {"queries.csv"}
        content = b"".join(made.read(name) for name in made.namelist())
    for code in Subject.objects.values_list("code", flat=True):
        assert code.encode() not in content


def test_it_says_so_everywhere_and_the_verifier_finds_it_whole(trial: Trial, tmp_path: Path) -> None:
    made = exporting.pack(DryRun(), dummy.dummy_trial(trial))
    kept = tmp_path / "made.zip"
    kept.write_bytes(made.data)

    ran = subprocess.run([sys.executable, VERIFIER, kept], capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stdout
    assert "DRY RUN" in ran.stdout
    assert "what was locked" not in ran.stdout
    assert "DRY RUN" in made.manifest["dry_run"]
    assert set(made.manifest["lock"]) == {"identifier"}
    assert made.manifest["simulated_reads"] is True
    assert DryRun().file_name(dummy.dummy_trial(trial)).startswith("DRY-RUN-")
    with zipfile.ZipFile(kept) as archive:
        lines = archive.read("responses.csv").decode().splitlines()
        defined = [archive.read(name) for name in archive.namelist() if name.endswith("define.xml")]
        steps = [json.loads(archive.read(name)) for name in archive.namelist() if name.startswith("traces/")]
    assert defined
    assert all(b"DRY RUN" in one for one in defined)
    assert all(",DRY-0" in line for line in lines[1:])
    found = {one["overall_response"] for subject in steps for one in subject["responses"]}
    assert {"CR", "PR", "SD", "PD", "NE"} <= found


def test_who_may_take_packages_and_the_reading_manager_build_and_take_it_before_the_lock(
    trial: Trial, own_disk: Path
) -> None:
    manager, reader = (recorded.member(trial, role) for role in (Role.READING_MANAGER, Role.READER))
    with pytest.raises(access.AccessDenied):
        build_dry_run(trial=trial, actor=reader, at=AT)
    client = Client()
    client.force_login(manager)
    page = f"/reading/trials/{trial.pk}/package/dry-run/"
    assert "None was built yet" in client.get(page).content.decode()
    assert client.post(page).status_code == 302
    assert "It is being built" in client.get(page).content.decode()
    jobs.drain()

    export = Export.objects.get()

    assert export.file_name in client.get(page).content.decode()
    assert client.get(f"/reading/dry-runs/{export.pk}/").status_code == 200
    with pytest.raises(access.AccessDenied):
        open_dry_run(export=export, actor=reader, at=AT)
    assert AuditEvent.objects.filter(action="dry_run.downloaded").count() == 1
    assert build_dry_run(trial=trial, actor=manager, at=AT) == export
    # Other systems hear of packages that are built; this is none.
    built = AuditEvent.objects.filter(action__endswith=".built").values_list("action", flat=True)
    assert set(built) == {DryRun.built} == {"dry_run.built"}
    assert DryRun.built not in KINDS


def test_without_a_charter_or_by_other_criteria_there_is_none(trial: Trial) -> None:
    charter = trial.charter_in_force
    ImagingCharter.objects.filter(pk=charter.pk).update(content={**charter.content, "criteria": "RANO 2.0"})
    with pytest.raises(dummy.NoDryRun, match=r"RANO 2\.0"):
        dummy.dummy_trial(Trial.objects.get(pk=trial.pk))
    ImagingCharter.objects.filter(pk=charter.pk).update(state="draft")
    with pytest.raises(dummy.NoDryRun, match="not signed"):
        dummy.dummy_trial(Trial.objects.get(pk=trial.pk))
