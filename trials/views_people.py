"""Pages of one member of a trial, beside the role itself."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from compliance import access, identities, provider
from compliance.errors import HouseError
from trials import forms, selectors
from trials.models import Membership
from trials.services import setting_up


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
