"""Programs that show their person a token at the API."""

from __future__ import annotations

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from compliance import programs
from compliance.models import ApiToken, User


class TokenRefused(APIException):
    """The token does not stand."""

    status_code = 401
    default_code = "no_token"
    default_detail = programs.DOES_NOT_STAND
    auth_header = "Bearer"


class TokenAuthentication(BaseAuthentication):
    """Let a program in by a token of its person (RFC 6750)."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Return the person and the token; None where none is shown."""
        secret = programs.secret_of(request._request)
        if not secret:
            return None
        token = programs.holder(secret, timezone.now())
        if token is None:
            raise TokenRefused
        return token.holder, token

    def authenticate_header(self, request: Request) -> str:
        """Return what a program is to send."""
        return "Bearer"
