"""`manage.py verify_derivations`: what was signed comes out again, and what was touched since is named."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from compliance.models import AuditEvent
from reading.models import Assessment
from tests.reading.conftest import World, baseline, follow_up
from trials.models import Subject

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-CRI-005")]


@pytest.fixture
def signed(world: World, subject: Subject) -> World:
    for visit, first, second in (("BL", baseline(40), baseline(30)), ("W8", follow_up(60), follow_up(20))):
        world.clear(visit)
        world.read_by_both(visit, first, second)
    world.clear("W16")
    world.read_by_both("W16", follow_up(40), follow_up(20))
    return world


def verify(world: World) -> str:
    out = io.StringIO()
    call_command("verify_derivations", world.trial.code, stdout=out, stderr=out)
    return out.getvalue()


def test_what_was_signed_comes_out_again(signed: World) -> None:
    assert verify(signed) == "6 reads were derived anew, each as it was signed.\n"
    assert AuditEvent.objects.get(action="derivations.verified").after == {"reads": 6, "differences": 0}


def test_a_measurement_that_was_changed_in_the_database_is_found_in_its_read_and_those_after_it(signed: World) -> None:
    entry = Assessment.objects.get(task=signed.task("W8", 1)).measurements.get(lesion__category="target")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE reading_measurement SET diameter_mm = 20 WHERE id = %s", [entry.pk])

    with pytest.raises(CommandError, match="2 of 6 reads are derived otherwise"):
        verify(signed)


def test_a_trial_that_there_is_not_is_said(db: None) -> None:
    with pytest.raises(CommandError, match="There is no trial “NONE”"):
        call_command("verify_derivations", "NONE")
