"""Questions about the pictures: deliveries, what waits and why, series, and rounds of QC."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum, When

from compliance.models import User
from imaging.models import (
    Finding,
    Instance,
    QcReview,
    ReceivedInstance,
    RecipePreview,
    Series,
    Transfer,
    TransferForm,
    WebUpload,
)
from imaging.states import (
    UNDECIDED,
    HoldReason,
    OriginalState,
    ReceivedState,
    ReviewState,
    TransferState,
)
from trials.models import Role, Timepoint, Trial
from trials.selectors import sites_seen_by, timepoints_seen_by, trials_of
from trials.states import LEFT, FormState, ImageState, SubjectState
from trials.subject_terms import READ_NO_FURTHER

#: Kind of the job that works on what a delivery brought.
PROCESS = "imaging.process_transfer"

#: Why a known scanner was refused, in the trail.
NOT_ENCRYPTED, OTHER_CERTIFICATE = "DICOM without encryption", "certificate of another AE title"
SWITCHED_OFF, OTHER_TITLE = "switched off", "calling AE title of no site, from its address"

#: What a hold reason means, for the page that lists what waits.
REASONS = {
    HoldReason.NOT_DICOM: "Not DICOM",
    HoldReason.EMPTY_FILE: "Empty file",
    HoldReason.TRUNCATED: "Cut off",
    HoldReason.MALFORMED: "Malformed",
    HoldReason.UID_CONFLICT: "Same identifier, other content",
    HoldReason.SUBJECT_UNKNOWN: "No subject of the trial",
    HoldReason.SUBJECT_OTHER_SITE: "Subject of another site",
    HoldReason.SUBJECT_MISMATCH: "Another subject than chosen",
    HoldReason.SUBJECT_WITHDRAWN: "Subject has left",
    HoldReason.CONSENT_WITHDRAWN: "Consent was withdrawn",
    HoldReason.TIMEPOINT_UNKNOWN: "No timepoint fits",
    HoldReason.NO_RECIPE: "No de-identification recipe",
    HoldReason.CANNOT_DEIDENTIFY: "Cannot be de-identified",
    HoldReason.PIXEL_REVIEW: "Waits for a look at its pixels",
    HoldReason.FACE_REVIEW: "Waits for a look at its face mask",
    HoldReason.LEAK_FOUND: "Identifier still found",
    HoldReason.OVER_BUDGET: "Too costly to read",
    HoldReason.DAMAGED_AT_REST: "Stored original damaged",
    HoldReason.TRIAL_LOCKED: "Trial or visit is locked",
}
#: Reasons for which somebody at the core lab looks at the images.
LOOKED_AT = frozenset({HoldReason.PIXEL_REVIEW, HoldReason.FACE_REVIEW})
#: Reasons that may go away when a person says where the images belong, or has put right what was missing.
ASSIGNABLE = frozenset(
    {
        HoldReason.SUBJECT_UNKNOWN,
        HoldReason.SUBJECT_MISMATCH,
        HoldReason.TIMEPOINT_UNKNOWN,
        HoldReason.NO_RECIPE,
        HoldReason.DAMAGED_AT_REST,
    }
)


def transfers_seen_by(user: User) -> QuerySet[Transfer]:
    """Deliveries of the sites that the person may know of."""
    return Transfer.objects.filter(site__in=sites_seen_by(user)).select_related("site__trial", "timepoint__subject")


def uploads_seen_by(user: User) -> QuerySet[WebUpload]:
    """Resumable uploads into the deliveries of the sites that the person may know of."""
    seen = WebUpload.objects.filter(transfer__site__in=sites_seen_by(user))
    return seen.select_related("transfer__site__trial", "transfer__timepoint__subject")


@dataclass(frozen=True, slots=True)
class UnfinishedDelivery:
    """An upload that was begun and not finished: images that arrived, and files cut off on the way."""

    transfer: Transfer
    arrived: int
    cut_off: int


@dataclass(frozen=True, slots=True)
class UnfinishedUploads:
    """Unfinished deliveries through the upload page for a timepoint; `own` is one that the person may go on with."""

    deliveries: Sequence[UnfinishedDelivery]
    own: Transfer | None


def unfinished_uploads(timepoint: Timepoint, person: User) -> UnfinishedUploads:
    """Tell what was begun for a timepoint on the upload page and not finished, newest first."""
    begun = Transfer.objects.filter(
        timepoint=timepoint, site=timepoint.site, door=Transfer.Door.WEB, state=TransferState.OPEN
    ).select_related("uploaded_by")[:10]
    told = [
        UnfinishedDelivery(one, one.instances.count(), one.uploads.filter(state=WebUpload.State.RECEIVING).count())
        for one in begun
    ]
    own = next((one.transfer for one in told if one.transfer.uploaded_by_id == person.pk), None)
    return UnfinishedUploads([one for one in told if one.arrived or one.cut_off], own)


def transfers_of(timepoint: Timepoint) -> QuerySet[Transfer]:
    """Deliveries that brought images to a timepoint, or were begun for it."""
    brought = ReceivedInstance.objects.filter(timepoint=timepoint, transfer=OuterRef("pk"))
    return Transfer.objects.filter(Q(timepoint=timepoint) | Exists(brought)).select_related("site")


def transfer_forms_seen_by(user: User) -> QuerySet[TransferForm]:
    """Transfer forms, all their versions, of the sites that the person may know of."""
    seen = TransferForm.objects.filter(timepoint__in=timepoints_seen_by(user))
    return seen.select_related("timepoint__subject__site", "timepoint__subject__trial", "charter")


def transfer_forms_of(timepoint: Timepoint) -> QuerySet[TransferForm]:
    """Versions of a timepoint's transfer form, the latest first."""
    versions = timepoint.transfer_forms.order_by("-version")
    return versions.select_related("timepoint__subject__site", "timepoint__subject__trial", "charter")


def timepoints_without_form(timepoints: QuerySet[Timepoint]) -> QuerySet[Timepoint]:
    """Timepoints with images whose transfer form no coordinator has signed yet."""
    signed = TransferForm.objects.filter(timepoint=OuterRef("pk"), state=FormState.SIGNED)
    return timepoints.filter(~Exists(signed), image_state=ImageState.RECEIVED)


def with_counts(transfers: QuerySet[Transfer]) -> QuerySet[Transfer]:
    """Add to each delivery how many instances it brought, how many are worked on, archived, known before, and held."""
    return transfers.annotate(
        total=Count("instances"),
        worked_on=Count("instances", filter=Q(instances__state=ReceivedState.RECEIVED)),
        known=Count("instances", filter=Q(instances__state=ReceivedState.DUPLICATE)),
        archived=Count("instances", filter=Q(instances__state=ReceivedState.ARCHIVED)),
        held=Count("instances", filter=Q(instances__state=ReceivedState.HELD)),
    )


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """Instances of one delivery and one scan that wait for the same reason."""

    transfer: Transfer
    study: str
    reason: HoldReason
    sentence: str
    modality: str
    count: int
    received_at: dt.datetime

    @property
    def reason_label(self) -> str:
        """The reason in words."""
        return REASONS[self.reason]

    @property
    def assignable(self) -> bool:
        """Tell whether saying where the images belong would help."""
        return self.reason in ASSIGNABLE

    @property
    def is_looked_at(self) -> bool:
        """Tell whether the core lab looks at the images, so that nobody else need do anything."""
        return self.reason in LOOKED_AT

    @property
    def shows_a_face(self) -> bool:
        """Tell whether what is looked at is the mask of a face."""
        return self.reason == HoldReason.FACE_REVIEW


def held_groups_seen_by(user: User) -> list[HeldGroup]:
    """What waits in quarantine at the sites that the person may know of, oldest first."""
    held = ReceivedInstance.objects.filter(transfer__in=transfers_seen_by(user), state=ReceivedState.HELD)
    groups: dict[tuple[int, str, str], list[ReceivedInstance]] = {}
    for one in held.select_related("transfer__site__trial").order_by("pk"):
        groups.setdefault((one.transfer_id, one.study_uid_key, one.hold_reason), []).append(one)
    return [
        HeldGroup(
            transfer=first.transfer,
            study=study,
            reason=HoldReason(reason),
            sentence=first.hold_sentence,
            modality=first.modality,
            count=len(members),
            received_at=first.received_at,
        )
        for (_, study, reason), members in groups.items()
        for first in members[:1]
    ]


def held_in(transfer: Transfer, study: str, reason: str) -> QuerySet[ReceivedInstance]:
    """The instances of one held group."""
    return transfer.instances.filter(state=ReceivedState.HELD, study_uid_key=study, hold_reason=reason)


def held_count(trial: Trial) -> int:
    """How many instances of a trial wait in quarantine."""
    return ReceivedInstance.objects.filter(transfer__site__trial=trial, state=ReceivedState.HELD).count()


def timepoints_open_to_images(user: User, trial: Trial) -> QuerySet[Timepoint]:
    """Timepoints of subjects still in the trial to which the person may assign images."""
    seen = timepoints_seen_by(user).filter(subject__trial=trial)
    return seen.exclude(subject__state__in=LEFT).order_by("subject__code", "order")


def series_of(timepoint: Timepoint) -> QuerySet[Series]:
    """Series of a timepoint in the archive, with the number of their images (frames counted)."""
    series = Series.objects.filter(imaging_study__timepoint=timepoint)
    kept = Q(instances__stored_state=OriginalState.KEPT)
    return series.annotate(image_count=Sum("instances__frames", filter=kept, default=0)).order_by("number", "pk")


def series_with_images(timepoint: Timepoint) -> QuerySet[Series]:
    """Series of a timepoint that can still be looked at: not all of their images were erased."""
    kept = Instance.objects.filter(series=OuterRef("pk"), stored_state=OriginalState.KEPT)
    found = Series.objects.filter(Exists(kept), imaging_study__timepoint=timepoint)
    return found.select_related("imaging_study__trial", "imaging_study__timepoint").order_by("number", "pk")


def series_for_reading(timepoint: Timepoint) -> QuerySet[Series]:
    """Series of a timepoint that readers are shown."""
    return series_of(timepoint).filter(for_reading=True)


def series_seen_by(user: User) -> QuerySet[Series]:
    """Series of the sites that the person may know of."""
    seen = Series.objects.filter(imaging_study__timepoint__in=timepoints_seen_by(user))
    return seen.select_related("imaging_study__timepoint__subject__site", "imaging_study__timepoint__charter")


def reviews_seen_by(user: User) -> QuerySet[QcReview]:
    """Rounds of QC of the sites that the person may know of."""
    seen = QcReview.objects.filter(timepoint__in=timepoints_seen_by(user))
    return seen.select_related(
        "timepoint__subject__site", "timepoint__subject__trial", "timepoint__charter", "decided_by"
    )


def reviews_of(timepoint: Timepoint) -> QuerySet[QcReview]:
    """Rounds of QC of a timepoint, the latest first."""
    return timepoint.qc_reviews.select_related("decided_by").order_by("-round")


def with_clearance(reviews: QuerySet[QcReview]) -> QuerySet[Any]:
    """Add to open rounds `cleared_at`: when QC had cleared the timepoint before further images arrived, else None."""
    decided = QcReview.objects.filter(timepoint=OuterRef("timepoint"), round__lt=OuterRef("round"))
    before = decided.exclude(state=ReviewState.SUPERSEDED).order_by("-round")
    cleared = Case(When(decision=ReviewState.CLEARED, then=Subquery(before.values("decided_at")[:1])))
    return reviews.annotate(decision=Subquery(before.values("state")[:1])).annotate(cleared_at=cleared)


def reopened(reviews: QuerySet[QcReview]) -> QuerySet[Any]:
    """Of some rounds, the open ones of timepoints that QC had cleared before further images arrived."""
    return with_clearance(reviews.filter(state__in=UNDECIDED)).filter(cleared_at__isnull=False)


@dataclass(frozen=True, slots=True)
class LaterArrival:
    """What came after QC had cleared a timepoint: images, with what brought them, or a version of its transfer form."""

    cleared_at: dt.datetime
    transfers: Sequence[Transfer]
    form: bool


def later_arrival(timepoint: Timepoint) -> LaterArrival | None:
    """What arrived for a timepoint after it was cleared and waits for a new review, if anything does."""
    review = reopened(timepoint.qc_reviews.all()).first()
    if review is None:
        return None
    brought = ReceivedInstance.objects.filter(
        timepoint=timepoint, state=ReceivedState.ARCHIVED, received_at__gt=review.cleared_at
    )
    transfers = Transfer.objects.filter(pk__in=brought.values("transfer")).order_by("opened_at", "pk")
    form = transfer_forms_of(timepoint).filter(signed_at__gt=review.cleared_at).exists()
    return LaterArrival(review.cleared_at, list(transfers), form)


def reviews_open(user: User) -> QuerySet[QcReview]:
    """Rounds that wait for this analyst, the oldest first, with how many findings block or need a look."""
    trials = trials_of(user, Role.QC_ANALYST)
    waiting = reviews_seen_by(user).filter(state__in=UNDECIDED, timepoint__subject__trial__in=trials)
    waiting = waiting.exclude(timepoint__subject__state=SubjectState.SCREEN_FAILED).exclude(decisions__decided_by=user)
    waiting = waiting.exclude(timepoint__subject__images_rule__in=READ_NO_FURTHER)
    return (
        with_clearance(waiting)
        .annotate(
            blocking=Count("findings", filter=Q(findings__severity="block")),
            remarks=Count("findings", filter=Q(findings__severity="warn")),
        )
        .order_by("opened_at", "pk")
    )


def reviews_decided(trial: Trial) -> QuerySet[QcReview]:
    """Rounds of a trial that were decided, the latest first."""
    decided = QcReview.objects.filter(
        timepoint__subject__trial=trial, state__in=(ReviewState.CLEARED, ReviewState.FAILED)
    )
    return decided.select_related("timepoint__subject", "decided_by").order_by("-decided_at")


def findings_seen_by(user: User) -> QuerySet[Finding]:
    """Findings in the rounds that the person may see."""
    return Finding.objects.filter(review__in=reviews_seen_by(user)).select_related("review__timepoint__subject")


def previews_of(user: User) -> QuerySet[RecipePreview]:
    """What the person tries recipes on, and nobody else's."""
    return RecipePreview.objects.filter(person=user, trial__in=trials_of(user)).select_related(
        "trial", "charter", "other"
    )
