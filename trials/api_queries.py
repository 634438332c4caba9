"""REST door of the queries: list, raise, discuss, answer, close and reopen them, by the services of the pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import access
from compliance.api import Resource
from compliance.api_lists import keys, words
from trials import askable, models, selectors
from trials.services import querying


class QueryMessageSerializer(serializers.ModelSerializer):
    author = serializers.CharField(source="author.username", read_only=True)

    class Meta:
        model = models.QueryMessage
        fields = ["author", "at", "text"]
        read_only_fields = fields


class QuerySerializer(serializers.ModelSerializer):
    messages = QueryMessageSerializer(many=True, read_only=True)

    class Meta:
        model = models.Query
        fields = [
            "id",
            "trial",
            "site",
            "timepoint",
            "about_type",
            "about_id",
            "about_field",
            "about_label",
            "title",
            "state",
            "raised_at",
            "due_on",
            "answered_at",
            "closed_at",
            "escalated_at",
            "messages",
        ]
        # Also so that the page of a resource offers no list of records to choose from.
        read_only_fields = fields


class MessageInput(serializers.Serializer):
    """A contribution to a query's thread."""

    text = serializers.CharField(allow_blank=True)


class AskInput(serializers.Serializer):
    """What is asked, and about which records: one query is raised for each."""

    about = serializers.ListField(
        child=serializers.CharField(max_length=200),
        min_length=1,
        max_length=100,
        help_text="Kind, number and perhaps field of a record: trials.timepoint:7, trials.siteform:3:EGFR.",
    )
    title = serializers.CharField(max_length=120)
    text = serializers.CharField(max_length=4000)

    def validate_about(self, keys: list[str]) -> list[askable.About]:
        """Find what the keys name; what the person may not know of is refused as if it did not exist."""
        found = [askable.find(access.actor(self.context["request"]), key) for key in keys]
        if None in found:
            raise access.AccessDenied(f"There is no record {keys[found.index(None)]}, or it is not yours.", verb="see")
        return [one for one in found if one is not None]


class QueryViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Queries to the sites that the person may know of."""

    serializer_class = QuerySerializer
    filters = keys(trial="trial", site="site", timepoint="timepoint") | words("state")
    permission = "trials.see_queries"
    permissions_by_method = {"POST": "trials.raise_query"}

    def visible(self) -> QuerySet[Any]:
        return selectors.with_threads(selectors.queries_seen_by(access.actor(self.request)))

    # In so many words: what is answered here is never divided into pages.
    @extend_schema(
        request=AskInput, responses={201: {"type": "array", "items": {"$ref": "#/components/schemas/Query"}}}
    )
    def create(self, request: Request) -> Response:
        """Ask about one record or several: a query each."""
        given = AskInput(data=request.data, context={"request": request})
        given.is_valid(raise_exception=True)
        raised = querying.raise_queries(**given.validated_data, actor=access.actor(request), at=timezone.now())
        return Response(QuerySerializer(raised, many=True).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=MessageInput, responses=QuerySerializer)
    @action(detail=True, methods=["post"], permission="trials.discuss_query", permissions_by_method={})
    def comment(self, request: Request, pk: str) -> Response:
        """Say something on a thread that is not closed; whose turn it is stays as it was."""
        return self._speak(querying.comment_on_query, request)

    @extend_schema(request=MessageInput, responses=QuerySerializer)
    @action(detail=True, methods=["post"], permission="trials.answer_query", permissions_by_method={})
    def answer(self, request: Request, pk: str) -> Response:
        """Answer a query, as its site."""
        return self._speak(querying.answer_query, request)

    @extend_schema(request=MessageInput, responses=QuerySerializer)
    @action(detail=True, methods=["post"], permission="trials.raise_query")
    def close(self, request: Request, pk: str) -> Response:
        """Close a query that needs nothing more."""
        return self._speak(querying.close_query, request)

    @extend_schema(request=MessageInput, responses=QuerySerializer)
    @action(detail=True, methods=["post"], permission="trials.raise_query")
    def reopen(self, request: Request, pk: str) -> Response:
        """Ask again on the same thread, with the reason; it is due anew."""
        return self._speak(querying.reopen_query, request)

    def _speak(self, service: Callable[..., Any], request: Request) -> Response:
        query = self.get_object()
        given = MessageInput(data=request.data)
        given.is_valid(raise_exception=True)
        service(query=query, text=given.validated_data["text"], actor=access.actor(request), at=timezone.now())
        return Response(QuerySerializer(self.visible().get(pk=query.pk)).data)
