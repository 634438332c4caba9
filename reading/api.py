"""REST doors of the reading room: parse, call one service, answer.

What readers and adjudicators get is made of `reading.blinded` alone: a serializer here is never bound to a record.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from compliance import access
from compliance.api import Resource
from reading import api_figures, blinding, pages, selectors
from reading.api_packages import ImagePackageViewSet, PackageViewSet
from reading.api_people import DrawViewSet, ReaderExclusionViewSet
from reading.api_real_time import DueSerializer, QuestionSerializer, RealTimeReadViewSet
from reading.blinded import BlindedTask
from reading.models import Adjudication, ReadTask
from reading.services import adjudicating, assessing

_CODE = OpenApiParameter("blinded_code", OpenApiTypes.STR, OpenApiParameter.PATH, description="Code of the record.")


# --- blinded values ------------------------------------------------------------------------------------------


class SliceSerializer(serializers.Serializer):
    n = serializers.IntegerField()
    instance_key = serializers.CharField()
    frame = serializers.IntegerField()
    offset_mm = serializers.FloatField(allow_null=True)


class BlindedSeriesSerializer(serializers.Serializer):
    key = serializers.CharField()
    label: Any = serializers.CharField()
    modality = serializers.CharField()
    rows = serializers.IntegerField()
    columns = serializers.IntegerField()
    pixel_spacing_mm = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    slice_interval_mm = serializers.FloatField(allow_null=True)
    slices = SliceSerializer(many=True)


class StepSerializer(serializers.Serializer):
    rule = serializers.CharField()
    clause = serializers.CharField()
    result = serializers.CharField()


class FigureSerializer(serializers.Serializer):
    """One derived thing as it is written."""

    title = serializers.CharField()
    short = serializers.CharField()
    text = serializers.CharField()
    at_baseline = serializers.BooleanField()
    number = serializers.BooleanField()


class TermSerializer(serializers.Serializer):
    """A response that the criteria know; `degree` is its place among the ordered ones."""

    value = serializers.CharField()
    words = serializers.CharField()
    tone = serializers.CharField()
    degree = serializers.IntegerField(allow_null=True)


class DerivedSerializer(serializers.Serializer):
    """What was derived from a reader's entries; `figures` is what the criteria show beside the response."""

    overall = serializers.CharField()
    words = serializers.CharField()
    tone = serializers.CharField()
    figures = FigureSerializer(many=True)
    target = serializers.CharField()
    nontarget = serializers.CharField()
    new_lesion = serializers.BooleanField()
    sum_mm = serializers.DecimalField(None, None, allow_null=True)
    nadir_mm = serializers.DecimalField(None, None, allow_null=True)
    percent_from_baseline = serializers.DecimalField(None, None, allow_null=True)
    percent_from_nadir = serializers.DecimalField(None, None, allow_null=True)
    steps = StepSerializer(many=True)


class MeasurementSerializer(serializers.Serializer):
    timepoint = serializers.CharField()
    part = serializers.IntegerField()
    state = serializers.CharField()
    diameter_mm = serializers.DecimalField(None, None, allow_null=True)
    values: Any = serializers.DictField()
    said = serializers.CharField()
    series_key = serializers.CharField()
    slice = serializers.IntegerField(allow_null=True)
    instance_key = serializers.CharField()
    frame = serializers.IntegerField()
    reason = serializers.CharField()
    mark = serializers.CharField()


class LesionSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    label: Any = serializers.CharField()
    category = serializers.CharField()
    organ = serializers.CharField()
    nodal = serializers.BooleanField()
    description = serializers.CharField()
    prior = MeasurementSerializer(many=True)
    present = MeasurementSerializer(many=True)
    found_here = serializers.BooleanField()
    hints = serializers.ListField(child=serializers.CharField())
    region_ml = serializers.DecimalField(None, None, allow_null=True)


class BlindedTimepointSerializer(serializers.Serializer):
    title = serializers.CharField()
    series = BlindedSeriesSerializer(many=True)
    response = DerivedSerializer(allow_null=True)


class PresetSerializer(serializers.Serializer):
    name = serializers.CharField()
    centre = serializers.FloatField()
    width = serializers.FloatField()
    unit = serializers.CharField()


class ReadRowSerializer(serializers.Serializer):
    """A read in its reader's list."""

    code = serializers.CharField()
    case = serializers.CharField()
    title = serializers.CharField()
    state = serializers.CharField()
    is_open = serializers.BooleanField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    due = DueSerializer(allow_null=True)


class BlindedTaskSerializer(serializers.Serializer):
    """Everything a reader sees of a read."""

    code = serializers.CharField()
    case = serializers.CharField()
    title = serializers.CharField()
    state = serializers.CharField()
    is_baseline = serializers.BooleanField()
    by_itself = serializers.BooleanField()
    is_open = serializers.BooleanField()
    criteria = serializers.CharField()
    form = serializers.SerializerMethodField()
    terms = TermSerializer(many=True)
    version = serializers.IntegerField()
    image_quality = serializers.CharField()
    comment = serializers.CharField()
    answers: Any = serializers.DictField()
    answered = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    stated_response = serializers.CharField()
    stated_reason = serializers.CharField()
    presets = PresetSerializer(many=True)
    series = BlindedSeriesSerializer(many=True)
    earlier = BlindedTimepointSerializer(many=True)
    lesions = LesionSerializer(many=True)
    response = DerivedSerializer(allow_null=True)
    unanswered = serializers.ListField(child=serializers.CharField())
    disclosed = serializers.DictField(child=serializers.CharField())
    question = QuestionSerializer(allow_null=True)
    due = DueSerializer(allow_null=True)

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_form(self, task: BlindedTask) -> object:
        """What the criteria ask a reader to enter."""
        return task.form.to_json()


class CaseRowSerializer(serializers.Serializer):
    """An adjudication in its adjudicator's list."""

    code = serializers.CharField()
    title = serializers.CharField()
    state = serializers.CharField()
    triggers = serializers.ListField(child=serializers.CharField())
    decided_at = serializers.DateTimeField(allow_null=True)


class BlindedReadSerializer(serializers.Serializer):
    title = serializers.CharField()
    image_quality = serializers.CharField()
    comment = serializers.CharField()
    answered = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    stated_response = serializers.CharField()
    stated_reason = serializers.CharField()
    response = DerivedSerializer(allow_null=True)
    reviewed_response = serializers.CharField()
    reviewed_reason = serializers.CharField()
    lesions = LesionSerializer(many=True)


class MarkSerializer(serializers.Serializer):
    key = serializers.CharField()
    version = serializers.IntegerField()
    tool = serializers.CharField()
    series_key = serializers.CharField()
    instance_key = serializers.CharField()
    frame = serializers.IntegerField()
    points = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))
    view = serializers.DictField()
    software = serializers.CharField()
    measured = serializers.DictField()
    hints = serializers.ListField(child=serializers.CharField())
    lesion = serializers.IntegerField(allow_null=True)
    label: Any = serializers.CharField()
    part = serializers.IntegerField()
    removed = serializers.BooleanField()


class SideSerializer(serializers.Serializer):
    side = serializers.CharField()
    best_overall_response = serializers.CharField()
    progression = serializers.CharField()
    first_response = serializers.CharField()
    reads = BlindedReadSerializer(many=True)
    marks = MarkSerializer(many=True)


class TriggerSerializer(serializers.Serializer):
    name = serializers.CharField()
    title = serializers.CharField()
    left = serializers.CharField()
    right = serializers.CharField()


class CauseSerializer(serializers.Serializer):
    """Why the two sides differ; only of a decided case."""

    name = serializers.CharField()
    title = serializers.CharField()
    pairs = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    only_left = serializers.ListField(child=serializers.CharField())
    only_right = serializers.ListField(child=serializers.CharField())


class BlindedAdjudicationSerializer(serializers.Serializer):
    """Everything an adjudicator sees of a case."""

    code = serializers.CharField()
    case = serializers.CharField()
    title = serializers.CharField()
    state = serializers.CharField()
    triggers = TriggerSerializer(many=True)
    left = SideSerializer()
    right = SideSerializer()
    figures = FigureSerializer(many=True)
    timepoints = BlindedTimepointSerializer(many=True)
    presets = PresetSerializer(many=True)
    choice = serializers.CharField()
    rationale = serializers.CharField()
    cause = CauseSerializer(allow_null=True)
    disclosed = serializers.DictField(child=serializers.CharField())


# --- doors -----------------------------------------------------------------------------------------------------


class _Coded(Resource):
    """Records that are named by their blinded code; `model` is only counted and found, never serialized."""

    model: type[ReadTask] | type[Adjudication]
    lookup_field = "blinded_code"
    lookup_value_regex = r"[A-Z0-9-]+"

    def get_queryset(self) -> QuerySet[Any]:
        """Return the person's own records, in the order of their codes."""
        if getattr(self, "swagger_fake_view", False):
            return self.model.objects.none()
        return self.visible().order_by("blinded_code")

    def _rows(self, row_of: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        assert page is not None
        return self.get_paginated_response(self.get_serializer([row_of(record) for record in page], many=True).data)


class ReadTaskViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, _Coded):
    """The reader's own reads, under codes that tell nothing."""

    model = ReadTask
    serializer_class = ReadRowSerializer
    permission = "reading.read"

    def visible(self) -> QuerySet[Any]:
        return selectors.tasks_of(access.actor(self.request))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the reader's reads."""
        return self._rows(pages.read_row)

    @extend_schema(parameters=[_CODE], responses=BlindedTaskSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Open a read, as its page does: what the reader may see of it. Each opening is recorded."""
        task = assessing.open_task(task=self.get_object(), actor=access.actor(request), at=timezone.now())
        return Response(BlindedTaskSerializer(blinding.blinded_task(task)).data)


class AdjudicationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, _Coded):
    """The adjudicator's own cases, both sides unnamed."""

    model = Adjudication
    serializer_class = CaseRowSerializer
    permission = "reading.adjudicate"

    def visible(self) -> QuerySet[Any]:
        return selectors.adjudications_of(access.actor(self.request)).select_related("timepoint__charter")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the adjudicator's cases."""
        return self._rows(pages.case_row)

    @extend_schema(parameters=[_CODE], responses=BlindedAdjudicationSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Look at a case: both sides' reads. Each look is recorded."""
        case = adjudicating.open_case(adjudication=self.get_object(), actor=access.actor(request), at=timezone.now())
        return Response(BlindedAdjudicationSerializer(blinding.blinded_adjudication(case)).data)


def register(router: BaseRouter) -> None:
    """Add this room's resources to the API's router."""
    router.register("read-tasks", ReadTaskViewSet, basename="read-task")
    router.register("adjudications", AdjudicationViewSet, basename="adjudication")
    router.register("real-time-reads", RealTimeReadViewSet, basename="real-time-read")
    api_figures.register(router)
    router.register("reader-exclusions", ReaderExclusionViewSet, basename="reader-exclusion")
    router.register("draws", DrawViewSet, basename="draw")
    router.register("packages", PackageViewSet, basename="package")
    router.register("image-packages", ImagePackageViewSet, basename="image-package")
