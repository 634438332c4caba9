"""Each life's table is sound: states reachable, verbs known, and every regulated record is in the trail's list."""

from __future__ import annotations

import pytest
from django.apps import apps

from compliance import access, audit
from compliance.models import Record
from compliance.states import Machine

ROOMS = ("compliance", "trials", "imaging", "reading")


def records() -> list[type[Record]]:
    return [model for room in ROOMS for model in apps.get_app_config(room).get_models() if issubclass(model, Record)]


def lives() -> list[tuple[type[Record], str, Machine]]:
    return [(model, field, machine) for model in records() for field, machine in model.machines.items()]


@pytest.mark.requirement("REQ-SEQ-002")
@pytest.mark.parametrize(("model", "field", "machine"), lives(), ids=lambda value: getattr(value, "name", ""))
def test_every_state_of_a_life_is_reachable_and_stored(model, field, machine):
    states = set(type(machine.initial))
    assert machine.reachable() == states
    choices = {value for value, _ in model._meta.get_field(field).choices}
    assert choices == {str(state) for state in states}
    assert model._meta.get_field(field).default == machine.initial


@pytest.mark.requirement("REQ-ACS-003")
@pytest.mark.parametrize(("model", "field", "machine"), lives(), ids=lambda value: getattr(value, "name", ""))
def test_every_verb_of_a_life_is_registered(model, field, machine):
    asked = {move.may for move in machine.moves.values()} - {None}
    assert asked <= access.verbs()


@pytest.mark.requirement("REQ-AUD-001")
def test_every_regulated_record_is_in_the_trail():
    assert set(audit.regulated()) == set(records())


@pytest.mark.parametrize("model", records(), ids=lambda model: model._meta.label)
def test_every_record_says_where_it_belongs(model):
    assert model.scope is not Record.scope
