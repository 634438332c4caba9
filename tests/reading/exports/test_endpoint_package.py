"""The endpoint package: the same bytes each time, everywhere, and nothing in it that does not belong there."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import subprocess
import sys
import zipfile

import pytest
from django.db import transaction

from compliance import exporting, printing, signing
from compliance.access import AccessDenied
from compliance.models import AuditEvent, Export, User
from imaging.models import Instance
from reading import criteria
from reading.exports.adam import adam_files
from reading.exports.endpoint_package import EndpointPackage
from reading.exports.endpoint_tables import csv_files
from reading.exports.locked import lock_identifier, plain
from reading.exports.sdtm_files import sdtm_files
from reading.exports.snapshot import NotReproducible, snapshot
from reading.models import Assessment
from reading.services.packaging import build_package, open_package
from tests.reading.exports import recorded, sample
from tests.support.disarmed import disarm
from trials.models import Role
from trials.schedule import date_of
from trials.services.watching import TrailDamaged

pytestmark = pytest.mark.requirement("REQ-LOC-003")

#: Of the tables of `recorded.build()`; changes with them alone. Responses carry the rule pack's trace.
TABLES_SHA256 = "a7a77b02039c50e220df44a18782afc484dcf76e3d8f763c2929a92f24dc7d39"
#: Of the transport files of the same trial.
SDTM_SHA256 = "44f1fef347fc99122fbcfb0949c9421938a64b49d4b79083ea098a22fc0cffd0"
PACK_DEPENDENT = {"responses.csv", "data_dictionary.csv"}
AT = dt.datetime(2026, 3, 3, 9, 0, tzinfo=dt.UTC)
LATER = dt.datetime(2026, 9, 9, 21, 0, tzinfo=dt.UTC)


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def package() -> exporting.Package:
    return exporting.pack(EndpointPackage(), sample.locked_trial(3))


class TestFrozenSample:
    """Without a database: from plain values to bytes."""

    def test_a_second_process_elsewhere_writes_the_same_bytes(self, package):
        program = (
            "import django; django.setup();"
            "from compliance.exporting import pack; from tests.reading.exports.sample import locked_trial;"
            "from reading.exports.endpoint_package import EndpointPackage;"
            "print(pack(EndpointPackage(), locked_trial(3)).sha256)"
        )
        environment = {
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "PYTHONHASHSEED": "11",
            "TZ": "America/St_Johns",
            "LC_ALL": "C",
            "PYTHONPATH": ".",
        }
        run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        assert run.stdout.strip() == package.sha256

    def test_the_package_proves_itself(self, package):
        assert exporting.verify(package.data) == []

    def test_the_files_are_the_ones_promised(self, package):
        reports = [name for name in members(package.data) if name.startswith("images/sr/")]
        assert len(reports) == sum(1 for _ in sample.locked_trial(3).reads())
        datasets = [name for name in members(package.data) if name.startswith(("sdtm/", "adam/"))]
        traces = [f"traces/{subject.code}.json" for subject in sample.locked_trial(3).subjects]
        assert sorted(datasets) == sorted(
            name for files in (sdtm_files, adam_files) for name, _ in files(sample.locked_trial(3))
        )
        assert sorted(set(members(package.data)) - {*reports, *datasets, *traces}) == [
            "adjudications.csv",
            "best_overall_response.csv",
            "charter.json",
            "criteria.json",
            "data_dictionary.csv",
            "deviations.csv",
            "images.csv",
            "lesions.csv",
            "manifest.json",
            "measurements.csv",
            "odm.xml",
            "parallax_verify.py",
            "records.json",
            "report.pdf",
            "response_rates.csv",
            "responses.csv",
            "signed_work.csv",
            "subjects.csv",
            "time_to_event.csv",
            "timepoints.csv",
            "values.csv",
            "variability.json",
        ]

    def test_the_manifest_states_lock_charter_rules_and_code(self, package):
        manifest = json.loads(members(package.data)["manifest.json"])
        trial = sample.locked_trial(3)
        lock = {"identifier": lock_identifier(trial), "locked_at": "2026-03-02T16:30:00Z", "number": 1}
        assert manifest["lock"] == lock
        assert manifest["charter"] == {
            "version": 1,
            "sha256": trial.charter.sha256,
            "signed_at": "2025-01-08T10:00:00Z",
        }
        pack = criteria.get("RECIST 1.1")
        assert manifest["criteria"] == {
            "name": "RECIST 1.1",
            "version": pack.version,
            "parameters_sha256": pack.stamp.parameters_sha256,
        }
        assert manifest["code"] == dict(exporting.code_version(EndpointPackage.sources))
        assert manifest["simulated_reads"] is True

    def test_the_parameters_inside_are_those_of_the_digest(self, package):
        inside = json.loads(members(package.data)["criteria.json"])
        assert signing.digest(inside) == criteria.get("RECIST 1.1").stamp.parameters_sha256

    @pytest.mark.requires_tool("pdftotext")
    def test_the_report_says_what_the_trial_s_team_must_find_in_it(self, package, tmp_path):
        (tmp_path / "report.pdf").write_bytes(members(package.data)["report.pdf"])
        told = subprocess.run(["pdftotext", "-layout", tmp_path / "report.pdf", "-"], capture_output=True, check=True)
        text = told.stdout.decode()
        for said in (
            "Meridian & Partners Therapeutics",
            "<phase III>",
            lock_identifier(sample.locked_trial(3)),
            "Dr Ada Trial",
            "Holds simulated reads",
            "Page 1 of ",
            "Figure 3. ",
            "Table 10. ",
            "1 Methods",
            "6 Quality by reader and site",
            "7 Listings by subject",
            "Figure 10. ",
        ):
            assert said in text, said

    @pytest.mark.requires_tool("pdfinfo")
    def test_the_report_is_a_pdf_dated_by_the_lock(self, package, tmp_path):
        (tmp_path / "report.pdf").write_bytes(members(package.data)["report.pdf"])
        told = subprocess.run(
            ["pdfinfo", "-isodates", tmp_path / "report.pdf"], capture_output=True, text=True, check=True
        )
        facts = dict(line.split(":", 1) for line in told.stdout.splitlines() if ":" in line)
        assert facts["Title"].strip() == "PLX-301 · Endpoint report"
        assert facts["CreationDate"].strip() == facts["ModDate"].strip() == "2026-03-02T16:30:00Z"

    def test_any_change_of_the_data_changes_the_lock_identifier(self):
        trial = sample.locked_trial(3)
        assert lock_identifier(trial) == lock_identifier(sample.locked_trial(3))
        assert lock_identifier(trial) != lock_identifier(sample.locked_trial(2))
        assert lock_identifier(trial) != lock_identifier(sample.locked_trial(3, sponsor="Another"))

    def test_without_pango_the_package_is_refused_in_plain_words(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "weasyprint", _Broken())
        with pytest.raises(printing.PrintNotPossible, match="system-packages"):
            exporting.pack(EndpointPackage(), sample.locked_trial(1))


class _Broken:
    def __getattr__(self, name: str) -> object:
        raise OSError("cannot load library 'pango-1.0-0'")


@pytest.mark.django_db
class TestRecordedTrial:
    """From the records to the package."""

    def test_keys_clock_people_and_order_of_entry_leave_no_trace(self):
        seen = []
        for build in ({}, {"backwards": True, "noise": "other-"}):
            with transaction.atomic():
                seen.append(exporting.pack(EndpointPackage(), snapshot(recorded.build(**build))))
                transaction.set_rollback(True)
        assert members(seen[0].data) == members(seen[1].data)
        assert seen[0].data == seen[1].data

    @pytest.mark.requirement("REQ-LOC-005")
    def test_nothing_that_names_a_person_a_true_date_or_an_arm_is_inside(self):
        trial = recorded.written()
        for charter in trial.charters.all():
            charter.content["schedule"][-1]["arms"] = ["ARM-X"]
            charter.save()
        recorded.lock(trial)
        held = json.dumps(plain(snapshot(trial)))
        true_dates = [date_of(day, recorded.TRUE_DAY_1).isoformat() for day in (1, *recorded.SCAN_DAYS.values())]
        for planted in (*recorded.READER_NAMES, "Ajit Third", "rhea", "ARM-X", "CT_A", "2025-06", *true_dates):
            assert planted not in held

    def test_the_accepted_reader_is_the_adjudicator_s_choice(self):
        one, two = snapshot(recorded.build()).subjects
        assert [(r.evalid, r.accepted, r.bor, r.progression) for r in one.results] == [
            ("READER 1", False, "PR", ""),
            ("READER 2", True, "PR", "W16"),
        ]
        assert {read.accepted for visit in one.timepoints for read in visit.reads if read.evalid == "READER 2"} == {
            True
        }
        assert [(t.name, t.timepoint, t.reader_1, t.reader_2) for t in one.adjudications[0].triggers] == [
            ("overall_response", "W16", "PR", "PD"),
            ("progression_date", "W16", "none", "W16, day 114"),
        ]
        # B-001: both readers agree, so the first one's read counts; the missed visit was read by nobody.
        assert [(r.evalid, r.accepted, r.bor) for r in two.results] == [
            ("READER 1", True, "PR"),
            ("READER 2", False, "PR"),
        ]
        assert [len(visit.reads) for visit in two.timepoints] == [2, 2, 0]

    def test_the_inventory_has_one_digest_over_the_files_of_each_series(self):
        trial = snapshot(recorded.build())
        (series,) = trial.subjects[0].timepoints[0].series
        (file,) = Instance.objects.filter(series__series_instance_uid=series.series_instance_uid)
        line = f"{file.sop_instance_uid} {file.sha256}\n"
        assert series.sha256 == hashlib.sha256(line.encode()).hexdigest()
        assert (series.modality, series.for_reading, series.instances, series.size) == ("CT", True, 1, 1)
        assert [len(visit.series) for visit in trial.subjects[1].timepoints] == [1, 1, 0]

    @pytest.mark.requirement("REQ-LOC-005")
    def test_dates_are_study_days_and_shifted_dates(self):
        subject = snapshot(recorded.build()).subjects[0]
        assert [visit.study_day for visit in subject.timepoints] == [-5, 55, 114]
        assert subject.shifted_day_1 == recorded.TRUE_DAY_1 + recorded.SHIFT
        # Day 114 is 113 days after day 1; day -5 is 5 days before it (SDTMIG 4.4.4).
        assert [(visit.shifted_date - subject.shifted_day_1).days for visit in subject.timepoints] == [-5, 54, 113]

    def test_a_response_that_no_longer_follows_from_the_measurements_stops_the_package(self):
        trial = recorded.build()
        assessment = Assessment.objects.get(task__timepoint__subject__code="A-001", task__slot=1, task__order=1)
        disarm()
        Assessment.objects.filter(pk=assessment.pk).update(derivation={**assessment.derivation, "overall": "CR"})
        with pytest.raises(NotReproducible, match="READER 1 signed for A-001 W8"):
            snapshot(trial)

    def test_building_twice_gives_one_package_and_two_events(self):
        trial = recorded.build()
        sponsor = recorded.member(trial, Role.SPONSOR)
        first = build_package(trial=trial, actor=sponsor, at=AT)
        second = build_package(trial=trial, actor=sponsor, at=LATER)
        assert first == second
        assert Export.objects.count() == 1
        assert AuditEvent.objects.filter(action="package.built").count() == 2
        assert first.file_name == f"PKG-01-endpoint-package-{first.manifest['lock']['identifier'][:12]}.zip"

    @pytest.mark.requirement("REQ-LOC-010")
    def test_downloading_hands_out_the_bytes_and_leaves_an_event(self):
        trial = recorded.build()
        sponsor = recorded.member(trial, Role.SPONSOR)
        export = build_package(trial=trial, actor=sponsor, at=AT)
        data = open_package(export=export, actor=sponsor, at=LATER)
        assert hashlib.sha256(data).hexdigest() == export.sha256
        event = AuditEvent.objects.get(action="package.downloaded")
        assert (event.actor, event.at, event.trial_id) == (sponsor, LATER, trial.pk)
        assert event.after["sha256"] == export.sha256

    @pytest.mark.requirement("REQ-LOC-007")
    def test_nothing_leaves_while_the_audit_trail_is_not_what_was_written(self):
        trial = recorded.build()
        sponsor = recorded.member(trial, Role.SPONSOR)
        export = build_package(trial=trial, actor=sponsor, at=AT)
        past_the_door = {"action": "read.signed", "object_type": "reading.readtask", "object_id": "1"}
        AuditEvent.objects.create(at=AT, actor_name="nobody", trial_id=trial.pk, **past_the_door)
        with pytest.raises(TrailDamaged, match="Nothing leaves, because the audit trail does not verify"):
            open_package(export=export, actor=sponsor, at=LATER)
        with pytest.raises(TrailDamaged):
            build_package(trial=trial, actor=sponsor, at=LATER)

    def test_the_database_is_asked_for_a_subject_and_not_for_each_read(self, django_assert_max_num_queries):
        trial = recorded.build()
        assert sum(1 for _ in snapshot(trial).reads()) == 10
        with django_assert_max_num_queries(60):
            snapshot(trial)

    @pytest.mark.requirement("REQ-LOC-006")
    def test_before_the_lock_there_is_no_package(self):
        trial = recorded.written()
        sponsor = recorded.member(trial, Role.SPONSOR)
        with pytest.raises(exporting.NotLocked):
            build_package(trial=trial, actor=sponsor, at=AT)
        assert Export.objects.count() == 0

    @pytest.mark.requirement("REQ-LOC-006")
    @pytest.mark.parametrize("role", [Role.READER, Role.QC_ANALYST, Role.ADJUDICATOR, Role.READING_MANAGER])
    def test_other_roles_neither_build_nor_open_it(self, role):
        trial = recorded.build()
        export = Export(kind="endpoint-package", trial_id=trial.pk, storage_key="never/read.zip")
        other: User = recorded.member(trial, role)
        with pytest.raises(AccessDenied):
            build_package(trial=trial, actor=other, at=AT)
        with pytest.raises(AccessDenied):
            open_package(export=export, actor=other, at=AT)

    def test_every_database_gives_the_same_tables(self):
        """One digest for SQLite and PostgreSQL, in whatever time zone: the suite runs on both."""
        files = csv_files(snapshot(recorded.build()))
        told = hashlib.sha256(b"".join(files[name] for name in sorted(files) if name not in PACK_DEPENDENT))
        assert told.hexdigest() == TABLES_SHA256

    def test_every_database_gives_the_same_transport_files(self):
        files = dict(sdtm_files(snapshot(recorded.build())))
        told = hashlib.sha256(b"".join(files[name] for name in sorted(files) if name.endswith(".xpt")))
        assert told.hexdigest() == SDTM_SHA256
