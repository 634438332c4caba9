"""Two readers who differ settle the case: one proposes by signature, the other confirms or sends back."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from compliance import access, jobs, signing
from compliance.models import AuditEvent, User
from compliance.signing import ContentChanged, Intent, WrongPassword
from compliance.transitions import IllegalMove, ReasonRequired
from reading import blinding
from reading.agreement_inputs import variability_inputs
from reading.exports.endpoint_tables import csv_files
from reading.exports.snapshot import snapshot
from reading.models import Adjudication, Reopening
from reading.services.adjudicating import UnknownChoice, decide, open_case
from reading.services.consenting import OwnProposal, confirm, propose, send_back
from reading.services.handing import NotHandedOn, hand_on_case
from reading.services.locking import lock_trial, readiness
from reading.services.reopening import approve_reopening, ask_reopening
from reading.timeline import road_of
from reading.worklists import of_adjudicators, of_meeting_readers
from tests.reading.conftest import AT, PASSWORD, SITE_CODE, SUBJECT_CODE, World, baseline, follow_up
from tests.reading.test_views import signed_in, url, words
from tests.support.shown import shown
from trials.models import Membership, Role, Subject, Trial

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ADJ-004")]

VISITS = ("BL", "W8", "W16")
CONSENSUS = {"triggers": ["best_overall_response"], "resolved_by": "consensus"}
WHY = "The margin at week 8 is clearer in this one."


@pytest.fixture
def met(world: World) -> World:
    """Two readers differ over a case (PR and SD) of a trial that has no adjudicator."""
    Membership.objects.filter(role=Role.ADJUDICATOR).update(ended_at=AT)
    world.amend(adjudication=CONSENSUS)
    world.enrol()
    for code in VISITS:
        world.clear(code)
    world.read_by_both("BL", baseline(30))
    for code in VISITS[1:]:
        world.read_by_both(code, follow_up(20), follow_up(28))
    return world


def case() -> Adjudication:
    return Adjudication.objects.select_related("subject__trial").get()


def reader(world: World, slot: int) -> User:
    return world.task("BL", slot).reader


def side_of(slot: int) -> str:
    return "left" if case().left_slot == slot else "right"


def proposed(world: World, slot: int = 1, chosen: int = 1) -> Adjudication:
    one = case()
    return propose(
        adjudication=one,
        choice=side_of(chosen),
        rationale=WHY,
        signature=Intent(PASSWORD),
        actor=reader(world, slot),
        at=AT,
    )


def test_readers_who_settle_it_need_no_adjudicator(met: World) -> None:
    one = case()

    assert (one.adjudicator, one.state, one.is_by_consensus) == (None, "open", True)
    assert met.result(Subject.objects.get()).accepted is None


def test_a_charter_that_says_nothing_gives_the_case_to_an_adjudicator(world: World, subject: Subject) -> None:
    for code in VISITS:
        world.clear(code)
    world.read_by_both("BL", baseline(30))
    for code in VISITS[1:]:
        world.read_by_both(code, follow_up(20), follow_up(28))

    one = case()
    assert one.adjudicator == world.people["judge"]
    with pytest.raises(access.AccessDenied):
        propose(
            adjudication=one,
            choice="left",
            rationale=WHY,
            signature=Intent(PASSWORD),
            actor=reader(world, 1),
            at=AT,
        )
    assert "proposal" not in one.signed_content()


def test_nothing_counts_before_both_have_signed(met: World) -> None:
    one = proposed(met, slot=1, chosen=2)
    assert (one.state, case().chosen_slot) == ("proposed", None)
    assert met.result(Subject.objects.get()).accepted is None

    confirm(adjudication=one, signature=Intent(PASSWORD), actor=reader(met, 2), at=AT)

    result = met.result(Subject.objects.get()).accepted
    assert result is not None
    assert (result.slot, result.bor, case().rationale) == (2, "SD", WHY)
    assert {mark.signer for mark in signing.signatures_on(case())} == {reader(met, 1), reader(met, 2)}


def test_nobody_answers_an_own_proposal(met: World) -> None:
    before = case()
    one = proposed(met)

    for seen in (one, before):
        with pytest.raises(OwnProposal):
            confirm(adjudication=seen, signature=Intent(PASSWORD), actor=reader(met, 1), at=AT)
    with pytest.raises(OwnProposal):
        send_back(adjudication=one, reason="Second thoughts", actor=reader(met, 1), at=AT)


def test_what_is_sent_back_is_proposed_again_by_either(met: World) -> None:
    one = proposed(met)
    with pytest.raises(ReasonRequired):
        send_back(adjudication=one, reason=" ", actor=reader(met, 2), at=AT)

    send_back(adjudication=one, reason="Look at the fissure again", actor=reader(met, 2), at=AT)
    assert (case().state, case().proposal, case().sent_back) == ("open", {}, "Look at the fissure again")
    again = proposed(met, slot=2, chosen=2)
    confirm(adjudication=again, signature=Intent(PASSWORD), actor=reader(met, 1), at=AT)

    assert case().chosen_slot == 2
    said = AuditEvent.objects.filter(action="adjudication.send_back").values_list("reason", flat=True)
    assert list(said) == ["Look at the fissure again"]


def test_each_signs_with_the_own_password_and_once(met: World) -> None:
    with pytest.raises(WrongPassword):
        propose(
            adjudication=case(),
            choice="left",
            rationale=WHY,
            signature=Intent("another"),
            actor=reader(met, 1),
            at=AT,
        )
    with pytest.raises(UnknownChoice):
        propose(
            adjudication=case(),
            choice="both",
            rationale=WHY,
            signature=Intent(PASSWORD),
            actor=reader(met, 1),
            at=AT,
        )
    one = proposed(met)
    with pytest.raises(WrongPassword):
        confirm(adjudication=one, signature=Intent("another"), actor=reader(met, 2), at=AT)
    with pytest.raises(IllegalMove):
        proposed(met, slot=2)


def test_only_what_was_shown_is_confirmed(met: World) -> None:
    shown = signing.digest(proposed(met).shown_content())
    send_back(adjudication=case(), reason="Look again", actor=reader(met, 2), at=AT)
    other = proposed(met, chosen=2)

    with pytest.raises(ContentChanged):
        confirm(adjudication=other, signature=Intent(PASSWORD, shown_sha256=shown), actor=reader(met, 2), at=AT)


@pytest.mark.parametrize("role", [Role.READER, Role.ADJUDICATOR])
def test_nobody_else_sees_or_settles_the_case(met: World, role: Role) -> None:
    other = met.join("other", role)

    with pytest.raises(access.AccessDenied):
        open_case(adjudication=case(), actor=other, at=AT)
    with pytest.raises(access.AccessDenied):
        decide(adjudication=case(), choice="left", rationale=WHY, signature=Intent(PASSWORD), actor=other, at=AT)
    assert signed_in(other).get(url("consensus", case().blinded_code)).status_code in (403, 404)
    assert list(of_adjudicators(other, None, AT))[:1] == [] or role == Role.ADJUDICATOR


def test_the_page_leads_from_the_proposal_to_the_decision(met: World) -> None:
    address = url("consensus", case().blinded_code)
    first, second = signed_in(reader(met, 1)), signed_in(reader(met, 2))
    assert case().blinded_code in words(first.get(url("worklist")))
    assert "Sign the proposal" in words(first.get(address))

    answer = first.post(
        address, {"choice": side_of(1), "rationale": WHY, "password": PASSWORD, "shown_sha256": shown(case())}
    )
    assert answer.status_code == 302
    assert "You proposed" in words(first.get(address))
    page = words(second.get(address))
    assert "The other reader proposes" in page
    assert WHY in page
    answer = second.post(address, {"verdict": "send_back", "reason": ""})
    assert (answer.status_code, case().state) == (422, "proposed")
    answer = second.post(address, {"verdict": "confirm", "password": ""})
    assert (answer.status_code, case().state) == (422, "proposed")
    assert (
        second.post(address, {"verdict": "confirm", "password": PASSWORD, "shown_sha256": shown(case())}).status_code
        == 302
    )
    assert case().state == "decided"
    assert "Why they differ" in words(second.get(address))


def test_a_proposal_is_sent_back_on_the_page_with_its_reason(met: World) -> None:
    proposed(met)
    address = url("consensus", case().blinded_code)

    answer = signed_in(reader(met, 2)).post(address, {"verdict": "send_back", "reason": "Look at the fissure"})

    assert answer.status_code == 302
    assert "Look at the fissure" in words(signed_in(reader(met, 1)).get(address))


def test_neither_side_is_named_and_no_cause_is_told_before_both_signed(met: World) -> None:
    one = proposed(met)
    assert one.discordance
    program = APIClient()
    for slot in (1, 2):
        person = reader(met, slot)
        program.force_authenticate(person)
        text = json.dumps(program.get(f"/api/v1/consensus-cases/{one.blinded_code}/").json())
        page = words(signed_in(person).get(url("consensus", one.blinded_code)))
        other = reader(met, 3 - slot)
        planted = [SITE_CODE, SUBJECT_CODE, "Week 8", other.username, other.full_name, "Why they differ"]
        assert [word for word in planted if word in text or word in page] == []
        assert json.loads(text)["cause"] is None
    assert blinding.blinded_adjudication(one).cause is None


def test_a_proposal_waits_for_the_other_reader_alone(met: World) -> None:
    def waits(slot: int) -> list[int]:
        return [one.count for one in of_meeting_readers(reader(met, slot), None, AT)]

    assert (waits(1), waits(2)) == ([1], [1])
    proposed(met)
    assert (waits(1), waits(2)) == ([], [1])


def test_pictures_of_the_case_are_shown_to_both(met: World) -> None:
    one = case()
    series = blinding.blinded_adjudication(one).timepoints[0].series[0].key

    for slot in (1, 2):
        client = signed_in(reader(met, slot))
        assert client.get(url("consensus_pixels", one.blinded_code, series, 1)).status_code == 200
        assert client.get(url("consensus_thumbnail", one.blinded_code, series)).status_code == 200


def test_a_trial_is_not_locked_on_a_proposal(met: World) -> None:
    proposed(met)

    assert [one.sentence for one in readiness(met.trial)] == [f"Adjudication {case().blinded_code} is not decided."]


def test_before_the_readers_are_asked_the_lock_waits_for_no_adjudicator(met: World) -> None:
    Adjudication.objects.update(state="superseded")

    assert [one.sentence for one in readiness(met.trial)] == [
        f"The reads of subject {SUBJECT_CODE} differ, and their readers are not asked yet: try again in a minute."
    ]


def test_there_is_no_adjudicator_to_miss_or_to_hand_the_case_on_from(met: World) -> None:
    manager = met.join("manager", Role.READING_MANAGER)
    other = met.join("umpire", Role.ADJUDICATOR)
    client = signed_in(manager)

    assert client.get(url("case_hand_on", case().blinded_code)).status_code == 404
    assert "Hand on the adjudication" not in client.get(url("people", met.trial.pk)).content.decode()
    assert "both readers" in words(client.get(url("progress", met.trial.pk)))
    with pytest.raises(NotHandedOn, match="settled by its two readers"):
        hand_on_case(adjudication=case(), taker=other, reason="On leave", actor=manager, at=AT)
    Membership.objects.filter(role=Role.ADJUDICATOR).update(ended_at=AT)
    page = signed_in(met.admin).get(reverse("trials:setup", args=[met.trial.pk]))
    assert Role.ADJUDICATOR not in page.context["missing_roles"]


def test_a_read_that_is_opened_again_supersedes_a_proposal(met: World) -> None:
    proposed(met)
    manager = met.join("manager", Role.READING_MANAGER)
    ask_reopening(task=met.task("W16", 2), reason="Wrong slice", actor=manager, at=AT)

    approve_reopening(reopening=Reopening.objects.get(), signature=Intent(PASSWORD), actor=met.admin, at=AT)

    assert Adjudication.objects.count() == 0


def test_the_package_says_consensus_and_agreement_stays_that_of_the_independent_reads(met: World) -> None:
    before = variability_inputs(met.trial).best_responses
    confirm(adjudication=proposed(met), signature=Intent(PASSWORD), actor=reader(met, 2), at=AT)
    jobs.drain()
    assert variability_inputs(met.trial).best_responses == before
    (pair,) = before
    assert (pair.first, pair.second) == ("PR", "SD")

    lock_trial(trial=met.trial, signature=Intent(PASSWORD), actor=met.admin, at=AT)
    files = csv_files(snapshot(Trial.objects.get()))

    def rows(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(files[name].decode(), newline="")))

    assert [(row["evalid"], row["accepted_evalid"], row["rationale"]) for row in rows("adjudications.csv")] == [
        ("CONSENSUS", "READER 1", WHY)
    ]
    said = [row["meaning"] for row in rows("data_dictionary.csv") if row["file"] == "adjudications.csv"]
    assert "Who decided: CONSENSUS of both readers, or ADJUDICATOR." in said


def test_an_auditor_finds_both_signatures_on_the_road_of_the_subject(met: World) -> None:
    confirm(adjudication=proposed(met), signature=Intent(PASSWORD), actor=reader(met, 2), at=AT)

    steps = [step for leg in road_of(Subject.objects.get()) for step in leg.steps if step.title.endswith("decided")]

    assert [(step.who, len(step.signatures)) for step in steps] == [("both readers, by consensus", 2)]
