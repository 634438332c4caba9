"""Pages of people in a trial: who held which role on a day, and how a member signs in."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_safe

from compliance import access, identities, provider, spreadsheets
from compliance.errors import HouseError
from trials import forms, selectors
from trials.models import Membership, Trial
from trials.services import delegating, setting_up


@access.guarded("trials.administer", selectors.memberships_administered_by)
def member_identity(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Link a member with who they are at the identity provider, or end that."""
    person, problem = membership.user, None
    identity = identities.of(person)
    form = (forms.ReasonForm if identity else forms.IdentityForm)(request.POST or None)
    if request.method == "POST" and form.is_valid():
        service = setting_up.end_identity if identity else setting_up.link_identity
        try:
            service(membership=membership, **form.cleaned_data, actor=access.actor(request), at=timezone.now())
        except HouseError as refused:
            problem = refused
        else:
            how = "has no way in until somebody gives them a password" if identity else "signs in there from now on"
            messages.success(request, f"{person} {how}, and was told by mail.")
            return redirect("trials:setup", pk=membership.trial_id)
    return render(
        request,
        "trials/member_identity.html",
        {
            "trial": membership.trial,
            "person": person,
            "identity": identity,
            "form": form,
            "problem": problem,
            "has_provider": provider.is_set(),
        },
        status=problem.status if problem else 422 if form.errors else 200,
    )


#: Columns of the delegation log as a spreadsheet.
_COLUMNS = (
    "person",
    "user_name",
    "role",
    "site",
    "from_utc",
    "given_by",
    "until_utc",
    "ended_utc",
    "ended_by",
    "reason",
    "account_open",
    "second_factor",
    "signs_in_by",
    "last_sign_in_utc",
    "trainings_complete",
    "trainings_asked",
)


def _day(request: HttpRequest) -> dt.date:
    """Return the day asked for, today at the latest."""
    today = timezone.now().date()
    try:
        asked = parse_date(request.GET.get("on", ""))
    except ValueError:
        asked = None
    return min(asked or today, today)


@require_safe
@access.guarded("trials.administer_or_audit", selectors.trials_of)
def delegation_log(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Who held which role on a day, given and ended by whom."""
    on = _day(request)
    found = delegating.log_of(trial, on, timezone.now())
    people = len({one.membership.user_id for one in found})
    return render(
        request, "trials/delegation_log.html", {"trial": trial, "on": on, "delegations": found, "people": people}
    )


@require_safe
@access.guarded("trials.administer_or_audit", selectors.trials_of)
def delegation_list(request: HttpRequest, trial: Trial) -> HttpResponse:
    """The same for a spreadsheet."""
    on = _day(request)

    def moment(value: dt.datetime | None) -> str:
        return value.astimezone(dt.UTC).isoformat(timespec="minutes") if value else ""

    rows = (
        (
            str(one.membership.user),
            one.membership.user.username,
            one.membership.get_role_display(),
            one.membership.site.code if one.membership.site else "",
            moment(one.membership.granted_at),
            one.given.actor_name if one.given else "",
            moment(one.membership.until),
            moment(one.membership.ended_at),
            one.ended.actor_name if one.ended else "",
            one.ended.reason if one.ended else "",
            "yes" if one.membership.user.is_active else "no",
            "yes" if one.has_factor else "no",
            "identity provider" if one.elsewhere else "password",
            moment(one.membership.user.last_login),
            one.completed,
            len(one.duties),
        )
        for one in delegating.log_of(trial, on, timezone.now())
    )
    return spreadsheets.download(f"{trial.code}-roles-{on:%Y-%m-%d}.csv", _COLUMNS, rows)
