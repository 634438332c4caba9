"""Pages of queries: the list with its filters, one thread, and asking about several records at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from compliance import access, audit, spreadsheets
from compliance.ages import age
from trials import askable, forms_queries, selectors
from trials.askable import About
from trials.forms import MessageForm
from trials.models import Query, Trial
from trials.pages import answerable_among
from trials.query_terms import QueryTemplate
from trials.selectors_forms import forms_seen_by
from trials.services import querying

_PER_PAGE = 50
_COLUMNS = (
    "query",
    "site",
    "about",
    "title",
    "state",
    "raised_by",
    "raised_at",
    "due_on",
    "first_answered_at",
    "closed_at",
    "messages",
)


def _found(request: HttpRequest, trial: Trial) -> tuple[forms_queries.FilterForm, Any]:
    """The filters as chosen, and the queries that they leave."""
    user = access.actor(request)
    sites = selectors.sites_seen_by(user).filter(trial=trial)
    form = forms_queries.FilterForm(request.GET, sites=sites)
    seen = selectors.queries_seen_by(user).filter(trial=trial)
    return form, form.applied_to(seen, user=user, at=timezone.now())


#: Subjects, and timepoints, that a page offers to ask about at once.
_MOST_OFFERED = 50
_LONGEST_SEARCH = 20


@require_safe
@access.guarded("trials.see_queries", selectors.trials_of)
def query_list(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Queries of the trial that the person may see, the most urgent first; a site answers here."""
    user = access.actor(request)
    form, queries = _found(request, trial)
    page = Paginator(selectors.with_threads(queries), _PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "trials/query_list.html",
        {
            "trial": trial,
            "filters": form,
            "page": page,
            "may_ask": access.may(user, "trials.raise_query", trial) and not selectors.is_locked(trial),
            "may_see_mails": access.may(user, "trials.administer_or_audit", trial),
            **answerable_among(user, list(page)),
            "now": timezone.now(),
            "today": timezone.now().date(),
        },
    )


@require_safe
@access.guarded("trials.see_queries", selectors.trials_of)
def query_csv(request: HttpRequest, trial: Trial) -> HttpResponse:
    """The list as filtered, for a spreadsheet."""
    _, queries = _found(request, trial)
    rows = (
        (
            query.pk,
            query.site.code if query.site else "",
            query.about_label,
            query.title,
            query.state,
            str(query.raised_by),
            query.raised_at.isoformat(timespec="minutes"),
            query.due_on.isoformat(),
            query.answered_at and query.answered_at.isoformat(timespec="minutes"),
            query.closed_at and query.closed_at.isoformat(timespec="minutes"),
            len(query.messages.all()),
        )
        for query in selectors.with_threads(queries)
    )
    return spreadsheets.download(f"{trial.code}-queries.csv", _COLUMNS, rows)


@require_safe
@access.guarded("trials.see_queries", selectors.queries_seen_by)
def query_show(request: HttpRequest, query: Query) -> HttpResponse:
    """A query's thread, with what the person may do next."""
    user, now = access.actor(request), timezone.now()
    return render(
        request,
        "trials/query_show.html",
        {
            "query": query,
            "trial": query.trial,
            "address": askable.address_of(query.about_type, query.about_id),
            "word": askable.word_for(query.about_type),
            "thread": query.messages.select_related("author"),
            "waited": age(query.raised_at, now),
            "may_answer": access.may(user, "trials.answer_query", query),
            "may_close": access.may(user, "trials.raise_query", query),
            "may_discuss": access.may(user, "trials.discuss_query", query),
            "form": MessageForm(),
            "events": audit.history(query)[:50],
            "today": now.date(),
        },
    )


def _back(request: HttpRequest, query: Query) -> HttpResponse:
    """Return to the page on which something was said, if it says so, else to the query's own."""
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return redirect(wanted)
    return redirect("trials:query", pk=query.pk)


def _text(request: HttpRequest) -> str:
    return request.POST.get("text", "")


@require_POST
@access.guarded("trials.answer_query", selectors.queries_seen_by)
def query_answer(request: HttpRequest, query: Query) -> HttpResponse:
    """Answer as who is asked."""
    querying.answer_query(query=query, text=_text(request), actor=access.actor(request), at=timezone.now())
    messages.success(request, "Your answer is with QC now.")
    return _back(request, query)


@require_POST
@access.guarded("trials.discuss_query", selectors.queries_seen_by)
def query_comment(request: HttpRequest, query: Query) -> HttpResponse:
    """Say something without answering or closing."""
    querying.comment_on_query(query=query, text=_text(request), actor=access.actor(request), at=timezone.now())
    messages.success(request, "Your message is in the thread.")
    return _back(request, query)


@require_POST
@access.guarded("trials.raise_query", selectors.queries_seen_by)
def query_close(request: HttpRequest, query: Query) -> HttpResponse:
    """Close a query."""
    querying.close_query(query=query, text=_text(request), actor=access.actor(request), at=timezone.now())
    messages.success(request, "The query is closed.")
    return _back(request, query)


@require_POST
@access.guarded("trials.raise_query", selectors.queries_seen_by)
def query_reopen(request: HttpRequest, query: Query) -> HttpResponse:
    """Ask again on the same thread."""
    querying.reopen_query(query=query, text=_text(request), actor=access.actor(request), at=timezone.now())
    messages.success(request, "The query is open again.")
    return _back(request, query)


@access.guarded("trials.raise_query", selectors.trials_of)
def query_ask(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Ask the same about one record or several of a timepoint, a site or the trial.

    What may be chosen follows the address (`timepoint`, `site`, or nothing for the trial as a whole). The button
    `fill` puts a template's text into the form, so that the page does without script.
    """
    said = request.POST or request.GET
    search = said.get("search", "").strip()[:_LONGEST_SEARCH]
    place, offered, left_out = _offered(request, trial, search, said.getlist("about"))
    templates = querying.terms_of(trial.charter_in_force).texts
    form = forms_queries.AskForm(
        None if "fill" in said or "find" in said else request.POST or None,
        offered=offered,
        templates=templates,
        initial={"about": said.getlist("about"), **_begun_with(templates, said)},
    )
    if form.is_valid():
        raised = querying.raise_queries(**form.cleaned_data, actor=access.actor(request), at=timezone.now())
        messages.success(request, "1 query is asked." if len(raised) == 1 else f"{len(raised)} queries are asked.")
        if len(raised) > 1:
            return redirect("trials:queries", pk=trial.pk)
        return redirect("trials:query", pk=raised[0].pk)
    sites = selectors.sites_seen_by(access.actor(request)).filter(trial=trial)
    found = {"place": place, "search": search, "left_out": left_out, "sites": sites}
    return render(request, "trials/query_ask.html", {"trial": trial, "form": form, **found})


def _begun_with(templates: Sequence[QueryTemplate], said: QueryDict) -> dict[str, str]:
    """Title and text that the form begins with: those of the template chosen, else what was typed already."""
    for template in templates:
        if template.code == said.get("template"):
            return {"template": template.code, "title": template.title, "text": template.text}
    return {name: said.get(name, "") for name in ("title", "text")}


def _offered(
    request: HttpRequest, trial: Trial, search: str, chosen_keys: Sequence[str]
) -> tuple[str, list[About], int]:
    """Where the person asks, in words, what they may ask about there, and how much of it a search must find first.

    What is chosen already stays on the page, whatever is searched for.
    """
    user = access.actor(request)
    chosen = {name: value for name in ("form", "timepoint", "site") if _is_key(value := request.GET.get(name, ""))}
    if "form" in chosen:
        form = forms_seen_by(user).filter(site__trial=trial, pk=chosen["form"]).first()
        if form is not None:
            return str(form), [About(form), *(About(form, name) for name in form.field_names)], 0
    if "timepoint" in chosen:
        found = selectors.timepoints_seen_by(user).filter(subject__trial=trial, pk=chosen["timepoint"]).first()
        if found is not None:
            return str(found), askable.at_timepoint(found), 0
    sites = selectors.sites_seen_by(user).filter(trial=trial)
    if "site" in chosen and (site := sites.filter(pk=chosen["site"]).first()) is not None:
        subjects = selectors.subjects_seen_by(user).filter(site=site, code__icontains=search)
        timepoints = selectors.timepoints_seen_by(user).filter(subject__in=subjects).order_by("subject__code", "order")
        shown = [*subjects.order_by("code")[:_MOST_OFFERED], *timepoints[:_MOST_OFFERED]]
        left_out = subjects.count() + timepoints.count() - len(shown)
        kept = [
            about for key in chosen_keys if (about := askable.find(user, key)) and about.record.scope() == site.scope()
        ]
        offered = {about.key: about for about in (*kept, About(site), *(About(record) for record in shown))}
        return str(site), list(offered.values()), left_out
    return trial.code, [About(record) for record in (trial, *sites)], 0


def _is_key(text: str) -> bool:
    """Tell whether a text of an address may be the number of a record."""
    return text.isascii() and text.isdecimal() and len(text) < 19
