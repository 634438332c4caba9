from __future__ import annotations

from django.db import models

from imaging.models.study import Series


class SeriesDisplay(models.Model):
    """What a viewer needs of a series: read from its files and made anew at any time, so that it needs no audit.

    `pictures` holds the facts of each instance (`imaging.display.facts`) by its number; None where its file cannot be
    read. `copies` says likewise what its copy in the store `display` is, and where each frame lies in it, with its
    digest; None where none is of use. `version` grows with each change of these. Instances up to the number
    `prepared_to` have all of it. `thumbnail` is of the picture and window that `thumbnail_of` names.
    """

    series = models.OneToOneField(Series, primary_key=True, on_delete=models.CASCADE, related_name="display")
    pictures = models.JSONField(default=dict)
    copies = models.JSONField(default=dict)
    thumbnail = models.BinaryField(default=b"")
    thumbnail_of = models.CharField(max_length=120, blank=True)
    prepared_to = models.BigIntegerField(default=0)
    version = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"display of {self.series}"
