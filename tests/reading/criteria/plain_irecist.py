"""iRECIST once more, written plainly from Table 2 of Seymour 2017 and the EORTC clarifications.

It shares nothing with `reading.criteria`. It walks the table row by row: what is seen now, and what was seen when the
progression that still waits for its confirmation began.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

from tests.reading.criteria.plain_recist import PlainRecist, first_confirmed, mm, sizes

BETTER = ["PD", "SD", "PR", "CR"]


class PlainIrecist:
    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.recist = PlainRecist(given["baseline"], given["options"].get("confirmation_required", False))
        self.before: dict[str, str] = {}
        self.accounted: set[str] = set()
        self.new_sizes: list[dict[str, Fraction]] = []
        self.level = "SD"
        self.waiting: dict[str, Any] | None = None
        self.icpd_date: str | None = None

    def statuses(self, visit: dict[str, Any]) -> tuple[dict[str, str], bool]:
        """What the non-target lesions are, and whether one grew since the visit before."""
        now, grew = {}, False
        for name, said in visit["nontargets"].items():
            last = self.before.get(name, "PRESENT")
            if said == "FURTHER_INCREASE":
                grew = True
                now[name] = "UNEQUIVOCAL_PD" if last == "UNEQUIVOCAL_PD" else "PRESENT"
            elif said in ("NO_CHANGE_FROM_LAST", "DECREASED"):
                now[name] = last
            else:
                grew = grew or (said == "UNEQUIVOCAL_PD" and last != "UNEQUIVOCAL_PD")
                now[name] = said
        self.before.update({name: said for name, said in now.items() if said != "NOT_EVALUABLE"})
        return now, grew

    def visit(self, visit: dict[str, Any]) -> str:
        statuses, grew = self.statuses(visit)
        target, nontarget = self.recist.targets(visit), self.recist.nontargets(statuses)
        back = self.recist.had_complete_response and self.recist.back_again(visit, statuses)
        base = self.recist.overall(target, nontarget, back)
        measured = sum((size for size in sizes(self.given["baseline"], visit).values() if size), Fraction(0))
        new = [lesion for lesion in visit.get("new_lesions", []) if lesion["status"] == "UNEQUIVOCAL"]
        names = {lesion["id"] for lesion in new}
        measures = {one["id"]: mm(one["diameter"]) for one in new if one["class"] == "TARGET" and "diameter" in one}
        worse = {one["id"] for one in new if one["class"] == "NONTARGET" and one["change"] == "INCREASED"}
        today = {
            "date": visit["date"],
            "T": target == "PD",
            "NT": nontarget == "PD",
            "back": back,
            "sum": measured,
            "grew": grew,
            "names": names,
            "measures": measures,
            "worse": worse,
            "level": {"NON-CR/NON-PD": "SD", "NED": "SD"}.get(base, base),
        }
        response = self.begin(today) if self.waiting is None else self.follow(today)
        if response is None:
            response = {"NON-CR/NON-PD": "NON-iCR/NON-iUPD", "NE": "NE", "NED": "NE"}.get(base, "i" + base)
            if response == "iCR" and names:
                response = "NON-iCR/NON-iUPD" if target is None else "iPR"
        self.new_sizes.append(measures)
        if today["level"] != "NE":
            self.level = today["level"]
        plain = {"iUPD": "PD", "iCPD": "PD", "NON-iCR/NON-iUPD": "NON-CR/NON-PD"}
        self.recist.remember(visit, plain.get(response, response.removeprefix("i")))
        return response

    def begin(self, today: dict[str, Any]) -> str | None:
        """First column of Table 2: no iUPD waits."""
        new = bool(today["names"] - self.accounted) or bool(today["worse"] & self.accounted) or self.new_sum_pd(today)
        if not (today["T"] or today["NT"] or today["back"] or new):
            return None
        self.accounted |= today["names"]
        level = self.level if today["level"] == "NE" else today["level"]
        self.waiting = today | {"NEW": new, "level": level, "confirmed": False, "accounted": set(self.accounted)}
        return "iUPD"

    def new_sum_pd(self, today: dict[str, Any]) -> bool:
        """New target lesions that were put up with progress by 20% and 5 mm over their smallest sum."""
        now = today["measures"]
        if not now:
            return False
        sums = [sum(past[name] for name in now) for past in self.new_sizes if all(name in past for name in now)]
        return any(sums) and sum(now.values()) - min(sums) >= 5 and sum(now.values()) * 5 >= min(sums) * 6

    def follow(self, today: dict[str, Any]) -> str | None:
        """Second column of Table 2: an iUPD waits."""
        then = self.waiting
        assert then is not None
        shared = [name for name in then["measures"] if name in today["measures"]]
        new_growth = sum(today["measures"][name] for name in shared) - sum(then["measures"].values())
        further = [
            today["sum"] - then["sum"] >= 5 if then["T"] or then["back"] else today["T"],
            today["grew"] if then["NT"] or then["back"] else today["NT"],
            today["back"] and not then["back"],
            bool(today["names"] - then["accounted"]),
            then["NEW"] and bool(today["worse"] & then["accounted"]),
            then["NEW"] and bool(then["measures"]) and new_growth >= 5,
        ]
        waited = (date.fromisoformat(today["date"]) - date.fromisoformat(then["date"])).days
        if any(further) and not then["confirmed"]:
            if waited < 28:
                return "iUPD"
            self.icpd_date = self.icpd_date or then["date"]
            for name in ("T", "NT"):
                then[name] = then[name] or today[name]
            then["back"] = then["back"] or today["back"]
            then["confirmed"] = True
            self.accounted |= today["names"]
            then["accounted"] = set(self.accounted)
            return "iCPD"
        level = today["level"]
        persists = today["T"] or today["NT"] or today["back"]
        if today["names"] and not persists:
            persists = level == "NE" or BETTER.index(level) <= BETTER.index(then["level"])
        if persists or any(further):
            if level != "NE" and BETTER.index(level) > BETTER.index(then["level"]):
                then["level"] = level
            return "iCPD" if then["confirmed"] else "iUPD"
        if level == "NE":
            return None
        self.accounted |= today["names"]
        self.waiting = None
        return None


def best(given: dict[str, Any], responses: list[str]) -> str:
    """Table 3."""
    start, has_targets = date.fromisoformat(given["start_date"]), bool(given["baseline"]["targets"])
    days = [date.fromisoformat(visit["date"]) for visit in given["timepoints"]]
    end = responses.index("iCPD") if "iCPD" in responses else len(responses)
    seen, days = responses[:end], days[:end]
    lasting = [response for day, response in zip(days, seen, strict=True) if (day - start).days >= 42]
    if given["options"].get("confirmation_required"):
        plain = list(zip(days, [response.removeprefix("i") for response in seen], strict=True))
        for kinds in (("CR",), ("CR", "PR")):
            if first_confirmed(plain, kinds) is not None:
                return "i" + kinds[-1]
    else:
        for response in ("iCR", "iPR"):
            if response in seen:
                return response
    if has_targets and any(response in ("iCR", "iPR", "iSD") for response in lasting):
        return "iSD"
    if "NON-iCR/NON-iUPD" in lasting or (not has_targets and "iCR" in lasting):
        return "NON-iCR/NON-iUPD"
    if end < len(responses):
        return "iCPD"
    return "iUPD" if "iUPD" in seen else "NE"


def evaluate(given: dict[str, Any]) -> dict[str, Any]:
    """Answer the input of a request of kind irecist."""
    subject = PlainIrecist(given)
    responses = [subject.visit(visit) for visit in given["timepoints"]]
    return {
        "timepoints": [
            {"id": visit["id"], "overall": response}
            for visit, response in zip(given["timepoints"], responses, strict=True)
        ],
        "ibor": best(given, responses),
        "icpd_progression_date": subject.icpd_date,
    }
