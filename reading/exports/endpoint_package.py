"""The locked endpoint package: tables, charter, agreement and report of a trial whose database is locked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from compliance import printing
from compliance.exporting import Exporter, NotLocked, readable
from compliance.models import Record
from reading.exports import (
    adam,
    dicom_objects,
    dicom_seg,
    dicom_sr,
    endpoint_agreement,
    endpoint_listings,
    endpoint_report,
    endpoint_tables,
    odm,
    records,
    sdtm_files,
    traces,
)
from reading.exports.locked import LockedTrial, lock_identifier, lock_statement, moment, plain
from reading.exports.snapshot import snapshot
from trials.models import Trial
from trials.states import TrialState

#: What writes the files; one more kind of file is one more line. The report is not here: it names the tables' digests.
PARTS: tuple[Callable[[LockedTrial], Iterable[tuple[str, bytes]]], ...] = (
    sdtm_files.sdtm_files,
    adam.adam_files,
    odm.odm_files,
    traces.traces,
    endpoint_listings.listings,
    dicom_sr.reports,
    dicom_seg.segmentations,
)


#: What verifies a package offline; it goes along with each, byte for byte.
VERIFIER = Path(settings.ROOT) / "scripts" / "parallax_verify.py"


class EndpointPackage(Exporter[LockedTrial]):
    """Everything a sponsor files of the imaging endpoints, from one locked trial."""

    identifier = "endpoint-package"
    title = "Endpoint package"
    sources = endpoint_report.SOURCES

    def ready(self, about: Record) -> None:
        assert isinstance(about, Trial)
        if about.state != TrialState.LOCKED:
            raise NotLocked(
                f"The endpoint package of trial {about.code} was not built, because its database is not locked. "
                "Lock the trial first; until then nobody sees an outcome."
            )

    def snapshot(self, about: Record) -> LockedTrial:
        assert isinstance(about, Trial)
        return snapshot(about)

    def statement(self, snapshot: LockedTrial) -> Mapping[str, Any]:
        charter, criteria = snapshot.charter, snapshot.criteria
        return {
            "trial": snapshot.code,
            "sponsor": snapshot.sponsor,
            "lock": lock_statement(snapshot),
            "charter": {"version": charter.version, "sha256": charter.sha256, "signed_at": moment(charter.signed_at)},
            "criteria": {
                "name": criteria.name,
                "version": criteria.version,
                "parameters_sha256": criteria.parameters_sha256,
            },
            "signatures": plain(snapshot.signatures),
            "simulated_reads": snapshot.simulated,
            "report_set_with": dict(printing.made_with()),
            "images_written_with": dicom_objects.made_with(),
            "sdtm_written_with": sdtm_files.made_with(),
        }

    def files(self, snapshot: LockedTrial) -> Iterable[tuple[str, bytes]]:
        tables = {
            **endpoint_tables.csv_files(snapshot),
            "variability.json": readable(endpoint_agreement.steady(snapshot.variability)),
            "criteria.json": readable(snapshot.criteria.content()),
            "charter.json": readable({"trial": snapshot.code, "versions": plain(snapshot.charters)}),
        }
        yield from tables.items()
        counted = dict(tables)
        for part in PARTS:
            for name, data in part(snapshot):
                if records.are_in(name):
                    counted[name] = data
                yield name, data
        yield "records.json", records.records(counted)
        yield VERIFIER.name, VERIFIER.read_bytes()
        yield "report.pdf", endpoint_report.report(snapshot, lock_identifier(snapshot), tables)

    def file_name(self, snapshot: LockedTrial) -> str:
        return f"{snapshot.code}-endpoint-package-{lock_identifier(snapshot)[:12]}.zip"
