"""Questions about discordant cases that their two readers settle together."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from compliance.models import User
from reading.models import Adjudication, ReadTask
from reading.states import AdjudicationState
from trials.models import Role
from trials.selectors import trials_of


def meetings_of(reader: User) -> QuerySet[Adjudication]:
    """Cases without an adjudicator that the person read, in trials where the person is a reader now."""
    own = ReadTask.objects.filter(timepoint__subject=OuterRef("subject"), reader=reader)
    found = Adjudication.objects.filter(adjudicator=None, subject__trial__in=trials_of(reader, Role.READER))
    found = found.filter(Exists(own)).exclude(state=AdjudicationState.WITHDRAWN)
    return found.select_related("subject__trial", "timepoint").order_by("blinded_code")


def read_the_case(user: User, adjudication: Adjudication) -> bool:
    """Tell whether a person is one of the readers whose reads differ."""
    return ReadTask.objects.filter(timepoint__subject=adjudication.subject_id, reader=user).exists()
