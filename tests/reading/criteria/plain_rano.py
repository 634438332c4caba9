"""RANO 2.0 once more, plainly: fractions, lists and one long function; written apart from the pack, for checking it."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

BETTER = ["CR", "PR", "MR"]


def number(value: Any) -> Fraction:
    return Fraction(str(value))


def days(one: str, other: str) -> int:
    return (date.fromisoformat(one) - date.fromisoformat(other)).days


def area(entry: dict[str, Any]) -> Fraction | None:
    if "state" in entry:
        return {"ABSENT": Fraction(0), "TOO_SMALL": Fraction(25), "NOT_EVALUABLE": None}[entry["state"]]
    return number(entry["long"]) * number(entry["across"])


def evaluate(given: dict[str, Any]) -> dict[str, Any]:
    options = given["options"]
    further = options.get("pd_confirmed_by", "standing") == "further_increase"
    mode = options.get("confirm_progression", "within_window")
    clinical_counts = options.get("clinical_data", True)
    flair_counts = options.get("t2_flair", False)
    start, baseline = given["start_date"], given["baseline"]
    parts: dict[str, list[str]] = {}
    for target in baseline["targets"]:
        parts.setdefault(target["component"], []).append(target["id"])
    at_first = {target["id"]: number(target["long"]) * number(target["across"]) for target in baseline["targets"]}
    first = {part: sum(at_first[name] for name in names) for part, names in parts.items()}
    smallest = dict(first)
    waiting: dict[str, Any] | None = None
    progressed: str | None = None
    raised: list[str] = []
    rows: list[dict[str, Any]] = []
    for visit in sorted(given["timepoints"], key=lambda one: one["date"]):
        areas = {name: area(visit["targets"].get(name, {"state": "NOT_EVALUABLE"})) for name in at_first}
        seen = {part: sum(areas[name] or 0 for name in names) for part, names in parts.items()}
        whole = {part: all(areas[name] is not None for name in names) for part, names in parts.items()}
        each = []
        for part in parts:
            share = seen[part] / first[part]
            if seen[part] > smallest[part] and seen[part] * 4 >= smallest[part] * 5:
                each.append("PD")
            elif not whole[part]:
                each.append("NE")
            elif seen[part] == 0:
                each.append("CR")
            elif share * 2 <= 1:
                each.append("PR")
            elif share * 4 <= 3 and part == "NON_CE":
                each.append("MR")
            else:
                each.append("SD")
        if not each:
            target = None
        elif "PD" in each or "NE" in each:
            target = "PD" if "PD" in each else "NE"
        else:
            left = [one for one in ("PR", "MR", "SD") if one in each]
            target = left[0] if left else "CR"
        stated = [visit["nontargets"].get(lesion["id"], "NOT_EVALUABLE") for lesion in baseline["nontargets"]]
        if not stated:
            nontarget = None
        elif "UNEQUIVOCAL_PD" in stated:
            nontarget = "PD"
        elif "NOT_EVALUABLE" in stated:
            nontarget = "NE"
        else:
            nontarget = "SD" if "PRESENT" in stated else "CR"
        new = {one["id"] for one in visit.get("new_lesions", []) if one["status"] == "UNEQUIVOCAL"}
        declined = clinical_counts and visit["clinical_status"] == "WORSE"
        flair = flair_counts and visit["t2_flair"] == "WORSE"
        increased = clinical_counts and visit["corticosteroids"] == "INCREASED"
        reasons = [target == "PD", nontarget == "PD", bool(new), flair, declined]
        if any(reasons):
            if waiting is not None:
                more = any(seen[p] > waiting["seen"][p] and seen[p] * 4 >= waiting["seen"][p] * 5 for p in parts)
                more = more or bool(new - waiting["new"]) or nontarget == "PD" or flair or declined
                late = days(visit["date"], waiting["date"]) >= 28
                overall = "PD" if late and (more or not further) else "PDu"
                if overall == "PD":
                    progressed = progressed or waiting["date"]
                    waiting = None
            else:
                ended = baseline.get("radiotherapy_end_date")
                inside = ended is not None and days(visit["date"], ended) <= 84
                if progressed is None and (mode == "always" or (mode == "within_window" and inside)):
                    overall, waiting = "PDu", {"date": visit["date"], "seen": seen, "new": new}
                else:
                    overall = "PD"
                    dated = raised[0] if raised and reasons == [False, False, False, False, True] else visit["date"]
                    progressed = progressed or dated
            raised = []
        else:
            overall = target if target is not None else ("NE" if nontarget == "NE" else "SD")
            if overall == "CR" and nontarget not in (None, "CR"):
                overall = "PR"
            if overall != "NE" and increased:
                overall = "NE"
            elif overall == "CR" and clinical_counts and visit["corticosteroids"] == "NOT_ABOVE_BASELINE":
                overall = "PR"
            if overall != "NE":
                waiting = None
            raised = [*raised, visit["date"]] if increased else []
            for part in parts:
                if whole[part]:
                    smallest[part] = min(smallest[part], seen[part])
        size = float(sum(seen.values())) if parts and all(whole.values()) else None
        rows.append(
            {
                "id": visit["id"],
                "size": size,
                "target": target,
                "nontarget": nontarget,
                "new_lesion": bool(new),
                "overall": overall,
                "date": visit["date"],
            }
        )
    return {
        "bor": best(rows, start),
        "progression_date": progressed,
        "timepoints": [{name: value for name, value in row.items() if name != "date"} for row in rows],
    }


def best(rows: list[dict[str, Any]], start: str) -> str:
    before: list[dict[str, Any]] = []
    over = False
    for position, row in enumerate(rows):
        if row["overall"] == "PD":
            over = True
            # What waited right before it was the same progression.
            kept = rows[:position]
            tail = [i for i, one in enumerate(kept) if one["overall"] not in ("PDu", "NE")]
            since = tail[-1] + 1 if tail else 0
            waits = [i for i in range(since, position) if kept[i]["overall"] == "PDu"]
            before = kept[: waits[0]] if waits else kept
            break
    else:
        before = rows
    for level in range(1, 4):
        enough = BETTER[:level]
        for i, one in enumerate(before):
            if one["overall"] not in enough:
                continue
            gaps = 0
            for later in before[i + 1 :]:
                if later["overall"] in enough:
                    if days(later["date"], one["date"]) >= 28:
                        return BETTER[level - 1]
                elif later["overall"] == "NE" and gaps == 0:
                    gaps += 1
                else:
                    break
    if any(one["overall"] in ("CR", "PR", "MR", "SD") for one in before):
        return "SD"
    if over:
        return "PD"
    return "PDu" if any(one["overall"] == "PDu" for one in before) else "NE"
