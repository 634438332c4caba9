"""`manage.py keys`: which keys a trial has, and the next one for its originals."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from compliance.errors import HouseError
from compliance.models import User
from trials.models import Trial
from trials.services.keeping_keys import KeyState, rotate_key_of_originals, states_of_keys

_PSEUDONYMS = (
    "The secret of a trial's pseudonyms is not replaced: pseudonyms, UIDs and shifts of dates follow from it, and with "
    "another one the same subject would be somebody else. Replace the key of the originals, without --pseudonyms."
)


class Command(BaseCommand):
    """Speak of keys by their fingerprints, never by what they are."""

    help = "Say which keys the trials have, or make the next key for a trial's originals."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do, and for which trial."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("status", help="say which keys are there; ends with 1 if one is missing")
        rotate = verbs.add_parser("rotate", help="make the next key for a trial's originals")
        rotate.add_argument("trial", help="code of the trial")
        rotate.add_argument("--as", dest="username", metavar="USER", required=True, help="in whose name; who may")
        rotate.add_argument("--pseudonyms", action="store_true", help="is refused, with the reason why")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked."""
        if options["verb"] == "status":
            self._status()
        elif options["pseudonyms"]:
            raise CommandError(_PSEUDONYMS)
        else:
            self._rotate(options["trial"], options["username"])

    def _status(self) -> None:
        faults = 0
        for trial in Trial.objects.order_by("code"):
            try:
                states = states_of_keys(trial)
            except HouseError as problem:
                faults += 1
                self.stdout.write(f"{trial.code}: {problem.message}")
                continue
            for state in states:
                faults += not state.is_sound
                newest = ", newest: what comes is locked with it" if state is states[-1] else ""
                self.stdout.write(f"{trial.code}: key {state.number} of originals {_words(state)}{newest}")
        if faults:
            raise CommandError("At least one key is missing. Restore the key files from their back-up.")

    def _rotate(self, code: str, username: str) -> None:
        trial = Trial.objects.filter(code=code).first()
        actor = User.objects.filter(username__iexact=username, is_active=True).first()
        if trial is None or actor is None:
            raise CommandError(f"No trial has the code {code}." if trial is None else f"No user is named {username}.")
        try:
            made = rotate_key_of_originals(trial=trial, actor=actor, at=timezone.now())
        except HouseError as problem:
            raise CommandError(problem.message) from problem
        except OSError as problem:
            raise CommandError(f"The key file could not be made: {problem.strerror}. Nothing changed.") from problem
        self.stdout.write(
            f"Trial {trial.code} locks its originals with key {made.number}, {made.fingerprint}, from now on. "
            "Back the new file up, and keep the earlier keys: what lies in quarantine still needs them."
        )


def _words(state: KeyState) -> str:
    if not state.present:
        return f"is MISSING; {state.recorded} was made"
    if not state.is_sound:
        return f"is {state.present}, ANOTHER than was made, {state.recorded}"
    return f"is {state.present}"
