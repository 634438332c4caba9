"""How often the cause is found for which simulated readers differ: `python -m benchmarks.causes --write`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from benchmarks.report import publish
from reading import criteria
from reading.rehearsal.known import explained_pairs
from reading.variability.causes import SAID, Cause

DOCUMENT = Path(__file__).parents[1] / "docs" / "variability.md"
PAIRS = 200
CAUSES = tuple(cause for cause in Cause if cause is not Cause.UNCLASSED)


def main() -> None:
    """Draw the pairs, class each, and write the table."""
    pack = criteria.get("RECIST 1.1")
    found = {cause: Counter(one.cause for one in explained_pairs(pack, cause, PAIRS, seed="docs")) for cause in CAUSES}
    publish("causes", table(found), write="--write" in sys.argv, document=DOCUMENT)


def table(found: dict[Cause, Counter[Cause]]) -> str:
    """Return the table of known and found causes."""
    pairs = sum(classed.total() for classed in found.values())
    right = sum(classed[cause] for cause, classed in found.items())
    rows = ["| known cause | pairs | found | taken for |", "| --- | --- | --- | --- |"]
    for cause, classed in found.items():
        others = ", ".join(f"{SAID[other].lower()} {n}" for other, n in classed.most_common() if other != cause)
        rows.append(f"| {SAID[cause]} | {classed.total()} | {classed[cause]} | {others} |")
    rows.append(f"| together | {pairs:,} | {right:,} ({100 * right / pairs:.1f} %) | |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
