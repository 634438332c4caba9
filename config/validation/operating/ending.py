"""The later scenarios: blinded reads, adjudication, verification, lock, package, and what is refused after the lock."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.db import connection
from django.utils import timezone

from compliance import checkpoints, storage, verifying, verifying_signatures
from compliance.models import Export, Signature, User
from config.demo import reads, story
from config.validation.operating.scratch import PATIENTS, Scratch, spelled
from imaging.services import receiving
from reading import selectors
from reading.models import Adjudication, ReadTask
from reading.services import adjudicating, assessing, locking, packaging, rederiving
from reading.states import AdjudicationState, ReadState
from trials.models import Trial
from trials.services import enrolling, setting_up


def blinded_reads(run: Scratch) -> None:
    """Look at what a reader is shown, try what a reader must not, and read everything."""
    run.section = "Reading and blinding"
    tasks = ReadTask.objects.filter(timepoint__subject__trial=run.trial)
    ready = tasks.filter(state=ReadState.ASSIGNED)
    run.until(lambda: ready.count() >= 2 * len(PATIENTS))
    mine = ready.filter(reader=run.people["reader1"]).order_by("pk")[0]
    other = ready.filter(reader=run.people["reader2"]).order_by("pk")[0]
    _probes(run, mine, other)
    run.refused(
        "A reader opens another reader's task",
        "REQ-REA-002",
        lambda: assessing.open_task(task=other, actor=run.people["reader1"], at=timezone.now()),
    )
    waiting = tasks.filter(reader=run.people["reader1"], state=ReadState.WAITING).order_by("-order").first()
    if waiting is not None:
        run.refused(
            "A reader opens a later timepoint first",
            "REQ-REA-002 REQ-SEQ-001",
            lambda: assessing.open_task(task=waiting, actor=run.people["reader1"], at=timezone.now()),
        )
    assessing.open_task(task=mine, actor=run.people["reader1"], at=timezone.now())
    entry = reads.entry_of(ReadTask.objects.get(pk=mine.pk))
    run.refused(
        "A read is signed with a wrong password",
        "REQ-REA-003 REQ-SIG-002",
        lambda: assessing.submit_read(
            task=ReadTask.objects.get(pk=mine.pk),
            entry=entry,
            signature=run.intent(Signature.Meaning.AUTHORSHIP, "wrong"),
            actor=run.people["reader1"],
            at=timezone.now(),
            simulated=True,
        ),
    )
    assessing.submit_read(
        task=ReadTask.objects.get(pk=mine.pk),
        entry=entry,
        signature=run.intent(Signature.Meaning.AUTHORSHIP),
        actor=run.people["reader1"],
        at=timezone.now(),
        simulated=True,
    )
    run.refused(
        "A signed read is changed",
        "REQ-REA-003 REQ-SEQ-005",
        lambda: assessing.save_draft(
            task=ReadTask.objects.get(pk=mine.pk),
            entry=replace(entry, comment="Changed."),
            actor=run.people["reader1"],
            at=timezone.now(),
        ),
    )
    expected = 2 * len(PATIENTS) * len(story.VISITS)
    signed = tasks.filter(state=ReadState.SUBMITTED)

    def all_signed() -> bool:
        for part in ("reader1", "reader2"):
            _read_everything(run, run.people[part])
        return signed.count() == expected

    run.until(all_signed)
    run.note(
        "Two readers read every timepoint and sign",
        "REQ-REA-001 REQ-REA-003",
        f"{expected} signed reads",
        f"{signed.count()} signed reads",
        signed.count() == expected,
    )


def _read_everything(run: Scratch, reader: User) -> None:
    """Read every task that is open to a reader now, as the phantom is, and sign."""
    open_now = selectors.tasks_of(reader).filter(state=ReadState.ASSIGNED).order_by("case_code", "order")
    while task := open_now.first():
        assessing.open_task(task=task, actor=reader, at=timezone.now())
        assessing.submit_read(
            task=task,
            entry=reads.entry_of(task),
            signature=run.intent(Signature.Meaning.AUTHORSHIP),
            actor=reader,
            at=timezone.now(),
            simulated=True,
        )


def _probes(run: Scratch, mine: ReadTask, other: ReadTask) -> None:
    """Ask pages as a reader, and search each answer for what the charter hides."""
    browser = run.browser("reader1")
    hidden = [*run.planted, *(patient.code for patient in PATIENTS), run.site.name]
    needles = {word: spelled(word) for word in hidden}
    for title, address in (
        ("The list of reads", "/reading/"),
        ("The page of a read", f"/reading/tasks/{mine.blinded_code}/"),
        ("The marks of a read", f"/reading/tasks/{mine.blinded_code}/marks/"),
        ("The reads by the interface for programs", "/api/v1/read-tasks/"),
    ):
        answer = browser.get(address, secure=True)
        body = answer.content + str(dict(answer.headers)).encode()
        found = [word for word, spellings in needles.items() if any(one in body for one in spellings)]
        run.note(
            f"{title} of a reader is searched for {len(hidden)} hidden words",
            "REQ-BLI-001",
            "200, none is found",
            f"HTTP {answer.status_code}, {len(found)} found",
            answer.status_code == 200 and not found,
        )
    for title, address in (
        ("A reader asks for another's read", f"/reading/tasks/{other.blinded_code}/"),
        ("A reader asks for a subject", f"/trials/subjects/{run.subject(PATIENTS[0]).pk}/"),
        ("A reader asks for a timepoint's images", f"/imaging/timepoints/{run.visit(PATIENTS[0], 'BL').pk}/"),
        ("A reader asks for the progress of reading", f"/reading/trials/{run.trial.pk}/progress/"),
    ):
        status = browser.get(address, secure=True).status_code
        run.note(title, "REQ-BLI-004 REQ-ACS-002", "403 or 404", f"HTTP {status}", status in (403, 404))


def adjudication(run: Scratch) -> None:
    """Where the readers differ a third person decides, and nothing is locked before."""
    run.section = "Adjudication"
    cases = Adjudication.objects.filter(subject__trial=run.trial)
    run.until(lambda: cases.filter(state=AdjudicationState.OPEN).exists())
    opened, subjects = cases.count(), cases.values("subject").distinct().count()
    run.note(
        "Readers differ, at least in the subject with a new lesion",
        "REQ-ADJ-001",
        "One adjudication for each subject in whom they do",
        f"{opened} for {subjects} subjects",
        opened == subjects and cases.filter(subject__code=PATIENTS[1].code).exists(),
    )
    readers = {run.people["reader1"].pk, run.people["reader2"].pk}
    case = cases.get(subject__code=PATIENTS[1].code)
    run.note(
        "Who decides has not read the subject",
        "REQ-ADJ-002",
        "Neither reader",
        case.adjudicator.full_name if case.adjudicator else "nobody",
        case.adjudicator_id not in {None, *readers},
    )
    run.refused("A trial is locked while a case is open", "REQ-LOC-001 REQ-SEQ-001", lambda: _lock(run))
    run.refused(
        "A reader decides the case",
        "REQ-ADJ-002 REQ-ACS-003",
        lambda: adjudicating.decide(
            adjudication=case,
            choice="left",
            rationale="Not mine to decide.",
            signature=run.intent(Signature.Meaning.AUTHORSHIP),
            actor=run.people["reader1"],
            at=timezone.now(),
        ),
    )
    decided = reads.adjudicate_everything(run.people["adjudicator"], timezone.now, run.password)
    run.note(
        "The adjudicator chooses a side with a rationale and signs",
        "REQ-ADJ-003",
        f"{opened} decided",
        f"{decided} decided",
        decided == opened,
    )


def verification(run: Scratch) -> None:
    """Verify what was written, and try to change it behind the application's back."""
    run.section = "Audit trail, signatures and derivations"
    checkpoints.make(at=timezone.now())
    kept, forged = checkpoints.kept()
    report = verifying.verify(chains=[run.trial.pk], marks=checkpoints.marks(kept))
    run.note(
        "The trial's chain is verified",
        "REQ-AUD-005 REQ-AUD-006 REQ-AUD-007",
        "It is what was written",
        f"{report.links} events, {len(report.damages)} damaged, {len(forged)} forged checkpoints",
        bool(report.links) and not report.damages and not forged,
    )
    held = verifying_signatures.verify(Signature.objects.filter(signer__in=[user.pk for user in run.people.values()]))
    run.note(
        "The run's signatures are verified",
        "REQ-SIG-005",
        "Each holds",
        f"{held.standing} stand, {held.superseded} superseded, {len(held.faults)} do not hold",
        not held.faults,
    )
    derived = rederiving.rederive(trial=run.trial, actor=None, at=timezone.now())
    run.note(
        "Each response is derived anew from its measurements",
        "REQ-CRI-005",
        "Each as it was signed",
        f"{derived.reads} reads, {len(derived.differences)} differ",
        bool(derived.reads) and not derived.differences,
    )
    for statement in (
        "UPDATE compliance_auditevent SET reason = 'changed' WHERE trial_id = %s",
        "DELETE FROM compliance_auditevent WHERE trial_id = %s",
    ):
        _refused_by_sql(run, statement)


def _refused_by_sql(run: Scratch, statement: str) -> None:
    verb = statement.partition(" ")[0]
    run.refused(f"{verb} on the audit trail by SQL", "REQ-AUD-004", lambda: _by_sql(run, statement))


def _by_sql(run: Scratch, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [run.trial.pk])


def _lock(run: Scratch) -> Trial:
    return locking.lock_trial(
        trial=Trial.objects.get(pk=run.trial.pk),
        signature=run.intent(Signature.Meaning.RESPONSIBILITY),
        actor=run.people["admin"],
        at=timezone.now(),
    )


def lock_and_package(run: Scratch) -> None:
    """Lock, build the package twice, verify it with Python alone, and try to change what is locked."""
    run.section = "Lock and package"
    admin = run.people["admin"]
    refused = run.browser("sponsor").post(f"/reading/trials/{run.trial.pk}/package/", secure=True)
    before = Export.objects.filter(trial_id=run.trial.pk).count()
    run.note(
        "A package is asked for before the lock",
        "REQ-LOC-006",
        "None is built",
        f"HTTP {refused.status_code}, {before} packages",
        before == 0,
    )
    _lock(run)
    run.trial = Trial.objects.get(pk=run.trial.pk)
    run.note(
        "The trial is locked by signature", "REQ-LOC-001", "locked", run.trial.state, run.trial.frozen_by() is not None
    )
    built = [packaging.build_package(trial=run.trial, actor=admin, at=timezone.now()) for _ in range(2)]
    run.note(
        "The package is built twice",
        "REQ-LOC-003",
        "The same bytes",
        " ".join(one.sha256[:16] for one in built),
        built[0].sha256 == built[1].sha256,
    )
    with storage.of(storage.EXPORTS).open(built[0].storage_key) as file:
        data = file.read()
    found = [word for word in run.planted if any(one in data for one in spelled(word))]
    run.note(
        "The package is searched for the planted identifiers",
        "REQ-LOC-005",
        "None is found",
        f"{len(found)} found",
        not found,
    )
    _verify_offline(run, data)
    code, day = "OQ-LATE", PATIENTS[0].reference_date
    run.refused(
        "A subject is enrolled after the lock",
        "REQ-LOC-002",
        lambda: enrolling.enrol_subject(site=run.site, code=code, reference_date=day, actor=admin, at=timezone.now()),
    )
    run.refused(
        "A site is added after the lock",
        "REQ-LOC-002",
        lambda: setting_up.add_site(trial=run.trial, code="XX99", name="Late", actor=admin, at=timezone.now()),
    )
    run.refused(
        "Images are sent after the lock",
        "REQ-LOC-002",
        lambda: receiving.open_transfer(
            timepoint=run.visit(PATIENTS[0], "BL"), actor=run.people["coordinator"], at=timezone.now()
        ),
    )


def _verify_offline(run: Scratch, data: bytes) -> None:
    """Ask the verifier about the package, and about one with a byte changed in the middle."""
    changed = bytearray(data)
    changed[len(changed) // 2] ^= 1
    script = Path(settings.ROOT) / "scripts" / "parallax_verify.py"
    for title, content, expected in (
        ("The package is verified offline", data, 0),
        ("A package with one changed byte is verified offline", bytes(changed), 1),
    ):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "package.zip"
            path.write_bytes(content)
            done = subprocess.run(
                [sys.executable, "-I", str(script), str(path)], capture_output=True, text=True, check=False
            )
        last = (done.stdout + done.stderr).strip().splitlines()[-1:] or [""]
        said = f"ends with {done.returncode}: {last[0][:120]}"
        run.note(
            title, "REQ-LOC-004", "It holds" if expected == 0 else "It is found", said, done.returncode == expected
        )


def closing(run: Scratch) -> None:
    """Close the accounts of the run; a session that was open ends with them."""
    run.section = "After the run"
    browser = run.browser("admin")
    run.leave()
    answer = browser.get(f"/trials/{run.trial.pk}/", secure=True)
    run.note(
        "The session of a person whose account was closed",
        "REQ-ACC-008",
        "It is over",
        f"HTTP {answer.status_code}",
        answer.status_code in (302, 401, 403),
    )
