"""The page of a trial's webhooks: who is told of what, and every message."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from compliance import access
from compliance.errors import HouseError
from trials import selectors
from trials.forms_webhooks import WebhookForm
from trials.models import Delivery, Trial, Webhook
from trials.pages import number_in
from trials.services import hooking
from trials.webhooks import BY_NAME

_PER_PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
@access.guarded("trials.administer_or_audit", selectors.trials_of)
def webhooks(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Which systems are told of what, and what they were told; the administrator makes, tests, ends and sends again."""
    form, secret = WebhookForm(request.POST if request.POST.get("act") == "make" else None), ""
    if request.method == "POST":
        access.require(request.user, "trials.administer", trial)
        try:
            done, secret = _done(request, trial, form)
            if done and not secret:
                return redirect("trials:webhooks", pk=trial.pk)
        except HouseError as problem:
            if not form.is_bound:
                messages.error(request, problem.message)
                return redirect("trials:webhooks", pk=trial.pk)
            form.add_error(None, problem.message)
    wrong = bool(form.errors)
    if secret:
        form = WebhookForm()
    hooks = Webhook.objects.filter(trial=trial).select_related("made_by", "ended_by")
    told = Delivery.objects.filter(webhook__trial=trial).select_related("webhook")
    page = Paginator(told, _PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "trials/webhooks.html",
        {
            "trial": trial,
            "hooks": [(hook, [BY_NAME[name].words for name in hook.kinds]) for hook in hooks],
            "page": page,
            "told": [(one, BY_NAME[one.kind].words) for one in page],
            "may_administer": access.may(request.user, "trials.administer", trial),
            "form": form,
            "secret": secret,
        },
        status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
    )


def _done(request: HttpRequest, trial: Trial, form: WebhookForm) -> tuple[bool, str]:
    """Do what was asked; tell whether it was done, and the secret of a webhook that was made."""
    actor, at = access.actor(request), timezone.now()
    match request.POST.get("act"):
        case "end":
            hook = get_object_or_404(Webhook, pk=number_in(request, "webhook"), trial=trial)
            hooking.end(webhook=hook, actor=actor, at=at)
            messages.success(request, "Nothing more is sent to this address.")
        case "test":
            hook = get_object_or_404(Webhook, pk=number_in(request, "webhook"), trial=trial)
            hooking.test(webhook=hook, actor=actor, at=at)
            messages.success(request, "A test message is on its way.")
        case "again":
            found = get_object_or_404(Delivery, pk=number_in(request, "delivery"), webhook__trial=trial)
            hooking.send_again(delivery=found, actor=actor, at=at)
            messages.success(request, "The message is on its way again.")
        case _:
            if not form.is_valid():
                return False, ""
            _, secret = hooking.make(trial=trial, **form.cleaned_data, actor=actor, at=at)
            return True, secret
    return True, ""
