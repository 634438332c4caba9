"""What an adjudicator sees of a case: both reads side by side, unnamed, and the images both were made on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reading import derivation, selectors
from reading.blinded import (
    BlindedAdjudication,
    BlindedCause,
    BlindedRead,
    BlindedSide,
    BlindedTimepoint,
    BlindedTrigger,
)
from reading.blinding.marks import marks_of_reads
from reading.blinding.names import Keys, case_code
from reading.blinding.reads import answered, disclosed, figures_of, lesions_of, presets, response_of, title_of
from reading.blinding.stacks import Stack, stacks_of
from reading.models import Adjudication, ReadTask
from reading.states import UNDECIDED
from reading.variability.causes import SAID, Cause
from trials.models import Timepoint


def blinded_adjudication(adjudication: Adjudication) -> BlindedAdjudication:
    """Return what an adjudicator sees: both reads side by side, unnamed, and the images both were made on."""
    subject = adjudication.subject
    charter = selectors.reading_charter(subject)
    assert charter is not None
    names, pack = Keys(subject.trial, adjudication.blinded_code), derivation.pack_of(charter)
    timepoints = [t for t in subject.timepoints.order_by("order") if is_of_case(t, adjudication)]
    stacks = {t.pk: stacks_of(names, t, charter) for t in timepoints}
    shown = [stack for group in stacks.values() for stack in group]
    by_slot = {result.slot: result for result in selectors.slot_results(subject)}
    left, right = by_slot[adjudication.left_slot], by_slot[3 - adjudication.left_slot]
    titles = {t.code: title_of(t, charter) for t in timepoints}

    def side(name: str, result: selectors.SlotResult) -> BlindedSide:
        return side_of(name, result, titles, shown, names, whole=adjudication.timepoint_id is None)

    sides = side("left", left), side("right", right)
    chosen = adjudication.chosen_slot or adjudication.proposal.get("slot")
    return BlindedAdjudication(
        code=adjudication.blinded_code,
        case=case_code(subject, "adjudicator"),
        title=title_of(adjudication.timepoint, charter) if adjudication.timepoint else "",
        state=adjudication.state,
        triggers=tuple(_triggers(adjudication.triggers, *sides, titles, adjudication.left_slot)),
        left=sides[0],
        right=sides[1],
        figures=figures_of({}, pack),
        timepoints=tuple(
            BlindedTimepoint(titles[t.code], tuple(stack.blinded for stack in stacks[t.pk]), None) for t in timepoints
        ),
        presets=presets(charter),
        choice="" if chosen is None else ("left" if chosen == adjudication.left_slot else "right"),
        rationale=adjudication.rationale or adjudication.proposal.get("rationale", ""),
        cause=_cause(adjudication, titles),
        disclosed=disclosed(subject, charter),
    )


def side_of(
    name: str,
    result: selectors.SlotResult,
    titles: Mapping[str, str],
    stacks: Sequence[Stack],
    names: Keys,
    *,
    whole: bool,
) -> BlindedSide:
    """Return one reader's reads of a case, unnamed.

    Parameters
    ----------
    titles
        What the timepoints that are shown are called, by their codes.
    stacks, names
        The images that are shown, and the keys under which they are.
    whole
        With what the reads amount to for the subject.
    """
    reads = [read for read in result.reads if read.timepoint.code in titles]
    pack = derivation.pack_of(result.reads[0].task.charter)

    def titled(task: ReadTask) -> str:
        return titles[task.timepoint.code]

    return BlindedSide(
        side=name,
        best_overall_response=result.outcome.bor if whole else "",
        progression=titles.get(result.timepoint_on(result.outcome.progression_day), "") if whole else "",
        first_response=titles.get(result.timepoint_on(result.outcome.first_response_day), "") if whole else "",
        reads=tuple(
            BlindedRead(
                title=titles[read.timepoint.code],
                image_quality=read.assessment.image_quality,
                comment=read.assessment.comment,
                answered=answered(read.assessment.answers, pack.form()),
                stated_response=read.assessment.stated_response,
                stated_reason=read.assessment.stated_reason,
                response=response_of(read.derived, pack),
                reviewed_response=read.changed_to,
                reviewed_reason=read.changed_because,
                lesions=lesions_of(read.task, [r.task for r in reads[:position]], stacks, names, titled),
            )
            for position, read in enumerate(reads)
        ),
        marks=marks_of_reads([read.task for read in reads], names.code),
    )


def _cause(adjudication: Adjudication, titles: Mapping[str, str]) -> BlindedCause | None:
    found = adjudication.discordance
    if adjudication.state in UNDECIDED or not found:
        return None
    swap = adjudication.left_slot == 2
    only = found["only_first"], found["only_second"]
    return BlindedCause(
        SAID[Cause(found["cause"])],
        titles.get(found["timepoint"], ""),
        tuple((second, first) if swap else (first, second) for first, second in found["pairs"]),
        tuple(only[1] if swap else only[0]),
        tuple(only[0] if swap else only[1]),
    )


def is_of_case(timepoint: Timepoint, adjudication: Adjudication) -> bool:
    """Whether a timepoint is part of the case: read, and not after the one that is adjudicated."""
    last = adjudication.timepoint
    return selectors.is_read_by_all(timepoint) and (last is None or timepoint.order <= last.order)


def _triggers(
    rows: Iterable[Mapping[str, Any]], left: BlindedSide, right: BlindedSide, titles: Mapping[str, str], left_slot: int
) -> Iterable[BlindedTrigger]:
    """Spread triggers over the timepoints where they fired; an event's date is told by its timepoint."""
    dates = {"progression_date": "progression", "first_response_date": "first_response"}
    for row in rows:
        name, places = row["name"], row["timepoint_ids"]
        if name in dates:
            said = [getattr(side, dates[name]) or "none" for side in (left, right)]
            yield BlindedTrigger(name, "", said[0], said[1])
            continue
        for place, pair in zip(places or ("",), row["values"], strict=True):
            first, second = pair if left_slot == 1 else reversed(pair)
            yield BlindedTrigger(name, titles.get(place, ""), first, second)
