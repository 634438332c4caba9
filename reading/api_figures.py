"""REST doors of figures: of agreement, of endpoints after the lock, and a reader's own. Each says its numbers too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from compliance import access
from compliance.api import Resource
from reading import agreement_figures, own_figures, selectors
from reading.exports import endpoint_figures, showing
from reading.exports.endpoint_figures import places
from reading.figure_files import KINDS, FigureFile
from reading.models import ReadTask
from reading.services import measuring
from trials.models import Trial
from trials.selectors import trials_of

_FILE = {(200, media_type): OpenApiTypes.BINARY for media_type in KINDS.values()}


def _in_path(name: str, values: Iterable[str] = ()) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.PATH, enum=list(values) or None)


def _told(base: str, name: str, said: str, rows: Iterable[Sequence[object]]) -> dict[str, Any]:
    """Return a figure as JSON: what it is, where its files are, and the numbers it shows, by their names."""
    header, *numbers = rows
    names = [str(one) for one in header]
    return {
        "name": name,
        "title": said,
        "files": {kind: f"{base}{kind}/" for kind in KINDS},
        "columns": names,
        "rows": [list(row) for row in numbers],
    }


def _file(found: FigureFile) -> HttpResponse:
    return HttpResponse(found.content, content_type=found.media_type)


class _OfTrials(Resource):
    """Figures by trial."""

    def get_queryset(self) -> QuerySet[Any]:
        """Return the person's trials."""
        fake = getattr(self, "swagger_fake_view", False)
        return Trial.objects.none() if fake else trials_of(access.actor(self.request))


class VariabilityViewSet(_OfTrials):
    """Reader agreement, by trial."""

    permission = "reading.see_results"

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Statistics of agreement between the trial's readers, from the reads signed so far."""
        return Response(self._report(request))

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"], url_path="figures")
    def figures(self, request: Request, pk: str) -> Response:
        """List the figures of the report, where to take each, and the numbers that it shows."""
        report = self._report(request)
        told = [
            _told(f"{request.path}{figure.name}/", figure.name, figure.said, figure.rows(report))
            for figure in agreement_figures.FIGURES.values()
        ]
        return Response({"figures": told})

    @extend_schema(
        operation_id="v1_trials_variability_figure_retrieve",
        parameters=[_in_path("name", agreement_figures.FIGURES), _in_path("kind", KINDS)],
        responses=_FILE,
    )
    @action(detail=True, methods=["get"], url_path=r"figures/(?P<name>[\w-]+)/(?P<kind>\w+)")
    def figure(self, request: Request, pk: str, name: str, kind: str) -> HttpResponse:
        """One figure of the report as SVG or PNG, or the numbers it shows as CSV."""
        trial, actor, at = self.get_object(), access.actor(request), timezone.now()
        return _file(measuring.show_figure(trial=trial, name=name, kind=kind, actor=actor, at=at))

    def _report(self, request: Request) -> Mapping[str, Any]:
        trial = self.get_object()
        return measuring.show_variability(trial=trial, actor=access.actor(request), at=timezone.now())


class EndpointsViewSet(_OfTrials):
    """Endpoints of locked trials; before the lock there are none."""

    permission = "reading.see_endpoints"

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def retrieve(self, request: Request, pk: str) -> Response:
        """What the figures are drawn from: each subject's course and times, as accepted and by each reader."""
        trial = self.get_object()
        return Response(showing.show_endpoints(trial=trial, actor=access.actor(request), at=timezone.now()).to_json())

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"], url_path="figures")
    def figures(self, request: Request, pk: str) -> Response:
        """List the figures by set of results, where to take each, and the numbers that it shows."""
        trial = self.get_object()
        found = showing.show_endpoints(trial=trial, actor=access.actor(request), at=timezone.now())
        told = []
        for figure, place, sets in places(found):
            base = f"{request.path}{place}/{figure.name}/"
            told.append({"results": place, **_told(base, figure.name, figure.said, figure.rows(found, sets))})
        return Response({"figures": told})

    @extend_schema(
        operation_id="v1_trials_endpoints_figure_retrieve",
        parameters=[_in_path("results"), _in_path("name", endpoint_figures.FIGURES), _in_path("kind", KINDS)],
        responses=_FILE,
    )
    @action(detail=True, methods=["get"], url_path=r"figures/(?P<results>[\w-]+)/(?P<name>[\w-]+)/(?P<kind>\w+)")
    def figure(self, request: Request, pk: str, results: str, name: str, kind: str) -> HttpResponse:
        """One endpoint figure as SVG or PNG, or the numbers it shows as CSV."""
        trial, asked = self.get_object(), {"results": results, "name": name, "kind": kind}
        found = showing.show_figure(trial=trial, **asked, actor=access.actor(request), at=timezone.now())
        return _file(found)


class OwnFiguresViewSet(Resource):
    """A reader's own work in figures; nothing of anybody else."""

    permission = "reading.read"

    def get_queryset(self) -> QuerySet[Any]:
        """Return the reader's own signed reads."""
        fake = getattr(self, "swagger_fake_view", False)
        return ReadTask.objects.none() if fake else selectors.signed_by(access.actor(self.request))

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def list(self, request: Request) -> Response:
        """List the reader's own figures, where to take each, and the numbers that it shows."""
        reads = own_figures.own_reads(self.get_queryset())
        told = [
            _told(f"{request.path}{figure.name}/", figure.name, figure.said, figure.rows(reads))
            for figure in own_figures.FIGURES.values()
        ]
        return Response({"figures": told})

    @extend_schema(
        operation_id="v1_my_figure_retrieve",
        parameters=[_in_path("name", own_figures.FIGURES), _in_path("kind", KINDS)],
        responses=_FILE,
    )
    @action(detail=False, methods=["get"], url_path=r"(?P<name>[\w-]+)/(?P<kind>\w+)")
    def figure(self, request: Request, name: str, kind: str) -> HttpResponse:
        """One of the reader's own figures as SVG or PNG, or the numbers it shows as CSV."""
        return _file(own_figures.figure_file(own_figures.own_reads(self.get_queryset()), name, kind))


def register(router: BaseRouter) -> None:
    """Add the figures to the API's router."""
    router.register("trials-variability", VariabilityViewSet, basename="trial-variability")
    router.register("trials-endpoints", EndpointsViewSet, basename="trial-endpoints")
    router.register("my-figures", OwnFiguresViewSet, basename="my-figure")
