"""`manage.py serve`: the web server, the DICOM receiver and the worker, as one."""

from __future__ import annotations

import socket
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config import checks
from config.supervisor import Child, Family


def commands() -> dict[str, list[str]]:
    """Return the command line of each member of the process family."""
    python = sys.executable
    manage = str(Path(settings.ROOT) / "manage.py")
    return {
        "web": [python, "-m", "config.web"],
        "receiver": [python, manage, "receive"],
        "worker": [
            *(python, "-m", "celery", "--app", "config", "--quiet", "worker", "--beat"),
            *("--concurrency", str(settings.WORKER_CONCURRENCY), "--loglevel", "WARNING"),
            *("--without-gossip", "--without-mingle", "--schedule", settings.CELERY_BEAT_SCHEDULE_FILENAME),
        ],
    }


def refuse_taken_port(host: str, port: int, what: str) -> None:
    """Say in time, and in words, that somebody else listens where we want to."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            name = "PARALLAX_WEB_PORT" if what == "web server" else "PARALLAX_DICOM_PORT"
            raise CommandError(
                f"The {what} cannot listen on {host}:{port}: {problem.strerror}. "
                f"Stop what uses the port, or choose another with {name}."
            ) from problem


def make_broker_folders() -> None:
    """Make the folders of the embedded broker; another broker has none."""
    for folder in ("data_folder_in", "control_folder"):
        if path := settings.CELERY_BROKER_TRANSPORT_OPTIONS.get(folder):
            Path(str(path)).mkdir(parents=True, exist_ok=True)


def refuse_what_is_not_safe() -> None:
    """Do not face the world with a secret that everybody knows, a key that is not there, or without a second factor."""
    if found := checks.standing_in_the_way():
        said = "\n".join(f"  {message.msg} {message.hint or ''} ({message.id})" for message in found)
        raise CommandError(f"Nothing was started, because it would not be safe:\n{said}")


class Command(BaseCommand):
    """Start the process family and look after it."""

    help = "Run the web server, the DICOM receiver and the worker; Ctrl-C stops them all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Let a production unit run one member alone."""
        parser.add_argument("--only", choices=["web", "receiver", "worker"], help="run this member alone")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare the database and folders, then run until stopped."""
        if settings.PRODUCTION:
            refuse_what_is_not_safe()
        Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
        make_broker_folders()
        members = commands()
        if options["only"]:
            members = {options["only"]: members[options["only"]]}
        if "web" in members:
            refuse_taken_port(settings.WEB_HOST, settings.WEB_PORT, "web server")
        if "receiver" in members:
            refuse_taken_port(settings.DICOM_HOST, settings.DICOM_PORT, "DICOM receiver")
        if not options["only"]:
            call_command("migrate", interactive=False, verbosity=0)
        self.stdout.write(
            f"Parallax: http://{settings.WEB_HOST}:{settings.WEB_PORT}/   "
            f"DICOM {settings.DICOM_AE_TITLE}@{settings.DICOM_HOST}:{settings.DICOM_PORT}   (Ctrl-C stops)"
        )
        self.stdout.flush()
        children = [Child(name, command) for name, command in members.items()]
        Family(children, Path(settings.DATA_DIR) / "run", self.stderr.write).run()
