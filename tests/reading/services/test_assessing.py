"""A reader enters, saves and signs; what it amounts to is derived."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from compliance import access, audit, jobs, signing
from compliance.models import AuditEvent, Signature
from compliance.signing import Intent, WrongPassword
from compliance.transitions import SignatureRequired
from reading import blinding
from reading.models import Assessment, Lesion, Measurement, ReadTask
from reading.services.assessing import (
    IncompleteRead,
    InvalidEntry,
    StaleDraft,
    open_task,
    save_draft,
    submit_read,
)
from reading.services.entries import AssessmentEntry, LesionEntry
from reading.signals import read_submitted
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from trials.models import Subject
from trials.services.enrolling import mark_missed

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-REA-003")]


@pytest.fixture
def task(world: World, subject: Subject) -> ReadTask:
    """The first reader's baseline, opened."""
    world.clear("BL")
    task = world.task("BL", 1)
    return open_task(task=task, actor=task.reader, at=AT)


def save(task: ReadTask, entry: AssessmentEntry) -> Assessment:
    return save_draft(task=task, entry=entry, actor=task.reader, at=AT)


def sign(task: ReadTask, password: str = PASSWORD, entry: AssessmentEntry | None = None) -> ReadTask:
    return submit_read(task=task, signature=Intent(password), actor=task.reader, at=AT, entry=entry)


# --- opening and saving -------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-BLI-007")
def test_every_opening_is_recorded(task: ReadTask) -> None:
    open_task(task=task, actor=task.reader, at=AT)

    assert list(audit.history(task).values_list("action", flat=True))[:2] == ["readtask.viewed", "readtask.open"]


@pytest.mark.requirement("REQ-REA-005")
def test_a_draft_keeps_what_was_entered_and_derives_the_sum(task: ReadTask) -> None:
    assessment = save(task, baseline("30.5", 20))

    assert [(m.lesion.label, m.lesion.organ, str(m.diameter_mm)) for m in assessment.measurements.all()] == [
        ("T01", "LIVER", "30.50"),
        ("T02", "LUNG", "20.00"),
        ("NT03", "PLEURA", "None"),
    ]
    # RECIST 1.1 §4.2: the sum of the longest diameters of the targets.
    assert assessment.derivation["sum_mm"] == "50.5"
    assert assessment.version == 1


@pytest.mark.requirement("REQ-REA-005")
def test_a_draft_from_an_older_page_is_refused(task: ReadTask) -> None:
    save(task, baseline(30))

    with pytest.raises(StaleDraft) as refused:
        save(task, baseline(40))

    assert refused.value.status == 409
    assert Measurement.objects.filter(diameter_mm=Decimal(40)).count() == 0


def test_a_draft_saved_again_unchanged_writes_only_its_version(task: ReadTask) -> None:
    save(task, baseline(30))
    before = AuditEvent.objects.count()
    known = (
        LesionEntry(1, "target", "LIVER", state="MEASURED", diameter_mm=Decimal("30")),
        LesionEntry(2, "non_target", "PLEURA", state="PRESENT"),
    )

    save(task, AssessmentEntry(version=1, lesions=known))

    events = AuditEvent.objects.filter(pk__gt=before).order_by("id")
    assert [(e.action, e.after) for e in events][-1] == ("assessment.saved", {"version": 2})
    assert AuditEvent.objects.count() == before + 1


@pytest.mark.requirement("REQ-REA-005")
def test_a_lesion_left_out_of_a_draft_is_removed_and_stays_in_the_trail(task: ReadTask) -> None:
    save(task, baseline(30, 20))

    save(
        task,
        AssessmentEntry(
            version=1, lesions=(LesionEntry(1, "target", "LIVER", state="MEASURED", diameter_mm=Decimal(30)),)
        ),
    )

    assert [lesion.label for lesion in Lesion.objects.all()] == ["T01"]
    removed = AuditEvent.objects.filter(action="lesion.removed").values_list("before__organ", flat=True)
    assert sorted(removed) == ["LUNG", "PLEURA"]


@pytest.mark.requirement("REQ-REA-004")
@pytest.mark.parametrize(
    "lesion",
    [
        pytest.param(LesionEntry(None, "target", "LIVER", state="MEASURED"), id="measured without a diameter"),
        pytest.param(LesionEntry(None, "target", "LIVER", state="ABSENT"), id="a target cannot begin absent"),
        pytest.param(
            LesionEntry(None, "target", "LIVER", state="MEASURED", diameter_mm=Decimal(0)), id="zero is not measured"
        ),
        pytest.param(
            LesionEntry(None, "target", "LIVER", state="MEASURED", diameter_mm=Decimal("NaN")), id="not a number"
        ),
        pytest.param(
            LesionEntry(None, "target", "LIVER", state="MEASURED", diameter_mm=Decimal("10.123")), id="too exact"
        ),
        pytest.param(
            LesionEntry(None, "non_target", "LIVER", state="PRESENT", diameter_mm=Decimal(9)), id="state and diameter"
        ),
        pytest.param(LesionEntry(None, "new", "LIVER", state="UNEQUIVOCAL"), id="nothing is new at baseline"),
        pytest.param(
            LesionEntry(None, "target", "L" * 41, state="MEASURED", diameter_mm=Decimal(9)), id="too long an organ"
        ),
        pytest.param(LesionEntry(17, "target", "LIVER", state="ABSENT"), id="unknown number"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(task: ReadTask, lesion: LesionEntry) -> None:
    with pytest.raises(InvalidEntry):
        save(task, AssessmentEntry(version=0, lesions=(lesion,)))

    assert not Assessment.objects.exists()
    assert not Lesion.objects.exists()


def test_a_draft_of_another_reader_is_refused(world: World, task: ReadTask) -> None:
    with pytest.raises(access.AccessDenied):
        save_draft(task=task, entry=baseline(30), actor=world.task("BL", 2).reader, at=AT)


def test_a_measurement_keeps_its_picture(task: ReadTask) -> None:
    second = blinding.blinded_task(task).series[0].slices[1]
    lesion = LesionEntry(
        None, "target", "LIVER", state="MEASURED", diameter_mm=Decimal(30), instance=second.instance_key, frame=1
    )

    assessment = save(task, AssessmentEntry(version=0, lesions=(lesion,)))

    assert assessment.measurements.get().instance.number == 2
    assert blinding.blinded_task(task).lesions[0].present[0].slice == 2


def test_a_picture_of_another_task_is_refused(world: World, task: ReadTask) -> None:
    foreign = blinding.blinded_task(world.task("BL", 2)).series[0].slices[0].instance_key
    lesion = LesionEntry(None, "target", "LIVER", state="MEASURED", diameter_mm=Decimal(30), instance=foreign)

    with pytest.raises(blinding.NotShown):
        save(task, AssessmentEntry(version=0, lesions=(lesion,)))


# --- signing ------------------------------------------------------------------------------------------------


def test_signing_needs_the_signers_password(task: ReadTask) -> None:
    with pytest.raises(WrongPassword):
        sign(task, "not the password", baseline(30))

    assert ReadTask.objects.get(pk=task.pk).state == "reading"
    assert not Signature.objects.filter(object_type="reading.readtask").exists()
    assert not Assessment.objects.exists()


def test_signing_without_a_signature_is_refused(task: ReadTask) -> None:
    with pytest.raises(SignatureRequired):
        submit_read(task=task, signature=None, actor=task.reader, at=AT, entry=baseline(30))  # type: ignore[arg-type]


def test_the_signature_covers_the_assessment_and_still_holds(task: ReadTask) -> None:
    sign(task, entry=baseline(30))

    signed = ReadTask.objects.get(pk=task.pk)
    (signature,) = signing.signatures_on(signed)
    assert signature.signer == task.reader
    assert signing.still_holds(signature, signed)


def test_a_signed_read_never_changes(task: ReadTask) -> None:
    sign(task, entry=baseline(30))

    with pytest.raises(audit.RecordFrozen):
        save(task, baseline(99, version=1))
    with pytest.raises(audit.RecordFrozen):
        sign(task, entry=baseline(99, version=1))
    measurement = Measurement.objects.filter(diameter_mm=Decimal(30)).get()
    measurement.diameter_mm = Decimal(99)
    with pytest.raises(audit.RecordFrozen):
        audit.save(measurement, action="measurement.entered", actor=task.reader, at=AT)
    with pytest.raises(audit.RecordFrozen):
        audit.delete(measurement.lesion, action="lesion.removed", actor=task.reader, at=AT)


def test_a_simulated_read_says_so(task: ReadTask) -> None:
    submit_read(task=task, signature=Intent(PASSWORD), actor=task.reader, at=AT, entry=baseline(30), simulated=True)

    assert ReadTask.objects.get(pk=task.pk).simulated


def test_the_news_of_a_signed_read_is_told_after_the_commit(task: ReadTask, django_capture_on_commit_callbacks) -> None:
    told = []
    read_submitted.connect(lambda task, **_: told.append(task.pk), weak=False, dispatch_uid="a test")
    try:
        with django_capture_on_commit_callbacks(execute=True):
            sign(task, entry=baseline(30))
            assert told == []
        assert told == [task.pk]
    finally:
        read_submitted.disconnect(dispatch_uid="a test")


# RECIST 1.1 §3.1.1 (10 mm), §4.2 (at most two per organ).
@pytest.mark.requirement("REQ-REA-004")
@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param(baseline("9.9"), "longest diameter is below 10 mm", id="too small to be a target"),
        pytest.param(
            AssessmentEntry(
                version=0,
                lesions=tuple(
                    LesionEntry(None, "target", "LIVER", state="MEASURED", diameter_mm=Decimal(20)) for _ in range(3)
                ),
            ),
            "3 targets are in liver; at most 2 may be",
            id="three in one organ",
        ),
        pytest.param(
            AssessmentEntry(version=0, lesions=(LesionEntry(None, "target", "LIVER"),)),
            "Lesion T01 has no entry yet",
            id="not measured",
        ),
    ],
)
def test_a_baseline_that_breaks_a_rule_is_not_signed(task: ReadTask, entry: AssessmentEntry, said: str) -> None:
    with pytest.raises(IncompleteRead) as refused:
        sign(task, entry=entry)

    assert said in str(refused.value)
    assert ReadTask.objects.get(pk=task.pk).state == "reading"


# --- follow-up ----------------------------------------------------------------------------------------------


@pytest.fixture
def second(world: World, task: ReadTask) -> ReadTask:
    """The first reader's second timepoint, opened; the baseline had targets of 30 and 20 mm and a non-target."""
    sign(task, entry=baseline(30, 20))
    world.clear("W8")
    following = world.task("W8", 1)
    return open_task(task=following, actor=following.reader, at=AT)


@pytest.mark.requirement("REQ-REA-016")
def test_a_readers_lesions_are_carried_forward(second: ReadTask) -> None:
    seen = blinding.blinded_task(second)

    assert [(x.label, [str(p.diameter_mm) for p in x.prior], x.present) for x in seen.lesions] == [
        ("T01", ["30.00"], ()),
        ("T02", ["20.00"], ()),
        ("NT03", ["None"], ()),
    ]
    assert seen.unanswered == ("Nothing is entered yet.",)


# Sum 50 mm at baseline; thresholds of RECIST 1.1 §4.3.1: 35 mm for PR, 60 mm for PD.
@pytest.mark.requirement("REQ-CRI-004")
@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(follow_up(21, 14), ("PR", "PR", "35", "-30"), id="70 % of baseline"),
        pytest.param(follow_up(21, Decimal("14.01")), ("SD", "SD", "35.01", "-29.98"), id="just above"),
        pytest.param(follow_up(40, 20), ("PD", "PD", "60", "20"), id="120 % of nadir"),
        pytest.param(follow_up("ABSENT", "TOO_SMALL"), ("PR", "PR", "5", "-90"), id="too small counts 5 mm, §4.3.2"),
        pytest.param(follow_up("NOT_EVALUABLE", 20), ("NE", "NE", None, None), id="one not evaluable, §4.4.2"),
        pytest.param(
            follow_up("ABSENT", "ABSENT", nontarget="ABSENT"), ("CR", "CR", "0", "-100"), id="all gone, Table 1"
        ),
        pytest.param(follow_up(30, 20, new="UNEQUIVOCAL"), ("PD", "SD", "50", "0"), id="new lesion, §4.3.5"),
        pytest.param(follow_up(30, 20, new="EQUIVOCAL"), ("SD", "SD", "50", "0"), id="equivocal lesion"),
        pytest.param(
            follow_up(30, 20, nontarget="UNEQUIVOCAL_PD"), ("PD", "SD", "50", "0"), id="non-target progression, §4.3.4"
        ),
    ],
)
def test_the_response_is_derived_with_its_trace(
    second: ReadTask, entry: AssessmentEntry, expected: tuple[str, str, str | None, str | None]
) -> None:
    sign(second, entry=entry)

    derived = Assessment.objects.get(task=second).derivation
    assert (derived["overall"], derived["target"], derived["sum_mm"], derived["percent_from_baseline"]) == expected
    assert derived["trace"][-1]["rule"] == "overall_response"
    assert derived["trace"][-1]["clause"].startswith("RECIST 1.1 §4.4.1")
    assert derived["pack"]["criteria"] == "RECIST 1.1"
    assert len(derived["pack"]["parameters_sha256"]) == 64
    assert derived["charter"] == {"version": 1, "sha256": second.charter.sha256}


@pytest.mark.requirement("REQ-REA-016")
def test_parts_of_a_split_target_are_added_up(second: ReadTask) -> None:
    parts = tuple(
        LesionEntry(1, "target", state="MEASURED", diameter_mm=Decimal(size), part=part)
        for part, size in [(1, 10), (2, 12)]
    )
    entry = follow_up(30, 20)

    sign(second, entry=replace(entry, lesions=(*parts, *entry.lesions[1:])))

    # RECIST 1.1 §4.3.2: a lesion that splits counts with the sum of its parts.
    assert Assessment.objects.get(task=second).derivation["sum_mm"] == "42"


@pytest.mark.requirement("REQ-REA-016")
def test_a_non_target_has_no_parts(second: ReadTask) -> None:
    entry = follow_up(30, 20)
    twice = (*entry.lesions, replace(entry.lesions[2], part=1))

    with pytest.raises(InvalidEntry):
        save(second, replace(entry, lesions=twice))


@pytest.mark.requirement("REQ-REA-004")
def test_every_carried_lesion_needs_an_entry_before_signing(second: ReadTask) -> None:
    with pytest.raises(IncompleteRead) as refused:
        sign(second, entry=follow_up(30, nontarget=""))

    assert refused.value.points == ("Lesion T02 has no entry yet.", "Lesion NT03 has no entry yet.")


def test_images_that_cannot_be_evaluated_need_no_entries(second: ReadTask) -> None:
    sign(second, entry=AssessmentEntry(version=0, image_quality="not_evaluable"))

    assert Assessment.objects.get(task=second).derivation["overall"] == "NE"


def test_a_baseline_that_cannot_be_evaluated_makes_every_timepoint_so(world: World, task: ReadTask) -> None:
    sign(task, entry=AssessmentEntry(version=0, image_quality="not_evaluable"))
    world.clear("W8")

    world.read("W8", 1, AssessmentEntry(version=0, comment="Nothing to compare with"))

    assert Assessment.objects.get(task=world.task("W8", 1)).derivation["overall"] == "NE"


@pytest.mark.requirement("REQ-REA-016")
def test_new_lesions_are_followed_under_their_number(world: World, second: ReadTask) -> None:
    sign(second, entry=follow_up(30, 20, new="EQUIVOCAL"))
    world.clear("W16")
    third = world.task("W16", 1)
    open_task(task=third, actor=third.reader, at=AT)

    assert [x.label for x in blinding.blinded_task(third).lesions] == ["T01", "T02", "NT03", "NEW04"]

    entry = follow_up(30, 20)
    known = LesionEntry(4, "new", state="UNEQUIVOCAL")
    sign(third, entry=replace(entry, lesions=(*entry.lesions, known)))
    assert Assessment.objects.get(task=third).derivation["overall"] == "PD"


@pytest.mark.requirement("REQ-REA-016")
def test_a_later_read_is_compared_with_the_nadir(world: World, second: ReadTask) -> None:
    sign(second, entry=follow_up(10, 10))
    world.clear("W16")

    world.read("W16", 1, follow_up(15, 10))

    # RECIST 1.1 §4.3.1: 25 mm is 125 % of the nadir of 20 mm and 5 mm above it.
    derived = Assessment.objects.get(task=world.task("W16", 1)).derivation
    assert (derived["overall"], derived["nadir_mm"]) == ("PD", "20")


@pytest.mark.requirement("REQ-REA-016")
def test_a_known_lesion_keeps_what_was_said_of_it(second: ReadTask) -> None:
    entry = follow_up(30, 20)
    renamed = replace(entry.lesions[0], organ="BRAIN", category="target")

    save(second, replace(entry, lesions=(renamed, *entry.lesions[1:])))

    assert Lesion.objects.get(number=1).organ == "LIVER"


def test_a_timepoint_is_read_when_every_reader_signed(world: World, task: ReadTask) -> None:
    sign(task, entry=baseline(30))
    assert world.timepoint("BL").reading_state == "open"

    world.read("BL", 2, baseline(25))
    assert world.timepoint("BL").reading_state == "read"


def test_an_earlier_scan_that_came_late_is_read_first(world: World, task: ReadTask) -> None:

    sign(task, entry=baseline(30))
    mark_missed(timepoint=world.timepoint("W8"), reason="No scan", actor=world.coordinator, at=AT)
    jobs.drain()
    world.clear("W16")
    later = world.task("W16", 1)
    open_task(task=later, actor=later.reader, at=AT)
    world.clear("W8")

    with pytest.raises(blinding.NotOpen):
        save(later, follow_up(30))

    world.read("W8", 1, follow_up(28))
    save(later, follow_up(30))


def test_a_lesion_is_measured_before_its_organ_is_known_and_signed_afterwards(task: ReadTask) -> None:
    nowhere = LesionEntry(None, "target", "", state="MEASURED", diameter_mm=Decimal(30))
    save_draft(task=task, entry=AssessmentEntry(0, lesions=(nowhere,)), actor=task.reader, at=AT)
    (seen,) = blinding.blinded_task(ReadTask.objects.get(pk=task.pk)).lesions
    assert (seen.label, seen.present[0].diameter_mm) == ("T01", Decimal(30))
    assert seen.hints == ("Choose the organ before you sign.",)
    with pytest.raises(IncompleteRead) as refused:
        submit_read(task=task, signature=Intent(PASSWORD), actor=task.reader, at=AT)
    assert refused.value.points == ("Lesion T01: the organ is not chosen yet.",)

    known = LesionEntry(1, "target", "LIVER", state="MEASURED", diameter_mm=Decimal(30))
    entry = AssessmentEntry(1, lesions=(known,))
    submit_read(task=task, entry=entry, signature=Intent(PASSWORD), actor=task.reader, at=AT)
    assert Measurement.objects.get().lesion.organ == "LIVER"
