"""`manage.py receive`: the DICOM receiver alone, in the foreground."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from imaging.intake.dimse import serve


class Command(BaseCommand):
    """Listen for C-STORE and C-ECHO until stopped."""

    help = "Run the DICOM receiver in the foreground."
    # They would load the whole web application, which no scan passes; `serve` and `make check` run them.
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGINT or SIGTERM."""
        serve(settings.DICOM_HOST, settings.DICOM_PORT)
