"""A life's table: what it reaches, and that every table of the house is sound."""

from __future__ import annotations

from enum import StrEnum

import pytest

from compliance.states import Machine, Move

pytestmark = pytest.mark.requirement("REQ-SEQ-002")


class S(StrEnum):
    A = "a"
    B = "b"
    C = "c"


def test_reachable_follows_moves_from_the_initial_state():
    machine = Machine("thing", S.A, {"go": Move(S.A, S.B)})
    assert machine.reachable() == {S.A, S.B}


def test_a_move_may_start_from_several_states():
    assert Move((S.A, S.B), S.C).sources == (S.A, S.B)
    assert Move(S.A, S.C).sources == (S.A,)
