"""A read in progress on a series of given files, put into the database and the archive of an installation."""

from __future__ import annotations

import uuid
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from pydicom import dcmread

from compliance import storage
from imaging.models import ImagingStudy, Instance, ReceivedInstance, Series, Transfer
from reading import blinding
from reading.blinding import look_at_read
from reading.models import ReadTask
from reading.services.assessing import open_task
from reading.services.assigning import open_reads
from reading.views_pixels import task_addresses
from tests.factories.world import AT, World, make_user
from trials.models import Role, Timepoint
from trials.services import setting_up
from trials.states import ImageState, QcState


def furnish(world: World, folder: str) -> dict[str, Any]:
    """Make a read of the files in a folder; return its addresses and the session of its reader."""
    second = make_user("second-reader")
    setting_up.grant_membership(trial=world.trial, user=second, role=Role.READER, actor=world.founder, at=AT)
    timepoint = world.timepoint("N-001", "BL")
    study = ImagingStudy.objects.create(trial=world.trial, timepoint=timepoint, study_instance_uid="2.25.1")
    label = world.trial.charters.get().terms.series[0].label
    series = Series.objects.create(
        imaging_study=study, series_instance_uid="2.25.2", modality="CT", label=label, for_reading=True
    )
    transfer = Transfer.objects.create(site=world.north, door="web", sender="benchmark", opened_at=AT)
    for path in sorted(Path(folder).iterdir()):
        content, header = path.read_bytes(), dcmread(path, stop_before_pixels=True)
        received = ReceivedInstance.objects.create(
            spool_id=uuid.uuid4(), transfer=transfer, received_at=AT, size=1, file_sha256="", state="archived"
        )
        key = f"benchmark/{path.name}"
        Instance.objects.create(
            series=series,
            received=received,
            trial=world.trial,
            sop_instance_uid=header.SOPInstanceUID,
            sop_class_uid=header.SOPClassUID,
            number=header.InstanceNumber,
            position_mm=float(header.ImagePositionPatient[2]),
            rows=header.Rows,
            columns=header.Columns,
            archive_key=key,
            sha256=storage.put(storage.ARCHIVE, key, content),
            size=len(content),
            recipe_sha256="",
        )
    Timepoint.objects.filter(pk=timepoint.pk).update(image_state=ImageState.RECEIVED, qc_state=QcState.CLEARED)
    open_reads(timepoint=Timepoint.objects.get(pk=timepoint.pk), at=AT)
    task = ReadTask.every.select_related("timepoint__subject__trial", "charter", "reader").get(slot=1)
    open_task(task=task, actor=task.reader, at=AT)
    ((_, (stack,)),) = blinding.stacks_shown(look_at_read(task, actor=task.reader))
    addresses = task_addresses(task.blinded_code)
    return {"pixels": addresses.pixels.replace("SERIES", stack.key), "session": _session(task)}


def _session(task: ReadTask) -> str:
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(task.reader.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[1]
    store[HASH_SESSION_KEY] = task.reader.get_session_auth_hash()
    store.create()
    return str(store.session_key)
