"""REST doors of packages: what was built of a locked trial, and its bytes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import access
from compliance.api import Resource, Seen
from compliance.api_lists import keys
from compliance.models import Export
from reading import handing_out, pages_packages
from reading.services import packaging, packaging_images
from trials import release
from trials.models import Trial
from trials.release import Artefact
from trials.selectors import trials_of
from trials.selectors_unlocks import superseding

_RANGE = OpenApiParameter("Range", OpenApiTypes.STR, OpenApiParameter.HEADER, description="Bytes wanted, to go on.")
_ZIP = (200, handing_out.ZIP)


class PackageSerializer(serializers.ModelSerializer):
    superseded = serializers.SerializerMethodField()

    class Meta:
        model = Export
        fields = ["id", "trial_id", "file_name", "size", "sha256", "created_at", "manifest", "superseded"]
        read_only_fields = fields

    def get_superseded(self, export: Export) -> bool:
        """Whether the lock that it was built of was taken off."""
        return superseding(export) is not None


class _Packages(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    serializer_class: Any = PackageSerializer
    filters = keys(trial="trial_id")
    permission = "reading.see_package"

    def check_object_permissions(self, request: Request, obj: Any) -> None:
        """A package belongs where its trial does."""
        super().check_object_permissions(request, Trial.objects.get(pk=obj.trial_id))


class PackageViewSet(_Packages):
    """Endpoint packages of locked trials."""

    def visible(self) -> QuerySet[Any]:
        return pages_packages.packages_seen_by(access.actor(self.request))

    @extend_schema(responses={_ZIP: OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def download(self, request: Request, pk: str) -> HttpResponse:
        """Take a package; who took it is recorded."""
        export = self.get_object()
        data = packaging.open_package(export=export, actor=access.actor(request), at=timezone.now())
        headers = {"Content-Disposition": handing_out.named(export)}
        return HttpResponse(data, content_type=handing_out.ZIP, headers=headers)


class ImagesInput(serializers.Serializer):
    """Whose images are wanted: a subject's, by its code, or all."""

    trial = Seen(trials_of)
    subject = serializers.CharField(max_length=20, required=False, allow_blank=True, default="")


class ImagePackageViewSet(_Packages):
    """Images of locked trials with the accepted reads, as DICOM."""

    permission = "reading.see_images"

    def visible(self) -> QuerySet[Any]:
        return pages_packages.image_packages_seen_by(access.actor(self.request))

    @extend_schema(request=ImagesInput, responses={202: None})
    def create(self, request: Request) -> Response:
        """Have a package built; it is listed when it is there."""
        given = ImagesInput(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        trial, code = given.validated_data["trial"], given.validated_data["subject"]
        access.require(request.user, self.permission, trial)
        # First, or the answer to a code would tell whether there is such a subject.
        release.require(Artefact.IMAGES, trial)
        subject = packaging_images.subjects_handed_over(trial).filter(code=code).first() if code else None
        if code and subject is None:
            raise serializers.ValidationError({"subject": "There is no such subject whose images may be handed over."})
        actor = access.actor(request)
        packaging_images.ask_for_images(trial=trial, subject=subject, actor=actor, at=timezone.now())
        return Response(status=HTTPStatus.ACCEPTED)

    @extend_schema(
        parameters=[_RANGE],
        responses={
            _ZIP: OpenApiTypes.BINARY,
            (206, handing_out.ZIP): OpenApiTypes.BINARY,
            416: None,
        },
    )
    @action(detail=True, methods=["get"])
    def download(self, request: Request, pk: str) -> HttpResponseBase:
        """Take images, all or from any byte on; who took what is recorded."""
        return handing_out.images(request._request, self.get_object(), access.actor(request))
