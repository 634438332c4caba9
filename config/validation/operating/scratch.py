"""The scratch trial: its people, its scans, its work, and what was expected of each step and found."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from compliance import accounts, audit, jobs, signature_policy
from compliance.errors import HouseError
from compliance.models import Signature, User
from compliance.signing import Intent
from config.demo import reads, story
from config.validation.records import Check, Outcome
from imaging.models import ReceivedInstance
from imaging.phantom.identity import planted_identity
from imaging.phantom.series import ct_series, write_series
from imaging.services import receiving
from imaging.states import ReceivedState
from trials.models import Site, Subject, Timepoint, Trial

#: The subjects: one whose readers agree, and one in whom a new lesion parts them.
PATIENTS = (story.PATIENTS[0], story.PATIENTS[2])
TITLE = "Scratch trial of an operational qualification: synthetic, not a real trial"
PATIENCE = 600


@dataclass
class Scratch:
    """One run on one installation.

    Attributes
    ----------
    by
        Who runs it.
    people
        The accounts of the run by their part, with one random password that nobody is told.
    """

    by: User
    say: Callable[[Check], None]
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    people: dict[str, User] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    section: str = ""
    trial: Trial = field(default_factory=Trial)
    site: Site = field(default_factory=Site)

    def __post_init__(self) -> None:
        """Name the run by its moment."""
        self.name = f"{timezone.now():%y%m%d-%H%M%S}"
        self.planted = [word for patient in PATIENTS for word in words_of(patient)]

    def note(self, title: str, requirements: str, expected: str, found: str, good: bool) -> None:
        """Keep what was expected of a step and found."""
        outcome = Outcome.PASS if good else Outcome.FAIL
        check = Check(self.section, title, expected, found, outcome, tuple(requirements.split()))
        self.checks.append(check)
        self.say(check)

    def refused(self, title: str, requirements: str, act: Callable[[], object]) -> None:
        """Try what must be refused; keep by what it was, or that it was done. Nothing of the try stays."""
        try:
            with transaction.atomic():
                act()
                transaction.set_rollback(True)
        except HouseError as refusal:
            self.note(title, requirements, "Refused, nothing changes", f"refused: {refusal.code}", True)
        except DatabaseError as refusal:
            self.note(
                title,
                requirements,
                "Refused, nothing changes",
                f"refused by the database: {type(refusal).__name__}",
                True,
            )
        else:
            self.note(title, requirements, "Refused, nothing changes", "it was done", False)

    def intent(self, meaning: str = Signature.Meaning.APPROVAL, password: str | None = None) -> Intent:
        """Return a signature with the people's password, or with another."""
        return Intent(self.password if password is None else password, meaning)

    def join(self, part: str, name: str, *, keeper: bool = False) -> User:
        """Make an account of the run; its person accepts the policy."""
        user = User(username=f"oq{self.name}-{part}", full_name=f"{name} (OQ {self.name})", is_staff=keeper)
        user.set_password(self.password)
        with transaction.atomic():
            user.save()
            audit.record("user.created", user, actor=self.by, at=timezone.now(), after={"username": user.username})
        agreed = self.intent(Signature.Meaning.AGREEMENT)
        accounts.accept_policy(
            version=signature_policy.in_force().version, signature=agreed, actor=user, at=timezone.now()
        )
        self.people[part] = user
        return user

    def leave(self) -> None:
        """Close the accounts of the run: nobody signs in with them again."""
        for user in self.people.values():
            user.is_active, user.is_staff = False, False
            with transaction.atomic():
                user.save(update_fields=["is_active", "is_staff"])
                audit.record("user.deactivated", user, actor=self.by, at=timezone.now(), reason="The OQ is over.")

    def visit(self, patient: story.Patient, code: str) -> Timepoint:
        """Return a timepoint as the database has it now."""
        return Timepoint.objects.get(subject__trial=self.trial, subject__code=patient.code, code=code)

    def subject(self, patient: story.Patient) -> Subject:
        """Return a subject of the trial."""
        return Subject.objects.get(trial=self.trial, code=patient.code)

    def deliver(self, timepoint: Timepoint, files: list[bytes]) -> int:
        """Send files as the site's coordinator does, and wait until each has an end; return how many were taken."""
        transfer = receiving.open_transfer(timepoint=timepoint, actor=self.people["coordinator"], at=timezone.now())
        origin = receiving.origin_of(transfer)
        got = [receiving.receive_instance(content, origin=origin, at=timezone.now()) for content in files]
        receiving.close_transfer(transfer=transfer, at=timezone.now())
        received = ReceivedInstance.objects.filter(transfer=transfer)
        unread = received.filter(state=ReceivedState.RECEIVED)
        self.until(lambda: received.count() == len(files) and not unread.exists())
        return len(got)

    def until(self, done: Callable[[], bool]) -> None:
        """Work off what waits, beside the installation's own workers, until something is so."""
        patience = time.monotonic() + PATIENCE
        while not done():
            if time.monotonic() > patience:
                raise TimeoutError("The work of a step did not end in time.")
            receiving.index_spool(at=timezone.now())
            jobs.drain(limit=20)
            time.sleep(0.05)

    def browser(self, part: str) -> Client:
        """Return a browser with a session of a person, in which both steps of the sign-in were taken."""
        client = Client(
            SERVER_NAME=urlsplit(settings.PUBLIC_URL).hostname or "localhost", raise_request_exception=False
        )
        client.force_login(self.people[part], backend="django.contrib.auth.backends.ModelBackend")
        session = client.session
        session["second"] = "app"
        session.save()
        return client


def words_of(patient: story.Patient) -> list[str]:
    """Return what a patient's headers say of the person, as it must be found nowhere."""
    names = [word for word in patient.name.replace("^", " ").split() if len(word) > 4]
    return [*names, patient.hospital_number, patient.birth_date]


def scan(patient: story.Patient, visit: int) -> list[bytes]:
    """Make a synthetic scan as the site's scanner would, with the patient's identity in its headers."""
    identity = {
        **planted_identity(patient.seed, name=patient.name, number=patient.hospital_number),
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientBirthDate": patient.birth_date,
        "PatientSex": patient.sex,
    }
    made = ct_series(reads.phantom_of(patient), visit, study_date=patient.scan_date(visit), identity=identity)
    with TemporaryDirectory() as folder:
        return [path.read_bytes() for path in write_series(Path(folder), made)]


def spelled(word: str) -> set[bytes]:
    """Return a word's bytes in the encodings in which it might stand somewhere."""
    found = set()
    for encoding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "cp1252"):
        try:
            found.add(word.encode(encoding))
        except UnicodeEncodeError:
            continue
    return found


def duration(since: dt.datetime) -> str:
    """Return how long something took, in words."""
    seconds = int((timezone.now() - since).total_seconds())
    return f"{seconds // 60} min {seconds % 60} s"
