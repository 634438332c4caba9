"""The navigation of the signed-in person: what their roles open, and nothing else."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `nav`, a list of label, url, icon and whether it is the page shown."""
    return {"nav": []}
