"""The digest of every record of every table, so that a changed one can be named."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence

#: Of a digest: enough that no other record has the same.
_LETTERS = 16


def records(files: Mapping[str, bytes]) -> bytes:
    """Return, for each CSV table and each Dataset-JSON, one digest for each record in order."""
    lines = []
    for name in sorted(files):
        if name.endswith(".csv"):
            rows = list(csv.reader(io.StringIO(files[name].decode(), newline="")))[1:]
        elif are_in(name):
            rows = json.loads(files[name])["rows"]
        else:
            continue
        digests = [_digest(row) for row in rows]
        lines.append(f"  {json.dumps(name)}: {json.dumps(digests)}")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def are_in(name: str) -> bool:
    """Tell whether a file is a table, whose records are counted."""
    return name.endswith(".csv") or name.startswith(("sdtm/json/", "adam/json/"))


def _digest(row: Sequence[object]) -> str:
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_LETTERS]
