"""The parameters of RECIST 1.1."""

from __future__ import annotations

from decimal import Decimal

from .base import Parameter
from .inputs import NonTargetState

_EORTC = "EORTC questions and clarifications"

#: What a reader may state about a non-target lesion; iRECIST knows more.
NONTARGET_STATES = (
    NonTargetState.ABSENT,
    NonTargetState.PRESENT,
    NonTargetState.UNEQUIVOCAL_PD,
    NonTargetState.NOT_EVALUABLE,
)

PARAMETERS: tuple[Parameter, ...] = (
    # Thresholds of the paper.
    Parameter("pr_decrease_percent", Decimal(30), "Decrease from baseline for PR, %", "RECIST 1.1 §4.3.1"),
    Parameter("pd_increase_percent", Decimal(20), "Increase over nadir for PD, %", "RECIST 1.1 §4.3.1"),
    Parameter("pd_absolute_mm", Decimal(5), "Least increase over nadir for PD, mm", "RECIST 1.1 §4.3.1"),
    Parameter("too_small_mm", Decimal(5), "Lesion seen but too small to measure, mm", "RECIST 1.1 §4.3.2"),
    Parameter("node_normal_mm", Decimal(10), "A node is normal below this short axis, mm", "RECIST 1.1 §4.3.2"),
    # Where practice differs.
    Parameter(
        "partial_response_continues",
        True,
        "After PR (confirmed where required) a sum above 70% of baseline stays PR until PD",
        f"{_EORTC}: 165-63-65 mm; 100-70-70-80-80-80 mm is PR throughout. False: SD at that timepoint",
    ),
    Parameter(
        "disease_after_cr",
        "progression",
        "Disease of the baseline seen again after overall CR",
        f"RECIST 1.1 Table 3 footnote; {_EORTC}. progression_if_confirmed: only after a confirmed CR. "
        "sum_rule_only: the CR was really PR",
        ("progression", "progression_if_confirmed", "sum_rule_only"),
    ),
    Parameter(
        "nontarget_incomplete",
        "not_evaluable",
        "Non-target response when some lesions persist and others were not assessed",
        "RECIST 1.1 Table 2, 'not all evaluated'. persisting_decides: NON-CR/NON-PD",
        ("not_evaluable", "persisting_decides"),
    ),
    Parameter(
        "equivocal_dates_back",
        True,
        "A new lesion that was equivocal first dates progression back to its first sight",
        "RECIST 1.1 §4.3.5",
    ),
    Parameter(
        "equivocal_timepoint",
        "as_stated",
        "What a timepoint counts as in the best response, at which progression is dated by an equivocal lesion",
        "RECIST 1.1 §4.3.5 dates progression and leaves open whether the response stated there stands. "
        "progression: it does not",
        ("as_stated", "progression"),
    ),
    # Best overall response.
    Parameter(
        "confirmation_required",
        False,
        "CR and PR must be confirmed",
        "RECIST 1.1 §4.6.1: true where response is the primary endpoint and the trial is not randomised",
    ),
    Parameter("confirm_min_days", 28, "Least interval to the confirming timepoint, days", "RECIST 1.1 §4.6.1"),
    Parameter("confirm_max_ne", 1, "NE timepoints allowed before confirmation", "RECIST 1.1 §4.4.4: PR-NE-PR"),
    Parameter(
        "confirm_max_sd", 1, "SD timepoints allowed before confirmation of PR", "RECIST 1.1 Appendix III: PR-SD-PR"
    ),
    Parameter(
        "confirm_max_interruptions",
        1,
        "Timepoints without response allowed before confirmation, NE and SD together",
        "RECIST 1.1 Appendix III: two or three of them make the case SD",
    ),
    Parameter(
        "min_sd_days",
        42,
        "Least time from start to a timepoint with SD, days",
        "RECIST 1.1 §4.4.3, §4.6.3: the protocol says, usually 6 to 8 weeks",
    ),
    Parameter(
        "min_duration_for_nontarget",
        True,
        "The least time for SD holds for NON-CR/NON-PD too",
        "Common practice; the paper speaks of SD only",
    ),
    # Choice of lesions at baseline.
    Parameter("max_targets", 5, "Most target lesions", "RECIST 1.1 §4.2"),
    Parameter("max_targets_per_organ", 2, "Most target lesions in one organ", "RECIST 1.1 §4.2"),
    Parameter("min_long_axis_mm", Decimal(10), "Least longest diameter, CT, MR or calipers, mm", "RECIST 1.1 §3.1.1"),
    Parameter("min_long_axis_xray_mm", Decimal(20), "Least longest diameter, chest X-ray, mm", "RECIST 1.1 §3.1.1"),
    Parameter("min_short_axis_mm", Decimal(15), "Least short axis of a target node, mm", "RECIST 1.1 §3.1.1"),
    Parameter(
        "max_slice_mm",
        Decimal(5),
        "Thicker slices need a diameter of twice the slice, mm",
        "RECIST 1.1 §3.1.1, Appendix II",
    ),
    Parameter(
        "irradiated_targets",
        "after_progression",
        "Lesions irradiated before may be targets",
        "RECIST 1.1 §3.1.3: usually not, unless progression was shown; the protocol says",
        ("after_progression", "always", "never"),
    ),
)
