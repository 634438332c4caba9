"""Programs outside, for readers: the page where a token for one read is issued, and the blinded DICOMweb it opens."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from compliance import access, tokens
from imaging import dicomweb
from reading import blinding, selectors, selectors_outside
from reading.blinding.outside import BlindedCatalogue
from reading.models import ReadTask, ReadToken
from reading.services import lending


def _token(secret: str) -> ReadToken | None:
    return selectors_outside.read_token(secret, timezone.now())


@access.bearer(_token)
@require_safe
def read(request: HttpRequest, token: ReadToken, resource: str) -> HttpResponseBase:
    """The pictures of one read by DICOMweb, blinded as its reader is."""

    def catalogue() -> BlindedCatalogue:
        looked = blinding.look_at_read(token.task, actor=token.holder)
        return BlindedCatalogue(looked, actor=token.holder, at=timezone.now())

    return dicomweb.answer(request, resource, catalogue)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.guarded("reading.read", selectors.tasks_of, by="blinded_code")
def read_tokens(request: HttpRequest, task: ReadTask) -> HttpResponse:
    """The reader's tokens for a read; by POST another one, whose secret is shown this once."""
    secret, at, actor = "", timezone.now(), access.actor(request)
    if request.method == "POST":
        _, secret = lending.issue_read_token(task=task, actor=actor, at=at)
    own = tokens.in_force(selectors_outside.read_tokens_of(actor).filter(task=task), at)
    context = {
        "code": task.blinded_code,
        "lent": selectors_outside.is_lent(task.charter),
        "secret": secret,
        "address": request.build_absolute_uri(reverse("reading:dicomweb", args=("studies",))).removesuffix("/studies"),
        "tokens": [(token, reverse("reading:read_token_revoke", args=(token.pk,))) for token in own],
    }
    return render(request, "reading/read_tokens.html", context, status=201 if secret else 200)


@require_POST
@access.guarded("reading.read", selectors_outside.read_tokens_of)
def read_token_revoke(request: HttpRequest, token: ReadToken) -> HttpResponse:
    """End one of the reader's tokens."""
    lending.revoke_read_token(token=token, actor=access.actor(request), at=timezone.now())
    return redirect("reading:read_tokens", blinded_code=token.task.blinded_code)
