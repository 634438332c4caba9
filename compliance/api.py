"""How the REST doors answer a refusal, and how a view set says its verb."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import viewsets
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from compliance import access, audit
from compliance.errors import HouseError


def answer_problem(problem: Exception, context: dict[str, Any]) -> Response | None:
    """Answer a `HouseError` with its code and sentence; leave the rest to the framework."""
    if isinstance(problem, access.AccessDenied):
        verb, about = str(problem.details.get("verb", "")), problem.details.get("about")
        audit.denied(context["request"]._request, verb, timezone.now(), about)
    if isinstance(problem, HouseError):
        return Response({"code": problem.code, "detail": problem.message}, status=problem.status)
    return exception_handler(problem, context)


class Verb(BasePermission):
    """Permission of a view: the verb in `view.permission`, or per method in `view.permissions_by_method`."""

    def _verb(self, request: Request, view: APIView) -> str:
        by_method: dict[str, str] = getattr(view, "permissions_by_method", {})
        otherwise: str = view.permission  # type: ignore[attr-defined]
        return by_method.get(request.method or "", otherwise)

    def has_permission(self, request: Request, view: APIView) -> bool:
        return self._answer(request, view, None)

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return self._answer(request, view, obj)

    def _answer(self, request: Request, view: APIView, about: Any) -> bool:
        verb = self._verb(request, view)
        if verb == access.SIGNED_IN or access.may(request.user, verb, about):
            return True
        audit.denied(request._request, verb, timezone.now(), about)
        return False


class Resource(viewsets.GenericViewSet[Any]):
    """A resource: a verb per method, and records out of what the person can see."""

    permission_classes = [Verb]
    permission: str
    permissions_by_method: dict[str, str] = {}
    lookup_value_regex = r"\d+"

    def visible(self) -> QuerySet[Any]:
        """Return the records that the person can see at all."""
        raise NotImplementedError

    def get_queryset(self) -> QuerySet[Any]:
        """Return what the person can see; nothing while the schema is being written."""
        model = self.serializer_class.Meta.model  # type: ignore[union-attr]
        return model.objects.none() if getattr(self, "swagger_fake_view", False) else self.visible().order_by("pk")
