"""What FHIR R4 has against an answer: HL7's own schema, and the rules that a schema cannot ask.

The schema knows elements, how often they come, types and required value sets. As an extension may stand for a primitive
value, it asks for none: those that must be there are listed here (https://hl7.org/fhir/R4/, each on its type's page).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema

_SCHEMA = Path(__file__).parent / "fhir_r4_schema" / "fhir.schema.json"
#: What is an answer, or part of one, by itself.
RESOURCES = (
    "ImagingStudy",
    "ResearchStudy",
    "ResearchSubject",
    "DiagnosticReport",
    "Bundle",
    "OperationOutcome",
    "CapabilityStatement",
)
#: Primitive values that come once or more.
NEEDED = {
    "ImagingStudy": "status",
    "ImagingStudy.series": "uid",
    "ResearchStudy": "status",
    "ResearchSubject": "status",
    "DiagnosticReport": "status",
    "Bundle": "type",
    "Bundle.link": "relation url",
    "OperationOutcome.issue": "severity code",
    "CapabilityStatement": "status date kind fhirVersion format",
    "CapabilityStatement.software": "name",
    "CapabilityStatement.implementation": "description",
    "CapabilityStatement.rest": "mode",
    "CapabilityStatement.rest.resource": "type",
    "CapabilityStatement.rest.resource.interaction": "code",
    "CapabilityStatement.rest.resource.searchParam": "name type",
}


@functools.cache
def _validator(kind: str) -> Any:
    """Return the schema of a resource; what is inside of a bundle is asked by itself, which tells more."""
    whole = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    definitions = {**whole["definitions"], "ResourceList": {"type": "object"}}
    # Published before 4.0.1 was.
    definitions["CapabilityStatement"]["properties"]["fhirVersion"] = {"const": "4.0.1"}
    return jsonschema.Draft6Validator({"$ref": f"#/definitions/{kind}", "definitions": definitions})


def faults(told: Any) -> list[str]:
    """Return what is wrong with a resource, by element; nothing, if it is as the standard has it."""
    return [*_of_resource(told, "")]


def _of_resource(told: Any, before: str) -> Iterator[str]:
    kind = told.get("resourceType") if isinstance(told, Mapping) else None
    at = before + str(kind)
    if kind not in RESOURCES:
        yield f"{at}: is no resource that is known here"
        return
    for fault in _validator(kind).iter_errors(told):
        yield f"{'.'.join([at, *map(str, fault.absolute_path)])}: {fault.message}"
    yield from _missing(told, kind)
    yield from _beside(told, at)
    for entry in told.get("entry", ()) if kind == "Bundle" else ():
        yield from _of_resource(entry.get("resource"), f"{at} > ")


def _missing(told: Any, path: str) -> Iterator[str]:
    """Primitive values that are not there, and numbers that are no unsignedInt, as all here should be."""
    if isinstance(told, list):
        for one in told:
            yield from _missing(one, path)
    elif isinstance(told, Mapping):
        yield from (f"{path}.{name}: is missing" for name in NEEDED.get(path, "").split() if name not in told)
        for name, value in told.items():
            if name != "resource" or path != "Bundle.entry":
                yield from _missing(value, f"{path}.{name}")
    elif isinstance(told, int | float) and not isinstance(told, bool) and (isinstance(told, float) or told < 0):
        yield f"{path}: {told} is no unsignedInt"


def _beside(told: Mapping[str, Any], at: str) -> Iterator[str]:
    """Rules over several elements: bdl-1 and bdl-7 of bundles, cpb-12 and cpb-14 of a CapabilityStatement."""
    if told["resourceType"] == "Bundle":
        urls = [entry.get("fullUrl") for entry in told.get("entry", ())]
        if told.get("type") not in ("searchset", "history") and "total" in told:
            yield f"{at}: bdl-1, a total is that of a search or a history"
        if len(set(urls)) < len(urls):
            yield f"{at}: bdl-7, two entries have one address"
    if told["resourceType"] == "CapabilityStatement":
        if told.get("kind") == "instance" and "implementation" not in told:
            yield f"{at}: cpb-14, an instance says which it is"
        for kind in told.get("rest", [{}])[0].get("resource", ()):
            names = [one.get("name") for one in kind.get("searchParam", ())]
            if len(set(names)) < len(names):
                yield f"{at}: cpb-12, a search parameter of {kind.get('type')} is named twice"
