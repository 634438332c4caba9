"""Every response of RS comes out again from TR, by a script that shares nothing with the system (`rederive.py`)."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reading.exports import xpt
from reading.exports.locked import LockedTrial
from reading.exports.sdtm import Dataset
from reading.exports.sdtm_files import datasets
from tests.reading.exports.derived import random_trial

pytestmark = pytest.mark.requirement("REQ-LOC-004")
SCRIPT = Path(__file__).with_name("rederive.py")


def results(trial: LockedTrial) -> dict[str, Dataset]:
    return {one.domain.name: one for one in datasets(trial) if one.domain.name in ("TR", "RS")}


def ran(trial: LockedTrial, every: dict[str, Dataset], folder: Path) -> subprocess.CompletedProcess[str]:
    for name, dataset in every.items():
        (folder / f"{name.lower()}.xpt").write_bytes(xpt.transport(dataset, trial.locked_at))
    return subprocess.run([sys.executable, SCRIPT, folder], cwd=folder, capture_output=True, text=True)


def test_every_response_is_derived_again_from_the_transport_files(tmp_path):
    trial = random_trial(40, seed=4)
    run = ran(trial, results(trial), tmp_path)
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    count = int(run.stdout.split()[0])
    assert run.stdout == f"{count} responses, 0 differ.\n"
    assert count > 900


@pytest.mark.parametrize("test", ["TRGRESP", "NTRGRESP", "NEWLIND", "OVRLRESP", "BESTRESP"])
def test_a_response_that_does_not_follow_is_named(test, tmp_path):
    trial = random_trial(5, seed=4)
    every = results(trial)
    place, record = next((n, one) for n, one in enumerate(every["RS"].records) if one["RSTESTCD"] == test)
    others = (*every["RS"].records[:place], {**record, "RSSTRESC": "XX"}, *every["RS"].records[place + 1 :])
    run = ran(trial, {**every, "RS": replace(every["RS"], records=others)}, tmp_path)
    assert run.returncode == 1
    assert f"{test} RS: XX TR: {record['RSSTRESC']}" in run.stdout
    assert run.stdout.endswith(" 1 differ.\n")
