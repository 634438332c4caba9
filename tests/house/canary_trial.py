"""A small trial in which everything that a reader must not learn is a word that nothing else says.

Made by the services, as at work: scans come in with an identity in each header, a film with another one in its
container, and are checked and cleared; two readers read them and disagree; a further visit waits to be read. Over a
third subject, which both have reviewed as a whole, they meet, and see both results.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from uuid import UUID, uuid4

import pydicom

from compliance import storage
from compliance.models import User
from compliance.signing import Intent
from imaging.models import Instance, PixelReview, QcReview, ReceivedInstance, Transfer
from imaging.services import looking, receiving, reviewing
from reading import blinding
from reading.models import Adjudication, GlobalReview, ReadTask
from reading.services import assessing, cases, consenting, marking, qualifying, unblinding
from reading.services import reviewing as global_reviewing
from reading.services.entries import AssessmentEntry, LesionEntry, MarkEntry
from reading.states import AttemptState
from tests.factories import AT, PASSWORD, PLANTED, World, make_user, make_world, scan
from tests.factories.films import film
from tests.factories.scans import ROOT
from tests.factories.world import REFERENCE
from tests.house.crowd import committed
from tests.support.canaries import written
from trials.charter import RECIST_TEMPLATE
from trials.models import Role, Subject
from trials.schedule import date_of
from trials.services import connecting, enrolling, setting_up, training

ARM, SITE_CODE, SITE_NAME = "ARM-QUICKSILVER", "QZ-801", "Quernstone Infirmary"
#: By place: the code while screened, the code since.
SUBJECTS = (("SCR-QZ-3391", "SUB-QZ-4711"), ("SCR-QZ-3402", "SUB-QZ-4822"))
#: The one over which the readers meet.
MET = ("SCR-QZ-3413", "SUB-QZ-4933")
#: User name and full name of each.
FIRST, SECOND = ("r-quillon", "Dr Quillon Ashgrove"), ("r-zephyrine", "Dr Zephyrine Oakmoor")
JUDGE, SENDER = ("j-quorra", "Dr Quorra Featherstone"), ("c-peverell", "Peverell Quince")
#: What headers say besides the patient, which de-identification takes away or a reader is not shown.
DESCRIBED = {
    "StudyDescription": "QUAVER STAGING THORAX",
    "SeriesDescription": "QUIXOTE ARTERIAL 5MM",
    "ProtocolName": "QUARTZITE PROTOCOL 12",
    "DeviceSerialNumber": "SNQX550817",
    "ManufacturerModelName": "QUANTUMSCAN-9000",
    "OperatorsName": "Quimby^Thaddeus",
    "RequestedProcedureDescription": "QUENCHED FOLLOWUP",
    "StudyID": "QSTUDY7741",
    "PatientComments": "QUIESCENT SINCE MAY",
    "FrameOfReferenceUID": f"{ROOT}.424242",
}
#: Diameters of each reader at the baseline and at Week 8, mm; a remark, and what the draft of Week 16 says.
WROTE = {
    FIRST: ("161.57", "90.13", "QUILL-REMARK-ONE", "QUILL-DRAFT-ONE"),
    SECOND: ("187.65", "193.41", "QUARRY-REMARK-TWO", "QUARRY-DRAFT-TWO"),
}
#: Of the subject over which they meet: diameters, a remark, and what each said in the review of the case.
MET_OVER = {
    FIRST: ("181.43", "62.17", "QUILL-MET-ONE", "CR", "QUILL-REVIEW-ONE"),
    SECOND: ("176.29", "179.83", "QUARRY-MET-TWO", "NE", "QUARRY-REVIEW-TWO"),
}
#: What the two see of each other there, and nowhere else.
MEETING = "case met over"
PROPOSED = "QUARRY-PROPOSAL-TWO"
#: What is on record of the first reader's unblinding: how it happened, what was done, what it means.
UNBLINDED = ("QUEASY-CALL-HOW", "QUELLED-AT-ONCE", "QUALMS-ASSESSED")
#: Case on which readers qualify, what its expert measured, and each reader's own measure and remark.
CASE, EXPERT_MM = "SUB-QZ-7733", "173.41"
QUALIFIED = {FIRST: ("174.29", "QUILL-EXAM-ONE"), SECOND: ("172.83", "QUARRY-EXAM-TWO")}
DAYS = {"BL": -5, "W8": 61, "W16": 112}
LATER = dt.datetime(2026, 9, 15, 9, tzinfo=dt.UTC)
BASELINE, *FOLLOW_UPS = RECIST_TEMPLATE["schedule"]
CHARTER = {
    "schedule": [{**BASELINE, "at_screening": True}, *FOLLOW_UPS],
    "subjects": {"screening": True, "screening_format": "SCR-QZ-{number:4}", "code_format": "SUB-QZ-{number:4}"},
    "modalities": ["CT", "ES"],
    "series": [
        {"label": "Chest", "modality": "CT", "required": True, "orientation": "axial", "min_instances": 4},
        {"label": "Airways", "modality": "ES", "required": False},
    ],
    "adjudication": {"by": "timepoint", "triggers": ["overall_response"], "date_window_days": 0},
    "qualification": {"statement": "I know RECIST 1.1.", "test_cases": 1},
    # Readers may open a read in a program of their own.
    "external_viewers": ["readers"],
    "windows_locked": False,
}
TOGETHER = {
    "reads": {"global_review": True},
    "adjudication": {"by": "subject", "triggers": ["best_overall_response"], "resolved_by": "consensus"},
}


@dataclass(frozen=True)
class CanaryTrial:
    """The people who read, and the words by what they tell: `never` of anybody, `of_readers` by who wrote them."""

    first: User
    second: User
    judge: User
    never: dict[str, set[str]]
    of_readers: dict[User, dict[str, set[str]]]

    def hidden_from(self, person: User) -> dict[str, set[str]]:
        """Return what must not reach a person."""
        hidden = dict(self.never)
        for reader, words in self.of_readers.items():
            if reader != person:
                # An adjudicator weighs both results, and does not learn whose they are.
                shown = () if person != self.judge else ("result",)
                hidden |= {f"{kind} of another reader": said for kind, said in words.items() if kind not in shown}
        if person != self.judge:
            hidden["adjudicator"] = set(JUDGE)
        return hidden


def make_canary_trial() -> CanaryTrial:
    """Build the trial."""
    world = make_world("CANARY-1")
    world.people[Role.READER].username, world.people[Role.READER].full_name = FIRST
    world.people[Role.ADJUDICATOR].username, world.people[Role.ADJUDICATOR].full_name = JUDGE
    for role in (Role.READER, Role.ADJUDICATOR):
        world.people[role].save()
    _join(world, SECOND, Role.READER)
    world.amend(**CHARTER)
    world.north = setting_up.add_site(
        trial=world.trial, code=SITE_CODE, name=SITE_NAME, country="Norway", actor=world.founder, at=AT
    )
    world.people[Role.SITE_COORDINATOR] = _join(world, SENDER, Role.SITE_COORDINATOR, at_site=True)
    connecting.issue_token(site=world.north, label="archive", actor=world.founder, at=AT)
    _qualify(world)
    filmed = SUBJECTS[0][1], "BL"
    for place, ((screened, code), visits) in enumerate(zip(SUBJECTS, (("BL", "W8", "W16"), ("BL",)), strict=True)):
        _enrol(world, screened, code)
        for number, visit in enumerate(visits):
            _clear(world, code, visit, scan_number=10 * place + number, with_film=(code, visit) == filmed)
    read = SUBJECTS[0][1]
    marks = {}
    for person, (baseline, week_8, remark, draft) in WROTE.items():
        reader = User.objects.get(username=person[0])
        for visit, diameter in (("BL", baseline), ("W8", week_8)):
            _read(world, reader, read, visit, diameter, remark)
        marks[reader] = _draft(world, reader, read, draft)
    _meet(world)
    _unblind(world)
    training.declare(
        trial=world.trial,
        role=Role.READER,
        title="How to measure",
        text="Read the guide.",
        valid_days=None,
        asked_from=dt.date(2999, 1, 1),
        actor=world.administrator,
        at=LATER,
    )
    return _named(marks)


def _unblind(world: World) -> None:
    """An unplanned unblinding of the first reader is on record, assessed and closed."""
    how, measures, assessment = UNBLINDED
    manager = world.people[Role.READING_MANAGER]
    said = {"person": User.objects.get(username=FIRST[0]), "learned": "arm", "happened_on": LATER.date()}
    subjects = [world.subjects[SUBJECTS[0][1]]]
    event = unblinding.report(
        trial=world.trial, **said, how=how, measures=measures, subjects=subjects, actor=manager, at=LATER
    )
    signed = {"signature": Intent(PASSWORD), "actor": manager, "at": LATER}
    unblinding.assess(unblinding=event, impact="stands", assessment=assessment, **signed)


def _meet(world: World) -> None:
    """Both read another subject, go over it as a whole, and differ: the second one proposes what counts."""
    world.amend(**TOGETHER)
    _enrol(world, *MET)
    for number, visit in enumerate(("BL", "W8")):
        _clear(world, MET[1], visit, scan_number=50 + number, with_film=visit == "BL")
    missed = {"timepoint": world.timepoint(MET[1], "W16"), "reason": "Not seen", "actor": world.founder, "at": LATER}
    committed(lambda: enrolling.mark_missed(**missed))
    for person, (baseline, week_8, remark, *_) in MET_OVER.items():
        for visit, diameter in (("BL", baseline), ("W8", week_8)):
            _read(world, User.objects.get(username=person[0]), MET[1], visit, diameter, remark)
    for person, (*_, response, reason) in MET_OVER.items():
        review = GlobalReview.objects.get(reader__username=person[0])
        week_8 = ReadTask.objects.get(timepoint=world.timepoint(MET[1], "W8"), reader=review.reader)
        changes = {week_8.blinded_code: global_reviewing.Changed(response, reason)}
        signed = {"signature": Intent(PASSWORD), "actor": review.reader, "at": LATER}
        committed(partial(global_reviewing.sign_review, review=review, changes=changes, **signed))
    proposal = {"choice": "left", "rationale": PROPOSED, "signature": Intent(PASSWORD)}
    second = User.objects.get(username=SECOND[0])
    consenting.propose(adjudication=Adjudication.objects.get(adjudicator=None), **proposal, actor=second, at=LATER)


def _join(world: World, who: tuple[str, str], role: Role, *, at_site: bool = False) -> User:
    user = make_user(who[0], full_name=who[1])
    site = world.north if at_site else None
    setting_up.grant_membership(trial=world.trial, user=user, role=role, site=site, actor=world.founder, at=AT)
    return user


def _qualify(world: World) -> None:
    """An expert reads a case; both readers pass on it, each with another measure."""
    manager, judge = world.people[Role.READING_MANAGER], world.people[Role.ADJUDICATOR]
    signature, by = Intent(PASSWORD), {"actor": manager, "at": AT}
    case = cases.add_case(site=world.north, code=CASE, reference_date=REFERENCE, kind="test", **by)
    world.subjects[CASE] = case.subject
    _clear(world, CASE, "BL", scan_number=90)
    reference = cases.ask_reference(case=case, expert=judge, **by)
    _sign(reference.tasks().get(), _measured(EXPERT_MM))
    reference.refresh_from_db()
    cases.approve_reference(reference=reference, signature=signature, **by)
    for who, (diameter, remark) in QUALIFIED.items():
        reader = User.objects.get(username=who[0])
        attempt = qualifying.begin(trial=world.trial, signature=signature, actor=reader, at=LATER)
        _sign(attempt.cases.get().tasks().get(), _measured(diameter, remark))
        attempt.refresh_from_db()
        assert attempt.state == AttemptState.PASSED


def _enrol(world: World, screened: str, code: str) -> None:
    day_1 = {"reference_date": REFERENCE, "actor": world.founder, "at": AT}
    subject = enrolling.screen_subject(site=world.north, code=screened, **day_1)
    world.subjects[code] = enrolling.enrol_screened(subject=subject, code=code, **day_1)
    Subject.objects.filter(pk=subject.pk).update(arm=ARM)


def _clear(world: World, subject: str, visit: str, scan_number: int, *, with_film: bool = False) -> None:
    """Send a visit's scan as a scanner does, perhaps with a film, and clear it for reading."""
    origin = receiving.Origin(
        door=Transfer.Door.DIMSE, site_id=world.north.pk, sender=f"{SITE_CODE}_CT", delivery=uuid4()
    )
    for one in scan(subject, slices=4, scan_number=100 + scan_number, day=DAYS[visit], **DESCRIBED):
        receiving.receive_instance(one, origin=origin, at=AT)
    if with_film:
        series = f"{ROOT}.{100 + scan_number}.8"
        named = {"ClinicalTrialSubjectID": subject, "SeriesInstanceUID": series, "SOPInstanceUID": f"{series}.1"}
        said = {**DESCRIBED, "FrameOfReferenceUID": None}
        filmed = film(scan_number=100 + scan_number, day=DAYS[visit], **named, **said)
        receiving.receive_instance(filmed, origin=origin, at=AT)
    committed(lambda: receiving.index_spool(at=AT))
    if with_film:
        _watch(world)
    review = QcReview.objects.filter(timepoint=world.timepoint(subject, visit)).latest("round")
    signed = {"signature": Intent(PASSWORD), "actor": world.analyst, "at": LATER}
    committed(lambda: reviewing.clear_timepoint(review=review, **signed))


def _watch(world: World) -> None:
    """Let the film that waits go on, as somebody who has seen that it shows nobody."""
    look = PixelReview.objects.latest("pk")
    said = {"decision": looking.Decision([], {}), "whole_series": False, "actor": world.analyst, "at": AT}
    committed(lambda: looking.decide(look=look, round=look.round, **said))


def _read(world: World, reader: User, subject: str, visit: str, diameter: str, remark: str) -> None:
    task = ReadTask.objects.get(timepoint=world.timepoint(subject, visit), reader=reader)
    _sign(task, _measured(diameter, f"{remark} {visit}", number=None if visit == "BL" else 1))


def _measured(diameter: str, remark: str = "", *, number: int | None = None) -> AssessmentEntry:
    lesion = LesionEntry(number, "target", "LIVER", state="MEASURED", diameter_mm=Decimal(diameter))
    return AssessmentEntry(version=0, comment=remark, lesions=(lesion,))


def _sign(task: ReadTask, entry: AssessmentEntry) -> None:
    signed = {"signature": Intent(PASSWORD), "actor": task.reader, "at": LATER}
    assessing.open_task(task=task, actor=task.reader, at=LATER)
    committed(lambda: assessing.submit_read(task=task, entry=entry, **signed))


def _draft(world: World, reader: User, subject: str, remark: str) -> UUID:
    """Begin Week 16: a remark, and a line drawn on the first slice."""
    task = ReadTask.objects.get(timepoint=world.timepoint(subject, "W16"), reader=reader)
    by = {"actor": reader, "at": LATER}
    task = assessing.open_task(task=task, **by)
    assessing.save_draft(task=task, entry=AssessmentEntry(version=0, comment=remark), **by)
    first = blinding.blinded_task(task).series[0].slices[0]
    line = ((-98.0, -98.0, 5.0), (-92.0, -98.0, 5.0))
    entry = MarkEntry("length", first.instance_key, first.frame, line, {"layout": remark}, "a browser")
    key = uuid4()
    marking.put_mark(task=task, key=key, expected=None, entry=entry, **by)
    return key


def _named(marks: dict[User, UUID]) -> CanaryTrial:
    """Collect what was planted, and what the house itself made of it."""
    first, second, judge = (User.objects.get(username=who[0]) for who in (FIRST, SECOND, JUDGE))
    assert Adjudication.objects.get(adjudicator=judge).state == "open"
    dates = {date_of(day, REFERENCE) for day in (1, *DAYS.values())} | {dt.date(1947, 11, 23)}
    uids, archived = {ROOT}, set()
    for instance in Instance.objects.all():
        archived |= {instance.archive_key, instance.archive_key.rpartition("/")[2]}
        with storage.on_disk(storage.ARCHIVE, instance.archive_key) as path:
            for element in pydicom.dcmread(path, stop_before_pixels=True).iterall():
                if element.VR == "UI" and not str(element.value).startswith("1.2.840.10008."):
                    uids.add(str(element.value))
                if element.VR == "DA" and element.value:
                    dates.add(dt.date.fromisoformat(str(element.value)))
    return CanaryTrial(
        first,
        second,
        judge,
        never={
            "patient": {value for name, value in PLANTED.items() if name != "PatientBirthDate"} | {"MRN55667788"},
            "name": {part for name in ("PatientName", "ReferringPhysicianName") for part in PLANTED[name].split("^")},
            "description": {value for value in DESCRIBED.values() if not value.startswith(ROOT)},
            "UID": uids,
            "date": {said for date in dates for said in written(date)},
            "subject": {CASE, *(code for _, code in (*SUBJECTS, MET))},
            "screening number": {code for code, _ in (*SUBJECTS, MET)},
            "arm": {ARM},
            "unblinding": set(UNBLINDED),
            "site": {SITE_CODE, SITE_NAME, "Quernstone"},
            "sender": {*SENDER, f"{SITE_CODE}_CT"},
            "file": archived | {str(uid) for uid in ReceivedInstance.objects.values_list("spool_id", flat=True)},
        },
        of_readers={
            reader: {
                "name": set(who),
                "result": set(WROTE[who][:3]),
                MEETING: {*MET_OVER[who][:3], MET_OVER[who][4], *({PROPOSED} if who == SECOND else ())},
                "draft": {WROTE[who][3], str(marks[reader]), *QUALIFIED[who]},
            }
            for reader, who in ((first, FIRST), (second, SECOND))
        },
    )
