"""The door of one's own signature: the e-signature policy, which is accepted before the first signature."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from compliance import access, accounts, signature_policy, signing
from compliance.errors import HouseError
from compliance.models import PolicyAcceptance, Signature
from compliance.signing import WrongPassword
from trials.forms import SignatureForm


class PolicyForm(SignatureForm):
    """The signature under the policy, and which version was read."""

    version = forms.IntegerField(widget=forms.HiddenInput)


def _back(request: HttpRequest, otherwise: str) -> str:
    """Return the page of this server that the person came from."""
    path = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(path, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return path if safe else otherwise


def _status(problem: HouseError | None, form: forms.BaseForm) -> int:
    return problem.status if problem else 422 if form.errors else 200


def signature_policy_page(request: HttpRequest) -> HttpResponse:
    """The policy in force, to be accepted by signature; and what the person has accepted before."""
    actor, policy = access.actor(request), signature_policy.in_force()
    accepted = PolicyAcceptance(user=actor, version=policy.version, text_sha256=policy.sha256)
    shown = {"shown_sha256": signing.digest(accepted.shown_content()), "version": policy.version}
    form, problem = PolicyForm(request.POST or None, initial=shown), None
    if request.method == "POST" and form.is_valid():
        try:
            accounts.accept_policy(
                version=form.cleaned_data["version"],
                signature=form.intent(Signature.Meaning.AGREEMENT),
                actor=actor,
                at=timezone.now(),
            )
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = form.after(refused)
        else:
            messages.success(request, "You have accepted the e-signature policy, and can sign from now on.")
            return redirect(_back(request, reverse("signature_policy")))
    earlier = PolicyAcceptance.objects.filter(user=actor).order_by("-version")
    context = {
        "policy": policy,
        "form": form,
        "problem": problem,
        "next": _back(request, ""),
        "obstacle": signing.obstacle(actor),
        "accepted": [(one, signing.signatures_on(one)) for one in earlier],
        "meaning": Signature.Meaning.AGREEMENT.label,
    }
    return render(request, "account/signature_policy.html", context, status=_status(problem, form))
