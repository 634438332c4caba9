"""Pages of the protocol: parse, call one service, answer."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_POST, require_safe

from compliance import access, audit, factors, provider
from compliance.errors import HouseError
from trials import forms, selectors, selectors_forms
from trials.charter import TEMPLATES
from trials.models import Membership, Role, Site, Subject, Timepoint, Trial
from trials.pages import gate_on_page, queries_on_page
from trials.services import allocating, enrolling, keeping_keys, setting_up
from trials.states import LEFT, SubjectState


def _said(request: HttpRequest, problem: HouseError) -> None:
    messages.error(request, problem.message)


@access.guarded("trials.create")
def trial_create(request: HttpRequest) -> HttpResponse:
    """Create a trial; its set-up page follows."""
    form = forms.TrialForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        trial = setting_up.create_trial(**form.cleaned_data, actor=access.actor(request), at=timezone.now())
        messages.success(request, f"Trial {trial.code} is there. Next: sites, people, and the charter.")
        return redirect("trials:setup", pk=trial.pk)
    templates = [(one, setting_up.objections(one.content)) for one in TEMPLATES]
    return render(request, "trials/trial_create.html", {"form": form, "templates": templates})


@require_safe
@access.guarded("trials.see_subjects", selectors.trials_of)
def trial_home(request: HttpRequest, trial: Trial) -> HttpResponse:
    """The trial's home: subjects × timepoints, for the sites that the person may know of."""
    sites = selectors.sites_seen_by(access.actor(request)).filter(trial=trial)
    visits = trial.charter_in_force.terms.schedule if trial.charter_in_force else ()
    codes = [visit.code for visit in visits]
    others = selectors.codes_beside(codes, sites, trial)
    return render(
        request,
        "trials/trial_home.html",
        {
            "trial": trial,
            "visits": visits,
            "others": others,
            "rows": selectors.matrix(sites, trial, codes + others),
            "screens": selectors.screens(trial),
            "sites": sites,
            "own_sites": selectors.sites_coordinated_by(access.actor(request)).filter(trial=trial),
            "may_enrol": access.may(request.user, "trials.enrol", trial) and not selectors.is_locked(trial),
            "today": timezone.now().date(),
        },
    )


@require_safe
@access.guarded("trials.see_progress", selectors.trials_of)
def trial_progress(request: HttpRequest, trial: Trial) -> HttpResponse:
    """How far the trial is, by site and by step; no outcome is on this page."""
    rows = selectors.progress(trial)
    total = {name: sum(row[name] for row in rows) for name in selectors.PROGRESS_STEPS}
    return render(request, "trials/trial_progress.html", {"trial": trial, "progress": rows, "total": total})


@require_safe
@access.guarded("trials.administer", selectors.trials_of)
def trial_setup(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What a trial needs before its first scan, and what is still missing."""
    members = trial.memberships.filter(ended_at=None).select_related("user", "site").order_by("role", "user__username")
    charter = trial.charter_in_force
    # Readers who settle their cases together need nobody else.
    spared = {Role.ADJUDICATOR} if charter and charter.terms.adjudication.by_consensus else set()
    return render(
        request,
        "trials/trial_setup.html",
        {
            "trial": trial,
            "charters": trial.charters.all(),
            "sites": trial.sites.prefetch_related("application_entities"),
            "members": members,
            "with_factor": factors.who_have_one(member.user_id for member in members),
            "has_provider": provider.is_set(),
            "key_fault": keeping_keys.fault_of_keys(trial),
            "missing_roles": [role for role in Role if role not in spared | {m.role for m in members}],
            "site_form": forms.SiteForm(),
            "reason_form": forms.ReasonForm(),
            "amend_form": forms.AmendForm(),
            "member_form": forms.MemberForm(trial=trial),
            "entity_form": forms.ApplicationEntityForm(),
        },
    )


@require_POST
@access.guarded("trials.administer", selectors.trials_of)
def site_add(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Add a site."""
    form = forms.SiteForm(request.POST)
    if form.is_valid():
        site = setting_up.add_site(trial=trial, **form.cleaned_data, actor=access.actor(request), at=timezone.now())
        messages.success(request, f"Site {site.code} is there. Give it a scanner's AE title and a coordinator.")
    else:
        messages.error(request, _first_error(form))
    return redirect("trials:setup", pk=trial.pk)


@require_POST
@access.guarded("trials.administer", selectors.sites_seen_by)
def entity_add(request: HttpRequest, site: Site) -> HttpResponse:
    """Let a scanner or archive of the site send to us."""
    form = forms.ApplicationEntityForm(request.POST)
    if form.is_valid():
        setting_up.add_application_entity(
            site=site, **form.cleaned_data, actor=access.actor(request), at=timezone.now()
        )
        messages.success(request, f"{form.cleaned_data['title']} may send for site {site.code} now.")
    else:
        messages.error(request, _first_error(form))
    return redirect("trials:setup", pk=site.trial_id)


@require_POST
@access.guarded("trials.administer", selectors.trials_of)
def member_add(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Give a person a role, with a new account if they have none."""
    form = forms.MemberForm(request.POST, trial=trial)
    if not form.is_valid():
        messages.error(request, _first_error(form))
        return redirect("trials:setup", pk=trial.pk)
    data, actor, at = form.cleaned_data, access.actor(request), timezone.now()
    user = form.user or setting_up.create_user(
        username=data["username"],
        full_name=data["full_name"],
        email=data["email"],
        password=data["password"],
        actor=actor,
        trial=trial,
        at=at,
    )
    setting_up.grant_membership(
        trial=trial, user=user, role=Role(data["role"]), site=data["site"], until=form.until, actor=actor, at=at
    )
    messages.success(request, f"{user} is {Role(data['role']).label.lower()} now.")
    return redirect("trials:setup", pk=trial.pk)


@require_POST
@access.guarded("trials.administer", selectors.memberships_administered_by)
def member_end(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Take a role from a person."""
    form = forms.ReasonForm(request.POST)
    if form.is_valid():
        setting_up.end_membership(
            membership=membership,
            reason=form.cleaned_data["reason"],
            actor=access.actor(request),
            at=timezone.now(),
        )
        messages.success(request, f"{membership.user} is no longer {membership.get_role_display().lower()}.")
    else:
        messages.error(request, "Ending a role needs a reason.")
    return redirect("trials:setup", pk=membership.trial_id)


@require_POST
@access.guarded("trials.administer", selectors.memberships_administered_by)
def member_reset_factor(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Take the second factor of somebody who lost it; they set up a new one themselves."""
    form = forms.ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Resetting a second factor needs a reason.")
        return redirect("trials:setup", pk=membership.trial_id)
    try:
        setting_up.reset_factor(
            membership=membership, reason=form.cleaned_data["reason"], actor=access.actor(request), at=timezone.now()
        )
        messages.success(request, f"{membership.user} has no second factor now, is signed out, and was told by mail.")
    except HouseError as problem:
        messages.error(request, problem.message)
    return redirect("trials:setup", pk=membership.trial_id)


@access.guarded("trials.enrol", selectors.sites_seen_by)
def subject_enrol(request: HttpRequest, site: Site) -> HttpResponse:
    """Enrol a subject at a site."""
    form = forms.SubjectForm(request.POST or None, site=site)
    screened = selectors.screens(site.trial)
    if request.method == "POST" and form.is_valid():
        try:
            subject = (enrolling.screen_subject if screened else enrolling.enrol_subject)(
                site=site, **form.cleaned_data, actor=access.actor(request), at=timezone.now()
            )
        except HouseError as problem:
            form.add_error(None, problem.message)
        else:
            messages.success(
                request, f"Subject {subject.code} is {subject.get_state_display().lower()}; the visits are planned."
            )
            return redirect("trials:subject", pk=subject.pk)
    context = {"form": form, "site": site, "trial": site.trial, "screened": screened}
    return render(request, "trials/subject_enrol.html", context | gate_on_page(site, timezone.now()))


@require_safe
@access.guarded("trials.see_subjects", selectors.subjects_seen_by)
def subject_show(request: HttpRequest, subject: Subject) -> HttpResponse:
    """One subject: visits with their states, queries, and what happened."""
    timepoints = list(subject.timepoints.select_related("subject__trial", "charter"))
    return render(
        request,
        "trials/subject_show.html",
        {
            "subject": subject,
            "trial": subject.trial,
            "timepoints": timepoints,
            **queries_on_page(
                access.actor(request), subject, subject.trial, timezone.now(), also=Q(timepoint__subject=subject)
            ),
            "asked_forms": selectors_forms.forms_of(subject, access.actor(request)),
            "may_fill": access.may(request.user, "trials.fill_form", subject) and not subject.frozen_by(),
            "events": audit.history_of_many([subject, *timepoints])[:50],
            "may_enrol": access.may(request.user, "trials.enrol", subject),
            "reason_form": forms.ReasonForm(),
            "arm_form": _arm_form(request, subject),
            "visit_form": forms.VisitForm() if _takes_visits(request, subject) else None,
            "withdrawn_on": date_format(subject.consent_withdrawn_on) if subject.consent_withdrawn_on else "",
            "images_rule": f"By the charter, {subject.get_images_rule_display()}.",
        },
    )


def _arm_form(request: HttpRequest, subject: Subject) -> forms.ArmForm | None:
    if subject.state in (*LEFT, SubjectState.CASE) or not access.may(request.user, "trials.see_arms", subject):
        return None
    arm = allocating.show_arm(subject=subject, actor=access.actor(request), at=timezone.now())
    return forms.ArmForm(initial={"arm": arm})


def _takes_visits(request: HttpRequest, subject: Subject) -> bool:
    charter = subject.trial.charter_in_force
    allowed = charter is not None and charter.terms.unscheduled_visits and subject.state == SubjectState.ENROLLED
    return allowed and access.may(request.user, "trials.add_visit", subject)


@require_POST
@access.guarded("trials.enrol", selectors.subjects_seen_by)
def subject_withdraw(request: HttpRequest, subject: Subject) -> HttpResponse:
    """Record that a subject left the trial."""
    form = forms.ReasonForm(request.POST)
    if form.is_valid():
        enrolling.withdraw_subject(
            subject=subject, reason=form.cleaned_data["reason"], actor=access.actor(request), at=timezone.now()
        )
        messages.success(request, f"Subject {subject.code} is withdrawn.")
    else:
        messages.error(request, "A withdrawal needs a reason.")
    return redirect("trials:subject", pk=subject.pk)


@require_POST
@access.guarded("trials.enrol", selectors.timepoints_seen_by)
def timepoint_miss(request: HttpRequest, timepoint: Timepoint) -> HttpResponse:
    """Record that a visit's scan will not come."""
    form = forms.ReasonForm(request.POST)
    if form.is_valid():
        enrolling.mark_missed(
            timepoint=timepoint,
            reason=form.cleaned_data["reason"],
            actor=access.actor(request),
            at=timezone.now(),
        )
        messages.success(request, "The visit is marked as missed.")
    else:
        messages.error(request, "A missed visit needs a reason.")
    return redirect("trials:subject", pk=timepoint.subject_id)


def _first_error(form: object) -> str:
    for field, errors in form.errors.items():  # type: ignore[attr-defined]
        name = "" if field == "__all__" else f"{form.fields[field].label or field.replace('_', ' ').title()}: "  # type: ignore[attr-defined]
        return f"{name}{errors[0]}"
    return ""
