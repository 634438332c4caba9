"""The table of commands is whole, and each command asks, writes and prints what its row says."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class

from compliance.models import AuditEvent, User
from config.server_commands import COMMANDS, EITHER, KEEPER, PERSON
from tests.factories import PLANTED, World
from tests.factories.scans import scan
from tests.trials.odm import odm, subject
from trials.charter import documents
from trials.models import Role, Subject

pytestmark = [pytest.mark.django_db, pytest.mark.one_database, pytest.mark.requirement("REQ-ACS-032")]
ROOMS = {"compliance", "trials", "imaging", "reading", "config"}
#: What a person must hold who is named with --as.
HOLDERS = {
    "trials.administer": {Role.TRIAL_ADMINISTRATOR},
    "trials.enrol": {Role.SITE_COORDINATOR, Role.TRIAL_ADMINISTRATOR},
    "imaging.upload": {Role.SITE_COORDINATOR},
}


def ran(name: str, *arguments: str) -> tuple[str, list[str]]:
    """Run a command; return what it printed, and the events that it left."""
    last = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    out, err = io.StringIO(), io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=err)
    actions = AuditEvent.objects.filter(pk__gt=last).order_by("pk").values_list("action", flat=True)
    return out.getvalue() + err.getvalue(), list(actions)


def test_the_table_has_each_command_of_the_rooms_and_no_other() -> None:
    assert COMMANDS.keys() == {name for name, app in get_commands().items() if app in ROOMS}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_takes_a_name_where_it_acts_for_somebody(name: str) -> None:
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    options = {option for action in _actions(parser) for option in action.option_strings}
    assert ("--as" in options) == (COMMANDS[name].named in (PERSON, EITHER))


def _actions(parser: Any) -> list[Any]:
    found = list(parser._actions)
    for action in parser._actions:
        if isinstance(action.choices, Mapping):
            found += [one for below in action.choices.values() for one in _actions(below)]
    return found


def asking(name: str, world: World, folder: Path, username: str) -> tuple[str, ...]:
    """Arguments with which a command acts in somebody's name."""
    code = world.trial.code
    if name == "keys":
        return "rotate", code, "--as", username
    if name == "charter":
        file = folder / "charter.yaml"
        file.write_text(documents.write(world.trial.charter_in_force.terms.content()), encoding="utf-8")
        return "import", code, str(file), "--as", username
    if name == "import_edc":
        code = f"N-{100 + Subject.objects.count()}"
        (folder / "edc.xml").write_text(odm(subject(code, site=world.north.code)), encoding="utf-8")
        return world.trial.code, str(folder / "edc.xml"), "--take", "--as", username
    (folder / "one.dcm").write_bytes(next(iter(scan("N-001"))))
    return str(folder / "one.dcm"), "--site", world.north.code, "--as", username


@pytest.mark.parametrize("name", [name for name, one in sorted(COMMANDS.items()) if one.verb])
def test_a_command_acts_for_those_alone_who_may(name: str, world: World, tmp_path: Path) -> None:
    gone = User.objects.create_user("gone", is_active=False)
    everybody = [*world.people.values(), world.other_coordinator, world.outsider, gone]
    holders = {world.people[role] for role in HOLDERS[COMMANDS[name].verb]}
    for person in everybody:
        if person not in holders:
            with pytest.raises(CommandError):
                ran(name, *asking(name, world, tmp_path, person.username))
    with pytest.raises(CommandError):
        ran(name, *asking(name, world, tmp_path, "nobody-of-this-name"))
    for person in holders:
        printed, actions = ran(name, *asking(name, world, tmp_path, person.username))
        assert set(COMMANDS[name].leaves) & set(actions)
        assert not [word for word in PLANTED.values() if word in printed]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("verify_derivations", ("PLX-1",)),
        ("replay_assignment", ("PLX-1",)),
        ("simulate_reads", ("PLX-1", "--cases", "2")),
        ("verify_signatures", ()),
        ("verify_audit", ("--trial", "PLX-1")),
        ("keys", ("status",)),
        ("charter", ("export", "PLX-1")),
        ("access_matrix", ("--check",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_command_that_looks_leaves_what_its_row_says_and_prints_no_identifier(
    name: str, arguments: tuple[str, ...], world: World
) -> None:
    world.enrol(world.north, "NX-4711", arm="ARM-QUARTZ-7")
    printed, actions = ran(name, *arguments)
    assert set(actions) <= (set(COMMANDS[name].leaves) if COMMANDS[name].named == KEEPER else set())
    assert not [word for word in (*PLANTED.values(), "ARM-QUARTZ-7") if word in printed]
    assert "NX-4711" not in printed or "codes of subjects" in COMMANDS[name].tells


def test_commands_of_accounts_leave_their_events(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(("a password of many words", "another password of many"))
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{answer}\n" for answer in answers)))
    _, made = ran("add_administrator", "second-founder", "--name", "Second Founder")
    printed, changed = ran("changepassword", "second-founder", "--as", world.founder.username)
    assert set(COMMANDS["add_administrator"].leaves) <= set(made)
    assert set(COMMANDS["changepassword"].leaves) <= set(changed)
    assert "password of many" not in printed
    with pytest.raises(CommandError):
        ran("changepassword", "second-founder", "--as", "nobody-of-this-name")
