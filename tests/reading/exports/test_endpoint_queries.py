"""The package's table of queries: who asked and answered by role, how long it took, and nothing that anybody wrote."""

from __future__ import annotations

import csv
import datetime as dt
import io

import pytest

from compliance import access
from compliance.models import User
from reading.exports.endpoint_tables import csv_files
from reading.exports.snapshot import snapshot
from tests.reading.exports import recorded
from trials.models import Membership, Role, Site, Subject, Timepoint
from trials.services import querying

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-LOC-005")]

#: Study day 57: day 1 is 3 February 2025.
ASKED = dt.datetime(2025, 3, 31, 23, 30, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
PLANTED = "Please ask Nurse Annabel Beddoes about 4 April 2025"


def coordinator(site: Site) -> User:
    user = User.objects.create(username="annabel", full_name="Annabel Beddoes")
    Membership.objects.create(
        user=user, trial=site.trial, site=site, role=Role.SITE_COORDINATOR, granted_at=recorded.SIGNED_AT
    )
    access.grant(user, Role.SITE_COORDINATOR.permission, site)
    return user


def test_each_query_is_told_by_role_study_day_and_days_and_without_a_word_that_was_written():
    trial = recorded.written()
    analyst, site = recorded.member(trial, Role.QC_ANALYST), coordinator(Site.objects.get(code="A"))
    visit = Timepoint.objects.get(subject__code="A-001", code="W8")
    asked = querying.raise_query(about=visit, title=PLANTED, text=PLANTED, actor=analyst, at=ASKED)
    querying.answer_query(query=asked, text=PLANTED, actor=site, at=ASKED + DAY)
    querying.reopen_query(query=asked, text=PLANTED, actor=analyst, at=ASKED + 2 * DAY)
    querying.answer_query(query=asked, text=PLANTED, actor=site, at=ASKED + 3 * DAY)
    querying.close_query(query=asked, actor=analyst, at=ASKED + 4 * DAY)
    other = querying.raise_query(
        about=Subject.objects.get(code="B-001"), title=PLANTED, text=PLANTED, actor=analyst, at=ASKED
    )
    querying.close_query(query=other, actor=analyst, at=ASKED)

    files = csv_files(snapshot(recorded.lock(trial)))

    first, second = csv.DictReader(io.StringIO(files["queries.csv"].decode(), newline=""))
    assert first == {
        "trial": "PKG-01",
        "query": "1",
        "site": "A",
        "subject": "A-001",
        "timepoint": "W8",
        "about": "timepoint",
        "item": "",
        "opened_by": "QC analyst",
        "opened_day": "57",
        "answered_by": "Site coordinator",
        "answered_after_days": "1",
        "closed_by": "QC analyst",
        "closed_after_days": "4",
        "reopened": "1",
        "messages": "4",
    }
    assert (second["subject"], second["timepoint"], second["about"], second["answered_by"]) == (
        *("B-001", "", "subject", ""),
    )
    for word in ("Annabel", "Beddoes", "annabel", "April", "2025-0"):
        assert word not in files["queries.csv"].decode()
    explained = {row["column"] for row in _rows(files["data_dictionary.csv"]) if row["file"] == "queries.csv"}
    assert explained == set(first)


def _rows(data: bytes) -> csv.DictReader[str]:
    return csv.DictReader(io.StringIO(data.decode(), newline=""))


def test_a_trial_without_queries_has_no_such_table():
    assert "queries.csv" not in csv_files(snapshot(recorded.build()))
