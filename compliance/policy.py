"""What a page may load and run: itself, from this server. Pages that draw pictures run the viewer's WebAssembly too."""

from __future__ import annotations

from typing import TypeVar

from django.conf import settings
from django.http import HttpResponseBase

HEADER = "Content-Security-Policy"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: The decoder of pictures is WebAssembly; no word of JavaScript is made from text ('unsafe-eval') for that.
VIEWER_POLICY = CONTENT_SECURITY_POLICY.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")

Response = TypeVar("Response", bound=HttpResponseBase)


def draws_pictures(response: Response) -> Response:
    """Let the page in this answer run the viewer."""
    response.headers[HEADER] = VIEWER_POLICY
    return response


def policy_of(path: str) -> str:
    """Return the policy of an answer that sets none: a worker runs under that of its own file."""
    viewer = f"{settings.STATIC_URL}{settings.VIEWER_FILES}"
    return VIEWER_POLICY if path.startswith(viewer) else CONTENT_SECURITY_POLICY
