"""Consent as whoever takes images in must ask for it: of a subject that withdrew it, nothing enters the archive."""

from __future__ import annotations

from collections.abc import Collection

from compliance.errors import HouseError
from trials.models import Subject, Timepoint
from trials.states import SubjectState


class ConsentWithdrawn(HouseError):
    """The subject's consent was withdrawn, so its images may not be taken up."""

    code = "consent_withdrawn"
    status = 409


def sentence_about(subject: Subject) -> str:
    """Say why nothing of a subject is taken up, and what to do with what came."""
    return (
        f"Consent of subject {subject.code} was withdrawn, so none of its images may be taken up. "
        "Set what came aside, and tell whoever sends it."
    )


def require_consent(subject: Subject) -> None:
    """Refuse to take images of a subject whose consent was withdrawn.

    Raises
    ------
    ConsentWithdrawn
    """
    if Subject.objects.filter(pk=subject.pk, state=SubjectState.CONSENT_WITHDRAWN).exists():
        raise ConsentWithdrawn(sentence_about(subject))


def locked_without_consent(timepoints: Collection[int]) -> set[int]:
    """Lock timepoints, by their keys; return those of subjects whose consent was withdrawn.

    Whoever withdraws consent locks them too, so that it is before or after, and never meanwhile.
    """
    list(Timepoint.objects.filter(pk__in=timepoints).order_by("pk").select_for_update().values_list("pk"))
    gone = Timepoint.objects.filter(pk__in=timepoints, subject__state=SubjectState.CONSENT_WITHDRAWN)
    return set(gone.values_list("pk", flat=True))
