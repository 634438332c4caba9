"""Programs that sign in with their person's password."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import AuthenticationFailed

from compliance import factors


class PasswordAuthentication(BasicAuthentication):
    """Let a program in by its person's password (RFC 7617), where the password alone is enough."""

    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> tuple[Any, None]:
        """Return the person, or refuse one who must show a second factor: a program has none."""
        user, _ = super().authenticate_credentials(userid, password, request)
        if not factors.password_is_enough(user):
            raise AuthenticationFailed("A password alone opens nothing here. Sign in on the page, or send a token.")
        return user, None
