"""Electronic signatures: the signer alone, over this very content, and nothing is signed unseen."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import replace

import pytest
from django.db import DatabaseError, transaction
from hypothesis import given
from hypothesis import strategies as st

from compliance import audit, signing
from compliance.models import AuditEvent, Signature, User
from compliance.signing import ContentChanged, Intent, WrongPassword
from tests.factories import AT, PASSWORD, World, make_user
from trials.models import ImagingCharter
from trials.services import setting_up
from trials.states import CharterState

pytestmark = pytest.mark.requirement("REQ-SIG-001")


@pytest.fixture
def draft(world: World) -> ImagingCharter:
    """The next version of the charter, not signed yet."""
    return setting_up.amend_charter(
        trial=world.trial, change_summary="Thinner slices", actor=world.administrator, at=AT
    )


def edit(draft: ImagingCharter, actor: User) -> ImagingCharter:
    """Change a draft's content as somebody else might, in another window."""
    content = copy.deepcopy(draft.content)
    content["series"][0]["max_slice_thickness_mm"] = 2.5
    theirs = ImagingCharter.objects.get(pk=draft.pk)
    return setting_up.edit_charter(charter=theirs, content=content, actor=actor, at=AT)


# --- the digest ---------------------------------------------------------------------------------------------


def test_the_digest_is_over_one_byte_form() -> None:
    content = {"response": "PR", "äge": [1, {"b": None, "a": True}], "mm": "12.5"}

    expected = '{"mm":"12.5","response":"PR","äge":[1,{"a":true,"b":null}]}'.encode()
    assert signing.canonical(content) == expected
    assert signing.digest(content) == hashlib.sha256(expected).hexdigest()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_the_order_of_keys_does_not_matter(content: dict[str, object]) -> None:
    assert signing.digest(dict(reversed(content.items()))) == signing.digest(content)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), min_size=1, max_size=4), st.data())
def test_any_other_content_has_another_digest(content: dict[str, str], data: st.DataObject) -> None:
    changed = data.draw(st.sampled_from(sorted(content)))

    assert signing.digest({**content, changed: content[changed] + "x"}) != signing.digest(content)
    assert signing.digest({k: v for k, v in content.items() if k != changed}) != signing.digest(content)


# --- who signs ----------------------------------------------------------------------------------------------


def test_a_signature_holds_printed_name_meaning_time_and_digest(world: World, draft: ImagingCharter) -> None:
    """21 CFR 11.50 (a): printed name, date and time, meaning; 11.70: linked to its record."""
    intent = Intent(PASSWORD, Signature.Meaning.APPROVAL)

    signature = signing.sign(draft, intent, actor=world.administrator, at=AT)

    assert (signature.signer, signature.printed_name, signature.at) == (
        world.administrator,
        "Trial Administrator",
        AT,
    )
    assert (signature.meaning, signature.get_meaning_display()) == ("approval", "I approve this record")
    assert (signature.object_type, signature.object_id) == ("trials.imagingcharter", str(draft.pk))
    assert signature.content_sha256 == signing.digest(draft.signed_content())


def test_a_signature_is_one_event_without_the_password(world: World, draft: ImagingCharter) -> None:
    signature = signing.sign(draft, Intent(PASSWORD), actor=world.administrator, at=AT)

    event = audit.history(draft).get(action="imagingcharter.signed")
    assert event.actor == world.administrator
    assert event.after == {
        "signature": signature.pk,
        "meaning": "authorship",
        "content_sha256": signature.content_sha256,
    }


@pytest.mark.requirement("REQ-SIG-002")
@pytest.mark.parametrize("password", ["", "another password", PASSWORD.upper(), PASSWORD + " "])
def test_another_password_signs_nothing(world: World, draft: ImagingCharter, password: str) -> None:
    signatures, events = Signature.objects.count(), AuditEvent.objects.count()

    with pytest.raises(WrongPassword, match="Nothing was signed; try again"):
        setting_up.sign_charter(charter=draft, signature=Intent(password), actor=world.administrator, at=AT)

    draft.refresh_from_db()
    assert draft.state == CharterState.DRAFT
    assert world.trial.charters.get(version=1).state == CharterState.IN_FORCE
    assert (Signature.objects.count(), AuditEvent.objects.count()) == (signatures, events)


@pytest.mark.requirement("REQ-SIG-002")
def test_a_password_is_its_owners_alone(world: World, draft: ImagingCharter) -> None:
    other = make_user("somebody-else", password="quite another password")

    with pytest.raises(WrongPassword):
        signing.sign(draft, Intent(PASSWORD), actor=other, at=AT)


@pytest.mark.requirement("REQ-SIG-002")
def test_who_is_no_longer_active_signs_nothing(world: World, draft: ImagingCharter) -> None:
    world.administrator.is_active = False

    with pytest.raises(WrongPassword):
        signing.sign(draft, Intent(PASSWORD), actor=world.administrator, at=AT)


def test_a_password_is_not_shown_where_an_intent_is_printed() -> None:
    assert PASSWORD not in f"{Intent(PASSWORD)!r} {Intent(PASSWORD)}"


# --- what is signed -----------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-SIG-004")
def test_what_changed_since_it_was_shown_is_not_signed(world: World, draft: ImagingCharter) -> None:
    shown = Intent(PASSWORD, Signature.Meaning.APPROVAL, signing.digest(draft.shown_content()))
    edit(draft, world.founder)
    signatures = Signature.objects.count()

    # The signer's own window still holds the old content: the row counts.
    with pytest.raises(ContentChanged, match="Read it as it is now and sign again") as refused:
        setting_up.sign_charter(charter=draft, signature=shown, actor=world.administrator, at=AT)

    assert (refused.value.code, refused.value.status) == ("content_changed", 409)
    draft.refresh_from_db()
    assert (draft.state, Signature.objects.count()) == (CharterState.DRAFT, signatures)

    again = replace(shown, shown_sha256=signing.digest(draft.shown_content()))
    setting_up.sign_charter(charter=draft, signature=again, actor=world.administrator, at=AT)
    assert draft.state == CharterState.IN_FORCE


@pytest.mark.requirement("REQ-SIG-005")
def test_a_signature_holds_as_long_as_the_content_is_what_was_signed(world: World, draft: ImagingCharter) -> None:
    signature = signing.sign(draft, Intent(PASSWORD), actor=world.administrator, at=AT)
    assert signing.still_holds(signature, draft)

    changed = edit(draft, world.founder)
    assert not signing.still_holds(signature, changed)

    setting_up.edit_charter(charter=changed, content=draft.content, actor=world.founder, at=AT)
    assert signing.still_holds(signature, changed)


@pytest.mark.requirement("REQ-SIG-005")
def test_a_signature_does_not_hold_for_another_record(world: World, draft: ImagingCharter) -> None:
    first = world.trial.charters.get(version=1)
    (signature,) = signing.signatures_on(first)

    assert signing.still_holds(signature, first)
    assert not signing.still_holds(signature, draft)
    assert not signing.signatures_on(draft).exists()


def test_signatures_of_a_record_are_listed_oldest_first(world: World, draft: ImagingCharter) -> None:
    signed = [signing.sign(draft, Intent(PASSWORD), actor=who, at=AT) for who in (world.founder, world.administrator)]

    assert list(signing.signatures_on(draft)) == signed


@pytest.mark.requirement("REQ-AUD-004")
@pytest.mark.parametrize("step", ["update", "delete"])
def test_the_database_refuses_to_change_or_remove_a_signature(world: World, draft: ImagingCharter, step: str) -> None:
    signature = signing.sign(draft, Intent(PASSWORD), actor=world.administrator, at=AT)
    rows = Signature.objects.filter(pk=signature.pk)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        rows.update(printed_name="Somebody else") if step == "update" else rows._raw_delete(rows.db)

    assert rows.get().printed_name == "Trial Administrator"
