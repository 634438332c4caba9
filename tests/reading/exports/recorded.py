"""A small locked trial in the database: two readers, one of whom sees a progression that the other does not."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from decimal import Decimal
from typing import Any

from compliance import access, signing, storage
from compliance.models import Signature, User
from imaging.models import ImagingStudy, Instance, ReceivedInstance, Series, Transfer
from reading import derivation, selectors
from reading.models import Adjudication, Assessment, Lesion, Measurement, ReadTask, Reopening, SignedVersion
from tests.factories.scans import encoded, slice_of
from trials.charter import RECIST_TEMPLATE
from trials.models import ImagingCharter, Membership, Role, Site, Subject, Timepoint, Trial
from trials.schedule import date_of

SIGNED_AT = dt.datetime(2025, 1, 8, 10, 0, tzinfo=dt.UTC)
LOCKED_AT = dt.datetime(2026, 3, 2, 16, 30, tzinfo=dt.UTC)
#: Day 1 and scan dates as they truly are: planted, to be found nowhere in a package.
TRUE_DAY_1 = dt.date(2025, 2, 3)
SHIFT = dt.timedelta(days=2113)
READER_NAMES = ("Rhea Dering", "Ravi Lesener")
SCAN_DAYS = {"BL": -5, "W8": 55, "W16": 114}
#: When reads and adjudications were signed, as it truly was.
WORKED_AT = dt.datetime(2025, 6, 3, 10, 15, tzinfo=dt.UTC)
#: The read that was opened again: subject, reader's place, timepoint.
OPENED_AGAIN = ("A-001", 2, "W8")
#: Diameters of T01 and T02 by timepoint, for each subject and reader. In A-001 reader 2 alone sees a progression
#: at week 16: (30 + 22) / (22 + 15) = 1.405, at least 20% and 5 mm above the nadir (RECIST 1.1 §4.3.1).
DIAMETERS = {
    ("A-001", 1): {"BL": ("30.0", "22.5"), "W8": ("21.0", "15.0"), "W16": ("21.00", "14.5")},
    ("A-001", 2): {"BL": ("31.0", "22.0"), "W8": ("22.0", "15.0"), "W16": ("30.0", "22.0")},
    ("B-001", 1): {"BL": ("40.0", "20.0"), "W8": ("20.0", "10.0")},
    ("B-001", 2): {"BL": ("41.0", "20.0"), "W8": ("21.0", "10.0")},
}


def build(*, backwards: bool = False, noise: str = "") -> Trial:
    """Write the trial and lock it, as in `written`; from then on the database refuses to change it."""
    return lock(written(backwards=backwards, noise=noise))


def lock(trial: Trial) -> Trial:
    """Lock a trial that was written."""
    trial.state, trial.locked_at = "locked", LOCKED_AT
    trial.save()
    return trial


def written(*, backwards: bool = False, noise: str = "") -> Trial:
    """Write the trial with everything signed, and do not lock it yet.

    Parameters
    ----------
    backwards
        Create everything in the opposite order, so that keys of rows run the other way.
    noise
        Changes what no package may hold: user names, institutions, times of receipt and creation, codes drawn
        at random.
    """
    turn = (lambda items: list(reversed(list(items)))) if backwards else list
    now = dt.datetime(2025, 6, 1, 8, 0, tzinfo=dt.UTC) + dt.timedelta(days=9 if noise else 0)
    people = {
        name: User.objects.create(username=f"{noise}{name.split()[0].lower()}", full_name=name)
        for name in turn((*READER_NAMES, "Dr Ada Trial", "Ajit Third"))
    }
    trial = Trial.objects.create(
        code="PKG-01",
        title="=Trial of two treatments",
        indication="NSCLC",
        sponsor_name="Sponsor Ltd",
        state="running",
        created_at=now,
    )
    charter = ImagingCharter.objects.create(
        trial=trial,
        version=1,
        content=dict(RECIST_TEMPLATE),
        state="in_force",
        created_at=now,
        signed_at=SIGNED_AT,
        change_summary="First version",
    )
    for about, meaning, at in turn(((charter, "approval", SIGNED_AT), (trial, "responsibility", LOCKED_AT))):
        Signature.objects.create(
            signer=people["Dr Ada Trial"],
            printed_name="Dr Ada Trial",
            meaning=meaning,
            at=at,
            object_type=about._meta.label_lower,
            object_id=str(about.pk),
            content_sha256=signing.digest(
                {**about.signed_content(), **({"state": "locked"} if about == trial else {})}
            ),
        )
    sites = {
        code: Site.objects.create(trial=trial, code=code, name=f"Site {code}", created_at=now) for code in turn("AB")
    }
    for code in turn(("A-001", "B-001")):
        subject = Subject.objects.create(
            trial=trial,
            site=sites[code[0]],
            code=code,
            arm="ARM-X",
            reference_date=TRUE_DAY_1,
            state="enrolled",
            enrolled_at=now,
        )
        _subject(subject, charter, people, now, turn)
    return trial


def member(trial: Trial, role: Role) -> User:
    """Give a new person a role in the trial; to a coordinator at site A."""
    user = User.objects.create(username=f"{role}-{secrets.token_hex(3)}", full_name=f"The {role.label}")
    site = trial.sites.get(code="A") if role is Role.SITE_COORDINATOR else None
    Membership.objects.create(user=user, trial=trial, site=site, role=role, granted_at=LOCKED_AT)
    access.grant(user, role.permission, site or trial)
    return user


def archive_images() -> None:
    """Lay the images of all trials into the archive, one slice each, as they are after de-identification."""
    for instance in Instance.objects.select_related("series__imaging_study__timepoint__subject"):
        study = instance.series.imaging_study
        code = study.timepoint.subject.code
        identity = {"PatientName": code, "PatientID": code, "PatientBirthDate": ""}
        uids = {
            "StudyInstanceUID": study.study_instance_uid,
            "SeriesInstanceUID": instance.series.series_instance_uid,
            "SOPInstanceUID": instance.sop_instance_uid,
        }
        data = encoded(slice_of(StudyDate=f"{study.shifted_date:%Y%m%d}", **identity, **uids))
        storage.put(storage.ARCHIVE, instance.archive_key, data)
        Instance.objects.filter(pk=instance.pk).update(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def _subject(subject: Subject, charter: ImagingCharter, people: dict[str, User], now: dt.datetime, turn: Any) -> None:
    timepoints: dict[str, Timepoint] = {}
    images: dict[str, Instance] = {}
    for order, visit in turn(enumerate(charter.terms.schedule)):
        missed = subject.code == "B-001" and visit.code == "W16"
        timepoint = Timepoint.objects.create(
            subject=subject,
            charter=charter,
            code=visit.code,
            name=visit.name,
            order=order,
            day=visit.day,
            window_before=visit.window_before,
            window_after=visit.window_after,
            image_state="missed" if missed else "received",
            qc_state="not_ready" if missed else "cleared",
            reading_state="not_ready" if missed else "read",
        )
        timepoints[visit.code] = timepoint
        if not missed:
            images[visit.code] = _images(timepoint, now)
    tasks = []
    for slot in turn((1, 2)):
        reader = people[READER_NAMES[slot - 1]]
        lesions: list[Lesion] = []
        for code, sizes in DIAMETERS[subject.code, slot].items():
            task = ReadTask.objects.create(
                timepoint=timepoints[code],
                reader=reader,
                slot=slot,
                charter=charter,
                blinded_code=secrets.token_hex(5),
                case_code=secrets.token_hex(4),
                order=timepoints[code].order,
                simulated=True,
                state="locked",
                created_at=now,
                submitted_at=WORKED_AT,
            )
            assessment = Assessment.objects.create(task=task, comment="+ effusion" if code == "W8" else "")
            if not lesions:
                lesions = [
                    Lesion.objects.create(
                        reader=reader,
                        subject=subject,
                        first_seen=task,
                        number=number,
                        category="target",
                        organ=organ,
                        description="-mass, upper lobe",
                    )
                    for number, organ in ((1, "LUNG"), (2, "LIVER"))
                ]
            for lesion, size in turn(zip(lesions, sizes, strict=True)):
                Measurement.objects.create(
                    assessment=assessment,
                    lesion=lesion,
                    state="MEASURED",
                    diameter_mm=Decimal(size),
                    instance=images[code],
                )
            tasks.append(task)
    for task in tasks:
        earlier = [other for other in tasks if other.slot == task.slot and other.order < task.order]
        task.assessment.derivation = derivation.derivation_of(task, earlier)
        task.assessment.save()
        if (subject.code, task.slot, task.timepoint.code) == OPENED_AGAIN:
            _opened_again(task, people, now)
    result = selectors.subject_result(subject)
    if result.discordances:
        Adjudication.objects.create(
            subject=subject,
            adjudicator=people["Ajit Third"],
            blinded_code=secrets.token_hex(5),
            triggers=[trigger.to_json() for trigger in result.discordances],
            left_slot=1,
            chosen_slot=2,
            rationale='=HYPERLINK("x") the "true" border, see week 16',
            state="locked",
            opened_at=now,
            decided_at=WORKED_AT + dt.timedelta(hours=2),
        )


def _opened_again(task: ReadTask, people: dict[str, User], now: dt.datetime) -> None:
    """Write that the read had been signed before, and was opened again with a reason."""
    asked = {"asked_by": people["Ajit Third"], "asked_at": now, "decided_by": people["Dr Ada Trial"], "decided_at": now}
    reopening = Reopening.objects.create(task=task, reason="=The liver was left out", state="approved", **asked)
    SignedVersion.objects.create(
        task=task,
        reopening=reopening,
        number=1,
        content={},
        content_sha256="0" * 64,
        signed_at=WORKED_AT - dt.timedelta(days=1),
    )


def _images(timepoint: Timepoint, now: dt.datetime) -> Instance:
    key = f"{timepoint.subject.code}{timepoint.code}"
    uid = f"2.25.{sum(ord(letter) * 257**place for place, letter in enumerate(key))}"
    day = SCAN_DAYS[timepoint.code]
    study = ImagingStudy.objects.create(
        trial=timepoint.trial,
        timepoint=timepoint,
        study_instance_uid=f"{uid}1",
        study_day=day,
        shifted_date=date_of(day, TRUE_DAY_1) + SHIFT,
    )
    series = Series.objects.create(
        imaging_study=study, series_instance_uid=f"{uid}2", modality="CT", label="Chest", for_reading=True
    )
    transfer = Transfer.objects.create(site=timepoint.site, door="dimse", sender="CT_A", opened_at=now)
    received = ReceivedInstance.objects.create(
        spool_id=uuid.uuid4(), transfer=transfer, received_at=now, size=1, file_sha256="0" * 64
    )
    return Instance.objects.create(
        series=series,
        received=received,
        trial=timepoint.trial,
        sop_instance_uid=f"{uid}3",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        archive_key=f"archive/{uuid.uuid4()}",
        sha256="0" * 64,
        size=1,
        recipe_sha256="0" * 64,
    )
