"""All that reader agreement is computed from: what two readers found in the same subject, paired."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from reading.derivation import stands_alone
from reading.models import ReadTask
from reading.selectors import SIGNED, ReadResult, SubjectResult, is_fully_read, slot_results, subject_results
from reading.selectors_reviews import is_reviewed
from reading.states import UNDECIDED
from trials.models import Trial


@dataclass(frozen=True, slots=True)
class Pair:
    """The same thing by the first and the second reader of a subject; `readers` names both, in any order."""

    subject: str
    timepoint: str
    first: str
    second: str
    readers: str = ""


@dataclass(frozen=True, slots=True)
class SignedRead:
    """Who signed a read, by user name, and when."""

    reader: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class BurdenPair:
    """What the first and the second reader of a subject measured in all, and when each signed that."""

    subject: str
    timepoint: str
    first: Decimal
    second: Decimal
    #: Empty of a dry run, which nobody signed.
    signed: tuple[SignedRead, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A subject whose timepoints were all read by two, the last on `read_on`, and what it was adjudicated for.

    `causes` are those of the adjudications that are decided. `selected` is the reader whose reads were chosen;
    nobody, where timepoints were decided differently.
    """

    subject: str
    first: str
    second: str
    adjudicated: bool
    selected: str | None
    site: str
    read_on: dt.date
    triggers: tuple[str, ...]
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VariabilityInputs:
    """All that reader agreement is computed from; `first` and `second` are the readers' places in the pair."""

    burdens: tuple[BurdenPair, ...]
    responses: tuple[Pair, ...]
    best_responses: tuple[Pair, ...]
    cases: tuple[Case, ...]


def variability_inputs(trial: Trial, results: Iterable[SubjectResult] | None = None) -> VariabilityInputs:
    """Pair what two readers found in the same subject, in an order that only codes decide.

    `results`, if they are known, are gone through once, each to its end before the next is asked for; nothing of them
    is kept but plain values, so that a large trial's need not all lie in memory.
    """
    burdens, cases = list[BurdenPair](), list[Case]()
    responses, best = list[Pair](), list[Pair]()
    for result in subject_results(trial) if results is None else results:
        if len(result.slots) != 2:
            continue
        code, (one, two) = result.subject.code, result.slots
        readers = " + ".join(sorted((one.reader.username, two.reader.username)))
        charter = result.slots[0].reads[0].task.charter
        reviewed = is_reviewed(result.subject, charter, result.through)
        read_in_full = is_fully_read(result.subject, result.through) and reviewed
        for timepoint in result.timepoints:
            first, second = one.read_of(timepoint), two.read_of(timepoint)
            if first is None or second is None:
                continue
            if first.burden is not None and second.burden is not None:
                signed = _signed(first.task), _signed(second.task)
                burdens.append(BurdenPair(code, timepoint.code, first.burden, second.burden, signed))
            # Reads by themselves amount to a response only beside all others.
            told = read_in_full or not stands_alone(first.task.charter)
            if told and first.response and second.response:
                responses.append(Pair(code, timepoint.code, first.overall, second.overall, readers))
        if read_in_full:
            best.append(Pair(code, "", one.outcome.bor, two.outcome.bor, readers))
            cases.append(_case(result))
    return VariabilityInputs(tuple(burdens), tuple(responses), tuple(best), tuple(cases))


def _signed(read: ReadTask) -> SignedRead:
    assert read.submitted_at is not None
    return SignedRead(read.reader.username, read.submitted_at)


def _case(result: SubjectResult) -> Case:
    names: dict[int | None, str] = {slot.slot: slot.reader.username for slot in result.slots}
    chosen = {a.chosen_slot for a in result.adjudications}
    return Case(
        result.subject.code,
        names[1],
        names[2],
        adjudicated=bool(result.adjudications),
        selected=names.get(chosen.pop()) if len(chosen) == 1 else None,
        site=result.subject.site.code,
        read_on=max(read.task.submitted_at.date() for s in result.slots for read in s.reads if read.task.submitted_at),
        triggers=tuple(dict.fromkeys(trigger["name"] for a in result.adjudications for trigger in a.triggers)),
        causes=tuple(
            a.discordance["cause"] for a in result.adjudications if a.discordance and a.state not in UNDECIDED
        ),
    )


@dataclass(frozen=True, slots=True)
class RereadPair:
    """The same timepoint by the same reader, read twice; burdens in the unit of the criteria."""

    reader: str
    subject: str
    timepoint: str
    first: str
    second: str
    first_burden: Decimal | None
    second_burden: Decimal | None


def reread_pairs(trial: Trial) -> tuple[RereadPair, ...]:
    """Pair what readers found in hidden re-reads with what they had found first, by timepoint; both are signed."""
    again = ReadTask.every.filter(timepoint__subject__trial=trial, reread=True, state__in=SIGNED)
    subjects = trial.subjects.filter(pk__in=again.values("timepoint__subject")).select_related("trial", "site")
    pairs: list[RereadPair] = []
    for subject in subjects.order_by("code"):
        first = {(slot.reader.pk, read.timepoint.code): read for slot in slot_results(subject) for read in slot.reads}
        for slot in slot_results(subject, reread=True):
            pairs += [
                _reread(subject.code, before, read)
                for read in slot.reads
                if (before := first.get((slot.reader.pk, read.timepoint.code)))
            ]
    return tuple(pairs)


def _reread(subject: str, first: ReadResult, second: ReadResult) -> RereadPair:
    # As both were signed: nobody goes over a re-read in a global review.
    return RereadPair(
        first.task.reader.username,
        subject,
        first.timepoint.code,
        first.response.overall if first.response else "",
        second.response.overall if second.response else "",
        first.burden,
        second.burden,
    )
