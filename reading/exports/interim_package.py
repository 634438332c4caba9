"""The package of an interim lock: what the endpoint package will be, of the subjects and visits that it covers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from compliance.exporting import NotLocked
from compliance.models import Record
from reading.exports.endpoint_package import EndpointPackage
from reading.exports.locked import LockedTrial, lock_identifier, plain
from reading.exports.snapshot import interim_snapshot
from trials.models import Freeze
from trials.states import FreezeState

SAID = (
    "INTERIM. It holds the subjects and visits of an interim lock alone; the trial goes on, and its results may change."
)


class InterimPackage(EndpointPackage):
    """Endpoints of the subjects and visits that an interim lock covers."""

    identifier = "interim-package"
    title = "Package of an interim lock"
    # Other systems are not told: that there are results, and of what, is news of the trial's outcome.
    built = "interim.built"

    def ready(self, about: Record) -> None:
        assert isinstance(about, Freeze)
        if not (about.is_interim and about.state == FreezeState.STANDING):
            raise NotLocked(
                f"No package was built of {about}: it does not stand. A package is built of what is locked alone."
            )

    def snapshot(self, about: Record) -> LockedTrial:
        assert isinstance(about, Freeze)
        return interim_snapshot(about)

    def statement(self, snapshot: LockedTrial) -> Mapping[str, Any]:
        visits = {one.code: [visit.code for visit in one.timepoints] for one in snapshot.subjects}
        interim = {**plain(snapshot.interim), "said": SAID, "visits": visits}
        return {**super().statement(snapshot), "interim": interim}

    def files(self, snapshot: LockedTrial) -> Iterable[tuple[str, bytes]]:
        yield "INTERIM.txt", f"{SAID}\n{snapshot.interim}\n".encode()
        yield from super().files(snapshot)

    def file_name(self, snapshot: LockedTrial) -> str:
        return f"INTERIM-{snapshot.code}-endpoint-package-{lock_identifier(snapshot)[:12]}.zip"
