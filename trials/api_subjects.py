"""The REST door of subjects and their timepoints: parse, call one service, answer."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import access
from compliance.api import Resource, Seen, ShownDigest
from compliance.api_lists import keys, words
from compliance.models import Signature
from compliance.signing import Intent
from trials import models, selectors
from trials.services import allocating, enrolling, leaving, visiting
from trials.subject_terms import MOST_OF_ARM


class SubjectSerializer(serializers.ModelSerializer):
    site = Seen(selectors.sites_seen_by)
    shown_sha256 = ShownDigest()

    class Meta:
        model = models.Subject
        fields = [
            "id",
            "site",
            "code",
            "screening_code",
            "reference_date",
            "state",
            "consent_withdrawn_on",
            "shown_sha256",
        ]
        read_only_fields = ["screening_code", "state", "consent_withdrawn_on"]


class EnrolInput(serializers.Serializer):
    """Day 1 of a subject that was screened, and its code where the charter gives another one now."""

    reference_date = serializers.DateField()
    code = serializers.CharField(required=False, validators=models.Subject._meta.get_field("code").validators)


class ReasonInput(serializers.Serializer):
    """Why."""

    reason = serializers.CharField(allow_blank=True)


class TimepointSerializer(serializers.ModelSerializer):
    subject_code = serializers.CharField(source="subject.code", read_only=True)

    class Meta:
        model = models.Timepoint
        fields = [
            "id",
            "subject",
            "subject_code",
            "code",
            "name",
            "day",
            "window",
            "image_state",
            "qc_state",
            "unscheduled",
        ]
        read_only_fields = fields


class SignatureInput(serializers.Serializer):
    """The signer's password again, the code of who has an app, and the `shown_sha256` of what is signed."""

    password = serializers.CharField(style={"input_type": "password"}, trim_whitespace=False)
    code = serializers.CharField(default="", allow_blank=True, max_length=40)
    shown_sha256 = serializers.RegexField("^[0-9a-f]{64}$")

    def intent(self, meaning: str) -> Intent:
        """Return what was given as a signature's intent."""
        said = self.validated_data
        return Intent(said["password"], meaning, said["shown_sha256"], code=said["code"])


class ConsentInput(SignatureInput):
    """When and why consent was withdrawn, signed."""

    withdrawn_on = serializers.DateField()
    reason = serializers.CharField(allow_blank=True, max_length=500)


class VisitInput(serializers.Serializer):
    """The day of a scan that the schedule does not plan, and why it was made."""

    date = serializers.DateField()
    reason = serializers.CharField(allow_blank=True, max_length=500)


class ArmInput(serializers.Serializer):
    """The arm of a subject, and why it is entered; the reason names no arm."""

    arm = serializers.CharField(allow_blank=True, max_length=MOST_OF_ARM)
    reason = serializers.CharField(allow_blank=True, max_length=500)


class ConsequenceSerializer(serializers.Serializer):
    """Something that an act would do, and to how many."""

    what = serializers.CharField()
    count = serializers.IntegerField()


class SubjectViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.CreateModelMixin, Resource):
    """Subjects of the sites that the person may know of."""

    serializer_class = SubjectSerializer
    filters = keys(trial="trial", site="site") | words("code", "state")
    permission = "trials.see_subjects"
    permissions_by_method = {"POST": "trials.enrol"}

    def visible(self) -> QuerySet[Any]:
        return selectors.subjects_seen_by(access.actor(self.request))

    def perform_create(self, serializer: Any) -> None:
        """Enrol a subject, or screen it where the charter asks for that; its visits are planned with it."""
        screened = selectors.screens(serializer.validated_data["site"].trial)
        serializer.instance = (enrolling.screen_subject if screened else enrolling.enrol_subject)(
            **serializer.validated_data, actor=access.actor(self.request), at=timezone.now()
        )

    @extend_schema(request=EnrolInput, responses=SubjectSerializer)
    @action(detail=True, methods=["post"], permission="trials.enrol", permissions_by_method={})
    def enrol(self, request: Request, pk: str) -> Response:
        """Enrol a subject that was screened."""
        return self._done(enrolling.enrol_screened, EnrolInput(data=request.data))

    @extend_schema(request=ReasonInput, responses=SubjectSerializer)
    @action(detail=True, methods=["post"], permission="trials.enrol", permissions_by_method={})
    def fail_screening(self, request: Request, pk: str) -> Response:
        """Record that a subject that was screened does not take part."""
        return self._done(enrolling.fail_screening, ReasonInput(data=request.data))

    @extend_schema(request=VisitInput, responses={201: TimepointSerializer})
    @action(detail=True, methods=["post"], permission="trials.add_visit", permissions_by_method={})
    def visits(self, request: Request, pk: str) -> Response:
        """Add a visit that the schedule does not plan."""
        subject = self.get_object()
        given = VisitInput(data=request.data)
        given.is_valid(raise_exception=True)
        added = visiting.add_visit(
            subject=subject, **given.validated_data, actor=access.actor(request), at=timezone.now()
        )
        return Response(TimepointSerializer(added).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ArmInput, responses=SubjectSerializer)
    @action(detail=True, methods=["post"], permission="trials.see_arms", permissions_by_method={})
    def arm(self, request: Request, pk: str) -> Response:
        """Enter or correct the arm; no answer tells it."""
        return self._done(allocating.allocate_arm, ArmInput(data=request.data))

    @extend_schema(methods=["get"], responses=ConsequenceSerializer(many=True))
    @extend_schema(methods=["post"], request=ConsentInput, responses=SubjectSerializer)
    @action(
        detail=True,
        methods=["get", "post"],
        permission="trials.enrol",
        permissions_by_method={},
        pagination_class=None,
    )
    def withdraw_consent(self, request: Request, pk: str) -> Response:
        """Say what the withdrawal of consent would do; or record it, signed."""
        subject = self.get_object()
        if request.method == "GET":
            return Response(ConsequenceSerializer(leaving.consequences(subject), many=True).data)
        given = ConsentInput(data=request.data)
        given.is_valid(raise_exception=True)
        said = given.validated_data
        leaving.withdraw_consent(
            subject=subject,
            withdrawn_on=said["withdrawn_on"],
            reason=said["reason"],
            signature=given.intent(Signature.Meaning.RESPONSIBILITY),
            actor=access.actor(request),
            at=timezone.now(),
        )
        return Response(SubjectSerializer(subject, context=self.get_serializer_context()).data)

    def _done(self, service: Any, given: Any) -> Response:
        subject = self.get_object()
        given.is_valid(raise_exception=True)
        actor = access.actor(self.request)
        subject = service(subject=subject, **given.validated_data, actor=actor, at=timezone.now())
        return Response(SubjectSerializer(subject, context=self.get_serializer_context()).data)


class TimepointViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Timepoints with the states of images and QC."""

    serializer_class = TimepointSerializer
    filters = keys(trial="subject__trial", site="subject__site", subject="subject") | words(
        "code", "image_state", "qc_state"
    )
    permission = "trials.see_subjects"

    def visible(self) -> QuerySet[Any]:
        return selectors.timepoints_seen_by(access.actor(self.request))
