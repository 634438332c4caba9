"""Files of the package in the hands of others: pandas, pyreadstat, CDISC's schemas and odmlib take them as they are."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas
import pyreadstat
import pytest
from django.conf import settings
from odmlib import OdmlibError

from reading.exports import adam
from reading.exports.endpoint_tables import csv_files
from reading.exports.sdtm_files import sdtm_files
from tests.reading.exports import others
from tests.reading.exports.derived import random_trial
from tests.reading.exports.sample import locked_trial

pytestmark = pytest.mark.requirement("REQ-LOC-008")

#: With global reviews, and with adjudications and a missed visit.
TRIALS = {"reviewed": random_trial(6, seed=4, gone_over=True), "adjudicated": locked_trial(6)}
FILES = {
    f"{trial}/{name}": data
    for trial, held in TRIALS.items()
    for name, data in (*sdtm_files(held), *adam.adam_files(held))
}
TRANSPORT = [name for name in FILES if name.endswith(".xpt")]
DATASETS = [name for name in FILES if name.endswith(".json")]
DEFINES = [name for name in FILES if name.endswith("define.xml")]
#: What pandas makes of a zero in any transport file.
ALMOST_ZERO = 1e-70


def columns_of(name: str) -> dict[str, list[Any]]:
    """Return a dataset's columns by name, from the JSON beside its transport file."""
    held = json.loads(FILES[name.replace("xpt", "json")])
    return {
        column["name"]: [_as_read(row[place], column) for row in held["rows"]]
        for place, column in enumerate(held["columns"])
    }


def _as_read(value: Any, column: dict[str, Any]) -> Any:
    """Return a value as statistics programs hold it; a date of an analysis dataset as one."""
    if value is None:
        return None
    if column.get("targetDataType") == "integer":
        return dt.date.fromisoformat(value)
    return float(value) if column["dataType"] in ("integer", "decimal") else value


def plainly(values: Any) -> list[Any]:
    """Return a column of a data frame as plain values."""
    made = []
    for value in values:
        if isinstance(value, float):
            made.append(None if math.isnan(value) else 0.0 if abs(value) < ALMOST_ZERO else float(value))
        else:
            made.append(value)
    return made


@pytest.mark.parametrize("name", TRANSPORT)
def test_pandas_reads_the_values_of_the_json(name, tmp_path):
    (tmp_path / "file.xpt").write_bytes(FILES[name])
    frame = pandas.read_sas(tmp_path / "file.xpt", format="xport", encoding="ascii")
    said = columns_of(name)
    assert list(frame.columns) == list(said)
    for column, values in said.items():
        if any(isinstance(value, dt.date) for value in values):
            # pandas does not look at formats: it shows the days since 1960.
            values = [float((value - dt.date(1960, 1, 1)).days) for value in values]
        # A text that is empty is a missing value to some versions of pandas.
        found = [None if value == "" else value for value in plainly(frame[column])]
        assert found == [None if value == "" else value for value in values], column


@pytest.mark.parametrize("name", TRANSPORT)
def test_pyreadstat_reads_the_values_and_labels_of_the_json(name, tmp_path):
    (tmp_path / "file.xpt").write_bytes(FILES[name])
    frame, facts = pyreadstat.read_xport(tmp_path / "file.xpt")
    held, said = json.loads(FILES[name.replace("xpt", "json")]), columns_of(name)
    assert list(frame.columns) == list(said)
    assert facts.column_names_to_labels == {column["name"]: column["label"] for column in held["columns"]}
    assert facts.table_name == held["name"]
    for column, values in said.items():
        assert plainly(frame[column]) == values, column


@pytest.mark.parametrize("name", DATASETS)
def test_cdisc_s_schema_takes_the_dataset_json(name):
    assert others.against_dataset_json(FILES[name]) == []


@pytest.mark.parametrize("name", DEFINES)
def test_cdisc_s_schema_and_odmlib_take_the_define_xml(name):
    assert others.against_define(FILES[name]) == []
    version = others.odmlib_reads_define(FILES[name]).Study.MetaDataVersion
    folder = name.removesuffix("define.xml")
    assert {f"{folder}{group.leaf.href}" for group in version.ItemGroupDef} == {
        transport for transport in TRANSPORT if transport.startswith(folder)
    }


def test_the_docs_example_in_python_runs_as_it_stands(tmp_path):
    text = (Path(settings.ROOT) / "docs" / "package.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    for name, data in {**dict(sdtm_files(TRIALS["adjudicated"])), **csv_files(TRIALS["adjudicated"])}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    results = [subject.result for subject in TRIALS["adjudicated"].subjects]
    assert re.search(rf"PR +{sum(result.bor == 'PR' for result in results if result)}\b", run.stdout)


def test_the_schemas_and_odmlib_find_what_is_wrong():
    dataset = json.loads(FILES[DATASETS[0]])
    dataset["columns"][0]["dataType"] = "words"
    assert others.against_dataset_json(json.dumps(dataset).encode())
    wrong = FILES[DEFINES[0]].replace(b'DataType="text"', b'DataType="words"', 1)
    assert others.against_define(wrong)
    with pytest.raises(OdmlibError):
        others.odmlib_reads_define(FILES[DEFINES[0]].replace(b'ItemOID="IT.TR.TRSEQ"', b'ItemOID="IT.TR.NOWHERE"', 1))
