"""Setting a trial up: the trial, its charter by signature, sites, senders and people."""

from __future__ import annotations

import copy

import pytest

from compliance import access, audit, keys, signing
from compliance.access import AccessDenied
from compliance.audit import RecordFrozen
from compliance.models import AuditEvent, Signature
from compliance.signing import Intent, WrongPassword
from compliance.transitions import IllegalMove, SignatureRequired, advance
from tests.factories import AT, PASSWORD, make_user
from trials import selectors
from trials.charter import RECIST_TEMPLATE, CharterInvalid
from trials.models import ImagingCharter, Membership, Role, Trial
from trials.services import setting_up
from trials.services.setting_up import AlreadyThere, DraftPending, NotReviewed
from trials.states import CharterState, TrialState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-CHA-001")]

REVIEW = Intent(PASSWORD, Signature.Meaning.REVIEW)


@pytest.fixture
def founder(own_disk):
    return make_user("founder", is_staff=True)


@pytest.fixture
def trial(founder):
    return setting_up.create_trial(code="NEW-1", title="New", sponsor_name="Sponsor", actor=founder, at=AT)


def content(**sections):
    return {**copy.deepcopy(dict(RECIST_TEMPLATE)), **sections}


# --- the trial


@pytest.mark.requirement("REQ-CHA-008")
def test_a_new_trial_has_a_draft_charter_a_key_of_its_own_and_its_founder_as_administrator(trial, founder):
    draft = trial.charters.get()
    assert (trial.state, draft.version, draft.state) == (TrialState.SETUP, 1, CharterState.DRAFT)
    assert draft.content == dict(RECIST_TEMPLATE)
    assert selectors.roles_in(founder, trial) == [Role.TRIAL_ADMINISTRATOR]
    assert len(keys.of_trial("NEW-1")) == 32
    assert len(trial.seed) == 32


@pytest.mark.requirement("REQ-CHA-008")
def test_two_trials_share_neither_seed_nor_key(trial, founder):
    other = setting_up.create_trial(code="NEW-2", title="New", sponsor_name="S", actor=founder, at=AT)
    assert trial.seed != other.seed
    assert keys.of_trial("NEW-1") != keys.of_trial("NEW-2")


@pytest.mark.requirement("REQ-CHA-008")
def test_the_key_of_a_trial_is_in_no_record_of_its_audit_trail(trial):
    told = str(list(AuditEvent.objects.values("before", "after")))
    assert keys.of_trial("NEW-1").hex() not in told


@pytest.mark.requirement("REQ-SUB-012")
def test_a_trial_code_is_used_once(trial, founder):
    with pytest.raises(AlreadyThere, match="NEW-1"):
        setting_up.create_trial(code="NEW-1", title="Again", sponsor_name="S", actor=founder, at=AT)


@pytest.mark.requirement("REQ-ACS-012")
def test_only_whom_the_installation_lets_may_create_trials(world):
    for person in (world.administrator, world.outsider):
        with pytest.raises(AccessDenied):
            setting_up.create_trial(code="NEW-1", title="New", sponsor_name="S", actor=person, at=AT)
    assert Trial.objects.count() == 1


# --- the charter


def test_a_signed_charter_is_in_force_and_starts_the_trial(trial, founder):
    charter = trial.charters.get()
    setting_up.sign_charter(charter=charter, signature=Intent(PASSWORD), actor=founder, at=AT)
    trial.refresh_from_db()
    signature = signing.signatures_on(charter).get()
    assert trial.state == TrialState.RUNNING
    assert trial.charter_in_force == charter
    assert (charter.signed_at, signature.signer) == (AT, founder)
    assert signing.still_holds(signature, charter)


def test_a_charter_comes_into_force_by_a_right_password_only(trial, founder):
    charter = trial.charters.get()
    with pytest.raises(WrongPassword):
        setting_up.sign_charter(charter=charter, signature=Intent("not mine"), actor=founder, at=AT)
    with pytest.raises(SignatureRequired):
        advance(charter, "sign", actor=founder, at=AT)
    trial.refresh_from_db()
    assert (trial.state, trial.charter_in_force) == (TrialState.SETUP, None)


@pytest.mark.requirement("REQ-CHA-003")
def test_a_draft_is_replaced_only_by_what_holds_together(trial, founder):
    charter = trial.charters.get()
    with pytest.raises(CharterInvalid):
        setting_up.edit_charter(charter=charter, content=content(schedule=[]), actor=founder, at=AT)
    setting_up.edit_charter(charter=charter, content=content(readers_per_timepoint=1), actor=founder, at=AT)
    assert ImagingCharter.objects.get(pk=charter.pk).terms.readers_per_timepoint == 1


@pytest.mark.requirement("REQ-CHA-003")
def test_a_charter_with_criteria_that_no_room_knows_is_not_signed(trial, founder):
    charter = trial.charters.get()
    setting_up.edit_charter(charter=charter, content=content(criteria="Gut feeling"), actor=founder, at=AT)
    with pytest.raises(CharterInvalid, match="criteria"):
        setting_up.sign_charter(charter=charter, signature=Intent(PASSWORD), actor=founder, at=AT)
    assert Trial.objects.get(pk=trial.pk).charter_in_force is None


def test_a_signed_charter_never_changes(world):
    charter = world.trial.charter_in_force
    with pytest.raises(RecordFrozen, match="amendment"):
        setting_up.edit_charter(charter=charter, content=content(purpose="Other"), actor=world.administrator, at=AT)
    with pytest.raises(IllegalMove):
        setting_up.sign_charter(charter=charter, signature=Intent(PASSWORD), actor=world.administrator, at=AT)


@pytest.mark.requirement("REQ-CHA-002")
def test_an_amendment_starts_from_the_version_in_force_and_supersedes_it_when_signed(world):
    before = world.trial.charter_in_force
    draft = setting_up.amend_charter(
        trial=world.trial, change_summary="Thinner slices", actor=world.administrator, at=AT
    )
    assert (draft.version, draft.content) == (2, before.content)
    assert world.trial.charter_in_force == before
    setting_up.sign_charter(charter=draft, signature=Intent(PASSWORD), actor=world.administrator, at=AT)
    assert world.trial.charter_in_force == draft
    assert ImagingCharter.objects.get(pk=before.pk).state == CharterState.SUPERSEDED


@pytest.mark.requirement("REQ-CHA-002")
def test_one_draft_is_open_at_a_time(world):
    setting_up.amend_charter(trial=world.trial, change_summary="One", actor=world.administrator, at=AT)
    with pytest.raises(DraftPending):
        setting_up.amend_charter(trial=world.trial, change_summary="Two", actor=world.administrator, at=AT)


# --- review by a second person


def drafted(world, **sections):
    draft = setting_up.amend_charter(trial=world.trial, change_summary="Next", actor=world.administrator, at=AT)
    changed = {**draft.content, **sections}
    return setting_up.edit_charter(charter=draft, content=changed, actor=world.administrator, at=AT)


def reviewed(world, **sections):
    draft = drafted(world, **sections)
    return setting_up.review_charter(charter=draft, signature=REVIEW, actor=world.analyst, at=AT)


def sign(charter, actor):
    return setting_up.sign_charter(charter=charter, signature=Intent(PASSWORD), actor=actor, at=AT)


@pytest.mark.requirement("REQ-CHA-004")
def test_a_charter_that_asks_for_a_review_comes_into_force_after_it_only(world):
    draft = drafted(world, needs_review=True)
    with pytest.raises(NotReviewed, match="asks for a review"):
        sign(draft, world.administrator)
    assert world.trial.charter_in_force.version == 1
    setting_up.review_charter(charter=draft, signature=REVIEW, actor=world.analyst, at=AT)
    review = signing.signatures_on(draft).get()
    assert (draft.state, review.signer, review.meaning) == (CharterState.REVIEWED, world.analyst, "review")
    sign(draft, world.administrator)
    assert world.trial.charter_in_force == draft
    assert signing.still_holds(review, draft)


@pytest.mark.requirement("REQ-CHA-004")
def test_to_do_without_reviews_needs_a_review(world):
    sign(reviewed(world, needs_review=True), world.administrator)
    draft = drafted(world, needs_review=False)
    with pytest.raises(NotReviewed):
        sign(draft, world.administrator)
    sign(setting_up.review_charter(charter=draft, signature=REVIEW, actor=world.analyst, at=AT), world.administrator)
    sign(drafted(world), world.administrator)
    assert world.trial.charter_in_force.version == 4


@pytest.mark.requirement("REQ-CHA-004")
def test_whoever_reviewed_a_version_does_not_put_it_in_force(world):
    setting_up.grant_membership(
        trial=world.trial, user=world.analyst, role=Role.TRIAL_ADMINISTRATOR, actor=world.administrator, at=AT
    )
    draft = reviewed(world)
    with pytest.raises(NotReviewed, match="yourself"):
        sign(draft, world.analyst)
    sign(draft, world.administrator)
    assert world.trial.charter_in_force == draft


@pytest.mark.requirement("REQ-CHA-004")
def test_a_reviewed_version_changes_only_after_it_is_opened_again_and_then_needs_a_new_review(world):
    draft = reviewed(world, needs_review=True)
    with pytest.raises(RecordFrozen, match="opened again"):
        setting_up.edit_charter(charter=draft, content=draft.content, actor=world.administrator, at=AT)
    with pytest.raises(DraftPending):
        setting_up.amend_charter(trial=world.trial, change_summary="Two", actor=world.administrator, at=AT)
    setting_up.reopen_charter(charter=draft, reason="A visit is missing", actor=world.administrator, at=AT)
    setting_up.edit_charter(
        charter=draft, content={**draft.content, "purpose": "Other"}, actor=world.administrator, at=AT
    )
    with pytest.raises(NotReviewed):
        sign(draft, world.administrator)
    assert not signing.still_holds(signing.signatures_on(draft).get(), draft)


@pytest.mark.requirement("REQ-CHA-004")
def test_only_a_reading_manager_or_qc_analyst_reviews_and_only_what_could_be_signed(world):
    draft = drafted(world)
    with pytest.raises(AccessDenied):
        setting_up.review_charter(charter=draft, signature=REVIEW, actor=world.administrator, at=AT)
    setting_up.edit_charter(
        charter=draft, content={**draft.content, "criteria": "Gut feeling"}, actor=world.administrator, at=AT
    )
    with pytest.raises(CharterInvalid, match="Gut feeling"):
        setting_up.review_charter(charter=draft, signature=REVIEW, actor=world.analyst, at=AT)


# --- sites and senders


@pytest.mark.requirement("REQ-SUB-012")
def test_a_site_code_is_used_once_in_a_trial(world):
    with pytest.raises(AlreadyThere, match="NORTH"):
        setting_up.add_site(trial=world.trial, code="NORTH", name="Other", country="", actor=world.administrator, at=AT)


@pytest.mark.requirement("REQ-SUB-012")
def test_a_calling_title_names_one_site_on_the_installation(world):
    assert selectors.entity_calling_as("NORTH_CT") == world.north.application_entities.get()
    assert selectors.entity_calling_as("NOBODY") is None
    with pytest.raises(AlreadyThere):
        setting_up.add_application_entity(
            site=world.south, title="NORTH_CT", description="", actor=world.administrator, at=AT
        )


# --- people


@pytest.mark.requirement("REQ-ACS-006")
def test_a_role_opens_its_verbs_in_its_trial_and_ends_with_a_reason(world):
    person, trial = world.outsider, world.trial
    membership = setting_up.grant_membership(
        trial=trial, user=person, role=Role.QC_ANALYST, actor=world.administrator, at=AT
    )
    assert access.may(person, "trials.raise_query", trial)
    setting_up.end_membership(membership=membership, reason="Left", actor=world.administrator, at=AT)
    assert not access.may(person, "trials.raise_query", trial)
    assert Membership.objects.get(pk=membership.pk).ended_at == AT
    assert audit.history(membership).first().reason == "Left"


@pytest.mark.requirement("REQ-ACS-006")
def test_a_role_is_held_once(world):
    with pytest.raises(AlreadyThere):
        setting_up.grant_membership(
            trial=world.trial, user=world.analyst, role=Role.QC_ANALYST, actor=world.administrator, at=AT
        )


@pytest.mark.requirement("REQ-ACS-006")
def test_a_coordinator_has_a_site_and_nobody_else_has(world):
    for role, site in ((Role.SITE_COORDINATOR, None), (Role.READER, world.north)):
        with pytest.raises(AlreadyThere):
            setting_up.grant_membership(
                trial=world.trial, user=world.outsider, role=role, site=site, actor=world.administrator, at=AT
            )


@pytest.mark.requirement("REQ-ACC-001")
def test_an_account_is_made_once_and_its_password_is_not_in_the_trail(world):
    user = setting_up.create_user(
        username="newcomer",
        full_name="New Comer",
        email="",
        password="a password to keep",
        actor=world.administrator,
        trial=world.trial,
        at=AT,
    )
    assert user.check_password("a password to keep")
    assert audit.history(user).get().after == {"username": "newcomer"}
    with pytest.raises(AlreadyThere):
        setting_up.create_user(
            username="NewComer",
            full_name="Other",
            email="",
            password="a password to keep",
            actor=world.administrator,
            trial=world.trial,
            at=AT,
        )


@pytest.mark.requirement("REQ-ACS-006")
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.TRIAL_ADMINISTRATOR])
def test_nobody_but_the_administrator_sets_up(world, role):
    person, trial, how = world.people[role], world.trial, {"actor": world.people[role], "at": AT}
    membership = trial.memberships.get(role=Role.SPONSOR)
    acts = [
        lambda: setting_up.amend_charter(trial=trial, change_summary="Mine", **how),
        lambda: setting_up.edit_charter(charter=trial.charter_in_force, content=content(), **how),
        lambda: setting_up.sign_charter(charter=draft, signature=Intent(PASSWORD), **how),
        lambda: setting_up.add_site(trial=trial, code="WEST", name="West", country="", **how),
        lambda: setting_up.add_application_entity(site=world.north, title="MINE", description="", **how),
        lambda: setting_up.grant_membership(trial=trial, user=person, role=Role.AUDITOR, **how),
        lambda: setting_up.end_membership(membership=membership, reason="Mine", **how),
    ]
    draft = setting_up.amend_charter(trial=trial, change_summary="Next", actor=world.administrator, at=AT)
    for act in acts:
        with pytest.raises(AccessDenied):
            act()


@pytest.mark.requirement("REQ-ACS-006")
def test_the_administrator_of_one_trial_is_nobody_in_another(world, founder_of_another):
    with pytest.raises(AccessDenied):
        setting_up.add_site(
            trial=founder_of_another, code="WEST", name="West", country="", actor=world.administrator, at=AT
        )


@pytest.fixture
def founder_of_another(world):
    return setting_up.create_trial(code="NEW-9", title="Other", sponsor_name="S", actor=world.founder, at=AT)


@pytest.mark.requirement("REQ-LOC-002")
def test_after_the_lock_the_set_up_is_frozen(locked):
    how = {"actor": locked.administrator, "at": AT}
    with pytest.raises(RecordFrozen, match="locked"):
        setting_up.add_site(trial=locked.trial, code="WEST", name="West", country="", **how)
    with pytest.raises(RecordFrozen, match="locked"):
        draft = setting_up.amend_charter(trial=locked.trial, change_summary="Late", **how)
        setting_up.edit_charter(charter=draft, content=content(), **how)
