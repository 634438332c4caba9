"""Published tables of `fixtures/reading/variability`, and equality to the digits they print."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parents[3] / "fixtures" / "reading" / "variability"


def table(name: str) -> Any:
    """Return a fixture's content."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def printed(value: float, like: str) -> str:
    """Return a value with as many decimals as a published number has."""
    return str(Decimal(value).quantize(Decimal(like)))
