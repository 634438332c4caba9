"""What another version of the charter would change of a subject's reads: responses, adjudications, what readers see."""

from __future__ import annotations

from reading import selectors
from reading.criteria.values import InvalidRead
from reading.models import ReadTask
from reading.services.adjudicating import discordant_places
from reading.states import ReadState
from trials.charter import TRIGGERS, Charter
from trials.impact import Change, compared
from trials.models import ImagingCharter, Subject

Table = dict[tuple[str, str], str]


def weigh(subject: Subject, charter: ImagingCharter) -> list[Change]:
    """Return what the signed reads would amount to, and what the open ones would show; nothing is written."""
    ruling = selectors.reading_charter(subject)
    if ruling is None or ruling == charter:
        return []
    return [
        *compared(subject.code, _amounts(subject, ruling), _amounts(subject, charter), signed=True),
        *compared(subject.code, _cases(subject, ruling), _cases(subject, charter), signed=True),
        *_shown(subject, charter),
    ]


def _amounts(subject: Subject, charter: ImagingCharter) -> Table:
    """Each reader's responses, and the results of the subject, under a version.

    What was entered for other criteria need not be enough: a product of diameters does not follow from one of them.
    """
    amounts: Table = {}
    try:
        slots = selectors.slot_results(subject, charter)
    except InvalidRead:
        return {("", "Responses"): f"cannot be derived by {charter.terms.criteria} from what was entered"}
    for slot in slots:
        by = f"by reader {slot.slot}"
        for response in slot.outcome.timepoints:
            amounts[response.timepoint_id, f"Response {by}"] = response.overall
        amounts["", f"Best overall response {by}"] = slot.outcome.bor
        amounts["", f"Progression {by}"] = slot.timepoint_on(slot.outcome.progression_day)
        amounts["", f"First response {by}"] = slot.timepoint_on(slot.outcome.first_response_day)
    return amounts


def _cases(subject: Subject, charter: ImagingCharter) -> Table:
    """Where the readers would have to be adjudicated under a version, and over what."""
    try:
        places = list(discordant_places(subject, charter))
    except InvalidRead:
        return {}
    return {
        (timepoint.code if timepoint else "", "Adjudication"): ", ".join(TRIGGERS[t.name].lower() for t in triggers)
        for timepoint, triggers in places
    }


def _shown(subject: Subject, charter: ImagingCharter) -> list[Change]:
    """What readers of reads not signed yet would see otherwise; where one is signed, all stay as they are."""
    tasks = ReadTask.objects.filter(timepoint__subject=subject).select_related("timepoint", "charter")
    if tasks.filter(state__in=selectors.SIGNED).exists():
        return []
    changes: list[Change] = []
    for task in tasks.exclude(state=ReadState.WITHDRAWN).order_by("order", "slot"):
        place = task.timepoint.code, f"reader {task.slot}"
        changes += compared(subject.code, _display(place, task.charter.terms), _display(place, charter.terms))
    return changes


def _display(place: tuple[str, str], terms: Charter) -> Table:
    timepoint, reader = place
    windows = ", ".join(f"{p.name} {p.centre:g}/{p.width:g} {p.unit}".rstrip() for p in terms.window_presets)
    return {
        (timepoint, f"Criteria for {reader}"): terms.criteria,
        (timepoint, f"Display windows of {reader}"): windows,
        (timepoint, f"Order of {reader}"): terms.reads.said,
        (timepoint, f"Hidden from {reader}"): ", ".join(sorted(terms.blinded_to)),
    }
