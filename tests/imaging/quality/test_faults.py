"""A sample of the corpus of faults: each kind once, and clean scans; all of it is for `benchmarks/checks.py`."""

from __future__ import annotations

import pytest

from imaging.quality import FINDS, Severity
from tests.imaging.quality.faults import FAULTS, clean, faulty

pytestmark = pytest.mark.requirement("REQ-QC-007")


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_found(kind: str) -> None:
    found = {finding.code for finding in faulty(kind, 3).findings()}
    assert FAULTS[kind][1] in found
    assert FINDS[FAULTS[kind][1]] is not Severity.PASS


@pytest.mark.parametrize("charter", ["CT", "MR", "DWI", "PT"])
def test_nothing_stands_in_the_way_of_a_clean_scan(charter: str) -> None:
    assert {finding.severity for finding in clean(charter, 3).findings()} == {Severity.PASS}
