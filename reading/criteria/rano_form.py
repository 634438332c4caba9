"""What a reader enters for RANO 2.0, and how the pack reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from . import recist11_form
from .base import Burden, Figure, Term
from .form import MEASURED, TARGET, VOLUME, At, Entry, Field, Form, Kind, Sheet
from .inputs import TargetState
from .lugano_form import TWO_DIAMETERS, both
from .rano_inputs import Component, Course, RanoHistory, RanoMeasure, RanoTarget, RanoVisit, Steroids
from .rano_settings import PAPER
from .values import EXACT

PLACES = (
    "FRONTAL LOBE", "TEMPORAL LOBE", "PARIETAL LOBE", "OCCIPITAL LOBE", "INSULA", "CORPUS CALLOSUM", "BASAL GANGLIA",
    "THALAMUS", "BRAIN STEM", "CEREBELLUM", "VENTRICLE", "MENINGES", "SPINAL CORD", "OTHER",
)  # fmt: skip
TERMS = (
    Term("CR", "Complete response", "ok", 0),
    Term("PR", "Partial response", "ok", 1),
    Term("MR", "Minor response", "ok", 2),
    Term("SD", "Stable disease", "info", 3),
    Term("PDu", "Progression, to be confirmed", "bad", 4),
    Term("PD", "Progressive disease", "bad", 5),
    Term("NE", "Not evaluable", "wait"),
)
BURDENS = {
    "products": Burden("spd_mm2", "Sum of products", "mm²", "baseline_sum_of_products", f"{PAPER}, measurement"),
    "volumes": Burden("volume_ml", "Sum of volumes", "ml", "baseline_sum_of_volumes", f"{PAPER}, measurement"),
}
_COMPONENT = Field(
    "component",
    "Tumour",
    Kind.CHOICE,
    choices=((Component.CE, "Enhancing"), (Component.NON_CE, "Non-enhancing, T2/FLAIR")),
    at=(At.FIRST,),
)
_VOLUME = Field(
    VOLUME,
    "Volume",
    unit="ml",
    least=Decimal("0.001"),
    most=Decimal(5000),
    decimals=3,
    when=recist11_form.WHEN_MEASURED,
    brief="volume",
    code="VOLUME",
)
_SINCE_RADIOTHERAPY = Field(
    "since_radiotherapy_days",
    "Days from the end of radiotherapy to this scan",
    Kind.WHOLE,
    least=Decimal(0),
    most=Decimal(365),
    at=(At.FIRST,),
    help="Progression within 12 weeks of radiotherapy needs a second scan",
)
_CLINICAL = (
    Field(
        "steroids",
        "Corticosteroids",
        Kind.CHOICE,
        choices=(
            (Steroids.NONE, "None, or replacement only"),
            (Steroids.NOT_ABOVE_BASELINE, "Not above the dose at baseline"),
            (Steroids.INCREASED, "Above the dose at baseline"),
        ),
        at=(At.LATER,),
    ),
    Field(
        "clinical",
        "Clinical status",
        Kind.CHOICE,
        choices=((Course.NOT_WORSE, "Stable or improved"), (Course.WORSE, "Worse, due to the tumour")),
        at=(At.LATER,),
    ),
)
_FLAIR = Field(
    "t2_flair",
    "T2/FLAIR abnormality",
    Kind.CHOICE,
    choices=((Course.NOT_WORSE, "Stable or smaller"), (Course.WORSE, "Clearly larger, due to the tumour")),
    at=(At.LATER,),
)


def figures(measure: str) -> tuple[Figure, ...]:
    """Return what is shown beside a response."""
    burden = BURDENS[measure]
    return (
        Figure(burden.key, burden.title, "Sum", burden.unit, at_baseline=True),
        Figure("percent_from_baseline", "From baseline", "From baseline", "%"),
        Figure("percent_from_nadir", "From nadir", "From nadir", "%", beside="nadir"),
        Figure("target", "Target lesions", "Target", code="TRGRESP"),
        Figure("nontarget", "Non-target lesions", "Non-target", code="NTRGRESP"),
        Figure("new_lesion", "New lesions", "New", code="NEWLIND"),
    )


def form(*, disease: str, measure: str, after_radiotherapy: bool, clinical: bool, flair: bool) -> Form:
    """Return what the charter's settings ask for."""
    products = measure == "products"
    small = () if products else (TargetState.TOO_SMALL,)
    sizes = TWO_DIAMETERS if products else (_VOLUME,)
    targets = replace(
        recist11_form.TARGETS,
        hint="Each with clear borders and at least 10 mm in both diameters, without cyst or cavity.",
        later=tuple(state for state in (MEASURED, *TargetState) if state not in small),
        fields=(*sizes, *((_COMPONENT,) if disease == "mixed" else ())),
        place="Region",
        places=PLACES,
        splits=False,
    )
    others = replace(recist11_form.NONTARGETS, hint="All other tumour, without sizes.", place="Region", places=PLACES)
    new = replace(
        recist11_form.NEW_LESIONS,
        later_hint="None entered. Certain from 10 mm in both diameters on.",
        place="Region",
        places=PLACES,
    )
    questions = (
        *((_SINCE_RADIOTHERAPY,) if after_radiotherapy else ()),
        *(_CLINICAL if clinical else ()),
        *((_FLAIR,) if flair else ()),
    )
    return Form((targets, others, new), questions)


def size(entry: Entry) -> Decimal | None:
    """Return a target's product in mm², or its volume in ml; None while it is not measured."""
    pair = both(entry)
    return entry.number("volume_ml") if pair is None else EXACT.multiply(*pair)


def sizes(baseline: Sheet) -> Mapping[str, Decimal]:
    """Return the size of each target of a baseline."""
    found = {entry.lesion: size(entry) for entry in baseline.of(TARGET)}
    return {lesion: value for lesion, value in found.items() if value is not None}


def history(baseline: Sheet, later: Sequence[Sheet], disease: str) -> RanoHistory:
    """Return a subject as RANO 2.0 reads it."""
    only = Component.NON_CE if disease == "non_CE" else Component.CE
    since = baseline.answers.get("since_radiotherapy_days")
    return RanoHistory(
        tuple(
            RanoTarget(entry.lesion, Component(str(entry.values.get("component", only))), value)
            for entry in baseline.of(TARGET)
            if (value := size(entry)) is not None
        ),
        tuple(_visit(sheet) for sheet in later),
        recist11_form.nontarget_lesions(baseline),
        None if since is None else int(since),
        baseline.study_day,
    )


def _visit(sheet: Sheet) -> RanoVisit:
    steroids, clinical, flair = (sheet.answers.get(name) for name in ("steroids", "clinical", "t2_flair"))
    return RanoVisit(
        sheet.timepoint_id,
        sheet.study_day,
        tuple(_measure(entry) for entry in sheet.of(TARGET)),
        recist11_form.nontarget_statuses(sheet),
        recist11_form.new_lesions(sheet),
        None if steroids is None else Steroids(str(steroids)),
        None if clinical is None else Course(str(clinical)),
        None if flair is None else Course(str(flair)),
    )


def _measure(entry: Entry) -> RanoMeasure:
    value = size(entry)
    if value is not None:
        return RanoMeasure(entry.lesion, value)
    known = entry.state in set(TargetState)
    return RanoMeasure(entry.lesion, state=TargetState(entry.state) if known else TargetState.NOT_EVALUABLE)
