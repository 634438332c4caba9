"""XML that is the same text each time: attributes in the order given, two spaces for each level, one line end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape, quoteattr

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def element(name: str, attributes: Mapping[str, str | int] | None = None, content: str | Iterable[str] = "") -> str:
    """Return an element; `content` is text, which is escaped, or the elements inside it.

    An attribute that is empty is left out.
    """
    given = "".join(f" {key}={quoteattr(str(value))}" for key, value in (attributes or {}).items() if value != "")
    if isinstance(content, str):
        return f"<{name}{given}>{escape(content)}</{name}>" if content else f"<{name}{given}/>"
    inside = "\n".join(content)
    if not inside:
        return f"<{name}{given}/>"
    indented = "\n".join(f"  {line}" for line in inside.split("\n"))
    return f"<{name}{given}>\n{indented}\n</{name}>"


def document(root: str) -> bytes:
    """Return a root element as a file."""
    return f"{HEAD}{root}\n".encode()


def described(text: str, language: str = "en") -> str:
    """Return a description, as ODM and Define-XML hold it."""
    return element("Description", content=[element("TranslatedText", {"xml:lang": language}, text)])
