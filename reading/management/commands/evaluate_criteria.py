"""`manage.py evaluate_criteria`: JSON lines in, JSON lines out, so that anyone may check our criteria."""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from reading.criteria.requests import answer

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Answer each line of standard input by one line of standard output, in order; no database is asked."""

    help = (
        "Evaluate response criteria: one JSON request per line on standard input, one JSON answer per line on standard "
        "output, in order. A request that cannot be answered is answered by its error. docs/criteria.md has the fields."
    )
    # It runs where nothing else of the application does.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Answer until the input ends, or until nobody listens any more."""
        source, target = sys.stdin.buffer, sys.stdout.buffer
        try:
            for line in source:
                target.write(json.dumps(_answered(line), separators=(",", ":")).encode() + b"\n")
                target.flush()
        except BrokenPipeError:
            # Python flushes once more as it ends; there must be somewhere to flush to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), target.fileno())
        except KeyboardInterrupt:
            pass


def _answered(line: bytes) -> dict[str, Any]:
    try:
        return answer(line)
    except Exception:
        # Whoever sent ten thousand lines gets ten thousand answers; the log says what to mend.
        log.exception("A request of evaluate_criteria could not be answered")
        return {"error": "The request could not be answered; it is logged as a fault of this program."}
