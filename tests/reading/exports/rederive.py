"""RS from TR by a script of its own: it reads the transport files with pyreadstat and knows RECIST 1.1 as the paper has
it (Eisenhauer 2009, §4.3, Tables 1 to 3), with the rule pack's parameters as they are where no charter changes them.

Nothing of Parallax is in it: python rederive.py FOLDER takes the folder of tr.xpt and rs.xpt, and prints what differs.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyreadstat

#: Subject, evaluator, visit (none for the best response), test.
Place = tuple[str, str, float | None, str]


def number(value: Any) -> Fraction | None:
    return None if value is None or math.isnan(value) else Fraction(repr(float(value)))


def visits_of(tr: list[dict[str, Any]], rs: list[dict[str, Any]]) -> dict[tuple[str, str], dict[float, dict[str, Any]]]:
    """Return what each evaluator found in each subject, by visit."""
    found: Any = defaultdict(lambda: defaultdict(lambda: {"day": 0, "targets": {}, "rest": {}, "new": {}}))
    for domain, rows in (("TR", tr), ("RS", rs)):
        for row in rows:
            if row[f"{domain}LNKGRP"]:
                visit = found[row["USUBJID"], row[f"{domain}EVALID"]][row["VISITNUM"]]
                day = int(row[f"{domain}DY"])
                visit["day"] = day - 1 if day > 0 else day
    for row in tr:
        visit = found[row["USUBJID"], row["TREVALID"]][row["VISITNUM"]]
        lesion = row["TRLNKID"].partition(".")[0]
        if row["TRGRPID"] == "TARGET" and row["TRTESTCD"] in ("LDIAM", "LPERP"):
            size, (before, _) = number(row["TRSTRESN"]), visit["targets"].get(lesion, (Fraction(0), False))
            whole = None if size is None or before is None else before + size
            visit["targets"][lesion] = whole, row["TRTESTCD"] == "LPERP"
        elif row["TRTESTCD"] == "TUMSTATE":
            visit["new" if row["TRGRPID"] == "NEW" else "rest"][lesion] = row["TRORRES"]
    return found


def responses(visits: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return target, non-target, new lesion and overall response of each visit after the baseline."""
    baseline, *later = visits
    sizes = [size for size, _ in baseline["targets"].values()]
    base = nadir = sum(sizes, Fraction(0))
    said: list[dict[str, str]] = []
    for visit in later:
        lesions = [visit["targets"].get(name, (None, False)) for name in baseline["targets"]]
        known = sum((size for size, _ in lesions if size is not None), Fraction(0))
        complete = all(size is not None for size, _ in lesions)
        gone = complete and all(size < 10 if node else size == 0 for size, node in lesions)
        since = [one["OVRLRESP"] for one in said]
        since = since[len(since) - since[::-1].index("PD") :] if "PD" in since else since
        parts = {"NEWLIND": "Y" if "UNEQUIVOCAL" in visit["new"].values() else "N"}
        if lesions:
            grown = known - nadir >= 5 and known >= nadir * Fraction(6, 5)
            less = known <= base * Fraction(7, 10) or "CR" in since or "PR" in since
            parts["TRGRESP"] = "PD" if grown else "NE" if not complete else "CR" if gone else "PR" if less else "SD"
            nadir = min(nadir, known) if complete else nadir
        if baseline["rest"]:
            states = [visit["rest"].get(name, "NOT EVALUABLE") for name in baseline["rest"]]
            worst = [("UNEQUIVOCAL PD", "PD"), ("NOT EVALUABLE", "NE"), ("PRESENT", "NON-CR/NON-PD")]
            parts["NTRGRESP"] = next((response for state, response in worst if state in states), "CR")
        back = any(one["OVRLRESP"] == "CR" for one in said) and (
            any(size is not None and size >= (10 if node else Fraction(1, 1000)) for size, node in lesions)
            or "PRESENT" in visit["rest"].values()
        )
        target, rest = parts.get("TRGRESP"), parts.get("NTRGRESP")
        if "PD" in (target, rest) or parts["NEWLIND"] == "Y" or back:
            overall = "PD"
        elif target is None:
            overall = rest or "NED"
        else:
            overall = "PR" if target == "CR" and rest not in (None, "CR") else target
        said.append({**parts, "OVRLRESP": overall})
    return said


def best(visits: list[dict[str, Any]], said: list[dict[str, str]]) -> str:
    """Return the best response until progression; a new lesion that was doubtful before was progression then."""
    later, overall = visits[1:], [one["OVRLRESP"] for one in said]
    end = first = overall.index("PD") if "PD" in overall else len(overall)
    for lesion, state in later[end]["new"].items() if end < len(overall) else ():
        for place in range(end - 1, -1, -1) if state == "UNEQUIVOCAL" else ():
            if later[place]["new"].get(lesion) == "NOT A LESION":
                break
            first = min(first, place) if later[place]["new"].get(lesion) == "EQUIVOCAL" else first
    # What was said of a visit stays said: progression is dated there, and ends after it.
    seen = [(later[place]["day"], overall[place]) for place in range(min(first + (first < end), end))]
    for response in ("CR", "PR"):
        if any(found == response for _, found in seen):
            return response
    lasting = {found for day, found in seen if day >= 42}
    targets = bool(visits[0]["targets"])
    if targets and "SD" in lasting:
        return "SD"
    if lasting & ({"NON-CR/NON-PD"} if targets else {"NON-CR/NON-PD", "CR"}):
        return "NON-CR/NON-PD"
    if any(found == "NED" for _, found in seen):
        return "NED"
    return "PD" if end < len(overall) else "NE"


def read(folder: Path, name: str) -> list[dict[str, Any]]:
    return list(pyreadstat.read_xport(folder / f"{name}.xpt")[0].to_dict("records"))


def told_and_derived(folder: Path) -> tuple[dict[Place, str], dict[Place, str]]:
    """Return what RS says of each reader, and what follows from TR."""
    tr, rs = read(folder, "tr"), read(folder, "rs")
    told: dict[Place, str] = {}
    for row in rs:
        if row["RSEVALID"].startswith("READER"):
            visit = row["VISITNUM"] if row["RSLNKGRP"] else None
            told[row["USUBJID"], row["RSEVALID"], visit, row["RSTESTCD"]] = row["RSSTRESC"]
    derived: dict[Place, str] = {}
    for (subject, reader), by_visit in visits_of(tr, rs).items():
        numbers = sorted(by_visit)
        visits = [by_visit[place] for place in numbers]
        said = responses(visits)
        for place, parts in zip(numbers[1:], said, strict=True):
            derived |= {(subject, reader, place, test): response for test, response in parts.items()}
        derived[subject, reader, None, "BESTRESP"] = best(visits, said)
    return told, derived


def main(folder: str) -> int:
    told, derived = told_and_derived(Path(folder))
    differing = [place for place in {**told, **derived} if told.get(place) != derived.get(place)]
    for place in differing:
        print(*place, "RS:", told.get(place), "TR:", derived.get(place))
    print(f"{len(told)} responses, {len(differing)} differ.")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
