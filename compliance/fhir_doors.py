"""FHIR's doors: read one resource, search for many; every refusal is an OperationOutcome (hl7.org/fhir/R4/http.html).

Who asks is asked as everywhere in the API: a session, a token, or a password where that is enough.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.http import http_date, parse_http_date_safe
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from compliance import access, api_conditions, fhir
from compliance.api import Verb
from compliance.api_lists import FilterRefused
from compliance.fhir import Asked, Json, Kind

#: What may be asked for in `Accept` or `_format` (http.html#mime-type); all are answered in the one form there is.
_TAKEN = frozenset({"*/*", "application/*", fhir.MEDIA_TYPE, "application/json", "text/json", "json"})


class Renderer(JSONRenderer):
    """FHIR's JSON."""

    media_type = fhir.MEDIA_TYPE
    format = "fhir"


class Negotiation(BaseContentNegotiation):
    """JSON is all there is: XML and Turtle are refused."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        """Return any parser: nothing is sent here."""
        return parsers[0]

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        """Return FHIR's JSON, if that is taken."""
        # A plus sign that was not escaped comes as a space.
        said = request.query_params.get("_format", "").replace(" ", "+")
        wanted = said or request.headers.get("Accept") or "*/*"
        if not {one.partition(";")[0].strip().lower() for one in wanted.split(",")} & _TAKEN:
            raise NotAcceptable(f"Resources are told in {fhir.MEDIA_TYPE} only. Ask for that.")
        return renderers[0], renderers[0].media_type


class Door(APIView):
    """An address of FHIR: it only looks.

    It is no part of the API's own description: FHIR describes itself at `/fhir/metadata`.
    """

    permission_classes = [Verb]
    renderer_classes = [Renderer]
    content_negotiation_class = Negotiation
    http_method_names = ["get", "head"]
    schema = None
    permission = ""
    #: What is served here, where that is a type of resource.
    kind: Any = None

    def get_authenticate_header(self, request: Request) -> str:
        """Return what a program is to send."""
        return "Bearer"

    def handle_exception(self, exc: Exception) -> Response:
        """Answer a refusal as everywhere, and say it as FHIR does."""
        response = super().handle_exception(exc)
        said = response.data.get("detail", "") if isinstance(response.data, dict) else ""
        response.data = fhir.outcome(response.status_code, str(said) or "The request was refused.")
        return response

    def answered(
        self, request: Request, content: Json, version: str, modified: dt.datetime | None = None
    ) -> HttpResponseBase:
        """Return an answer with its version, or that what is known already is it."""
        headers = {"ETag": f'W/"{version}"'}
        if modified is not None:
            headers["Last-Modified"] = http_date(modified.timestamp())
        if _is_known(request, version, modified):
            return HttpResponse(status=304, headers=headers)
        return Response(content, headers=headers)


def _is_known(request: Request, version: str, modified: dt.datetime | None) -> bool:
    """Tell whether a condition of the request says so; of the two, the version counts (RFC 9110 §13.1.3)."""
    if named := request.headers.get("If-None-Match", ""):
        return api_conditions.names(named, f'"{version}"')
    since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
    return since is not None and modified is not None and int(modified.timestamp()) <= since


class Read(Door):
    """One resource (FHIR R4)."""

    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """Read it."""
        kind: Kind = self.kind
        found = kind.parameters[0].narrow(kind.seen(access.actor(request), timezone.now(), pk), [str(pk)])
        one = next(iter(found), None)
        if one is None:
            raise Http404(f"There is no such {kind.type}, or it is not yours to see. Search for what there is.")
        self.check_object_permissions(request, kind.record(one))
        told = fhir.resource(kind, one)
        return self.answered(request, told, told["meta"]["versionId"], kind.modified_at(one))


class Search(Door):
    """Resources of a type (FHIR R4)."""

    def get(self, request: Request) -> HttpResponseBase:
        """Search for them."""
        kind: Kind = self.kind
        wanted = fhir.asked(kind, request.query_params.lists())
        found = kind.seen(access.actor(request), timezone.now(), None)
        for parameter, values in wanted.by:
            found = parameter.narrow(found, values)
        total = found.count() if isinstance(found, QuerySet) else len(found)
        start = (wanted.page - 1) * wanted.count
        if start and start >= total:
            raise FilterRefused(f"There is no page {wanted.page} of what was found. Begin with the first.")
        here = request.build_absolute_uri(request.path)
        shown = [fhir.resource(kind, one) for one in found[start : start + wanted.count]]
        links = self._links(request, wanted, total)
        bundle = fhir.searchset(total, links, [(f"{here}/{one['id']}", one) for one in shown])
        return self.answered(request, bundle, fhir.version_of(bundle))

    def _links(self, request: Request, wanted: Asked, total: int) -> dict[str, str]:
        """Return where this page is, and those around it (http.html#paging)."""
        said = [
            (name, value)
            for name, values in request.query_params.lists()
            for value in values
            if name not in ("_count", "page")
        ]

        def page(number: int) -> str:
            query = urlencode([*said, ("_count", wanted.count), ("page", number)])
            return request.build_absolute_uri(f"{request.path}?{query}")

        links = {"self": page(wanted.page)}
        if wanted.count:
            links["first"] = page(1)
        if wanted.page > 1:
            links["previous"] = page(wanted.page - 1)
        if wanted.count and wanted.page * wanted.count < total:
            links["next"] = page(wanted.page + 1)
        return links


def addresses(kind: Kind) -> list[URLPattern]:
    """Return the addresses of a kind."""
    of: dict[str, Any] = {"kind": kind, "permission": kind.verb}
    place = f"fhir/{kind.type}"
    return [path(place, Search.as_view(**of)), path(f"{place}/<int:pk>", Read.as_view(**of))]
