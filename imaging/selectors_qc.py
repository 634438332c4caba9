"""Questions about quality control: what of a round is to be judged, by whom, and how a site has done so far."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from compliance import signing
from compliance.models import Signature, User
from imaging import signals
from imaging.models import Finding, QcDecision, QcReview, Series, TransferForm
from imaging.second_look import drawn
from imaging.selectors import series_with_images
from imaging.states import GOOD, ReviewState, Verdict
from imaging.urgency import Wait
from trials.models import ScannerNotice, Site, Timepoint
from trials.states import UNSETTLED, ImageState, QcState, SubjectState


class Part(StrEnum):
    """What is judged apart: each of them may fail, and come again, while the other one stands."""

    IMAGES = "images"
    FORM = "form"


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict on a part, with the reason that failing and waiving need; `round` is where it was given."""

    verdict: Verdict = Verdict.PASS
    reason: str = ""
    round: int = 0


def final_decisions(timepoint: Timepoint) -> QuerySet[QcDecision]:
    """The last decision of each decided round of a timepoint, the latest round first."""
    last = QcDecision.objects.filter(review=OuterRef("review")).order_by("-stage")
    decided = QcDecision.objects.filter(
        review__timepoint=timepoint,
        review__state__in=(ReviewState.CLEARED, ReviewState.FAILED),
        pk=Subquery(last.values("pk")[:1]),
    )
    return decided.select_related("review", "form", "decided_by").order_by("-review__round")


def standing(review: QcReview) -> dict[Part, Judged]:
    """Parts of a round that an earlier one has settled: the same images, the same version of the form."""
    found: dict[Part, Judged] = {}
    form = review.signed_form
    for one in final_decisions(review.timepoint).filter(review__round__lt=review.round):
        same_images = one.review.data_sha256 == review.data_sha256
        if same_images and one.images_verdict in GOOD:
            verdict = Judged(Verdict(one.images_verdict), one.images_reason, one.images_round)
            found.setdefault(Part.IMAGES, verdict)
        if one.form_verdict in GOOD and one.form == form:
            found.setdefault(Part.FORM, Judged(Verdict(one.form_verdict), one.form_reason, one.form_round or 0))
    return found


def parts_to_judge(review: QcReview) -> list[Part]:
    """Parts of a round that nobody has settled before: images, and the form once it is signed or where it is needed."""
    has_form = review.signed_form is not None or review.timepoint.charter.terms.quality_control.needs_form
    asked = [Part.IMAGES, *([Part.FORM] if has_form else [])]
    stand = standing(review)
    return [part for part in asked if part not in stand]


def second_because(review: QcReview, decision: QcDecision) -> list[str]:
    """Why a second person must look at what this decision passed: risks, else chance; empty when nobody need."""
    terms = review.timepoint.charter.terms.quality_control
    if terms.stages != "two":
        return []
    risks = {
        "waived": lambda: _is_waived(review, decision),
        "sent_back": lambda: review.timepoint.qc_reviews.filter(state=ReviewState.FAILED).exists(),
        "first_of_site": lambda: is_among_first(review.timepoint, terms.first_timepoints),
        "new_scanner": lambda: _is_new_scanner(review, decision.form),
    }
    if found := [name for name, holds in risks.items() if name in terms.always_second and holds()]:
        return found
    timepoint = review.timepoint
    subject = timepoint.subject
    by_chance = drawn(timepoint.trial.seed, subject.code, timepoint.code, review.round, percent=terms.second_percent)
    return ["drawn"] if by_chance else []


def _is_waived(review: QcReview, decision: QcDecision) -> bool:
    if Verdict.WAIVE in (decision.images_verdict, decision.form_verdict):
        return True
    return review.findings.filter(severity="block", verdict=Verdict.WAIVE).exists()


def is_among_first(timepoint: Timepoint, count: int) -> bool:
    """Tell whether a timepoint is among the first so many of its site that came to QC."""
    return _places({timepoint.subject.site_id})[timepoint.pk] < count


def _is_new_scanner(review: QcReview, form: TransferForm | None) -> bool:
    """Tell whether images may be of a scanner that nobody has judged yet: headers know best, where a registry is kept.

    A notice stands for every delivery until somebody settles it, for images do not keep the name of their scanner.
    """
    site = review.timepoint.subject.site
    charter = site.trial.charter_in_force
    if charter is None or not charter.terms.sites.scanners:
        return _names_new_scanner(form)
    new = (ScannerNotice.Kind.UNKNOWN, ScannerNotice.Kind.MODEL)
    modalities = Series.objects.filter(imaging_study__timepoint=review.timepoint).values("modality")
    return site.scanner_notices.filter(kind__in=new, state__in=UNSETTLED, modality__in=modalities).exists()


def _names_new_scanner(form: TransferForm | None) -> bool:
    if form is None or not (scanner := _scanner(form)):
        return False
    earlier = TransferForm.objects.filter(
        timepoint__subject__site=form.timepoint.subject.site_id, signed_at__isnull=False, pk__lt=form.pk
    ).exclude(timepoint=form.timepoint)
    return scanner not in {_scanner(one) for one in earlier.select_related("timepoint__charter")}


def _scanner(form: TransferForm) -> str:
    """Return the scanner that a form names, whatever its spelling."""
    return "".join(str(form.declared.get("scanner") or "").casefold().split())


# --- the queue --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """A round that waits, and how urgent it is."""

    review: QcReview
    wait: Wait


def by_urgency(reviews: QuerySet[Any], at: dt.datetime) -> list[Waiting]:
    """Return rounds that wait (`selectors.reviews_open`), the most urgent first; among equals the oldest."""
    found = list(reviews)
    failed = QcReview.objects.filter(timepoint__in={one.timepoint_id for one in found}, state=ReviewState.FAILED)
    sent_back = Counter(failed.values_list("timepoint", flat=True))
    places = _places({one.timepoint.subject.site_id for one in found})
    terms = {one.timepoint.charter_id: one.timepoint.charter for one in found}
    first = {pk: charter.terms.quality_control.first_timepoints for pk, charter in terms.items()}
    answers: Any = signals.urgency_weighed.send(sender=Timepoint, timepoints=[one.timepoint for one in found])
    waited_for = {key for _, keys in answers for key in keys}
    waiting = [
        Waiting(
            one,
            Wait(
                days=max((at - one.opened_at).days, 0),
                blocking=one.blocking,
                sent_back=sent_back[one.timepoint_id],
                reopened=one.cleared_at is not None,
                waited_for=one.timepoint_id in waited_for,
                first_of_site=places[one.timepoint_id] < first[one.timepoint.charter_id],
            ),
        )
        for one in found
    ]
    return sorted(waiting, key=lambda one: (-one.wait.points, one.review.opened_at, one.review.pk))


def _places(sites: Collection[int]) -> dict[int, int]:
    """Return for each timepoint that came to QC how many of its site came before it."""
    arrived = QcReview.objects.filter(timepoint__subject__site__in=sites, round=1).order_by("opened_at", "pk")
    places: dict[int, int] = {}
    counted: Counter[int] = Counter()
    for timepoint, site in arrived.values_list("timepoint", "timepoint__subject__site"):
        places[timepoint] = counted[site]
        counted[site] += 1
    return places


def passed_on_by(user: User) -> QuerySet[QcReview]:
    """Rounds that the person has passed, and that another one has to look at."""
    mine = QcReview.objects.filter(state=ReviewState.SECOND, decisions__decided_by=user)
    return mine.select_related("timepoint__subject__site", "timepoint__subject__trial").order_by("opened_at", "pk")


def timepoint_before(timepoint: Timepoint) -> Timepoint | None:
    """Return the subject's latest timepoint before this one that has images."""
    earlier = Timepoint.objects.filter(subject=timepoint.subject_id, order__lt=timepoint.order).order_by("-order")
    received = earlier.filter(image_state=ImageState.RECEIVED).select_related("subject__trial", "charter")
    return next((one for one in received if series_with_images(one).exists()), None)


def sent_back(timepoint: Timepoint) -> QcDecision | None:
    """Return the decision by which a timepoint went back to its site, while it is there."""
    if timepoint.qc_state != QcState.QUERIED:
        return None
    return final_decisions(timepoint).first()


def sent_back_at(sites: QuerySet[Site]) -> QuerySet[Any]:
    """Rounds by which timepoints went back to some sites and are there still."""
    later = QcReview.objects.filter(timepoint=OuterRef("timepoint"), round__gt=OuterRef("round"))
    failed = QcReview.objects.filter(
        ~Exists(later),
        state=ReviewState.FAILED,
        timepoint__qc_state=QcState.QUERIED,
        timepoint__subject__site__in=sites,
    )
    return failed.order_by("decided_at", "pk")


@dataclass(frozen=True, slots=True)
class Round:
    """A round as its history tells it: each decision with its signatures, and whom it waits for."""

    review: QcReview
    decisions: Sequence[tuple[QcDecision, Sequence[Signature]]]


def rounds_of(timepoint: Timepoint) -> list[Round]:
    """Return every round of a timepoint, the latest first."""
    reviews = timepoint.qc_reviews.prefetch_related("decisions__decided_by", "decisions__form").order_by("-round")
    return [
        Round(review, [(one, list(signing.signatures_on(one))) for one in review.decisions.all()]) for review in reviews
    ]


# --- how it went --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FirstDecision:
    """How the first decision on a part of a timepoint went."""

    site: str
    part: Part
    passed: bool


def first_decisions(sites: QuerySet[Site]) -> list[FirstDecision]:
    """Return the first decision on each part of each timepoint of some sites, of the rounds that are over."""
    last = QcDecision.objects.filter(review=OuterRef("pk")).order_by("-stage")
    decided = QcReview.objects.filter(
        timepoint__subject__site__in=sites, state__in=(ReviewState.CLEARED, ReviewState.FAILED)
    )
    # Cases that train readers say nothing of a site.
    decided = decided.exclude(timepoint__subject__state=SubjectState.CASE).annotate(
        images=Subquery(last.values("images_verdict")[:1]),
        form=Subquery(last.values("form_verdict")[:1]),
    )
    found: dict[tuple[int, Part], FirstDecision] = {}
    for timepoint, site, state, images, form in decided.order_by("timepoint", "round").values_list(
        "timepoint", "timepoint__subject__site__code", "state", "images", "form"
    ):
        # Rounds from before decisions were kept apart say how the images did.
        passed = images in GOOD if images else state == ReviewState.CLEARED
        found.setdefault((timepoint, Part.IMAGES), FirstDecision(site, Part.IMAGES, passed))
        if form:
            found.setdefault((timepoint, Part.FORM), FirstDecision(site, Part.FORM, form in GOOD))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class SiteHistory:
    """How a site has done so far: what passed at once, what was sent back lately and why, and what was found most."""

    passed: Mapping[str, tuple[int, int]]
    sent_back: Sequence[QcDecision]
    found: Sequence[tuple[str, int]]


def history_of(site: Site, *, but: Timepoint) -> SiteHistory:
    """Return a site's history in QC without one timepoint, whose page shows it."""
    sites = Site.objects.filter(pk=site.pk)
    passed: dict[str, tuple[int, int]] = {}
    for one in first_decisions(sites):
        good, all_of_them = passed.get(one.part, (0, 0))
        passed[one.part] = good + one.passed, all_of_them + 1
    sent_back = QcDecision.objects.filter(
        review__timepoint__subject__site=site, review__state=ReviewState.FAILED
    ).filter(Q(images_verdict=Verdict.FAIL) | Q(form_verdict=Verdict.FAIL))
    blocking = Finding.objects.filter(review__timepoint__subject__site=site, severity="block")
    found = blocking.exclude(review__timepoint=but).values_list("code", "review__timepoint").distinct()
    kinds = Counter(code for code, _ in found)
    lately = sent_back.exclude(review__timepoint=but).select_related("review__timepoint__subject", "decided_by")
    return SiteHistory(passed, list(lately.order_by("-decided_at")[:5]), kinds.most_common(5))
