"""CDISC Dataset-JSON 1.1: a dataset as JSON, one record on each line, decimals exact."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from compliance.exporting import code_version
from reading.exports.locked import LockedTrial, moment
from reading.exports.sdtm import Dataset, Value, Variable

_SOURCES = ("reading/exports",)
SHOWN_AS = "DATE9."
"""How SAS shows a number of days."""


def group_oid(name: str) -> str:
    """Name a dataset, as define.xml does."""
    return f"IG.{name}"


def item_oid(dataset: str, variable: str) -> str:
    """Name a variable, as define.xml does."""
    return f"IT.{dataset}.{variable}"


def study_oid(trial: LockedTrial) -> str:
    """Name a trial, as define.xml does."""
    return f"ST.{trial.code}"


def version_oid(trial: LockedTrial, *, tabulates: bool = True) -> str:
    """Name the metadata, as define.xml does: of what was found, or of the analyses of it."""
    return f"MDV.{trial.code}" + ("" if tabulates else ".ADAM")


def dataset_json(trial: LockedTrial, dataset: Dataset) -> bytes:
    """Return a dataset as a file, dated by the lock."""
    domain = dataset.domain
    version = code_version(_SOURCES)
    rows = list(dataset.rows())
    head = {
        "datasetJSONCreationDateTime": moment(trial.locked_at),
        "datasetJSONVersion": "1.1.0",
        "fileOID": f"{study_oid(trial)}.{domain.name}",
        "dbLastModifiedDateTime": moment(trial.locked_at),
        "originator": trial.sponsor or trial.code,
        "sourceSystem": {"name": version["name"], "version": version["version"]},
        "studyOID": study_oid(trial),
        "metaDataVersionOID": version_oid(trial, tabulates=domain.tabulates),
        "metaDataRef": "define.xml",
        "itemGroupOID": group_oid(domain.name),
        "records": len(rows),
        "name": domain.name,
        "label": domain.label,
        "columns": [
            _column(dataset, variable, [row[place] for row in rows]) for place, variable in enumerate(dataset.variables)
        ],
    }
    lines = ",\n".join("    " + json.dumps([_value(value) for value in row], ensure_ascii=False) for row in rows)
    opened = json.dumps(head, ensure_ascii=False, indent=2).removesuffix("\n}")
    return f'{opened},\n  "rows": [\n{lines}\n  ]\n}}\n'.encode()


def _column(dataset: Dataset, variable: Variable, values: list[Value]) -> Mapping[str, Any]:
    column: dict[str, Any] = {
        "itemOID": item_oid(dataset.domain.name, variable.name),
        "name": variable.name,
        "label": variable.label,
        "dataType": {"text": "string", "date": "date", "day": "date"}.get(variable.kind, variable.kind),
    }
    if variable.kind == "decimal":
        column["targetDataType"] = "decimal"
    if variable.kind == "day":
        column |= {"targetDataType": "integer", "displayFormat": SHOWN_AS}
    if variable.kind == "text":
        column["length"] = longest(values)
    if variable.name in dataset.domain.key:
        column["keySequence"] = dataset.domain.key.index(variable.name) + 1
    return column


def longest(values: list[Value]) -> int:
    """Return the length of the longest text; 1 where all are empty."""
    return max([1, *(len(str(value)) for value in values)])


def _value(value: Value) -> str | int | None:
    if isinstance(value, dt.date):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else value
