"""The page of an act that waits for its fresh sign-in: what is to be signed, the way to the provider, and the act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from compliance import access, fresh_sign_ins
from compliance.models import Signature
from config.accounts.forms import ProofForm
from config.accounts.proving import asked, proven, safe

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class FreshSignInMiddleware:
    """Let a page's act wait that lacks its fresh sign-in, whatever the page says of that; forget it once it is done."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        fresh_sign_ins.finish(request)
        of_page = request.method == "POST" and not request.path.startswith("/api/")
        if fresh_sign_ins.needed(request) and of_page and not request.FILES:
            fresh_sign_ins.begin(request, safe(request, request.headers.get("Referer", "")))
            # What the page would have said of its refusal is said by the page of the act.
            list(messages.get_messages(request))
            return redirect("sign_fresh")
        return response


@never_cache
def sign_fresh(request: HttpRequest) -> HttpResponseBase:
    """What waits to be signed; after a sign-in at the provider, and a factor of one's own where it must be, the act."""
    user, at = access.actor(request), timezone.now()
    act = fresh_sign_ins.waiting(request, user)
    if act is None:
        messages.error(request, "Nothing waits to be signed. Open the record, and sign there.")
        return redirect("home")
    fresh = fresh_sign_ins.fresh_of(act, user, at=at)
    form = ProofForm(request.POST or None)
    if request.method == "POST" and fresh and (shown := proven(request, form, user, at=at)):
        fresh_sign_ins.second_shown(fresh, shown, at=at)
        return redirect("sign_fresh")
    lacks = fresh is not None and fresh_sign_ins.lacks_factor(fresh)
    context: dict[str, Any] = {
        "act": act,
        "meaning": Signature.Meaning(act["meaning"]).label,
        "fields": [(name, value) for name, values in act["form"] for value in values],
        "step": "provider" if fresh is None else "factor" if lacks else "sign",
        "form": form,
        "until": fresh.expires_at if fresh else None,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "account/sign_fresh.html", context | (asked(request, user) if lacks else {}), status=status)
