"""Transfer forms that were signed when each item was a column: they say the same, and their digests still hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from pytest_django import DjangoDbBlocker

from compliance.signing import digest
from imaging.models import TransferForm
from tests.factories import AT
from trials.charter import find_template

#: The last state in which the items were columns.
COLUMNS = [("imaging", "0021_answers_of_transfer_forms")]
SIGNED = {
    "acquired_on": dt.date(2026, 1, 3),
    "scanner": "Acme One, room 3",
    "images_complete": False,
    "incomplete_reason": "The legs, 足",
    "contrast_given": True,
    "contrast_agent": "Iomeron 400",
    "contrast_volume_ml": Decimal("90.0"),
    "contrast_delay_s": 0,
    "tracer": "FDG",
    "radionuclide": "F18",
    "injected_dose_mbq": Decimal("251.5"),
    "injected_at": dt.time(8, 5),
    "uptake_minutes": 61,
    "glucose_mmol_l": Decimal("5.4"),
    "deviations": "None.\nBut late.",
}
#: What the signature covered then, as JSON: every item that the modalities ask for, also those that say nothing.
DECLARED = {
    **SIGNED,
    "acquired_on": "2026-01-03",
    "acquired_until": None,
    "contrast_volume_ml": "90.0",
    "injected_dose_mbq": "251.5",
    "injected_at": "08:05:00",
    "glucose_mmol_l": "5.4",
    "comments": "",
}


@pytest.fixture
def empty_database(django_db_blocker: DjangoDbBlocker) -> Iterator[DatabaseWrapper]:
    """A database in memory in the place of the tests' own, for migrations ask the default one."""
    kept = connections["default"]
    empty = DatabaseWrapper({**kept.settings_dict, "NAME": ":memory:"}, alias="default")
    with django_db_blocker.unblock():
        connections["default"] = empty
        try:
            yield empty
        finally:
            connections["default"] = kept
            empty.close()


def store_as_then(apps: Any) -> None:
    """Store a timepoint with a signed form and a draft, as the models of that day would; no charter had forms."""
    trial = apps.get_model("trials", "Trial").objects.create(code="OLD-1", title="Old", created_at=AT)
    content = {name: value for name, value in find_template("lugano-2014").content.items() if name != "forms"}
    charter = apps.get_model("trials", "ImagingCharter").objects.create(
        trial=trial, version=1, content=content, state="in_force", created_at=AT, signed_at=AT
    )
    site = apps.get_model("trials", "Site").objects.create(trial=trial, code="NORTH", created_at=AT)
    subject = apps.get_model("trials", "Subject").objects.create(
        trial=trial, site=site, code="N-001", reference_date=dt.date(2026, 1, 5), enrolled_at=AT
    )
    timepoint = apps.get_model("trials", "Timepoint").objects.create(
        subject=subject, charter=charter, code="BL", order=0, day=-7, window_before=21, window_after=7
    )
    forms = apps.get_model("imaging", "TransferForm").objects
    forms.create(timepoint=timepoint, version=1, state="signed", begun_at=AT, signed_at=AT, **SIGNED)
    forms.create(timepoint=timepoint, version=2, state="draft", begun_at=AT, correction_reason="The date")


@pytest.mark.one_database
def test_what_was_declared_in_columns_is_declared_in_answers_and_was_signed_so(
    empty_database: DatabaseWrapper,
) -> None:
    executor = MigrationExecutor(empty_database)
    executor.migrate(COLUMNS)
    store_as_then(executor.loader.project_state(COLUMNS).apps)

    executor = MigrationExecutor(empty_database)
    executor.migrate(executor.loader.graph.leaf_nodes())

    signed, draft = TransferForm.objects.order_by("version")
    assert digest(signed.signed_content()) == digest(
        {"subject": "N-001", "timepoint": "BL", "version": 1, "correction_reason": "", "declared": DECLARED}
    )
    assert {name: value for name, value in signed.declared.items() if value not in (None, "")} == SIGNED
    assert (signed.charter.version, signed.confirmed) == (1, {})
    assert (draft.answers, draft.correction_reason) == ({}, "The date")
