"""A trial lived at random: every person tries every step in any order, and the house is asked whether it still stands.

Each step is one call of a service, by a person who may or may not, on a record that may or may not be ready for it,
with what the step needs or without. It succeeds, or it is refused by a sentence and nothing has changed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from compliance import jobs, signing
from compliance.errors import HouseError
from compliance.models import AuditEvent, User
from compliance.signing import Intent
from imaging import selectors_qc
from imaging.models import Finding, QcReview, ReceivedInstance, Series, Transfer
from imaging.services import declaring, receiving, resolving, reviewing
from imaging.states import UNDECIDED, ReceivedState, ReviewState, Verdict
from reading import selectors
from reading.models import Adjudication, Assessment, Lesion, ReadTask, Reopening
from reading.services import adjudicating, assessing, locking, reopening, replaying, rereading
from reading.services.entries import AssessmentEntry, LesionEntry
from reading.states import AdjudicationState, ReadState, ReopeningState
from tests.acceptance.workflow_standing import STANDING, State, follow, states, what_is_signed_is_what_was_signed
from tests.factories import AT, PASSWORD, World, encoded, slice_of
from tests.factories.world import REFERENCE
from trials.charter import RECIST_TEMPLATE
from trials.models import (
    Device,
    ImagingCharter,
    Membership,
    Query,
    Role,
    Scanner,
    ScannerNotice,
    SiteQualification,
    Subject,
    Timepoint,
    Trial,
)
from trials.services import (
    allocating,
    answering,
    enrolling,
    leaving,
    noticing,
    preparing,
    qualifying,
    querying,
    setting_up,
    visiting,
)
from trials.states import CharterState, ImageState, QcState, QueryState, SubjectState, TrialState
from trials.subject_terms import AFTER_CONSENT

#: Two slices are a whole series, so that a random delivery may be one; what was read may come again at once.
CHARTER = {
    "series": [{**RECIST_TEMPLATE["series"][0], "min_instances": 2}],
    "quality_control": {"stages": "two", "second_percent": 50, "always_second": ["waived"], "needs_form": False},
    "rereads": {"percent": 50, "washout_days": 0, "spread_days": 0},
}


@dataclass(frozen=True)
class Draw:
    """What chance decides of a step: on which record, by whom, in which way, and with what it needs or without."""

    number: int
    who: int
    way: int
    size: int
    right: bool


draws = st.builds(
    Draw,
    number=st.integers(0, 255),
    # Of ten tries, seven are by whoever the step is meant for.
    who=st.integers(0, 9),
    way=st.integers(0, 9),
    size=st.integers(8, 60),
    right=st.integers(0, 9).map(bool),
)


#: What somebody may try: methods of the machine.
ANYTHING = (
    "go_on",
    "qualify",
    "enrol",
    "screen",
    "withdraw",
    "withdraw_consent",
    "add_visit",
    "allocate",
    "miss",
    "change_the_charter",
    "change_the_team",
    "query",
    "deliver",
    "work",
    "settle_held",
    "declare",
    "judge",
    "mark",
    "clear",
    "judge_apart",
    "fail",
    "open_read",
    "save_read",
    "sign_read",
    "adjudicate",
    "reopen",
    "replay",
    "lock",
)
MINUTE = dt.timedelta(minutes=1)


class Walk:
    """What the people of a trial try, one step at a time; `done` counts what became of each."""

    scans = 0

    def __init__(self, world: World, done: Counter[str] | None = None) -> None:
        self.world = world
        self.done: Counter[str] = Counter() if done is None else done
        self.at = AT
        self.worked = 0
        self.sent: list[tuple[int, int]] = []

    # --- a step -------------------------------------------------------------------------------------------

    def attempt(self, step: Callable[..., Any], **what: Any) -> None:
        """Let a person try a step; whatever is not success must be a sentence, and leave everything as it was."""
        self.at += MINUTE
        before = states()
        try:
            step(**what, at=self.at)
        except HouseError as problem:
            refusal = problem
        else:
            self.done[step.__name__] += 1
            return
        self.done[f"{step.__name__}: {refusal.code}"] += 1
        assert re.fullmatch(r"[A-Z0-9“].{10,}[.?]", refusal.message, re.DOTALL), refusal.message
        assert states() == before, f"{step.__name__} was refused ({refusal.code}), and something changed"

    def one_of(self, records: Any, number: int) -> Any:
        """One of the records, by number; None if there is none."""
        found = list(records)
        return found[number % len(found)] if found else None

    def person(self, meant: User, draw: Draw) -> User:
        """Whoever the step is meant for, or anybody at all."""
        if draw.who < 7:
            return User.objects.get(pk=meant.pk)
        world = self.world
        everybody = [*world.people.values(), world.other_coordinator, world.outsider, world.founder]
        return User.objects.get(pk=self.one_of(everybody, draw.number).pk)

    def at_site_of(self, subject: Subject) -> User:
        """The coordinator of a subject's site."""
        return self.world.coordinator if subject.site_id == self.world.north.pk else self.world.other_coordinator

    # --- the protocol -------------------------------------------------------------------------------------

    def enrol(self, draw: Draw) -> None:
        site = self.one_of([self.world.north, self.world.south], draw.number)
        coordinator = self.world.coordinator if site == self.world.north else self.world.other_coordinator
        self.attempt(
            enrolling.enrol_subject,
            site=type(site).objects.get(pk=site.pk),
            code=f"{site.code[0]}-{draw.number % 6:03d}",
            reference_date=REFERENCE,
            actor=self.person(coordinator, draw),
        )

    def screen(self, draw: Draw) -> None:
        """Somebody is screened, where the charter has it; or it is settled whether somebody takes part."""
        subject = self.one_of(Subject.objects.filter(state=SubjectState.SCREENED).order_by("pk"), draw.number)
        subject = subject or self.one_of(Subject.objects.order_by("pk"), draw.number)
        if draw.way < 4:
            step, what = enrolling.screen_subject, {"site": subject.site, "code": f"S-{draw.number % 9:03d}"}
        elif draw.way < 8:
            step, what = enrolling.enrol_screened, {"subject": subject}
        else:
            step, what = enrolling.fail_screening, {"subject": subject, "reason": "Criterion 4" if draw.right else ""}
        if step is not enrolling.fail_screening:
            what["reference_date"] = REFERENCE
        self.attempt(step, **what, actor=self.person(self.at_site_of(subject), draw))

    def qualify(self, draw: Draw) -> None:
        """A site registers and retires scanners; the core lab qualifies it, settles notices, ends what it signed."""
        site = self.one_of([self.world.north, self.world.south], draw.number)
        coordinator = self.world.coordinator if site == self.world.north else self.world.other_coordinator
        scanner = self.one_of(Scanner.objects.order_by("pk"), draw.number)
        held = self.one_of(SiteQualification.objects.order_by("-pk"), draw.number)
        notice = self.one_of(ScannerNotice.objects.order_by("pk"), draw.number)
        reason, analyst = "It was sold" if draw.right else "", self.person(self.world.analyst, draw)
        device = Device("CT", "Acme", f"Model {draw.number % 2}", "", f"v{draw.number % 3}")
        if draw.way < 3 or scanner is None:
            named = {"modality": "CT", "manufacturer": "Acme", "model_name": device.model_name}
            actor = self.person(coordinator, draw)
            self.attempt(preparing.register_scanner, site=site, **named, actor=actor)
        elif draw.way < 6:
            self.attempt(qualifying.qualify_site, site=site, signature=intent(draw.right), actor=analyst)
        elif draw.way == 6:
            self.attempt(noticing.note_devices, site=site, devices=[device])
        elif draw.way == 7 and notice is not None:
            self.attempt(noticing.acknowledge_notice, notice=notice, reason=reason, actor=analyst)
        elif draw.way == 8 and held is not None:
            self.attempt(qualifying.end_qualification, qualification=held, reason=reason, actor=analyst)
        elif draw.way == 9:
            actor = self.person(coordinator, draw)
            self.attempt(preparing.retire_scanner, scanner=scanner, reason=reason, actor=actor)

    def withdraw(self, draw: Draw) -> None:
        # Seldom, or nobody stays to be read.
        if draw.way == 0 and (subject := self.one_of(Subject.objects.order_by("pk"), draw.number)):
            self.attempt(
                enrolling.withdraw_subject,
                subject=subject,
                reason="Consent withdrawn" if draw.right else " ",
                actor=self.person(self.at_site_of(subject), draw),
            )

    def withdraw_consent(self, draw: Draw) -> None:
        if draw.way == 0 and (subject := self.one_of(Subject.objects.order_by("pk"), draw.number)):
            self.attempt(
                leaving.withdraw_consent,
                subject=subject,
                withdrawn_on=self.at.date() + dt.timedelta(days=draw.number % 5 == 0),
                reason="By telephone",
                signature=intent(draw.right),
                actor=self.person(self.at_site_of(subject), draw),
            )

    def add_visit(self, draw: Draw) -> None:
        # Seldom, or a subject has nothing else.
        if draw.way < 2 and (subject := self.one_of(Subject.objects.order_by("pk"), draw.number)):
            self.attempt(
                visiting.add_visit,
                subject=subject,
                date=REFERENCE + dt.timedelta(days=draw.number),
                reason="A fall" if draw.right else " ",
                actor=self.person(self.at_site_of(subject), draw),
            )

    def allocate(self, draw: Draw) -> None:
        if subject := self.one_of(Subject.objects.order_by("pk"), draw.number):
            self.attempt(
                allocating.allocate_arm,
                subject=subject,
                arm="Weekly" if draw.way < 5 else "Monthly",
                reason="The list came" if draw.right else "",
                actor=self.person(self.world.administrator, draw),
            )

    def miss(self, draw: Draw) -> None:
        timepoint = self.timepoint(draw)
        self.attempt(
            enrolling.mark_missed,
            timepoint=timepoint,
            reason="Did not come" if draw.right else "",
            actor=self.person(self.at_site_of(timepoint.subject), draw),
        )

    def change_the_charter(self, draw: Draw) -> None:
        actor = self.person(self.world.administrator, draw)
        draft = ImagingCharter.objects.filter(state=CharterState.DRAFT).first()
        if draft is None:
            self.attempt(setting_up.amend_charter, trial=self.trial(), change_summary="Two weeks more", actor=actor)
        elif draw.way < 5:
            changed = {"query_due_days": draw.number % 30} if draw.way else {"schedule": []}
            if draw.way > 2:
                first, *others = draft.content["schedule"]
                changed["schedule"] = [{**first, "at_screening": draw.right}, *others]
                changed["unscheduled_visits"] = draw.right
                rule = self.one_of(AFTER_CONSENT, draw.number)
                changed["subjects"] = {"screening": draw.right, "consent_withdrawn": rule}
            self.attempt(setting_up.edit_charter, charter=draft, content={**draft.content, **changed}, actor=actor)
        else:
            self.attempt(setting_up.sign_charter, charter=draft, signature=intent(draw.right), actor=actor)

    def change_the_team(self, draw: Draw) -> None:
        actor = self.person(self.world.administrator, draw)
        standing = Membership.objects.filter(user=self.world.outsider, ended_at=None).order_by("pk").first()
        if standing is not None:
            self.attempt(setting_up.end_membership, membership=standing, reason="Left the team", actor=actor)
        else:
            self.attempt(
                setting_up.grant_membership,
                trial=self.trial(),
                user=User.objects.get(pk=self.world.outsider.pk),
                role=self.one_of([Role.READER, Role.ADJUDICATOR, Role.QC_ANALYST], draw.number),
                actor=actor,
            )

    def query(self, draw: Draw) -> None:
        text = "Please send the thin slices." if draw.right else ""
        query = self.one_of(Query.objects.order_by("-pk"), draw.number)
        if query is None or draw.way < 2:
            self.attempt(
                querying.raise_query,
                about=self.timepoint(draw),
                title="Slices",
                text=text,
                actor=self.person(self.world.analyst, draw),
            )
            return
        step = (querying.answer_query, querying.reopen_query, querying.close_query)[draw.way % 3]
        meant = self.world.analyst
        if step is querying.answer_query:
            meant = self.world.coordinator if query.site_id == self.world.north.pk else self.world.other_coordinator
        self.attempt(step, query=query, text=text, actor=self.person(meant, draw))

    # --- the images ---------------------------------------------------------------------------------------

    def deliver(self, draw: Draw) -> None:
        """A scan comes in through the receiver: new, out of its window, of nobody, or sent once more."""
        timepoint = self.timepoint(draw)
        if draw.way == 0 and self.sent:
            scan, value = self.one_of(self.sent, draw.number)
            value += draw.number % 2
        else:
            scan, value = self.new_scan(), 40
        day = timepoint.day + (400 if draw.way == 1 else 0)
        self.send(timepoint, scan, slices=1 + draw.number % 3, day=day, value=value, known=draw.way != 2)

    def new_scan(self) -> int:
        """A number that no scan bears: files stay in the stores when a life is undone."""
        Walk.scans += 1
        self.sent.append((Walk.scans, 40))
        return Walk.scans

    def send(
        self, timepoint: Timepoint, scan: int, *, slices: int = 2, day: int, value: int = 40, known: bool = True
    ) -> None:
        site = timepoint.subject.site
        origin = receiving.Origin(door=Transfer.Door.DIMSE, site_id=site.pk, sender=f"{site.code}_CT", delivery=uuid4())
        subject = timepoint.subject.code if known else "NOBODY"
        self.at += MINUTE
        for n in range(1, slices + 1):
            picture = slice_of(n, scan_number=scan, day=day, value=value, ClinicalTrialSubjectID=subject)
            receiving.receive_instance(encoded(picture), origin=origin, at=self.at)
        receiving.index_spool(at=self.at)
        self.done["deliver"] += 1

    def work(self, draw: Draw | None = None) -> None:
        """The workers do what waits, and now and then what is due by the clock."""
        jobs.drain()
        if self.worked % 4 == 0:
            rereading.open_rereads(trial=self.trial(), at=self.at)
        self.worked += 1
        self.done["work"] += 1

    def settle_held(self, draw: Draw) -> None:
        held = ReceivedInstance.objects.filter(state=ReceivedState.HELD).order_by("pk")
        one = self.one_of(held, draw.number) or self.one_of(ReceivedInstance.objects.order_by("pk"), draw.number)
        if one is None:
            return
        actor = self.person(self.world.analyst, draw)
        if draw.way < 5:
            reason = "Of another trial" if draw.right else ""
            self.attempt(resolving.discard_held, instances=[one], reason=reason, actor=actor)
        else:
            self.attempt(
                resolving.resolve_held,
                transfer=one.transfer,
                instances=[one],
                timepoint=self.timepoint(draw),
                actor=actor,
            )

    def plan(self, subject: Subject, draw: Draw) -> None:
        """The form of a subject that the template of the charter asks for."""
        given = {
            "form": answering.form_at(subject, "CTPLAN", self.at),
            "actor": self.person(self.at_site_of(subject), draw),
        }
        if draw.way < 7:
            values = {"NOCONTR": bool(draw.number % 2)}
            self.attempt(answering.sign_answers, values=values, signature=intent(draw.right), **given)
        else:
            self.attempt(answering.correct_answers, reason="A slip" if draw.right else "", **given)

    def declare(self, draw: Draw) -> None:
        timepoint = self.timepoint(draw)
        if draw.number % 4 == 0:
            self.plan(timepoint.subject, draw)
            return
        actor = self.person(self.at_site_of(timepoint.subject), draw)
        values = {"SCANDT": self.at.date() - dt.timedelta(days=draw.number % 3), "CONTRAST": False}
        if draw.number % 4:
            values |= {"SCANNER": f"CT {draw.number % 2}", "COMPLETE": True}
        form = declaring.form_to_fill(timepoint, self.at)
        shown = signing.digest(form.shown_content()) if form.pk and draw.right else ""
        if draw.way < 2:
            self.attempt(declaring.save_form, timepoint=timepoint, values=values, actor=actor, shown_sha256=shown)
        elif draw.way < 7:
            signature = replace(intent(draw.right), shown_sha256=shown)
            self.attempt(declaring.sign_form, timepoint=timepoint, values=values, signature=signature, actor=actor)
        else:
            reason = "A slip" if draw.right else ""
            self.attempt(declaring.correct_form, timepoint=timepoint, reason=reason, actor=actor)

    def judge(self, draw: Draw) -> None:
        current = Finding.objects.filter(review__state__in=UNDECIDED).order_by("pk")
        finding = self.one_of(current, draw.number) or self.one_of(Finding.objects.order_by("pk"), draw.number)
        if finding is not None:
            self.attempt(
                reviewing.decide_finding,
                finding=finding,
                verdict=(Verdict.PASS, Verdict.FAIL, Verdict.WAIVE)[draw.way % 3],
                reason="Seen and accepted" if draw.right else "",
                actor=self.person(self.world.analyst, draw),
            )

    def mark(self, draw: Draw) -> None:
        series = Series.objects.select_related("imaging_study__timepoint").order_by("pk")
        if one := self.one_of(series, draw.number):
            actor = self.person(self.world.analyst, draw)
            self.attempt(reviewing.mark_for_reading, series=one, for_reading=draw.right, actor=actor)

    def review(self, draw: Draw) -> QcReview | None:
        current = QcReview.objects.filter(state__in=UNDECIDED).order_by("pk")
        return self.one_of(current, draw.number) or self.one_of(QcReview.objects.order_by("pk"), draw.number)

    def analysts(self) -> list[User]:
        """The analysts of the trial, of whom one takes the second look, where there are two."""
        second = User.objects.filter(username="second-analyst").first()
        return [self.world.analyst, second or self.world.analyst]

    def clear(self, draw: Draw) -> None:
        if review := self.review(draw):
            meant = self.analysts()[review.state == ReviewState.SECOND if draw.right else draw.number % 2]
            actor = self.person(meant, draw)
            self.attempt(reviewing.clear_timepoint, review=review, signature=intent(draw.right), actor=actor)

    def judge_apart(self, draw: Draw) -> None:
        """Images and form are judged each by itself, or one of them is not judged at all."""
        if review := self.review(draw):
            said = (Verdict.PASS, Verdict.WAIVE, Verdict.FAIL)
            judged = {
                selectors_qc.Part.IMAGES: selectors_qc.Judged(said[draw.way % 3], "Seen" if draw.right else ""),
                selectors_qc.Part.FORM: selectors_qc.Judged(said[draw.number % 3], "Seen"),
            }
            if draw.way == 9:
                del judged[selectors_qc.Part.FORM]
            self.attempt(
                reviewing.decide_round,
                review=review,
                judged=judged,
                asks=dict.fromkeys(judged, reviewing.Ask("Again", "Please." if draw.way else "")),
                signature=intent(draw.right),
                actor=self.person(self.analysts()[draw.number % 2], draw),
            )

    def fail(self, draw: Draw) -> None:
        if draw.way < 3 and (review := self.review(draw)):
            self.attempt(
                reviewing.fail_timepoint,
                review=review,
                reason="Cut off" if draw.way else "",
                query_title="Send it again",
                query_text="The liver is cut off.",
                signature=intent(draw.right),
                actor=self.person(self.world.analyst, draw),
            )

    # --- the reads ----------------------------------------------------------------------------------------

    def read_task(self, draw: Draw, wanted: ReadState) -> ReadTask | None:
        tasks = ReadTask.every.select_related("timepoint__subject__trial", "charter", "reader").order_by("pk")
        return self.one_of(tasks.filter(state=wanted), draw.number) or self.one_of(tasks, draw.number)

    def open_read(self, draw: Draw) -> None:
        if task := self.read_task(draw, ReadState.ASSIGNED):
            self.attempt(assessing.open_task, task=task, actor=self.person(task.reader, draw))

    def save_read(self, draw: Draw) -> None:
        if task := self.read_task(draw, ReadState.READING):
            entry = entry_for(task, draw, stale=not draw.right)
            self.attempt(assessing.save_draft, task=task, entry=entry, actor=self.person(task.reader, draw))

    def sign_read(self, draw: Draw) -> None:
        if task := self.read_task(draw, ReadState.READING):
            self.attempt(
                assessing.submit_read,
                task=task,
                entry=entry_for(task, draw),
                signature=intent(draw.right),
                actor=self.person(task.reader, draw),
            )

    def adjudicate(self, draw: Draw) -> None:
        cases = Adjudication.objects.exclude(adjudicator=None).select_related("subject__trial", "adjudicator")
        cases = cases.order_by("pk")
        waiting = cases.filter(state=AdjudicationState.OPEN)
        if case := self.one_of(waiting, draw.number) or self.one_of(cases, draw.number):
            actor = self.person(case.adjudicator, draw)
            self.attempt(adjudicating.open_case, adjudication=case, actor=actor)
            self.attempt(
                adjudicating.decide,
                adjudication=case,
                choice=("left", "right", "both")[draw.way % 3],
                rationale="The better delineation" if draw.number % 9 else "",
                signature=intent(draw.right),
                actor=actor,
            )

    def reopen(self, draw: Draw) -> None:
        asked = self.one_of(Reopening.objects.filter(state=ReopeningState.ASKED).order_by("pk"), draw.number)
        if asked is None:
            if task := self.read_task(draw, ReadState.SUBMITTED):
                manager = self.person(self.world.people[Role.READING_MANAGER], draw)
                reason = "A typing error" if draw.right else " "
                self.attempt(reopening.ask_reopening, task=task, reason=reason, actor=manager)
            return
        actor = self.person(self.world.administrator, draw)
        if draw.way < 4:
            reason = "It was so" if draw.right else ""
            self.attempt(reopening.decline_reopening, reopening=asked, reason=reason, actor=actor)
        else:
            self.attempt(reopening.approve_reopening, reopening=asked, signature=intent(draw.right), actor=actor)

    def replay(self, draw: Draw) -> None:
        if task := self.read_task(draw, ReadState.SUBMITTED):
            auditor = self.person(self.world.people[Role.AUDITOR], draw)
            number = 1 + draw.way // 7 if draw.right else None
            self.attempt(replaying.replay_read, task=task, number=number, actor=auditor)

    def lock(self, draw: Draw) -> None:
        actor = self.person(self.world.administrator, draw)
        self.attempt(locking.lock_trial, trial=self.trial(), signature=intent(draw.right), actor=actor)

    # --- the road as it should be ---------------------------------------------------------------------------

    def go_on(self, draw: Draw) -> None:
        """Whoever it waits for does the next thing, rightly; without this, chance alone brings no trial to its lock."""
        draw = replace(draw, who=0, right=True)
        self.work()
        expected = self.waiting_for_images()
        if review := self.one_of(QcReview.objects.filter(state__in=UNDECIDED).order_by("pk"), draw.number):
            for finding in review.findings.filter(severity="block").exclude(verdict=Verdict.WAIVE):
                self.attempt(
                    reviewing.decide_finding,
                    finding=finding,
                    verdict=Verdict.WAIVE,
                    reason="Accepted",
                    actor=self.world.analyst,
                )
            for series in Series.objects.filter(imaging_study__timepoint=review.timepoint, for_reading=False):
                self.attempt(reviewing.mark_for_reading, series=series, for_reading=True, actor=self.world.analyst)
            self.clear(draw)
        elif ReadTask.objects.filter(state=ReadState.ASSIGNED, timepoint__qc_state=QcState.CLEARED).exists():
            self.open_read(draw)
        elif ReadTask.objects.filter(state=ReadState.READING).exists():
            self.sign_read(draw)
        elif Adjudication.objects.filter(state=AdjudicationState.OPEN).exists():
            self.adjudicate(replace(draw, way=draw.way % 2, number=draw.number | 1))
        elif screened := Subject.objects.filter(state=SubjectState.SCREENED).first():
            actor = self.at_site_of(screened)
            self.attempt(enrolling.enrol_screened, subject=screened, reference_date=REFERENCE, actor=actor)
        elif held := ReceivedInstance.objects.filter(state=ReceivedState.HELD).first():
            self.attempt(resolving.discard_held, instances=[held], reason="Not of this trial", actor=self.world.analyst)
        elif Reopening.objects.filter(state=ReopeningState.ASKED).exists():
            self.reopen(draw)
        elif query := Query.objects.exclude(state=QueryState.CLOSED).first():
            self.attempt(querying.close_query, query=query, actor=self.world.analyst)
        elif expected:
            timepoint = self.one_of(expected, 0)
            self.send(timepoint, self.new_scan(), day=timepoint.day)
        else:
            self.lock(draw)

    def waiting_for_images(self) -> Any:
        timepoints = Timepoint.objects.select_related("subject__site", "subject__trial", "charter")
        coming = timepoints.filter(image_state=ImageState.EXPECTED, subject__state=SubjectState.ENROLLED)
        again = timepoints.filter(qc_state=QcState.QUERIED)
        return (coming | again).order_by("order", "pk")

    def timepoint(self, draw: Draw) -> Timepoint:
        timepoints = Timepoint.objects.select_related("subject__site", "subject__trial", "charter")
        return self.one_of(timepoints.order_by("pk"), draw.number)

    def trial(self) -> Trial:
        return Trial.objects.get(pk=self.world.trial.pk)


def intent(right: bool) -> Intent:
    """A signature, with the signer's password or another."""
    return Intent(PASSWORD if right else "not the password")


def entry_for(task: ReadTask, draw: Draw, *, stale: bool = False) -> AssessmentEntry:
    """What a reader enters: one liver lesion at baseline; afterwards its size or state, and perhaps a new lesion."""
    version = Assessment.objects.filter(task=task).values_list("version", flat=True).first() or 0
    known = Lesion.every.filter(first_seen__in=[*selectors.own_reads_before(task), task])
    own = {lesion.category: lesion.number for lesion in known}
    if task.order == 0:
        lesion = LesionEntry(own.get("target"), "target", "LIVER", state="MEASURED", diameter_mm=Decimal(draw.size))
        return AssessmentEntry(version=version + stale, lesions=(lesion,) if draw.way else ())
    state = ("ABSENT", "TOO_SMALL", "NOT_EVALUABLE", "PRESENT")[draw.way] if draw.way < 4 else "MEASURED"
    lesions = [
        LesionEntry(
            own.get("target", 1), "target", state=state, diameter_mm=Decimal(draw.size) if draw.way > 3 else None
        )
    ]
    found = Lesion.every.filter(first_seen__in=selectors.own_reads_before(task), category="new")
    lesions += [LesionEntry(lesion.number, "new", state="UNEQUIVOCAL") for lesion in found]
    if draw.way == 9:
        lesions.append(LesionEntry(None, "new", "BRAIN", state="UNEQUIVOCAL"))
    return AssessmentEntry(version=version + stale, lesions=tuple(lesions))


class Workflow(RuleBasedStateMachine):
    """The machine that Hypothesis drives; `world` is set by the test.

    Over all lives `done` counts what became of each call of a service, and `tried` the steps that chance drew, without
    those by which a life came under way. After each life both are written to `told`, so that a long proof says how far
    it is.
    """

    world: World
    told: Path
    done: Counter[str] = Counter()
    tried = 0

    def __init__(self) -> None:
        super().__init__()
        self.walk = Walk(self.world, self.done)
        self.before = states()
        self.events = AuditEvent.objects.count()
        self.when_locked: State | None = None
        self.asked = 0
        self.undo = transaction.atomic()
        self.undo.__enter__()

    def teardown(self) -> None:
        try:
            what_is_signed_is_what_was_signed(self.walk.trial())
        finally:
            transaction.set_rollback(True)
            self.undo.__exit__(None, None, None)
            self.told.write_text(f"{Workflow.tried} {self.done.total()}\n")
            super().teardown()

    @initialize(steps=st.integers(0, 60), draw=draws)
    def it_is_under_way(self, steps: int, draw: Draw) -> None:
        """The trial is somewhere between its first day and its lock when people begin to try things."""
        for n in range(steps):
            way, size = (draw.way + n) % 10, 8 + (draw.size + 7 * n) % 50
            self.walk.go_on(Draw(draw.number + n, 0, way=way, size=size, right=True))

    @rule(name=st.sampled_from(ANYTHING), draw=draws)
    def somebody_tries(self, name: str, draw: Draw) -> None:
        """Somebody tries something, or the trial goes on as it should."""
        Workflow.tried += 1
        getattr(self.walk, name)(draw)

    @invariant()
    def the_house_stands(self) -> None:
        """Whatever changed went by the tables, the trail says so, and what stands together still fits together."""
        now, events = states(), AuditEvent.objects.count()
        assert events >= self.events, "events are gone from the trail"
        changed = follow(self.before, now)
        assert not changed or events > self.events, "something changed, and the trail does not say so"
        if events > self.events:
            for holds in STANDING:
                holds(self.walk.trial())
            self.asked += 1
            if self.asked % 10 == 0:
                what_is_signed_is_what_was_signed(self.walk.trial())
            self.locked_stays(now)
        self.before, self.events = now, events

    def locked_stays(self, now: State) -> None:
        if self.walk.trial().state == TrialState.LOCKED:
            kept = {name: rows for name, rows in now.items() if name[0].startswith(("trials.", "reading."))}
            self.when_locked = self.when_locked or kept
            assert kept == self.when_locked, "a locked trial changed"
