"""Pages of mails: what was sent in a trial, and which mails a person wants."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access
from compliance.errors import HouseError
from compliance.models import Mail
from trials import forms_queries, selectors
from trials.models import Trial
from trials.services import telling

_PER_PAGE = 50


@require_safe
@access.guarded("trials.administer_or_audit", selectors.trials_of)
def mail_list(request: HttpRequest, trial: Trial) -> HttpResponse:
    """What was told to whom by mail, newest first, and what did not go out."""
    mails = selectors.mails_of(trial)
    state = request.GET.get("state", "")
    shown = mails.filter(state=state) if state in Mail.State.values else mails
    return render(
        request,
        "trials/mail_list.html",
        {
            "trial": trial,
            "page": Paginator(shown, _PER_PAGE).get_page(request.GET.get("page")),
            "state": state,
            "states": Mail.State.choices,
            "failed": mails.filter(state=Mail.State.FAILED).count(),
            "may_retry": access.may(request.user, "trials.administer", trial),
        },
    )


@require_POST
@access.guarded("trials.administer", selectors.mails_administered_by)
def mail_retry(request: HttpRequest, mail: Mail) -> HttpResponse:
    """Try a mail again."""
    try:
        telling.retry_mail(mail=mail, actor=access.actor(request), at=timezone.now())
        messages.success(request, "The mail is on its way again.")
    except HouseError as problem:
        messages.error(request, problem.message)
    return redirect("trials:mails", pk=mail.trial_id)


def mail_choice(request: HttpRequest) -> HttpResponse:
    """Which mails come to the signed-in person."""
    person = access.actor(request)
    form = forms_queries.MailChoiceForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        person.refresh_from_db()
        telling.choose_mails(
            person=person, notices=chosen["mail_notices"], digest=chosen["mail_digest"], at=timezone.now()
        )
        messages.success(request, "Your choice is kept.")
        return redirect("trials:mail_choice")
    return render(request, "trials/mail_choice.html", {"form": form, "address": person.email})
