"""What a program learns of deliveries, of what waits, and of QC: counts, states and sentences, no identifier."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import TestCase
from rest_framework.test import APIClient

from compliance import jobs
from compliance.signing import Intent
from imaging.models import QcReview, Transfer
from imaging.services import reviewing
from imaging.services.receiving import Origin, index_spool, receive_instance
from tests.factories import AT, PASSWORD, PLANTED, World, scan
from tests.factories.scans import ROOT
from trials.models import Role

pytestmark = pytest.mark.django_db

API = "/api/v1/"


@pytest.fixture
def delivered(world: World) -> World:
    """Each site sent a scan of its subject, and one of nobody known."""
    for number, (site, subject) in enumerate(
        ((world.north, "N-001"), (world.north, "NOBODY"), (world.south, "S-001"), (world.south, "NOBODY")), start=1
    ):
        origin = Origin(door=Transfer.Door.DIMSE, site_id=site.pk, sender=f"{site.code}_CT", delivery=uuid4())
        for one in scan(subject, scan_number=number):
            receive_instance(one, origin=origin, at=AT)
    with TestCase.captureOnCommitCallbacks(execute=True):
        index_spool(at=AT)
    while jobs.drain():
        pass
    return world


def ask(user, path, status=200):
    client = APIClient()
    client.force_authenticate(user)
    response = client.get(f"{API}{path}")
    assert response.status_code == status
    return response.json()


def test_a_delivery_says_what_was_recognised_in_it(delivered):
    transfers = ask(delivered.coordinator, "transfers/")["results"]
    assert [(t["site_code"], t["total"], t["archived"], t["held"]) for t in transfers] == [
        ("NORTH", 3, 3, 0),
        ("NORTH", 3, 0, 3),
    ]
    archived, held = (ask(delivered.coordinator, f"transfers/{t['public_id']}/") for t in transfers)
    (series,) = archived["series"]
    assert series == {
        "modality": "CT",
        "timepoint": delivered.timepoint("N-001", "BL").pk,
        "received": 3,
        "archived": 3,
        "duplicate": 0,
        "held": 0,
        "sentences": [],
    }
    assert archived["settled"] is True
    assert (held["series"][0]["held"], held["series"][0]["timepoint"]) == (3, None)
    assert len(held["series"][0]["sentences"]) == 1


def test_what_waits_is_told_with_its_reason_and_nothing_of_the_header(delivered):
    (group,) = ask(delivered.coordinator, "held-groups/")["results"]
    transfer = Transfer.objects.filter(site=delivered.north, instances__state="held").distinct().get()
    assert group["transfer"] == str(transfer.public_id)
    assert (group["reason"], group["modality"], group["count"]) == ("subject_unknown", "CT", 3)
    assert group["assignable"] is True
    assert sorted(group) == [
        "assignable",
        "count",
        "modality",
        "reason",
        "received_at",
        "sentence",
        "site",
        "transfer",
    ]


def test_a_round_of_qc_comes_with_its_findings(delivered):
    review = QcReview.objects.get(timepoint=delivered.timepoint("N-001", "BL"))
    told = ask(delivered.analyst, f"qc-reviews/{review.pk}/")
    assert (told["subject_code"], told["timepoint_code"], told["round"], told["state"]) == ("N-001", "BL", 1, "open")
    assert [(f["code"], f["severity"], f["verdict"]) for f in told["findings"]] == list(
        review.findings.order_by("id").values_list("code", "severity", "verdict")
    )
    assert told["decisions"] == []
    asks = {"query_title": "Again", "query_text": "Please.", "signature": Intent(PASSWORD)}
    reviewing.fail_timepoint(review=review, reason="Motion", **asks, actor=delivered.analyst, at=AT)
    (decision,) = ask(delivered.analyst, f"qc-reviews/{review.pk}/")["decisions"]
    assert (decision["images_verdict"], decision["images_round"], decision["form_verdict"]) == ("fail", 1, "")
    assert len(ask(delivered.analyst, "qc-reviews/")["results"]) == 2


def test_each_site_hears_of_its_own_and_the_blinded_hear_nothing(delivered):
    for path, own, all_of_them in (("transfers/", 2, 4), ("held-groups/", 1, 2), ("qc-reviews/", 1, 2)):
        assert ask(delivered.coordinator, path)["count"] == own
        assert ask(delivered.other_coordinator, path)["count"] == own
        assert ask(delivered.people[Role.AUDITOR], path)["count"] == all_of_them
        for role in (Role.READER, Role.ADJUDICATOR, Role.SPONSOR, Role.READING_MANAGER):
            ask(delivered.people[role], path, 403)
    southern = Transfer.objects.filter(site=delivered.south).first()
    ask(delivered.coordinator, f"transfers/{southern.public_id}/", 404)


def test_no_identifier_is_in_any_answer(delivered):
    told = ""
    for path in ("transfers/", "held-groups/", "qc-reviews/"):
        listed = ask(delivered.analyst, path)
        told += str(listed)
        for one in listed["results"]:
            if key := one.get("public_id") or one.get("id"):
                told += str(ask(delivered.analyst, f"{path}{key}/"))
    assert [value for value in (*PLANTED.values(), "MRN55667788", ROOT, "2.25.", "NOBODY") if value in told] == []
