"""REST doors of qualification, to be read: where sites stand, and their scanners."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import mixins, serializers

from compliance import access
from compliance.api import Resource
from compliance.api_lists import keys, words
from trials import models
from trials.selectors import sites_seen_by
from trials.selectors_sites import Standing, scanners_seen_by, standing_of, with_qualification


class QualificationSerializer(serializers.ModelSerializer):
    """Where a site stands by the charter in force."""

    is_open = serializers.SerializerMethodField(help_text="Subjects may be enrolled.")
    missing = serializers.SerializerMethodField(help_text="What is missing, each with who can do it.")
    qualified_at = serializers.SerializerMethodField()
    expires_on = serializers.SerializerMethodField()

    class Meta:
        model = models.Site
        fields = ["id", "trial", "code", "is_open", "missing", "qualified_at", "expires_on"]
        read_only_fields = fields

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._found: dict[int, Standing] = {}

    def _standing(self, site: models.Site) -> Standing:
        if site.pk not in self._found:
            self._found[site.pk] = standing_of(site, timezone.now())
        return self._found[site.pk]

    def get_is_open(self, site: models.Site) -> bool:
        """Whether nothing keeps the site from enrolling."""
        return self._standing(site).is_open

    def get_missing(self, site: models.Site) -> list[str]:
        """What is missing, in words."""
        return self._standing(site).missing

    def get_qualified_at(self, site: models.Site) -> dt.datetime | None:
        """When the qualification that stands was signed."""
        held = self._standing(site).qualification
        return held.qualified_at if held else None

    def get_expires_on(self, site: models.Site) -> dt.date | None:
        """Until when it holds, if the charter says so."""
        held = self._standing(site).qualification
        return held.expires_on if held else None


class ScannerSerializer(serializers.ModelSerializer):
    class Meta:
        model = models.Scanner
        fields = [
            "id",
            "site",
            "modality",
            "manufacturer",
            "model_name",
            "serial_number",
            "software",
            "state",
            "registered_at",
        ]
        read_only_fields = fields


class QualificationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Where the sites stand that the person may know of: whether they may enrol, and what is missing."""

    serializer_class = QualificationSerializer
    filters = keys(trial="trial") | words("code")
    permission = "trials.see_subjects"

    def visible(self) -> QuerySet[Any]:
        return with_qualification(sites_seen_by(access.actor(self.request)))


class ScannerViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Registered scanners of the sites that the person may know of."""

    serializer_class = ScannerSerializer
    filters = keys(trial="site__trial", site="site") | words("state")
    permission = "trials.see_subjects"

    def visible(self) -> QuerySet[Any]:
        return scanners_seen_by(access.actor(self.request))
