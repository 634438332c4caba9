"""The transfer form of a charter that declares none: what a site says of a scan beside its images.

The items are those of the contrast and nuclear medicine modules (PS3.3 §C.7.6.4, §C.8.9.2), as nobody at the core lab
can see them in the pixels; which are asked follows from the modalities of the charter's series.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from trials.form_terms import FACTS, NO, YES, FieldTerms, FormTerms

CODE = "TRANSFER"


def _field(code: str, label: str, fact: str, **terms: Any) -> FieldTerms:
    kind, unit = FACTS[fact]
    return FieldTerms(code=code, label=label, fact=fact, kind=kind, unit=unit, **terms)


_GIVEN: dict[str, Any] = {"only_if": "CONTRAST", "only_if_is": (YES,)}

SCAN = (
    _field("SCANDT", "Date of the scan", "acquired_on", required=True, past=True),
    _field(
        "SCANENDT",
        "Last day",
        "acquired_until",
        past=True,
        not_before="SCANDT",
        help="Only if the scan took more than one day.",
    ),
    _field(
        "SCANNER",
        "Scanner",
        "scanner",
        required=True,
        most_characters=80,
        help="Maker, model and station; never a person.",
    ),
    _field("COMPLETE", "Were all images sent?", "images_complete", required=True),
    _field(
        "MISSING",
        "What is missing, and why",
        "incomplete_reason",
        required=True,
        most_characters=1000,
        only_if="COMPLETE",
        only_if_is=(NO,),
    ),
)
CONTRAST = (
    _field("CONTRAST", "Was contrast given?", "contrast_given", required=True),
    _field("AGENT", "Contrast agent", "contrast_agent", required=True, most_characters=80, **_GIVEN),
    _field("VOLUME", "Volume of contrast", "contrast_volume_ml", required=True, least=0.1, most=1000, **_GIVEN),
    _field(
        "DELAY", "Delay until the scan", "contrast_delay_s", least=0, most=7200, help="Of the last phase.", **_GIVEN
    ),
)
TRACER = (
    _field("TRACER", "Tracer", "tracer", required=True, most_characters=80, help="For example FDG."),
    _field("NUCLIDE", "Radionuclide", "radionuclide", required=True, most_characters=20, help="For example F-18."),
    _field("DOSE", "Injected dose", "injected_dose_mbq", required=True, least=0.1, most=20000),
    _field("INJTM", "Time of injection", "injected_at", required=True, help="By the clock of the scanner."),
    _field("UPTAKE", "Uptake time", "uptake_minutes", required=True, least=0, most=10080),
    _field("GLUCOSE", "Blood glucose", "glucose_mmol_l", least=0.5, most=60),
)
REMARKS = (
    _field(
        "DEVIATE",
        "Deviations from the charter",
        "deviations",
        most_characters=2000,
        help="What was done otherwise than the charter asks, and why. Leave empty if nothing was.",
    ),
    _field("COMMENTS", "Comments", "comments", most_characters=2000, help="What else the core lab should know."),
)
#: Parts by their title, the fields of each, and the modalities that ask for it; none: always.
_PARTS = (
    ("The scan", SCAN, frozenset[str]()),
    ("Contrast", CONTRAST, frozenset({"CT", "MR", "US", "XA", "RF", "MG"})),
    ("Tracer", TRACER, frozenset({"PT", "NM"})),
    ("Deviations and comments", REMARKS, frozenset[str]()),
)


def transfer_form(modalities: Collection[str]) -> FormTerms:
    """Return the form that a scan of these modalities is asked for."""
    fields = [
        replace(one, part=title)
        for title, fields_of_part, asked_of in _PARTS
        if not asked_of or not asked_of.isdisjoint(modalities)
        for one in fields_of_part
    ]
    return FormTerms(
        code=CODE,
        title="Transfer form",
        asked="delivery",
        help="How the scan was made, in the site's words.",
        fields=tuple(fields),
    )
