"""What every resource does: ask, page after page, and send a change so that it is done once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from parallax_client.transport import Transport

#: Tags that are kept of answers; the oldest are forgotten.
_MOST_TAGS = 1000


class Asking:
    """Asks the API of one installation."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        #: The tags of the answers that came last, by their paths.
        self.tags: dict[str, str] = {}

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """Send a request and return what it answers, out of JSON. What is created is created once, however often."""
        headers = {"If-Match": _quoted(if_match)} if if_match else {}
        if method == "POST":
            headers["Idempotency-Key"] = idempotency_key or str(uuid.uuid4())
        harmless = True if method == "POST" else None
        answer = self.transport.ask(method, path, query=query, body=body, headers=headers, harmless=harmless)
        if method == "GET":
            self._remember(path, answer.headers.get("etag", ""))
        return answer.json()

    def _remember(self, path: str, tag: str) -> None:
        self.tags.pop(path, None)
        self.tags[path] = tag
        if len(self.tags) > _MOST_TAGS:
            del self.tags[next(iter(self.tags))]

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

    #: Where it is.
    base = ""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def etag(self, key: int | str) -> str | None:
        """Return the `ETag` with which a record was last answered by `get`, for `if_match`; None if it was not."""
        return self._asking.tags.get(f"{self.base}{key}/") or None

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        return self._asking.ask(method, path, **more)

    def _pages(self, path: str, query: Mapping[str, object] | None = None) -> Iterator[Any]:
        return self._asking.pages(path, query or {})

    def _bytes(self, path: str, query: Mapping[str, object] | None = None) -> bytes:
        return self._asking.content(path, query)


def _quoted(tag: str) -> str:
    return tag if tag == "*" or tag.startswith(('"', 'W/"')) else f'"{tag}"'
