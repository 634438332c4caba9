"""What every resource does: ask, page after page, and send a change so that it is done once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from parallax_client.transport import Transport


class Asking:
    """Asks the API of one installation."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        if_match: str | None = None,
    ) -> Any:
        """Send a request and return what it answers, out of JSON."""
        headers = {"If-Match": _quoted(if_match)} if if_match else {}
        return self.transport.ask(method, path, query=query, body=body, headers=headers).json()

    def pages(self, path: str, query: Mapping[str, object]) -> Iterator[Any]:
        """Yield the rows of a list, asking for the next page when the one before is used up."""
        number = 1
        while True:
            page = self.ask("GET", path, query={**query, "page": number})
            yield from page["results"]
            if not page["next"]:
                return
            number += 1

    def content(self, path: str, query: Mapping[str, object] | None = None) -> bytes:
        """Return a file."""
        return self.transport.ask("GET", path, query=query, headers={"Accept": "*/*"}).body


class Resource:
    """One resource of the API."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        return self._asking.ask(method, path, **more)

    def _pages(self, path: str, query: Mapping[str, object] | None = None) -> Iterator[Any]:
        return self._asking.pages(path, query or {})

    def _bytes(self, path: str, query: Mapping[str, object] | None = None) -> bytes:
        return self._asking.content(path, query)


def _quoted(tag: str) -> str:
    return tag if tag == "*" or tag.startswith(('"', 'W/"')) else f'"{tag}"'
