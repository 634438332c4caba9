"""Questions about the reads: what a reader may open, and what readers found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from compliance.models import User
from reading import derivation
from reading.criteria import discordance
from reading.criteria.results import DatedResponse, SubjectResponse, TimepointResponse
from reading.models import Adjudication, Assessment, GlobalReview, MarkVersion, Measurement, ReadTask, Reopening
from reading.reviewed import reviewed
from reading.selectors_reviews import is_reviewed, signed_reviews
from reading.states import UNDECIDED, AdjudicationState, Purpose, ReadState
from trials.models import ImagingCharter, Role, Subject, Timepoint, Trial
from trials.selectors import trials_of
from trials.states import ImageState, QcState, ReadingState, SubjectState

#: States in which a reader sees a task at all; a waiting one would tell how many timepoints there are.
SHOWN = (ReadState.ASSIGNED, ReadState.READING, ReadState.SUBMITTED, ReadState.LOCKED)
SIGNED = (ReadState.SUBMITTED, ReadState.LOCKED)
_WITH = ("timepoint__subject__trial", "charter", "reader")
#: What is told of an entry beside its values: whose lesion, and where it was seen and drawn.
_ENTERED = ("lesion", "instance__series__imaging_study", "mark__instance__series")
#: States of a subject of which nothing is read for the trial.
_NOT_READ = (SubjectState.SCREENED, SubjectState.CASE)


def tasks_of(reader: User) -> QuerySet[ReadTask]:
    """The reader's own tasks that were ever open, in trials where the person is a reader now.

    Cases of training and qualification are read by adjudicators too.
    """
    mine = ReadTask.every.filter(reader=reader, state__in=SHOWN)
    reads = Q(timepoint__subject__trial__in=trials_of(reader, Role.READER))
    examined = Q(timepoint__subject__trial__in=trials_of(reader, Role.ADJUDICATOR), purpose=Purpose.QUALIFICATION)
    return mine.filter(reads | examined).select_related(*_WITH)


def reads_open_for(reader: User) -> QuerySet[ReadTask]:
    """Tasks that the reader can work on now; one whose images are with quality control again is not among them."""
    return tasks_of(reader).filter(
        state__in=(ReadState.ASSIGNED, ReadState.READING), timepoint__qc_state=QcState.CLEARED
    )


def signed_by(reader: User) -> QuerySet[ReadTask]:
    """Tasks that the reader has signed, hidden re-reads among them, as in the reader's list."""
    return tasks_of(reader).filter(state__in=SIGNED)


def read_task_for(user: User) -> QuerySet[ReadTask]:
    """Tasks whose page the person may open: own ones."""
    return tasks_of(user)


def reads_seen_by(user: User) -> QuerySet[ReadTask]:
    """Every task of the trials in which the person manages, administers or audits the reading."""
    trials = trials_of(user, Role.READING_MANAGER, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
    return ReadTask.every.filter(timepoint__subject__trial__in=trials).select_related(*_WITH)


def adjudications_of(user: User) -> QuerySet[Adjudication]:
    """Adjudications given to the person, in trials where the person is an adjudicator now."""
    trials = trials_of(user, Role.ADJUDICATOR)
    mine = Adjudication.objects.filter(adjudicator=user, subject__trial__in=trials)
    mine = mine.exclude(state=AdjudicationState.WITHDRAWN)
    return mine.select_related("subject__trial", "timepoint", "adjudicator").order_by("blinded_code")


def adjudications_seen_by(user: User) -> QuerySet[Adjudication]:
    """Every case that an adjudicator has, of the trials in which the person manages or audits the reading."""
    trials = trials_of(user, Role.READING_MANAGER, Role.AUDITOR)
    seen = Adjudication.objects.filter(subject__trial__in=trials).exclude(adjudicator=None)
    return seen.select_related("subject__trial", "timepoint", "adjudicator").order_by("blinded_code")


def reopenings_seen_by(user: User) -> QuerySet[Reopening]:
    """Every wish to open a signed read again, of the trials in which the person may decide on it."""
    trials = trials_of(user, Role.READING_MANAGER, Role.TRIAL_ADMINISTRATOR)
    seen = Reopening.objects.filter(task__timepoint__subject__trial__in=trials)
    return seen.select_related("task__timepoint__subject__trial", "task__reader", "asked_by", "decided_by")


def own_reads_before(task: ReadTask) -> QuerySet[ReadTask]:
    """The same reader's signed reads of the subject's earlier timepoints, in order; none beside one by itself."""
    return (
        reads_beside(task)
        .filter(order__lt=task.order, state__in=SIGNED)
        .select_related("timepoint", "charter", "assessment")
        .order_by("order")
    )


def reads_beside(task: ReadTask) -> QuerySet[ReadTask]:
    """The same reader's reads of the subject that belong together with this one, it among them."""
    if derivation.stands_alone(task.charter):
        return ReadTask.every.filter(pk=task.pk)
    return ReadTask.every.filter(timepoint__subject=task.timepoint.subject_id, slot=task.slot)


def mark_of(task: ReadTask, key: UUID) -> MarkVersion | None:
    """The last version of a mark of a read, perhaps one that says that it was removed; None: it was never drawn."""
    versions = MarkVersion.objects.filter(mark__task=task, mark__key=key).order_by("-number")
    return versions.select_related("mark__task", "instance__series").first()


def is_absent(timepoint: Timepoint) -> bool:
    """Tell whether no scan will come to be read: the visit was missed or not reached before the subject left, or what
    is not read yet may not be read any more.
    """
    return (
        timepoint.image_state == ImageState.MISSED
        or (timepoint.image_state == ImageState.EXPECTED and timepoint.subject.has_left)
        or (timepoint.subject.is_read_no_further and timepoint.reading_state != ReadingState.READ)
    )


def is_readable(timepoint: Timepoint) -> bool:
    """Tell whether a timepoint is to be read now: the subject is enrolled, and a baseline scan may come or is here."""
    if timepoint.subject.state in _NOT_READ:
        return False
    baseline = timepoint if derivation.is_baseline(timepoint) else timepoint.subject.timepoints.get(order=0)
    return not is_absent(timepoint) and not is_absent(baseline)


def is_too_late(timepoint: Timepoint) -> bool:
    """Tell whether a later timepoint was signed before this one came: reading it now would change signed results."""
    later = ReadTask.objects.filter(timepoint__subject=timepoint.subject_id, order__gt=timepoint.order)
    signed = later.filter(state__in=SIGNED).select_related("charter").first()
    followed = signed is not None and not derivation.stands_alone(signed.charter)
    return timepoint.reading_state == ReadingState.NOT_READY and followed


def may_begin(subject: Subject, charter: ImagingCharter) -> bool:
    """Tell whether a subject's first read may be opened: at once, or when all scans are in or will not come.

    What was begun goes on, whatever comes then; a case on which readers train is no subject to wait for.
    """
    given = ReadTask.objects.filter(timepoint__subject=subject)
    if not charter.terms.reads.in_batch or not given.exists() or given.filter(state__in=SHOWN).exists():
        return True
    for timepoint in subject.timepoints.select_related("subject").order_by("order"):
        if timepoint.qc_state != QcState.CLEARED and not is_absent(timepoint):
            return False
        if timepoint.code == charter.terms.reads.cut_off:
            break
    return True


def reading_charter(subject: Subject) -> ImagingCharter | None:
    """The charter version by which a subject is read: that of its first task, else the one in force."""
    task = ReadTask.objects.filter(timepoint__subject=subject).select_related("charter").order_by("order").first()
    return task.charter if task else subject.trial.charter_in_force


def is_read_by_all(timepoint: Timepoint) -> bool:
    """Tell whether every planned reader signed a read of the timepoint."""
    return timepoint.reading_state == ReadingState.READ


def is_fully_read(subject: Subject, through: int | None = None) -> bool:
    """Tell whether every timepoint of a subject that is to be read was signed by every planned reader.

    `through`: up to the visit of this order.
    """
    timepoints = list(subject.timepoints.filter(**_upto("order", through)).select_related("subject").order_by("order"))
    if subject.state in _NOT_READ or not timepoints or is_absent(timepoints[0]):
        return True
    return all(is_read_by_all(timepoint) for timepoint in timepoints if not is_absent(timepoint))


def _upto(order: str, through: int | None) -> dict[str, int]:
    """Return the condition on visits up to one; none for all."""
    return {} if through is None else {f"{order}__lte": through}


def held_up_for_readers(trial: Trial) -> list[Timepoint]:
    """Cleared timepoints without reads: the trial had too few readers, or the news was lost in a crash."""
    found = Timepoint.objects.filter(
        subject__trial=trial, qc_state=QcState.CLEARED, reading_state=ReadingState.NOT_READY
    ).select_related("subject__trial")
    return [timepoint for timepoint in found.order_by("subject__code", "order") if is_readable(timepoint)]


def back_in_quality_control(trial: Trial) -> list[Timepoint]:
    """Timepoints for which images arrived when their reading had begun: closed to readers until QC clears them."""
    found = Timepoint.objects.filter(subject__trial=trial, reading_state__in=(ReadingState.OPEN, ReadingState.READ))
    return list(found.exclude(qc_state=QcState.CLEARED).select_related("subject").order_by("subject__code", "order"))


# --- what readers found ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadResult:
    """One reader's signed read of one timepoint, with what was derived from it.

    `response` is None at baseline, where there is only a burden: the pack's one quantity, a sum of diameters for
    RECIST. `accepted`: this read counts (ACPTFL).
    """

    task: ReadTask
    timepoint: Timepoint
    slot: int
    assessment: Assessment
    response: TimepointResponse | None
    burden: Decimal | None
    baseline_burden: Decimal | None
    accepted: bool = False
    #: What its reader changed the response to in a global review, and why; empty: it stands as derived.
    changed_to: str = ""
    changed_because: str = ""

    @property
    def derived(self) -> Mapping[str, Any]:
        """What was derived: as it was signed; of a read by itself, what it amounts to beside the others."""
        if self.response and derivation.stands_alone(self.task.charter):
            return self.response.to_json()
        return self.assessment.derivation

    @property
    def overall(self) -> str:
        """The overall response that counts; empty at baseline."""
        return self.changed_to or (self.response.overall if self.response else "")


@dataclass(frozen=True, slots=True)
class SlotResult:
    """What one reader's reads of a subject amount to; `outcome` carries the trace."""

    slot: int
    reader: User
    reads: tuple[ReadResult, ...]
    outcome: SubjectResponse
    accepted: bool = False

    def read_of(self, timepoint: Timepoint) -> ReadResult | None:
        """Return this reader's read of a timepoint."""
        return next((read for read in self.reads if read.timepoint.pk == timepoint.pk), None)

    def timepoint_on(self, day: int | None) -> str:
        """Return the code of the timepoint that a day of the outcome stands for; empty for no day."""
        return next((r.timepoint_id for r in self.outcome.timepoints if r.study_day == day), "")


@dataclass(frozen=True, slots=True)
class AcceptedResult:
    """The subject's result that counts. `slot` is None where timepoints were accepted one by one."""

    slot: int | None
    bor: str
    progression: str
    first_response: str


@dataclass(frozen=True, slots=True)
class SubjectResult:
    """A subject as its readers saw it; `accepted` is None until every read and adjudication is done."""

    subject: Subject
    timepoints: tuple[Timepoint, ...]
    slots: tuple[SlotResult, ...]
    adjudications: tuple[Adjudication, ...]
    discordances: tuple[discordance.Trigger, ...]
    accepted: AcceptedResult | None
    #: The order of the last visit that was looked at; None: all were.
    through: int | None = None


def discordances_between(
    first: SlotResult, second: SlotResult, charter: ImagingCharter
) -> tuple[discordance.Trigger, ...]:
    """The charter's triggers on which two readers of a subject differ.

    Where timepoints are adjudicated one by one, results of the whole subject are no triggers.
    """
    terms = charter.terms.adjudication
    names = terms.triggers if terms.by == "subject" else ("overall_response",)
    return discordance.discordant(first.outcome, second.outcome, names, terms.date_window_days)


def places_of(
    triggers: Iterable[discordance.Trigger], timepoints: Iterable[Timepoint], charter: ImagingCharter
) -> set[int | None]:
    """What discordances ask to be adjudicated: keys of timepoints, or None for the subject as a whole."""
    triggers = list(triggers)
    if charter.terms.adjudication.by == "subject":
        return {None} if triggers else set()
    codes = {code for trigger in triggers for code in trigger.timepoint_ids}
    return {timepoint.pk for timepoint in timepoints if timepoint.code in codes}


def slot_results(
    subject: Subject,
    charter: ImagingCharter | None = None,
    *,
    reread: bool = False,
    through: int | None = None,
) -> tuple[SlotResult, ...]:
    """Each reader's result of a subject from the reads signed so far, by place in the pair.

    `charter`: as if the reads had been made under another version than theirs. `reread`: of hidden re-reads instead.
    `through`: of visits up to the one of this order; what a global review changed is of all, and no part of it.
    """
    counting = {"state__in": SIGNED, "reread": reread, "purpose": Purpose.ENDPOINT}
    signed = (
        ReadTask.every.filter(timepoint__subject=subject, **counting, **_upto("timepoint__order", through))
        .select_related("timepoint__subject__trial", "charter", "reader", "assessment")
        .prefetch_related(Prefetch("assessment__measurements", Measurement.objects.select_related(*_ENTERED)))
        .order_by("slot", "order")
    )
    by_slot: dict[int, list[ReadTask]] = {}
    charters: dict[int, ImagingCharter] = {}
    for task in signed:
        # One object for all: each reads its terms once.
        task.charter = charters.setdefault(task.charter_id, task.charter)
        by_slot.setdefault(task.slot, []).append(task)
    results = {slot: slot_result(slot, tasks, charter) for slot, tasks in sorted(by_slot.items())}
    reviews = {} if reread or through is not None else signed_reviews(subject)
    return tuple(
        _after_review(result, reviews[slot], charter) if slot in reviews else result for slot, result in results.items()
    )


def _after_review(slot: SlotResult, review: GlobalReview, charter: ImagingCharter | None) -> SlotResult:
    """Put the responses that the reader changed in a global review where the derived ones were."""
    pack = derivation.pack_of(charter or slot.reads[0].task.charter)
    changed = {code: one for code, one in review.changed.items() if one["response"] in {t.value for t in pack.terms}}
    reads = tuple(
        replace(read, changed_to=change["response"], changed_because=change["reason"])
        if (change := changed.get(read.timepoint.code))
        else read
        for read in slot.reads
    )
    outcome = reviewed(slot.outcome, {code: change["response"] for code, change in changed.items()}, pack)
    return replace(slot, reads=reads, outcome=outcome)


def slot_result(slot: int, tasks: Sequence[ReadTask], charter: ImagingCharter | None = None) -> SlotResult:
    """One reader's result of a subject from these reads, each signed; `charter` as in `slot_results`."""
    outcome = derivation.subject_response(tasks, charter)
    responses = {response.timepoint_id: response for response in outcome.timepoints}
    first = next((task for task in tasks if derivation.is_baseline(task.timepoint)), None)
    pack = derivation.pack_of(charter or tasks[0].charter)
    baseline = derivation.baseline_burden(first, pack) if first else None
    reads = []
    for task in tasks:
        response = responses.get(task.timepoint.code)
        size = pack.burden.of(response) if response else baseline
        reads.append(ReadResult(task, task.timepoint, slot, task.assessment, response, size, baseline))
    return SlotResult(slot, tasks[0].reader, tuple(reads), outcome)


def subject_result(subject: Subject, through: int | None = None) -> SubjectResult:
    """A subject's result by each reader and, when all is done, the one that counts.

    Where the readers agree, the first reader's read counts; where they do not, the one that the adjudicator chose, or
    that both readers did by consensus. `through`: as if the visit of this order were the last.
    """
    slots = slot_results(subject, through=through)
    decided = subject.adjudications.filter(**_upto("timepoint__order", through))
    decided = decided.exclude(state=AdjudicationState.WITHDRAWN)
    adjudications = tuple(decided.select_related("timepoint", "adjudicator").order_by("timepoint__order"))
    charter = reading_charter(subject)
    assert charter is not None or not slots
    triggers = discordances_between(slots[0], slots[1], charter) if charter and len(slots) == 2 else ()
    visits = subject.timepoints.filter(**_upto("order", through))
    timepoints = tuple(visits.select_related("subject").order_by("order"))
    undecided = any(a.state in UNDECIDED for a in adjudications)
    waiting = places_of(triggers, timepoints, charter) - {a.timepoint_id for a in adjudications} if charter else set()
    told = subject, timepoints, slots, adjudications, triggers
    if subject.is_read_no_further and charter and (waiting or len(slots) < charter.terms.readers_per_timepoint):
        # Nobody may settle any more which of the reads counts.
        return SubjectResult(*told, AcceptedResult(None, derivation.NOT_EVALUABLE, "", ""), through)
    reviewed_too = is_reviewed(subject, charter, through)
    if not is_fully_read(subject, through) or not reviewed_too or undecided or waiting:
        return SubjectResult(*told, None, through)
    if not slots:
        # Nothing to read: no baseline scan will come, so nothing can be evaluated.
        return SubjectResult(*told, AcceptedResult(None, derivation.NOT_EVALUABLE, "", ""), through)
    choices = {a.timepoint_id: a.chosen_slot or 1 for a in adjudications}
    slots = tuple(_with_accepted(slot, choices) for slot in slots)
    return SubjectResult(subject, timepoints, slots, adjudications, triggers, _accepted(slots, choices), through)


def _with_accepted(slot: SlotResult, choices: Mapping[int | None, int]) -> SlotResult:
    """Mark the reads that count; the key None is a choice for the whole subject."""
    reads = tuple(
        replace(read, accepted=slot.slot == choices.get(read.timepoint.pk, choices.get(None, 1))) for read in slot.reads
    )
    whole = all(key is None for key in choices) and slot.slot == choices.get(None, 1)
    return replace(slot, reads=reads, accepted=whole)


def _accepted(slots: Sequence[SlotResult], choices: Mapping[int | None, int]) -> AcceptedResult:
    whole = next((slot for slot in slots if slot.accepted), None)
    if whole is not None:
        outcome = whole.outcome
        return AcceptedResult(
            whole.slot,
            outcome.bor,
            whole.timepoint_on(outcome.progression_day),
            whole.timepoint_on(outcome.first_response_day),
        )
    # Timepoint by timepoint: the accepted overall responses, in order, make the best overall response.
    pack = derivation.pack_of(slots[0].reads[0].task.charter)
    counting = [(read.response, read.overall) for slot in slots for read in slot.reads if read.accepted]
    accepted = [replace(response, overall=overall) for response, overall in counting if response]
    accepted.sort(key=lambda response: response.study_day)
    dated = [DatedResponse(r.study_day, r.overall) for r in accepted]
    best = pack.best_overall_response(dated)
    codes: dict[int | None, str] = {response.study_day: response.timepoint_id for response in accepted}
    progression = codes.get(pack.progression_day(dated), "")
    return AcceptedResult(None, best.response, progression, codes.get(best.first_response_day, ""))


def subject_results(trial: Trial) -> Iterator[SubjectResult]:
    """The result of every subject that was enrolled, by subject code, each computed when it is asked for."""
    subjects = trial.subjects.exclude(enrolled_at=None).select_related("trial", "site")
    return map(subject_result, sorted(subjects, key=lambda subject: subject.code))


def progress_of(trial: Trial) -> QuerySet[Timepoint]:
    """The trial's timepoints with their tasks, for whoever follows the reading; outcomes are no part of it."""
    tasks = ReadTask.objects.select_related("reader").order_by("slot")
    return (
        Timepoint.objects.filter(subject__trial=trial)
        .exclude(subject__state=SubjectState.CASE)
        .select_related("subject")
        .prefetch_related(Prefetch("read_tasks", queryset=tasks))
        .order_by("subject__code", "order")
    )
