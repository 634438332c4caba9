"""Further forms of the charter: filled in by the own site, signed, corrected, and pinned to the version that asked."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from compliance import audit, signing
from compliance.access import AccessDenied
from compliance.audit import RecordFrozen
from compliance.models import AuditEvent, Signature
from compliance.signing import ContentChanged, Intent
from compliance.transitions import ReasonRequired
from tests.factories import AT, PASSWORD, World
from trials import askable, selectors_forms
from trials.models import SiteForm
from trials.services import answering, enrolling, setting_up
from trials.services.answering import FormIncomplete, FormNotAsked, FormSigned, NothingToCorrect

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-SUB-011")]

PLANNED: dict[str, Any] = {"NOCONTR": True, "WHYNOT": "RENAL", "INSTEAD": "CTPLAIN", "EGFR": Decimal("28.5")}
WEAK = {"EGFR": "Measured twice."}


def plan(world: World, code: str = "N-001") -> SiteForm:
    return answering.form_at(world.subjects[code], "CTPLAN", AT)


def save(world: World, values: dict[str, Any] = PLANNED, **changes: Any) -> SiteForm:
    return answering.save_answers(
        **{"form": plan(world), "values": values, "actor": world.coordinator, "at": AT, **changes}
    )


def sign(world: World, values: dict[str, Any] = PLANNED, **changes: Any) -> SiteForm:
    signature = Intent(PASSWORD, Signature.Meaning.RESPONSIBILITY)
    given = {"form": plan(world), "values": values, "confirmed": WEAK, "signature": signature, "at": AT}
    return answering.sign_answers(**{**given, "actor": world.coordinator, **changes})


def amend(world: World, *, label: str) -> None:
    """Put a version in force that asks the first question in other words."""
    draft = setting_up.amend_charter(trial=world.trial, change_summary="Words", actor=world.administrator, at=AT)
    content = copy.deepcopy(draft.content)
    content["forms"][0]["fields"][0]["label"] = label
    setting_up.edit_charter(charter=draft, content=content, actor=world.administrator, at=AT)
    setting_up.sign_charter(charter=draft, signature=Intent(PASSWORD), actor=world.administrator, at=AT)


def test_a_draft_is_kept_incomplete_and_what_contradicts_the_form_is_refused(world: World) -> None:
    form = save(world, {"NOCONTR": True})
    assert (form.state, form.answers, form.charter.version) == ("draft", {"NOCONTR": True}, 1)
    with pytest.raises(FormIncomplete) as refused:
        save(world, {"NOCONTR": False, "WHYNOT": "RENAL", "EGFR": Decimal("0.5")})
    assert refused.value.problems == {
        "WHYNOT": "Leave this empty, because of the answer to “Contrast agent must not be given”.",
        "EGFR": "Give 1 to 250 mL/min/1.73 m2.",
    }
    assert SiteForm.objects.get().answers == {"NOCONTR": True}


def test_an_unusual_value_is_signed_with_its_reason_which_is_signed_too(world: World) -> None:
    with pytest.raises(FormIncomplete) as refused:
        sign(world, confirmed={})
    assert list(refused.value.problems) == ["EGFR"]
    form = SiteForm.objects.get(pk=sign(world).pk)
    assert form.confirmed == WEAK
    assert form.signed_content() == {
        "site": "NORTH",
        "subject": "N-001",
        "timepoint": "",
        "version": 1,
        "correction_reason": "",
        "declared": PLANNED,
        "form": "CTPLAN",
        "charter": 1,
        "confirmed": WEAK,
    }
    assert signing.still_holds(signing.signatures_on(form).get(), form)


def test_a_reason_goes_with_its_value(world: World) -> None:
    save(world, confirmed=WEAK)
    assert save(world, {"EGFR": Decimal(60)}).confirmed == {}


def test_two_who_write_at_once_do_not_overwrite_each_other(world: World) -> None:
    shown = signing.digest(save(world).shown_content())
    save(world, {"EGFR": Decimal(60)}, shown_sha256=shown)
    with pytest.raises(ContentChanged):
        save(world, {"EGFR": Decimal(70)}, shown_sha256=shown)
    assert SiteForm.objects.get().answers["EGFR"] == "60"


def test_nothing_signed_changes_and_a_correction_is_the_next_version(world: World) -> None:
    first = sign(world)
    with pytest.raises(FormSigned):
        save(world)
    first.answers = {}
    with pytest.raises(RecordFrozen):
        audit.save(first, action="siteform.saved", actor=world.coordinator, at=AT)
    with pytest.raises(ReasonRequired):
        answering.correct_answers(form=plan(world), reason=" ", actor=world.coordinator, at=AT)
    second = answering.correct_answers(form=plan(world), reason="Typed wrongly.", actor=world.coordinator, at=AT)
    assert (second.version, second.answers) == (2, SiteForm.objects.get(version=1).answers)
    with pytest.raises(NothingToCorrect):
        answering.correct_answers(form=plan(world), reason="Again", actor=world.coordinator, at=AT)
    sign(world, {"EGFR": Decimal(29)})
    assert list(SiteForm.objects.values_list("version", "state")) == [(2, "signed"), (1, "superseded")]
    assert AuditEvent.objects.get(action="siteform.corrected").reason == "Typed wrongly."
    old = SiteForm.objects.get(version=1)
    assert signing.still_holds(signing.signatures_on(old).get(), old)


@pytest.mark.parametrize("who", ["other_coordinator", "analyst", "administrator", "outsider"])
def test_only_the_sites_own_coordinator_fills_in(world: World, who: str) -> None:
    for act in (save, sign):
        with pytest.raises(AccessDenied):
            act(world, actor=getattr(world, who))
    assert SiteForm.objects.count() == 0


def test_what_the_charter_does_not_ask_is_no_form(world: World) -> None:
    for place in (world.north, world.timepoint("N-001", "BL")):
        with pytest.raises(FormNotAsked):
            answering.form_at(place, "CTPLAN", AT)


def test_answers_stay_with_the_version_of_the_charter_that_asked_for_them(world: World) -> None:
    sign(world)
    save(world, form=plan(world, "N-002"))
    amend(world, label="No contrast agent")
    corrected = answering.correct_answers(form=plan(world), reason="A slip", actor=world.coordinator, at=AT)
    for form in (corrected, plan(world, "N-002")):
        assert form.charter.version == 1
        assert form.field_names["NOCONTR"] == "Contrast agent must not be given"
    new = answering.form_at(world.enrol(world.north, "N-003"), "CTPLAN", AT)
    assert (new.charter.version, new.field_names["NOCONTR"]) == (2, "No contrast agent")


def test_what_is_asked_is_listed_until_it_is_signed_and_kept_when_it_is_asked_no_more(world: World) -> None:
    def listed() -> list[tuple[str, str]]:
        asked = selectors_forms.forms_asked(world.coordinator, world.trial)
        return [(str(one.place), one.state) for one in asked]

    assert listed() == [("N-001", "missing"), ("N-002", "missing")]
    save(world)
    assert listed() == [("N-001", "draft"), ("N-002", "missing")]
    sign(world)
    assert listed() == [("N-001", "signed"), ("N-002", "missing")]
    for code in ("N-001", "N-002"):
        enrolling.withdraw_subject(subject=world.subjects[code], reason="Left", actor=world.coordinator, at=AT)
    assert listed() == [("N-001", "signed")]


def test_every_field_may_be_asked_about(world: World) -> None:
    form = save(world)
    about = askable.find(world.analyst, f"trials.siteform:{form.pk}:EGFR")
    assert about is not None
    assert about.label == "Contrast plan of N-001, version 1: Estimated GFR"
    assert askable.find(world.other_coordinator, about.key) is None
