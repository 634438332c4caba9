from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.subject import Subject
from trials.models.trial import Trial
from trials.states import FREEZE, FreezeLevel, FreezeState


class Freeze(Record):
    """Data of a trial were closed before its lock: a subject, or (interim lock) a set of subjects up to a visit.

    What it covers is closed from the first signature until it is lifted. `number` counts the freezes of its level.
    """

    machines = {"state": FREEZE}

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="freezes")
    level = models.CharField(max_length=10, choices=[(level, level.title()) for level in FreezeLevel])
    number = models.PositiveSmallIntegerField()
    purpose = models.CharField("what it is for", max_length=200)
    cut_off = models.CharField("last visit covered", max_length=12, blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    lifted_at = models.DateTimeField(null=True)
    lifted_because = models.CharField("why it was lifted", max_length=1000, blank=True)
    state = models.CharField(max_length=10, choices=[(s, s.title()) for s in FreezeState], default=FreezeState.PROPOSED)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trial", "level", "number"], name="freeze_number_once_per_level")
        ]
        ordering = ["-made_at", "-pk"]

    def __str__(self) -> str:
        return f"interim lock {self.number}" if self.is_interim else f"subject freeze {self.number}"

    @property
    def is_interim(self) -> bool:
        """Whether it is an interim lock, of which a package is built."""
        return self.level == FreezeLevel.INTERIM

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        return "it was lifted" if self.state == FreezeState.LIFTED else self.trial.frozen_by()

    def charter_signed_under(self) -> int | None:
        return self.trial.charter_signed_under()

    def signed_content(self) -> dict[str, object]:
        """Return what each of its people signs: all of them the same; who lifts it, with the reason."""
        covered = self.covered.select_related("subject")
        told = content_of_freeze(self, [(one.subject.code, one.through) for one in covered])
        return {**told, "lifted_because": self.lifted_because} if self.lifted_because else told


def content_of_freeze(freeze: Freeze, covered: Iterable[tuple[str, int | None]]) -> dict[str, object]:
    """Return what is signed of a freeze, perhaps one that is not stored yet, and of what it covers."""
    return {
        "trial": freeze.trial.code,
        "level": freeze.level,
        "number": freeze.number,
        "purpose": freeze.purpose,
        "cut_off": freeze.cut_off,
        # In the order of Python's sort, not of a database's.
        "subjects": sorted([code, through] for code, through in covered),
    }


class FrozenSubject(Record):
    """A subject that a freeze covers: visits up to the one of order `through`, or (None) all that there is of it.

    This is what is frozen, for every level; `Subject.frozen_through` asks it, and so does the database
    (`trials.frozen_sql`). `state` is the subject's own as it was then: consent may be withdrawn under an interim lock.
    """

    freeze = models.ForeignKey(Freeze, on_delete=models.PROTECT, related_name="covered")
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="freezes")
    through = models.PositiveSmallIntegerField(null=True)
    state = models.CharField(max_length=20)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["freeze", "subject"], name="subject_once_per_freeze")]
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.subject.code} in {self.freeze}"

    def scope(self) -> Scope:
        return self.freeze.scope()

    def frozen_by(self) -> str:
        return "what a freeze covers is kept as it was" if self.pk else self.freeze.frozen_by()
