"""What a site declares of a scan beside its images: what is asked, and what stands in the way of a signature.

The parts follow the modalities of the charter's series; the items are those of the nuclear medicine and contrast
modules (PS3.3 §C.7.6.4, §C.8.9.2), as nobody at the core lab can see them in the pixels.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

CONTRAST = ("contrast_given", "contrast_agent", "contrast_volume_ml", "contrast_delay_s")
TRACER = ("tracer", "radionuclide", "injected_dose_mbq", "injected_at", "uptake_minutes", "glucose_mmol_l")
SCAN = ("acquired_on", "acquired_until", "scanner", "images_complete", "incomplete_reason")
REMARKS = ("deviations", "comments")

#: Parts by what they are called on the page, the fields of each, and the modalities that ask for it; none: always.
PARTS: Mapping[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "The scan": (SCAN, frozenset()),
    "Contrast": (CONTRAST, frozenset({"CT", "MR", "US", "XA", "RF", "MG"})),
    "Tracer": (TRACER, frozenset({"PT", "NM"})),
    "Deviations and comments": (REMARKS, frozenset()),
}

#: What must be said before a signature, and the sentence if it is not.
REQUIRED: Mapping[str, str] = {
    "acquired_on": "Give the date of the scan.",
    "scanner": "Name the scanner that was used.",
    "images_complete": "Say whether all images were sent.",
    "contrast_given": "Say whether contrast was given.",
    "tracer": "Name the tracer.",
    "radionuclide": "Name the radionuclide.",
    "injected_dose_mbq": "Give the injected dose.",
    "injected_at": "Give the time of injection.",
    "uptake_minutes": "Give the uptake time.",
}


def parts_for(modalities: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the fields of each part that a scan of these modalities is asked for, by the part's title."""
    return {
        title: fields
        for title, (fields, asked_of) in PARTS.items()
        if not asked_of or not asked_of.isdisjoint(modalities)
    }


def problems(values: Mapping[str, Any], *, today: dt.date) -> dict[str, str]:
    """Tell what stands in the way of a signature, as a sentence per field; nothing if it may be signed.

    Parameters
    ----------
    values
        What was declared, by field, with every field that is asked; None or an empty text where nothing was said.
    today
        No scan lies after it.
    """
    said = {name: sentence for name, sentence in REQUIRED.items() if name in values and values[name] in (None, "")}
    first, last = values.get("acquired_on"), values.get("acquired_until")
    if first and first > today:
        said["acquired_on"] = "The scan cannot lie in the future. Check the date."
    if first and last and not first <= last <= today:
        said["acquired_until"] = "The last day lies before the first, or in the future. Check both."
    if values.get("images_complete") is False and not values.get("incomplete_reason"):
        said["incomplete_reason"] = "Say what is missing and why."
    if values.get("contrast_given"):
        said |= {
            name: sentence
            for name, sentence in (
                ("contrast_agent", "Name the contrast agent."),
                ("contrast_volume_ml", "Give the volume that was injected."),
            )
            if values.get(name) in (None, "")
        }
    elif values.get("contrast_given") is False:
        for name in CONTRAST[1:]:
            if values.get(name) not in (None, ""):
                said[name] = "Leave this empty, as no contrast was given."
    return said
