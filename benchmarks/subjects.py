"""How often the wrong-subject alarm sounds, rightly and wrongly: `python -m benchmarks.subjects` (`--write`).

Sites of forty phantom subjects (`tests/imaging/quality/families.py`), two CTs of each. Every second scan is filed under
its own subject, under its sibling, under other subjects of the site, and under one of them when the person scanned is
none of the site's. It takes some minutes; the table goes into `docs/quality.md`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from multiprocessing import Pool

from benchmarks.checks import DOCUMENT
from benchmarks.report import publish
from imaging.quality import Finding, SeriesFacts
from tests.imaging.quality.families import Person, filed_under, likenesses

#: Families of each site, and sites; no limit was chosen on them.
FAMILIES, SITES = 20, range(9000, 9400, 100)
#: Other subjects under whom each scan is filed.
WRONG = 3
PICTURES = frozenset({"looks_like_other_subject"})
HEADERS = frozenset({"sex_differs", "age_differs", "body_size_differs"})
Site = dict[str, tuple[SeriesFacts, SeriesFacts]]


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/quality.md")
    publish("subjects", "\n".join(_table()), write=parser.parse_args().write, document=DOCUMENT)


def _table() -> Iterable[str]:
    yield "| second scan | number | flagged by its pictures | by pictures or header |"
    yield "| --- | ---: | ---: | ---: |"
    people = [Person.of(site + n, k) for site in SITES for n in range(FAMILIES) for k in (1, 2)]
    with Pool() as pool:
        scans = pool.map(_both, people, chunksize=1)
    number, seen, any_way = Counter[str](), Counter[str](), Counter[str]()
    for first in range(0, len(people), 2 * FAMILIES):
        site = {f"N-{n:03}": both for n, both in enumerate(scans[first : first + 2 * FAMILIES])}
        for kind, findings in _filed(site):
            codes = {one.code for one in findings}
            number[kind] += 1
            seen[kind] += bool(codes & PICTURES)
            any_way[kind] += bool(codes & (PICTURES | HEADERS))
    for kind, count in number.items():
        yield f"| {kind} | {count} | {100 * seen[kind] / count:.1f} % | {100 * any_way[kind] / count:.1f} % |"


def _both(person: Person) -> tuple[SeriesFacts, SeriesFacts]:
    return person.facts(0), person.facts(1)


def _filed(site: Site) -> Iterator[tuple[str, tuple[Finding, ...]]]:
    """Findings on each second scan, rightly and wrongly filed."""
    codes, first = list(site), {code: both[0] for code, both in site.items()}
    for number, code in enumerate(codes):
        scan = site[code][1]
        alike = likenesses(scan, first)
        without = {other: one for other, one in alike.items() if other != code}
        yield "of the subject: no swap", filed_under(code, scan, first, alike)
        yield "of the sibling, alike in sex, age, size and build", filed_under(codes[number ^ 1], scan, first, alike)
        for step in range(WRONG):
            other = codes[(number + 2 + 7 * step) % len(codes)]
            yield "of another subject of the site", filed_under(other, scan, first, alike)
            yield "of a person of whom the site has no other scan", filed_under(other, scan, first, without)


if __name__ == "__main__":
    main()
