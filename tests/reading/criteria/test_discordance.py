"""Which triggers of a charter fire on two readers' results."""

from __future__ import annotations

from itertools import permutations

import pytest

from reading.criteria import get
from reading.criteria.discordance import TRIGGERS, NotComparable, Trigger, discordant
from reading.criteria.results import SubjectResponse
from tests.reading.criteria.build import history, sums

pytestmark = pytest.mark.requirement("REQ-ADJ-001")


def read(*values: str) -> SubjectResponse:
    return get("RECIST 1.1").derive_subject(sums(*values))


def test_readers_who_agree_fire_nothing_even_with_other_lesions() -> None:
    assert discordant(read("100", "70", "90"), read("50", "34", "46"), TRIGGERS) == ()


def test_every_trigger_says_where_and_what() -> None:
    # 100-65-90: PR, then PD from the nadir of 65. 100-75-85: SD, SD.
    assert discordant(read("100", "65", "90"), read("100", "75", "85"), TRIGGERS) == (
        Trigger("overall_response", ("TP1", "TP2"), (("PR", "SD"), ("PD", "SD"))),
        Trigger("best_overall_response", (), (("PR", "SD"),)),
        Trigger("response_class", (), (("responder", "non-responder"),)),
        Trigger("progression_date", ("TP2",), (("day 112", "none"),)),
        Trigger("first_response_date", ("TP1",), (("day 56", "none"),)),
    )


def test_only_the_charters_triggers_are_compared() -> None:
    fired = discordant(read("100", "0"), read("100", "50"), {"response_class", "best_overall_response"})
    assert fired == (Trigger("best_overall_response", (), (("CR", "PR"),)),)


@pytest.mark.parametrize(("window", "names"), [(55, ["progression_date"]), (56, [])])
def test_dates_within_the_window_agree(window: int, names: list[str]) -> None:
    early, late = read("100", "130", "130"), read("100", "100", "130")
    fired = discordant(early, late, ["progression_date"], window)
    assert [trigger.name for trigger in fired] == names
    assert [trigger.timepoint_ids for trigger in fired] == [("TP1", "TP2")] * len(names)


def test_progression_seen_by_one_reader_only_is_never_within_the_window() -> None:
    assert discordant(read("100", "130"), read("100", "100"), ["progression_date"], 10_000)


def test_a_timepoint_that_one_reader_has_not_read_is_not_compared() -> None:
    assert discordant(read("100", "90", "130"), read("100", "90"), ["overall_response"]) == ()


def test_the_order_of_triggers_and_readers_does_not_matter() -> None:
    a, b = read("100", "65", "90"), read("100", "75", "85")
    results = {discordant(a, b, order) for order in permutations(TRIGGERS)}
    assert len(results) == 1
    mirrored = discordant(b, a, TRIGGERS)
    assert [(t.name, t.timepoint_ids) for t in mirrored] == [(t.name, t.timepoint_ids) for t in results.pop()]


def test_progression_dated_back_is_compared_by_its_date() -> None:
    doubtful = {
        "targets": [["T1", "LIVER", False, "100"]],
        "timepoints": [
            {"day": 56, "targets": {"T1": "100"}, "new": {"NL1": "EQUIVOCAL"}},
            {"day": 112, "targets": {"T1": "100"}, "new": {"NL1": "UNEQUIVOCAL"}},
        ],
    }
    a, b = get("RECIST 1.1").derive_subject(history(doubtful)), read("100", "130", "130")
    assert discordant(a, b, ["progression_date", "overall_response"]) == (
        Trigger("overall_response", ("TP1",), (("SD", "PD"),)),
    )


def test_unknown_triggers_and_other_rules_are_refused() -> None:
    a = read("100", "65")
    other = get("RECIST 1.1", {"min_sd_days": 56}).derive_subject(sums("100", "65"))
    with pytest.raises(NotComparable):
        discordant(a, a, ["mood"])
    with pytest.raises(NotComparable):
        discordant(a, other, TRIGGERS)
