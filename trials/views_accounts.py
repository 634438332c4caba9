"""Pages of who keeps the installation: every account there ever was; one is closed, or opened again."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from trials import forms
from trials.services import keeping_accounts

_PER_PAGE = 50
_ACTS = {"close": keeping_accounts.close_account, "reopen": keeping_accounts.reopen_account}


def _all(_: User) -> QuerySet[User]:
    """Whoever may keep accounts keeps all of them."""
    return keeping_accounts.accounts_by_name()


@require_safe
@access.guarded("trials.keep_accounts")
def account_list(request: HttpRequest) -> HttpResponse:
    """Every account, open or closed, with the roles that it holds."""
    words = request.GET.get("q", "").strip()
    found = keeping_accounts.accounts_by_name()
    if words:
        found = found.filter(Q(username__icontains=words) | Q(full_name__icontains=words))
    page = Paginator(found, _PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "trials/account_list.html", {"page": page, "words": words})


@access.guarded("trials.keep_accounts", _all)
def account(request: HttpRequest, person: User) -> HttpResponse:
    """One account: its roles, and what was done to it; close it, or open it again, with a reason."""
    problem: HouseError | None = None
    form = forms.ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        # The page says which act it is: sent twice, it must not undo itself.
        service = _ACTS.get(request.POST.get("act", ""))
        if service is None:
            raise Http404
        try:
            service(user=person, **form.cleaned_data, actor=access.actor(request), at=timezone.now())
        except HouseError as refused:
            # What was typed was the reason of the other act.
            problem, form = refused, forms.ReasonForm()
        else:
            done = "open again" if person.is_active else "closed; the person is signed out everywhere"
            messages.success(request, f"The account {person.username} is {done}.")
            return redirect("trials:account", pk=person.pk)
    told = audit.history(person).filter(action__in=("user.created", "account.closed", "account.reopened"))
    context = {"person": person, "form": form, "problem": problem, "told": told, "mine": person.pk == request.user.pk}
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "trials/account.html", context, status=status)
