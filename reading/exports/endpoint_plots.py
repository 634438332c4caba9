"""The endpoint report's figures: those of the page of endpoints as accepted, and the readers' differences."""

from __future__ import annotations

from typing import Any

from reading.exports.endpoint_figures import COMPARED, FIGURES, places
from reading.exports.endpoint_results import ACCEPTED, endpoints
from reading.exports.locked import LockedTrial
from reading.variability.bland_altman import BlandAltman
from reading.variability.plots import bland_altman_svg


def drawn(trial: LockedTrial) -> dict[str, Any]:
    """Return the figures of the accepted reads, and of all readers side by side where there are two, by name."""
    found = endpoints(trial)
    shown = {
        figure.name: {"svg": figure.draw(found, sets), "said": figure.said, "note": figure.note}
        for figure, place, sets in places(found)
        if place in (ACCEPTED, COMPARED)
    }
    return {name: shown[name] for name in FIGURES if name in shown}


def limits_of_agreement(limits: BlandAltman, trial: LockedTrial) -> str:
    """Draw the readers' differences of the burden, with mean and limits of agreement."""
    unit, burden = trial.criteria.burden_unit, trial.criteria.burden
    quantity = burden[:1].lower() + burden[1:]
    return bland_altman_svg(limits, title="Reader 1 and Reader 2", quantity=quantity, unit=unit)
