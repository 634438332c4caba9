"""A charter rehearsed by simulated readers: what is put in comes out, and no trial is touched."""

from __future__ import annotations

import json
import math
from io import StringIO
from statistics import fmean, stdev

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from scipy.stats import norm

from compliance.models import AuditEvent
from reading import criteria
from reading.models import ReadTask
from reading.rehearsal.known import DAYS
from reading.rehearsal.readers import Entries, Manner, read
from reading.rehearsal.subjects import Population, draw_subject, generator_of
from reading.rehearsal.trials import NotRehearsed, Plan, rehearse
from reading.variability import IccForm, bland_altman, cohen_kappa, icc
from reading.variability.causes import Cause
from tests.reading.conftest import World

pytestmark = pytest.mark.requirement("REQ-VAR-002")

Pairs = list[tuple[Entries, Entries]]
Runs = list[Pairs]
PACK = criteria.get("RECIST 1.1")
TRIGGERS = ("best_overall_response", "progression_date")


def plan(first: Manner | None = None, second: Manner | None = None, **other: object) -> Plan:
    return Plan(PACK, DAYS, TRIGGERS, (first or Manner(), second or Manner()), **other)  # type: ignore[arg-type]


# --- what is known of the readers comes out again: four Monte-Carlo standard errors ---------------------------------


def simulated(first: Manner, second: Manner, run: int, subjects: int = 80) -> Pairs:
    pairs = []
    for number in range(subjects):
        generator = generator_of("recovery", run, number)
        subject = draw_subject(Population(), len(DAYS), generator)
        pairs.append((read(subject, first, generator), read(subject, second, generator)))
    return pairs


@pytest.fixture(scope="module")
def runs() -> Runs:
    """Forty trials of 80 subjects: the first reader 8 % too large, both with an SD of 6 % and departures of 20 %."""
    departures = {Cause.NON_TARGET: 0.2}
    first, second = Manner(8.0, 6.0, departures), Manner(0.0, 6.0, departures)
    return [simulated(first, second, run) for run in range(40)]


def test_the_bias_is_recovered(runs: Runs) -> None:
    found = []
    for pairs in runs:
        first, second = ([float(pair[place].sizes_mm[0, 0]) for pair in pairs] for place in (0, 1))
        found.append(math.exp(fmean(map(math.log, first)) - fmean(map(math.log, second))))
        assert bland_altman(first, second, log=True).to_json()["ratio"] == pytest.approx(found[-1])
    assert fmean(found) == pytest.approx(1.08, abs=4 * stdev(found) / math.sqrt(len(found)))


def test_the_icc_is_recovered(runs: Runs) -> None:
    """Of the logarithm of a size at baseline: normal with an SD of 0.4, cut off at 12 and 90 mm, read with 0.06."""
    true = np.clip(norm.ppf((np.arange(20000) + 0.5) / 20000, math.log(28), 0.4), math.log(12), math.log(90)).var()
    found = [
        icc([[math.log(one.sizes_mm[0, 0]) for one in pair] for pair in pairs], IccForm.THREE_SINGLE).value
        for pairs in runs
    ]
    truth = true / (true + 0.06**2)
    assert fmean(found) == pytest.approx(truth, abs=4 * stdev(found) / math.sqrt(len(found)) + 0.002)


def test_the_kappa_is_recovered(runs: Runs) -> None:
    """Each reader turns the truth, that a non-target lesion progresses, into its opposite with a probability of 0.2."""
    share, wrong = 1 - (1 - Population().nontarget_progression) ** (len(DAYS) - 1), 0.2
    agreed, says = (1 - wrong) ** 2 + wrong**2, share * (1 - wrong) + (1 - share) * wrong
    chance = says**2 + (1 - says) ** 2
    found = [
        cohen_kappa(
            [pair[0].nontarget_at is not None for pair in pairs],
            [pair[1].nontarget_at is not None for pair in pairs],
            categories=[False, True],
        ).value
        for pairs in runs
    ]
    assert fmean(found) == pytest.approx((agreed - chance) / (1 - chance), abs=4 * stdev(found) / math.sqrt(len(found)))


# --- the rehearsal ---------------------------------------------------------------------------------------------------


def test_exact_readers_are_never_adjudicated() -> None:
    exact = Manner(precision_percent=0)
    found = rehearse(plan(exact, exact), cases=40, subjects=100, seed="s")
    assert (found.rate.value, found.by_cause, found.expected[0]) == (0.0, {}, 0.0)


def test_a_departure_is_found_as_the_cause_and_the_seed_replays() -> None:
    exact, missing = Manner(precision_percent=0), Manner(precision_percent=0, departures={Cause.NEW_LESION: 1.0})
    found = rehearse(plan(exact, missing), cases=60, subjects=100, seed="s")
    assert list(found.by_cause) == [Cause.NEW_LESION]
    assert found.expected[0] < found.rate.value < found.expected[1]
    assert rehearse(plan(exact, missing), cases=60, subjects=100, seed="s") == found
    assert rehearse(plan(exact, missing), cases=60, subjects=100, seed="t") != found


def test_what_cannot_be_rehearsed_is_said() -> None:
    with pytest.raises(NotRehearsed, match="at least one case"):
        rehearse(plan(), cases=0, subjects=1, seed="s")
    with pytest.raises(NotRehearsed, match="no visit after the baseline"):
        rehearse(Plan(PACK, {"BL": 0}, TRIGGERS, (Manner(), Manner())), cases=1, subjects=1, seed="s")
    with pytest.raises(NotRehearsed, match="PCWG3"):
        bone = Plan(criteria.get("PCWG3 bone"), DAYS, TRIGGERS, (Manner(), Manner()))
        rehearse(bone, cases=1, subjects=1, seed="s")


def asked(*words: str) -> str:
    answer = StringIO()
    call_command("simulate_reads", *words, stdout=answer)
    return answer.getvalue()


@pytest.mark.django_db
def test_the_command_reports_and_stores_nothing(world: World) -> None:
    events = AuditEvent.objects.count()

    text = asked("READ-1", "--cases", "30", "--departure", "new_lesion=0.5", "--precision", "8", "12")
    answer = json.loads(asked("READ-1", "--cases", "30", "--json"))

    assert text.startswith("SIMULATED: 30 cases of trial READ-1 by version 1 of its charter\nAdjudicated: ")
    assert "Expected in a trial of 100 subjects: " in text
    assert (answer["simulated"], answer["cases"], answer["trial_of"]) == (True, 30, 100)
    assert (AuditEvent.objects.count(), ReadTask.every.count()) == (events, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["NONE-1"], "There is no trial NONE-1 with a charter."),
        (["READ-1", "--departure", "mood=0.5"], "mood=0.5 is none"),
        (["READ-1", "--cases", "0"], "ask for at least one case"),
    ],
)
def test_the_command_says_what_is_wrong(world: World, words: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        asked(*words)


@pytest.mark.django_db
def test_a_single_reader_needs_no_rehearsal(world: World) -> None:
    world.amend(readers_per_timepoint=1)
    with pytest.raises(CommandError, match="has one reader"):
        asked("READ-1")
