"""Setting a trial up: the trial, its charter, sites and people."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from compliance import access, audit, factors, identities, keys, signing
from compliance.errors import HouseError
from compliance.models import Signature, User
from compliance.signing import Intent
from compliance.transitions import advance
from trials import signals
from trials.charter import RECIST, RECIST_TEMPLATE, Charter, CharterInvalid, find_template, read
from trials.models import BLINDED, ApplicationEntity, ImagingCharter, Membership, Role, Site, Trial
from trials.services.delegating import end_if_over
from trials.states import OPEN_CHARTER, CharterState, TrialState
from trials.terms.kinds import Problem


class AlreadyOver(HouseError):
    """A role was to end before it begins."""

    code = "already_over"
    status = 409


class AlreadyThere(HouseError):
    """What was to be created exists already."""

    code = "already_there"
    status = 409


class NotGiven(HouseError):
    """A role that emergency access keeps from being given so."""

    code = "role_not_given"
    status = 409


class DraftPending(HouseError):
    """An amendment was asked for while another draft is still open."""

    code = "draft_pending"
    status = 409


class DraftChanged(HouseError):
    """Somebody else saved a draft while a person was editing it."""

    code = "draft_changed"
    status = 412


class NotReviewed(HouseError):
    """A charter was to come into force that a second person has not reviewed."""

    code = "not_reviewed"
    status = 409


def create_trial(
    *,
    code: str,
    title: str,
    sponsor_name: str,
    actor: User,
    at: dt.datetime,
    indication: str = "",
    seed: str = "",
    secret: bytes | None = None,
    template: str = RECIST.name,
) -> Trial:
    """Create a trial with its secret key, a draft charter from a template, and its first administrator.

    Parameters
    ----------
    seed
        Replays assignment and order; random unless given.
    secret
        The trial's key, 32 bytes; random unless given (a demonstration gives a fixed one).
    template
        Name of a charter that comes with the house.

    Raises
    ------
    trials.charter.templates.UnknownTemplate
    """
    access.require(actor, "trials.create")
    if Trial.objects.filter(code=code).exists():
        raise AlreadyThere(f"A trial with the code {code} exists already. Choose another code.")
    content = find_template(template).content
    with transaction.atomic():
        trial = Trial(
            code=code,
            title=title,
            sponsor_name=sponsor_name,
            indication=indication,
            state=TrialState.SETUP,
            created_at=at,
            **({"seed": seed} if seed else {}),
        )
        audit.save(trial, action="trial.created", actor=actor, at=at)
        _draft(trial, 1, content, "First version", actor, at)
        _grant(trial, actor, Role.TRIAL_ADMINISTRATOR, None, actor, at)
        if not keys.exists(code):
            keys.create(code, secret)
    return trial


def _draft(
    trial: Trial, version: int, content: Mapping[str, Any], summary: str, actor: User, at: dt.datetime
) -> ImagingCharter:
    charter = ImagingCharter(
        trial=trial, version=version, content=copy.deepcopy(dict(content)), change_summary=summary, created_at=at
    )
    return audit.save(charter, action="imagingcharter.drafted", actor=actor, at=at)


def edit_charter(
    *,
    charter: ImagingCharter,
    content: Mapping[str, Any],
    actor: User,
    at: dt.datetime,
    change_summary: str = "",
    shown_sha256: str = "",
) -> ImagingCharter:
    """Replace a draft's content; it is stored in the order of the charter's sections.

    Parameters
    ----------
    shown_sha256
        Digest of the content that the person began with, if it must still be the draft's.

    Raises
    ------
    trials.charter.CharterInvalid
        With every problem found.
    DraftChanged
    """
    access.require(actor, "trials.administer", charter)
    following = Charter.parse(content).content()
    with transaction.atomic():
        stored = ImagingCharter.objects.select_for_update().get(pk=charter.pk)
        if shown_sha256 and shown_sha256 != stored.sha256:
            raise DraftChanged("Somebody else saved this draft meanwhile, so yours was not. Compare the two first.")
        charter.content = following
        charter.change_summary = change_summary or charter.change_summary
        charter.__dict__.pop("terms", None)
        return audit.save(charter, action="imagingcharter.edited", actor=actor, at=at)


def import_charter(
    *, trial: Trial, content: Mapping[str, Any], actor: User, at: dt.datetime, change_summary: str = ""
) -> ImagingCharter:
    """Make a document the content of the trial's draft; if there is none, of the next version.

    Raises
    ------
    trials.charter.CharterInvalid
        With every problem found; then no draft is opened either.
    """
    with transaction.atomic():
        draft = trial.charters.filter(state=CharterState.DRAFT).first()
        if draft is None:
            draft = amend_charter(trial=trial, change_summary=change_summary, actor=actor, at=at)
        return edit_charter(charter=draft, content=content, actor=actor, at=at, change_summary=change_summary)


def objections(content: Any) -> list[Problem]:
    """Return everything that speaks against signing a charter, here and in the rooms that give its sections meaning."""
    terms, problems = read(content)
    faulty = {problem.place[:1] for problem in problems}
    answers: Any = signals.charter_to_be_signed.send(sender=ImagingCharter, terms=terms)
    for _, found in answers:
        problems += [problem for problem in found if problem.place[:1] not in faulty]
    return problems


def amend_charter(*, trial: Trial, change_summary: str, actor: User, at: dt.datetime) -> ImagingCharter:
    """Open the next version as a draft with the content of the one in force."""
    access.require(actor, "trials.administer", trial)
    if trial.charters.filter(state__in=OPEN_CHARTER).exists():
        raise DraftPending("A draft of the charter is open already. Finish that one first.")
    latest = trial.charters.first()
    if latest is None:
        return _draft(trial, 1, RECIST_TEMPLATE, change_summary, actor, at)
    return _draft(trial, latest.version + 1, latest.content, change_summary, actor, at)


def review_charter(*, charter: ImagingCharter, signature: Intent, actor: User, at: dt.datetime) -> ImagingCharter:
    """Sign that a draft was reviewed; it cannot be changed until it is opened again.

    Raises
    ------
    trials.charter.CharterInvalid
        Something speaks against putting it in force.
    """
    if problems := objections(charter.content):
        raise CharterInvalid(problems)
    return advance(charter, "review", actor=actor, at=at, signature=signature)


def reopen_charter(*, charter: ImagingCharter, reason: str, actor: User, at: dt.datetime) -> ImagingCharter:
    """Make a reviewed version a draft again; its review no longer counts."""
    return advance(charter, "reopen", actor=actor, at=at, reason=reason, thaw=not charter.trial.frozen_by())


def awaits_review(charter: ImagingCharter) -> bool:
    """Tell whether a draft must be reviewed before it may be signed: it asks for that, or the version in force does."""
    before = charter.trial.charter_in_force
    asked = charter.terms.needs_review or (before is not None and before.terms.needs_review)
    return asked and charter.state == CharterState.DRAFT


def _require_review(charter: ImagingCharter, actor: User) -> None:
    if awaits_review(charter):
        raise NotReviewed(
            "This charter asks for a review before it comes into force. Let a reading manager or QC analyst review it "
            "by signature first."
        )
    review = signing.signatures_on(charter).filter(meaning=Signature.Meaning.REVIEW).last()
    if charter.state == CharterState.REVIEWED and review is not None and review.signer_id == actor.pk:
        raise NotReviewed("You reviewed this version yourself. Let another administrator put it in force.")


def sign_charter(*, charter: ImagingCharter, signature: Intent, actor: User, at: dt.datetime) -> ImagingCharter:
    """Put a draft in force by signature; the version before it is superseded, the trial starts.

    Raises
    ------
    trials.charter.CharterInvalid
        A section does not hold together, here or in the room that gives it meaning; all are named.
    NotReviewed
        A second person must have reviewed it, and has not.
    """
    if problems := objections(charter.content):
        raise CharterInvalid(problems)
    with transaction.atomic():
        current = ImagingCharter.objects.select_for_update().get(pk=charter.pk)
        _require_review(current, actor)
        for earlier in charter.trial.charters.filter(state=CharterState.IN_FORCE):
            advance(earlier, "supersede", actor=actor, at=at, thaw=True)
        unlocked = not charter.trial.frozen_by()
        advance(charter, "sign", actor=actor, at=at, signature=signature, signed_at=at, thaw=unlocked)
        trial = Trial.objects.get(pk=charter.trial_id)
        if trial.state == TrialState.SETUP:
            advance(trial, "start", actor=actor, at=at)
    return charter


def add_site(*, trial: Trial, code: str, name: str, actor: User, at: dt.datetime, country: str = "") -> Site:
    """Add a site to a trial."""
    access.require(actor, "trials.administer", trial)
    if trial.sites.filter(code=code).exists():
        raise AlreadyThere(f"Trial {trial.code} has a site {code} already. Choose another code.")
    site = Site(trial=trial, code=code, name=name, country=country, created_at=at)
    return audit.save(site, action="site.added", actor=actor, at=at)


def add_application_entity(
    *, site: Site, title: str, actor: User, at: dt.datetime, description: str = ""
) -> ApplicationEntity:
    """Let a scanner or archive of a site send under its calling AE title."""
    access.require(actor, "trials.administer", site)
    if ApplicationEntity.objects.filter(title=title).exists():
        raise AlreadyThere("This calling AE title is taken on this installation. Give the sender another title.")
    entity = ApplicationEntity(site=site, title=title, description=description)
    return audit.save(entity, action="applicationentity.added", actor=actor, at=at)


def create_user(
    *, username: str, full_name: str, email: str, password: str, actor: User, trial: Trial, at: dt.datetime
) -> User:
    """Make an account for somebody who is to join the trial; they sign once they have chosen a password themselves."""
    access.require(actor, "trials.administer", trial)
    if User.objects.filter(username__iexact=username).exists():
        raise AlreadyThere("This user name is taken. If it is the same person, grant the role to that account.")
    with transaction.atomic():
        user = User(username=username, full_name=full_name, email=email, password_given_at=at)
        user.set_password(password)
        user.save()
        audit.record("user.created", user, actor=actor, at=at, after={"username": username})
    return user


def reset_factor(*, membership: Membership, reason: str, actor: User, at: dt.datetime) -> None:
    """Take the second factor of a member who lost it; who does so learns no secret, and the member is told."""
    access.require(actor, "trials.administer", membership)
    factors.reset(user=membership.user, actor=actor, reason=reason, at=at)


def link_identity(*, membership: Membership, subject: str, reason: str, actor: User, at: dt.datetime) -> None:
    """Let a member sign in at the installation's identity provider, and nowhere else."""
    access.require(actor, "trials.administer", membership)
    identities.link(user=membership.user, subject=subject, actor=actor, reason=reason, at=at)


def end_identity(*, membership: Membership, reason: str, actor: User, at: dt.datetime) -> None:
    """End a member's link with the identity provider."""
    access.require(actor, "trials.administer", membership)
    identities.end(user=membership.user, actor=actor, reason=reason, at=at)


def grant_membership(
    *,
    trial: Trial,
    user: User,
    role: Role,
    actor: User,
    at: dt.datetime,
    site: Site | None = None,
    until: dt.datetime | None = None,
) -> Membership:
    """Give a person a role in a trial; a site coordinator's role is at one site.

    Parameters
    ----------
    until
        When it ends by itself.

    Raises
    ------
    NotGiven, AlreadyThere, AlreadyOver, compliance.access.AccessDenied
    """
    access.require(actor, "trials.administer", trial)
    _require_no_emergency(trial, user, role, actor, at)
    return _grant(trial, user, role, site, actor, at, until)


def _require_no_emergency(trial: Trial, user: User, role: Role, actor: User, at: dt.datetime) -> None:
    """Refuse a role to whom emergency access would turn into a lasting one, or whom it has unblinded."""
    taken = trial.emergencies.filter(membership__user=user)
    if user.pk == actor.pk and taken.filter(membership__in=Membership.in_force(at)).exists():
        raise NotGiven("You have emergency access to this trial. A role of your own is given by another administrator.")
    if role in BLINDED and taken.exists():
        raise NotGiven(
            f"{user} had emergency access to this trial, and may know what the role {role.label} is blinded to. "
            "Give it to somebody else."
        )


def _grant(
    trial: Trial,
    user: User,
    role: Role,
    site: Site | None,
    actor: User,
    at: dt.datetime,
    until: dt.datetime | None = None,
) -> Membership:
    if (role is Role.SITE_COORDINATOR) != (site is not None) or (site and site.trial_id != trial.pk):
        raise AlreadyThere("A site coordinator needs a site of this trial; other roles have none.")
    had = Membership.objects.filter(user=user, trial=trial, role=role, site=site, ended_at=None)
    end_if_over(had, at=at)
    if had.exists():
        raise AlreadyThere(f"{user} is {role.label.lower()} here already.")
    if until is not None and until <= at:
        raise AlreadyOver("A role cannot end before it is given. Name a later day.")
    with transaction.atomic():
        membership = Membership(user=user, trial=trial, site=site, role=role, granted_at=at, until=until)
        audit.save(membership, action="membership.granted", actor=actor, at=at)
        access.grant(user, role.permission, site or trial, until=until)
    return membership


def end_membership(*, membership: Membership, reason: str, actor: User, at: dt.datetime) -> Membership:
    """Take a role from a person; what they did stays theirs."""
    access.require(actor, "trials.administer", membership)
    with transaction.atomic():
        membership.ended_at = at
        audit.save(membership, action="membership.ended", actor=actor, at=at, reason=reason)
        access.revoke(membership.user, Role(membership.role).permission, membership.site or membership.trial)
    return membership
