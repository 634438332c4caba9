"""REST door of the further forms: every version, for those who may know of its site."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import mixins, serializers

from compliance import access
from compliance.api import Resource
from compliance.api_lists import keys, words
from trials.models import SiteForm
from trials.selectors_forms import forms_seen_by


class SiteFormSerializer(serializers.ModelSerializer):
    site_code = serializers.CharField(source="site.code", read_only=True)
    subject_code = serializers.CharField(source="subject.code", default="", read_only=True)
    timepoint_code = serializers.CharField(source="timepoint.code", default="", read_only=True)
    charter_version = serializers.IntegerField(source="charter.version", read_only=True)
    title = serializers.CharField(source="terms.title", read_only=True)
    declared = serializers.SerializerMethodField(
        help_text="Every field of the form, as that version of the charter declares it; null: not declared."
    )

    class Meta:
        model = SiteForm
        fields = [
            "id",
            "code",
            "title",
            "site",
            "site_code",
            "subject",
            "subject_code",
            "timepoint",
            "timepoint_code",
            "version",
            "state",
            "correction_reason",
            "begun_at",
            "signed_at",
            "charter_version",
            "declared",
            "confirmed",
        ]
        read_only_fields = fields

    def get_declared(self, form: SiteForm) -> dict[str, Any]:
        return form.declared


class SiteFormViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """The charter's further forms as sites filled them in, every version, at the sites that the person may know of."""

    serializer_class = SiteFormSerializer
    filters = keys(trial="site__trial", site="site", subject="subject", timepoint="timepoint") | words("code", "state")
    permission = "trials.see_forms"

    def visible(self) -> QuerySet[Any]:
        return forms_seen_by(access.actor(self.request))
