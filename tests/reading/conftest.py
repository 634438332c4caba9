"""A small trial with two readers, an adjudicator and a subject whose three scans can be cleared and read."""

from __future__ import annotations

import copy
import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from compliance import jobs, storage
from compliance.models import User
from compliance.signing import Intent
from imaging.models import ImagingStudy, Instance, ReceivedInstance, Series, Transfer
from reading import selectors
from reading.models import ReadTask
from reading.services.assessing import open_task, submit_read
from reading.services.assigning import open_reads
from reading.services.entries import AssessmentEntry, LesionEntry
from tests.factories.world import AT, PASSWORD, REFERENCE, SECRET, may_sign
from trials.charter import RECIST_TEMPLATE
from trials.models import Role, Site, Subject, Timepoint, Trial
from trials.services import enrolling, setting_up
from trials.states import ImageState, QcState

#: Planted so that a leak can be searched for: none of these may reach a reader.
SITE_CODE, SITE_NAME, SUBJECT_CODE, ARM = "SITE-77", "St Elsewhere", "SUBJ-4242", "Placebo"
SERIES_DESCRIPTION = "Thorax Dr Whodunit"


def a_picture(value: int = 40) -> bytes:
    """A CT slice of 8 × 8 pixels, all of one value (HU)."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "2.25.1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "2.25.2", "2.25.3"
    dataset.Rows = dataset.Columns = 8
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 1, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.SeriesDescription = SERIES_DESCRIPTION
    dataset.PixelData = np.full((8, 8), value, np.int16).tobytes()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def baseline(*targets: object, nontarget: bool = True, **more: object) -> AssessmentEntry:
    """A baseline with liver targets of these diameters (mm), and one non-target lesion."""
    organs = ("LIVER", "LUNG", "SPLEEN", "KIDNEY", "ADRENAL GLAND")
    lesions = [
        LesionEntry(None, "target", organ, state="MEASURED", diameter_mm=Decimal(str(size)))
        for organ, size in zip(organs, targets, strict=False)
    ]
    if nontarget:
        lesions.append(LesionEntry(None, "non_target", "PLEURA", state="PRESENT"))
    return AssessmentEntry(lesions=tuple(lesions), **{"version": 0, **more})  # type: ignore[arg-type]


def follow_up(*targets: object, nontarget: str = "PRESENT", new: str = "", **more: object) -> AssessmentEntry:
    """A follow-up of `baseline`: diameters or states of the targets, the non-target's state, perhaps a new lesion."""
    lesions = [
        LesionEntry(n, "target", state=said)
        if isinstance(said, str)
        else LesionEntry(n, "target", state="MEASURED", diameter_mm=Decimal(str(said)))
        for n, said in enumerate(targets, 1)
    ]
    if nontarget:
        lesions.append(LesionEntry(len(targets) + 1, "non_target", state=nontarget))
    if new:
        lesions.append(LesionEntry(None, "new", "BRAIN", state=new))
    return AssessmentEntry(lesions=tuple(lesions), **{"version": 0, **more})  # type: ignore[arg-type]


@dataclass
class World:
    """The trial and its people; verbs that set up what a test is not about."""

    trial: Trial
    site: Site
    admin: User
    coordinator: User
    people: dict[str, User] = field(default_factory=dict)

    def join(self, name: str, role: Role, site: Site | None = None) -> User:
        user = may_sign(User.objects.create_user(name, password=PASSWORD, full_name=name.title()))
        setting_up.grant_membership(trial=self.trial, user=user, role=role, site=site, actor=self.admin, at=AT)
        self.people[name] = user
        return User.objects.get(pk=user.pk)

    def enrol(self, code: str = SUBJECT_CODE) -> Subject:
        return enrolling.enrol_subject(
            site=self.site, code=code, reference_date=REFERENCE, arm=ARM, actor=self.coordinator, at=AT
        )

    def timepoint(self, code: str, subject: Subject | None = None) -> Timepoint:
        return Timepoint.objects.get(code=code, subject=subject or self.trial.subjects.get(code=SUBJECT_CODE))

    def receive(
        self, timepoint: Timepoint, slices: int = 2, day: int | None = None, files: Sequence[bytes] = ()
    ) -> Series:
        """Put a series of a timepoint into the archive, shown to readers: these files, or slices of one value."""
        number = Series.objects.count() + 1
        study = ImagingStudy.objects.create(
            trial=self.trial,
            timepoint=timepoint,
            study_instance_uid=f"2.25.10{number}",
            study_day=timepoint.day if day is None else day,
        )
        series = Series.objects.create(
            imaging_study=study,
            series_instance_uid=f"2.25.20{number}",
            number=number,
            modality="CT",
            label=RECIST_TEMPLATE["series"][0]["label"],
            for_reading=True,
        )
        transfer = Transfer.objects.create(site=self.site, door="web", sender="someone", opened_at=AT)
        for n, content in enumerate(files or [a_picture()] * slices):
            header = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
            received = ReceivedInstance.objects.create(
                spool_id=uuid.uuid4(), transfer=transfer, received_at=AT, size=1, file_sha256="", state="archived"
            )
            key = f"test/{uuid.uuid4()}.dcm"
            Instance.objects.create(
                series=series,
                received=received,
                trial=self.trial,
                sop_instance_uid=f"2.25.30{number}{n:03d}",
                sop_class_uid=CTImageStorage,
                number=n + 1,
                position_mm=-100.0 + 5 * n,
                rows=header.Rows,
                columns=header.Columns,
                frames=int(header.get("NumberOfFrames") or 1),
                archive_key=key,
                sha256=storage.put(storage.ARCHIVE, key, content),
                size=1,
                recipe_sha256="",
            )
        Timepoint.objects.filter(pk=timepoint.pk).update(image_state=ImageState.RECEIVED, qc_state=QcState.AWAITING)
        return series

    def clear(self, code: str, subject: Subject | None = None, **how: int) -> Timepoint:
        """Receive a scan, clear it, and let what follows happen."""
        timepoint = self.timepoint(code, subject)
        self.receive(timepoint, **how)
        Timepoint.objects.filter(pk=timepoint.pk).update(qc_state=QcState.CLEARED)
        timepoint = Timepoint.objects.get(pk=timepoint.pk)
        open_reads(timepoint=timepoint, at=AT)
        return timepoint

    def task(self, code: str, slot: int, subject: Subject | None = None) -> ReadTask:
        return ReadTask.objects.select_related("timepoint__subject__trial", "charter", "reader").get(
            timepoint=self.timepoint(code, subject), slot=slot
        )

    def read(self, code: str, slot: int, entry: AssessmentEntry, subject: Subject | None = None) -> ReadTask:
        """Open a task, enter, and sign."""
        task = self.task(code, slot, subject)
        open_task(task=task, actor=task.reader, at=AT)
        submit_read(task=task, entry=entry, signature=Intent(PASSWORD), actor=task.reader, at=AT)
        jobs.drain()
        return task

    def read_by_both(
        self, code: str, first: AssessmentEntry, second: AssessmentEntry | None = None, subject: Subject | None = None
    ) -> None:
        self.read(code, 1, first, subject)
        self.read(code, 2, second or first, subject)

    def result(self, subject: Subject) -> selectors.SubjectResult:
        return selectors.subject_result(Subject.objects.get(pk=subject.pk))

    def amend(self, **sections: object) -> None:
        """Put another version of the charter in force, before anybody is enrolled."""
        charter = setting_up.amend_charter(trial=self.trial, change_summary="For a test", actor=self.admin, at=AT)
        content = {**copy.deepcopy(charter.content), **sections}
        setting_up.edit_charter(charter=charter, content=content, actor=self.admin, at=AT)
        setting_up.sign_charter(charter=charter, signature=Intent(PASSWORD), actor=self.admin, at=AT)


@pytest.fixture
def world(db: None) -> World:
    admin = may_sign(User.objects.create_user("admin", password=PASSWORD, full_name="Ada Min", is_staff=True))
    trial = setting_up.create_trial(
        code="READ-1", title="Reads", sponsor_name="Sponsor", actor=admin, at=AT, seed="seed", secret=SECRET
    )
    charter = trial.charters.get()
    content = {**charter.content, "sites": {}, "hanging": []}
    setting_up.edit_charter(charter=charter, content=content, actor=admin, at=AT)
    setting_up.sign_charter(charter=charter, signature=Intent(PASSWORD), actor=admin, at=AT)
    site = setting_up.add_site(trial=trial, code=SITE_CODE, name=SITE_NAME, country="", actor=admin, at=AT)
    world = World(Trial.objects.get(pk=trial.pk), site, admin, admin)
    world.coordinator = world.join("coordinator", Role.SITE_COORDINATOR, site)
    world.join("reader-a", Role.READER)
    world.join("reader-b", Role.READER)
    world.join("judge", Role.ADJUDICATOR)
    return world


@pytest.fixture
def subject(world: World) -> Subject:
    return world.enrol()
