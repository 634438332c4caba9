"""A sender's question is durable without the database."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from imaging.dicom.commitments import Reference, Request
from imaging.services import committing, questions, spool
from tests.factories import AT

pytestmark = pytest.mark.requirement("REQ-INT-016")


def test_a_question_needs_no_database(own_disk: Path) -> None:
    """The runner lets this test ask no database at all."""
    origin = spool.Origin(door="dimse", site_id=1, sender="NORTH_CT", delivery=uuid.uuid4())

    committing.ask(Request("1.2.3.4", [Reference("1.2.3", "1.2.5")]), origin=origin, at=AT)

    (folder,) = spool.deliveries()
    (path,) = questions.waiting(folder)
    assert json.loads(path.read_text()) == {"transaction": "1.2.3.4", "references": [["1.2.3", "1.2.5"]]}
    assert spool.origin_of(folder) == origin
    assert spool.time_of(questions.id_of(path)) == AT
