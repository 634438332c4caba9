"""`manage.py evaluate_variability`: statistics of reader variability for other programs, as JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reading.management.jsonlines import JsonLinesCommand
from reading.variability.requests import evaluate


class Command(JsonLinesCommand):
    """Computes what it is given; it asks no database."""

    help = (
        "Answer each line of standard input, a request for a statistic, by a line of standard output, its value or why "
        "there is none; see docs/variability.md."
    )

    def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Compute one statistic."""
        return evaluate(request)
