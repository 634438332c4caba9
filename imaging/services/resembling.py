"""Comparing how a timepoint's scans look with the subject's earlier ones and with the site's other subjects'."""

from __future__ import annotations

from collections.abc import Mapping

from imaging.models import Fingerprint
from imaging.quality import Resemblance, SeriesFacts, likeness
from trials.models import Timepoint


def resemblances_of(timepoint: Timepoint, series: Mapping[str, SeriesFacts]) -> dict[str, Resemblance]:
    """Return how much each series looks like earlier scans, by the charter's label.

    Of the subject that is the scan before it, of the site's other subjects the latest one. A series that cannot be
    compared with the subject's own is left out: nothing can be said of a first scan.
    """
    subject = timepoint.subject
    rows = (
        Fingerprint.objects.filter(
            series__imaging_study__timepoint__subject__site_id=subject.site_id, series__label__in=series
        )
        .exclude(
            series__imaging_study__timepoint__subject=subject,
            series__imaging_study__timepoint__order__gte=timepoint.order,
        )
        .order_by("series__imaging_study__timepoint__order", "pk")
        .values_list("series__label", "series__imaging_study__timepoint__subject__code", "content")
    )
    latest: dict[str, dict[str, bytes]] = {}
    for label, code, content in rows:
        latest.setdefault(label, {})[code] = bytes(content)
    found = {}
    for label, item in series.items():
        contents = latest.get(label, {})
        own = contents.pop(subject.code, b"")
        alike = likeness(item.fingerprint, own) if own and item.fingerprint else None
        if alike is not None:
            others = {code: likeness(item.fingerprint, content) for code, content in contents.items()}
            found[label] = Resemblance(alike, {code: one for code, one in others.items() if one is not None})
    return found
