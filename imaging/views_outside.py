"""Programs outside, for those who may know of sites: the page where a token is issued, and the DICOMweb it opens."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from compliance import access, tokens
from imaging import dicomweb, selectors_outside
from imaging.models import ArchiveToken
from imaging.services import lending
from imaging.services.cataloguing import ArchiveCatalogue
from trials.models import Trial
from trials.selectors import trials_of


def _token(secret: str) -> ArchiveToken | None:
    return selectors_outside.archive_token(secret, timezone.now())


@access.bearer(_token)
@require_safe
def archive(request: HttpRequest, token: ArchiveToken, resource: str) -> HttpResponseBase:
    """The de-identified images of a trial by DICOMweb, as far as the token's holder may see them."""
    series = selectors_outside.series_opened_by(token)
    return dicomweb.answer(request, resource, lambda: ArchiveCatalogue(series, actor=token.holder, at=timezone.now()))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.guarded("imaging.see_images", trials_of)
def archive_tokens(request: HttpRequest, trial: Trial) -> HttpResponse:
    """The person's tokens for the images of a trial; by POST another one, whose secret is shown this once."""
    secret, at, actor = "", timezone.now(), access.actor(request)
    if request.method == "POST":
        _, secret = lending.issue_archive_token(trial=trial, actor=actor, at=at)
    own = tokens.in_force(selectors_outside.archive_tokens_of(actor).filter(trial=trial), at)
    context = {
        "trial": trial,
        "lent": selectors_outside.is_lent(trial),
        "secret": secret,
        "address": request.build_absolute_uri(reverse("imaging:dicomweb", args=("studies",))).removesuffix("/studies"),
        "tokens": [(token, reverse("imaging:archive_token_revoke", args=(token.pk,))) for token in own],
    }
    return render(request, "imaging/archive_tokens.html", context, status=201 if secret else 200)


@require_POST
@access.guarded("imaging.see_images", selectors_outside.archive_tokens_of)
def archive_token_revoke(request: HttpRequest, token: ArchiveToken) -> HttpResponse:
    """End one of the person's tokens."""
    lending.revoke_archive_token(token=token, actor=access.actor(request), at=timezone.now())
    return redirect("imaging:archive_tokens", pk=token.trial_id)
