"""Where a charter contradicts itself: one rule, one function, which names the terms that it is about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import fields
from itertools import pairwise
from typing import TYPE_CHECKING

from trials.display_terms import faults_of_hangings
from trials.form_terms import faults_of_fields, faults_of_forms
from trials.order_terms import faults_of_order
from trials.pool_terms import faults_of_draw
from trials.real_time_terms import faults_of_real_time
from trials.schedule import days_between
from trials.series_terms import SeriesTerms
from trials.subject_terms import MOST_LETTERS
from trials.terms.kinds import Problem

if TYPE_CHECKING:
    from trials.charter.sections import Charter

Rule = Callable[["Charter"], Iterator[Problem]]
_RULES: list[tuple[frozenset[str], Rule]] = []


def contradictions(charter: Charter, faulty: Collection[str] = ()) -> list[Problem]:
    """Return what contradicts itself, leaving out rules about terms that could not be read."""
    return [problem for about, rule in _RULES if about.isdisjoint(faulty) for problem in rule(charter)]


def _about(*terms: str) -> Callable[[Rule], Rule]:
    def note(rule: Rule) -> Rule:
        _RULES.append((frozenset(terms), rule))
        return rule

    return note


@_about("schedule")
def _visits_follow_each_other(charter: Charter) -> Iterator[Problem]:
    numbers = {visit.code: number for number, visit in enumerate(charter.schedule, start=1)}
    for earlier, later in pairwise(charter.schedule):
        if later.day < earlier.day:
            yield Problem(("schedule", numbers[later.code], "day"), "visits must be in the order of their days")
    # What all arms have in common is part of each; with no arms it is the whole schedule.
    arms = {arm: None for visit in charter.schedule for arm in visit.arms} or {"": None}
    following = {pair: None for arm in arms for pair in pairwise(charter.visits_for(arm))}
    for earlier, later in sorted(following, key=lambda pair: numbers[pair[1].code]):
        if 0 <= days_between(earlier.day, later.day) <= earlier.window_after + later.window_before:
            why = f"the windows of {earlier.code} and {later.code} overlap"
            yield Problem(("schedule", numbers[later.code]), why)


@_about("schedule", "subjects")
def _screening_is_said_and_comes_first(charter: Charter) -> Iterator[Problem]:
    for number, visit in enumerate(charter.schedule, start=1):
        if visit.at_screening and not charter.subjects.screening:
            yield Problem(("schedule", number, "at_screening"), "subjects are not screened by this charter")
        elif visit.at_screening and not all(earlier.at_screening for earlier in charter.schedule[: number - 1]):
            yield Problem(("schedule", number, "at_screening"), "visits of screening come before all others")
        elif visit.at_screening and visit.arms:
            yield Problem(
                ("schedule", number, "at_screening"), "nobody has an arm before enrolment, so all are scanned"
            )
    if charter.subjects.screening_format and not charter.subjects.screening:
        yield Problem(("subjects", "screening_format"), "subjects are not screened by this charter")


@_about("series")
def _something_is_required(charter: Charter) -> Iterator[Problem]:
    if not any(series.required for series in charter.series):
        yield Problem(("series",), "at least one required series is needed")


@_about("series", "modalities")
def _series_are_of_the_modalities(charter: Charter) -> Iterator[Problem]:
    for number, series in enumerate(charter.series, start=1):
        if series.modality not in charter.modalities:
            yield Problem(("series", number, "modality"), f"{series.modality} is not among the modalities")


@_about("rereads", "blinded_to")
def _nobody_knows_a_subject_again(charter: Charter) -> Iterator[Problem]:
    if charter.rereads.percent and "subject" not in charter.blinded_to:
        yield Problem(("rereads", "percent"), "readers who are told the subject know a case that comes again")


@_about("adjudication")
def _readers_who_meet_have_read_all(charter: Charter) -> Iterator[Problem]:
    if charter.adjudication.by_consensus and charter.adjudication.by == "timepoint":
        why = "readers who meet over one timepoint would know each other's reads when they read the next"
        yield Problem(("adjudication", "resolved_by"), why)


@_about("rereads", "reads")
def _nobody_knows_a_re_read_by_its_end(charter: Charter) -> Iterator[Problem]:
    if charter.rereads.percent and charter.reads.global_review:
        why = "a case that comes again is not gone over at the end, and readers would know it by that"
        yield Problem(("rereads", "percent"), why)


@_about("readers", "readers_per_timepoint")
def _readers_can_be_drawn_so(charter: Charter) -> Iterator[Problem]:
    yield from faults_of_draw(charter.readers, charter.readers_per_timepoint, ("readers",))


@_about("real_time", "schedule", "blinded_to")
def _reads_on_a_clock_hold_together(charter: Charter) -> Iterator[Problem]:
    knows_subject = "subject" not in charter.blinded_to
    yield from faults_of_real_time(
        charter.real_time, visits=len(charter.schedule), knows_subject=knows_subject, place=("real_time",)
    )


@_about("external_viewers", "windows_locked")
def _programs_outside_have_windows_of_their_own(charter: Charter) -> Iterator[Problem]:
    if charter.windows_locked and "readers" in charter.external_viewers:
        yield Problem(("external_viewers",), "readers are held to the display windows, and a program outside is not")


@_about("series")
def _ranges_go_upwards(charter: Charter) -> Iterator[Problem]:
    lowest = [one.name for one in fields(SeriesTerms) if one.name.startswith("min_")]
    for number, series in enumerate(charter.series, start=1):
        for name in lowest:
            least, most = getattr(series, name), getattr(series, name.replace("min_", "max_", 1), None)
            if least is not None and most is not None and most < least:
                yield Problem(("series", number, name.replace("min_", "max_", 1)), f"it is below {name}, {least:g}")


@_about("subjects")
def _numbers_of_sites_are_their_own(charter: Charter) -> Iterator[Problem]:
    terms = charter.subjects
    if terms.code_ranges and not terms.code_format:
        yield Problem(("subjects", "code_format"), "with numbers of each site, a form of the code is needed")
        return
    for number, one in enumerate(terms.code_ranges, start=1):
        codes = terms.codes_of(one.site)
        assert codes is not None
        here = ("subjects", "code_ranges", number, "last")
        if one.last < one.first:
            yield Problem(here, f"it is below the first number, {one.first}")
        elif one.last >= 10**codes.digits:
            yield Problem(here, f"it has more than {codes.digits} digits")
        elif len(codes.example) > MOST_LETTERS:
            yield Problem(here, f"codes such as {codes.example} have more than {MOST_LETTERS} letters and digits")
    ranges = sorted(enumerate(terms.code_ranges, start=1), key=lambda item: item[1].first)
    for (_, earlier), (number, later) in pairwise(ranges):
        if "{site}" not in terms.code_format and later.first <= earlier.last:
            said = f"{earlier.site} gives some of these numbers too, and the code does not say the site"
            yield Problem(("subjects", "code_ranges", number, "first"), said)


@_about("sites")
def _questions_of_sites_hold_together(charter: Charter) -> Iterator[Problem]:
    yield from faults_of_fields(charter.sites.questions, ("sites", "questions"))


@_about("forms")
def _forms_hold_together(charter: Charter) -> Iterator[Problem]:
    yield from faults_of_forms(charter.forms, ("forms",))


@_about("quality_control")
def _the_checklist_can_be_answered(charter: Charter) -> Iterator[Problem]:
    yield from faults_of_fields(charter.quality_control.checklist, ("quality_control", "checklist"))


@_about("hanging", "series", "window_presets")
def _hangings_name_what_there_is(charter: Charter) -> Iterator[Problem]:
    labels = {series.label for series in charter.series}
    yield from faults_of_hangings(charter.hanging, labels, {p.name for p in charter.window_presets}, ("hanging",))


@_about("reads", "schedule", "blinded_to", "hanging", "real_time")
def _the_order_of_reading_can_be_kept(charter: Charter) -> Iterator[Problem]:
    yield from faults_of_order(charter)
