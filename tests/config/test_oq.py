"""`manage.py oq`: the regulated scenarios come out as expected on a fresh installation; what breaks fails by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.core.management.base import CommandError

from compliance import papers
from compliance.models import AuditEvent, User
from config.validation import operating, requirements
from config.validation.operating import beginning
from config.validation.operating.scratch import Scratch
from config.validation.records import Outcome
from tests.factories.world import make_user
from trials.models import Trial

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("own_disk"),
    pytest.mark.requirement("REQ-OPS-004"),
]


@pytest.mark.slow
@pytest.mark.one_database
def test_every_scenario_comes_out_as_expected(own_disk: Path, settings: LazySettings) -> None:
    keeper = make_user("keeper", full_name="Kees Keeper")
    call_command("oq", username=keeper.username, output=str(own_disk / "q"))

    (path,) = (own_disk / "q").glob("oq-*.json")
    record = json.loads(path.read_text())
    assert [check for check in record["checks"] if check["outcome"] != "pass"] == []
    assert len(record["checks"]) >= 50
    known = {one.id for one in requirements.each(requirements.subjects(Path(settings.ROOT)))}
    assert {name for check in record["checks"] for name in check["requirements"]} <= known
    assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    event = AuditEvent.objects.get(action="installation.oq")
    assert (event.actor, event.after and event.after["passed"]) == (keeper, True)
    trial = Trial.objects.get()
    assert trial.code.startswith("OQ-")
    assert trial.frozen_by() is not None
    assert list(User.objects.filter(is_active=True)) == [keeper]


def test_a_scenario_that_breaks_is_a_failed_step_and_the_accounts_are_closed(
    monkeypatch: pytest.MonkeyPatch, own_disk: Path
) -> None:
    def breaks(run: Scratch) -> None:
        raise ZeroDivisionError("nothing\nto see")

    monkeypatch.setattr(operating, "_SCENARIOS", (beginning.trial_and_charter, breaks))
    monkeypatch.setattr(papers, "sealed", lambda *_, **__: b"%PDF")
    keeper = make_user("keeper")
    with pytest.raises(CommandError, match="1 of"):
        call_command("oq", username=keeper.username, output=str(own_disk / "q"))
    (path,) = (own_disk / "q").glob("oq-*.json")
    (failed,) = [check for check in json.loads(path.read_text())["checks"] if check["outcome"] == "fail"]
    assert failed["found"] == "ZeroDivisionError: nothing to see"
    assert list(User.objects.filter(is_active=True)) == [keeper]


def test_what_should_have_been_refused_and_was_done_fails_and_is_taken_back() -> None:
    run = Scratch(make_user("keeper"), lambda check: None)
    run.refused("Somebody is made", "REQ-OPS-004", lambda: make_user("nobody"))
    (check,) = run.checks
    assert (check.outcome, check.actual) == (Outcome.FAIL, "it was done")
    assert not User.objects.filter(username="nobody").exists()
