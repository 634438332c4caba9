"""Who may do which verb, as small named predicates over memberships."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import reverse
from django.utils import timezone

from compliance import access, audit, factors
from compliance.access import Held, Predicate
from compliance.models import User
from trials import askable, models, release, selectors, selectors_forms, trained
from trials.askable import Kind
from trials.models import SECOND_FACTOR_ROLES, SITE_AWARE, Role, Site, Trial
from trials.release import Artefact


def held_by(*roles: Role, where: str) -> Callable[[Predicate], Held]:
    """Say of a predicate which roles hold it, and on which records of theirs; it tests that itself."""
    return lambda test: Held(tuple(roles), test, where)


def role(*roles: Role) -> Held:
    """Make a predicate: the person holds one of the roles where the record belongs (or anywhere at all).

    A site coordinator's role counts at records of that coordinator's own sites only.
    """
    at_trial = [r.permission for r in roles if r is not Role.SITE_COORDINATOR]
    at_site = [r.permission for r in roles if r is Role.SITE_COORDINATOR]

    def predicate(user: User, about: Any) -> bool:
        if about is None:
            return access.holds_any(user, at_trial, Trial) or access.holds_any(user, at_site, Site)
        scope = about.scope() if hasattr(about, "scope") else (None, None)
        if scope[0] is not None and access.holds(user, at_trial, Trial(pk=scope[0])):
            return True
        if scope[1] is not None:
            return access.holds(user, at_site, Site(pk=scope[1]))
        # A record of the whole trial: a coordinator of any of its sites counts.
        return bool(at_site) and access.held_objects(user, at_site, Site).filter(trial=scope[0]).exists()

    return Held(tuple(roles), predicate)


def creates_trials(user: User, about: Any) -> bool:
    """The installation lets this person create trials."""
    return user.is_staff


@held_by(
    Role.SITE_COORDINATOR,
    Role.TRIAL_ADMINISTRATOR,
    where="a coordinator on queries to the own site, an administrator on those to no site",
)
def answers_queries(user: User, about: Any) -> bool:
    """The person is a coordinator of the site asked; of what belongs to no site, the trial's administrator."""
    of_trial = isinstance(about, models.Query) and about.site_id is None
    return role(Role.TRIAL_ADMINISTRATOR if of_trial else Role.SITE_COORDINATOR)(user, about)


@held_by(
    Role.READING_MANAGER,
    Role.QC_ANALYST,
    Role.SPONSOR,
    where="where the charter asks for this role's signature on the lock",
)
def signs_lock_too(user: User, about: Any) -> bool:
    """The person holds the role whose signature on the lock the charter in force asks for."""
    if about is None:
        return role(Role.READING_MANAGER, Role.QC_ANALYST, Role.SPONSOR)(user, about)
    charter = Trial(pk=about.scope().trial_id).charter_in_force
    named = charter.terms.locking.second_signature if charter is not None else ""
    return bool(named) and role(Role(named))(user, about)


@held_by(
    Role.READING_MANAGER,
    Role.QC_ANALYST,
    Role.SPONSOR,
    Role.AUDITOR,
    Role.TRIAL_ADMINISTRATOR,
    where="a QC analyst and the sponsor where the charter asks for their signature on the lock",
)
def sees_freezes(user: User, about: Any) -> bool:
    """The person freezes, lifts or audits, or signs an interim lock as the second one."""
    if role(Role.READING_MANAGER, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)(user, about):
        return True
    return signs_lock_too(user, about)


@held_by(*release.MAY_HAVE_INTERIM, where="where the charter names this role for packages of interim locks")
def sees_interim(user: User, about: Any) -> bool:
    """The person holds a role that the charter in force lets have packages of interim locks; by default none does."""
    if about is None:
        return role(*release.MAY_HAVE_INTERIM)(user, about)
    named = release.roles_of_interim(Trial(pk=about.scope().trial_id))
    return bool(named) and role(*named)(user, about)


@held_by(*Role, where="of own roles")
def own_training(user: User, about: Any) -> bool:
    """The person holds the role of which the training, if one is asked about, is asked."""
    held = models.Membership.in_force(timezone.now()).filter(user=user)
    if isinstance(about, models.RoleTraining):
        held = held.filter(trial=about.trial_id, role=about.role)
    return held.exists()


@held_by(Role.TRIAL_ADMINISTRATOR, Role.AUDITOR, where="also one's own, whoever opened it")
def sees_emergency(user: User, about: Any) -> bool:
    """The person administers or audits the trial, or opened it; without one: to be found by the page itself."""
    own = models.EmergencyAccess.objects.filter(membership__user=user)
    if isinstance(about, models.EmergencyAccess):
        own = own.filter(pk=about.pk)
    return role(Role.TRIAL_ADMINISTRATOR, Role.AUDITOR)(user, about) or own.exists()


def breaks_glass(user: User, about: Any) -> bool:
    """The installation lets this person create trials, or the person administers the trial."""
    return user.is_staff or role(Role.TRIAL_ADMINISTRATOR)(user, about)


def needs_second_factor(user: User) -> bool:
    """The person sees images or results in some trial, or may create trials."""
    of_person = models.Membership.objects.filter(user=user, ended_at=None)
    return user.is_staff or of_person.filter(role__in=SECOND_FACTOR_ROLES).exists()


EVERYONE = tuple(Role)


def register() -> None:
    """Register this room's verbs, and how the trail names the roles of a person."""
    audit.name_roles_by(selectors.role_names)
    factors.require_where(needs_second_factor)
    access.gate(trained.require_trained)
    access.register("trials.create", Held((access.INSTALLATION,), creates_trials))
    access.register("trials.keep_accounts", Held((access.INSTALLATION,), creates_trials))
    access.register("trials.break_glass", Held((Role.TRIAL_ADMINISTRATOR, access.INSTALLATION), breaks_glass))
    access.register("trials.see_emergency", sees_emergency)
    access.register("trials.review_emergency", role(Role.TRIAL_ADMINISTRATOR, Role.AUDITOR))
    access.register("trials.see", role(*EVERYONE))
    access.register("trials.administer", role(Role.TRIAL_ADMINISTRATOR))
    access.register("trials.review_access", role(Role.TRIAL_ADMINISTRATOR))
    access.register("trials.administer_or_audit", role(Role.TRIAL_ADMINISTRATOR, Role.AUDITOR))
    access.register("trials.see_charter", role(*EVERYONE))
    access.register("trials.see_subjects", role(*SITE_AWARE))
    access.register("trials.review_charter", role(Role.READING_MANAGER, Role.QC_ANALYST))
    access.register("trials.enrol", role(Role.SITE_COORDINATOR, Role.TRIAL_ADMINISTRATOR))
    access.register("trials.set_aside_case", role(Role.READING_MANAGER))
    access.register("trials.answer_for_site", role(Role.SITE_COORDINATOR))
    access.register("trials.register_scanner", role(Role.SITE_COORDINATOR, Role.TRIAL_ADMINISTRATOR))
    access.register("trials.judge_upload_test", role(Role.QC_ANALYST))
    access.register("trials.qualify_site", role(Role.QC_ANALYST, Role.TRIAL_ADMINISTRATOR))
    access.register(
        "trials.see_arms",
        role(Role.TRIAL_ADMINISTRATOR),
        unblinds="the arm of a subject",
        leaves=("subject.arm_shown", "subject.allocated"),
    )
    access.register("trials.add_visit", role(Role.SITE_COORDINATOR, Role.QC_ANALYST, Role.TRIAL_ADMINISTRATOR))
    access.register("trials.see_queries", role(*SITE_AWARE))
    access.register("trials.raise_query", role(Role.QC_ANALYST))
    access.register("trials.answer_query", answers_queries)
    access.register("trials.discuss_query", role(Role.SITE_COORDINATOR, Role.QC_ANALYST, Role.TRIAL_ADMINISTRATOR))
    access.register("trials.fill_form", role(Role.SITE_COORDINATOR))
    access.register("trials.see_forms", role(*SITE_AWARE))
    access.register("trials.see_progress", role(*release.roles_of(Artefact.STATUS)))
    access.register("trials.audit", role(*release.roles_of(Artefact.TRAIL)))
    access.register("trials.review_trail", role(Role.AUDITOR))
    access.register("trials.ask_redaction", role(Role.AUDITOR))
    access.register("trials.approve_redaction", role(Role.TRIAL_ADMINISTRATOR))
    access.register("trials.see_redactions", role(Role.AUDITOR, Role.TRIAL_ADMINISTRATOR))
    access.register("trials.train", own_training)
    access.register("trials.lock", role(Role.TRIAL_ADMINISTRATOR))
    access.register("trials.confirm_lock", signs_lock_too)
    # Who asks, who agrees and who approves are of three roles: nobody takes a lock off alone.
    access.register("trials.ask_unlock", role(Role.READING_MANAGER))
    access.register("trials.agree_to_unlock", role(Role.SPONSOR))
    access.register("trials.approve_unlock", role(Role.TRIAL_ADMINISTRATOR))
    access.register(
        "trials.see_unlocks", role(Role.READING_MANAGER, Role.SPONSOR, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
    )
    # Whoever freezes does not lift it: a second person does.
    access.register("trials.freeze", role(Role.READING_MANAGER, Role.TRIAL_ADMINISTRATOR))
    access.register("trials.lift_freeze", role(Role.READING_MANAGER, Role.TRIAL_ADMINISTRATOR))
    access.register("trials.see_freezes", sees_freezes)
    access.expose(models.Trial, "trials.administer_or_audit", selectors.trials_of)
    access.expose(models.ImagingCharter, "trials.see_charter", selectors.charters_seen_by)
    access.expose(models.Site, "trials.see_subjects", selectors.sites_seen_by)
    access.expose(models.Subject, "trials.see_subjects", selectors.subjects_seen_by)
    access.expose(models.Timepoint, "trials.see_subjects", selectors.timepoints_seen_by)
    access.expose(models.SiteForm, "trials.see_forms", selectors_forms.forms_seen_by)
    access.expose(models.Query, "trials.see_queries", selectors.queries_seen_by)
    askable.register(
        Kind(models.Trial, "trial", selectors.trials_of, lambda trial: _at("trials:home", trial)),
        Kind(models.Site, "site", selectors.sites_seen_by, lambda site: _at("trials:connections", site)),
        Kind(models.Subject, "subject", selectors.subjects_seen_by, lambda subject: _at("trials:subject", subject)),
        Kind(
            models.Timepoint,
            "timepoint",
            selectors.timepoints_seen_by,
            lambda timepoint: _at("imaging:timepoint", timepoint),
            timepoint=lambda timepoint: timepoint,
        ),
        Kind(
            models.SiteForm,
            "form",
            selectors_forms.forms_seen_by,
            lambda form: _at("trials:form", form),
            timepoint=lambda form: form.timepoint,
            at_timepoint=selectors_forms.forms_at,
            fields=lambda form: form.field_names,
        ),
    )


def _at(name: str, record: Any) -> str:
    return reverse(name, kwargs={"pk": record.pk})
