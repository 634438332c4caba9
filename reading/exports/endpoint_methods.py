"""The imaging charter in words, for the report's chapter on methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reading.exports.endpoint_summary import Line, day, trigger_words, words
from reading.exports.locked import LockedTrial
from trials.charter import Charter, Visit
from trials.order_terms import ReadOrderTerms
from trials.schedule import visit_window
from trials.series_terms import SeriesTerms

_NUMBERS = {1: "one reader", 2: "two readers"}
_BLINDED = {"subject": "the subject's code", "dates": "all dates", "arm": "the treatment arm", "site": "the site"}


def methods(trial: LockedTrial) -> Mapping[str, Any]:
    """Return the charter in force as paragraphs and table rows."""
    charter = Charter.stored(trial.charter.content)
    return {
        "purpose": charter.purpose,
        "images": _images(charter),
        "series": [Line(series.label, _series(series)) for series in charter.series],
        "schedule": [_visit(visit) for visit in charter.schedule],
        "reading": f"{_reading(charter)} {trial.criteria.measured_as}",
        "criteria": _criteria(trial),
        "settings": [Line(p.title, (_setting(p.value), p.source)) for p in trial.criteria.parameters],
        "adjudication": _adjudication(charter),
        "deidentification": _deidentification(charter),
    }


def _visit(visit: Visit) -> Line:
    first, last = visit_window(visit.day, visit.window_before, visit.window_after)
    return Line(f"{visit.code} {visit.name}", (day(visit.day), f"{day(first)} to {day(last)}"))


def listed(items: Iterable[str], last: str = "and") -> str:
    """Return items as people list them: a, b and c."""
    texts = list(items)
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {last} {texts[-1]}"


def _images(charter: Charter) -> str:
    return (
        f"Images of {listed(charter.modalities)} were acquired at the sites and sent to the core lab. Each series was "
        "checked against the charter; a person decided on every finding and cleared each timepoint for reading by "
        "signature. What did not meet the charter went back to the site as a query, or was waived with a reason."
    )


def _series(series: SeriesTerms) -> tuple[str, ...]:
    return (
        series.modality,
        "required" if series.required else "optional",
        series.orientation or "any",
        _limit(series.max_slice_thickness_mm, "≤ {} mm"),
        _limit(series.max_gap_mm, "≤ {} mm"),
        _limit(series.min_instances, "≥ {}"),
    )


def _limit(value: float | None, said: str) -> str:
    return "–" if value is None else said.format(f"{value:g}")


def _reading(charter: Charter) -> str:
    hidden = listed(_BLINDED[item] for item in charter.blinded_to) or "nothing"
    return (
        f"Each timepoint was read by {_NUMBERS[charter.readers_per_timepoint]}, without knowledge of {hidden}, and of "
        f"any other reader's result. {_order(charter.reads)}"
    )


_REVIEWED = (
    " When all were signed, the reader went over the case as a whole and confirmed each response by signature, or "
    "changed it with a reason; what the review left counts, and what was derived stands beside it in "
    "global_reviews.csv."
)


def _order(terms: ReadOrderTerms) -> str:
    if terms.by_itself:
        return (
            "When all of a subject's scans were in, each timepoint was read by itself, in an order drawn for each "
            "reader from the trial's seed, without sight of another timepoint; each read was closed by the reader's "
            "signature before the next opened. Regions are matched by their names."
        )
    waited = f" up to {terms.cut_off}" if terms.cut_off else ""
    start = f" None was opened before all of the subject's scans{waited} were in." if terms.in_batch else ""
    return (
        "A subject's timepoints were read in the order of the schedule, and each read was closed by the reader's "
        f"signature before the next timepoint opened.{start} Lesions keep their number through time within one reader."
        f"{_REVIEWED if terms.global_review else ''}"
    )


def _criteria(trial: LockedTrial) -> str:
    criteria = trial.criteria
    begun = "The" if trial.has_reviews else "No response was typed: the"
    return (
        f"Responses follow {criteria.name}. {begun} rule pack (version {criteria.version}) derived "
        "each one from the reader's measurements in exact decimal arithmetic, without rounding before a comparison. "
        "The rules applied, with their clauses, inputs and results, are kept beside every response in responses.csv."
    )


def _setting(value: bool | int | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return words(str(value))


def _adjudication(charter: Charter) -> str:
    if charter.readers_per_timepoint < 2:
        return "With one reader per timepoint there is nothing to adjudicate; that reader's evaluation is accepted."
    terms = charter.adjudication
    triggers = listed((trigger_words(trigger).lower() for trigger in terms.triggers), "or")
    window = (
        f", with dates up to {terms.date_window_days} days apart counted as equal" if terms.date_window_days else ""
    )
    about = {
        "subject": "A subject was adjudicated as a whole, after all of its timepoints were read",
        "timepoint": "Each timepoint was adjudicated by itself, as soon as both reads were signed",
    }[terms.by]
    if terms.by_consensus:
        return (
            f"Two reads were discordant when they differed in {triggers}{window}. {about}: the two readers saw both "
            "reads side by side, unnamed, in an order drawn from the trial's seed; one proposed which counts, with the "
            "reason and by signature, and the other confirmed it by signature. The chosen reader's evaluation is the "
            "accepted one; without discordance, that of READER 1 is. Agreement is that of the independent reads."
        )
    return (
        f"Two reads were discordant when they differed in {triggers}{window}. {about}: a third reader saw both "
        "reads side by side, unnamed, in an order drawn from the trial's seed, chose one and gave the reason. The "
        " chosen reader's evaluation is the accepted one; without discordance, that of READER 1 is."
    )


def _deidentification(charter: Charter) -> str:
    recipe = charter.deidentification
    return (
        "Before archiving, every image was de-identified by the trial's recipe "
        f"({recipe.get('identifier', 'unnamed')}, version {recipe.get('version', 'unknown')}) on the basic profile of "
        "DICOM PS3.15 Annex E. Identifiers were replaced by keyed pseudonyms. All dates of a subject were shifted by "
        "the same number of days, so that intervals hold; days in this report are study days, of which the "
        "protocol's reference day is day 1."
    )
