"""The demonstration itself, step by step; each step says what it did, how much, and how long it took."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from pydicom.data import get_testdata_file

from compliance import accounts, signature_policy
from compliance.models import Export, Job, Signature, User
from compliance.signing import Intent
from config.demo import doors, reads, sites, story
from imaging.models import Finding, Instance, QcReview, ReceivedInstance
from imaging.phantom.identity import planted_identity
from imaging.phantom.series import SeriesSpec, ct_series, write_series
from imaging.services import resolving, reviewing
from imaging.states import HoldReason, ReceivedState, ReviewState
from reading.models import Adjudication, ReadTask
from reading.services import locking, measuring, packaging
from trials.models import Query, Role, Site, Subject, Timepoint, Trial
from trials.services import connecting, enrolling, querying, setting_up

#: A step gives up waiting for the workers after this many seconds.
PATIENCE = 300


class Clock:
    """The story's clock: each look is a minute later."""

    def __init__(self) -> None:
        self.now = story.CLOCK

    def __call__(self) -> dt.datetime:
        """Return the time, and let a minute pass."""
        self.now += dt.timedelta(minutes=1)
        return self.now


class Show:
    """One run of the demonstration against a running installation."""

    def __init__(self, address: str, say: Callable[[str], None]) -> None:
        self.address, self._say, self.clock = address, say, Clock()
        self.scans = Path(settings.DATA_DIR) / "scanners"
        self.people: dict[str, User] = {}
        self.began = self.last = time.monotonic()

    def run(self) -> Export:
        """Run every step and return the endpoint package."""
        trial = self.set_up()
        self.qualify(trial)
        self.enrol(trial)
        self.send_by_dicom(trial)
        self.send_by_web(trial)
        self.send_strays(trial)
        self.clear(trial)
        self.read(trial)
        self.measure(trial)
        export = self.lock(trial)
        self.download(export)
        return export

    def leave_something_open(self) -> None:
        """Begin a second trial, so that a visitor finds work in each role: a scan in QC, and a read to do."""
        admin, centre = self.people["admin"], story.CENTRES[1]
        at = dt.datetime.now(dt.UTC)
        trial = setting_up.create_trial(
            code=story.OPEN_TRIAL_CODE,
            title=story.OPEN_TRIAL_TITLE,
            sponsor_name=story.SPONSOR,
            seed=story.SEED,
            actor=admin,
            at=at,
        )
        setting_up.sign_charter(
            charter=trial.charters.get(), signature=self.intent(Signature.Meaning.APPROVAL), actor=admin, at=at
        )
        site = setting_up.add_site(
            trial=trial, code=centre.code, name=centre.name, country=centre.country, actor=admin, at=at
        )
        setting_up.add_application_entity(site=site, title="TRY_CT", description="CT scanner", actor=admin, at=at)
        connecting.allow_plain_dicom(site=site, allowed=True, reason=story.PLAIN_DICOM, actor=admin, at=at)
        for person in story.PEOPLE[1:]:
            if person.site in ("", centre.code):
                setting_up.grant_membership(
                    trial=trial,
                    user=self.people[person.username],
                    role=person.role,
                    site=site if person.site else None,
                    actor=admin,
                    at=at,
                )
        sites.qualify(
            site,
            coordinator=self.people["coordinator-de"],
            analyst=self.people["qc"],
            clock=lambda: at,
            software=story.OLDER_SOFTWARE,
        )
        patient = story.OPEN_PATIENT
        subject = enrolling.enrol_subject(
            site=site, code=patient.code, reference_date=patient.reference_date, actor=admin, at=at
        )
        coordinator = doors.Browser(self.address, "coordinator-de", story.PASSWORD)
        for visit, timepoint in enumerate(subject.timepoints.order_by("order")[:2]):
            coordinator.upload(timepoint.pk, self._scan(patient, visit), as_zip=True)
            self.wait()
            if visit == 0:
                self._clear(QcReview.objects.get(timepoint=timepoint, state=ReviewState.OPEN))
        self.say("Left open", f"trial {trial.code}: baseline to read, week 8 in QC, week 16 to upload")

    def say(self, step: str, what: str) -> None:
        """Print one step's line with the time it took."""
        now = time.monotonic()
        self._say(f"  {step:<16}{what:<86}{now - self.last:6.1f} s")
        self.last = now

    def intent(self, meaning: str) -> Intent:
        """Return a signature with the demonstration's password."""
        return Intent(story.PASSWORD, meaning)

    def set_up(self) -> Trial:
        """Make the trial, sign its charter, add sites and people."""
        for person in story.PEOPLE:
            user = User(
                username=person.username,
                full_name=person.name,
                # Mails become files of the demonstration.
                email=f"{person.username}@demo.invalid",
                is_staff=person.role is Role.TRIAL_ADMINISTRATOR,
            )
            user.set_password(story.PASSWORD)
            user.save()
            self.people[person.username] = user
            accounts.accept_policy(
                version=signature_policy.in_force().version,
                signature=self.intent(Signature.Meaning.AGREEMENT),
                actor=user,
                at=story.CLOCK,
            )
        admin = self.people["admin"]
        trial = setting_up.create_trial(
            code=story.TRIAL_CODE,
            title=story.TRIAL_TITLE,
            sponsor_name=story.SPONSOR,
            indication="Advanced solid tumours (synthetic)",
            seed=story.SEED,
            secret=story.SECRET,
            actor=admin,
            at=self.clock(),
        )
        setting_up.sign_charter(
            charter=trial.charters.get(),
            signature=self.intent(Signature.Meaning.APPROVAL),
            actor=admin,
            at=self.clock(),
        )
        added = {}
        for centre in story.CENTRES:
            site = setting_up.add_site(
                trial=trial, code=centre.code, name=centre.name, country=centre.country, actor=admin, at=self.clock()
            )
            setting_up.add_application_entity(
                site=site, title=centre.ae_title, description="CT scanner", actor=admin, at=self.clock()
            )
            connecting.allow_plain_dicom(
                site=site, allowed=True, reason=story.PLAIN_DICOM, actor=admin, at=self.clock()
            )
            added[centre.code] = site
        for person in story.PEOPLE[1:]:
            setting_up.grant_membership(
                trial=trial,
                user=self.people[person.username],
                role=person.role,
                site=added.get(person.site),
                actor=admin,
                at=self.clock(),
            )
        self.say("Set-up", f"trial {trial.code}, charter signed, {len(added)} sites, {len(self.people)} people")
        return Trial.objects.get(pk=trial.pk)

    def qualify(self, trial: Trial) -> None:
        """Have each site show what the charter asks; without it nobody could be enrolled there."""
        for person in story.PEOPLE:
            if person.role is Role.SITE_COORDINATOR:
                sites.qualify(
                    Site.objects.get(trial=trial, code=person.site),
                    coordinator=self.people[person.username],
                    analyst=self.people["qc"],
                    clock=self.clock,
                )
        self.say("Qualification", f"{trial.sites.count()} sites: questionnaire, scanner and training, signed")

    def enrol(self, trial: Trial) -> None:
        """Enrol the subjects; their visits are planned from the charter."""
        for number, patient in enumerate(story.PATIENTS):
            enrolling.enrol_subject(
                site=Site.objects.get(trial=trial, code=patient.site),
                code=patient.code,
                reference_date=patient.reference_date,
                arm="AB"[number % 2],
                actor=self.people["admin"],
                at=self.clock(),
            )
        planned = Timepoint.objects.filter(subject__trial=trial).count()
        self.say("Enrolment", f"{len(story.PATIENTS)} subjects, {planned} timepoints planned")

    def _scan(self, patient: story.Patient, visit: int, *, dropped: frozenset[int] = frozenset()) -> list[Path]:
        """Make a scan as the site's scanner would, with the patient's identity in its headers."""
        identity = {
            **planted_identity(patient.seed, name=patient.name, number=patient.hospital_number),
            "SpecificCharacterSet": "ISO_IR 192",
            "PatientBirthDate": patient.birth_date,
            "PatientSex": patient.sex,
        }
        named = {"ClinicalTrialSubjectID": patient.code} if patient.site == "NL01" else None
        instances = ct_series(
            reads.phantom_of(patient),
            visit,
            study_date=patient.scan_date(visit),
            identity=identity,
            trial=named,
            series=SeriesSpec(dropped=dropped),
        )
        folder = self.scans / patient.site / f"{patient.code}-{visit}{'-part' if dropped else ''}"
        return write_series(folder, instances)

    def send_by_dicom(self, trial: Trial) -> None:
        """Site one's scanner sends by C-STORE, from another process; the headers name subject codes."""
        sent = 0
        centre = story.CENTRES[0]
        for patient in story.PATIENTS:
            if patient.site == centre.code:
                for visit in range(len(story.VISITS)):
                    folder = self._scan(patient, visit)[0].parent
                    sent += doors.store(folder, centre.ae_title)
        self.say("C-STORE", f"{centre.code} sent {sent} instances as {centre.ae_title}")

    def send_by_web(self, trial: Trial) -> None:
        """Site two's coordinator uploads folders and ZIPs; one scan lacks slices."""
        coordinator = doors.Browser(self.address, "coordinator-de", story.PASSWORD)
        sent = 0
        for number, patient in enumerate(p for p in story.PATIENTS if p.site == "DE02"):
            for visit, code in enumerate(story.VISITS):
                gap = frozenset(range(20, 26)) if (patient.code, code) == story.INCOMPLETE else frozenset()
                files = self._scan(patient, visit, dropped=gap)
                timepoint = Timepoint.objects.get(subject__code=patient.code, code=code)
                coordinator.upload(timepoint.pk, files, as_zip=(number + visit) % 2 == 0)
                sent += len(files)
        self.say("Web upload", f"DE02 uploaded {sent} instances, some as ZIP")

    def send_strays(self, trial: Trial) -> None:
        """Genuine files that nobody announced arrive too, as they do."""
        folder = self.scans / "strays"
        folder.mkdir(parents=True)
        for name in ("CT_small.dcm", "MR_small.dcm"):
            shutil.copy(str(get_testdata_file(name)), folder / name)
        doors.store(folder, story.CENTRES[0].ae_title)
        self.wait()
        # What a sender sends once more, because the answer did not reach it, is no further instance.
        received = ReceivedInstance.objects.filter(transfer__site__trial=trial).exclude(state=ReceivedState.DUPLICATE)
        held = received.filter(state=ReceivedState.HELD)
        reasons = ", ".join(
            sorted({HoldReason(reason).replace("_", " ") for reason in held.values_list("hold_reason", flat=True)})
        )
        self.say(
            "Archive",
            f"{Instance.objects.filter(trial=trial).count()} of {received.count()} instances de-identified and archived",
        )
        self.say("Quarantine", f"{held.count()} strays held: {reasons}")

    def wait(self) -> None:
        """Wait until the workers have nothing left to do."""
        patience = time.monotonic() + PATIENCE
        spool = Path(settings.SPOOL_DIR)
        while time.monotonic() < patience:
            busy = Job.objects.filter(state__in=(Job.State.QUEUED, Job.State.RUNNING)).exists()
            unread = ReceivedInstance.objects.filter(state=ReceivedState.RECEIVED).exists()
            if not busy and not unread and not any(spool.glob("*/*.dcm")):
                return
            time.sleep(0.1)
        raise TimeoutError("The workers did not finish in time. See the log in the demonstration's data folder.")

    def clear(self, trial: Trial) -> None:
        """QC looks at every timepoint; the incomplete one goes back to its site and comes again."""
        analyst = self.people["qc"]
        reviews = QcReview.objects.filter(timepoint__subject__trial=trial, state=ReviewState.OPEN)
        for review in self._in_order(reviews):
            if review.findings.filter(severity="block").exists():
                reviewing.fail_timepoint(
                    review=review,
                    reason="Slices are missing in the middle of the chest.",
                    query_title="Slices missing",
                    query_text="The series has a gap. Please send the complete series from the archive again.",
                    signature=self.intent(Signature.Meaning.REVIEW),
                    actor=analyst,
                    at=self.clock(),
                )
            else:
                self._clear(review)
        failed = Finding.objects.filter(review__timepoint__subject__trial=trial, review__state=ReviewState.FAILED)
        found = failed.filter(severity="block").count()
        cleared = Timepoint.objects.filter(subject__trial=trial, qc_state="cleared").count()
        blocking = f"{found} blocking finding{'s' * (found != 1)}"
        self.say("QC", f"{cleared} timepoints cleared, {blocking}, 1 query to the site")
        self._send_again(trial)

    def _in_order(self, reviews: object) -> list[QcReview]:
        return list(
            reviews.select_related("timepoint__subject").order_by("timepoint__subject__code", "timepoint__order")  # type: ignore[attr-defined]
        )

    def _clear(self, review: QcReview) -> None:
        reviewing.clear_timepoint(
            review=review,
            signature=self.intent(Signature.Meaning.REVIEW),
            actor=self.people["qc"],
            at=self.clock(),
        )
        # One after the other, so that readers are assigned in the same order each time.
        self.wait()

    def _send_again(self, trial: Trial) -> None:
        query = Query.objects.get(trial=trial)
        querying.answer_query(
            query=query,
            text="Sorry, the export was interrupted. The complete series is on its way.",
            actor=self.people["coordinator-de"],
            at=self.clock(),
        )
        patient = next(p for p in story.PATIENTS if p.code == story.INCOMPLETE[0])
        visit = story.VISITS.index(story.INCOMPLETE[1])
        browser = doors.Browser(self.address, "coordinator-de", story.PASSWORD)
        assert query.timepoint_id is not None
        browser.upload(query.timepoint_id, self._scan(patient, visit), as_zip=True)
        self.wait()
        for review in self._in_order(QcReview.objects.filter(timepoint_id=query.timepoint_id, state=ReviewState.OPEN)):
            self._clear(review)
        querying.close_query(query=query, actor=self.people["qc"], at=self.clock(), text="Complete now. Thank you.")
        known = ReceivedInstance.objects.filter(state=ReceivedState.DUPLICATE)
        again = known.filter(transfer__timepoint=query.timepoint_id).count()
        self.say("Query", f"answered, series sent again ({again} instances known already), cleared in round 2, closed")

    def read(self, trial: Trial) -> None:
        """Two readers read, blinded; where they differ, a third decides."""
        readers, begun = [self.people["reader1"], self.people["reader2"]], self.clock()
        while sum(reads.read_everything(reader, begun) for reader in readers):
            self.wait()
        self.clock.now = begun + dt.timedelta(minutes=2 * reads.PLACES)
        signed = ReadTask.objects.filter(timepoint__subject__trial=trial, state="submitted").count()
        self.say("Reads", f"{signed} reads signed by two blinded readers (simulated)")
        decided = reads.adjudicate_everything(self.people["adjudicator"], self.clock)
        cases = Subject.objects.filter(trial=trial).count()
        total = Adjudication.objects.filter(subject__trial=trial).count()
        self.say("Adjudication", f"{decided} of {cases} subjects discordant and decided; {total - decided} open")

    def measure(self, trial: Trial) -> None:
        """Compute how well the readers agree."""
        report = measuring.variability_report(trial)
        self.say("Variability", reads.agreement_in_words(report))

    def lock(self, trial: Trial) -> Export:
        """Lock the database and build the endpoint package."""
        admin = self.people["admin"]
        # The strays are settled first: nothing may wait when the trial is locked.
        self._discard_strays(trial)
        trial = locking.lock_trial(
            trial=Trial.objects.get(pk=trial.pk),
            signature=self.intent(Signature.Meaning.RESPONSIBILITY),
            actor=admin,
            at=self.clock(),
        )
        self.say("Lock", "every read done, no query open, database locked by signature")
        export = packaging.build_package(trial=trial, actor=admin, at=self.clock())
        self.say("Package", f"{export.file_name}, {len(export.manifest['files'])} files, {export.size:,} bytes")
        return export

    def _discard_strays(self, trial: Trial) -> None:
        held = ReceivedInstance.objects.filter(transfer__site__trial=trial, state=ReceivedState.HELD).order_by("pk")
        count = resolving.discard_held(
            instances=list(held),
            reason="Not of this trial: demonstration files that nobody announced.",
            actor=self.people["qc"],
            at=self.clock(),
        )
        self.say("Quarantine", f"{count} strays set aside by QC, with a reason")

    def download(self, export: Export) -> None:
        """The sponsor takes the package on their page."""
        sponsor = doors.Browser(self.address, "sponsor", story.PASSWORD)
        content = sponsor.download(f"/reading/packages/{export.pk}/")
        path = Path(settings.DATA_DIR) / export.file_name
        path.write_bytes(content)
        self.say("Sponsor", f"downloaded it: {path}")
        self._say(f"  SHA-256         {export.sha256}")
