"""Calls to addresses that people gave: to public ones alone, and to networks that whoever runs the server allows.

The name is resolved once, and what it stands for is what is called, so that it cannot stand for another machine a
moment later. Redirects are not followed, and of an answer its number alone is read. A call ends by the clock, however
slowly the other side lets its bytes go.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import time
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import urllib3
from django.conf import settings
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_match_hostname import CertificateError

from compliance.errors import HouseError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: For how many seconds a machine may be waited for until it is connected, and for how many the whole call.
_CONNECT, _WHOLE = 5, 15


class AddressRefused(HouseError):
    """The address is none that this server calls."""

    code = "address_refused"
    status = 422


class NoAnswer(HouseError):
    """Nobody answered there, or not by HTTP, or not with a certificate of that name."""

    code = "no_answer"
    status = 503


def require_callable(address: str) -> None:
    """Refuse an address that is not to be called, as it stands now; each call asks again.

    Raises
    ------
    AddressRefused
    """
    _where(address)


def post(address: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send bytes to an address, and return the status of the answer.

    Raises
    ------
    AddressRefused, NoAnswer
    """
    ends = time.monotonic() + _WHOLE
    host, port, place, secure = _where(address)
    parts = urlsplit(address)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    named = f"[{host}]" if ":" in host else host
    standard = 443 if secure else 80
    sent = {**headers, "Host": named if port == standard else f"{named}:{port}"}
    connection: HTTPConnection
    if secure:
        connection = HTTPSConnection(str(place), port, server_hostname=host, assert_hostname=host)
    else:
        connection = HTTPConnection(str(place), port)
    try:
        return _status(connection, path, body, sent, ends)
    except (urllib3.exceptions.HTTPError, CertificateError, http.client.HTTPException, OSError) as problem:
        raise NoAnswer("Nobody answered at the address. Ask whoever runs the other system.") from problem
    finally:
        connection.close()


def _status(connection: HTTPConnection, path: str, body: bytes, headers: Mapping[str, str], ends: float) -> int:
    """Send bytes, and return the status of what is answered until then.

    Each wait of a socket begins anew with each byte, so it is told before each how much time there is still.
    """
    connection.timeout = min(_CONNECT, _left(ends))
    connection.connect()
    connection.timeout = _left(ends)
    connection.request("POST", path, body=body, headers=headers, preload_content=False)
    connection.response_class = partial(_Answer, ends=ends)  # type: ignore[assignment]
    answer = connection.getresponse()
    answer.close()
    return int(answer.status)


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Answer(http.client.HTTPResponse):
    """An answer that is read for so long and no longer."""

    def __init__(self, sock: socket.socket, *args: Any, ends: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Until(self.fp.detach(), sock, ends))


class _Until(io.RawIOBase):
    """What a socket gives until a moment."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, ends: float) -> None:
        super().__init__()
        self._raw, self._socket, self._ends = raw, sock, ends

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(_left(self._ends))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _where(address: str) -> tuple[str, int, Address, bool]:
    """Return host, port, the machine that is called, and whether it is called by TLS."""
    try:
        parts = urlsplit(address)
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
    except ValueError as problem:
        raise AddressRefused("This is no address. Give one such as https://host/path.") from problem
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password or parts.fragment:
        raise AddressRefused("Give an address such as https://host/path, without a name or password in it.")
    places = _resolved(host, port)
    allowed = [ipaddress.ip_network(network) for network in settings.WEBHOOK_NETWORKS]
    for place in places:
        inside = any(place.version == network.version and place in network for network in allowed)
        if not inside and not _is_public(place):
            raise AddressRefused("The address lies in a network that this server does not call. Give a public one.")
        if not inside and not secure:
            raise AddressRefused("The address must begin with https://, so that nobody reads or changes the message.")
    return host, port, places[0], secure


def _resolved(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise NoAnswer(f"The name {host[:80]} is not known. Check the address.") from problem
    return [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]


def _is_public(place: Address) -> bool:
    """Whether an address is of the public internet, also what it carries inside (mapped, 6to4, NAT64, Teredo)."""
    inner: list[Address] = []
    if isinstance(place, ipaddress.IPv6Address):
        inner = [one for one in (place.ipv4_mapped, place.sixtofour, *(place.teredo or ())) if one is not None]
        if place in ipaddress.ip_network("64:ff9b::/96"):
            inner.append(ipaddress.IPv4Address(int(place) & 0xFFFFFFFF))
    usable = place.is_global and not place.is_multicast
    if isinstance(place, ipaddress.IPv6Address) and place.ipv4_mapped is not None:
        usable = True
    return usable and all(_is_public(one) for one in inner)
