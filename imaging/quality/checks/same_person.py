"""Can sex, age and size be those of the person who was scanned before?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.delivery import Delivery
from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity

FINDS = {
    "person_consistent": Severity.PASS,
    "sex_differs": Severity.BLOCK,
    "age_differs": Severity.WARN,
    "body_size_differs": Severity.WARN,
}

#: Ages are whole years, and dates are shifted or only known as study days.
_YEARS = 1.5
#: Adults are measured, or asked, with less than this between two visits: metres; weight as a share.
_METRES, _WEIGHT = 0.08, 0.25
_ASK = "Ask the site who was scanned."


def check(delivery: Delivery) -> Iterator[Finding]:
    """Block another sex than in the earlier scan; warn of an age or a size that the same person cannot well have."""
    pairs = [(item, delivery.earlier[label]) for label, item in delivery.matches.items() if label in delivery.earlier]
    found = {finding.code: finding for item, before in pairs for finding in _compared(item, before)}
    if len(found) > 1:
        found.pop("person_consistent", None)
    yield from found.values()


def _compared(item: SeriesFacts, before: SeriesFacts) -> Iterator[Finding]:
    asked = False
    if item.sex and before.sex:
        asked = True
        if set(item.sex) != set(before.sex) and "O" not in (*item.sex, *before.sex):
            yield Finding("sex_differs", f"The header names another sex than the subject's earlier scan. {_ASK}")
    older = _less(item.patient_age_years, before.patient_age_years)
    days = _less(item.study_day, before.study_day)
    if older is not None and days is not None:
        asked, passed = True, days / 365.25
        if abs(older - passed) > _YEARS:
            yield Finding(
                "age_differs",
                f"By the headers the patient is {abs(older)} years {'older' if older >= 0 else 'younger'} than in the "
                f"earlier scan, which is not the time between them. {_ASK}",
                {"years_older": older, "years_passed": round(passed, 2)},
            )
    for name, unit, new, old, allowed in (
        ("size", "m", item.patient_size_m, before.patient_size_m, _METRES),
        ("weight", "kg", item.patient_weight_kg, before.patient_weight_kg, _WEIGHT * (before.patient_weight_kg or 0)),
    ):
        if new is None or old is None:
            continue
        asked = True
        if abs(new - old) > allowed:
            yield Finding(
                "body_size_differs",
                f"The patient's {name} is {new:g} {unit}; in the earlier scan it was {old:g} {unit}. {_ASK}",
                {f"{name}_{unit}": new, f"earlier_{name}_{unit}": old},
            )
    if asked:
        yield Finding("person_consistent", "Sex, age and size, as far as the headers say, can be those of the subject.")


def _less(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one - other
