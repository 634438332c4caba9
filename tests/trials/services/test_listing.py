"""Enrolling from a list: every row is answered, and all new subjects are enrolled, or none."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest

from compliance import audit
from compliance.models import AuditEvent, User
from tests.factories import AT, World
from tests.factories.world import REFERENCE
from tests.trials.lists import HEADER, as_csv, as_xlsx
from trials.models import Subject, Timepoint
from trials.services.enrolling import NotRunning, withdraw_subject
from trials.services.listing import Checked, Fate, ListRefused, Row, enrol_rows, planned_dates, read_list

pytestmark = pytest.mark.requirement("REQ-SUB-005")

DAY_1 = REFERENCE.isoformat()
NEW = ("NORTH", "N-101", DAY_1)


def look(world: World, *rows: tuple[str, ...], actor: User | None = None, header: tuple[str, ...] = HEADER) -> Checked:
    return read_list(trial=world.trial, content=as_csv(*rows, header=header), actor=actor or world.administrator, at=AT)


def problems(world: World, *rows: tuple[str, ...], actor: User | None = None) -> dict[int, list[str]]:
    """What is wrong, by row."""
    return {row.number: row.problems for row in look(world, *rows, actor=actor).of(Fate.WRONG)}


def enrol(world: World, checked: Checked, actor: User | None = None) -> list[Subject]:
    return enrol_rows(trial=world.trial, rows=checked.of(Fate.NEW), actor=actor or world.administrator, at=AT)


def test_new_subjects_are_enrolled_with_the_visits_of_the_charter(world: World) -> None:
    checked = look(world, (*NEW, "A"), ("SOUTH", "S-101", "2026-02-01", ""), header=(*HEADER, "arm"))
    assert checked.holds
    assert [row.fate for row in checked.rows] == [Fate.NEW, Fate.NEW]

    enrol(world, checked)

    one, other = Subject.objects.filter(code__in=("N-101", "S-101")).order_by("code")
    assert (one.site, one.reference_date, one.arm, one.state, one.enrolled_at) == (
        world.north,
        REFERENCE,
        "A",
        "enrolled",
        AT,
    )
    assert (other.site, other.reference_date, other.arm) == (world.south, dt.date(2026, 2, 1), "")
    planned = ("code", "name", "order", "day", "window_before", "window_after", "charter", "image_state", "qc_state")
    by_hand = list(world.subjects["N-001"].timepoints.values_list(*planned))
    for subject in (one, other):
        assert list(subject.timepoints.values_list(*planned)) == by_hand


def test_a_workbook_does_the_same(world: World) -> None:
    content = as_xlsx(("NORTH", "N-101", REFERENCE))

    enrol(world, read_list(trial=world.trial, content=content, actor=world.administrator, at=AT))

    assert Subject.objects.get(code="N-101").reference_date == REFERENCE


def test_the_trail_says_who_enrolled_whom_and_each_subject_has_its_plan(world: World) -> None:
    enrol(world, look(world, NEW, ("NORTH", "N-102", DAY_1)))

    event = audit.history(world.trial).get(action="subject.enrolled")
    assert (event.actor, event.after["count"]) == (world.administrator, 2)
    assert [code for _, code in event.after["code"]] == ["N-101", "N-102"]
    for code in ("N-101", "N-102"):
        (planned,) = audit.history(Subject.objects.get(code=code))
        assert (planned.action, [visit for _, visit in planned.after["code"]]) == (
            "timepoint.planned",
            ["BL", "W8", "W16"],
        )


def test_the_same_list_again_changes_nothing(world: World) -> None:
    enrol(world, look(world, NEW))
    events = AuditEvent.objects.count()

    again = look(world, NEW)

    assert [row.fate for row in again.rows] == [Fate.ENROLLED]
    assert enrol(world, again) == []
    assert AuditEvent.objects.count() == events


def test_a_subject_that_left_is_enrolled_already(world: World) -> None:
    withdraw_subject(subject=world.subjects["N-001"], reason="moved", actor=world.coordinator, at=AT)

    assert [row.fate for row in look(world, ("NORTH", "N-001", DAY_1)).rows] == [Fate.ENROLLED]


def test_what_differs_from_the_record_is_wrong(world: World) -> None:
    rows = [("NORTH", "N-001", "2026-01-06", "A"), ("SOUTH", "N-002", DAY_1, "A"), ("SOUTH", "S-001", DAY_1, "B")]
    checked = look(world, *rows, header=(*HEADER, "arm"))

    assert [row.problems for row in checked.of(Fate.WRONG)] == [
        ["Subject N-001 is enrolled with day 1 on 2026-01-05."],
        ["Subject N-002 is enrolled at site NORTH."],
        ["Subject S-001 is enrolled in another arm."],
    ]


def test_each_wrong_row_is_named_with_its_cells(world: World) -> None:
    assert problems(
        world,
        NEW,
        ("EAST", "N-102", DAY_1),
        ("NORTH", "n 103", DAY_1),
        ("NORTH", "=N104", "05/01/2026"),
        ("NORTH", "N-105", "1926-01-05"),
        NEW,
        ("", "", ""),
        ("NORTH", "", DAY_1),
    ) == {
        3: ["There is no site EAST of this trial at which you may enrol."],
        4: ["The subject code cannot be used. Use 2 to 20 capitals, digits and hyphens."],
        5: [
            "B5: This begins as a formula does (= + - @). Codes begin with a letter or digit.",
            "C5: It is not certain which date this is. Write it as year-month-day, such as 2026-01-31.",
        ],
        6: ["Day 1 is more than 20 years away. Check the year."],
        7: ["Subject N-101 stands in row 2 already."],
        9: ["B9: This is missing."],
    }


def test_a_code_that_the_charter_does_not_give_is_wrong(world: World) -> None:
    world.amend(subjects={"code_format": "{site}-{number:3}"})

    assert problems(world, ("NORTH", "NORTH-1", DAY_1), ("NORTH", "N-001", DAY_1), ("SOUTH", "SOUTH-001", DAY_1)) == {
        2: [
            "The subject code cannot be used at site NORTH. It is not made as the charter says. "
            "A right one is NORTH-001."
        ]
    }


def test_a_coordinator_enrols_at_own_sites_and_learns_nothing_of_others(world: World) -> None:
    rows = (NEW, ("SOUTH", "S-102", DAY_1), ("NORTH", "S-001", DAY_1))

    assert problems(world, *rows, actor=world.coordinator) == {
        3: ["There is no site SOUTH of this trial at which you may enrol."],
        4: ["Subject S-001 is enrolled at another site."],
    }
    enrol(world, look(world, NEW, actor=world.coordinator), actor=world.coordinator)
    assert Subject.objects.filter(code="N-101").exists()


@pytest.mark.parametrize("role", ["analyst", "outsider"])
def test_others_enrol_nowhere(world: World, role: str) -> None:
    assert len(problems(world, NEW, actor=getattr(world, role))) == 1
    with pytest.raises(ListRefused):
        enrol(world, look(world, NEW), actor=getattr(world, role))


def test_a_row_that_no_longer_holds_lets_nobody_in(world: World) -> None:
    checked = look(world, NEW, ("NORTH", "N-102", DAY_1))
    world.enrol(world.north, "N-102")
    Subject.objects.filter(code="N-102").update(reference_date="2026-01-09")

    with pytest.raises(ListRefused, match=r"Nobody was enrolled, because row 3 .* day 1 on 2026-01-09"):
        enrol(world, checked)

    assert not Subject.objects.filter(code="N-101").exists()


def test_a_failure_in_the_middle_lets_nobody_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = look(world, NEW, ("NORTH", "N-102", DAY_1))
    before = Counter(Subject.objects.values_list("code", flat=True)), Timepoint.objects.count()
    saved = audit.save_batch

    def fails_at_the_second_plan(records: object, **more: object) -> object:
        if str(more["about"]) == "N-102":
            raise RuntimeError
        return saved(records, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(audit, "save_batch", fails_at_the_second_plan)

    with pytest.raises(RuntimeError):
        enrol(world, checked)
    assert (Counter(Subject.objects.values_list("code", flat=True)), Timepoint.objects.count()) == before


def test_what_was_changed_on_the_way_is_checked_again(world: World) -> None:
    with pytest.raises(ListRefused, match="cannot be used"):
        enrol_rows(trial=world.trial, rows=[Row(2, "NORTH", "x", "", DAY_1)], actor=world.administrator, at=AT)


def test_a_locked_trial_takes_nobody(locked: World) -> None:
    with pytest.raises(audit.RecordFrozen):
        enrol(locked, look(locked, NEW))


def test_without_a_charter_in_force_there_is_no_list(world: World) -> None:
    world.trial.charters.update(state="superseded")

    with pytest.raises(NotRunning):
        look(world, NEW)


def test_the_dates_of_the_visits_are_foretold(world: World) -> None:
    row = look(world, NEW).rows[0]

    (subject,) = enrol(world, look(world, NEW))
    assert planned_dates(world.trial, row) == [(t.code, t.expected_on) for t in subject.timepoints.order_by("order")]


def test_a_long_list_is_enrolled_in_a_few_questions_per_subject(
    world: World, django_assert_max_num_queries: object
) -> None:
    checked = look(world, *[("NORTH", f"N-{number}", DAY_1) for number in range(200, 300)])

    with django_assert_max_num_queries(100 * 7 + 30):  # type: ignore[operator]
        enrol(world, checked)
