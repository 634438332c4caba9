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
    "400": ("Faults", "A field or filter is missing, unknown or cannot be read."),
    "401": ("Refusal", "A token was sent that does not stand."),
    "403": ("Refusal", "Nobody is signed in, or the permission is not held."),
    "404": ("Refusal", "There is no such record, or it is not the person's to see."),
    "409": ("Refusal", "The record is not in the state for this, or changed meanwhile."),
    "412": ("Refusal", "The record is another than `If-Match` names."),
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
            _condition(method, operation)
            for status in _refusals(method, operation):
                operation["responses"].setdefault(status, _answer(status))
            operation["responses"] = dict(sorted(operation["responses"].items()))
    return result


def _condition(method: str, operation: dict[str, Any]) -> None:
    """Add the headers by which a request is done once, or only if something is as it was."""
    parameters = operation.setdefault("parameters", [])
    there = {parameter["name"] for parameter in parameters}
    of_record = any(parameter["in"] == "path" for parameter in parameters)
    if method == "post":
        parameters.append(_header("Idempotency-Key", "Another for each request; sent again with it, it is done once."))
    elif method == "get" and _JSON in operation["responses"].get("200", {}).get("content", {}):
        parameters.append(_header("If-None-Match", "The `ETag` of what is known already."))
        operation["responses"]["304"] = {"description": "What is known already is what would be answered."}
    if method not in ("get", "head", "options") and of_record and "If-Match" not in there:
        parameters.append(_header("If-Match", "The `ETag` of the record that the request starts from."))


def _header(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": "^[!-~]+$", "maxLength": 100}
    return {"in": "header", "name": name, "schema": schema, "description": description}


def _refusals(method: str, operation: dict[str, Any]) -> set[str]:
    parameters = operation.get("parameters", [])
    found = {"401", "403"}
    if any(parameter["name"] == "page" for parameter in parameters):
        found |= {"400", "404"}
    if any(parameter["in"] == "path" for parameter in parameters):
        found |= {"404", "409"}
    if method != "get":
        found |= {"400", "404", "409", "412", "415", "422"}
    return found


def _answer(status: str) -> dict[str, Any]:
    name, description = _WHY[status]
    return {"description": description, "content": {_JSON: {"schema": {"$ref": f"#/components/schemas/{name}"}}}}
