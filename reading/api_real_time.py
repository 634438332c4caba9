"""REST doors of reads on a clock: what a reader is told of one, and what those see who wait for the answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import access
from compliance.api import Resource, Seen
from compliance.api_lists import keys, words
from reading.blinded import BlindedDue
from reading.models import RealTimeRead
from reading.pages_real_time import outcome_for
from reading.selectors_real_time import clock_of, real_time_reads_seen_by
from reading.services import asking
from trials.selectors import timepoints_seen_by


class DueSerializer(serializers.Serializer):
    """Until when a read is waited for; nothing while its clock rests."""

    due_at = serializers.DateTimeField(allow_null=True)


class QuestionSerializer(serializers.Serializer):
    """What is asked of the reader beside the criteria, and what is answered so far."""

    asks = serializers.CharField()
    answers = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    verdict = serializers.CharField()
    words = serializers.CharField()
    reason = serializers.CharField()
    derived = serializers.CharField()


class OutcomeSerializer(serializers.Serializer):
    """What came of a read on a clock, as far as the person is told."""

    verdict = serializers.CharField()
    words = serializers.CharField()
    reason = serializers.CharField()
    derived = serializers.CharField()


class RealTimeReadSerializer(serializers.ModelSerializer):
    """A read on a clock; `outcome` is empty before the answer, and for those whom the charter does not tell."""

    clock = serializers.SerializerMethodField()
    outcome = serializers.SerializerMethodField()

    class Meta:
        model = RealTimeRead
        fields = [
            "id",
            "timepoint_id",
            "purpose",
            "round",
            "state",
            "reason",
            "asked_at",
            "started_at",
            "answered_at",
            "noted_at",
            "clock",
            "outcome",
        ]
        read_only_fields = fields

    @extend_schema_field(DueSerializer(allow_null=True))
    def get_clock(self, question: RealTimeRead) -> object:
        """Until when an answer is due."""
        clock = clock_of(question)
        return DueSerializer(BlindedDue(clock.due_at)).data if clock else None

    @extend_schema_field(OutcomeSerializer(allow_null=True))
    def get_outcome(self, question: RealTimeRead) -> object:
        """The answer, as far as this person is told."""
        found = outcome_for(access.actor(self.context["request"]), question)
        return OutcomeSerializer(found).data if found else None


class AskProgressionInput(serializers.Serializer):
    """Where progression is to be verified, and why."""

    timepoint = Seen(timepoints_seen_by)
    reason = serializers.CharField(max_length=1000)


class RealTimeReadViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Reads that a decision at a site waits for."""

    serializer_class = RealTimeReadSerializer
    filters = keys(
        trial="timepoint__subject__trial",
        site="timepoint__subject__site",
        subject="timepoint__subject",
        timepoint="timepoint",
    ) | words("state")
    permission = "reading.watch_real_time"
    permissions_by_method = {"POST": "reading.ask_real_time"}

    def visible(self) -> QuerySet[Any]:
        return real_time_reads_seen_by(access.actor(self.request))

    @extend_schema(request=AskProgressionInput, responses={201: RealTimeReadSerializer})
    def create(self, request: Request) -> Response:
        """Ask that progression be verified at a timepoint of the own site."""
        given = AskProgressionInput(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        question = asking.ask_progression(**given.validated_data, actor=access.actor(request), at=timezone.now())
        return Response(self.get_serializer(question).data, status=HTTPStatus.CREATED)
