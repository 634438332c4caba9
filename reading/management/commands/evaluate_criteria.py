"""`manage.py evaluate_criteria`: response criteria for other programs, as JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reading.criteria.requests import answer
from reading.management.jsonlines import JsonLinesCommand


class Command(JsonLinesCommand):
    """Derives what it is given; it asks no database."""

    help = (
        "Answer each line of standard input, a request for responses, endpoints or baseline rules, by a line of "
        "standard output with the trace of the rules; see docs/criteria.md."
    )

    def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Derive one answer."""
        return answer(request)
