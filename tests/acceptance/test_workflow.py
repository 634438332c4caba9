"""A trial is lived at random, from enrolment to lock: no forbidden state, and every refusal is a sentence.

`make workflow` takes 100,000 steps; the suite takes a few hundred.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.acceptance.workflow import CHARTER, Workflow
from tests.factories import AT, make_user, make_world
from tests.factories.world import ask_of_sites
from trials.models import Role
from trials.services import setting_up

pytestmark = pytest.mark.requirement("REQ-SEQ-003")

STEPS = int(os.environ.get("PARALLAX_WORKFLOW_STEPS", "200"))
#: The long proof is walked by two, each in a process of its own and by its own chance.
LONG = STEPS >= 10_000
WALKERS = 2 if LONG else 1
#: Random steps in one life of the trial, which begins anywhere on its road (see `Workflow.it_is_under_way`).
LIFE = 150 if LONG else 50


@pytest.mark.parametrize("walker", range(WALKERS))
@pytest.mark.usefixtures("db", "own_disk")
def test_no_order_of_steps_leads_into_a_forbidden_state(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, walker: int
) -> None:
    # Whether bytes survive a power cut is intake's to prove; here it would cost more than all else.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    world = make_world(charter=CHARTER)
    ask_of_sites(world, scanners=True)
    second = make_user("second-reader")
    setting_up.grant_membership(trial=world.trial, user=second, role=Role.READER, actor=world.founder, at=AT)
    analyst = make_user("second-analyst")
    setting_up.grant_membership(trial=world.trial, user=analyst, role=Role.QC_ANALYST, actor=world.founder, at=AT)
    Workflow.world, Workflow.told = world, tmp_path / "steps"
    Workflow.done.clear()
    Workflow.tried = 0

    # Some lives are shorter than asked for.
    while Workflow.tried < STEPS / WALKERS:
        run_state_machine_as_test(
            Workflow,
            settings=settings(
                max_examples=max((STEPS // WALKERS - Workflow.tried) // LIFE, 1),
                # Coming under way counts as a step.
                stateful_step_count=LIFE + 1,
                derandomize=settings().derandomize and not LONG,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )

    print("\n".join(f"{count:7} {name}" for name, count in sorted(Workflow.done.items())))
    print(f"{Workflow.tried:7} steps by chance")
