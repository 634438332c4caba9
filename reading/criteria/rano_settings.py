"""The parameters of RANO 2.0."""

from __future__ import annotations

from decimal import Decimal

from .base import Parameter

PAPER = "RANO 2.0 (Wen 2023)"
_OPEN = "We could not read the paper's full text: check before it decides an endpoint"

PARAMETERS = (
    Parameter(
        "disease",
        "CE",
        "Which tumour is evaluated: enhancing, non-enhancing, or both",
        f"{PAPER}: CE, non-CE and mixed tumours",
        ("CE", "non_CE", "mixed"),
    ),
    Parameter(
        "measure",
        "products",
        "How targets are measured: products of two diameters, or volumes",
        f"{PAPER}: bidimensional, volumes as an option",
        ("products", "volumes"),
    ),
    Parameter("pr_decrease_percent", Decimal(50), "Decrease of the products for PR, %", f"{PAPER}: at least 50%"),
    Parameter("mr_decrease_percent", Decimal(25), "Decrease for MR, non-CE tumour, %", f"{PAPER}: 25% to below 50%"),
    Parameter("pd_increase_percent", Decimal(25), "Increase over nadir for PD, %", f"{PAPER}: at least 25%"),
    Parameter("pr_decrease_volume_percent", Decimal(65), "Decrease of the volumes for PR, %", f"{PAPER}: at least 65%"),
    Parameter(
        "mr_decrease_volume_percent",
        Decimal(40),
        "Decrease of the volumes for MR, non-CE tumour, %",
        f"{PAPER}: 40% to below 65%",
    ),
    Parameter(
        "pd_increase_volume_percent", Decimal(40), "Increase of the volumes over nadir for PD, %", f"{PAPER}: 40%"
    ),
    # Progression.
    Parameter(
        "confirm_progression",
        "within_window",
        "When progression must be confirmed by a later scan",
        f"{PAPER}: within 12 weeks of the end of radiotherapy; always: where treatment makes pseudoprogression likely",
        ("within_window", "always", "never"),
    ),
    Parameter("confirm_window_days", 84, "The window after the end of radiotherapy, days", f"{PAPER}: 12 weeks"),
    Parameter("confirm_pd_min_days", 28, "Least interval to the confirming scan, days", f"{PAPER}: 4 weeks"),
    Parameter(
        "pd_confirmed_by",
        "standing",
        "What confirms progression: that it still stands, or that it grew further",
        f"standing: two scans in a row both meet PD. further_increase: as modified RANO 2017 has it. {_OPEN}",
        ("standing", "further_increase"),
    ),
    Parameter(
        "baseline_scan",
        "post_radiotherapy",
        "The scan that all others are compared with",
        f"{PAPER}: after radiotherapy for newly diagnosed tumours, before treatment for recurrent ones",
        ("post_radiotherapy", "pretreatment"),
    ),
    # What bears on a response beside sizes.
    Parameter(
        "clinical_data",
        True,
        "Corticosteroids and clinical status are part of the read",
        f"{PAPER}. False: the images alone are read here, and the rest elsewhere",
    ),
    Parameter(
        "t2_flair",
        False,
        "T2/FLAIR is evaluated in enhancing tumours",
        f"{PAPER}: not any more, except with agents that change the vessels' permeability",
    ),
    # Best overall response.
    Parameter("confirmation_required", True, "CR, PR and MR must last", f"{PAPER}: sustained for at least 4 weeks"),
    Parameter("confirm_min_days", 28, "Least interval to the confirming scan, days", f"{PAPER}: 4 weeks"),
    Parameter("confirm_max_ne", 1, "NE timepoints allowed before confirmation", "As in RECIST 1.1 §4.4.4"),
    Parameter("min_sd_days", 0, "Least time from start to a timepoint with SD, days", "Not in the criteria"),
    # Choice of lesions at baseline.
    Parameter("max_targets", 3, "Most target lesions", f"Up to three, as usual in glioma trials. {_OPEN}"),
    Parameter("min_diameter_mm", Decimal(10), "Least diameter, in both directions, mm", f"{PAPER}: 10 x 10 mm"),
    Parameter("too_small_mm", Decimal(5), "Each diameter of a lesion too small to measure, mm", "As in RECIST 1.1"),
)
