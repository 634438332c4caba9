"""What a reader enters for Lugano 2014, and how the pack reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from . import recist11_form
from .base import Burden, Figure
from .form import ACROSS, DIAMETER, NODES, TARGET, At, Entry, Field, Form, Kind, Sheet, When
from .inputs import TargetState
from .lugano_inputs import LuganoHistory, LuganoMeasure, LuganoTarget, LuganoVisit, Marrow, PetScan, Uptake
from .values import EXACT

PLACES = (
    NODES, "SPLEEN", "LIVER", "LUNG", "BONE", "BONE MARROW", "STOMACH", "SMALL INTESTINE", "COLON", "KIDNEY",
    "SKIN", "SOFT TISSUE", "BRAIN", "THYMUS", "OTHER",
)  # fmt: skip
BURDEN = Burden(
    "spd_mm2", "Sum of products", "mm²", "baseline_sum_of_products", "Lugano 2014, Table 3, CT", "no target lesions"
)
FIGURES = (
    Figure("spd_mm2", "Sum of products", "Sum of products", "mm²", at_baseline=True),
    Figure("percent_from_baseline", "From baseline", "From baseline", "%"),
    Figure("target", "By CT", "CT"),
    Figure("by_pet", "By PET", "PET"),
    Figure("new_lesion", "New lesions", "New", code="NEWLIND"),
)

#: Two diameters at right angles, both asked where a lesion is measured.
TWO_DIAMETERS = (
    Field(DIAMETER, "Longest diameter", unit="mm", when=recist11_form.WHEN_MEASURED, brief="longest", code="LDIAM"),
    Field(
        ACROSS,
        "Diameter across",
        unit="mm",
        when=recist11_form.WHEN_MEASURED,
        at_most=DIAMETER,
        brief="across",
        help="The longest one at right angles to it",
        code="LPERP",
    ),
)
_ABOVE_LIVER = When("deauville", ("4", "5"))
_SPLEEN = Field(
    "spleen_mm", "Length of the spleen", unit="mm", most=Decimal(500), required=False, help="Craniocaudal, on CT"
)

LESIONS = (
    replace(
        recist11_form.TARGETS,
        hint="Up to six nodes or extranodal sites, each measured in two diameters.",
        fields=TWO_DIAMETERS,
        places=PLACES,
        splits=False,
    ),
    replace(
        recist11_form.NONTARGETS,
        title="Other lesions",
        add="Add other lesion",
        hint="All other disease, without sizes.",
        later_hint="No other lesions were named at baseline.",
        places=PLACES,
    ),
    replace(recist11_form.NEW_LESIONS, places=PLACES),
)
ORGANS = (
    _SPLEEN,
    Field("marrow_involved", "Bone marrow involved", Kind.FLAG, at=(At.FIRST,)),
    Field(
        "marrow",
        "Bone marrow",
        Kind.CHOICE,
        choices=((Marrow.NORMAL, "Normal"), (Marrow.INVOLVED, "Involved, as before"), (Marrow.NEW, "Newly involved")),
        required=False,
        at=(At.LATER,),
        help="Leave open where nobody looked",
    ),
)
PET = (
    Field(
        "deauville",
        "Deauville score",
        Kind.CHOICE,
        choices=(
            ("1", "1, no uptake"),
            ("2", "2, up to the mediastinum"),
            ("3", "3, up to the liver"),
            ("4", "4, above the liver"),
            ("5", "5, far above the liver, or new"),
        ),
        required=False,
        at=(At.LATER,),
        help="Of the worst site; leave open without PET",
    ),
    Field(
        "uptake",
        "Uptake against baseline",
        Kind.CHOICE,
        choices=((Uptake.REDUCED, "Reduced"), (Uptake.UNCHANGED, "Unchanged"), (Uptake.INCREASED, "Increased")),
        when=(_ABOVE_LIVER,),
        at=(At.LATER,),
    ),
    Field(
        "new_foci",
        "New FDG-avid foci of lymphoma",
        Kind.FLAG,
        when=(When("deauville", ("1", "2", "3", "4", "5")),),
        at=(At.LATER,),
    ),
)


def form(with_pet: bool) -> Form:
    """Return what the reader must enter; without PET where CT alone decides."""
    return Form(LESIONS, (*ORGANS, *PET) if with_pet else ORGANS)


def products(baseline: Sheet) -> Mapping[str, Decimal]:
    """Return each target's product of its two diameters, in mm²."""
    sizes = {entry.lesion: both(entry) for entry in baseline.of(TARGET)}
    return {lesion: EXACT.multiply(*size) for lesion, size in sizes.items() if size is not None}


def both(entry: Entry) -> tuple[Decimal, Decimal] | None:
    """Return a lesion's two diameters; None while one of them is missing."""
    long, short = entry.number(DIAMETER), entry.number(ACROSS)
    return None if long is None or short is None else (long, short)


def history(baseline: Sheet, later: Sequence[Sheet]) -> LuganoHistory:
    """Return a subject as Lugano 2014 reads it."""
    targets = tuple(
        LuganoTarget(entry.lesion, entry.organ, entry.nodal, *size)
        for entry in baseline.of(TARGET)
        if (size := both(entry)) is not None
    )
    spleen = baseline.answers.get("spleen_mm")
    return LuganoHistory(
        targets,
        tuple(_visit(sheet) for sheet in later),
        recist11_form.nontarget_lesions(baseline),
        None if spleen is None else Decimal(spleen),
        bool(baseline.answers.get("marrow_involved", False)),
    )


def _visit(sheet: Sheet) -> LuganoVisit:
    said = sheet.answers
    spleen, marrow, score, uptake = (said.get(name) for name in ("spleen_mm", "marrow", "deauville", "uptake"))
    return LuganoVisit(
        sheet.timepoint_id,
        sheet.study_day,
        tuple(_measure(entry) for entry in sheet.of(TARGET)),
        recist11_form.nontarget_statuses(sheet),
        recist11_form.new_lesions(sheet),
        None if spleen is None else Decimal(spleen),
        None if marrow is None else Marrow(str(marrow)),
        None
        if score is None
        else PetScan(int(score), None if uptake is None else Uptake(str(uptake)), bool(said.get("new_foci", False))),
    )


def _measure(entry: Entry) -> LuganoMeasure:
    size = both(entry)
    if size is not None:
        return LuganoMeasure(entry.lesion, *size)
    return LuganoMeasure(
        entry.lesion, state=TargetState(entry.state) if entry.state in set(TargetState) else TargetState.NOT_EVALUABLE
    )
