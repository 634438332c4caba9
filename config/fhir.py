"""FHIR R4 of the whole house: which resources there are, what is said of them, and what there is not."""

from __future__ import annotations

from functools import cache

from django.http import Http404
from django.http.response import HttpResponseBase
from django.urls import path, re_path
from rest_framework.request import Request

import imaging.fhir
import reading.fhir
import trials.fhir
from compliance import access, fhir
from compliance.exporting import code_version
from compliance.fhir import Json, Kind
from compliance.fhir_doors import Door, addresses

KINDS = (trials.fhir.STUDY, trials.fhir.SUBJECT, imaging.fhir.STUDY, reading.fhir.REPORT)
#: When what is said of the resources changed last.
STATED_ON = "2026-11-27"
_SECURITY = (
    "A token that its person issued on the page Programs, sent as Bearer (RFC 6750), or the session of a browser. "
    "Each person gets what their roles open on pages, and each refusal is recorded."
)


@cache
def _version() -> str:
    return code_version(("pyproject.toml",))["version"]


def capability(address: str) -> Json:
    """Return what this installation can do (capabilitystatement.html); `address` is where FHIR begins."""
    return fhir.bare(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": STATED_ON,
            "kind": "instance",
            "software": {"name": "Parallax", "version": _version()},
            "implementation": {"description": "Imaging core lab, de-identified and read-only", "url": address},
            "fhirVersion": fhir.VERSION,
            "format": [fhir.MEDIA_TYPE, "json"],
            "rest": [
                {
                    "mode": "server",
                    "security": {"cors": False, "description": _SECURITY},
                    "resource": [_resource(kind) for kind in KINDS],
                }
            ],
        }
    )


def _resource(kind: Kind) -> Json:
    return {
        "type": kind.type,
        "documentation": kind.says,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "versioned",
        "readHistory": False,
        "updateCreate": False,
        "conditionalCreate": False,
        "conditionalRead": "full-support" if kind.modified else "not-match",
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "logical"],
        "searchParam": [
            {
                "name": parameter.name.partition(":")[0],
                "definition": parameter.definition,
                "type": parameter.type,
                "documentation": parameter.says,
            }
            for parameter in kind.parameters
        ],
    }


class Metadata(Door):
    """What FHIR there is (CapabilityStatement)."""

    permission = access.SIGNED_IN

    def get(self, request: Request) -> HttpResponseBase:
        """Tell it."""
        told = capability(request.build_absolute_uri(request.path.removesuffix("/metadata")))
        return self.answered(request, told, fhir.version_of(told))


class Elsewhere(Door):
    """Addresses below FHIR's where there is nothing: that is said as FHIR says it."""

    permission = "trials.see"

    def get(self, request: Request, resource: str) -> HttpResponseBase:
        """Refuse it."""
        raise Http404(f"There is nothing here. There are {', '.join(kind.type for kind in KINDS)}: see /fhir/metadata.")


urlpatterns = [
    path("fhir/metadata", Metadata.as_view()),
    *(one for kind in KINDS for one in addresses(kind)),
    re_path(r"^fhir/(?P<resource>.*)$", Elsewhere.as_view()),
]
