"""The transfer form: saved as a draft, signed by the site, corrected with a reason; nothing signed ever changes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from compliance import audit, signing
from compliance.access import AccessDenied
from compliance.audit import RecordFrozen
from compliance.models import AuditEvent, Signature
from compliance.signing import ContentChanged, Intent, WrongPassword
from compliance.transitions import ReasonRequired, SignatureRequired, advance
from imaging.models import TransferForm
from imaging.selectors import timepoints_without_form
from imaging.services import declaring
from tests.factories import AT, PASSWORD, World, make_world, scan
from tests.imaging.services.delivery import by_scanner
from trials.models import Role, Timepoint
from trials.services.answering import FormIncomplete, FormSigned, NothingToCorrect
from trials.states import FormState

pytestmark = pytest.mark.requirement("REQ-QC-006")

WHOLE: dict[str, Any] = {
    "SCANDT": dt.date(2025, 12, 31),
    "SCANNER": "CT 2",
    "COMPLETE": True,
    "CONTRAST": True,
    "AGENT": "Iohexol 350",
    "VOLUME": Decimal("90.5"),
    "DEVIATE": "Scanned without arterial phase.",
}


def baseline(world: World) -> Timepoint:
    return world.timepoint("N-001", "BL")


def save(world: World, values: dict[str, Any] = WHOLE, **changes: Any) -> TransferForm:
    given = {"timepoint": baseline(world), "values": values, "actor": world.coordinator, "at": AT, **changes}
    return declaring.save_form(**given)


def sign(world: World, values: dict[str, Any] = WHOLE, **changes: Any) -> TransferForm:
    signature = Intent(PASSWORD, Signature.Meaning.RESPONSIBILITY)
    given = {
        "timepoint": baseline(world),
        "values": values,
        "signature": signature,
        "actor": world.coordinator,
        "at": AT,
    }
    return declaring.sign_form(**{**given, **changes})


def correct(world: World, reason: str = "The volume was 80 mL.") -> TransferForm:
    return declaring.correct_form(timepoint=baseline(world), reason=reason, actor=world.coordinator, at=AT)


def stored(form: TransferForm) -> TransferForm:
    return TransferForm.objects.get(pk=form.pk)


# --- drafts --------------------------------------------------------------------------------------------------


def test_a_draft_may_be_incomplete_and_changes_until_it_is_signed(world: World) -> None:
    first = save(world, {"SCANNER": "CT 1"})
    again = save(world, {"SCANNER": "CT 2", "COMPLETE": False})

    assert again.pk == first.pk
    assert (stored(first).answers, stored(first).state) == ({"SCANNER": "CT 2", "COMPLETE": False}, "draft")
    assert list(audit.history(first).values_list("action", flat=True)) == ["transferform.saved"] * 2


def test_what_the_charter_does_not_ask_is_passed_over(world: World) -> None:
    form = save(world, {**WHOLE, "TRACER": "FDG"})
    assert ("TRACER" in stored(form).answers, "tracer" in form.declared) == (False, False)


def test_two_who_write_at_once_do_not_overwrite_each_other(world: World) -> None:
    shown = signing.digest(save(world).shown_content())
    save(world, {"SCANNER": "CT 3"}, shown_sha256=shown)

    with pytest.raises(ContentChanged):
        save(world, shown_sha256=shown)
    with pytest.raises(ContentChanged):
        sign(world, signature=Intent(PASSWORD, shown_sha256=shown))
    assert TransferForm.objects.get().answers["SCANNER"] == "CT 3"


def test_before_the_first_draft_the_form_says_what_the_images_say(own_disk: object, db: None) -> None:
    world = make_world()
    by_scanner(world, scan("N-001", day=-5, ContrastBolusVolume=90))

    form = declaring.form_to_fill(baseline(world), AT)

    assert form.pk is None
    assert form.answers == {"SCANDT": "2025-12-31", "CONTRAST": True, "VOLUME": "90.0"}


# --- signing -------------------------------------------------------------------------------------------------


def test_the_coordinator_signs_what_was_declared(world: World) -> None:
    form = stored(sign(world))

    signature = signing.signatures_on(form).get()
    assert (form.state, form.signed_at, signature.signer, signature.at) == ("signed", AT, world.coordinator, AT)
    assert signing.still_holds(signature, form)
    assert form.signed_content()["declared"] == {
        "acquired_on": dt.date(2025, 12, 31),
        "acquired_until": None,
        "scanner": "CT 2",
        "images_complete": True,
        "incomplete_reason": "",
        "contrast_given": True,
        "contrast_agent": "Iohexol 350",
        "contrast_volume_ml": Decimal("90.5"),
        "contrast_delay_s": None,
        "deviations": "Scanned without arterial phase.",
        "comments": "",
    }


def test_an_incomplete_form_is_not_signed_and_every_gap_is_said(world: World) -> None:
    with pytest.raises(FormIncomplete) as refused:
        sign(world, {"SCANNER": "CT 2", "CONTRAST": True})

    gaps = ["AGENT", "COMPLETE", "SCANDT", "VOLUME"]
    assert sorted(refused.value.problems) == sorted(gaps)
    assert TransferForm.objects.count() == 0


def test_a_wrong_password_signs_and_saves_nothing(world: World) -> None:
    with pytest.raises(WrongPassword):
        sign(world, signature=Intent("not it"))
    assert (TransferForm.objects.count(), Signature.objects.filter(object_type="imaging.transferform").count()) == (
        0,
        0,
    )


def test_nobody_signs_without_a_signature(world: World) -> None:
    with pytest.raises(SignatureRequired):
        advance(save(world), "sign", actor=world.coordinator, at=AT)


@pytest.mark.parametrize("who", ["other_coordinator", "analyst", "administrator", "outsider"])
def test_only_the_sites_own_coordinator_fills_in_signs_and_corrects(world: World, who: str) -> None:
    sign(world)
    for act in (save, sign):
        with pytest.raises(AccessDenied):
            act(world, actor=getattr(world, who))
    with pytest.raises(AccessDenied):
        declaring.correct_form(timepoint=baseline(world), reason="Why not", actor=getattr(world, who), at=AT)
    assert TransferForm.objects.count() == 1


# --- afterwards ----------------------------------------------------------------------------------------------


def test_a_signed_form_does_not_change(world: World) -> None:
    form = sign(world)

    with pytest.raises(FormSigned):
        save(world, {"SCANNER": "CT 9"})
    with pytest.raises(FormSigned):
        sign(world)
    form.answers["SCANNER"] = "CT 9"
    with pytest.raises(RecordFrozen):
        audit.save(form, action="transferform.saved", actor=world.coordinator, at=AT)
    assert stored(form).answers["SCANNER"] == "CT 2"


def test_a_correction_is_a_new_version_and_the_signed_one_stands_until_it_is_signed(world: World) -> None:
    first = sign(world)
    second = correct(world)

    assert (second.version, second.declared) == (2, stored(first).declared)
    assert (stored(first).state, second.state) == ("signed", "draft")

    sign(world, {**WHOLE, "VOLUME": Decimal(80)})

    assert [(form.version, form.state, form.answers["VOLUME"]) for form in TransferForm.objects.all()] == [
        (2, "signed", "80"),
        (1, "superseded", "90.5"),
    ]
    assert signing.still_holds(signing.signatures_on(first).get(), stored(first))
    assert stored(second).correction_reason == "The volume was 80 mL."
    assert AuditEvent.objects.get(action="transferform.corrected").reason == "The volume was 80 mL."


def test_a_correction_needs_a_reason_and_something_signed(world: World) -> None:
    with pytest.raises(NothingToCorrect):
        correct(world)
    sign(world)
    with pytest.raises(ReasonRequired):
        correct(world, " ")
    correct(world)
    with pytest.raises(NothingToCorrect):
        correct(world)
    assert [form.state for form in TransferForm.objects.all()] == [FormState.DRAFT, FormState.SIGNED]


def test_what_came_without_a_signed_form_is_listed_until_it_is_signed(own_disk: object, db: None) -> None:
    world = make_world()
    by_scanner(world, scan("N-001"))

    assert list(timepoints_without_form(Timepoint.objects.all())) == [baseline(world)]
    save(world)
    assert list(timepoints_without_form(Timepoint.objects.all())) == [baseline(world)]
    sign(world)
    assert list(timepoints_without_form(Timepoint.objects.all())) == []


def test_nobody_who_is_blinded_holds_a_verb_that_shows_it(world: World) -> None:
    from compliance import access

    form = sign(world)
    for role in (Role.READER, Role.ADJUDICATOR, Role.SPONSOR, Role.READING_MANAGER):
        assert not access.may(world.people[role], "imaging.see_transfers", form)
        assert access.exposed(world.people[role], "imaging.transferform", str(form.pk)) is None
    assert access.exposed(world.people[Role.AUDITOR], "imaging.transferform", str(form.pk)) == form
