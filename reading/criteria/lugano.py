"""Lugano 2014 for lymphoma (Cheson 2014, J Clin Oncol 32:3059-3068, Table 3): CT and PET."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from . import lugano_form, recist11_form
from .base import Criteria, Parameter
from .baseline import too_many
from .best_response import Response, best_response
from .form import Form, Sheet
from .inputs import BaselineTarget, NewLesionState, NonTargetState, TargetState
from .lugano_inputs import LuganoHistory, LuganoTarget, LuganoVisit, Marrow, PetScan, Uptake
from .quantities import QuantityResponse
from .results import BaselineCheck, BestResponse, DatedResponse, Step, SubjectResponse, Violation
from .values import EXACT, difference, percent_change, plain, share, total

_CT, _PET = "Lugano 2014, Table 3, CT", "Lugano 2014, Table 3, PET-CT"
_HALF = Decimal(50)
Size = tuple[Decimal, Decimal]


@dataclass
class _Course:
    """What a subject's earlier timepoints leave behind: each lesion's smallest sizes, and what had resolved."""

    smallest: dict[str, tuple[Decimal, Decimal, Decimal]]
    resolved: set[str]
    spleen_was_normal: bool


class Lugano(Criteria[LuganoHistory]):
    """Response by CT (sums of products of two diameters, single lesions, spleen) and by PET (Deauville score).

    A timepoint with PET is judged by PET and any other by CT, unless the charter names one of the two. A single
    lesion progresses by half of its smallest product, with 5 mm in either diameter up to 20 mm and 10 mm above.
    """

    identifier = "Lugano 2014"
    version = "1.0"
    title = "Lugano classification of response in lymphoma"
    parameters = (
        Parameter(
            "assessment",
            "pet_where_done",
            "Which images decide",
            "Cheson 2014: PET-CT for FDG-avid histologies, CT for all others",
            ("pet_where_done", "pet", "ct"),
        ),
        Parameter("pr_decrease_percent", Decimal(50), "Decrease of the sum of products for PR, %", _CT),
        Parameter("pd_increase_percent", Decimal(50), "Increase of one lesion's product for PD, %", _CT),
        Parameter("node_normal_mm", Decimal(15), "A node is normal up to this longest diameter, mm", _CT),
        Parameter("extranodal_measurable_mm", Decimal(10), "An extranodal site is measurable above, mm", _CT),
        Parameter("small_lesion_mm", Decimal(20), "Up to this longest diameter a lesion is small, mm", _CT),
        Parameter("pd_small_mm", Decimal(5), "Least growth of a small lesion for PD, mm", _CT),
        Parameter("pd_large_mm", Decimal(10), "Least growth of a larger lesion for PD, mm", _CT),
        Parameter("spleen_normal_mm", Decimal(130), "The spleen is enlarged above this length, mm", _CT),
        Parameter("spleen_growth_mm", Decimal(20), "Least growth of a spleen that was normal for PD, mm", _CT),
        Parameter("too_small_mm", Decimal(5), "Each diameter of a lesion too small to measure, mm", _CT),
        Parameter("max_targets", 6, "Most target lesions", "Cheson 2014: up to six of the largest"),
        Parameter("min_sd_days", 0, "Least time from start to a timepoint with SD, days", "Not in the paper"),
    )
    burden = lugano_form.BURDEN
    figures = lugano_form.FIGURES
    # Progression is that of one lesion.
    thresholds = ("pr_decrease_percent",)
    responses = frozenset({Response.CR, Response.PR})

    def form(self) -> Form:
        """Return what the reader must enter."""
        return recist11_form.capped(lugano_form.form(self.choice("assessment") != "ct"), self.count("max_targets"))

    def history(self, baseline: Sheet, later: Sequence[Sheet]) -> LuganoHistory:
        """Return a subject as the pack reads it."""
        return lugano_form.history(baseline, later)

    def shares(self, baseline: Sheet) -> Mapping[str, Decimal]:
        """Return the products of the target lesions' diameters."""
        return lugano_form.products(baseline)

    def check_baseline(self, targets: Sequence[BaselineTarget]) -> BaselineCheck:
        """Return the targets that are not measurable, or too many."""
        node, site = self.number("node_normal_mm"), self.number("extranodal_measurable_mm")
        small = [
            Violation(
                "MIN_LONG_AXIS",
                (target.lesion_id,),
                f"Lesion {target.lesion_id}: the longest diameter must be above {plain(least)} mm to be measurable.",
                "Lugano 2014, measured nodes and extranodal sites",
            )
            for target in targets
            if target.long_axis_mm is not None and target.long_axis_mm <= (least := node if target.nodal else site)
        ]
        most = self.count("max_targets")
        return BaselineCheck((*small, *too_many(targets, most, "Lugano 2014, up to six lesions")), self.stamp)

    def best_overall_response(self, responses: Sequence[DatedResponse], start_day: int = 0) -> BestResponse:
        """Return the best overall response up to the first PD; the paper asks for no confirmation."""
        return best_response(responses, start_day, self.best_rules(), self.stamp, target_disease=True)

    def progression_day(self, responses: Sequence[DatedResponse]) -> int | None:
        """Return the day of the first PD."""
        return next((visit.study_day for visit in responses if visit.overall == Response.PD), None)

    def derive_subject(self, history: LuganoHistory) -> SubjectResponse:
        """Return the responses at all timepoints, the best overall response and the day of progression."""
        smallest = {t.lesion_id: (_product((t.long_mm, t.short_mm)), t.long_mm, t.short_mm) for t in history.targets}
        normal = history.spleen_mm is None or history.spleen_mm <= self.number("spleen_normal_mm")
        course = _Course(smallest, set(), normal)
        answers = tuple(self._timepoint(history, visit, course) for visit in history.visits)
        dated = [DatedResponse(answer.study_day, answer.overall) for answer in answers]
        best = self.best_overall_response(dated, history.start_day)
        return SubjectResponse(
            timepoints=answers,
            bor=best.response,
            bor_confirmed=None,
            responder=best.response in self.responses,
            progression_day=self.progression_day(dated),
            first_response_day=best.first_response_day,
            trace=best.trace,
            pack=self.stamp,
            settings=self.settings,
        )

    def _timepoint(self, history: LuganoHistory, visit: LuganoVisit, course: _Course) -> QuantityResponse:
        sizes = self._sizes(history, visit)
        base = total(_product((target.long_mm, target.short_mm)) for target in history.targets)
        known = [_product(size) for size in sizes.values() if size is not None]
        spd = total(known) if len(known) == len(sizes) and sizes else None
        by = self._progression(history, visit, sizes, course)
        by_ct = Response.PD if by else self._without_progression(history, visit, sizes, spd, base)
        by_pet = None if visit.pet is None else _by_pet(visit.pet, visit.marrow)
        overall = self._decide(by_ct, by_pet)
        self._remember(visit, sizes, course)
        inputs = {name: _shown(size) for name, size in sizes.items()}
        inputs |= {"sum of products": "none" if spd is None else f"{plain(spd)} mm²", "baseline": f"{plain(base)} mm²"}
        trace = [Step("ct_response", _CT, {**inputs, "progression by": ", ".join(by) or "none"}, by_ct.value)]
        if visit.pet is not None and by_pet is not None:
            score = {"deauville": str(visit.pet.deauville), "uptake": visit.pet.uptake or "not stated"}
            trace.append(Step("pet_response", _PET, score, by_pet.value))
        chosen = {"assessment": self.choice("assessment"), "ct": by_ct.value, "pet": by_pet or "none"}
        trace.append(Step("overall_response", "Lugano 2014, PET-CT and CT", chosen, overall.value))
        return QuantityResponse(
            timepoint_id=visit.timepoint_id,
            study_day=visit.study_day,
            sum_mm=None,
            nadir_mm=None,
            percent_from_baseline=None if spd is None else percent_change(spd, base),
            percent_from_nadir=None,
            target=by_ct.value,
            nontarget=None,
            new_lesion="new_lesion" in by,
            overall=overall.value,
            progression_by=by if overall is Response.PD and overall is by_ct else (),
            trace=tuple(trace),
            pack=self.stamp,
            quantities={"spd_mm2": spd, "baseline_spd_mm2": base},
            by_pet=None if by_pet is None else by_pet.value,
        )

    def _sizes(self, history: LuganoHistory, visit: LuganoVisit) -> Mapping[str, Size | None]:
        entries = {entry.lesion_id: entry for entry in visit.targets}
        small = self.number("too_small_mm")
        sizes: dict[str, Size | None] = {}
        for target in history.targets:
            entry = entries.get(target.lesion_id)
            sizes[target.lesion_id] = None
            if entry is None or entry.state is TargetState.NOT_EVALUABLE:
                continue
            if entry.long_mm is not None and entry.short_mm is not None:
                sizes[target.lesion_id] = (entry.long_mm, entry.short_mm)
            elif entry.state is not None:
                sizes[target.lesion_id] = (small, small) if entry.state is TargetState.TOO_SMALL else (Decimal(0),) * 2
        return sizes

    def _progression(
        self, history: LuganoHistory, visit: LuganoVisit, sizes: Mapping[str, Size | None], course: _Course
    ) -> tuple[str, ...]:
        """Return what proves progression on CT; any one does."""
        statuses = {entry.lesion_id: entry.status for entry in visit.nonmeasured}
        found = {
            "target": any(self._lesion_grew(course.smallest[name], size) for name, size in sizes.items() if size),
            "regrowth": any(self._back(target, sizes[target.lesion_id], course) for target in history.targets)
            or any(name in course.resolved and status is NonTargetState.PRESENT for name, status in statuses.items()),
            "nonmeasured": NonTargetState.UNEQUIVOCAL_PD in statuses.values(),
            "new_lesion": any(lesion.status is NewLesionState.UNEQUIVOCAL for lesion in visit.new_lesions),
            "spleen": self._spleen_grew(history.spleen_mm, visit.spleen_mm, course),
            "marrow": visit.marrow is Marrow.NEW,
        }
        return tuple(name for name, proved in found.items() if proved)

    def _lesion_grew(self, smallest: tuple[Decimal, Decimal, Decimal], size: Size) -> bool:
        product, long, short = smallest
        threshold = share(total([Decimal(100), self.number("pd_increase_percent")]), product)
        least = self.number("pd_small_mm" if long <= self.number("small_lesion_mm") else "pd_large_mm")
        grown = max(difference(size[0], long), difference(size[1], short))
        return size[0] > self.number("node_normal_mm") and _product(size) >= threshold and grown >= least

    def _back(self, target: LuganoTarget, size: Size | None, course: _Course) -> bool:
        """Whether a lesion that had resolved is there again, of a size that a new one would have to have."""
        limit = self.number("node_normal_mm" if target.nodal else "extranodal_measurable_mm")
        return target.lesion_id in course.resolved and size is not None and size[0] > limit

    def _spleen_grew(self, before: Decimal | None, now: Decimal | None, course: _Course) -> bool:
        """An enlarged spleen grows by more than half of its excess, a normal one by 2 cm or back to enlargement."""
        normal = self.number("spleen_normal_mm")
        if now is None or before is None:
            return False
        if before > normal:
            recurrent = course.spleen_was_normal and now > normal
            return recurrent or difference(now, before) > share(_HALF, difference(before, normal))
        return now > normal and difference(now, before) >= self.number("spleen_growth_mm")

    def _without_progression(
        self,
        history: LuganoHistory,
        visit: LuganoVisit,
        sizes: Mapping[str, Size | None],
        spd: Decimal | None,
        base: Decimal,
    ) -> Response:
        if history.targets and spd is None:
            return Response.NE
        statuses = {entry.lesion_id: entry.status for entry in visit.nonmeasured}
        rest = [statuses.get(lesion.lesion_id) for lesion in history.nonmeasured]
        normal = self.number("spleen_normal_mm")
        excess = Decimal(0) if history.spleen_mm is None else max(difference(history.spleen_mm, normal), Decimal(0))
        if excess and visit.spleen_mm is None:
            return Response.NE
        over = Decimal(0) if visit.spleen_mm is None else max(difference(visit.spleen_mm, normal), Decimal(0))
        gone = all(self._is_normal(target, sizes[target.lesion_id]) for target in history.targets)
        marrow = not history.marrow_involved or visit.marrow is Marrow.NORMAL
        if gone and not over and marrow and all(status is NonTargetState.ABSENT for status in rest):
            return Response.CR
        if not history.targets:
            return Response.NE if None in rest or NonTargetState.NOT_EVALUABLE in rest else Response.SD
        assert spd is not None
        smaller = spd <= share(difference(Decimal(100), self.number("pr_decrease_percent")), base)
        regressed = over < share(_HALF, excess) if excess else not over
        return Response.PR if smaller and regressed else Response.SD

    def _is_normal(self, target: LuganoTarget, size: Size | None) -> bool:
        """A node up to 15 mm; nothing left of an extranodal site."""
        return size is not None and (size[0] <= self.number("node_normal_mm") if target.nodal else not size[0])

    def _decide(self, by_ct: Response, by_pet: Response | None) -> Response:
        mode = self.choice("assessment")
        if mode == "ct" or (mode == "pet_where_done" and by_pet is None):
            return by_ct
        return Response.NE if by_pet is None else by_pet

    def _remember(self, visit: LuganoVisit, sizes: Mapping[str, Size | None], course: _Course) -> None:
        for name, size in sizes.items():
            if size is None:
                continue
            product, long, short = course.smallest[name]
            course.smallest[name] = (min(product, _product(size)), min(long, size[0]), min(short, size[1]))
            if not size[0]:
                course.resolved.add(name)
        course.resolved |= {one.lesion_id for one in visit.nonmeasured if one.status is NonTargetState.ABSENT}
        if visit.spleen_mm is not None and visit.spleen_mm <= self.number("spleen_normal_mm"):
            course.spleen_was_normal = True


def _by_pet(pet: PetScan, marrow: Marrow | None) -> Response:
    """CMR, PMR, NMR and PMD as CR, PR, SD and PD; above the liver without a comparison nothing can be said."""
    if pet.new_foci or marrow is Marrow.NEW or (pet.deauville > 3 and pet.uptake is Uptake.INCREASED):
        return Response.PD
    if pet.deauville <= 3:
        return Response.CR
    return {Uptake.REDUCED: Response.PR, Uptake.UNCHANGED: Response.SD, None: Response.NE}[pet.uptake]


def _product(size: Size) -> Decimal:
    return EXACT.multiply(*size)


def _shown(size: Size | None) -> str:
    return "not assessed" if size is None else f"{plain(size[0])} x {plain(size[1])}"
