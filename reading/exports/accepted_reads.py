"""The accepted reads of a locked trial as DICOM, for whoever takes its images: as in the endpoint package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from compliance.exporting import Exporter
from compliance.models import Record
from reading.exports import dicom_objects, dicom_seg, dicom_sr
from reading.exports.endpoint_package import EndpointPackage
from reading.exports.locked import LockedSubject, LockedTrial, lock_statement


class AcceptedReads(Exporter[LockedTrial]):
    """Reports and segmentations of the reads that count, subject by subject."""

    identifier = "accepted-reads"
    title = "Accepted reads"
    sources = ("reading/exports",)

    def ready(self, about: Record) -> None:
        EndpointPackage().ready(about)

    def snapshot(self, about: Record) -> LockedTrial:
        return EndpointPackage().snapshot(about)

    def statement(self, snapshot: LockedTrial) -> Mapping[str, Any]:
        return {
            "lock": lock_statement(snapshot),
            "reads_written_with": dicom_objects.made_with(),
        }

    def files(self, snapshot: LockedTrial) -> Iterator[tuple[str, bytes]]:
        for subject in snapshot.subjects:
            alone = replace(snapshot, subjects=(_accepted(subject),))
            yield from dicom_sr.reports(alone)
            yield from dicom_seg.segmentations(alone)

    def file_name(self, snapshot: LockedTrial) -> str:
        return f"{snapshot.code}-accepted-reads.zip"


def _accepted(subject: LockedSubject) -> LockedSubject:
    timepoints = (
        replace(visit, reads=tuple(read for read in visit.reads if read.accepted)) for visit in subject.timepoints
    )
    return replace(subject, timepoints=tuple(timepoints))
