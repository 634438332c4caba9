"""Random subjects as requests of `evaluate_criteria`, drawn so that every rule of the criteria is met often."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

_GAPS = (14, 27, 28, 42, 56, 56, 63)


def recist(dice: Random) -> dict[str, Any]:
    """A request of kind recist."""
    return {"kind": "recist", "criteria": "RECIST 1.1", "input": _history(dice, immune=False)}


def irecist(dice: Random) -> dict[str, Any]:
    """A request of kind irecist."""
    return {"kind": "irecist", "criteria": "iRECIST", "input": _history(dice, immune=True)}


def _size(dice: Random, low: int = 0, high: int = 60) -> float:
    return dice.randint(low * 10, high * 10) / 10


def _history(dice: Random, *, immune: bool) -> dict[str, Any]:
    start = date(2024, 1, 1)
    targets = [
        {"id": f"T{n}", "organ": "LIVER", "nodal": dice.random() < 0.3, "diameter": _size(dice, 10)}
        for n in range(dice.choice((0, 1, 1, 2, 3)))
    ]
    least = 1 if immune and not targets else 0
    nontargets = [
        {"id": f"N{n}", "organ": "BONE", "nodal": dice.random() < 0.3} for n in range(dice.choice((least, 1, 2)))
    ]
    day, timepoints, new = 0, [], 0
    # Course of the disease, so that sums fall and rise as a subject's do.
    courses = {lesion["id"]: lesion["diameter"] for lesion in targets}
    for number in range(dice.randint(1, 7)):
        day += dice.choice(_GAPS)
        trend = dice.choice((0.0, 0.4, 0.7, 0.9, 1, 1, 1.05, 1.2, 1.3))
        entry: dict[str, Any] = {"id": f"V{number}", "date": (start + timedelta(days=day)).isoformat(), "targets": {}}
        for lesion in targets:
            courses[lesion["id"]] = min(
                round(courses[lesion["id"]] * trend, 1) or dice.choice((0, 0, 4, 9.9, 10)), 200.0
            )
            measure = _measure(dice, courses[lesion["id"]], [other["id"] for other in targets if other != lesion])
            if measure is not None:
                entry["targets"][lesion["id"]] = measure
        if any(_circular(entry["targets"], name) for name in entry["targets"]):
            entry["targets"] = {name: {"diameter": courses[name]} for name in entry["targets"]}
        entry["nontargets"] = {lesion["id"]: _status(dice, immune) for lesion in nontargets if dice.random() < 0.95}
        if (new and dice.random() < 0.7) or dice.random() < 0.12:
            new = min(new + (dice.random() < 0.35 or not new), 3)
            entry["new_lesions"] = [_new_lesion(dice, n, immune) for n in range(new) if dice.random() < 0.9]
        timepoints.append(entry)
    options = {"confirmation_required": True} if dice.random() < 0.4 else {}
    baseline = {"date": start.isoformat(), "targets": targets, "nontargets": nontargets}
    return {"start_date": start.isoformat(), "options": options, "baseline": baseline, "timepoints": timepoints}


def _measure(dice: Random, size: float, others: list[str]) -> dict[str, Any] | None:
    chance = dice.random()
    if chance < 0.03:
        return None
    if chance < 0.06:
        return {"state": "NOT_EVALUABLE"}
    if chance < 0.10:
        return {"state": "TOO_SMALL"}
    if chance < 0.14:
        return {"state": "ABSENT"}
    if chance < 0.18 and others:
        return {"merged_into": dice.choice(others)}
    if chance < 0.22:
        return {"parts": [round(size / 2, 1), round(size / 3, 1)]}
    return {"diameter": size}


def _circular(entries: dict[str, Any], name: str) -> bool:
    passed = set()
    while "merged_into" in entries.get(name, {}):
        if name in passed:
            return True
        passed.add(name)
        name = entries[name]["merged_into"]
    return False


def _status(dice: Random, immune: bool) -> str:
    calm = ["ABSENT"] * 5 + ["PRESENT"] * 8 + ["UNEQUIVOCAL_PD", "NOT_EVALUABLE"]
    more = ["FURTHER_INCREASE", "NO_CHANGE_FROM_LAST", "NO_CHANGE_FROM_LAST", "DECREASED", "UNEQUIVOCAL_PD"]
    return dice.choice(calm + more if immune else calm)


def _new_lesion(dice: Random, number: int, immune: bool) -> dict[str, Any]:
    status = dice.choice(("EQUIVOCAL", "UNEQUIVOCAL", "UNEQUIVOCAL", "UNEQUIVOCAL" if immune else "NOT_A_LESION"))
    lesion: dict[str, Any] = {"id": f"L{number}", "status": status}
    if immune:
        lesion["class"] = ("TARGET", "NONTARGET", "TARGET")[number]
        lesion["change"] = dice.choice(("STABLE", "STABLE", "STABLE", "DECREASED", "INCREASED"))
        if dice.random() < 0.95:
            lesion["diameter"] = dice.choice((10, 10.5, 12, 14.9, 15, 18))
    return lesion


def rano(dice: Random) -> dict[str, Any]:
    """A request of kind rano."""
    start, disease = date(2024, 1, 1), dice.choice(("CE", "CE", "non_CE", "mixed"))
    options: dict[str, Any] = {"disease": disease} if disease != "CE" else {}
    if dice.random() < 0.3:
        options["pd_confirmed_by"] = "further_increase"
    if dice.random() < 0.4:
        options["confirm_progression"] = dice.choice(("always", "never"))
    if dice.random() < 0.2:
        options["clinical_data"] = False
    if dice.random() < 0.2:
        options["t2_flair"] = True
    kinds = {"CE": ("CE",), "non_CE": ("NON_CE",), "mixed": ("CE", "NON_CE")}[disease]
    targets = []
    for number in range(dice.choice((0, 1, 1, 2, 3))):
        long = _size(dice, 10)
        across = round(long * dice.choice((0.5, 0.8, 1)), 1)
        targets.append({"id": f"T{number}", "component": dice.choice(kinds), "long": long, "across": across})
    nontargets = [{"id": f"N{number}"} for number in range(dice.choice((0, 0, 1, 2)))]
    baseline: dict[str, Any] = {"date": start.isoformat(), "targets": targets, "nontargets": nontargets}
    if dice.random() < 0.6:
        baseline["radiotherapy_end_date"] = (start - timedelta(days=dice.choice((14, 28, 28, 42)))).isoformat()
    courses = {target["id"]: 1.0 for target in targets}
    day, timepoints = 0, []
    for number in range(dice.randint(1, 6)):
        day += dice.choice((14, 27, 28, 28, 42, 56))
        trend = dice.choice((0.0, 0.5, 0.7, 0.9, 1, 1, 1, 1.1, 1.25, 1.3))
        entries: dict[str, Any] = {}
        for target in targets:
            courses[target["id"]] = min(courses[target["id"]] * trend, 4.0) or dice.choice((0.0, 0.0, 0.3))
            entry = _rano_measure(dice, target, courses[target["id"]])
            if entry is not None:
                entries[target["id"]] = entry
        stated = ("PRESENT",) * 6 + ("ABSENT",) * 3 + ("NOT_EVALUABLE", "UNEQUIVOCAL_PD")
        timepoint: dict[str, Any] = {
            "id": f"V{number}",
            "date": (start + timedelta(days=day)).isoformat(),
            "targets": entries,
            "nontargets": {one["id"]: dice.choice(stated) for one in nontargets if dice.random() < 0.95},
            "corticosteroids": dice.choice(("NONE",) * 5 + ("NOT_ABOVE_BASELINE", "NOT_ABOVE_BASELINE", "INCREASED")),
            "clinical_status": dice.choice(("NOT_WORSE",) * 9 + ("WORSE",)),
            "t2_flair": dice.choice(("NOT_WORSE",) * 6 + ("WORSE",)),
        }
        if dice.random() < 0.12:
            names = range(dice.choice((1, 2)))
            certainty = ("EQUIVOCAL", "UNEQUIVOCAL", "UNEQUIVOCAL", "NOT_A_LESION")
            timepoint["new_lesions"] = [{"id": f"L{name}", "status": dice.choice(certainty)} for name in names]
        timepoints.append(timepoint)
    given = {"start_date": start.isoformat(), "options": options, "baseline": baseline, "timepoints": timepoints}
    return {"kind": "rano", "criteria": "RANO 2.0", "input": given}


def _rano_measure(dice: Random, target: dict[str, Any], course: float) -> dict[str, Any] | None:
    if dice.random() < 0.04:
        return None
    if dice.random() < 0.04:
        return {"state": "NOT_EVALUABLE"}
    if not course:
        return {"state": "ABSENT"}
    if course < 0.2:
        return {"state": "TOO_SMALL"}
    # One diameter follows the course, so that products meet the thresholds exactly now and then.
    long = round(target["long"] * course, 2)
    across = target["across"]
    return {"long": max(long, across), "across": min(long, across)}
