"""REST doors of the reading room: parse, call one service, answer."""

from __future__ import annotations

from rest_framework.routers import BaseRouter


def register(router: BaseRouter) -> None:
    """Add this room's resources to the API's router."""
