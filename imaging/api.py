"""REST doors of the imaging room: parse, call one service, answer."""

from __future__ import annotations

from rest_framework.routers import BaseRouter


def register(router: BaseRouter) -> None:
    """Add this room's resources to the API's router."""
