"""`manage.py demo`: one trial, start to end, on synthetic scans sent through the real doors."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config import env
from config.demo import story
from config.demo.show import Show
from config.management.commands.serve import refuse_taken_port
from config.supervisor import die_with_parent
from trials.models import Trial

START_SECONDS = 60


class Command(BaseCommand):
    """Make a fresh instance, run the demonstration on it, and leave the application running."""

    help = "Run the demonstration on a fresh instance; leaves the application running unless --exit is given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer to end after the export, for checks."""
        parser.add_argument("--exit", action="store_true", help="stop the application after the export")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, serve, show."""
        home = Path(settings.DATA_DIR) / "demo"
        if not env.in_demo():
            self._again_in(home, options["exit"])
        refuse_taken_port(settings.WEB_HOST, settings.WEB_PORT, "web server")
        refuse_taken_port(settings.DICOM_HOST, settings.DICOM_PORT, "DICOM receiver")
        call_command("migrate", interactive=False, verbosity=0)
        if Trial.objects.filter(code=story.TRIAL_CODE).exists():
            raise CommandError(f"The database holds a trial {story.TRIAL_CODE} already. Give the demo an empty one.")
        log = Path(settings.DATA_DIR) / "serve.log"
        address = f"http://{settings.WEB_HOST}:{settings.WEB_PORT}"
        self.stdout.write(f"Parallax demonstration (fresh instance in {settings.DATA_DIR})\n")
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with open(log, "wb") as printed:
            serving = subprocess.Popen(
                [sys.executable, sys.argv[0], "serve"], stdout=printed, stderr=printed, preexec_fn=die_with_parent
            )
            try:
                self._wait_for(address, serving, log)
                show = Show(address, self._say)
                show.run()
                if not options["exit"]:
                    show.leave_something_open()
                    self._introduce(address)
                    serving.wait()
            except KeyboardInterrupt:
                self.stdout.write("\nStopping.")
            finally:
                serving.terminate()
                serving.wait()

    def _again_in(self, home: Path, leave: bool) -> None:
        """Start over with settings that point into an empty folder of the demonstration's own."""
        refuse_taken_port(settings.WEB_HOST, settings.WEB_PORT, "web server")
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        env.enter_demo(home)
        os.execv(sys.executable, [sys.executable, sys.argv[0], "demo", *(["--exit"] if leave else [])])  # noqa: S606

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _wait_for(self, address: str, serving: subprocess.Popen[bytes], log: Path) -> None:
        patience = time.monotonic() + START_SECONDS
        while time.monotonic() < patience and serving.poll() is None:
            try:
                urllib.request.urlopen(f"{address}/healthz", timeout=2).close()  # noqa: S310 - our own address
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise CommandError(f"The application did not start. What it said is in {log}.")

    def _introduce(self, address: str) -> None:
        self._say(f"\n  Open {address}/ and sign in; every password is {story.PASSWORD}\n")
        for person in story.PEOPLE:
            where = f", {person.site}" if person.site else ""
            self._say(f"    {person.username:<16}{person.role.label}{where}")
        door = f"{settings.DICOM_AE_TITLE} at {settings.DICOM_HOST}:{settings.DICOM_PORT}"
        self._say(f"\n  DICOM: {door}. Ctrl-C stops everything.")
