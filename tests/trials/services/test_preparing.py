"""A site answers, registers its scanners and acknowledges its training: each by who may, signed where it counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compliance import signing
from compliance.access import AccessDenied
from compliance.audit import RecordFrozen
from compliance.signing import ContentChanged, Intent, WrongPassword
from compliance.transitions import IllegalMove, ReasonRequired
from tests.factories import AT, PASSWORD
from tests.factories.world import ask_of_sites
from trials.models import Scanner, SiteAnswers, TrainingAcknowledgement
from trials.services import preparing
from trials.services.preparing import AnswersRefused, NothingAsked, ScannerKnown, TrainedAlready
from trials.site_terms import Training
from trials.states import AnswersState, ScannerState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-SUB-007")]

QUESTIONS = [
    {"code": "CALIB", "label": "Calibrated each day?", "kind": "yes_no", "required": True},
    {"code": "COUNT", "label": "How many scanners?", "kind": "integer", "required": True, "usual_most": 9},
]
TEXT = Training("Transfer of images", "Send the original series.")
SIGNED = Intent(PASSWORD)


@pytest.fixture
def asked(world):
    ask_of_sites(world, questions=QUESTIONS, scanners=True, training=[{"title": TEXT.title, "text": TEXT.text}])
    return world


def answer(world, values, actor=None, **more):
    return preparing.save_answers(site=world.north, values=values, actor=actor or world.coordinator, at=AT, **more)


def sign(world, values, signature=SIGNED, **more):
    return preparing.sign_answers(
        site=world.north, values=values, signature=signature, actor=world.coordinator, at=AT, **more
    )


def register(world, actor=None, **more):
    what = {"modality": "ct", "manufacturer": "Acme", "model_name": "One"} | more
    return preparing.register_scanner(site=world.north, **what, actor=actor or world.coordinator, at=AT)


def acknowledge(world, actor=None, sha256=TEXT.sha256, signature=SIGNED):
    return preparing.acknowledge_training(
        site=world.north, text_sha256=sha256, signature=signature, actor=actor or world.coordinator, at=AT
    )


def shown(draft):
    return signing.digest(draft.shown_content())


def test_a_draft_may_be_incomplete_but_holds(asked):
    draft = answer(asked, {"CALIB": True, "UNKNOWN": "?"})
    assert draft.answers == {"CALIB": True}
    with pytest.raises(AnswersRefused) as refused:
        sign(asked, {"CALIB": True}, Intent(PASSWORD, shown_sha256=shown(draft)))
    assert refused.value.problems == {"COUNT": "An answer is needed before the form is signed."}
    with pytest.raises(AnswersRefused, match="1 answer does not hold"):
        answer(asked, {"CALIB": "perhaps"})
    assert SiteAnswers.objects.get().answers == {"CALIB": True}


def test_an_unusual_answer_is_signed_with_a_reason(asked):
    with pytest.raises(AnswersRefused) as refused:
        sign(asked, {"CALIB": True, "COUNT": 12})
    assert list(refused.value.problems) == ["COUNT"]
    signed = sign(asked, {"CALIB": True, "COUNT": 12}, confirmed={"COUNT": "Two buildings"})
    assert signed.confirmed == {"COUNT": "Two buildings"}


def test_answers_count_for_the_questions_as_they_were_asked(asked):
    signed = sign(asked, {"CALIB": True, "COUNT": 2})
    calibrated, count = signed.charter.terms.sites.questions
    assert signed.values_for([calibrated, replace(count, label="How many CTs?")]) == {"CALIB": True, "COUNT": None}


def test_signed_answers_never_change_and_the_next_version_takes_their_place(asked):
    first = sign(asked, {"CALIB": True, "COUNT": 2})
    assert [one.signer for one in signing.signatures_on(first)] == [asked.coordinator]
    first.answers = {}
    with pytest.raises(RecordFrozen, match="never changes"):
        preparing.audit.save(first, action="siteanswers.saved", actor=asked.coordinator, at=AT)
    draft = answer(asked, {"CALIB": False, "COUNT": 2})
    assert draft.version == 2
    second = sign(asked, {"CALIB": False, "COUNT": 3}, Intent(PASSWORD, shown_sha256=shown(draft)))
    states = dict(SiteAnswers.objects.values_list("pk", "state"))
    assert states == {first.pk: AnswersState.SUPERSEDED, second.pk: AnswersState.SIGNED}


def test_two_coordinators_do_not_write_over_each_other(asked):
    draft = answer(asked, {"COUNT": 2})
    before = shown(draft)
    answer(asked, {"COUNT": 3}, actor=asked.colleague(), shown_sha256=before)
    with pytest.raises(ContentChanged):
        answer(asked, {"COUNT": 4}, shown_sha256=before)
    assert SiteAnswers.objects.get().answers["COUNT"] == 3


def test_what_the_charter_does_not_ask_is_not_answered(world):
    with pytest.raises(NothingAsked, match="NORTH"):
        answer(world, {"CALIB": True})
    with pytest.raises(NothingAsked):
        acknowledge(world)


def test_only_a_coordinator_of_the_site_answers_and_acknowledges(asked):
    for person in {*asked.people.values(), asked.other_coordinator, asked.outsider} - {asked.coordinator}:
        with pytest.raises(AccessDenied):
            answer(asked, {"COUNT": 2}, actor=person)
        with pytest.raises(AccessDenied):
            acknowledge(asked, actor=person)
    assert not SiteAnswers.objects.exists()


def test_a_scanner_is_registered_once_unless_its_serial_number_tells_it_apart(asked):
    assert str(register(asked)) == "Acme One (CT)"
    with pytest.raises(ScannerKnown, match="serial number"):
        register(asked, manufacturer="ACME ")
    register(asked, serial_number="2")
    for person in (asked.analyst, asked.other_coordinator, asked.outsider):
        with pytest.raises(AccessDenied):
            register(asked, actor=person, serial_number="3")
    register(asked, actor=asked.administrator, serial_number="4")
    assert Scanner.objects.count() == 3


def test_a_scanner_is_retired_once_with_a_reason_and_may_come_back_as_a_new_one(asked):
    scanner = register(asked)
    with pytest.raises(ReasonRequired):
        preparing.retire_scanner(scanner=scanner, reason="", actor=asked.coordinator, at=AT)
    preparing.retire_scanner(scanner=scanner, reason="Sold", actor=asked.coordinator, at=AT)
    with pytest.raises(IllegalMove):
        preparing.retire_scanner(scanner=scanner, reason="Sold", actor=asked.coordinator, at=AT)
    assert register(asked).state == ScannerState.REGISTERED


def test_a_person_acknowledges_a_text_once_by_signature(asked):
    with pytest.raises(WrongPassword):
        acknowledge(asked, signature=Intent("not mine"))
    assert not TrainingAcknowledgement.objects.exists()
    given = acknowledge(asked)
    assert [one.signer for one in signing.signatures_on(given)] == [asked.coordinator]
    with pytest.raises(TrainedAlready):
        acknowledge(asked)
    acknowledge(asked, actor=asked.colleague())
    with pytest.raises(NothingAsked, match="Reload"):
        acknowledge(asked, sha256="0" * 64)
