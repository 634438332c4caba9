from __future__ import annotations

from django.db import models

from imaging.models.study import Series


class SeriesDisplay(models.Model):
    """What a viewer needs of a series: read from its files and made anew at any time, so that it needs no audit.

    `pictures` holds the facts of each instance (`imaging.display.facts`) by its number; None where its file cannot be
    read. `version` grows with each change.
    """

    series = models.OneToOneField(Series, primary_key=True, on_delete=models.CASCADE, related_name="display")
    pictures = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"display of {self.series}"
