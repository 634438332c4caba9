"""`manage.py charter`: charters go out as YAML and come in again; a bad file is refused with every fault at once."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from trials.charter import RECIST_TEMPLATE, documents
from trials.models import ImagingCharter
from trials.states import CharterState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-CHA-007")]


def charter(*words: object, ends: int = 0) -> str:
    out, code = io.StringIO(), 0
    try:
        call_command("charter", *map(str, words), stdout=out)
    except SystemExit as ended:
        code = ended.code
    assert code == ends
    return out.getvalue()


@pytest.fixture
def file(tmp_path):
    """Write a charter, changed, as a file."""

    def write(name: str = "charter.yaml", **sections: object):
        path = tmp_path / name
        path.write_text(documents.write({**RECIST_TEMPLATE, **sections}), encoding="utf-8")
        return path

    return write


def test_what_goes_out_comes_in_and_goes_out_as_the_same_bytes(world, tmp_path):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    charter("export", world.trial.code, "--output", first)
    said = charter("import", world.trial.code, first, "--as", world.administrator.username)
    charter("export", f"{world.trial.code}:2", "--output", second)
    assert said == "Version 2 of PLX-1 is a draft with this content. Read it, then sign it.\n"
    assert first.read_bytes() == second.read_bytes()
    assert charter("export", world.trial.code) == first.read_text(encoding="utf-8")


def test_a_file_becomes_the_open_draft_or_the_next_version(world, file):
    for days in (3, 4):
        charter("import", world.trial.code, file(query_due_days=days), "--as", world.administrator.username)
    draft = ImagingCharter.objects.get(trial=world.trial, state=CharterState.DRAFT)
    assert (draft.version, draft.terms.query_due_days) == (2, 4)
    assert world.trial.charter_in_force.terms.query_due_days == 7


def test_a_bad_file_is_refused_with_line_path_and_reason_of_each_fault_and_nothing_changes(world, file):
    path = file(query_due_days="soon", purpose=["x"], window_presets=[])
    with pytest.raises(CommandError) as refused:
        charter("import", world.trial.code, path, "--as", world.administrator.username)
    told = str(refused.value).splitlines()
    assert told[0].endswith("has 3 faults:")
    assert [line.partition(", ")[2] for line in told[1:]] == [
        "purpose: a text is expected",
        "query_due_days: a whole number from 0 to 365 is expected",
        "window_presets: at least one display window is needed",
    ]
    assert world.trial.charters.count() == 1


def test_a_file_is_held_against_everything_at_once_that_this_house_can_carry_out(world, file):
    good = file("good.yaml")
    elsewhere = file(
        "elsewhere.yaml",
        criteria="Gut feeling",
        checks={"no_such": "warn"},
        deidentification={"identifier": "x", "version": "1", "options": ["magic"]},
    )
    bad = file("bad.yaml", criteria="Gut feeling", query_due_days=-1)
    assert charter("validate", good) == f"{good}: nothing speaks against it.\n"
    said = charter("validate", elsewhere, ends=2)
    assert "holds together, but cannot be signed here" in said
    for reason in ("There are no criteria Gut feeling", "no finding has this name", "not in the profile: magic"):
        assert reason in said
    said = charter("validate", good, elsewhere, bad, ends=1)
    assert f"{bad} has 2 faults:" in said
    assert "query_due_days: a whole number from 0 to 365 is expected" in said


def test_versions_and_files_are_compared(world, file):
    code = world.trial.code
    assert charter("diff", code, f"{code}:1") == "The two charters say the same.\n"
    said = charter("diff", code, file(query_due_days=1, sites={}, hanging=[]), ends=1)
    assert said == "Checks and queries · Queries are due after: 7 days → 1 day\n"


def test_what_is_not_there_is_said(world, tmp_path, file):
    for words, sentence in (
        (["export", "NONE"], "There is no trial NONE"),
        (["export", f"{world.trial.code}:9"], "has no charter version 9"),
        (["export", f"{world.trial.code}:x"], "has no charter version x"),
        (["export", world.trial.code, "--output", tmp_path / "no" / "x.yaml"], "cannot be written"),
        (["validate", tmp_path / "none.yaml"], "cannot be read"),
        (["import", world.trial.code, file(), "--as", "nobody"], "There is no user nobody"),
        (["import", world.trial.code, file(), "--as", world.outsider.username], "Your role does not allow this step"),
    ):
        with pytest.raises(CommandError) as refused:
            charter(*words)
        assert sentence in str(refused.value)
