"""What a reader sees of a case's reference: nothing before the own reading of the case is signed and scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reading import derivation, qualifying, selectors
from reading.blinded import BlindedPoint, BlindedReview
from reading.blinding.marks import marks_of_reads
from reading.blinding.names import Keys
from reading.blinding.pictures import NotShown
from reading.blinding.reads import lesions_of, presets, response_of, title_of
from reading.blinding.stacks import stacks_of
from reading.models import CaseRead, ReadTask
from reading.selectors_qualification import shown_with_reference


def blinded_review(task: ReadTask) -> BlindedReview:
    """Return a reader's own signed read of a case beside the reference, under the keys of the own read.

    Raises
    ------
    NotShown
        The case is not signed at every timepoint, or the reader has it to read again.
    """
    read = shown_with_reference(task)
    if read is None:
        raise NotShown("The reference is shown when every timepoint of the case is signed and scored.")
    charter, pack, code = task.charter, derivation.pack_of(task.charter), task.blinded_code
    own = list(read.tasks())
    titles = {one.timepoint.code: title_of(one.timepoint, charter) for one in own}
    theirs = {one.timepoint_id: one for one in read.reference.tasks()}
    names = Keys(task.timepoint.subject.trial, code)
    before = list(selectors.own_reads_before(task))
    shown = [stack for one in (*before, task) for stack in stacks_of(names, one.timepoint, charter)]
    reference = theirs[task.timepoint_id]
    reference_before = [theirs[one.timepoint_id] for one in before]
    return BlindedReview(
        code=code,
        case=task.case_code,
        title=title_of(task.timepoint, charter),
        kind=read.case.kind,
        criteria=charter.terms.criteria,
        version=read.reference.number,
        given=qualifying.counted(read.points)[0],
        points=tuple(_points(read, titles, qualifying.unit_of(task))),
        timepoints=tuple((titles[one.timepoint.code], one.blinded_code) for one in own),
        presets=presets(charter),
        own_lesions=lesions_of(task, before, shown, names),
        reference_lesions=lesions_of(reference, reference_before, shown, names),
        own_marks=marks_of_reads([*before, task], code),
        reference_marks=marks_of_reads([*reference_before, reference], code),
        own_response=response_of(task.assessment.derivation, pack),
        reference_response=response_of(reference.assessment.derivation, pack),
    )


def _points(read: CaseRead, titles: Mapping[str, str], unit: str) -> list[BlindedPoint]:
    def point(stored: Mapping[str, Any]) -> BlindedPoint:
        own, reference = (qualifying.said(stored["item"], stored[side], unit) for side in ("own", "reference"))
        title = titles.get(stored["timepoint"], "")
        return BlindedPoint(qualifying.ASKED[stored["item"]], title, own, reference, stored["agrees"])

    return [point(stored) for stored in read.points]
