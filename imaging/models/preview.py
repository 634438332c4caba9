from __future__ import annotations

import datetime as dt
import uuid

from django.conf import settings
from django.db import models

from compliance.models.base import Scope
from trials.models import ImagingCharter, Trial


class RecipePreview(models.Model):
    """Files on which a person tries recipes, and what came of them, for a short while and for that person alone.

    A record of operation, like a job. The files lie in quarantine one behind the other, under a key that takes the
    trial's secret and `secret`; so does the result. When both are gone the row says so for a day.
    """

    #: For so long the result is kept, and files are that nobody could try.
    KEPT = dt.timedelta(minutes=30)
    #: Where they lie in quarantine.
    FOLDER = "previews"

    public_id = models.UUIDField(unique=True, default=uuid.uuid4)
    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    charter = models.ForeignKey(ImagingCharter, on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(ImagingCharter, null=True, on_delete=models.CASCADE, related_name="+")
    secret = models.BinaryField()
    #: Bytes of each file, in their order.
    sizes = models.JSONField()
    done = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    cleared_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"preview {self.pk} of {len(self.sizes)} files"

    def scope(self) -> Scope:
        """Return where it belongs; who may do what to it hangs on that."""
        return Scope(trial_id=self.trial_id)

    @property
    def files_key(self) -> str:
        """The files' place in quarantine."""
        return f"{self.FOLDER}/{self.public_id}.files"

    @property
    def result_key(self) -> str:
        """The result's place in quarantine."""
        return f"{self.FOLDER}/{self.public_id}.result"
