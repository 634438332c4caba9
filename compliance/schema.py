"""What the API's description says of refusals, tokens and passwords; no view set repeats it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.authentication import BasicScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension

_JSON = "application/json"
_REFUSAL = {
    "type": "object",
    "description": "Why nothing was done, in a sentence, and a code for programs where the house has one.",
    "properties": {"detail": {"type": "string"}, "code": {"type": "string"}},
    "required": ["detail"],
}
_FAULTS = {
    "type": "object",
    "description": "What is wrong with which field, or with the body as a whole (`detail`).",
    "additionalProperties": True,
}
_WHY = {
    "400": ("Faults", "A field is missing or cannot be read."),
    "401": ("Refusal", "A token was sent that does not stand."),
    "403": ("Refusal", "Nobody is signed in, or the permission is not held."),
    "404": ("Refusal", "There is no such record, or it is not the person's to see."),
    "409": ("Refusal", "The record is not in the state for this, or changed meanwhile."),
    "415": ("Refusal", "The body is in a form that is not taken."),
    "422": ("Refusal", "A rule of the trial is against it."),
}


class PasswordScheme(BasicScheme):
    """A password in a program's header, as the description names it."""

    target_class = "compliance.api_password.PasswordAuthentication"


class TokenScheme(OpenApiAuthenticationExtension):
    """A token of a person's, as the description names it."""

    target_class = "compliance.api_token.TokenAuthentication"
    name = "tokenAuth"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return how a token is sent."""
        return {"type": "http", "scheme": "bearer"}


def describe_refusals(result: dict[str, Any], generator: object, request: object, public: bool) -> dict[str, Any]:
    """Add to each operation the refusals that it can answer with (a postprocessing hook of drf-spectacular)."""
    result["components"]["schemas"] |= {"Refusal": _REFUSAL, "Faults": _FAULTS}
    for path in result["paths"].values():
        for method, operation in path.items():
            for status in _refusals(method, operation):
                operation["responses"].setdefault(status, _answer(status))
            operation["responses"] = dict(sorted(operation["responses"].items()))
    return result


def _refusals(method: str, operation: dict[str, Any]) -> set[str]:
    parameters = operation.get("parameters", [])
    found = {"401", "403"}
    if any(parameter["name"] == "page" for parameter in parameters):
        found.add("404")
    if any(parameter["in"] == "path" for parameter in parameters):
        found |= {"404", "409"}
    if method != "get":
        found |= {"400", "404", "409", "415", "422"}
    return found


def _answer(status: str) -> dict[str, Any]:
    name, description = _WHY[status]
    return {"description": description, "content": {_JSON: {"schema": {"$ref": f"#/components/schemas/{name}"}}}}
