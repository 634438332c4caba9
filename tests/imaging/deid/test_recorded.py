"""Reading, de-identification and the search for leaks give the same, to the byte, as when they were last recorded."""

from __future__ import annotations

import json

import pytest

from tests.imaging.deid.recording import RECORDED, record_all

pytestmark = pytest.mark.requirement("REQ-DEI-003")


def test_every_file_of_the_corpus_with_every_recipe() -> None:
    recorded: dict[str, str] = json.loads(RECORDED.read_text(encoding="utf-8"))
    found = record_all()
    assert found.keys() == recorded.keys()
    assert [name for name in found if found[name] != recorded[name]] == []
