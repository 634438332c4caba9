"""PCWG3 bone scans (Scher 2016, J Clin Oncol 34:1402-1418): two new lesions progress, where flare may be two more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from .base import Burden, Criteria, Figure, Parameter, Term
from .best_lasting import day_of_progression
from .form import NEW, NON_TARGET, Form, Lesions, Sheet
from .inputs import NonTargetState
from .quantities import QuantityResponse
from .results import BestResponse, DatedResponse, Step, SubjectResponse, TimepointResponse
from .values import InvalidRead

_FLARE = "PCWG3, bone: first post-treatment scan (2+2 rule)"
_LATER = "PCWG3, bone: scans after the first"


_BONES = (
    "SKULL", "CERVICAL SPINE", "THORACIC SPINE", "LUMBAR SPINE", "SACRUM", "RIB", "STERNUM", "CLAVICLE", "SCAPULA",
    "PELVIS", "HUMERUS", "FEMUR", "OTHER",
)  # fmt: skip
_SEEN, _SEEN_OR_NOT = (NonTargetState.PRESENT,), (NonTargetState.PRESENT, NonTargetState.ABSENT)
FORM = Form(
    (
        Lesions(
            NON_TARGET,
            "Bone lesions",
            "Add bone lesion",
            "Every lesion on this scan, by its bone, so that the next scan finds it again.",
            "No bone lesions were seen at baseline.",
            _SEEN,
            _SEEN_OR_NOT,
            place="Bone",
            places=_BONES,
        ),
        Lesions(
            NEW,
            "New bone lesions",
            "Add new lesion",
            "None entered.",
            "None entered.",
            _SEEN,
            _SEEN_OR_NOT,
            place="Bone",
            places=_BONES,
        ),
    )
)


class Bone(StrEnum):
    """Result of one bone scan. PDu is progression that waits for the next scan; NED: no lesion yet."""

    NON_PD = "NON-PD"
    PDU = "PDu"
    PD = "PD"
    NED = "NED"
    NE = "NE"


@dataclass(frozen=True, slots=True)
class BoneScan:
    """One scan: every lesion that is seen on it, by name; an unevaluable scan says nothing."""

    timepoint_id: str
    study_day: int
    lesions: frozenset[str]
    evaluable: bool = True


@dataclass(frozen=True, slots=True)
class BoneHistory:
    """The lesions of the baseline scan and the scans after it, put in order of study day."""

    baseline: frozenset[str]
    scans: tuple[BoneScan, ...]
    start_day: int = 0

    def __post_init__(self) -> None:
        days = [scan.study_day for scan in self.scans]
        if len(set(days)) < len(days) or len({scan.timepoint_id for scan in self.scans}) < len(days):
            raise InvalidRead("The subject has two bone scans with one name or on one study day; keep one.")
        object.__setattr__(self, "scans", tuple(sorted(self.scans, key=lambda scan: scan.study_day)))


@dataclass(frozen=True, slots=True)
class _Suspicion:
    """New lesions that wait for the next scan."""

    scan: BoneScan
    new: frozenset[str]
    flare: bool


@dataclass(frozen=True, slots=True)
class _State:
    """What later scans are compared with, what waits, and when progression was dated."""

    reference: frozenset[str]
    first_seen: bool = False
    suspicion: _Suspicion | None = None
    progression_day: int | None = None


class Pcwg3Bone(Criteria[BoneHistory]):
    """Radiographic progression in bone.

    On the first scan after the start two new lesions may be healing (flare): progression needs two more on the next
    scan, at least six weeks later. Without them, the first scan is the reference of all later ones, on which two new
    lesions progress when two of them are still there at least six weeks later. Progression is dated at the scan that
    first showed the new lesions, not at the one that confirmed them.
    """

    identifier = "PCWG3 bone"
    version = "1.0"
    title = "Prostate Cancer Clinical Trials Working Group 3, bone scan"
    parameters = (
        Parameter("new_lesions", 2, "New lesions that suspect progression", "PCWG3: at least two"),
        Parameter("confirming_lesions", 2, "Lesions that confirm it", "PCWG3: at least two additional, or persisting"),
        Parameter("confirm_min_days", 42, "Least interval to the confirming scan, days", "PCWG3: at least 6 weeks"),
        Parameter("flare_rule", True, "The first scan after the start is read by the 2+2 rule", "PCWG3, flare"),
    )
    terms = (
        Term(Bone.NON_PD, "No progression in bone", "info", 0),
        Term(Bone.PDU, "Progression in bone, to be confirmed", "bad", 1),
        Term(Bone.PD, "Progression in bone", "bad", 2),
        Term(Bone.NED, "No bone lesion", "info"),
        Term(Bone.NE, "Not evaluable", "wait"),
    )
    burden = Burden("lesions", "Bone lesions", "", "baseline_bone_lesions", "PCWG3, bone", "no bone lesions")
    figures = (
        Figure("lesions", "Bone lesions", "Lesions", at_baseline=True),
        Figure("new_lesions", "New since baseline", "New since baseline"),
        Figure("new_lesion", "New lesions", "New", code="NEWLIND"),
    )
    thresholds = ()
    responses = frozenset()

    def form(self) -> Form:
        """Return what the reader must enter: the lesions that are seen on each scan."""
        return FORM

    def history(self, baseline: Sheet, later: Sequence[Sheet]) -> BoneHistory:
        """Return a subject as the pack reads it."""
        scans = tuple(BoneScan(sheet.timepoint_id, sheet.study_day, _seen(sheet), sheet.evaluable) for sheet in later)
        return BoneHistory(_seen(baseline), scans)

    def shares(self, baseline: Sheet) -> Mapping[str, Decimal]:
        """Return each lesion as one."""
        return dict.fromkeys(sorted(_seen(baseline)), Decimal(1))

    def baseline_burden(self, baseline: Sheet) -> Decimal:
        """Return the number of lesions; 0 is a number as well."""
        return Decimal(len(_seen(baseline)))

    def best_overall_response(self, responses: Sequence[DatedResponse], start_day: int = 0) -> BestResponse:
        """Return PD where there is one, otherwise NON-PD, NED or NE; bone scans show no response.

        Raises
        ------
        InvalidRead
            A stated result is not one of `Bone`.
        """
        stated = {visit.overall for visit in responses}
        if stated - set(Bone):
            raise InvalidRead(f"A result of a bone scan is unknown; choose one of {', '.join(Bone)}.")
        known = Bone.NON_PD if stated & {Bone.NON_PD, Bone.PDU} else Bone.NED if Bone.NED in stated else Bone.NE
        return BestResponse(Bone.PD if Bone.PD in stated else known, None, None, (), self.stamp)

    def progression_day(self, responses: Sequence[DatedResponse]) -> int | None:
        """Return the day of the PDu that the first PD confirmed: the first PDu of those right before it."""
        return day_of_progression(responses)

    def derive_subject(self, history: BoneHistory) -> SubjectResponse:
        """Return the result of each scan and the day of radiographic progression in bone."""
        state = _State(history.baseline)
        answers: list[TimepointResponse] = []
        for scan in history.scans:
            state, result, step = self._next(state, scan)
            answers.append(
                QuantityResponse(
                    timepoint_id=scan.timepoint_id,
                    study_day=scan.study_day,
                    sum_mm=None,
                    nadir_mm=None,
                    percent_from_baseline=None,
                    percent_from_nadir=None,
                    target=None,
                    nontarget=None,
                    new_lesion=bool(scan.evaluable and scan.lesions - history.baseline),
                    overall=result.value,
                    progression_by=("new_lesion",) if result in (Bone.PD, Bone.PDU) else (),
                    trace=(step,),
                    pack=self.stamp,
                    quantities={
                        "lesions": Decimal(len(scan.lesions)) if scan.evaluable else None,
                        "new_lesions": Decimal(len(scan.lesions - history.baseline)) if scan.evaluable else None,
                    },
                )
            )
        best = self.best_overall_response([DatedResponse(answer.study_day, answer.overall) for answer in answers])
        day = state.progression_day
        dated = Step("progression_day", "PCWG3, bone: date of progression", {}, "none" if day is None else f"day {day}")
        return SubjectResponse(
            timepoints=tuple(answers),
            bor=best.response,
            bor_confirmed=None,
            responder=False,
            progression_day=day,
            first_response_day=None,
            trace=(dated,),
            pack=self.stamp,
            settings=self.settings,
        )

    def _next(self, state: _State, scan: BoneScan) -> tuple[_State, Bone, Step]:
        if not scan.evaluable:
            return state, Bone.NE, Step("scan_not_evaluable", "PCWG3, bone", {}, Bone.NE)
        if state.progression_day is not None:
            return state, Bone.PD, Step("progression_stands", "PCWG3, bone", {}, Bone.PD)
        if state.suspicion is not None:
            return self._confirm(state, state.suspicion, scan)
        return self._look(state, scan)

    def _look(self, state: _State, scan: BoneScan) -> tuple[_State, Bone, Step]:
        """A scan while nothing waits: enough new lesions suspect progression."""
        flare = self.flag("flare_rule") and not state.first_seen
        clause = _FLARE if flare else _LATER
        new = scan.lesions - state.reference
        inputs = {"new": _named(new), "of": _named(state.reference)}
        if len(new) >= self.count("new_lesions"):
            waiting = replace(state, first_seen=True, suspicion=_Suspicion(scan, new, flare))
            return waiting, Bone.PDU, Step("progression_suspected", clause, inputs, Bone.PDU)
        # What the first scan shows is where later ones begin; single new lesions after it add up.
        reference = state.reference | new if flare else state.reference
        result = Bone.NON_PD if scan.lesions | state.reference else Bone.NED
        return (
            replace(state, reference=reference, first_seen=True),
            result,
            Step("no_progression", clause, inputs, result),
        )

    def _confirm(self, state: _State, waiting: _Suspicion, scan: BoneScan) -> tuple[_State, Bone, Step]:
        """The scan after a suspicion: two lesions more confirm flare's, two that persist confirm a later one."""
        waited = scan.study_day - waiting.scan.study_day
        more = scan.lesions - state.reference - waiting.new
        persisting = scan.lesions & waiting.new
        confirming = more if waiting.flare else persisting
        clause = _FLARE if waiting.flare else _LATER
        inputs = {
            "suspected at": waiting.scan.timepoint_id,
            "days since": str(waited),
            "additional": _named(more),
            "persisting": _named(persisting),
        }
        if waited < self.count("confirm_min_days"):
            return state, Bone.PDU, Step("too_early_to_confirm", clause, inputs, Bone.PDU)
        if len(confirming) >= self.count("confirming_lesions"):
            day = waiting.scan.study_day
            done = replace(state, suspicion=None, progression_day=day)
            return done, Bone.PD, Step("progression_confirmed", clause, inputs, Bone.PD)
        reference = state.reference | waiting.new if waiting.flare else state.reference
        rejected = replace(state, suspicion=None, reference=reference)
        # Lesions that are new on this scan may be the first sight of another progression.
        following, result, step = self._look(rejected, scan)
        return following, result, Step(f"not_confirmed_{step.rule}", clause, {**inputs, **step.inputs}, result)


def _seen(sheet: Sheet) -> frozenset[str]:
    return frozenset(entry.lesion for entry in sheet.entries if entry.state == NonTargetState.PRESENT)


def _named(lesions: frozenset[str]) -> str:
    return ", ".join(sorted(lesions)) or "none"
