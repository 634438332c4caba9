"""The REST door of global reviews: what a reader sees of an own case as a whole."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from compliance import access
from compliance.api import Resource
from reading import blinding, pages, selectors_reviews
from reading.api import (
    BlindedTimepointSerializer,
    FigureSerializer,
    PresetSerializer,
    SideSerializer,
    TermSerializer,
)
from reading.models import GlobalReview
from reading.services import reviewing

_CODE = OpenApiParameter("blinded_code", OpenApiTypes.STR, OpenApiParameter.PATH, description="Code of the review.")


class ReviewRowSerializer(serializers.Serializer):
    """A global review in its reader's list."""

    code = serializers.CharField()
    case = serializers.CharField()
    state = serializers.CharField()
    signed_at = serializers.DateTimeField(allow_null=True)


class BlindedGlobalReviewSerializer(serializers.Serializer):
    """Everything a reader sees of a case that is reviewed; `reads` are the codes of the reads of `own`."""

    code = serializers.CharField()
    case = serializers.CharField()
    state = serializers.CharField()
    own = SideSerializer()
    reads = serializers.ListField(child=serializers.CharField())
    figures = FigureSerializer(many=True)
    terms = TermSerializer(many=True)
    timepoints = BlindedTimepointSerializer(many=True)
    presets = PresetSerializer(many=True)
    disclosed = serializers.DictField(child=serializers.CharField())


class GlobalReviewViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """The reader's own global reviews, under codes that tell nothing."""

    serializer_class = ReviewRowSerializer
    permission = "reading.review"
    lookup_field = "blinded_code"
    lookup_value_regex = r"[A-Z0-9-]+"

    def get_queryset(self) -> QuerySet[Any]:
        """Return the person's own reviews, in the order of their codes."""
        fake = getattr(self, "swagger_fake_view", False)
        return GlobalReview.objects.none() if fake else selectors_reviews.reviews_of(access.actor(self.request))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the reader's global reviews."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        assert page is not None
        return self.get_paginated_response(self.get_serializer([pages.review_row(one) for one in page], many=True).data)

    @extend_schema(parameters=[_CODE], responses=BlindedGlobalReviewSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Look at an own case as a whole. Each look is recorded."""
        review = reviewing.open_review(review=self.get_object(), actor=access.actor(request), at=timezone.now())
        return Response(BlindedGlobalReviewSerializer(blinding.blinded_global_review(review)).data)


def register(router: BaseRouter) -> None:
    """Add this resource to the API's router."""
    router.register("global-reviews", GlobalReviewViewSet, basename="global-review")
