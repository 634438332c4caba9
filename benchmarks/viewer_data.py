"""Scans of subjects through time, and the trial in which they are read: for `benchmarks.viewer` and `.listed`."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
from pydicom import dcmread
from pydicom.uid import UID

from benchmarks.deid import make_files

if TYPE_CHECKING:
    from compliance.models import User
    from tests.factories import World

SUBJECT = "N-100"
VISITS = ("BL", "W8", "W16", "W24")
#: Study days of the visits.
DAYS = (-7, 57, 113, 169)
_ROOT = "1.2.826.0.1.3680043.9.7777"


@dataclass(frozen=True)
class Scans:
    """Files by timepoint, and the UIDs of their studies."""

    files: tuple[tuple[Path, ...], ...]
    studies: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where they lie, a folder for each timepoint."""
        return self.files[0][0].parent.parent


def write_scans(folder: Path, *, timepoints: int, slices: int, subject: str = SUBJECT, root: str = _ROOT) -> Scans:
    """Write scans of one subject under UIDs that begin with a root; no two slices hold the same values."""
    from tests.factories.world import REFERENCE
    from trials.schedule import date_of

    made = make_files(slices)
    noise = np.random.default_rng(1)
    for place in range(timepoints):
        (folder / str(place)).mkdir(parents=True)
        for number, content in enumerate(made):
            dataset = dcmread(BytesIO(content))
            study = f"{root}.{place + 1}"
            dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, f"{study}.1"
            dataset.FrameOfReferenceUID = f"{study}.2"
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"{study}.1.{number + 1}")
            dataset.ClinicalTrialSubjectID, dataset.ClinicalTrialTimePointID = subject, VISITS[place]
            date = f"{date_of(DAYS[place], REFERENCE):%Y%m%d}"
            dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = date
            dataset.AcquisitionDateTime = f"{date}100000"
            values = np.frombuffer(dataset.PixelData, "<u2").astype(np.int32)
            values = np.clip(values + noise.normal(0, 12, values.size), 0, 4095).astype("<u2")
            dataset.PixelData = values.tobytes()
            dataset.save_as(folder / str(place) / f"{number:04}.dcm", enforce_file_format=True)
    files = tuple(tuple(sorted((folder / str(place)).iterdir())) for place in range(timepoints))
    return Scans(files, tuple(f"{root}.{place + 1}" for place in range(timepoints)))


def furnish_code(scans: Scans) -> str:
    """Return the Python that brings scans into an installation, and gives the code of the last read and a session."""
    return f"from benchmarks.viewer_data import furnish\nanswer = furnish(world, {str(scans.folder)!r})"


def furnish(world: World, folder: str) -> tuple[str, str]:
    """Take scans in, clear them, sign every read but the last; return its code and a session of its reader."""
    from reading.models import ReadTask
    from trials.models import Role

    _hurry()
    _agree(world)
    world.enrol(world.north, SUBJECT)
    visits = sorted(Path(folder).iterdir())
    for place, scan in enumerate(visits):
        _take_in(world, scan, VISITS[place])
        if place + 1 < len(visits):
            _read(world, VISITS[place])
    reader = world.people[Role.READER]
    task = ReadTask.objects.get(timepoint=world.timepoint(SUBJECT, VISITS[len(visits) - 1]), reader=reader)
    return task.blinded_code, _session(reader)


def furnish_list(world: World, folder: str) -> str:
    """Take in a scan of each subject in a folder and clear it; return a session of the reader to whom all are given.

    The workers have made ready what showing a series needs, as they do soon after a scan came in.
    """
    from compliance import jobs
    from imaging.services import copying
    from tests.factories import AT
    from trials.models import Role

    _hurry()
    _agree(world)
    for subject in sorted(Path(folder).iterdir()):
        world.enrol(world.north, subject.name)
        _take_in(world, subject / "0", VISITS[0], subject.name)
    copying.sweep(at=AT + dt.timedelta(days=1))
    while jobs.drain():
        pass
    return _session(world.people[Role.READER])


def _hurry() -> None:
    """How a scan comes in is not what is measured."""
    from django.db import connection

    os.fsync = lambda _: None
    connection.cursor().execute("PRAGMA synchronous = OFF")


def _session(person: User) -> str:
    from django.test import Client

    client = Client()
    client.force_login(person)
    return client.cookies["sessionid"].value


def _agree(world: World) -> None:
    """One reader; visits enough for all scans; the scan before lies beside the one that is read."""
    visits = [
        {"code": code, "name": code, "day": day, "window_before": 7, "window_after": 7}
        for code, day in zip(VISITS, DAYS, strict=True)
    ]
    series = [{"label": "Chest", "modality": "CT", "required": True, "orientation": "axial", "min_instances": 1}]
    cells = [{"place": n, "series": "Chest", "timepoint": t} for n, t in ((1, "previous"), (2, "present"))]
    beside = {"name": "Beside the one before", "applies": "follow_up", "layout": "1x2", "cells": cells}
    world.amend(schedule=visits, series=series, hanging=[beside], readers_per_timepoint=1, adjudication={})


def _take_in(world: World, scan: Path, visit: str, subject: str = SUBJECT) -> None:
    from compliance import jobs
    from compliance.signing import Intent
    from imaging.models import Transfer
    from imaging.services import receiving, reviewing
    from imaging.states import Verdict
    from tests.factories import AT, PASSWORD

    origin = receiving.Origin(door=Transfer.Door.DIMSE, site_id=world.north.pk, sender="NORTH_CT", delivery=uuid4())
    for path in sorted(scan.iterdir()):
        receiving.receive_instance(path.read_bytes(), origin=origin, at=AT)
    receiving.index_spool(at=AT)
    while jobs.drain():
        pass
    signed = {"actor": world.analyst, "at": AT + dt.timedelta(days=200)}
    review = world.timepoint(subject, visit).qc_reviews.get()
    for finding in review.findings.filter(verdict=Verdict.PENDING):
        reviewing.decide_finding(finding=finding, verdict=Verdict.WAIVE, reason="Agreed.", **signed)
    review.refresh_from_db()
    reviewing.clear_timepoint(review=review, signature=Intent(PASSWORD), **signed)
    while jobs.drain():
        pass


def _read(world: World, visit: str) -> None:
    from compliance import jobs
    from compliance.signing import Intent
    from reading.models import ReadTask
    from reading.services import assessing
    from reading.services.entries import AssessmentEntry, LesionEntry
    from tests.factories import AT, PASSWORD
    from trials.models import Role

    reader = world.people[Role.READER]
    task = ReadTask.objects.get(timepoint=world.timepoint(SUBJECT, visit), reader=reader)
    number = None if visit == VISITS[0] else 1
    lesion = LesionEntry(number, "target", "LIVER", state="MEASURED", diameter_mm=Decimal(30))
    signed = {"actor": reader, "at": AT + dt.timedelta(days=201)}
    assessing.open_task(task=task, **signed)
    entry = AssessmentEntry(version=0, lesions=(lesion,))
    assessing.submit_read(task=task, entry=entry, signature=Intent(PASSWORD), **signed)
    while jobs.drain():
        pass
