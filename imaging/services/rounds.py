"""Rounds of QC: each is opened by what is new, images or a version of the transfer form, and asks for nothing else."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import audit
from compliance.transitions import advance
from imaging import signals
from imaging.models import QcReview, TransferForm
from imaging.selectors_qc import final_decisions
from imaging.states import UNDECIDED, ReviewState, Verdict
from trials.models import Timepoint
from trials.states import QcState


def open_round(
    *, timepoint: Timepoint, after: QcReview | None, data_sha256: str, why: str, at: dt.datetime
) -> QcReview:
    """Open the next round of a timepoint; a cleared one is reopened, and the rooms above hear of it.

    Parameters
    ----------
    after
        The latest round, locked by the caller; one that nobody has decided is superseded.
    why
        Why a cleared timepoint is reopened, as the trail says it.
    """
    if after is not None and after.state in UNDECIDED:
        advance(after, "supersede", actor=None, at=at)
    review = QcReview(timepoint=timepoint, round=after.round + 1 if after else 1, opened_at=at, data_sha256=data_sha256)
    audit.save(review, action="qcreview.opened", actor=None, at=at)
    current = Timepoint.objects.get(pk=timepoint.pk)
    if current.qc_state == QcState.CLEARED:
        advance(current, "reopen", field="qc_state", actor=None, at=at, reason=why)
        signals.timepoint_reopened.send(sender=Timepoint, timepoint=current, at=at)
    elif current.qc_state != QcState.AWAITING:
        advance(current, "request", field="qc_state", actor=None, at=at)
    return review


def look_at_form(*, form: TransferForm, at: dt.datetime) -> QcReview | None:
    """Open a round on a newly signed version of the transfer form, if there is one to be judged by itself.

    That is so after a round that failed on the form alone, while a second person was to look, and, where the charter
    needs the form, after clearance. Findings are taken over with their verdicts: the images are not asked about again.
    """
    with transaction.atomic():
        latest = QcReview.objects.select_for_update().filter(timepoint=form.timepoint).order_by("-round").first()
        if latest is None or not _asks_for_form(latest):
            return None
        review = open_round(
            timepoint=form.timepoint,
            after=latest,
            data_sha256=latest.data_sha256,
            why="its transfer form was corrected after it was cleared",
            at=at,
        )
        for one in latest.findings.order_by("pk"):
            one.pk, one.review = None, review
            audit.save(one, action="finding.taken_over", actor=None, at=at)
    return review


def _asks_for_form(latest: QcReview) -> bool:
    if latest.state == ReviewState.SECOND:
        return True
    if latest.state == ReviewState.CLEARED:
        return latest.timepoint.charter.terms.quality_control.needs_form
    if latest.state != ReviewState.FAILED:
        return False
    decision = final_decisions(latest.timepoint).filter(review=latest).first()
    return decision is not None and decision.form_verdict == Verdict.FAIL != decision.images_verdict
