"""Reader agreement, computed from what the readers signed."""

from __future__ import annotations

import json

import pytest
from pytest_django import DjangoAssertNumQueries

from compliance.models import Job
from compliance.signing import Intent
from reading import selectors
from reading.agreement_inputs import variability_inputs
from reading.models import Adjudication, AgreementReport, ReadTask
from reading.services import measuring
from reading.services.adjudicating import decide
from reading.services.measuring import show_variability, variability_report
from reading.signals import read_submitted
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from trials.models import Role, Subject
from trials.services import enrolling

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-VAR-003")]

#: Subject by subject: what the first and the second reader measured at baseline, week 8 and week 16.
SUMS = {
    "S-01": ((30, 20, 20), (31, 20, 19)),
    "S-02": ((40, 39, 41), (38, 38, 40)),
    "S-03": ((50, 34, 33), (51, 37, 36)),
}


@pytest.fixture
def agreed(world: World) -> World:
    for code, (first, second) in SUMS.items():
        subject = world.enrol(code)
        for visit, one, two in zip(("BL", "W8", "W16"), first, second, strict=True):
            world.clear(visit, subject)
            entry = baseline if visit == "BL" else follow_up
            world.read_by_both(visit, entry(one), entry(two), subject)
    return world


def test_what_two_readers_found_is_paired_by_place(agreed: World) -> None:
    inputs = variability_inputs(agreed.trial)

    pairs = [(pair.subject, pair.timepoint, int(pair.first), int(pair.second)) for pair in inputs.burdens]
    assert pairs == [
        (code, visit, one, two)
        for code, (first, second) in SUMS.items()
        for visit, one, two in zip(("BL", "W8", "W16"), first, second, strict=True)
    ]
    # S-03: 34 of 50 mm is -32 %, PR; 37 of 51 mm is -27.5 %, SD (RECIST 1.1 §4.3.1).
    assert [(p.subject, p.timepoint, p.first, p.second) for p in inputs.responses if p.first != p.second] == [
        ("S-03", "W8", "PR", "SD"),
        ("S-03", "W16", "PR", "SD"),
    ]
    assert [(p.first, p.second) for p in inputs.best_responses] == [("PR", "PR"), ("SD", "SD"), ("PR", "SD")]


def test_the_report_holds_every_statistic(agreed: World) -> None:
    adjudication = Adjudication.objects.get()
    decide(
        adjudication=adjudication,
        choice="left" if adjudication.left_slot == 1 else "right",
        rationale="Clearer",
        signature=Intent(PASSWORD),
        actor=adjudication.adjudicator,
        at=AT,
    )

    report = variability_report(agreed.trial)

    # Differences first - second: -1 0 1 2 1 1 -1 -3 -3; their mean is -1/3.
    assert report["sums"]["bland_altman"]["mean_diff"] == pytest.approx(-1 / 3)
    assert 0.9 < report["sums"]["icc_2_1"]["value"] < 1
    assert 0.9 < report["sums"]["icc_3_1"]["value"] < 1
    # Four of six timepoint responses agree; by chance 0.5 would: (2/3 - 1/2) / (1 - 1/2) = 1/3.
    assert report["timepoint_responses"]["percent_agreement"]["value"] == pytest.approx(4 / 6)
    assert report["timepoint_responses"]["kappa"]["observed_agreement"] == pytest.approx(4 / 6)
    assert report["timepoint_responses"]["kappa"]["value"] == pytest.approx(0.4)
    # CR, PR, SD, PD in this order; all readings lie in two neighbours, so linear weights change nothing.
    assert report["timepoint_responses"]["kappa_linear"]["value"] == pytest.approx(0.4)
    assert report["best_responses"]["percent_agreement"]["value"] == pytest.approx(2 / 3)
    assert report["adjudication"]["adjudication_rate"] == pytest.approx(1 / 3)
    slots = {slot.slot: slot.reader.username for slot in selectors.slot_results(adjudication.subject)}
    readers = report["adjudication"]["readers"]
    assert readers[slots[2]]["disagreement_index"] == pytest.approx(1 / 3)
    assert readers[slots[1]]["disagreement_index"] == 0
    json.dumps(report, allow_nan=False)


def test_what_is_watched_is_counted_by_site_month_and_trigger(agreed: World) -> None:
    manager = agreed.join("manager", Role.READING_MANAGER)

    watched = show_variability(trial=agreed.trial, actor=manager, at=AT)["monitoring"]

    rates = watched["adjudication"]
    assert (rates["overall"]["x"], rates["overall"]["n"]) == (1, 3)
    charts = {name: [(p["label"], p["x"], p["n"]) for p in rates[name]["points"]] for name in ("by_site", "by_month")}
    assert charts == {"by_site": [(agreed.site.code, 1, 3)], "by_month": [(f"{AT:%Y-%m}", 1, 3)]}
    assert {name: rate["x"] for name, rate in rates["by_trigger"].items()}.keys() == {
        trigger["name"] for trigger in Adjudication.objects.get().triggers
    }
    # Each reader's relative differences are the other's with the sign changed, so their sums mirror each other.
    (one, two) = watched["drift"]["readers"].values()
    assert (one["high"], one["low"]) == (two["low"], two["high"])
    assert len(one["high"]) == 9
    assert watched["disagreement"]["undefined"] is True
    assert "monitoring" not in variability_report(agreed.trial)
    json.dumps(watched, allow_nan=False)


def test_without_reads_each_statistic_says_why_it_is_undefined(world: World, subject: Subject) -> None:
    report = variability_report(world.trial)

    for place in (report["sums"]["icc_2_1"], report["timepoint_responses"]["kappa"], report["adjudication"]):
        assert place["undefined"] is True
        assert place["reason"]


def test_a_subject_read_in_part_counts_for_its_timepoints_only(world: World, subject: Subject) -> None:
    world.clear("BL")
    world.clear("W8")
    world.read_by_both("BL", baseline(30))
    world.read_by_both("W8", follow_up(20))

    inputs = variability_inputs(world.trial)
    assert (len(inputs.burdens), len(inputs.responses), inputs.best_responses, inputs.cases) == (2, 1, (), ())

    enrolling.mark_missed(timepoint=world.timepoint("W16"), reason="No scan", actor=world.coordinator, at=AT)
    assert len(variability_inputs(world.trial).cases) == 1


def test_the_report_is_computed_once_and_again_after_what_it_rests_on_changed(
    agreed: World, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    manager = agreed.join("manager", Role.READING_MANAGER)
    first = show_variability(trial=agreed.trial, actor=manager, at=AT)
    with django_assert_max_num_queries(12):
        assert show_variability(trial=agreed.trial, actor=manager, at=AT) == first

    subject = agreed.enrol("S-04")
    agreed.clear("BL", subject)
    agreed.read_by_both("BL", baseline(25), baseline(26), subject)

    again = show_variability(trial=agreed.trial, actor=manager, at=AT)
    assert len(again["sums"]["pairs"]) == len(first["sums"]["pairs"]) + 1


def test_a_signature_has_the_report_made_ready(agreed: World) -> None:
    for task in ReadTask.objects.filter(timepoint__code="W16")[:2]:
        read_submitted.send(sender=ReadTask, task=task, at=AT)
    waiting = Job.objects.get(kind=measuring.RENEW, state=Job.State.QUEUED)
    assert waiting.not_before == AT + measuring.QUIET
    AgreementReport.objects.all().delete()
    measuring.renew(trial_id=agreed.trial.pk, at=AT)
    assert len(AgreementReport.objects.get(trial=agreed.trial).report["sums"]["pairs"]) == 9
