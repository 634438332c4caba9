"""What a site declares of a scan, against what its images say: values that headers know, and where the two differ.

The items are those of the nuclear medicine and contrast modules (PS3.3 §C.7.6.4, §C.8.9.2).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

Told = Mapping[str, Any]
#: Amounts agree within so much of the larger one: a pump and a form round differently.
_ROUNDING = Decimal("0.05")
_MOST = 10**6
_AMOUNTS = {"contrast_volume_ml": "mL", "injected_dose_mbq": "MBq"}


def told_by_headers(acquired_on: dt.date | None, series: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what images say of the items of a transfer form, by fact; what they do not say is left out.

    Parameters
    ----------
    acquired_on
        Day of the first image.
    series
        What each series says of itself, as `imaging.quality.facts` keeps it.
    """
    told: dict[str, Any] = {} if acquired_on is None else {"acquired_on": acquired_on}
    for facts in series:
        if tracer := facts.get("tracer", "")[:80]:
            told["tracer"] = tracer
        for name in _AMOUNTS:
            if 0 < (value := facts.get(name) or 0) < _MOST:
                told[name] = Decimal(value).quantize(Decimal("0.1"))
    if "contrast_volume_ml" in told:
        told["contrast_given"] = True
    return told


def contradicted(declared: Mapping[str, Any], told: Told) -> dict[str, str]:
    """Return a sentence for each item of which form and images say different things, by fact.

    Images that say nothing contradict nothing: contrast is often not written into the header.
    """
    found = {}
    for fact, value in told.items():
        said = declared.get(fact)
        if said in (None, ""):
            continue
        if fact == "acquired_on" and not said <= value <= (declared.get("acquired_until") or said):
            found[fact] = f"The images say {value:%-d %B %Y}."
        elif fact == "contrast_given" and said is False:
            found[fact] = "The images say that contrast was given."
        elif fact in _AMOUNTS and abs(said - value) > _ROUNDING * max(said, value):
            found[fact] = f"The images say {value} {_AMOUNTS[fact]}."
    return found
