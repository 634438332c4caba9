"""Questions about global reviews: whose they are, and whether a subject's readers have made theirs."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import OuterRef, QuerySet, Subquery

from compliance.models import User
from reading.models import GlobalReview, ReadTask
from reading.states import GlobalReviewState, ReadState
from trials.models import ImagingCharter, Role, Subject
from trials.selectors import trials_of

SIGNED = (GlobalReviewState.SIGNED, GlobalReviewState.LOCKED)


def reviews_of(reader: User) -> QuerySet[GlobalReview]:
    """The reader's own global reviews, in trials where the person is a reader now; `case_code` is the case's name."""
    own = ReadTask.objects.filter(timepoint__subject=OuterRef("subject"), slot=OuterRef("slot")).order_by("order")
    mine = GlobalReview.objects.filter(reader=reader, subject__trial__in=trials_of(reader, Role.READER))
    mine = mine.exclude(state=GlobalReviewState.WITHDRAWN)
    mine = mine.annotate(case_code=Subquery(own.values("case_code")[:1]))
    return mine.select_related("subject__trial", "reader").order_by("blinded_code")


def signed_reviews(subject: Subject) -> Mapping[int, GlobalReview]:
    """The signed global reviews of a subject, by place of the reader."""
    return {one.slot: one for one in GlobalReview.objects.filter(subject=subject, state__in=SIGNED)}


def is_reviewed(subject: Subject, charter: ImagingCharter | None, through: int | None = None) -> bool:
    """Tell whether every reader of a subject has signed a global review, where the charter asks for one.

    Of a subject that is read no further, what was signed stands without. Up to a visit, the one of order `through`,
    nothing is reviewed: a review rests on all of them.
    """
    if charter is None or not charter.terms.reads.global_review or subject.is_read_no_further:
        return True
    if through is not None:
        return False
    given = ReadTask.objects.filter(timepoint__subject=subject).exclude(state=ReadState.WITHDRAWN)
    return set(given.values_list("slot", flat=True)) <= set(signed_reviews(subject))
