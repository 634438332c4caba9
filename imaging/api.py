"""REST doors of the imaging room, to look only: deliveries, what waits in quarantine, transfer forms, and rounds of QC.

No DICOM identifier and no value of a header is among the fields; images leave by the pages and read tasks.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from compliance import access
from compliance.api import Resource
from compliance.api_lists import keys, words
from imaging import selectors
from imaging.models import Finding, QcDecision, QcReview, Transfer, TransferForm
from imaging.selectors_recognised import recognised_in
from imaging.services import following
from imaging.states import HoldReason

TRANSFER_STATES = Transfer._meta.get_field("state").choices
FORM_STATES = TransferForm._meta.get_field("state").choices
REVIEW_STATES = QcReview._meta.get_field("state").choices


class TransferSerializer(serializers.ModelSerializer):
    site_code = serializers.CharField(source="site.code", read_only=True)
    total = serializers.IntegerField(read_only=True)
    archived = serializers.IntegerField(read_only=True)
    held = serializers.IntegerField(read_only=True)

    class Meta:
        model = Transfer
        fields = [
            "public_id",
            "site",
            "site_code",
            "timepoint",
            "door",
            "sender",
            "state",
            "opened_at",
            "closed_at",
            "total",
            "archived",
            "held",
        ]
        read_only_fields = fields


class RecognisedSeriesSerializer(serializers.Serializer):
    """What one series of a delivery amounts to so far, in instances; sentences say why some are held."""

    modality = serializers.CharField()
    timepoint = serializers.IntegerField(source="timepoint.pk", allow_null=True, default=None)
    received = serializers.IntegerField()
    archived = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    held = serializers.IntegerField()
    sentences = serializers.ListField(child=serializers.CharField())


class TransferDetailSerializer(TransferSerializer):
    series = serializers.SerializerMethodField()
    settled = serializers.SerializerMethodField(help_text="Nothing of the delivery is still worked on.")

    class Meta(TransferSerializer.Meta):
        fields = [*TransferSerializer.Meta.fields, "series", "settled"]

    @extend_schema_field(RecognisedSeriesSerializer(many=True))
    def get_series(self, transfer: Transfer) -> Any:
        return RecognisedSeriesSerializer(recognised_in(transfer).series, many=True).data

    def get_settled(self, transfer: Transfer) -> bool:
        return following.follow(transfer).settled


class HeldGroupSerializer(serializers.Serializer):
    """Instances of one delivery and one scan that wait in quarantine for the same reason."""

    transfer = serializers.UUIDField(source="transfer.public_id")
    site = serializers.IntegerField(source="transfer.site_id")
    reason = serializers.ChoiceField(choices=[reason.value for reason in HoldReason])
    sentence = serializers.CharField()
    modality = serializers.CharField()
    count = serializers.IntegerField()
    received_at = serializers.DateTimeField()
    assignable = serializers.BooleanField(help_text="Saying where the images belong would help.")


class FindingSerializer(serializers.ModelSerializer):
    class Meta:
        model = Finding
        fields = ["id", "series", "code", "severity", "sentence", "evidence", "verdict", "verdict_reason"]
        read_only_fields = fields


class TransferFormSerializer(serializers.ModelSerializer):
    subject_code = serializers.CharField(source="timepoint.subject.code", read_only=True)
    timepoint_code = serializers.CharField(source="timepoint.code", read_only=True)
    charter_version = serializers.IntegerField(source="charter.version", read_only=True)
    declared = serializers.SerializerMethodField(help_text="Every item that the charter asks for; null: not declared.")

    class Meta:
        model = TransferForm
        fields = [
            "id",
            "timepoint",
            "subject_code",
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

    def get_declared(self, form: TransferForm) -> dict[str, Any]:
        return form.declared


class DecisionSerializer(serializers.ModelSerializer):
    """What one person decided in a round; a part that stands since an earlier one names that round."""

    form_version = serializers.IntegerField(source="form.version", allow_null=True, default=None, read_only=True)

    class Meta:
        model = QcDecision
        fields = [
            "stage",
            "decided_at",
            "images_verdict",
            "images_reason",
            "images_round",
            "form_version",
            "form_verdict",
            "form_reason",
            "form_round",
            "answers",
            "comment",
            "second_because",
        ]
        read_only_fields = fields


class ReviewSerializer(serializers.ModelSerializer):
    subject_code = serializers.CharField(source="timepoint.subject.code", read_only=True)
    timepoint_code = serializers.CharField(source="timepoint.code", read_only=True)

    class Meta:
        model = QcReview
        fields = [
            "id",
            "timepoint",
            "subject_code",
            "timepoint_code",
            "round",
            "state",
            "opened_at",
            "decided_at",
            "comment",
        ]
        read_only_fields = fields


class ReviewDetailSerializer(ReviewSerializer):
    findings = FindingSerializer(many=True, read_only=True)
    decisions = DecisionSerializer(many=True, read_only=True)

    class Meta(ReviewSerializer.Meta):
        fields = [*ReviewSerializer.Meta.fields, "findings", "decisions"]


class TransferViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Deliveries of the sites that the person may know of; one of them with what was recognised in it."""

    serializer_class = TransferSerializer
    filters = keys(trial="site__trial", site="site", timepoint="timepoint") | words("state")
    permission = "imaging.see_transfers"
    lookup_field = "public_id"
    lookup_value_regex = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"

    def visible(self) -> QuerySet[Any]:
        return selectors.with_counts(selectors.transfers_seen_by(access.actor(self.request)))

    def get_serializer_class(self) -> type[serializers.ModelSerializer]:
        """Add the recognised series to one delivery asked for by itself."""
        return TransferDetailSerializer if self.action == "retrieve" else TransferSerializer


class HeldViewSet(Resource):
    """What waits in quarantine at the sites that the person may know of, oldest first."""

    serializer_class = HeldGroupSerializer
    permission = "imaging.see_transfers"

    def get_queryset(self) -> Any:
        """Return the groups; they are counted from instances, and no table holds them."""
        return selectors.held_groups_seen_by(access.actor(self.request))

    @extend_schema(responses=HeldGroupSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List the groups of held instances, each with its reason."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(HeldGroupSerializer(page, many=True).data)


class TransferFormViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """What sites declared of their scans, every version, at the sites that the person may know of."""

    serializer_class = TransferFormSerializer
    filters = keys(
        trial="timepoint__subject__trial",
        site="timepoint__subject__site",
        subject="timepoint__subject",
        timepoint="timepoint",
    ) | words("state")
    permission = "imaging.see_transfers"

    def visible(self) -> QuerySet[Any]:
        return selectors.transfer_forms_seen_by(access.actor(self.request))


class ReviewViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Rounds of quality control of sites that the person may know of; one of them with its findings and decisions."""

    serializer_class = ReviewSerializer
    filters = keys(
        trial="timepoint__subject__trial",
        site="timepoint__subject__site",
        subject="timepoint__subject",
        timepoint="timepoint",
    ) | words("state")
    permission = "imaging.see_qc"

    def visible(self) -> QuerySet[Any]:
        return selectors.reviews_seen_by(access.actor(self.request))

    def get_serializer_class(self) -> type[serializers.ModelSerializer]:
        """Add the findings to one round asked for by itself."""
        return ReviewDetailSerializer if self.action == "retrieve" else ReviewSerializer


def register(router: BaseRouter) -> None:
    """Add this room's resources to the API's router."""
    router.register("transfers", TransferViewSet, basename="transfer")
    router.register("held-groups", HeldViewSet, basename="held-group")
    router.register("transfer-forms", TransferFormViewSet, basename="transfer-form")
    router.register("qc-reviews", ReviewViewSet, basename="qc-review")
