"""Further forms of the charter: the list of what sites have to fill in, and the page of one."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access
from trials import pages_forms, selectors, selectors_forms
from trials.forms import SignatureForm
from trials.forms_answers import AnswersForm
from trials.models import DeclaredForm, SiteForm, Trial
from trials.pages import queries_on_page
from trials.services import answering

_ON_A_PAGE = 100


@require_safe
@access.guarded("trials.see_forms", selectors.trials_of)
def form_list(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Every further form that the charter asks for: what is still to be filled in, and what is signed."""
    user, state = access.actor(request), request.GET.get("state", "")
    asked = selectors_forms.forms_asked(user, trial)
    chosen = [one for one in asked if state in ("", one.state)]
    return render(
        request,
        "trials/form_list.html",
        {
            "trial": trial,
            "page": Paginator(chosen, _ON_A_PAGE).get_page(request.GET.get("page")),
            "state": state,
            "counts": {name: sum(one.state == name for one in asked) for name in selectors_forms.STATES},
            "may_fill": access.may(user, "trials.fill_form", trial) and not selectors.is_locked(trial),
            "may_export": access.may(user, "trials.administer_or_audit", trial),
        },
    )


@require_POST
@access.guarded("trials.fill_form", selectors.trials_of)
def form_begin(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Begin a form of a place: keep an empty draft of it, and show it."""
    place = selectors_forms.find_place(access.actor(request), trial, request.POST.get("about", ""))
    at = timezone.now()
    if place is None:
        messages.error(request, "There is no such place in this trial. Choose one of the list.")
        return redirect("trials:forms", pk=trial.pk)
    try:
        form = answering.form_at(place, request.POST.get("code", ""), at)
        if not form.pk:
            form = answering.save_answers(form=form, values={}, actor=access.actor(request), at=at)
    except answering.FormNotAsked as problem:
        messages.error(request, problem.message)
        return redirect("trials:forms", pk=trial.pk)
    return redirect("trials:form", pk=form.pk)


@require_safe
@access.guarded("trials.see_forms", selectors_forms.forms_seen_by)
def form_show(request: HttpRequest, form: SiteForm) -> HttpResponse:
    """One form: filled in by the site, read by QC and auditors; signed versions stay as they are."""
    return _page(request, form)


@require_POST
@access.guarded("trials.fill_form", selectors_forms.forms_seen_by)
def form_save(request: HttpRequest, form: SiteForm) -> HttpResponse:
    """Keep a draft."""
    return pages_forms.save(request, form, _page, _address)


@require_POST
@access.guarded("trials.fill_form", selectors_forms.forms_seen_by)
def form_sign(request: HttpRequest, form: SiteForm) -> HttpResponse:
    """Sign what was typed."""
    return pages_forms.sign(request, form, _page, _address)


@require_POST
@access.guarded("trials.fill_form", selectors_forms.forms_seen_by)
def form_correct(request: HttpRequest, form: SiteForm) -> HttpResponse:
    """Open the next version."""
    return pages_forms.correct(request, form, _address)


def _address(form: DeclaredForm) -> str:
    return reverse("trials:form", kwargs={"pk": form.pk})


def _page(
    request: HttpRequest,
    form: SiteForm,
    answers: AnswersForm | None = None,
    signature: SignatureForm | None = None,
) -> HttpResponse:
    latest = form.versions.first() or form
    trial = latest.site.trial
    context = pages_forms.shown(request, latest, answers, signature)
    queries = queries_on_page(access.actor(request), latest, trial, timezone.now())
    return render(request, "trials/form_show.html", {"trial": trial, **context, **queries})
