"""The hash chain of the audit trail, in pure Python: what of an event is bound, and how link follows upon link.

Each trial has a chain, and so have the events of no trial (number 0). A link's code is an HMAC-SHA256 over the code
before it, the chain, the link's number and the whole content of its event, so that nobody who has the database alone
can change, take out, put in or move an event without breaking what follows. Events that were there before the chain
was are linked by plain SHA-256: that part shows a careless hand, and is bound as a whole by the first keyed link.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

#: The chain of events that belong to no trial.
NO_TRIAL = 0
#: What stands before the first link.
GENESIS = "0" * 64

#: The columns of an event as they are bound, in this order; moments and JSON documents as text.
COLUMNS = (
    "id", "at", "recorded_at", "actor_id", "actor_name", "role", "action", "object_type", "object_id", "object_label",
    "trial_id", "site_id", "before", "after", "reason", "request_id", "via",
)  # fmt: skip
MOMENTS, DOCUMENTS = ("at", "recorded_at"), ("before", "after")
_BEFORE, _AFTER = (COLUMNS.index(name) for name in DOCUMENTS)
#: The columns before the documents, and those after them.
ABOUT, REST = COLUMNS[:_BEFORE], COLUMNS[_AFTER + 1 :]

#: The content of an event in four parts: `ABOUT` as a JSON list, the documents as they are stored, `REST` as a list.
Parts = tuple[str, str | None, str | None, str]


def _number(text: str) -> int | float | str:
    """Return a JSON number with a point or an exponent so that 10.0, 1e1 and 10 are the same.

    PostgreSQL keeps 1e16 as 10000000000000000, SQLite keeps it as it was written.
    """
    value = float(text)
    if not math.isfinite(value):
        return text
    if value.is_integer():
        return int(Decimal(text)) if "e" in text or "E" in text else int(value)
    return value


_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(parse_float=_number).raw_decode
_encoder = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), check_circular=False)


def _encode(values: Sequence[Any]) -> str:
    """Return the JSON of an event's values: sorted keys, no blanks, nothing escaped that need not be."""
    return "".join(_chunks(values, 0))


# `JSONEncoder.encode` makes this very function anew for each value, which takes longer than the value does.
_make: Any = getattr(json.encoder, "c_make_encoder", None)
_escape: Any = getattr(json.encoder, "encode_basestring", None)
_chunks: Any = (
    _make(None, _encoder.default, _escape, None, ":", ",", True, False, True)
    if _make
    else lambda values, _: _encoder.iterencode(values)
)


def _refuse(number: str) -> NoReturn:
    raise ValueError(number)


# A fifth of the time of the above, and the same form; numbers with a point or an exponent are left to `_number`.
_quick_scan = msgspec.json.Decoder(float_hook=_refuse).decode
_quick_encode = msgspec.json.Encoder(order="sorted").encode


def document(text: str | None) -> str:
    """Return the form of a stored document, in a list so that none at all differs from a stored null."""
    return "null" if text is None else _quick(text) or _slow(text)


def _quick(text: str) -> str | None:
    try:
        if text[0] == "{" and text[-1] == "}":
            return f"[{_quick_encode(_quick_scan(text)).decode()}]"
    except (LookupError, OverflowError, RecursionError, TypeError, ValueError):
        pass
    return None


def _slow(text: str) -> str:
    try:
        value, end = _scan(text, 0)
        return _encode([value] if end == len(text) else text)
    except (ValueError, RecursionError, TypeError):
        return _encode(text) if isinstance(text, str) else repr(text)


def content(row: Sequence[Any]) -> str:
    """Return the one form of an event's stored columns that links are made over.

    It is the same whichever database holds the event: keys of documents are sorted, numbers have one form.

    Parameters
    ----------
    row
        The values of `COLUMNS`: numbers, text or None; moments as `YYYY-MM-DD HH:MM:SS.ffffff` in UTC, documents as
        the JSON text that is stored. Whatever else a damaged row may hold has a form too.
    """
    return joined(*parts(row))


def parts(row: Sequence[Any]) -> Parts:
    """Return the values of `COLUMNS` in the four parts that `joined` takes."""
    try:
        return _encode(row[:_BEFORE]), row[_BEFORE], row[_AFTER], _encode(row[_AFTER + 1 :])
    except (TypeError, RecursionError):
        return repr(row), None, None, ""


def joined(about: str, before: str | None, after: str | None, rest: str) -> str:
    """Return the content of an event in parts, as `parts` or the database itself made them."""
    return f"{about[:-1]},{document(before)},{document(after)},{rest[1:]}"


def link(secret: bytes, previous: str, chain: int, sequence: int, content: str) -> str:
    """Return a link's code, in hexadecimal.

    Parameters
    ----------
    secret
        The chain's key; empty for the events that were there before the chain was.
    previous
        The code of the link before, `GENESIS` for the first.
    sequence
        The link's number in its chain, from 1, without a gap.
    """
    said = f"parallax audit link 1\n{previous}\n{chain}\n{sequence}\n{content}".encode("utf-8", "surrogatepass")
    if not secret:
        return hashlib.sha256(said).hexdigest()
    inner, outer = _begun(secret)
    inner, outer = inner.copy(), outer.copy()
    inner.update(said)
    outer.update(inner.digest())
    return outer.hexdigest()


@functools.lru_cache(maxsize=64)
def _begun(secret: bytes) -> tuple[Any, Any]:
    """The two hashes of an HMAC with the key worked in (RFC 2104), which a link goes on from: half of its time."""
    key = (hashlib.sha256(secret).digest() if len(secret) > 64 else secret).ljust(64, b"\0")
    return tuple(hashlib.sha256(bytes(byte ^ pad for byte in key)) for pad in (0x36, 0x5C))  # type: ignore[return-value]


def head(secret: bytes, chain: int, sequence: int, mac: str, unkeyed: int) -> str:
    """Return the seal of a chain's end, in hexadecimal: without it, whoever cuts links off could make a new end.

    Parameters
    ----------
    unkeyed
        How many links at the beginning stand without a key.
    """
    said = f"parallax audit head 1\n{chain}\n{sequence}\n{mac}\n{unkeyed}"
    return hmac.digest(secret, said.encode(), "sha256").hex()
