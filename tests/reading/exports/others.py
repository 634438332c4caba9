"""What others say of a file: CDISC's schemas, and odmlib's checks of what a schema cannot ask."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
import xmlschema
from odmlib import create_oid_checker, define_loader, loader, odm_loader
from odmlib.define_2_1.rules import metadata_schema as define_rules
from odmlib.odm_1_3_2.rules import metadata_schema as odm_rules
from odmlib.schema_manager import get_schema_path

_DATASET = Path(__file__).parent / "schemas" / "dataset.schema.json"


@functools.cache
def _dataset_schema() -> Any:
    return jsonschema.Draft201909Validator(json.loads(_DATASET.read_text(encoding="utf-8")))


@functools.cache
def _xml_schema(standard: str, version: str) -> Any:
    return xmlschema.XMLSchema(get_schema_path(standard, version))


def against_dataset_json(data: bytes) -> list[str]:
    """Return what CDISC's schema of Dataset-JSON 1.1 has against a file."""
    return [fault.message for fault in _dataset_schema().iter_errors(json.loads(data))]


def against_define(data: bytes) -> list[str]:
    """Return what CDISC's schema of Define-XML 2.1 has against a file."""
    return [f"{fault.path}: {fault.reason}" for fault in _xml_schema("define", "2.1").iter_errors(data.decode())]


def against_odm(data: bytes) -> list[str]:
    """Return what CDISC's schema of ODM 1.3.2 has against a file."""
    return [f"{fault.path}: {fault.reason}" for fault in _xml_schema("odm", "1.3.2").iter_errors(data.decode())]


def odmlib_reads_define(data: bytes) -> Any:
    """Read a define.xml with odmlib, which raises where order, references or needed attributes are not right."""
    held = loader.ODMLoader(define_loader.XMLDefineLoader("define_2_1", "http://www.cdisc.org/ns/def/v2.1"))
    return _verified(held, data, define_rules.MetadataSchema(), create_oid_checker("define_2_1"))


def odmlib_reads_odm(data: bytes) -> Any:
    """Read an ODM file with odmlib, which raises where order, references or needed attributes are not right.

    Its rules of conformance know metadata alone.
    """
    held = loader.ODMLoader(odm_loader.XMLODMLoader("odm_1_3_2", "http://www.cdisc.org/ns/odm/v1.3"))
    return _verified(held, data, odm_rules.MetadataSchema(), create_oid_checker("odm_1_3_2"), whole=False)


def _verified(held: Any, data: bytes, rules: Any, references: Any, *, whole: bool = True) -> Any:
    held.load_odm_string(data.decode())
    root = held.root()
    assert (root if whole else root.Study[0]).verify_conformance(rules)
    assert root.verify_oids(references)
    assert references.check_oid_refs()
    assert root.verify_order()
    return root
