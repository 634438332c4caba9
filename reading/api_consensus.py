"""The REST door of cases that two readers settle together: both sides unnamed, as their page shows them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from compliance import access
from compliance.api import Resource
from reading import blinding, pages, selectors_consensus
from reading.api import BlindedAdjudicationSerializer, CaseRowSerializer
from reading.models import Adjudication
from reading.services import adjudicating

_CODE = OpenApiParameter("blinded_code", OpenApiTypes.STR, OpenApiParameter.PATH, description="Code of the case.")


class ConsensusViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Cases that the reader settles with the other one."""

    serializer_class = CaseRowSerializer
    permission = "reading.meet"
    lookup_field = "blinded_code"
    lookup_value_regex = r"[A-Z0-9-]+"

    def get_queryset(self) -> QuerySet[Any]:
        """Return the person's own cases, in the order of their codes."""
        if getattr(self, "swagger_fake_view", False):
            return Adjudication.objects.none()
        return selectors_consensus.meetings_of(access.actor(self.request)).select_related("timepoint__charter")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the reader's cases."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        assert page is not None
        return self.get_paginated_response(self.get_serializer([pages.case_row(one) for one in page], many=True).data)

    @extend_schema(parameters=[_CODE], responses=BlindedAdjudicationSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Look at a case: both sides' reads. Each look is recorded."""
        case = adjudicating.open_case(adjudication=self.get_object(), actor=access.actor(request), at=timezone.now())
        return Response(BlindedAdjudicationSerializer(blinding.blinded_adjudication(case)).data)


def register(router: BaseRouter) -> None:
    """Add this resource to the API's router."""
    router.register("consensus-cases", ConsensusViewSet, basename="consensus-case")
