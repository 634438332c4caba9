"""What the server has already, by content: so that a browser sends only the rest, today or from another machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db.models import Q

from compliance.models import User
from imaging.models import ReceivedInstance, Transfer, WebUpload
from imaging.services import spool
from imaging.services.staging import staged
from imaging.services.uploading import require_open
from imaging.states import ReceivedState
from trials.models import Site, Timepoint

State = WebUpload.State
#: Digests looked for in one question.
_BATCH = 500


def known_files(
    *, timepoint: Timepoint, transfer: Transfer | None, files: Sequence[tuple[str, int]], actor: User
) -> list[dict[str, Any]]:
    """Say of each file, by SHA-256 and size, whether it is here for a timepoint, begun, or new.

    A file that was begun, by whomever of the site, becomes part of the delivery given, which is the actor's own:
    whoever holds the same bytes may send the rest of them. Without a delivery nothing changes.

    Returns
    -------
    list of dict
        In the order of `files`: `sha256`, `state` ("have", "partial", "new"), with "partial" also `upload` and
        `offset`; `warning` where the file lies at another timepoint of the site.
    """
    if transfer is not None:
        require_open(transfer, actor)
    digests = sorted({sha256 for sha256, _ in files})
    here, elsewhere = _received(timepoint, digests)
    here |= _in_the_spool(lambda origin: origin.timepoint_id == timepoint.pk)
    uploads = _uploads(timepoint, digests)
    answers = []
    for sha256, size in files:
        answer: dict[str, Any] = {"sha256": sha256, "state": "new"}
        upload = uploads.get((sha256, size))
        if sha256 in here or (upload and upload.state != State.RECEIVING):
            answer["state"] = "have"
        elif upload and (offset := _offset(upload)) is not None:
            if transfer is not None and upload.transfer_id != transfer.pk:
                upload.transfer = transfer
                upload.save(update_fields=["transfer"])
            answer |= {"state": "partial", "upload": upload, "offset": offset}
        if other := elsewhere.get(sha256):
            answer["warning"] = (
                f"This file was uploaded for {other.subject.code}, {other.name} before. "
                "Check that it belongs to the timepoint chosen here."
            )
        answers.append(answer)
    return answers


class KnownFiles:
    """What a site sent already, by content, for a sender that brings file after file.

    With a timepoint chosen, what waits in quarantine for another one, or for none, is not known: sent again for
    this one it may find its place.
    """

    def __init__(self, site: Site, timepoint: Timepoint | None) -> None:
        self.site, self.timepoint = site, timepoint
        self._lately = _in_the_spool(self._is_ours)

    def _is_ours(self, origin: spool.Origin) -> bool:
        chosen = self.timepoint.pk if self.timepoint else origin.timepoint_id
        return origin.site_id == self.site.pk and origin.timepoint_id == chosen

    def add(self, sha256: str) -> None:
        """Note what was taken just now."""
        self._lately.add(sha256)

    def place_of(self, sha256: str) -> tuple[bool, Timepoint | None]:
        """Tell whether content is here already, and at which timepoint it lies, if it has found one."""
        rows = ReceivedInstance.objects.filter(file_sha256=sha256, transfer__site=self.site)
        rows = rows.exclude(state=ReceivedState.DISCARDED)
        if self.timepoint is not None:
            settled = Q(state__in=(ReceivedState.ARCHIVED, ReceivedState.DUPLICATE))
            rows = rows.filter(settled | Q(timepoint=self.timepoint))
        row = rows.select_related("timepoint__subject").order_by("pk").first()
        return row is not None or sha256 in self._lately, row.timepoint if row else None


def _received(timepoint: Timepoint, digests: Sequence[str]) -> tuple[set[str], dict[str, Timepoint]]:
    """Digests of what the site sent for this timepoint, and for others; what was set aside is not here."""
    here: set[str] = set()
    elsewhere: dict[str, Timepoint] = {}
    for batch in _batches(digests):
        rows = ReceivedInstance.objects.filter(file_sha256__in=batch, transfer__site_id=timepoint.site.pk)
        for row in rows.exclude(state=ReceivedState.DISCARDED).select_related("timepoint__subject"):
            if row.timepoint_id == timepoint.pk:
                here.add(row.file_sha256)
            elif row.timepoint is not None:
                elsewhere[row.file_sha256] = row.timepoint
    return here, elsewhere


def _in_the_spool(wanted: Callable[[spool.Origin], bool]) -> set[str]:
    """Digests of what lies in the spool, of the deliveries wanted, and is not indexed yet."""
    found: set[str] = set()
    for folder in spool.deliveries():
        try:
            if wanted(spool.origin_of(folder)):
                found |= {entry.file_sha256 for entry in spool.entries(folder)}
        except (ValueError, FileNotFoundError):
            continue
    return found


def _uploads(timepoint: Timepoint, digests: Sequence[str]) -> dict[tuple[str, int], WebUpload]:
    """The upload of each announced content for this timepoint that goes on, or is a ZIP or attachment that is here."""
    found: dict[tuple[str, int], WebUpload] = {}
    for batch in _batches(digests):
        rows = WebUpload.objects.filter(sha256__in=batch, transfer__timepoint=timepoint, transfer__site=timepoint.site)
        opened = (WebUpload.Kind.ZIP, WebUpload.Kind.ATTACHMENT)
        zips = rows.filter(kind__in=opened, state__in=(State.UNPACKING, State.KEPT))
        for upload in (*rows.filter(state=State.RECEIVING).select_related("transfer"), *zips):
            found[upload.sha256, upload.size] = upload
    return found


def _offset(upload: WebUpload) -> int | None:
    """How many bytes of it are on the disk, synced; None if they have gone."""
    try:
        with open(staged(upload), "rb") as file:
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return None


def _batches(digests: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(digests), _BATCH):
        yield digests[start : start + _BATCH]
