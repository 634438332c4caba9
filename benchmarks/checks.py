"""How many faults the checks find, and how many clean scans they stop: `python -m benchmarks.checks` (`--write`).

Goes through the corpus of `tests/imaging/quality/faults.py`: every kind of fault on a dozen scans, and clean ones. It
takes some minutes; the tables go into `docs/quality.md`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from benchmarks.report import publish
from imaging.quality import FINDS, Severity
from tests.imaging.quality.faults import FAULTS, clean, is_found

DOCUMENT = Path(__file__).parents[1] / "docs" / "quality.md"
#: Seeds of the scans that are spoilt, and of those that are not; no limit was chosen on them.
SPOILT, CLEAN = range(3001, 3013), range(3101, 3151)


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/quality.md")
    write = parser.parse_args().write
    publish("faults", "\n".join(_faults()), write=write, document=DOCUMENT)
    publish("clean", "\n".join(_clean()), write=write, document=DOCUMENT)


def _faults() -> Iterable[str]:
    yield "| fault | finding | severity | found |"
    yield "| --- | --- | --- | --- |"
    total = 0
    for kind, (_, code, _) in FAULTS.items():
        found = sum(is_found(kind, seed) for seed in SPOILT)
        total += found
        yield f"| {kind} | `{code}` | {FINDS[code]} | {found} of {len(SPOILT)} |"
    everything = len(FAULTS) * len(SPOILT)
    yield f"| **all {len(FAULTS)} kinds** | | | **{total} of {everything}, {100 * total / everything:.1f} %** |"


def _clean() -> Iterable[str]:
    yield "| clean scans | number | blocked | with a warning |"
    yield "| --- | --- | --- | --- |"
    sums = [0, 0, 0]
    for charter, name in (("CT", "CT"), ("MR", "MR, T2"), ("DWI", "MR, diffusion"), ("PT", "PET")):
        graves = [{finding.severity for finding in clean(charter, seed).findings()} for seed in CLEAN]
        counts = [
            len(graves),
            *(sum(severity in one for one in graves) for severity in (Severity.BLOCK, Severity.WARN)),
        ]
        sums = [a + b for a, b in zip(sums, counts, strict=True)]
        yield f"| {name} | {counts[0]} | {counts[1]} | {counts[2]} |"
    yield f"| **all** | {sums[0]} | **{sums[1]}, {100 * sums[1] / sums[0]:.1f} %** | {sums[2]} |"


if __name__ == "__main__":
    main()
