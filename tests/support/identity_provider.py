"""An identity provider at work: OpenID Connect over HTTP, on a port of this machine, with whatever it is told to say.

It keeps to the protocol by itself: a code serves once and for the verifier of its challenge, and a browser that has a
session there is not asked again unless it has to be. A test changes what it says in `claims`, `header` and `key`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import urllib3
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT, SECRET = "parallax", "a client's secret of the tests"
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})


@dataclass
class Provider:
    """What it knows and says.

    Attributes
    ----------
    subject
        Who types their credentials when asked.
    session
        Who has a session there and since when; `always_asks` False lets it count even where it must not.
    claims
        Instead of, or beside, what the token would say; None leaves a claim out.
    document
        Instead of, or beside, what it says of itself.
    """

    port: int = 0
    subject: str = "ada-at-work"
    session: tuple[str, int] | None = None
    heeds_prompt: bool = True
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    key: Any = field(default_factory=lambda: RSA)
    published: list[Any] = field(default_factory=lambda: [RSA, EC])
    token: str = ""
    down: bool = False
    refuses: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self) -> dict[str, Any]:
        own = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/end",
        }
        return {**own, **self.document}

    def authorize(self, asked: dict[str, str]) -> str:
        """Ask who it is where that must be, and return where the browser goes."""
        now = int(time.time())
        again = self.heeds_prompt and (asked.get("prompt") == "login" or asked.get("max_age") == "0")
        if self.session is None or again:
            self.session = (self.subject, now)
        if self.refuses:
            said = {"error": self.refuses, "state": asked["state"]}
        else:
            code = secrets.token_urlsafe(16)
            self.codes[code] = {**asked, "sub": self.session[0], "auth_time": str(self.session[1])}
            said = {"code": code, "state": asked["state"]}
        return f"{asked['redirect_uri']}?{urlencode(said)}"

    def exchange(self, given: dict[str, str], basic: str) -> dict[str, Any] | None:
        """Return the answer to a code that serves, once."""
        asked = self.codes.pop(given.get("code", ""), None)
        known = f"{quote(CLIENT, safe='')}:{quote(SECRET, safe='')}"
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest())
        if asked is None or basic != f"Basic {base64.b64encode(known.encode()).decode()}":
            return None
        if asked["code_challenge"] != challenge.rstrip(b"=").decode():
            return None
        if given["redirect_uri"] != asked["redirect_uri"]:
            return None
        return {"access_token": "unused", "token_type": "Bearer", "id_token": self.token or self.id_token(asked)}

    def id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        own: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": asked["sub"],
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
            "auth_time": int(asked["auth_time"]),
        }
        claims = {name: value for name, value in {**own, **self.claims}.items() if value is not None}
        header = {"alg": "ES256" if self.key is EC else "RS256", "kid": self.key.kid, **self.header}
        return jwt.encode(header, claims, self.key, algorithms=[header["alg"]])

    def browse(self, address: str) -> str:
        """Do what a browser does with an address of the provider; return where it is sent."""
        answer = urllib3.request("GET", address, redirect=False, retries=False)
        assert answer.status == 302, answer.data
        return str(answer.headers["Location"])


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _json(self, said: Any, status: int = 200) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        here, parts = self.provider, urlsplit(self.path)
        here.asked.append(parts.path)
        if here.down:
            self._json({}, 503)
        elif parts.path == "/.well-known/openid-configuration":
            self._json(here.says())
        elif parts.path == "/keys":
            self._json({"keys": [key.as_dict(private=False) for key in here.published]})
        elif parts.path == "/authorize":
            self.send_response(302)
            self.send_header(
                "Location", here.authorize({name: values[0] for name, values in parse_qs(parts.query).items()})
            )
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._json({}, 404)

    def do_POST(self) -> None:
        here = self.provider
        here.asked.append(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        found = None if here.down else here.exchange(given, self.headers.get("Authorization", ""))
        if here.down:
            self._json({}, 503)
        else:
            self._json(found or {"error": "invalid_grant"}, 200 if found else 400)


@contextmanager
def running() -> Iterator[Provider]:
    """A provider that answers inside the block."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": provider}))
    provider.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def use(settings: Any, provider: Provider) -> None:
    """Let the installation's settings name this provider."""
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = provider.issuer, CLIENT, SECRET
    settings.OIDC_NAME, settings.OIDC_LOCAL = "Example Hospital", True
