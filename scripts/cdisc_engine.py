"""Run rules of CDISC's open rules engine on a folder of datasets; `cdisc_rules.py` starts it with the engine's Python.

    python cdisc_engine.py ORDER        (a JSON file: rules, datasets, define, variables, report)

The engine is the package `cdisc-rules-engine`; its rules are files. What the guide says of its domains comes from
`variables`, a table of ours: with CDISC's own metadata the same rules could tell more (docs/cdisc-rules.md).
"""

from __future__ import annotations

import csv
import json
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cdisc_rules_engine
import yaml
from cdisc_rules_engine.config import config
from cdisc_rules_engine.models.library_metadata_container import LibraryMetadataContainer
from cdisc_rules_engine.models.rule import Rule
from cdisc_rules_engine.rules_engine import RulesEngine
from cdisc_rules_engine.services import logger
from cdisc_rules_engine.services.cache import InMemoryCacheService
from cdisc_rules_engine.services.data_services import DataServiceFactory

STANDARD, VERSION = "sdtmig", "3-4"
GENERAL = ("Identifier", "Timing")
MOST_ERRORS = 20


def told(file: Path) -> dict[str, Any]:
    """Read one rule, YAML or JSON."""
    text = file.read_text(encoding="utf-8")
    return json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)


def of_the_guide(rule: dict[str, Any]) -> bool:
    """Tell whether a rule is one of our guide's."""
    standards = (one for authority in rule.get("Authorities", []) for one in authority.get("Standards", []))
    return any((one.get("Name"), str(one.get("Version"))) == ("SDTMIG", "3.4") for one in standards)


def metadata(table: Path) -> LibraryMetadataContainer:
    """Make the metadata that rules ask for: the guide's domains, and a model of the variables in them."""
    with table.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    domains: dict[str, dict[str, Any]] = {}
    general: dict[str, dict[str, Any]] = {}
    of_class: dict[str, dict[str, dict[str, Any]]] = {}
    for place, row in enumerate(rows, start=1):
        domain, kind = row["domain"], row["class"]
        held = {"ordinal": str(place), "simpleDatatype": row["type"], "label": row["label"], "role": row["role"]}
        made = {"name": domain, "label": row["domain_label"], "class": kind, "datasetVariables": []}
        domains.setdefault(domain, made)["datasetVariables"].append(
            {"name": row["variable"], "core": row["core"], **held}
        )
        name = row["variable"]
        name = "--" + name[2:] if name.startswith(domain) else name
        stays = general if row["role"] in GENERAL else of_class.setdefault(kind, {})
        if kind in ("Findings", "Interventions", "Events"):
            stays.setdefault(name, {"name": name, **held})
    classes = sorted({one["class"] for one in domains.values()})
    guide = [{"name": kind, "datasets": [d for d in domains.values() if d["class"] == kind]} for kind in classes]
    model = [
        {"name": kind, "classVariables": list(of_class.get(kind, {}).values()), "datasets": []} for kind in classes
    ]
    model.append({"name": "General Observations", "classVariables": list(general.values()), "datasets": []})
    return LibraryMetadataContainer(
        standard_metadata={"dataset_names": {*domains, "SUPPQUAL"}, "classes": guide},
        model_metadata={"dataset_names": set(domains), "classes": model, "datasets": list(domains.values())},
        variable_codelist_map={},
        variables_metadata={},
        ct_package_metadata={},
        published_ct_packages=[],
    )


def _errors(results: dict[str, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    for name, found in results.items():
        for one in found:
            status, errors = str(one.get("executionStatus", "")), one.get("errors", [])
            yield {
                "dataset": one.get("dataset") or name,
                "status": status,
                "message": one.get("message") or "",
                "count": len(errors) if status in ("success", "issue reported") else 0,
                "errors": errors[:MOST_ERRORS],
            }


def asked(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Run every rule and say of each what came of it, dataset by dataset."""
    paths = [str(path) for path in sorted(Path(order["datasets"]).iterdir()) if path.suffix in (".xpt", ".json")]
    library, cache = metadata(Path(order["variables"])), InMemoryCacheService()
    common = {"standard": STANDARD, "standard_version": VERSION, "library_metadata": library}
    service = DataServiceFactory(config, cache, **common).get_data_service(paths)
    for file in map(Path, order["rules"]):
        rule = told(file)
        if not of_the_guide(rule):
            continue
        engine = RulesEngine(
            cache, service, dataset_paths=paths, define_xml_path=order["define"], validate_xml=False, **common
        )
        answer = {"rule": rule["Core"]["Id"], "executability": rule.get("Executability", ""), "crash": ""}
        try:
            answer["datasets"] = list(_errors(engine.validate_single_rule(Rule.from_cdisc_metadata(rule))))
        except Exception as problem:
            answer |= {"datasets": [], "crash": "".join(traceback.format_exception_only(problem)).strip()}
        yield answer


if __name__ == "__main__":
    logger.disabled = True
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    # It looks for its schema of Dataset-JSON in `resources` below the folder in which it runs.
    os.chdir(Path(cdisc_rules_engine.__file__).parent.parent)
    Path(given["report"]).write_text(json.dumps(list(asked(given)), default=str), encoding="utf-8")
