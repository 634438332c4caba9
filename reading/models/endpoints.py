from __future__ import annotations

from django.db import models

from trials.models import Trial


class EndpointReport(models.Model):
    """What a locked trial's endpoint figures are drawn from, as it was last computed: derived, made anew at any time.

    `as_of` is the number of the last event that changed what it rests on; after another one it is out of date.
    """

    trial = models.OneToOneField(Trial, primary_key=True, on_delete=models.CASCADE, related_name="+")
    as_of = models.BigIntegerField()
    report = models.JSONField()

    def __str__(self) -> str:
        return f"endpoints of {self.trial}"
