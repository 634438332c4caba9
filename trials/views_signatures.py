"""The auditor's page of a trial's signatures, and their verification."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from compliance import access
from compliance.models import AuditEvent, Signature
from trials import selectors
from trials.models import Trial
from trials.services import verifying


@require_http_methods(["GET", "HEAD", "POST"])
@access.guarded("trials.audit", selectors.trials_of)
def signatures(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Every signature of the trial, newest first; a button has all of them verified, and what is found is recorded."""
    if request.method == "POST":
        found = verifying.verify_trial(trial=trial, actor=access.actor(request), at=timezone.now())
        total = found.standing + found.superseded
        if found.faults:
            messages.error(request, f"{len(found.faults)} of {total} signatures do not hold.")
        else:
            messages.success(request, f"{total} signatures were verified, and all hold.")
        return redirect("trials:signatures", pk=trial.pk)
    told = AuditEvent.objects.filter(trial_id=trial.pk, action__endswith=".signed", after__has_key="signature")
    page = Paginator(told.order_by("-pk"), 100).get_page(request.GET.get("page"))
    numbers = {event.after["signature"]: event for event in page if event.after}
    rows = Signature.objects.filter(pk__in=numbers).select_related("supersession").order_by("-pk")
    context = {
        "trial": trial,
        "page": page,
        "rows": [(numbers[one.pk], one) for one in rows],
        "last": verifying.last_verified(trial),
    }
    return render(request, "trials/signatures.html", context)
