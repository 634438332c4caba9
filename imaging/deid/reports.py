"""The report of a de-identified folder, for whoever gets the folder: what was done, and nothing that was removed.

`docs/deidentification.md` documents the format. The same files, recipe, key and release give the same report.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imaging.deid.profile import EDITION
from imaging.deid.recipe import Recipe

FORMAT = {"name": "parallax de-identified folder", "version": 1}


class Report:
    """Takes what became of each file, and writes the whole."""

    def __init__(self, recipe: Recipe, *, protocol: str, secret: bytes, key_is_kept: bool) -> None:
        self._about = {
            "format": FORMAT,
            "profile": f"DICOM PS3.15 Annex E, {EDITION}",
            "protocol": protocol,
            "key": {"id": hmac.digest(secret, b"key id", "sha256").hex()[:16], "kept": key_is_kept},
            "recipe": _plain(recipe),
        }
        self._files: dict[str, dict[str, Any]] = {}
        self._lists: dict[str, Sequence[Sequence[str | int]]] = {}
        self.counters: Counter[str] = Counter()

    def add(self, path: str, *, actions: Sequence[Sequence[str | int]] = (), **facts: Any) -> None:
        """Note what became of one file, under its new path.

        Parameters
        ----------
        actions
            As `engine.summary` gives them.
        facts
            Further members of the file's entry; empty ones are left out.
        """
        entry = {"path": path, **{name: value for name, value in facts.items() if value}}
        if actions:
            entry["actions"] = digest_of(actions)
            self._lists[entry["actions"]] = actions
        self.counters.update(facts.get("counters") or {})
        self._files[path] = entry

    def lines(self, *, complete: bool) -> Iterator[str]:
        """Return the report as JSON, with one line for each file and each list of actions.

        Parameters
        ----------
        complete
            Whether the run went through all files.
        """
        files = [self._files[path] for path in sorted(self._files)]
        totals = {
            "files": len(files),
            "outcomes": _counted(files, "outcome"),
            "reasons": _counted(files, "reason"),
            "subjects": len({one["subject"] for one in files if "subject" in one and "output_sha256" in one}),
            "counters": dict(sorted(self.counters.items())),
        }
        yield "{\n"
        for name, value in {**self._about, "complete": complete, "totals": totals}.items():
            yield f"{json.dumps(name)}: {_line(value)},\n"
        yield '"actions": {'
        yield ",".join(f'\n"{sha256}": {_line(self._lists[sha256])}' for sha256 in sorted(self._lists))
        yield '\n},\n"files": ['
        yield ",".join(f"\n{_line(one)}" for one in files)
        yield "\n]\n}\n"


def digest_of(actions: Sequence[Sequence[str | int]]) -> str:
    """SHA-256, in hexadecimal, under which a list of actions stands in reports and in the database."""
    return hashlib.sha256(json.dumps(actions, separators=(",", ":")).encode()).hexdigest()


def _plain(recipe: Recipe) -> dict[str, Any]:
    return {
        "identifier": recipe.identifier,
        "version": recipe.version,
        "sha256": recipe.digest(),
        "options": sorted(recipe.options),
        "dates": recipe.dates,
        "codes": [value for value, _, _ in recipe.codes()],
        "pixel_regions": [one.plain() for one in recipe.templates],
        "rules": [{"attribute": rule.keyword, "action": rule.action, "reason": rule.reason} for rule in recipe.rules],
    }


def _counted(files: Sequence[Mapping[str, Any]], name: str) -> dict[str, int]:
    return dict(sorted(Counter(one[name] for one in files if name in one).items()))


def _line(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
