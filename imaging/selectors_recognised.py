"""What was recognised in a delivery, series by series, and what was not taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Count, Min

from compliance.models import Job
from imaging.models import RefusedFile, Transfer, WebUpload
from imaging.selectors import PROCESS
from imaging.states import ReceivedState, TransferState
from trials.models import Timepoint


@dataclass(slots=True)
class Refusal:
    """Files of a delivery that were not taken for one reason; `entries` are their numbers in a ZIP archive."""

    sentence: str
    upload: UUID
    count: int = 0
    entries: list[int] = field(default_factory=list)


def refusals_in(transfer: Transfer) -> list[Refusal]:
    """Files of a delivery's uploads that were not taken, upload by upload and sentence by sentence."""
    rows = RefusedFile.objects.filter(upload__transfer=transfer).order_by("upload", "entry")
    found: dict[tuple[UUID | None, str], Refusal] = {}
    for upload, entry, sentence in rows.values_list("upload__public_id", "entry", "sentence"):
        # Loose files are uploads of their own: what is said of them is said once.
        refusal = found.setdefault((upload if entry else None, sentence), Refusal(sentence, upload))
        refusal.count += 1
        if entry:
            refusal.entries.append(entry)
    return list(found.values())


@dataclass(slots=True)
class RecognisedSeries:
    """What one series of a delivery amounts to so far, in instances."""

    modality: str
    received: int = 0
    archived: int = 0
    duplicate: int = 0
    held: int = 0
    timepoint: Timepoint | None = None
    sentences: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Recognised:
    """A delivery series by series, and what was not taken; `settled` when nothing of it is still worked on.

    `counts` are of instances by state and reason of hold, `held` by reason and sentence, `archived` by timepoint.
    """

    series: list[RecognisedSeries] = field(default_factory=list)
    refused: Sequence[Refusal] = ()
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    held: Counter[tuple[str, str]] = field(default_factory=Counter)
    archived: Counter[Timepoint] = field(default_factory=Counter)
    settled: bool = False

    @property
    def known(self) -> int:
        """How many instances were here already."""
        return self.counts[ReceivedState.DUPLICATE, ""]


def recognised_in(transfer: Transfer) -> Recognised:
    """Tell what was recognised in a delivery."""
    found = Recognised(refused=refusals_in(transfer))
    rows: dict[str, RecognisedSeries] = {}
    alike = transfer.instances.values(
        "series_uid_key", "modality", "state", "hold_reason", "hold_sentence", "timepoint"
    )
    kinds: list[Any] = list(alike.annotate(count=Count("pk"), first=Min("pk")).order_by("first"))
    timepoints = Timepoint.objects.select_related("subject__site").in_bulk(
        {kind["timepoint"] for kind in kinds} - {None}
    )
    for kind in kinds:
        state, count, timepoint = kind["state"], kind["count"], timepoints.get(kind["timepoint"])
        row = rows.setdefault(kind["series_uid_key"], RecognisedSeries(kind["modality"]))
        row.received += count
        row.archived += count * (state == ReceivedState.ARCHIVED)
        row.duplicate += count * (state == ReceivedState.DUPLICATE)
        row.held += count * (state == ReceivedState.HELD)
        found.counts[state, kind["hold_reason"]] += count
        if state == ReceivedState.HELD:
            found.held[kind["hold_reason"], kind["hold_sentence"]] += count
            if kind["hold_sentence"] not in row.sentences:
                row.sentences.append(kind["hold_sentence"])
        elif timepoint is not None:
            row.timepoint = timepoint
        if state == ReceivedState.ARCHIVED and timepoint is not None:
            found.archived[timepoint] += count
    found.series = list(rows.values())
    unread = any(state == ReceivedState.RECEIVED for state, _ in found.counts)
    told = rows or found.refused or transfer.state == TransferState.CLOSED
    found.settled = bool(told) and not unread and not _is_worked_on(transfer)
    return found


def _is_worked_on(transfer: Transfer) -> bool:
    under_way = Job.objects.filter(state__in=(Job.State.QUEUED, Job.State.RUNNING))
    if under_way.filter(kind=PROCESS, key__startswith=f"{transfer.pk}:").exists():
        return True
    return transfer.uploads.filter(state=WebUpload.State.UNPACKING).exists()
