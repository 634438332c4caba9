"""Outputs are DICOM: what a validator and DCMTK say of them is what they said of the originals."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import config, dcmread

from imaging.deid.admission import CannotDeidentify
from imaging.deid.engine import deidentify, serialise
from imaging.deid.leaks import find_leaks, known_identifiers
from tests.imaging.deid.conftest import IDENTITY, KEYS, TRIAL
from tests.imaging.deid.corpus import files

pytestmark = pytest.mark.requirement("REQ-DEI-013")

#: What cannot be read to its end, or has a required value that is none: it is left out, and misses afterwards.
BROKEN = ("truncated", "malformed numbers", "other VRs")
#: dciodvfy does not read the deflated syntax.
DEFLATED = "1.2.840.10008.1.2.1.99"


def cleaned() -> Iterator[tuple[str, bytes, bytes]]:
    """Name, original and output of each file of the corpus that is not held."""
    seen = set()
    for name, content in files():
        kind = re.sub(r"[\d ]+$|, implicit$| [\d.]+$", "", name)
        if name.startswith("random") or kind in seen:
            continue  # made of noise; or the same in another syntax
        with config.disable_value_validation():
            original = dcmread(BytesIO(content), force=True)
            try:
                result = deidentify(original, recipe=TRIAL, keys=KEYS, identity=IDENTITY)
            except CannotDeidentify:
                continue
        seen.add(kind)
        yield name, content, serialise(result)


def errors(content: bytes, path: Path) -> set[str]:
    """Attributes of which the validator says that they are wrong, by their path without numbers of items."""
    path.write_bytes(content)
    said = subprocess.run(["dciodvfy", "-new", path], capture_output=True, check=False, timeout=60)
    lines = said.stderr.decode("utf-8", "replace").splitlines()
    found = (re.search(r"</(.*?)>|$", line) for line in lines if line.startswith("Error"))
    return {re.sub(r"\[\d+\]", "", match[1] or "") for match in found if match}


def complaints(content: bytes, path: Path) -> set[bytes]:
    """What DCMTK says of a file that it reads and writes again."""
    path.write_bytes(content)
    command = ["dcmconv", path, path.with_suffix(".out")]
    said = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return set(said.stderr.splitlines()) | ({b"failed"} if said.returncode else set())


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_the_validator_finds_nothing_new_and_dcmtk_reads_everything(tmp_path: Path) -> None:
    names = []
    path = tmp_path / "file.dcm"
    for name, original, output in cleaned():
        names.append(name)
        if DEFLATED.encode() not in output[:1024] and not any(word in name for word in BROKEN):
            assert errors(output, path) - errors(original, path) == set(), name
        assert complaints(output, path) <= complaints(original, path), name
    assert {"rtplan.dcm", "test-SR.dcm", "liver_1frame.dcm", "waveform_ecg.dcm"} <= set(names)
    assert len(names) > 60


@pytest.mark.requirement("REQ-DEI-003", "REQ-DEI-013")
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_nothing_of_the_corpus_leaks_with_the_recipe_for_trials() -> None:
    own = IDENTITY.values()
    for name, content, output in cleaned():
        with config.disable_value_validation():
            original = dcmread(BytesIO(content), force=True)
            known = known_identifiers(original, recipe=TRIAL, keys=KEYS, own=own)
        if "in pixels" not in name and "among noise" not in name:  # where no header tool looks
            assert find_leaks(output, known, own=own) == [], name
