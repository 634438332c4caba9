"""The package of signed forms: a row for each signed version, and a dictionary of its columns."""

from __future__ import annotations

import copy
import csv
import io
import zipfile

import pytest
from django.test import Client
from django.urls import reverse

from compliance import exporting
from compliance.models import AuditEvent
from tests.factories import World, make_world
from tests.imaging.services import test_declaring as transfer
from tests.trials.services import test_answering as further
from trials.charter import RECIST_TEMPLATE
from trials.models import Role

pytestmark = pytest.mark.django_db


def package(world: World) -> bytes:
    client = Client()
    client.force_login(world.administrator)
    return client.post(reverse("imaging:forms_export", args=[world.trial.pk])).content


def tables(data: bytes) -> dict[str, list[dict[str, str]]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".csv")]
        texts = {name: archive.read(name).decode("utf-8-sig") for name in names}
    return {name: list(csv.DictReader(io.StringIO(text))) for name, text in texts.items()}


def test_every_signed_version_is_a_row_and_every_field_a_column(world):
    transfer.sign(world)
    transfer.correct(world)
    transfer.sign(world, {**transfer.WHOLE, "DEVIATE": "=2+2"})
    further.sign(world)
    further.save(world, form=further.plan(world, "N-002"))

    data = package(world)
    assert exporting.verify(data) == []
    made = tables(data)
    assert sorted(made) == ["CTPLAN.csv", "TRANSFER.csv", "dictionary.csv"]
    (plan,) = made["CTPLAN.csv"]
    named = ("STUDYID", "SITEID", "SUBJID", "VISIT", "FORMCD", "FORMVER", "CHARTVER", "STATE")
    assert [plan[name] for name in named] == ["PLX-1", "NORTH", "N-001", "", "CTPLAN", "1", "1", "signed"]
    assert [plan[name] for name in ("NOCONTR", "WHYNOT", "INSTEAD", "EGFR")] == ["Y", "RENAL", "CTPLAIN", "28.5"]
    assert plan["REASONS"] == "EGFR: Measured twice."
    told = [
        (one["FORMVER"], one["STATE"], one["SCANDT"], one["VOLUME"], one["DEVIATE"]) for one in made["TRANSFER.csv"]
    ]
    assert told == [
        ("1", "superseded", "2025-12-31", "90.5", "Scanned without arterial phase."),
        # No spreadsheet computes what a site wrote.
        ("2", "signed", "2025-12-31", "90.5", "'=2+2"),
    ]


def test_the_dictionary_says_what_each_column_means(world):
    further.sign(world)
    meanings = {line["VARIABLE"]: line for line in tables(package(world))["dictionary.csv"]}
    assert list(meanings) == ["NOCONTR", "WHYNOT", "INSTEAD", "EGFR"]
    assert meanings["WHYNOT"]["CODES"] == (
        "ALLERGY = Allergy to the agent; RENAL = Kidney function; OTHER = Another reason"
    )
    assert meanings["WHYNOT"]["ASKEDIF"] == "NOCONTR is Y"
    said = meanings["EGFR"]
    assert [said[name] for name in ("LABEL", "KIND", "UNIT", "NEEDED", "LEAST", "MOST", "USUALLEAST", "USUALMOST")] == [
        "Estimated GFR", "number with decimals", "mL/min/{1.73_m2}", "N", "1", "250", "30", "130"
    ]  # fmt: skip


def test_the_same_forms_are_the_same_bytes_and_who_took_them_is_recorded(world):
    further.sign(world)
    assert package(world) == package(world)
    event = AuditEvent.objects.filter(action="forms.exported").first()
    assert (event.actor, event.after["forms"]) == (world.administrator, {"CTPLAN": 1})


def test_what_could_point_to_a_person_stays_with_the_trial(db):
    forms = copy.deepcopy(RECIST_TEMPLATE["forms"])
    forms[0]["fields"][3]["confidential"] = True
    world = make_world(charter={"forms": forms})
    further.sign(world)
    made = tables(package(world))
    assert "EGFR" not in made["CTPLAN.csv"][0]
    assert made["CTPLAN.csv"][0]["REASONS"] == ""
    assert [(one["VARIABLE"], one["EXPORTED"]) for one in made["dictionary.csv"]][-1] == ("EGFR", "N")


def test_columns_of_two_versions_of_the_charter_stand_side_by_side(world):
    further.sign(world)
    further.amend(world, label="No contrast agent")
    world.enrol(world.north, "N-003")
    world.subjects["N-003"].refresh_from_db()
    further.sign(world, form=further.plan(world, "N-003"))
    made = tables(package(world))
    assert [(one["SUBJID"], one["CHARTVER"]) for one in made["CTPLAN.csv"]] == [("N-001", "1"), ("N-003", "2")]
    labels = [(one["CHARTVER"], one["LABEL"]) for one in made["dictionary.csv"] if one["VARIABLE"] == "NOCONTR"]
    assert labels == [("1", "Contrast agent must not be given"), ("2", "No contrast agent")]


@pytest.mark.parametrize("role", [Role.SITE_COORDINATOR, Role.QC_ANALYST, Role.SPONSOR, Role.READER])
def test_only_administrators_and_auditors_take_it(world, role):
    client = Client()
    client.force_login(world.people[role])
    assert client.post(reverse("imaging:forms_export", args=[world.trial.pk])).status_code in (403, 404)
