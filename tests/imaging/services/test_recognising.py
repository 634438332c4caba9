"""Whether a scan is of the person scanned before: at the checks, before sending, and without keeping numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core import serializers
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compliance import keys
from imaging.deid.patients import PatientKey, digest_of
from imaging.models import Finding, KnownPatient, ReceivedInstance
from imaging.services import recognising
from tests.factories import AT, World, scan
from tests.imaging.services.delivery import by_coordinator, by_scanner
from trials.models import Site

pytestmark = pytest.mark.requirement("REQ-INT-013")

#: As in the case that this is for: the hospital's number of the subject, and another one.
HIS, OTHER = "MRN-71829345", "MRN-99041726"


def arrive(world: World, subject: str, number: str, *, day: int = -5, site: Site | None = None, **values: Any) -> None:
    """One image of a subject comes from the scanner and is checked; each number and day is a scan of its own."""
    scan_number = 1 + KnownPatient.objects.count() + 10 * ReceivedInstance.objects.count()
    files = scan(subject, slices=1, day=day, scan_number=scan_number, PatientID=number, **values)
    by_scanner(world, files, site=site)


def found(world: World, subject: str, code: str) -> dict[str, str]:
    """The latest round's findings about the patient, with their severity."""
    findings = Finding.objects.filter(review__timepoint=world.timepoint(subject, code), code__startswith="patient_")
    return {row.code: row.severity for row in findings.filter(review__state="open")}


def warned(world: World, subject: str, number: str, *, code: str = "W8", issuer: str = "") -> str:
    """What is said of a patient before images are sent for a timepoint."""
    (warning,) = recognising.warnings_about(
        timepoint=world.timepoint(subject, code), patients=[(digest_of(number), digest_of(issuer))]
    )
    return warning


# --- when images have arrived -------------------------------------------------------------------------------


def test_the_same_patient_at_the_next_visit_is_as_agreed(world: World) -> None:
    arrive(world, "N-001", HIS)
    arrive(world, "N-001", HIS, day=57)

    assert found(world, "N-001", "BL") == found(world, "N-001", "W8") == {"patient_id_consistent": "pass"}


def test_another_patient_at_the_next_visit_is_found_and_the_first_visit_stays_as_it_was(world: World) -> None:
    arrive(world, "N-001", HIS)
    arrive(world, "N-001", OTHER, day=57)

    assert found(world, "N-001", "W8") == {"patient_id_unfamiliar": "warn"}
    assert found(world, "N-001", "BL") == {"patient_id_consistent": "pass"}


def test_the_patient_of_another_subject_of_the_site_blocks(world: World) -> None:
    arrive(world, "N-001", HIS)
    arrive(world, "N-002", HIS)

    assert found(world, "N-002", "BL") == {"patient_of_other_subject": "block"}
    assert "sent for N-001 before" in Finding.objects.get(code="patient_of_other_subject").sentence


def test_of_another_sites_subject_nothing_is_said(world: World) -> None:
    arrive(world, "N-001", HIS)
    arrive(world, "S-001", HIS, site=world.south)

    assert found(world, "S-001", "BL") == {"patient_id_consistent": "pass"}


def test_the_trials_code_and_an_empty_number_are_no_patients(world: World) -> None:
    arrive(world, "N-001", "n-001")
    arrive(world, "N-002", "")

    assert not KnownPatient.objects.exists()
    assert found(world, "N-001", "BL") == found(world, "N-002", "BL") == {}


def test_a_number_is_noted_once_for_a_timepoint(world: World) -> None:
    arrive(world, "N-001", HIS)
    arrive(world, "N-001", HIS)

    assert KnownPatient.objects.count() == 1


# --- before anything is sent --------------------------------------------------------------------------------


def test_before_sending_another_patient_is_warned_of(world: World) -> None:
    arrive(world, "N-001", HIS)

    assert warned(world, "N-001", HIS) == ""
    assert warned(world, "N-001", OTHER).startswith("The Patient ID is not the one of the earlier images of N-001.")
    assert warned(world, "N-002", HIS).startswith("The Patient ID belongs to N-001. Check who was scanned")
    assert warned(world, "N-002", OTHER) == ""


def test_before_sending_the_code_of_another_subject_is_warned_of(world: World) -> None:
    assert warned(world, "N-002", "n-001").startswith("The Patient ID belongs to N-001.")
    assert warned(world, "N-002", "N-002") == ""
    assert warned(world, "N-002", "S-001") == ""


def test_before_sending_nothing_is_said_of_other_sites(world: World) -> None:
    arrive(world, "N-001", HIS)

    assert warned(world, "S-001", HIS) == ""


def test_an_issuer_that_one_scanner_leaves_out_alarms_nobody(world: World) -> None:
    arrive(world, "N-001", HIS, IssuerOfPatientID="North Hospital")

    assert warned(world, "N-001", HIS) == warned(world, "N-001", HIS, issuer="north hospital") == ""
    assert "not the one of the earlier images" in warned(world, "N-001", HIS, issuer="Elsewhere")


def test_what_names_nobody_is_not_compared(world: World) -> None:
    arrive(world, "N-001", HIS)

    assert warned(world, "N-001", "") == warned(world, "N-001", "anonymous") == ""


def test_many_patients_take_no_more_questions_to_the_database_than_one(world: World) -> None:
    arrive(world, "N-001", HIS)
    arrive(world, "N-002", OTHER)
    timepoint = world.timepoint("N-001", "W8")
    patients = [(digest_of(number), "") for number in (HIS, OTHER, *(f"MRN-{number}" for number in range(30)))]

    with CaptureQueriesContext(connection) as of_one:
        recognising.warnings_about(timepoint=timepoint, patients=patients[:1])
    with CaptureQueriesContext(connection) as of_many:
        warnings = recognising.warnings_about(timepoint=timepoint, patients=patients)

    assert len(of_many) == len(of_one)
    assert warnings[0] == ""
    assert warnings[1].startswith("The Patient ID belongs to N-002.")
    assert {text[:26] for text in warnings[2:]} == {"The Patient ID is not the "}


def test_without_the_trials_key_it_says_that_it_cannot_tell(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(trial_code: str) -> bytes:
        raise keys.KeyMissing(f"The key of {trial_code} is gone.")

    monkeypatch.setattr(keys, "of_trial", gone)

    assert "cannot read the trial's key" in warned(world, "N-001", HIS)


# --- what is kept -------------------------------------------------------------------------------------------


def test_neither_number_nor_its_plain_digest_is_kept_or_logged(
    world: World, own_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    issuer = "Quarrymoor Trust"
    arrive(world, "N-001", HIS, IssuerOfPatientID=issuer)
    arrive(world, "N-002", HIS)
    warned(world, "N-001", OTHER)
    by_coordinator(world, scan(None, slices=1, scan_number=99, PatientID=OTHER), world.timepoint("N-001", "W8"))

    tables = [model for model in apps.get_models() if model._meta.managed]
    database = {table._meta.label: serializers.serialize("json", table._default_manager.all()) for table in tables}
    stored = b"".join(path.read_bytes() for path in (own_disk / "archive").rglob("*") if path.is_file())
    secret = {HIS, OTHER, issuer, digest_of(HIS), digest_of(OTHER), digest_of(issuer)}
    everything = "".join(database.values()) + caplog.text + stored.decode("latin-1")
    assert [one for one in secret if one.casefold() in everything.casefold()] == []
    # The keyed digests are in their table, and not in the trail.
    numbers = set(KnownPatient.objects.values_list("number_key", flat=True))
    assert len(numbers) == 2
    assert {label for label, rows in database.items() if any(key in rows for key in numbers)} == {
        "imaging.KnownPatient"
    }


def test_what_is_known_of_a_patient_goes_with_the_timepoint(world: World) -> None:
    timepoint = world.timepoint("N-002", "W8")
    seen = [PatientKey("0" * 64)]
    recognising.note_patients(timepoint=timepoint, seen=seen, secret=keys.of_trial("PLX-1"), at=AT)

    timepoint.delete()

    assert not KnownPatient.objects.exists()
