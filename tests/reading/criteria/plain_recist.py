"""RECIST 1.1 once more, written plainly from the paper and the EORTC clarifications, to hold the pack against.

It shares nothing with `reading.criteria`: it reads the JSON of a request, computes with fractions, and does one thing
after the other. Section numbers are those of Eisenhauer 2009.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any


def mm(number: float) -> Fraction:
    return Fraction(str(number))


def sizes(baseline: dict[str, Any], visit: dict[str, Any]) -> dict[str, Fraction | None]:
    """Each target's contribution; None without a value (§4.3.2)."""
    found: dict[str, Fraction | None] = {}
    for lesion in baseline["targets"]:
        entry = visit["targets"].get(lesion["id"])
        merged = False
        while entry is not None and "merged_into" in entry:
            merged, entry = True, visit["targets"].get(entry["merged_into"])
        if entry is None or entry.get("state") == "NOT_EVALUABLE":
            found[lesion["id"]] = None
        elif merged or entry.get("state") == "ABSENT":
            found[lesion["id"]] = Fraction(0)
        elif entry.get("state") == "TOO_SMALL":
            found[lesion["id"]] = Fraction(5)
        elif "parts" in entry:
            found[lesion["id"]] = sum((mm(part) for part in entry["parts"]), Fraction(0))
        else:
            found[lesion["id"]] = mm(entry["diameter"])
    return found


def merged_away(visit: dict[str, Any], name: str) -> bool:
    return "merged_into" in visit["targets"].get(name, {})


class PlainRecist:
    """Goes from visit to visit; `nadir`, `had_complete_response` and `responding` are what it remembers."""

    def __init__(self, baseline: dict[str, Any], confirmation: bool) -> None:
        self.baseline = baseline
        self.confirmation = confirmation
        self.base = sum((mm(lesion["diameter"]) for lesion in baseline["targets"]), Fraction(0))
        self.nadir = self.base
        self.had_complete_response = False
        self.since_progression: list[tuple[date, str]] = []

    def responding(self) -> bool:
        """A PR goes on once assigned, and confirmed if required (EORTC)."""
        if self.confirmation:
            return first_confirmed(self.since_progression, ("CR", "PR")) is not None
        return any(response in ("CR", "PR") for _, response in self.since_progression)

    def targets(self, visit: dict[str, Any]) -> str | None:
        """§4.3.1; the measured part of a sum may prove progression (§4.4.2)."""
        lesions = self.baseline["targets"]
        if not lesions:
            return None
        now = sizes(self.baseline, visit)
        measured = sum((size for size in now.values() if size is not None), Fraction(0))
        if measured - self.nadir >= 5 and measured * 5 >= self.nadir * 6:
            return "PD"
        if None in now.values():
            return "NE"
        if all(now[one["id"]] < 10 if one["nodal"] else now[one["id"]] == 0 for one in lesions):  # type: ignore[operator]
            return "CR"
        if measured * 10 <= self.base * 7:
            return "PR"
        return "PR" if self.responding() else "SD"

    def nontargets(self, statuses: dict[str, str]) -> str | None:
        """§4.3.3."""
        names = [lesion["id"] for lesion in self.baseline["nontargets"]]
        if not names:
            return None
        stated = [statuses.get(name, "NOT_EVALUABLE") for name in names]
        for status, response in (("UNEQUIVOCAL_PD", "PD"), ("NOT_EVALUABLE", "NE"), ("PRESENT", "NON-CR/NON-PD")):
            if status in stated:
                return response
        return "CR"

    def back_again(self, visit: dict[str, Any], statuses: dict[str, str]) -> bool:
        """Disease seen again after an overall CR (Table 3, footnote; EORTC: nodes)."""
        now = sizes(self.baseline, visit)
        for lesion in self.baseline["targets"]:
            size = now[lesion["id"]]
            if size is None or merged_away(visit, lesion["id"]):
                continue
            if (lesion["nodal"] and size >= 10) or (not lesion["nodal"] and size > 0):
                return True
        return any(statuses.get(one["id"]) == "PRESENT" for one in self.baseline["nontargets"] if not one["nodal"])

    def overall(self, target: str | None, nontarget: str | None, progressed: bool) -> str:
        """Tables 1 and 2."""
        if progressed or "PD" in (target, nontarget):
            return "PD"
        if target is None:
            return nontarget or "NED"
        if target == "CR" and nontarget in ("NON-CR/NON-PD", "NE"):
            return "PR"
        return target

    def remember(self, visit: dict[str, Any], overall: str) -> None:
        now = sizes(self.baseline, visit)
        if None not in now.values() and now:
            self.nadir = min(self.nadir, sum(now.values(), Fraction(0)))  # type: ignore[arg-type]
        if overall == "CR":
            self.had_complete_response = True
        self.since_progression.append((date.fromisoformat(visit["date"]), overall))
        if overall == "PD":
            self.since_progression = []


def first_confirmed(visits: list[tuple[date, str]], kinds: tuple[str, ...]) -> int | None:
    """The first response that a second one, 28 days or more after it, confirms; one NE, or for PR one SD, between.

    For `kinds` of CR alone both are CR, and only CR or the one NE lie between.
    """
    for first, (begun, response) in enumerate(visits):
        if response not in kinds:
            continue
        interruptions = 0
        for seen, later in visits[first + 1 :]:
            if later in kinds:
                if (seen - begun).days >= 28:
                    return first
            elif later == "NE" or (later == "SD" and kinds != ("CR",)):
                interruptions += 1
                if interruptions > 1:
                    break
            else:
                break
    return None


def best(visits: list[tuple[date, str]], start: date, confirmation: bool, has_targets: bool) -> str:
    """§4.4.3 and Table 3, for visits up to and including the first PD."""
    before = [visit for visit in visits if visit[1] != "PD"]
    progressed = len(before) < len(visits)
    stated = [response for _, response in before]
    lasting = [response for day, response in before if (day - start).days >= 42]
    if confirmation:
        if first_confirmed(before, ("CR",)) is not None:
            return "CR"
        if first_confirmed(before, ("CR", "PR")) is not None:
            return "PR"
    else:
        for response in ("CR", "PR"):
            if response in stated:
                return response
    if has_targets and any(response in ("CR", "PR", "SD") for response in lasting):
        return "SD"
    if "NON-CR/NON-PD" in lasting or (not has_targets and "CR" in lasting):
        return "NON-CR/NON-PD"
    if "NED" in stated:
        return "NED"
    return "PD" if progressed else "NE"


def progression(visits: list[dict[str, Any]], responses: list[str]) -> int | None:
    """Where progression is dated: at the first PD, or where what proved it was first, equivocally, seen (§4.3.5)."""
    if "PD" not in responses:
        return None
    at = dated = responses.index("PD")
    for proof in visits[at].get("new_lesions", []):
        if proof["status"] != "UNEQUIVOCAL":
            continue
        first = at
        for earlier in range(at - 1, -1, -1):
            status = {one["id"]: one["status"] for one in visits[earlier].get("new_lesions", [])}.get(proof["id"])
            if status == "NOT_A_LESION":
                break
            if status == "EQUIVOCAL":
                first = earlier
        dated = min(dated, first)
    return dated


def evaluate(given: dict[str, Any]) -> dict[str, Any]:
    """Answer the input of a request of kind recist."""
    baseline, start = given["baseline"], date.fromisoformat(given["start_date"])
    confirmation = given["options"].get("confirmation_required", False)
    subject = PlainRecist(baseline, confirmation)
    answers = []
    for visit in given["timepoints"]:
        statuses = visit["nontargets"]
        target, nontarget = subject.targets(visit), subject.nontargets(statuses)
        new = any(lesion["status"] == "UNEQUIVOCAL" for lesion in visit.get("new_lesions", []))
        again = subject.had_complete_response and subject.back_again(visit, statuses)
        overall = subject.overall(target, nontarget, new or again)
        subject.remember(visit, overall)
        now = sizes(baseline, visit)
        whole = sum(now.values(), Fraction(0)) if now and None not in now.values() else None  # type: ignore[arg-type]
        answers.append(
            {
                "id": visit["id"],
                "sum": None if whole is None else float(whole),
                "target": target,
                "nontarget": nontarget,
                "new_lesion": new,
                "overall": overall,
            }
        )
    responses = [answer["overall"] for answer in answers]
    dated = progression(given["timepoints"], responses)
    seen = [
        (date.fromisoformat(visit["date"]), response)
        for visit, response in zip(given["timepoints"], responses, strict=True)
    ]
    if dated is not None:
        seen = [*seen[: dated + 1], (seen[dated][0], "PD")]
    return {
        "timepoints": answers,
        "bor": best(seen, start, confirmation, bool(baseline["targets"])),
        "progression_date": None if dated is None else given["timepoints"][dated]["date"],
    }
