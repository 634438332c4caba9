"""Why two readers differ, from what they stored: kept with the adjudication, and hidden until it is decided."""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal

import pytest
from django.test import Client

from compliance.signing import Intent
from reading.blinding import blinded_adjudication, blinded_task
from reading.models import Adjudication
from reading.services.adjudicating import decide
from reading.services.assessing import open_task
from reading.services.entries import AssessmentEntry, LesionEntry
from reading.services.measuring import show_variability
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from trials.models import Role, Subject
from trials.services import enrolling

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ADJ-005")]


def adjudicated(
    world: World, first: list[AssessmentEntry], second: list[AssessmentEntry], slices: int = 2
) -> Adjudication:
    """Two timepoints, the third missed; what each reader entered."""
    subject = world.trial.subjects.get()
    for code in ("BL", "W8"):
        world.clear(code, slices=slices)
    enrolling.mark_missed(timepoint=world.timepoint("W16", subject), reason="No", actor=world.coordinator, at=AT)
    for code, one, other in zip(("BL", "W8"), first, second, strict=True):
        world.read_by_both(code, one, other)
    return Adjudication.objects.get()


def choose(case: Adjudication, side: str) -> None:
    decide(
        adjudication=case,
        choice=side,
        rationale="Clearer margins",
        signature=Intent(PASSWORD),
        actor=case.adjudicator,
        at=AT,
    )


@pytest.mark.parametrize(
    ("second", "cause"),
    [
        ([baseline(30, 20), follow_up(29, 19)], "measurement"),
        ([baseline(30), follow_up(29)], "measurement"),
        ([baseline(30, 20, 40), follow_up(18, 12, 40)], "number_of_targets"),
        ([baseline(30, 20), follow_up(18, 12, new="UNEQUIVOCAL")], "new_lesion"),
        ([baseline(30, 20), follow_up(18, 12, nontarget="UNEQUIVOCAL_PD")], "non_target"),
        ([baseline(30, 20), AssessmentEntry(version=0, image_quality="not_evaluable")], "evaluability"),
        ([baseline(30, 20), follow_up(18, "NOT_EVALUABLE")], "evaluability"),
    ],
)
def test_the_cause_is_kept_with_the_adjudication(
    world: World, subject: Subject, second: list[AssessmentEntry], cause: str
) -> None:
    case = adjudicated(world, [baseline(30, 20), follow_up(18, 12)], second)

    assert (case.discordance["cause"], case.discordance["timepoint"]) == (cause, "W8")


def test_lesions_pair_by_the_slice_they_were_measured_on(world: World, subject: Subject) -> None:
    """Two liver lesions on the first and the last of seven slices, 30 mm apart; the readers number them otherwise."""
    world.clear("BL", slices=7)
    task = world.task("BL", 1)
    open_task(task=task, actor=task.reader, at=AT)

    def entry(slot: int, *places: int) -> AssessmentEntry:
        read = world.task("BL", slot)
        keys = [picture.instance_key for picture in blinded_task(read).series[0].slices]
        return AssessmentEntry(
            version=0,
            lesions=tuple(
                LesionEntry(None, "target", "LIVER", state="MEASURED", diameter_mm=Decimal(15), instance=keys[place])
                for place in places
            ),
        )

    world.read_by_both("BL", entry(1, 0, 6), entry(2, 6, 0))
    world.clear("W8")
    enrolling.mark_missed(timepoint=world.timepoint("W16"), reason="No", actor=world.coordinator, at=AT)
    world.read_by_both("W8", follow_up(15, 6, nontarget=""), follow_up(15, 15, nontarget=""))

    found = Adjudication.objects.get().discordance
    assert sorted(found["pairs"]) == [["T01", "T02"], ["T02", "T01"]]
    assert (found["only_first"], found["only_second"], found["cause"]) == ([], [], "measurement")


def test_nobody_is_shown_the_cause_before_the_decision(world: World, subject: Subject) -> None:
    case = adjudicated(
        world, [baseline(30, 20), follow_up(18, 12)], [baseline(30, 20), follow_up(18, 12, new="UNEQUIVOCAL")]
    )
    manager = world.join("manager", Role.READING_MANAGER)
    clients = {name: Client() for name in ("judge", "manager")}
    for name, client in clients.items():
        client.force_login(world.people[name])
    pages = {
        "judge": [f"/reading/adjudications/{case.blinded_code}/", f"/api/v1/adjudications/{case.blinded_code}/"],
        "manager": [f"/reading/trials/{world.trial.pk}/progress/"],
    }

    def seen() -> str:
        return " ".join(clients[name].get(url).content.decode() for name, urls in pages.items() for url in urls)

    assert blinded_adjudication(case).cause is None
    assert "Why they differ" not in seen()
    assert '<td data-label="Why">–</td>' in seen()

    choose(case, "right")

    words = seen()
    assert "Why they differ" in words
    assert '<td data-label="Why">New lesion</td>' in words
    cause = blinded_adjudication(Adjudication.objects.get()).cause
    alone = cause.only_right if case.left_slot == 1 else cause.only_left
    assert (cause.name, cause.title, alone) == ("New lesion", "Timepoint 2", ("NEW04",))
    assert json.loads(json.dumps(asdict(cause)))["pairs"] == [["T01", "T01"], ["T02", "T02"], ["NT03", "NT03"]]
    causes = show_variability(trial=world.trial, actor=manager, at=AT)["monitoring"]["causes"]
    assert {pair: {name: n for name, n in row.items() if n} for pair, row in causes.items()} == {
        "reader-a + reader-b": {"new_lesion": 1}
    }
