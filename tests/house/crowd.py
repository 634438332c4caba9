"""Two trials with everything in them that an address can name, and everybody who might ask for it.

Made by the services, as at work. What nobody may find where it does not belong is planted: an arm, dates, codes,
results of one reader that another must not see.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.test import TestCase

from compliance import audit, jobs, redaction, storage
from compliance.models import AuditEvent, Export, Mail, User
from compliance.signing import Intent
from imaging.models import FaceReview, PixelReview, QcReview, RecipePreview, Transfer, WebUpload
from imaging.services import declaring, lending, receiving, reviewing, uploading
from imaging.services.bundling import bundle
from imaging.states import Verdict
from reading import blinding
from reading.models import Adjudication, Attempt, CaseRead, Draw, GlobalReview, PoolMember, ReadTask, RealTimeRead
from reading.services import (
    assessing,
    cases,
    excluding,
    locking,
    packaging,
    packaging_images,
    reopening,
    unblinding,
    unlocking,
)
from reading.services import lending as reading_lending
from reading.services.entries import AssessmentEntry, LesionEntry
from tests.factories import AT, PASSWORD, World, make_user, make_world, scan
from tests.factories.world import REFERENCE
from trials.models import (
    AccessReview,
    Freeze,
    Membership,
    Query,
    Role,
    Scanner,
    ScannerNotice,
    Site,
    SiteForm,
    SiteQualification,
    Subject,
    Timepoint,
    Trial,
    Unlock,
    UploadTest,
)
from trials.schedule import date_of
from trials.services import (
    answering,
    connecting,
    emergency,
    enrolling,
    querying,
    redacting,
    reviewing_access,
    reviewing_trail,
    scheduling,
    setting_up,
    training,
)

#: When the central work is done: apart from every date of a scan.
LATER = dt.datetime(2026, 9, 15, 9, tzinfo=dt.UTC)
ARM = "ARM-QUARTZ-7"
#: What a site wrote into its transfer forms: for those who know of sites only.
DECLARED = {"here": "QUAGMIRE-FIVE", "elsewhere": "QUOTIENT-SIX"}
#: Study days of the scans, inside their windows.
DAYS = {"BL": -5, "W8": 61}
#: What the two readers of each trial find, in mm, and their comments: baseline, Week 8, another's baseline.
RESULTS = {
    "here": (["61.57", "20.13", "QUILL-ONE"], ["87.65", "93.41", "48.29", "QUARRY-TWO"]),
    "elsewhere": (["63.71", "21.49", "QUEEN-THREE"], ["84.37", "95.83", "47.61", "QUAKE-FOUR"]),
}
CHARTER = {
    "schedule": [
        {"code": "BL", "name": "Baseline", "day": -7, "window_before": 21, "window_after": 7},
        {"code": "W8", "name": "Week 8", "day": 57, "window_before": 7, "window_after": 7},
    ],
    # One slice more than comes, so that each round has a finding.
    "series": [{"label": "Chest", "modality": "CT", "required": True, "orientation": "axial", "min_instances": 4}],
    "adjudication": {"by": "timepoint", "triggers": ["overall_response"], "date_window_days": 0},
    "external_viewers": ["readers", "staff"],
    "windows_locked": False,
    "locking": {"second_signature": "reading_manager"},
}


@dataclass(frozen=True)
class Thing:
    """A record that an address can name, and where it belongs; what everybody has of their own is in no trial."""

    named: dict[str, object]
    trial: str
    site: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Person:
    """Somebody who asks: roles by letter, the trial they are held in, a coordinator's site."""

    username: str
    letters: str
    trial: str = "here"
    site: str = ""

    def may(self, letters: str, thing: Thing | None) -> bool:
        """Tell whether an address open to these letters is open to the person, for this record."""
        if "+" in letters:
            return True
        if "*" in letters:
            return bool(self.username)
        if not set(letters) & set(self.letters):
            return False
        return thing is None or (
            thing.trial in ("", self.trial)
            and (not self.site or thing.site in ("", self.site))
            and thing.owner in ("", self.username)
        )


PEOPLE = (
    Person("", ""),
    Person("outsider", ""),
    # The trial's administrator, who may create trials besides.
    Person("founder", "TI"),
    Person("site-coordinator", "C", site="north"),
    Person("southern-coordinator", "C", site="south"),
    Person("qc-analyst", "Q"),
    Person("reading-manager", "M"),
    Person("reader", "R"),
    Person("second-reader", "R"),
    Person("adjudicator", "J"),
    Person("sponsor", "S"),
    Person("auditor", "A"),
    # Everything in another trial, and nothing in this one.
    Person("polymath", "QMRJSAT", trial="elsewhere"),
)


@dataclass
class Crowd:
    """Records by kind, and what was planted."""

    things: dict[str, list[Thing]] = field(default_factory=dict)
    uids: set[str] = field(default_factory=set)
    subjects: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    #: What one reader of a trial alone wrote: comments and diameters.
    results: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, kind: str, thing: Thing) -> None:
        self.things.setdefault(kind, []).append(thing)


def committed(act: Callable[[], object]) -> None:
    """Do something as if its transaction had ended: what hangs on the commit runs, and the jobs after it."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        act()
    while _drained():
        pass


def _drained() -> int:
    with TestCase.captureOnCommitCallbacks(execute=True):
        return jobs.drain()


def make_crowd() -> Crowd:
    """Build both trials."""
    crowd = Crowd()
    for name, code, prefix in (("here", "PLX-1", ""), ("elsewhere", "ELSE-2", "else-")):
        world = make_world(code, charter=CHARTER, prefix=prefix)
        for site in (world.north, world.south):
            connecting.issue_token(site=site, label="archive", actor=world.founder, at=AT)
        second = make_user("second-reader" if name == "here" else "polymath")
        roles = [Role.READER] if name == "here" else [role for role in Role if role is not Role.SITE_COORDINATOR]
        for role in roles:
            setting_up.grant_membership(trial=world.trial, user=second, role=role, actor=world.founder, at=AT)
        _Furnisher(crowd, world, name).furnish()
    return crowd


def make_read_trial() -> World:
    """Build one of them alone, as far as its people have worked on it."""
    world = make_world("PLX-1", charter=CHARTER)
    reader = make_user("second-reader")
    setting_up.grant_membership(trial=world.trial, user=reader, role=Role.READER, actor=world.founder, at=AT)
    _Furnisher(Crowd(), world, "here").play()
    return world


class _Furnisher:
    """Fills one trial."""

    def __init__(self, crowd: Crowd, world: World, trial: str) -> None:
        self.crowd, self.world, self.trial = crowd, world, trial
        self.mark = "X" if trial == "here" else "E"
        self.scans = 100 if trial == "here" else 200

    def furnish(self) -> None:
        self.play()
        self._name_everything()

    def play(self) -> None:
        """Have the trial's people work on it: scans come and are cleared, two read them, and disagree."""
        world = self.world
        read, half_read, waiting = f"N{self.mark}-4711", f"N{self.mark}-4822", f"S{self.mark}-5933"
        for site, code in ((world.north, read), (world.north, half_read), (world.south, waiting)):
            world.enrol(site, code, arm=ARM)
            self.crowd.subjects.setdefault((self.trial, self._place(site)), []).append(code)
        for subject, visits in ((read, ("BL", "W8")), (half_read, ("BL",)), (waiting, ("BL",))):
            for visit in visits:
                self._deliver(subject, visit)
                self._declare(world.timepoint(subject, visit))
        for subject, visit in ((read, "BL"), (read, "W8"), (half_read, "BL")):
            self._clear(world.timepoint(subject, visit))
        for code in (half_read, waiting):
            timepoint = world.timepoint(code, "W8")
            querying.raise_query(about=timepoint, title="Where is it?", text="Please.", actor=world.analyst, at=AT)
        self._read_all(read, half_read)

    def _place(self, site: Site) -> str:
        return "north" if site == self.world.north else "south"

    def _deliver(self, subject: str, visit: str) -> None:
        """Send a visit's scan, and a stray that stays in quarantine."""
        site = self.world.subjects[subject].site
        for named in (subject, "STRAY-0"):
            self.scans += 1
            origin = receiving.Origin(
                door=Transfer.Door.DIMSE, site_id=site.pk, sender=f"{site.code}_CT", delivery=uuid4()
            )
            for one in scan(named, scan_number=self.scans, day=DAYS[visit]):
                receiving.receive_instance(one, origin=origin, at=AT)
        committed(lambda: receiving.index_spool(at=AT))

    def _declare(self, timepoint: Timepoint) -> None:
        """Sign a transfer form in which the site says something."""
        north = timepoint.site == self.world.north
        declaring.sign_form(
            timepoint=timepoint,
            values={
                "SCANDT": date_of(DAYS[timepoint.code], REFERENCE),
                "SCANNER": "CT 2",
                "COMPLETE": True,
                "CONTRAST": False,
                "DEVIATE": DECLARED[self.trial],
            },
            signature=Intent(PASSWORD),
            actor=self.world.coordinator if north else self.world.other_coordinator,
            at=LATER,
        )

    def _plan(self, timepoint: Timepoint) -> SiteForm:
        """Begin the plan for contrast agent of a subject, as the template of its charter asks it."""
        north = timepoint.site == self.world.north
        return answering.save_answers(
            form=answering.form_at(timepoint.subject, "CTPLAN", LATER),
            values={"NOCONTR": False},
            actor=self.world.coordinator if north else self.world.other_coordinator,
            at=LATER,
        )

    def _clear(self, timepoint: Timepoint) -> None:
        review = timepoint.qc_reviews.get()
        signed = {"actor": self.world.analyst, "at": LATER}
        for finding in review.findings.filter(verdict=Verdict.PENDING):
            reviewing.decide_finding(finding=finding, verdict=Verdict.WAIVE, reason="Agreed.", **signed)
        fresh = QcReview.objects.get(pk=review.pk)
        committed(lambda: reviewing.clear_timepoint(review=fresh, signature=Intent(PASSWORD), **signed))

    def _read_all(self, read: str, half_read: str) -> None:
        """Both read the first subject and disagree; of the second, one has signed and the other not begun."""
        first, second = self._readers()
        wrote = RESULTS[self.trial]
        for place, (subject, visit) in enumerate(((read, "BL"), (read, "W8"), (half_read, "BL"))):
            for reader, said in ((first, wrote[0]), (second, wrote[1])):
                if place < len(said) - 1:
                    self._read(reader, subject, visit, said[place], said[-1])
        for reader, said in ((first, wrote[0]), (second, wrote[1])):
            self.crowd.results[self.trial, reader.username] = said

    def _readers(self) -> tuple[User, User]:
        members = Membership.objects.filter(trial=self.world.trial, role=Role.READER).order_by("pk")
        first, second = (member.user for member in members)
        return first, second

    def _read(self, reader: User, subject: str, visit: str, diameter: str, comment: str) -> None:
        task = ReadTask.objects.get(timepoint=self.world.timepoint(subject, visit), reader=reader)
        number = None if visit == "BL" else 1
        lesion = LesionEntry(number, "target", "LIVER", state="MEASURED", diameter_mm=Decimal(diameter))
        entry = AssessmentEntry(version=0, comment=f"{comment} {visit}", lesions=(lesion,))
        assessing.open_task(task=task, actor=reader, at=LATER)
        committed(
            lambda: assessing.submit_read(task=task, entry=entry, signature=Intent(PASSWORD), actor=reader, at=LATER)
        )

    def _name_everything(self) -> None:
        trial = self.world.trial
        self._add("trial", trial.pk)
        self.crowd.add("figure", Thing({"pk": trial.pk, "name": "kappas", "kind": "csv"}, self.trial))
        drawn = {"name": "waterfall", "kind": "csv"}
        self.crowd.add("endpoint figure", Thing({"pk": trial.pk, "results": "accepted", **drawn}, self.trial))
        if self.trial == "here":
            self.crowd.add("own figure", Thing({"name": "read-times", "kind": "csv"}, ""))
        self.crowd.add("study address", Thing({"study": "1.2.3"}, self.trial))
        self.crowd.add("resource", Thing({"resource": "studies"}, self.trial))
        analyst = self.world.people[Role.QC_ANALYST]
        lent, _ = lending.issue_archive_token(trial=trial, actor=analyst, at=LATER)
        self.crowd.add("archive token", Thing({"pk": lent.pk}, self.trial, owner=analyst.username))
        self._add("charter", trial.charters.get().pk)
        self._add("mail", Mail.objects.filter(trial_id=trial.pk)[0].pk)
        # Accounts are of no trial: of one as of the other.
        self.crowd.add(
            "account",
            Thing({"pk": trial.memberships.get(role=Role.SPONSOR, user__username__endswith="sponsor").user_id}, ""),
        )
        self._add("membership", trial.memberships.get(role=Role.SPONSOR, user__username__endswith="sponsor").pk)
        kept = {"reviewed_by": self.world.founder, "reviewed_at": LATER}
        rows = reviewing_access.as_shown(reviewing_access.roles_held(trial))
        roles = [{**row, "verdict": "keep", "note": ""} for row in rows]
        self._add("access review", AccessReview.objects.create(trial=trial, roles=roles, **kept).pk)
        part = reviewing_trail.shown(trial, reviewing_trail.Part(AT.date(), AT.date()))
        part.outcome, part.findings, part.reviewed_by, part.reviewed_at = "nothing", "-", self.world.founder, LATER
        part.save()
        self._add("trail review", part.pk)
        asked = training.declare(
            trial=trial,
            role=Role.SITE_COORDINATOR,
            title="Transfer of images",
            text="Read it.",
            valid_days=None,
            asked_from=dt.date(2999, 1, 1),
            actor=self.world.founder,
            at=AT,
        )
        self._add("training", asked.pk)
        hours = {"role": Role.QC_ANALYST, "hours": 1, "reason": "Nobody else was there"}
        taken = emergency.open_access(trial=trial, **hours, actor=self.world.founder, at=AT)
        self._add("emergency", emergency.end_access(emergency=taken, actor=self.world.founder, at=AT).pk)
        package = self._locked_package()
        self._add("package", package.pk)
        self._add("unread visit", Timepoint.objects.filter(subject__trial=package.trial_id).order_by("pk")[0].pk)
        self._add("dry run", self._dry_run().pk)
        self._add("unlock", self._unlock(package).pk)
        self._add("image package", _images_beside(package).pk)
        self._freeze()
        # One site of the other trial says what there is to say of it.
        for site in (self.world.north, self.world.south) if self.trial == "here" else (self.world.south,):
            place = self._place(site)
            timepoint = Timepoint.objects.filter(subject__site=site, qc_reviews__isnull=False).order_by("-pk")[0]
            review = timepoint.qc_reviews.get()
            study = timepoint.imaging_studies.get()
            series = study.series.get()
            held = Transfer.objects.filter(site=site, instances__state="held").distinct()[0]
            self._add("site", site.pk, place)
            self._add("entity", site.application_entities.get().pk, place)
            self._add("token", site.tokens.get().pk, place)
            _, secret = scheduling.issue_address(site=site, actor=self.world.founder, at=AT)
            self.crowd.add("calendar", Thing({"secret": secret}, self.trial, place))
            self.crowd.add("upload", Thing({"public_id": str(self._upload(timepoint).public_id)}, self.trial, place))
            self._qualify(site, place)
            self._add("subject", timepoint.subject_id, place)
            self._add("research subject", timepoint.subject_id, place)
            self._add("imaging study", study.pk, place)
            self._add("question", self._question(timepoint).pk, place)
            self._add("timepoint", timepoint.pk, place)
            self._add("query", Query.objects.get(site=site).pk, place)
            self._add("review", review.pk, place)
            self._add("transfer form", timepoint.transfer_forms.get().pk, place)
            self._add("site form", self._plan(timepoint).pk, place)
            self._add("finding", review.findings.order_by("pk")[0].pk, place)
            self._add("series", series.pk, place)
            self.crowd.add("series frame", Thing({"pk": series.pk, "number": 1}, self.trial, place))
            look = self._look(held, timepoint)
            self._add("look", look.pk, place)
            self.crowd.add("look frame", Thing({"pk": look.pk, "number": 1}, self.trial, place))
            face = self._face(timepoint)
            self._add("face", face.pk, place)
            self.crowd.add("face picture", Thing({"pk": face.pk, "number": 1}, self.trial, place))
            self.crowd.add("transfer", Thing({"public_id": str(held.public_id)}, self.trial, place))
            self.crowd.add(
                "history",
                Thing({"object_type": "trials.subject", "object_id": timepoint.subject_id}, self.trial, place),
            )
            self.crowd.uids |= {study.study_instance_uid, series.series_instance_uid}
            self.crowd.uids |= set(series.instances.values_list("sop_instance_uid", flat=True))
        tasks = {
            (task.reader_id, task.state): task
            for task in ReadTask.objects.filter(timepoint__subject__trial=trial, state__in=("assigned", "submitted"))
        }
        for task in tasks.values():
            stack = blinding.blinded_task(task).series[0]
            named = {"blinded_code": task.blinded_code}
            self.crowd.add("task", Thing(named, self.trial, owner=task.reader.username))
            self.crowd.add("task mark", Thing({**named, "key": uuid4()}, self.trial, owner=task.reader.username))
            token, _ = reading_lending.issue_read_token(task=task, actor=task.reader, at=LATER)
            self.crowd.add("read token", Thing({"pk": token.pk}, self.trial, owner=task.reader.username))
            self.crowd.add(
                "task frame",
                Thing({**named, "series": stack.key, "frame": 1, "film": 1}, self.trial, owner=task.reader.username),
            )
            self.crowd.add("task series", Thing({**named, "series": stack.key}, self.trial, owner=task.reader.username))
        for task in (task for task in tasks.values() if task.state == "submitted"):
            self._review(task)
        signed = next(task for task in tasks.values() if task.state == "submitted")
        replayed = {"blinded_code": signed.blinded_code}
        self.crowd.add("signed task", Thing(replayed, self.trial))
        self.crowd.add("read timepoint", Thing({"pk": signed.timepoint_id, "slot": signed.slot}, self.trial))
        shown = blinding.blinded_task(signed).series[0]
        self.crowd.add("signed task frame", Thing({**replayed, "series": shown.key, "frame": 1, "film": 1}, self.trial))
        manager = self.world.people[Role.READING_MANAGER]
        self._keep_readers(signed.timepoint.subject, manager)
        asked = reopening.ask_reopening(task=signed, reason="A typing error", actor=manager, at=LATER)
        self._add("reopening", asked.pk)
        told = {
            "person": signed.reader,
            "learned": "arm",
            "happened_on": LATER.date(),
            "how": "A call",
            "measures": "-",
        }
        event = unblinding.report(trial=trial, **told, subjects=[signed.timepoint.subject], actor=manager, at=LATER)
        self._add("unblinding", event.pk)
        self._redaction()
        cases = list(Adjudication.objects.filter(subject__trial=trial))
        self._meeting(cases[0].subject)
        for case in cases:
            stack = blinding.blinded_adjudication(case).timepoints[0].series[0]
            named = {"blinded_code": case.blinded_code}
            self.crowd.add("case", Thing(named, self.trial))
            self.crowd.add("adjudication", Thing(named, self.trial, owner=case.adjudicator.username))
            self.crowd.add(
                "adjudication frame",
                Thing(
                    {**named, "series": stack.key, "frame": 1, "film": 1}, self.trial, owner=case.adjudicator.username
                ),
            )
            self.crowd.add(
                "adjudication series",
                Thing({**named, "series": stack.key}, self.trial, owner=case.adjudicator.username),
            )

        self._examine()
        tried = {"trial": trial, "charter": trial.charter_in_force, "person": self.world.coordinator}
        row = RecipePreview.objects.create(**tried, secret=b"", sizes=[1], created_at=AT)
        self.crowd.add("preview", Thing({"public_id": str(row.public_id)}, self.trial, owner=row.person.username))

    def _keep_readers(self, subject: Subject, manager: User) -> None:
        """What a reading manager has said of the trial's readers; the draws came before."""
        trial, (first, second) = self.world.trial, self._readers()
        excluded = excluding.exclude(
            trial=trial, person=first, of=subject, kind="conflict", reason="Holds shares", actor=manager, at=LATER
        )
        self._add("exclusion", excluded.pk)
        paired = excluding.make_pair(trial=trial, first=first, second=second, actor=manager, at=LATER)
        self._add("reader pair", paired.pk)
        member = PoolMember(trial=trial, person=first, pool="radiologists", joined_at=LATER)
        self._add("pool member", audit.save(member, action="poolmember.joined", actor=manager, at=LATER).pk)
        self._add("draw", Draw.objects.get(subject=subject).pk)
        self.crowd.add("place", Thing({"pk": subject.pk, "slot": 1}, self.trial))

    def _examine(self) -> None:
        """A case that the adjudicator has read as its expert, and the first reader to qualify."""
        world, trial, manager = self.world, self.world.trial, self.world.people[Role.READING_MANAGER]
        by: dict[str, Any] = {"actor": manager, "at": LATER}
        code = f"CASE-{self.mark}"
        case = cases.add_case(site=world.north, code=code, reference_date=REFERENCE, kind="test", **by)
        world.subjects[code] = case.subject
        self._deliver(code, "BL")
        timepoint = case.subject.timepoints.get(code="BL")
        self._declare(timepoint)
        self._clear(timepoint)
        reference = cases.ask_reference(case=case, expert=world.people[Role.ADJUDICATOR], **by)
        self._read_case(reference.tasks().get())
        reference.refresh_from_db()
        cases.approve_reference(reference=reference, signature=Intent(PASSWORD), **by)
        reader, _ = self._readers()
        begun = {"charter": trial.charter_in_force, "state": "begun", "prepared_at": LATER}
        attempt = Attempt.objects.create(trial=trial, person=reader, number=1, **begun)
        CaseRead.objects.create(attempt=attempt, case=case, reference=reference, slot=2)
        cases.give([timepoint], reader, 2, trial.charter_in_force, LATER)
        read = ReadTask.every.get(timepoint=timepoint, slot=2)
        self._read_case(read)
        self._add("training case", case.pk)
        self._add("case reference", reference.pk)
        owned = {"trial": self.trial, "owner": reader.username}
        self.crowd.add("examined task", Thing({"blinded_code": read.blinded_code}, **owned))
        self.crowd.add("examined person", Thing({"pk": trial.pk, "username": reader.username}, self.trial))

    def _read_case(self, task: ReadTask) -> None:
        lesion = LesionEntry(None, "target", "LIVER", state="MEASURED", diameter_mm=Decimal("31.25"))
        assessing.open_task(task=task, actor=task.reader, at=LATER)
        committed(
            lambda: assessing.submit_read(
                task=task,
                entry=AssessmentEntry(version=0, lesions=(lesion,)),
                signature=Intent(PASSWORD),
                actor=task.reader,
                at=LATER,
            )
        )

    def _review(self, task: ReadTask) -> None:
        """A case that a reader goes over as a whole."""
        subject, owner = task.timepoint.subject, task.reader.username
        code = blinding.review_code(subject, task.slot)
        review = GlobalReview(
            subject=subject, reader=task.reader, slot=task.slot, blinded_code=code, rests_on=[], opened_at=LATER
        )
        audit.save(review, action="globalreview.opened", actor=None, at=LATER)
        named = {"blinded_code": code}
        stack = blinding.blinded_global_review(review).timepoints[0].series[0]
        self.crowd.add("global review", Thing(named, self.trial, owner=owner))
        self.crowd.add("global review series", Thing({**named, "series": stack.key}, self.trial, owner=owner))
        self.crowd.add(
            "global review frame", Thing({**named, "series": stack.key, "frame": 1, "film": 1}, self.trial, owner=owner)
        )

    def _meeting(self, subject: Subject) -> None:
        """A case that its two readers, who are all of the trial's, settle together."""
        meeting = Adjudication(
            subject=subject,
            blinded_code=blinding.adjudication_code(subject, None),
            triggers=[],
            left_slot=1,
            opened_at=LATER,
        )
        audit.save(meeting, action="adjudication.opened", actor=None, at=LATER)
        named = {"blinded_code": meeting.blinded_code}
        series = {"series": blinding.blinded_adjudication(meeting).timepoints[0].series[0].key}
        self.crowd.add("meeting", Thing(named, self.trial))
        self.crowd.add("meeting series", Thing({**named, **series}, self.trial))
        self.crowd.add("meeting frame", Thing({**named, **series, "frame": 1, "film": 1}, self.trial))

    def _qualify(self, site: Site, place: str) -> None:
        """What a site has where the charter asks for a qualification."""
        charter, device = self.world.trial.charter_in_force, {"modality": "CT", "manufacturer": "Acme"}
        scanner = Scanner.objects.create(site=site, model_name="One", registered_at=AT, **device)
        held = SiteQualification.objects.create(site=site, charter=charter, state="qualified", qualified_at=AT)
        notice = ScannerNotice.objects.create(site=site, kind="unknown", model_name="Two", seen_at=AT, **device)
        test = UploadTest.objects.create(
            site=site, charter=charter, delivery=uuid4(), sender="CT", received_at=AT, images=1
        )
        self._add("scanner", scanner.pk, place)
        self._add("qualification", held.pk, place)
        self._add("scanner notice", notice.pk, place)
        self._add("test upload", test.pk, place)

    def _look(self, transfer: Transfer, timepoint: Timepoint) -> PixelReview:
        """A look at the pixels of an image in quarantine."""
        received = transfer.instances.filter(state="held")[0]
        size = {"rows": 16, "columns": 16, "frames": 1}
        look = PixelReview(received=received, timepoint=timepoint, opened_at=AT, why="text_usual", **size)
        return audit.save(look, action="pixelreview.asked", actor=None, at=AT)

    def _question(self, timepoint: Timepoint) -> RealTimeRead:
        """A read on a clock that waits for its images."""
        asked = RealTimeRead(
            timepoint=timepoint, purpose="eligibility", round=1, slot=21, charter=timepoint.charter, asked_at=AT
        )
        return audit.save(asked, action="realtimeread.asked", actor=None, at=AT)

    def _face(self, timepoint: Timepoint) -> FaceReview:
        """A look at the face mask of a series."""
        seen = {"content_sha256": "", "proposal": uuid4(), "pictures": 1, "found": False, "doubt": "few_slices"}
        place = {"site": timepoint.site, "series_uid_key": "2.25.1", "timepoint": timepoint}
        return audit.save(FaceReview(**place, opened_at=AT, **seen), action="facereview.asked", actor=None, at=AT)

    def _upload(self, timepoint: Timepoint) -> WebUpload:
        """An upload that the site's coordinator has begun."""
        north = timepoint.site == self.world.north
        actor = self.world.coordinator if north else self.world.other_coordinator
        transfer = receiving.open_transfer(timepoint=timepoint, actor=actor, at=AT)
        return uploading.create_upload(transfer=transfer, size=9, sha256="", kind="dicom", actor=actor, at=AT)

    def _add(self, kind: str, pk: int, place: str = "") -> None:
        self.crowd.add(kind, Thing({"pk": pk}, self.trial, place))

    def _redaction(self) -> None:
        """Text of the trail that an auditor wants taken out."""
        trial = self.world.trial
        texts = ((event, redaction.texts(event)) for event in AuditEvent.objects.filter(trial_id=trial.pk))
        event, places = next((event, list(found)) for event, found in texts if found)
        asked = redacting.ask_redaction(
            trial=trial,
            event=event,
            places=places[:1],
            reason="A patient is named",
            signature=Intent(PASSWORD),
            actor=self.world.people[Role.AUDITOR],
            at=LATER,
        )
        self._add("redaction", asked.pk)
        self.crowd.add("trail event", Thing({"pk": trial.pk, "event": event.pk}, self.trial))

    def _locked_package(self) -> Export:
        """The package of another trial of the same people: its one subject missed every visit, and it is locked."""
        world, actor = self.world, self.world.founder
        done = setting_up.create_trial(
            code=f"DONE-{self.mark}", title="Done", sponsor_name="Sponsor", actor=actor, at=AT
        )
        draft = done.charters.get()
        setting_up.edit_charter(charter=draft, content={**draft.content, "sites": {}}, actor=actor, at=AT)
        setting_up.sign_charter(charter=draft, signature=Intent(PASSWORD), actor=actor, at=AT)
        site = setting_up.add_site(trial=done, code="WEST", name="West", actor=actor, at=AT)
        subject = enrolling.enrol_subject(site=site, code="W-001", reference_date=REFERENCE, actor=actor, at=AT)
        for timepoint in subject.timepoints.all():
            enrolling.mark_missed(timepoint=timepoint, reason="Closed early", actor=actor, at=AT)
        members = Membership.objects.filter(trial=world.trial, site=None).exclude(user=actor)
        for member in members:
            setting_up.grant_membership(trial=done, user=member.user, role=Role(member.role), actor=actor, at=AT)
        done = Trial.objects.get(pk=done.pk)
        committed(lambda: locking.lock_trial(trial=done, signature=Intent(PASSWORD), actor=actor, at=LATER))
        return Export.objects.filter(trial_id=done.pk).first() or packaging.build_package(
            trial=done, actor=actor, at=LATER
        )

    def _dry_run(self) -> Export:
        """A dry run of the trial's package that holds nothing."""
        key = f"crowd/dry-run-{self.mark}.zip"
        return Export.objects.create(
            kind=packaging.DRY_RUN,
            trial_id=self.world.trial.pk,
            storage_key=key,
            file_name="DRY-RUN.zip",
            sha256=storage.put(storage.EXPORTS, key, b""),
            size=0,
            manifest={"charter": {"version": 1}, "files": []},
            created_at=LATER,
            created_by=self.world.founder,
        )

    def _unlock(self, package: Export) -> Unlock:
        """The reading manager's wish to take the lock of that trial off."""
        return unlocking.ask_unlock(
            trial=Trial.objects.get(pk=package.trial_id),
            said=unlocking.Statement("A typing error", "W-001, W8", "The response at W8"),
            signature=Intent(PASSWORD),
            actor=self.world.people[Role.READING_MANAGER],
            at=LATER,
        )

    def _freeze(self) -> None:
        """An interim lock that waits for its second signature and covers nothing, and a package as if of it."""
        trial, founder = self.world.trial, self.world.founder
        made = {"level": "interim", "number": 1, "purpose": "First look", "made_by": founder, "made_at": LATER}
        self._add(
            "freeze", audit.save(Freeze(trial=trial, **made), action="freeze.interim", actor=founder, at=LATER).pk
        )
        stated = {"lock": {"locked_at": "2026-01-01T00:00:00Z"}, "interim": {"number": 1}}
        kept = storage.put(storage.EXPORTS, f"crowd/interim-{self.trial}.zip", b"PK")
        export = Export.objects.create(
            kind="interim-package",
            trial_id=trial.pk,
            sha256=kept,
            storage_key=f"crowd/interim-{self.trial}.zip",
            file_name="INTERIM.zip",
            size=2,
            manifest=stated,
            created_at=LATER,
            created_by=founder,
        )
        self._add("interim package", export.pk)


def _images_beside(package: Export) -> Export:
    """A package of images of the same trial, of which there are none."""
    trial = Trial.objects.get(pk=package.trial_id)
    plan, made = io.BytesIO(), io.BytesIO()
    built = bundle(trial, [], [], {"subject": None}, plan=plan, made=made)
    for kind, file in (("plan", plan), ("made", made)):
        storage.put(storage.EXPORTS, f"crowd/{built.sha256}.{kind}", file.getvalue())
    return Export.objects.create(
        kind=packaging_images.IMAGE_PACKAGE,
        trial_id=trial.pk,
        storage_key=f"crowd/{built.sha256}.plan",
        file_name=f"{trial.code}-images.zip",
        sha256=built.sha256,
        size=built.size,
        manifest=built.manifest,
        created_at=LATER,
        created_by=package.created_by,
    )
