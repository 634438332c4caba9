"""REST doors of the protocol: parse, call one service, answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from compliance import access
from compliance.api import Resource, Seen, ShownDigest
from compliance.api_lists import keys, words
from compliance.models import Signature, User
from trials import models, selectors
from trials.api_edc import ExchangeInput, ExchangeSerializer, told
from trials.api_forms import SiteFormViewSet
from trials.api_queries import QueryViewSet
from trials.api_sites import QualificationViewSet, ScannerViewSet
from trials.api_subjects import ReasonInput, SignatureInput, SubjectViewSet, TimepointViewSet
from trials.charter import TEMPLATES
from trials.services import exchanging, setting_up


class TrialSerializer(serializers.ModelSerializer):
    template = serializers.ChoiceField(
        [(one.name, one.title) for one in TEMPLATES],
        write_only=True,
        required=False,
        help_text="The charter to start from.",
    )

    class Meta:
        model = models.Trial
        fields = ["id", "code", "title", "indication", "sponsor_name", "state", "template"]
        read_only_fields = ["state"]


class CharterSerializer(serializers.ModelSerializer):
    shown_sha256 = ShownDigest()

    class Meta:
        model = models.ImagingCharter
        fields = ["id", "trial", "version", "state", "change_summary", "content", "sha256", "shown_sha256", "signed_at"]
        read_only_fields = ["trial", "version", "state", "sha256", "signed_at"]

    def to_representation(self, charter: models.ImagingCharter) -> dict[str, Any]:
        """Return a version as whoever asks may know it."""
        told = selectors.charter_told(charter, access.actor(self.context["request"]))
        return {**super().to_representation(charter), "content": told}


class SiteSerializer(serializers.ModelSerializer):
    trial = Seen(selectors.trials_of)

    class Meta:
        model = models.Site
        fields = ["id", "trial", "code", "name", "country"]


class ApplicationEntitySerializer(serializers.ModelSerializer):
    site = Seen(selectors.sites_seen_by)

    class Meta:
        model = models.ApplicationEntity
        fields = ["id", "site", "title", "description", "active"]
        read_only_fields = ["active"]


class MembershipSerializer(serializers.ModelSerializer):
    # Typed in, as on the page: a list would tell who else has an account on this installation.
    user = serializers.SlugRelatedField(
        slug_field="username", queryset=User.objects.all(), style={"base_template": "input.html"}
    )
    trial = Seen(selectors.trials_of)
    site = Seen(selectors.sites_seen_by, required=False, allow_null=True)

    class Meta:
        model = models.Membership
        fields = ["id", "trial", "user", "role", "site", "granted_at", "until"]
        read_only_fields = ["granted_at"]


@extend_schema_field(OpenApiTypes.INT)
class TrialToJoin(Seen):
    """The trial for whose sake an account is made; accounts themselves belong to none."""


class PersonSerializer(serializers.ModelSerializer):
    trial = TrialToJoin(selectors.trials_of, write_only=True)

    class Meta:
        model = User
        fields = ["id", "username", "full_name", "email", "trial", "password"]
        extra_kwargs = {
            # Whether the name is taken is for the service to say, whatever its capitals.
            "username": {"validators": [UnicodeUsernameValidator()]},
            "email": {"required": False},
            "password": {"write_only": True, "style": {"input_type": "password"}},
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Hold the password against the installation's rules, and against the person's own user name and address."""
        person = User(username=attrs["username"], full_name=attrs["full_name"], email=attrs.get("email", ""))
        try:
            validate_password(attrs["password"], person)
        except ValidationError as problem:
            raise serializers.ValidationError({"password": problem.messages}) from problem
        return attrs


class TrialViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.CreateModelMixin, Resource):
    """Trials of the signed-in person."""

    serializer_class = TrialSerializer
    filters = words("code", "state")
    permission = "trials.see"
    permissions_by_method = {"POST": "trials.create"}

    def visible(self) -> QuerySet[Any]:
        return selectors.trials_of(access.actor(self.request))

    def perform_create(self, serializer: Any) -> None:
        """Create a trial with its draft charter."""
        serializer.instance = setting_up.create_trial(
            **serializer.validated_data, actor=access.actor(self.request), at=timezone.now()
        )

    @extend_schema(request=None, responses={201: CharterSerializer})
    @action(detail=True, methods=["post"], permission="trials.administer", permissions_by_method={})
    def amend(self, request: Request, pk: str) -> Response:
        """Open the next charter version as a draft."""
        charter = setting_up.amend_charter(
            trial=self.get_object(), change_summary="", actor=access.actor(request), at=timezone.now()
        )
        answer = CharterSerializer(charter, context=self.get_serializer_context())
        return Response(answer.data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ExchangeInput, responses=ExchangeSerializer)
    @action(detail=True, methods=["post"], permission="trials.enrol", permissions_by_method={})
    def edc(self, request: Request, pk: str) -> Response:
        """Look at a file of an EDC system, line by line; or take it, all of it or nothing."""
        trial, actor, at = self.get_object(), access.actor(request), timezone.now()
        given = ExchangeInput(data=request.data)
        given.is_valid(raise_exception=True)
        found = exchanging.read_exchange(trial=trial, content=given.content(), actor=actor, at=at)
        taken = given.validated_data["take"]
        if taken:
            rows, visits = exchanging.as_said(found)
            found = exchanging.take_exchange(trial=trial, rows=rows, visits=visits, actor=actor, at=at)
        return Response(told(found, taken=taken))


class CharterViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.UpdateModelMixin, Resource):
    """Charter versions; a draft may be replaced and signed."""

    serializer_class = CharterSerializer
    filters = keys(trial="trial") | words("state")
    checks_itself = frozenset({"update"})
    http_method_names = ["get", "put", "post", "head", "options"]
    permission = "trials.see_charter"
    permissions_by_method = {"PUT": "trials.administer"}

    def visible(self) -> QuerySet[Any]:
        return selectors.charters_seen_by(access.actor(self.request))

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "If-Match",
                str,
                OpenApiParameter.HEADER,
                description="The ETag of the draft that was changed: the digest of its content, in quotes.",
            )
        ]
    )
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Replace a draft's content; with If-Match, only if nobody else saved it meanwhile."""
        return super().update(request, *args, **kwargs)

    def tag(self, charter: models.ImagingCharter) -> str:
        """Return the digest of the content, with which a version is answered."""
        return f'"{charter.sha256}"'

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Tell with one version the digest by which `PUT` knows it again."""
        if "sha256" in (getattr(response, "data", None) or {}):
            response["ETag"] = f'"{response.data["sha256"]}"'
        return super().finalize_response(request, response, *args, **kwargs)

    def perform_update(self, serializer: Any) -> None:
        """Replace a draft's content."""
        expected = self.request.headers.get("If-Match", "").strip()
        serializer.instance = setting_up.edit_charter(
            charter=serializer.instance,
            shown_sha256="" if expected == "*" else expected.strip('"'),
            content=serializer.validated_data["content"],
            change_summary=serializer.validated_data.get("change_summary", ""),
            actor=access.actor(self.request),
            at=timezone.now(),
        )

    @extend_schema(request=SignatureInput, responses=CharterSerializer)
    @action(detail=True, methods=["post"], permission="trials.administer", permissions_by_method={})
    def sign(self, request: Request, pk: str) -> Response:
        """Sign a draft: it comes into force."""
        return self._signed(setting_up.sign_charter, Signature.Meaning.APPROVAL, request)

    @extend_schema(request=SignatureInput, responses=CharterSerializer)
    @action(detail=True, methods=["post"], permission="trials.review_charter", permissions_by_method={})
    def review(self, request: Request, pk: str) -> Response:
        """Sign that a draft was reviewed; it does not change until it is opened again."""
        return self._signed(setting_up.review_charter, Signature.Meaning.REVIEW, request)

    @extend_schema(request=ReasonInput, responses=CharterSerializer)
    @action(detail=True, methods=["post"], permission="trials.administer", permissions_by_method={})
    def reopen(self, request: Request, pk: str) -> Response:
        """Make a reviewed version a draft again, with a reason; it then needs a new review."""
        charter = self.get_object()
        given = ReasonInput(data=request.data)
        given.is_valid(raise_exception=True)
        charter = setting_up.reopen_charter(
            charter=charter,
            reason=given.validated_data["reason"],
            actor=access.actor(request),
            at=timezone.now(),
        )
        return Response(self.get_serializer(charter).data)

    def _signed(self, step: Callable[..., Any], meaning: str, request: Request) -> Response:
        charter = self.get_object()
        given = SignatureInput(data=request.data)
        given.is_valid(raise_exception=True)
        signature = given.intent(meaning)
        charter = step(charter=charter, signature=signature, actor=access.actor(request), at=timezone.now())
        return Response(self.get_serializer(charter).data)


class SiteViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.CreateModelMixin, Resource):
    """Sites that the person may know of."""

    serializer_class = SiteSerializer
    filters = keys(trial="trial") | words("code")
    permission = "trials.see_subjects"
    permissions_by_method = {"POST": "trials.administer"}

    def visible(self) -> QuerySet[Any]:
        return selectors.sites_seen_by(access.actor(self.request))

    def perform_create(self, serializer: Any) -> None:
        """Add a site to a trial."""
        serializer.instance = setting_up.add_site(
            **serializer.validated_data, actor=access.actor(self.request), at=timezone.now()
        )


class ApplicationEntityViewSet(mixins.ListModelMixin, mixins.CreateModelMixin, Resource):
    """Scanners and archives that may send, by calling AE title."""

    serializer_class = ApplicationEntitySerializer
    filters = keys(trial="site__trial", site="site") | words("title")
    permission = "trials.see_subjects"
    permissions_by_method = {"POST": "trials.administer"}

    def visible(self) -> QuerySet[Any]:
        sites = selectors.sites_seen_by(access.actor(self.request))
        return models.ApplicationEntity.objects.filter(site__in=sites)

    def perform_create(self, serializer: Any) -> None:
        """Let a scanner or archive send for its site."""
        serializer.instance = setting_up.add_application_entity(
            **serializer.validated_data, actor=access.actor(self.request), at=timezone.now()
        )


class PersonViewSet(mixins.ListModelMixin, mixins.CreateModelMixin, Resource):
    """People with a role now in the trials that the person administers; a new account gets its role by a membership."""

    serializer_class = PersonSerializer
    filters = words("username")
    permission = "trials.administer"

    def visible(self) -> QuerySet[Any]:
        memberships = selectors.memberships_administered_by(access.actor(self.request))
        return User.objects.filter(pk__in=memberships.values("user"))

    def perform_create(self, serializer: Any) -> None:
        """Make an account for somebody who is to join the trial."""
        serializer.instance = setting_up.create_user(
            **{"email": "", **serializer.validated_data}, actor=access.actor(self.request), at=timezone.now()
        )


class MembershipViewSet(mixins.ListModelMixin, mixins.CreateModelMixin, Resource):
    """Current memberships in the trials that the person administers."""

    serializer_class = MembershipSerializer
    filters = keys(trial="trial", site="site") | words("role")
    permission = "trials.administer"

    def visible(self) -> QuerySet[Any]:
        return selectors.memberships_administered_by(access.actor(self.request))

    def perform_create(self, serializer: Any) -> None:
        """Give a person a role."""
        data = serializer.validated_data
        serializer.instance = setting_up.grant_membership(
            trial=data["trial"],
            user=data["user"],
            role=models.Role(data["role"]),
            site=data.get("site"),
            until=data.get("until"),
            actor=access.actor(self.request),
            at=timezone.now(),
        )


def register(router: BaseRouter) -> None:
    """Add this room's resources to the API's router."""
    router.register("trials", TrialViewSet, basename="trial")
    router.register("charters", CharterViewSet, basename="charter")
    router.register("sites", SiteViewSet, basename="site")
    router.register("qualifications", QualificationViewSet, basename="qualification")
    router.register("scanners", ScannerViewSet, basename="scanner")
    router.register("application-entities", ApplicationEntityViewSet, basename="application-entity")
    router.register("people", PersonViewSet, basename="person")
    router.register("memberships", MembershipViewSet, basename="membership")
    router.register("subjects", SubjectViewSet, basename="subject")
    router.register("timepoints", TimepointViewSet, basename="timepoint")
    router.register("site-forms", SiteFormViewSet, basename="site-form")
    router.register("queries", QueryViewSet, basename="query")
