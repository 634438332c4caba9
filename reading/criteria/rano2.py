"""RANO 2.0 for gliomas in adults (Wen 2023, J Clin Oncol 41:5187-5199): enhancing, non-enhancing and mixed tumours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from . import rano_form
from .base import Burden, Criteria, Figure
from .baseline import too_many
from .best_lasting import Rano, best_lasting_response, day_of_progression
from .form import Form, Sheet
from .inputs import BaselineTarget, NewLesionState, NonTargetState, TargetState
from .quantities import QuantityResponse
from .rano_inputs import Component, Course, RanoHistory, RanoVisit, Steroids
from .rano_settings import PAPER, PARAMETERS
from .results import BaselineCheck, BestResponse, DatedResponse, Step, SubjectResponse, Violation
from .values import EXACT, difference, percent_change, plain, share, total

_WHOLE = Decimal(100)
_LESS = {Rano.PR: 0, Rano.MR: 1, Rano.SD: 2}


def combined(one: Rano, other: Rano) -> Rano:
    """Return what enhancing and non-enhancing tumour amount to together.

    Progression of either is progression; a complete response needs both; of what lies between, the better one counts,
    and it is all that a complete response of the other adds to.
    """
    pair = {one, other}
    for decisive in (Rano.PD, Rano.NE):
        if decisive in pair:
            return decisive
    rest = pair - {Rano.CR}
    return min(rest, key=_LESS.__getitem__) if rest else Rano.CR


@dataclass(frozen=True, slots=True)
class _Suspicion:
    """A progression that waits for the next scan, with the sizes and new lesions it was seen with."""

    day: int
    sizes: Mapping[Component, Decimal]
    new: frozenset[str]


@dataclass
class _Subject:
    """What a subject's earlier timepoints leave behind."""

    nadir: dict[Component, Decimal]
    nadir_of_all: Decimal
    suspicion: _Suspicion | None = None
    progression_day: int | None = None
    #: First of the timepoints, up to the one before, at which the dose had been raised and nothing else said.
    raised_since: int | None = None


@dataclass
class _Look:
    """One timepoint while it is judged."""

    visit: RanoVisit
    measured: dict[Component, Decimal] = field(default_factory=dict)
    complete: dict[Component, bool] = field(default_factory=dict)
    proofs: list[str] = field(default_factory=list)
    trace: list[Step] = field(default_factory=list)

    @property
    def new(self) -> frozenset[str]:
        """The new lesions of which the reader is certain."""
        certain = (lesion for lesion in self.visit.new_lesions if lesion.status is NewLesionState.UNEQUIVOCAL)
        return frozenset(lesion.lesion_id for lesion in certain)


class Rano2(Criteria[RanoHistory]):
    """Response by the sum of the targets' sizes, other lesions, corticosteroids and clinical status.

    Progression soon after radiotherapy may be its effect, so that it waits for a second scan (PDu); confirmed, it is
    dated at the first. T2/FLAIR counts in enhancing tumours only where the charter asks for it.
    """

    identifier = "RANO 2.0"
    version = "1.0"
    title = "Response Assessment in Neuro-Oncology, version 2.0"
    parameters = PARAMETERS
    terms = rano_form.TERMS
    responses = frozenset({Rano.CR, Rano.PR})

    @property
    def burden(self) -> Burden:  # type: ignore[override]
        """Products or volumes, as the charter measures."""
        return rano_form.BURDENS[self.choice("measure")]

    @property
    def figures(self) -> tuple[Figure, ...]:  # type: ignore[override]
        """What is shown beside a response."""
        return rano_form.figures(self.choice("measure"))

    @property
    def thresholds(self) -> tuple[str, ...]:  # type: ignore[override]
        """The parameters that a change is held against."""
        return (self._percent("pd_increase"), self._percent("pr_decrease"))

    def form(self) -> Form:
        """Return what the reader must enter."""
        disease = self.choice("disease")
        return rano_form.form(
            disease=disease,
            measure=self.choice("measure"),
            after_radiotherapy=self.choice("baseline_scan") == "post_radiotherapy",
            clinical=self.flag("clinical_data"),
            flair=self.flag("t2_flair") and disease != "non_CE",
        )

    def history(self, baseline: Sheet, later: Sequence[Sheet]) -> RanoHistory:
        """Return a subject as the pack reads it."""
        return rano_form.history(baseline, later, self.choice("disease"))

    def shares(self, baseline: Sheet) -> Mapping[str, Decimal]:
        """Return the sizes of the target lesions."""
        return rano_form.sizes(baseline)

    def check_baseline(self, targets: Sequence[BaselineTarget]) -> BaselineCheck:
        """Return the targets that are not measurable, or too many."""
        least, clause = self.number("min_diameter_mm"), f"{PAPER}, measurable disease"
        small = [
            Violation(
                "MIN_SHORT_AXIS",
                (target.lesion_id,),
                f"Lesion {target.lesion_id}: both diameters must be at least {plain(least)} mm to be measurable.",
                clause,
            )
            for target in targets
            if target.short_axis_mm is not None and target.short_axis_mm < least
        ]
        return BaselineCheck((*small, *too_many(targets, self.count("max_targets"), clause)), self.stamp)

    def best_overall_response(self, responses: Sequence[DatedResponse], start_day: int = 0) -> BestResponse:
        """Return the best overall response up to progression; one that did not last counts as SD."""
        return best_lasting_response(
            responses,
            start_day,
            min_days=self.count("confirm_min_days") if self.flag("confirmation_required") else None,
            max_ne=self.count("confirm_max_ne"),
            min_sd_days=self.count("min_sd_days"),
            stamp=self.stamp,
        )

    def progression_day(self, responses: Sequence[DatedResponse]) -> int | None:
        """Return the day of the first PD, or of the PDu that it confirmed."""
        return day_of_progression(responses)

    def derive_subject(self, history: RanoHistory) -> SubjectResponse:
        """Return the responses at all timepoints, the best overall response and the day of progression."""
        base = self._sums({target.lesion_id: target.size for target in history.targets}, history)
        subject = _Subject(dict(base), total(base.values()))
        answers = tuple(self._timepoint(history, visit, base, subject) for visit in history.visits)
        day = subject.progression_day
        counted = [DatedResponse(a.study_day, a.overall) for a in answers]
        best = self.best_overall_response(counted, history.start_day)
        dated = Step("progression_day", f"{PAPER}, progression", {}, "none" if day is None else f"day {day}")
        return SubjectResponse(
            timepoints=answers,
            bor=best.response,
            bor_confirmed=best.confirmed,
            responder=best.response in self.responses,
            progression_day=day,
            first_response_day=best.first_response_day,
            trace=(dated, *best.trace),
            pack=self.stamp,
            settings=self.settings,
        )

    def _percent(self, name: str) -> str:
        return f"{name}_volume_percent" if self.choice("measure") == "volumes" else f"{name}_percent"

    def _sums(self, sizes: Mapping[str, Decimal], history: RanoHistory) -> dict[Component, Decimal]:
        components = dict.fromkeys(target.component for target in history.targets)
        return {
            component: total(sizes[t.lesion_id] for t in history.targets if t.component is component)
            for component in components
        }

    def _timepoint(
        self, history: RanoHistory, visit: RanoVisit, base: Mapping[Component, Decimal], subject: _Subject
    ) -> QuantityResponse:
        look = _Look(visit)
        self._measure(history, look)
        target = self._target(look, base, subject)
        nontarget = self._nontarget(history, look)
        self._other_proofs(look)
        overall = self._overall(look, history, target, nontarget, subject)
        known = bool(base) and all(look.complete.values())
        size = total(look.measured.values()) if known else None
        nadir = subject.nadir_of_all
        answer = QuantityResponse(
            timepoint_id=visit.timepoint_id,
            study_day=visit.study_day,
            sum_mm=None,
            nadir_mm=None,
            percent_from_baseline=None if size is None else percent_change(size, total(base.values())),
            percent_from_nadir=None if size is None else percent_change(size, nadir),
            target=target,
            nontarget=nontarget,
            new_lesion=bool(look.new),
            overall=overall,
            progression_by=tuple(look.proofs) if overall in (Rano.PD, Rano.PDU) else (),
            trace=tuple(look.trace),
            pack=self.stamp,
            quantities={self.burden.key: size, "nadir": nadir if base else None},
        )
        self._remember(look, subject, size)
        return answer

    def _measure(self, history: RanoHistory, look: _Look) -> None:
        entries = {entry.lesion_id: entry for entry in look.visit.targets}
        small = EXACT.multiply(self.number("too_small_mm"), self.number("too_small_mm"))
        shown: dict[str, str] = {}
        for target in history.targets:
            entry = entries.get(target.lesion_id)
            state = entry.state if entry else TargetState.NOT_EVALUABLE
            without = {TargetState.ABSENT: Decimal(0), TargetState.TOO_SMALL: small}
            size = without.get(state) if state else entry.size if entry else None
            component = target.component
            look.complete[component] = look.complete.get(component, True) and size is not None
            look.measured[component] = total([look.measured.get(component, Decimal(0)), size or Decimal(0)])
            shown[target.lesion_id] = "not assessed" if size is None else plain(size)
        if shown:
            sums = ", ".join(f"{name} {plain(size)}" for name, size in look.measured.items())
            look.trace.append(Step("sum_of_sizes", f"{PAPER}, measurement", shown, f"{sums} {self.burden.unit}"))

    def _target(self, look: _Look, base: Mapping[Component, Decimal], subject: _Subject) -> Rano | None:
        results = {component: self._component(component, look, base[component], subject) for component in base}
        if not results:
            return None
        first, *rest = results.values()
        result = combined(first, rest[0]) if rest else first
        if rest:
            shown = {str(component): str(one) for component, one in results.items()}
            look.trace.append(Step("mixed_tumour", f"{PAPER}, mixed CE and non-CE tumours", shown, result))
        if result is Rano.PD:
            look.proofs.append("target")
        return result

    def _component(self, component: Component, look: _Look, base: Decimal, subject: _Subject) -> Rano:
        measured, nadir = look.measured[component], subject.nadir[component]
        result, rule = self._by_size(component, measured, look.complete[component], base, nadir)
        inputs = {
            "tumour": str(component),
            "sum": plain(measured),
            "complete": "yes" if look.complete[component] else "no",
            "baseline": plain(base),
            "nadir": plain(nadir),
        }
        look.trace.append(Step(rule, f"{PAPER}, target lesions", inputs, result))
        return result

    def _by_size(
        self, component: Component, measured: Decimal, complete: bool, base: Decimal, nadir: Decimal
    ) -> tuple[Rano, str]:
        """PD first, which the measured part alone can prove; then NE, CR, PR, MR and SD."""
        if self._grown(measured, nadir):
            return Rano.PD, "target_progression"
        if not complete:
            return Rano.NE, "target_not_evaluable"
        if not measured:
            return Rano.CR, "target_complete_response"
        if measured <= share(difference(_WHOLE, self.number(self._percent("pr_decrease"))), base):
            return Rano.PR, "target_partial_response"
        minor = measured <= share(difference(_WHOLE, self.number(self._percent("mr_decrease"))), base)
        if component is Component.NON_CE and minor:
            return Rano.MR, "target_minor_response"
        return Rano.SD, "target_stable_disease"

    def _grown(self, measured: Decimal, reference: Decimal) -> bool:
        threshold = share(total([_WHOLE, self.number(self._percent("pd_increase"))]), reference)
        return measured > reference and measured >= threshold

    def _nontarget(self, history: RanoHistory, look: _Look) -> Rano | None:
        stated = {entry.lesion_id: entry.status for entry in look.visit.nontargets}
        states = {lesion.lesion_id: stated.get(lesion.lesion_id) for lesion in history.nontargets}
        if not states:
            return None
        if NonTargetState.UNEQUIVOCAL_PD in states.values():
            result = Rano.PD
            look.proofs.append("nontarget")
        elif {None, NonTargetState.NOT_EVALUABLE} & set(states.values()):
            result = Rano.NE
        else:
            result = Rano.CR if set(states.values()) == {NonTargetState.ABSENT} else Rano.SD
        shown = {name: "not assessed" if state is None else state.value for name, state in states.items()}
        look.trace.append(Step("nontarget_response", f"{PAPER}, non-target lesions", shown, result))
        return result

    def _other_proofs(self, look: _Look) -> None:
        visit = look.visit
        stated = {lesion.lesion_id: lesion.status.value for lesion in visit.new_lesions}
        look.trace.append(Step("new_lesion", f"{PAPER}, new lesions", stated, "yes" if look.new else "no"))
        found = {
            "new_lesion": bool(look.new),
            "t2_flair": self.flag("t2_flair") and visit.t2_flair is Course.WORSE,
            "clinical": self.flag("clinical_data") and visit.clinical is Course.WORSE,
        }
        look.proofs += [name for name, proved in found.items() if proved]

    def _overall(
        self, look: _Look, history: RanoHistory, target: Rano | None, nontarget: Rano | None, subject: _Subject
    ) -> Rano:
        if look.proofs:
            result, rule = self._progressed(look, history, subject)
        else:
            result, rule = self._not_progressed(look.visit, target, nontarget)
            if result is not Rano.NE:
                # The scan after a suspicion does not bear it out: it was an effect of treatment.
                subject.suspicion = None
        inputs = {
            "target": target or "none",
            "nontarget": nontarget or "none",
            "progression by": ", ".join(look.proofs) or "none",
            "corticosteroids": look.visit.steroids or "not stated",
            "clinical status": look.visit.clinical or "not stated",
        }
        look.trace.append(Step(rule, f"{PAPER}, overall response", inputs, result))
        return result

    def _not_progressed(self, visit: RanoVisit, target: Rano | None, nontarget: Rano | None) -> tuple[Rano, str]:
        # Without a target nothing can respond: what does not progress is stable.
        result = target or (Rano.NE if nontarget is Rano.NE else Rano.SD)
        if target is Rano.CR and nontarget not in (None, Rano.CR):
            result = Rano.PR
        if not self.flag("clinical_data") or result is Rano.NE:
            return result, "overall_response"
        if visit.steroids is Steroids.INCREASED:
            return Rano.NE, "neither_response_nor_stable_on_a_raised_dose"
        if result is Rano.CR and visit.steroids is Steroids.NOT_ABOVE_BASELINE:
            return Rano.PR, "complete_response_needs_no_corticosteroids"
        return result, "overall_response"

    def _progressed(self, look: _Look, history: RanoHistory, subject: _Subject) -> tuple[Rano, str]:
        visit, waiting = look.visit, subject.suspicion
        if waiting is not None:
            if visit.study_day - waiting.day < self.count("confirm_pd_min_days"):
                return Rano.PDU, "too_early_to_confirm"
            if self.choice("pd_confirmed_by") == "further_increase" and not self._further(look, waiting):
                return Rano.PDU, "progression_did_not_go_further"
            self._date(subject, waiting.day)
            subject.suspicion = None
            return Rano.PD, "progression_confirmed"
        if subject.progression_day is None and self._must_be_confirmed(visit, history):
            subject.suspicion = _Suspicion(visit.study_day, dict(look.measured), look.new)
            return Rano.PDU, "progression_to_be_confirmed"
        since = subject.raised_since if look.proofs == ["clinical"] else None
        self._date(subject, visit.study_day if since is None else since)
        return Rano.PD, "progression"

    def _further(self, look: _Look, waiting: _Suspicion) -> bool:
        """Whether more proves progression than at the scan that raised the suspicion."""
        grown = any(self._grown(size, waiting.sizes[component]) for component, size in look.measured.items())
        return grown or bool(look.new - waiting.new) or bool({"nontarget", "t2_flair", "clinical"} & set(look.proofs))

    def _must_be_confirmed(self, visit: RanoVisit, history: RanoHistory) -> bool:
        mode = self.choice("confirm_progression")
        if mode != "within_window":
            return mode == "always"
        since = history.since_radiotherapy_days
        elapsed = None if since is None else since + visit.study_day - history.baseline_day
        return elapsed is not None and elapsed <= self.count("confirm_window_days")

    def _date(self, subject: _Subject, day: int) -> None:
        if subject.progression_day is None:
            subject.progression_day = day

    def _remember(self, look: _Look, subject: _Subject, size: Decimal | None) -> None:
        raised = look.visit.steroids is Steroids.INCREASED and not look.proofs and self.flag("clinical_data")
        if not raised:
            subject.raised_since = None
        elif subject.raised_since is None:
            subject.raised_since = look.visit.study_day
        if look.proofs:
            return
        for component, measured in look.measured.items():
            if look.complete[component]:
                subject.nadir[component] = min(subject.nadir[component], measured)
        if size is not None:
            subject.nadir_of_all = min(subject.nadir_of_all, size)
