"""The JSON Schema of a charter, made from its declaration, for editors and other programs."""

from __future__ import annotations

from typing import Any

from trials.charter.sections import Charter
from trials.terms.records import record_schema


def schema() -> dict[str, Any]:
    """Return the schema. It says of each value what it may be; what contradicts another value is for `validate`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Imaging charter",
        "description": "The imaging charter of a trial, as `manage.py charter export` writes it.",
        **record_schema(Charter),
    }
