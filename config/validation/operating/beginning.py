"""The first scenarios: a trial is set up by signature, a site is qualified, scans come in and lose their identity."""

from __future__ import annotations

from django.utils import timezone

from compliance import keys, storage
from compliance.models import AuditEvent, Signature
from config.demo import sites, story
from config.validation.operating.scratch import PATIENTS, TITLE, Scratch, scan, spelled
from imaging.models import Instance, QcReview, ReceivedInstance
from imaging.services import resolving, reviewing
from imaging.states import ReceivedState, ReviewState
from trials.models import ImagingCharter, Role, Trial
from trials.services import enrolling, setting_up

_PEOPLE = (
    ("coordinator", "Coordinator", Role.SITE_COORDINATOR),
    ("qc", "QC analyst", Role.QC_ANALYST),
    ("manager", "Reading manager", Role.READING_MANAGER),
    ("reader1", "Reader one", Role.READER),
    ("reader2", "Reader two", Role.READER),
    ("adjudicator", "Adjudicator", Role.ADJUDICATOR),
    ("sponsor", "Sponsor", Role.SPONSOR),
    ("auditor", "Auditor", Role.AUDITOR),
)


def trial_and_charter(run: Scratch) -> None:
    """Make the trial, and put its charter in force by signature."""
    run.section = "Trial and charter"
    admin = run.join("admin", "Administrator", keeper=True)
    run.trial = setting_up.create_trial(
        code=f"OQ-{run.name}",
        title=TITLE,
        sponsor_name="None: operational qualification",
        actor=admin,
        at=timezone.now(),
    )
    secret = keys.of_trial(run.trial.code).hex()
    told = [
        event for event in AuditEvent.objects.filter(trial_id=run.trial.pk) if secret in f"{event.after}{event.before}"
    ]
    run.note(
        "A key of the trial's own", "REQ-CHA-008", "There, and in no event", f"there, in {len(told)} events", not told
    )
    charter = run.trial.charters.get()

    def sign(password: str | None = None) -> ImagingCharter:
        return setting_up.sign_charter(
            charter=charter, signature=run.intent(password=password), actor=admin, at=timezone.now()
        )

    run.refused(
        "A charter is signed with a wrong password", "REQ-SIG-002 REQ-CHA-001", lambda: sign("not the password")
    )
    answer = run.browser("admin").post(f"/trials/charters/{charter.pk}/sign/", {"password": run.password}, secure=True)
    state = run.trial.charters.get().state
    run.note(
        "A charter is signed on its page without the digest of what was shown",
        "REQ-SIG-004",
        "It stays a draft",
        f"HTTP {answer.status_code} {answer.headers.get('Location', '')}, {state}",
        state == "draft" and "sign-in" not in answer.headers.get("Location", ""),
    )
    charter = run.trial.charters.get()
    sign()
    signature = Signature.objects.filter(signer=admin, meaning=Signature.Meaning.APPROVAL).latest("pk")
    found = f"{signature.printed_name}, {signature.meaning}, {signature.at:%Y-%m-%d %H:%M:%S} UTC"
    run.note(
        "A charter is signed",
        "REQ-SIG-001 REQ-CHA-001",
        "Name, meaning, time in UTC",
        found,
        bool(signature.content_sha256),
    )
    run.trial = Trial.objects.get(pk=run.trial.pk)
    run.refused(
        "A signed charter is changed",
        "REQ-CHA-001",
        lambda: setting_up.edit_charter(
            charter=run.trial.charter_in_force, content=charter.content, actor=admin, at=timezone.now()
        ),
    )


def people_and_site(run: Scratch) -> None:
    """Give people their roles, qualify the site, enrol the subjects."""
    run.section = "People, site and subjects"
    admin = run.people["admin"]
    run.site = setting_up.add_site(trial=run.trial, code="NL01", name="Scratch site", actor=admin, at=timezone.now())
    for part, name, role in _PEOPLE:
        site = run.site if role is Role.SITE_COORDINATOR else None
        user = run.join(part, name)
        setting_up.grant_membership(trial=run.trial, user=user, role=role, site=site, actor=admin, at=timezone.now())
    run.join("outsider", "Outsider")

    def enrol(patient: story.Patient) -> object:
        return enrolling.enrol_subject(
            site=run.site, code=patient.code, reference_date=patient.reference_date, actor=admin, at=timezone.now()
        )

    run.refused("A subject is enrolled at a site that is not qualified", "REQ-SUB-006", lambda: enrol(PATIENTS[0]))
    sites.qualify(
        run.site,
        coordinator=run.people["coordinator"],
        analyst=run.people["qc"],
        clock=timezone.now,
        password=run.password,
    )
    for patient in PATIENTS:
        enrol(patient)
    planned = run.subject(PATIENTS[0]).timepoints.count()
    run.note(
        "Subjects are enrolled and their visits planned",
        "REQ-SUB-003",
        f"{len(story.VISITS)} visits each",
        f"{planned} visits each",
        planned == len(story.VISITS),
    )
    run.refused("A subject's code is used again", "REQ-SUB-001", lambda: enrol(PATIENTS[0]))
    answer = run.browser("outsider").get(f"/trials/{run.trial.pk}/", secure=True)
    run.note(
        "Somebody without a role asks for the trial",
        "REQ-ACS-002 REQ-ACS-004",
        "404",
        f"HTTP {answer.status_code}",
        answer.status_code == 404,
    )
    answer = run.browser("sponsor").get(f"/trials/{run.trial.pk}/setup/", secure=True)
    denied = AuditEvent.objects.filter(action="access.denied", actor=run.people["sponsor"]).count()
    run.note(
        "The sponsor asks for the set-up",
        "REQ-ACS-002 REQ-AUD-011",
        "403, and an event",
        f"HTTP {answer.status_code}, {denied} event",
        answer.status_code == 403 and denied == 1,
    )


def intake(run: Scratch) -> None:
    """Send the scans, with identifiers planted in their headers, and look for these everywhere after."""
    run.section = "Intake and de-identification"
    sent, first = 0, scan(PATIENTS[0], 0)
    for patient in PATIENTS:
        for number, code in enumerate(story.VISITS):
            sent += run.deliver(run.visit(patient, code), scan(patient, number))
    archived = Instance.objects.filter(trial=run.trial).count()
    run.note(
        "Scans are received and archived",
        "REQ-INT-001 REQ-DEI-011",
        f"{sent} instances",
        f"{archived} instances",
        archived == sent,
    )
    run.note(
        "Identifiers planted in the scans", "REQ-DEI-003", "In the scans as sent", *_in_bytes(run, first, wanted=True)
    )
    stored = [_read(storage.ARCHIVE, one.archive_key) for one in Instance.objects.filter(trial=run.trial)]
    run.note("The archive is searched for them", "REQ-DEI-003", "None is found", *_in_bytes(run, stored, wanted=False))
    kept = ReceivedInstance.objects.filter(transfer__site=run.site)
    originals = [_read(storage.QUARANTINE, one.quarantine_key) for one in kept]
    run.note(
        "Originals at rest are searched for them",
        "REQ-STO-002",
        "None is found",
        *_in_bytes(run, originals, wanted=False),
    )
    trail = [
        f"{e.object_label}{e.before}{e.after}{e.reason}".encode()
        for e in AuditEvent.objects.filter(trial_id=run.trial.pk)
    ]
    run.note(
        "The trial's audit trail is searched for them",
        "REQ-DEI-003",
        "None is found",
        *_in_bytes(run, trail, wanted=False),
    )
    _again(run, first, archived)


def _again(run: Scratch, first: list[bytes], archived: int) -> None:
    """Send an instance once more, and one with other pixels under a known identifier."""
    changed = bytearray(first[1])
    changed[-1000] ^= 1
    run.deliver(run.visit(PATIENTS[0], "BL"), [first[0], bytes(changed)])
    of_site = ReceivedInstance.objects.filter(transfer__site=run.site)
    known, held = (of_site.filter(state=state) for state in (ReceivedState.DUPLICATE, ReceivedState.HELD))
    after = Instance.objects.filter(trial=run.trial).count()
    run.note(
        "The same instance again, and another under its identifier",
        "REQ-INT-011",
        "1 known, 1 held, archive unchanged",
        f"{known.count()} known, {held.count()} held, {after - archived} more in the archive",
        (known.count(), held.count(), after) == (1, 1, archived),
    )
    resolving.discard_held(instances=list(held), reason="Made for the OQ.", actor=run.people["qc"], at=timezone.now())


def quality(run: Scratch) -> None:
    """Clear each timepoint by signature; who may not, or gives a wrong password, clears nothing."""
    run.section = "Quality control"
    reviews = QcReview.objects.filter(timepoint__subject__trial=run.trial, state=ReviewState.OPEN)
    expected = len(PATIENTS) * len(story.VISITS)
    run.until(lambda: reviews.count() == expected)

    def clear(review: QcReview, part: str = "qc", password: str | None = None) -> object:
        signature = run.intent(Signature.Meaning.REVIEW, password)
        return reviewing.clear_timepoint(review=review, signature=signature, actor=run.people[part], at=timezone.now())

    first = reviews.order_by("pk")[0]
    run.refused(
        "The site's coordinator clears a timepoint", "REQ-QC-002 REQ-ACS-003", lambda: clear(first, "coordinator")
    )
    run.refused(
        "A timepoint is cleared with a wrong password", "REQ-QC-002 REQ-SIG-002", lambda: clear(first, "qc", "wrong")
    )
    for review in list(reviews.order_by("timepoint__subject__code", "timepoint__order")):
        clear(review)
    left = reviews.count()
    run.note("Each timepoint is cleared by signature", "REQ-QC-002", "None is left", f"{left} left", left == 0)


def _read(alias: str, key: str) -> bytes:
    with storage.of(alias).open(key) as file:
        return bytes(file.read())


def _in_bytes(run: Scratch, files: list[bytes], *, wanted: bool) -> tuple[str, bool]:
    """Return what a search for the planted words found, and whether that is as it should be."""
    words = run.planted if not wanted else run.planted[: len(run.planted) // 2]
    needles = {word: spelled(word) for word in words}
    found = {word for word, spellings in needles.items() if any(one in data for data in files for one in spellings)}
    said = f"{len(found)} of {len(words)} in {len(files)} {'file' if len(files) == 1 else 'files'}"
    return said, (len(found) == len(words)) if wanted else not found
