"""What a reader sees at a global review: all of the own reads of a case, with what was drawn and derived."""

from __future__ import annotations

from reading import derivation, selectors
from reading.blinded import BlindedGlobalReview, BlindedTimepoint
from reading.blinding.cases import side_of
from reading.blinding.names import Keys
from reading.blinding.reads import disclosed, figures_of, presets, title_of
from reading.blinding.stacks import stacks_of
from reading.models import GlobalReview


def blinded_global_review(review: GlobalReview) -> BlindedGlobalReview:
    """Return what a reader sees of a case that is reviewed; nothing of it is another reader's."""
    subject, charter = review.subject, selectors.reading_charter(review.subject)
    assert charter is not None
    names, pack = Keys(subject.trial, review.blinded_code), derivation.pack_of(charter)
    result = next(slot for slot in selectors.slot_results(subject) if slot.slot == review.slot)
    timepoints = [read.timepoint for read in result.reads]
    stacks = {t.pk: stacks_of(names, t, charter) for t in timepoints}
    titles = {t.code: title_of(t, charter) for t in timepoints}
    shown = [stack for group in stacks.values() for stack in group]
    return BlindedGlobalReview(
        code=review.blinded_code,
        case=result.reads[0].task.case_code,
        state=review.state,
        own=side_of("own", result, titles, shown, names, whole=True),
        reads=tuple(read.task.blinded_code for read in result.reads),
        figures=figures_of({}, pack),
        terms=pack.terms,
        timepoints=tuple(
            BlindedTimepoint(titles[t.code], tuple(stack.blinded for stack in stacks[t.pk]), None) for t in timepoints
        ),
        presets=presets(charter),
        disclosed=disclosed(subject, charter),
    )
