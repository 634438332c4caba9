"""How the REST doors answer a refusal, and how a view set says its verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NoReturn

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import routers, serializers, viewsets
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from compliance import access, api_conditions, audit, once, programs, signing
from compliance.api_lists import By, Narrowed, Pages
from compliance.api_token import TokenRefused
from compliance.errors import HouseError
from compliance.models import AnsweredRequest, ApiToken, User


def answer_problem(problem: Exception, context: dict[str, Any]) -> Response | None:
    """Answer a `HouseError` with its code and sentence; leave the rest to the framework. Refusals are recorded.

    They are recorded here, and not where they are found, because the page of a resource asks about methods that
    nobody used.
    """
    request, view = context["request"], context["view"]
    if isinstance(problem, access.AccessDenied):
        verb, about = str(problem.details.get("verb", "")), problem.details.get("about")
        audit.denied(request._request, verb, timezone.now(), about)
    elif isinstance(problem, PermissionDenied | Http404):
        audit.denied(request._request, _verb(request, view), timezone.now(), getattr(view, "refused", None))
    if isinstance(problem, once.AnsweredBefore):
        return problem.response()
    if isinstance(problem, TokenRefused):
        said = {"code": problem.default_code, "detail": str(problem.detail)}
        return Response(said, status=problem.status_code, headers={"WWW-Authenticate": "Bearer"})
    if isinstance(problem, HouseError):
        return Response({"code": problem.code, "detail": problem.message}, status=problem.status)
    return exception_handler(problem, context)


def _verb(request: Request, view: APIView) -> str:
    by_method: dict[str, str] = getattr(view, "permissions_by_method", {})
    otherwise: str = view.permission  # type: ignore[attr-defined]
    return by_method.get(request.method or "", otherwise)


class Verb(BasePermission):
    """Permission of a view: the verb in `view.permission`, or per method in `view.permissions_by_method`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, ApiToken) and not programs.lets(request.auth, request.method):
            raise access.AccessDenied(programs.ONLY_LOOKS, verb=_verb(request, view))
        return self._answer(request, view, None)

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        view.refused = obj  # type: ignore[attr-defined]  # what the record of a refusal is about
        return self._answer(request, view, obj)

    def _answer(self, request: Request, view: APIView, about: Any) -> bool:
        verb = _verb(request, view)
        if verb == access.SIGNED_IN:
            return isinstance(request.user, User)
        if not (isinstance(request.user, User) and access.may(request.user, verb, about)):
            return False
        access.pass_gates(request.user, verb, about)
        return True


class Resource(viewsets.GenericViewSet[Any]):
    """A resource: a verb per method, and records out of what the person can see.

    A request that names a key is done once (`compliance.once`); one that names what it starts from is refused when
    that changed (`compliance.api_conditions`).

    Attributes
    ----------
    filters
        By what its list can be narrowed.
    checks_itself
        Actions whose service compares `If-Match` in its own transaction.
    """

    permission_classes = [Verb]
    filter_backends = [Narrowed]
    pagination_class = Pages
    filters: ClassVar[Mapping[str, By]] = {}
    checks_itself: ClassVar[frozenset[str]] = frozenset()
    _begun: AnsweredRequest | None = None
    permission: str
    permissions_by_method: dict[str, str] = {}
    lookup_value_regex = r"\d+"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Ask who it is and whether they may; then whether this was done before, and starts from what there is."""
        super().initial(request, *args, **kwargs)
        self._begun = once.begin(request, access.actor(request), timezone.now())
        expected = request.headers.get("If-Match", "")
        of_record = (self.lookup_url_kwarg or self.lookup_field) in self.kwargs
        # A method that the resource does not take has no action, and is refused as such.
        step = self.action if request.method not in SAFE_METHODS else None
        if expected and of_record and step and step not in self.checks_itself:
            method = str(request.method).lower()
            setattr(self, method, self._from(expected, getattr(self, method)))

    def _from(self, expected: str, step: Callable[..., Any]) -> Callable[..., Any]:
        """Return a step that begins with the comparison; until it ends, nobody else changes the record."""

        def compared(request: Request, *args: Any, **kwargs: Any) -> Any:
            with transaction.atomic():
                held = self.get_object()
                # Without the key: what others add beside the record need not wait.
                type(held)._base_manager.select_for_update(no_key=True).filter(pk=held.pk).first()
                api_conditions.require(expected, self.tag(self.get_object()))
                try:
                    return step(request, *args, **kwargs)
                except (HouseError, APIException, Http404) as problem:
                    refused = problem  # what it left on record stays there
            raise refused

        return compared

    def tag(self, record: Any) -> str:
        """Return the tag with which a record is answered."""
        return api_conditions.tag_of(self.get_serializer(record).data)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep what is answered to a request that may come again; name what is answered by its tag."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if self._begun is not None:
            once.end(self._begun, response)
        is_json = getattr(getattr(response, "accepted_renderer", None), "format", "") == "json"
        if request.method in SAFE_METHODS and response.status_code == 200 and is_json and hasattr(response, "data"):
            tag = api_conditions.tag_of(response.data)
            if "ETag" not in response:
                response["ETag"] = tag
            if api_conditions.names(request.headers.get("If-None-Match", ""), tag):
                response.add_post_render_callback(lambda _: api_conditions.unchanged(tag))
        return response

    def visible(self) -> QuerySet[Any]:
        """Return the records that the person can see at all."""
        raise NotImplementedError

    def get_queryset(self) -> QuerySet[Any]:
        """Return what the person can see; nothing while the schema is being written."""
        model = self.serializer_class.Meta.model  # type: ignore[union-attr]
        return model.objects.none() if getattr(self, "swagger_fake_view", False) else self.visible().order_by("pk")


class ShownDigest(serializers.CharField):
    """The digest of what a signature on the record would cover; whoever signs sends it back as it was received."""

    def __init__(self, **kwargs: Any) -> None:
        told = "Digest of what a signature would cover. Send it back to sign."
        super().__init__(**{"source": "*", "read_only": True, "help_text": told, **kwargs})

    def to_representation(self, record: Any) -> str:
        """Return the digest of the record as it is now."""
        return signing.digest(record.shown_content())


@extend_schema_field(OpenApiTypes.INT)
class Seen(serializers.PrimaryKeyRelatedField[Any]):
    """A record named by its key, out of those that the person can see; any other is refused as if it did not exist."""

    def __init__(self, visible: access.Visible | None = None, **kwargs: Any) -> None:
        self.visible = visible
        super().__init__(**kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        """Return what the person can see."""
        assert self.visible is not None
        return self.visible(access.actor(self.context["request"]))

    def fail(self, key: str, **values: Any) -> NoReturn:
        """Refuse a key outside of what the person can see, so that it is recorded."""
        if key == "does_not_exist":
            raise access.AccessDenied(f"There is no such {self.field_name}, or it is not yours.", verb="see")
        super().fail(key, **values)


class Root(routers.APIRootView):
    """The resources there are."""

    permission_classes = [Verb]
    permission = access.SIGNED_IN


class Router(routers.DefaultRouter):
    """Addresses of the resources, one each."""

    APIRootView = Root
    include_format_suffixes = False
