"""A dry run of the endpoint package: every file of it as it will be, with results that are nobody's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from compliance.models import Record
from reading.exports.dummy import dummy_trial, pack_of_dummies
from reading.exports.endpoint_package import EndpointPackage
from reading.exports.locked import LockedTrial, lock_identifier
from trials.models import Trial

SAID = (
    "DRY RUN. Subjects, scans, measurements, responses and adjudications in this package are made up by a table; none "
    "is of this trial, and nothing of its data was read to make them. It is for writing programs against the files."
)


class DryRun(EndpointPackage):
    """The endpoint package before there is one, to program against."""

    identifier = "endpoint-package-dry-run"
    title = "DRY RUN of the endpoint package"
    # No news for other systems, which wait for the package.
    built = "dry_run.built"

    def ready(self, about: Record) -> None:
        """Nothing has to be locked: nothing of the trial's data is in it."""
        assert isinstance(about, Trial)
        pack_of_dummies(about)

    def snapshot(self, about: Record) -> LockedTrial:
        assert isinstance(about, Trial)
        return dummy_trial(about)

    def statement(self, snapshot: LockedTrial) -> Mapping[str, Any]:
        return {**super().statement(snapshot), "lock": {"identifier": lock_identifier(snapshot)}, "dry_run": SAID}

    def files(self, snapshot: LockedTrial) -> Iterable[tuple[str, bytes]]:
        yield "DRY-RUN.txt", f"{SAID}\n".encode()
        yield from super().files(snapshot)

    def file_name(self, snapshot: LockedTrial) -> str:
        return f"DRY-RUN-{snapshot.code}-endpoint-package-{lock_identifier(snapshot)[:12]}.zip"
