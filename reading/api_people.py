"""REST doors of who reads, to be read: exclusions, and draws with what they knew."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import mixins, serializers

from compliance import access
from compliance.api import Resource
from compliance.api_lists import keys
from reading import models, selectors_people


class ReaderExclusionSerializer(serializers.ModelSerializer):
    """Who is not given which site or subject, and why; ended ones say when and why."""

    person = serializers.CharField(source="person.username")
    site = serializers.CharField(source="site.code", allow_null=True, default=None)
    subject = serializers.CharField(source="subject.code", allow_null=True, default=None)

    class Meta:
        model = models.ReaderExclusion
        fields = [
            "id",
            "trial",
            "person",
            "site",
            "subject",
            "kind",
            "reason",
            "recorded_at",
            "ended_at",
            "end_reason",
        ]
        read_only_fields = fields


class DrawSerializer(serializers.ModelSerializer):
    """How a subject's readers were drawn: with the trial's seed, `chance` gives `readers` again."""

    trial = serializers.IntegerField(source="subject.trial_id")
    subject = serializers.CharField(source="subject.code")
    charter_version = serializers.IntegerField(source="charter.version")

    class Meta:
        model = models.Draw
        fields = ["id", "trial", "subject", "charter_version", "chance", "readers", "drawn_at"]
        read_only_fields = fields


class ReaderExclusionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Exclusions in the trials whose reading the person follows."""

    serializer_class = ReaderExclusionSerializer
    filters = keys(trial="trial")
    permission = "reading.see_progress"

    def visible(self) -> QuerySet[Any]:
        return selectors_people.exclusions_seen_by(access.actor(self.request))


class DrawViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Draws of readers in the trials whose reading the person follows."""

    serializer_class = DrawSerializer
    filters = keys(trial="subject__trial")
    permission = "reading.see_progress"

    def visible(self) -> QuerySet[Any]:
        return selectors_people.draws_seen_by(access.actor(self.request))
