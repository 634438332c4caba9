"""Pages of a site's connections: who may send, how, and with what."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from compliance import access
from compliance.errors import HouseError
from trials import forms, selectors
from trials.models import ApplicationEntity, Site, SiteToken
from trials.services import connecting


@require_safe
@access.guarded("trials.see_subjects", selectors.sites_seen_by)
def connections(request: HttpRequest, site: Site) -> HttpResponse:
    """What to type into a scanner, who may send, and what a program needs."""
    return _page(request, site)


def what_to_type(request: HttpRequest) -> dict[str, object]:
    """What a scanner or program must be set to, and how much it may send to test."""
    return {
        "our_title": settings.DICOM_AE_TITLE,
        "test_title": settings.DICOM_TEST_AE_TITLE,
        "host": request.get_host().rsplit(":", 1)[0],
        "port": settings.DICOM_PORT,
        "tls_port": settings.DICOM_TLS_PORT,
        "stow": request.build_absolute_uri("/dicomweb/studies"),
        "images_per_hour": settings.DICOM_TEST_IMAGES,
        "bytes_per_hour": settings.DICOM_TEST_BYTES,
    }


def _page(request: HttpRequest, site: Site, secret: str = "", status: int = 200) -> HttpResponse:
    may_revoke = access.may(access.actor(request), "trials.administer", site)
    may_change = may_revoke and not site.frozen_by()
    entities = [
        {"entity": entity, "form": forms.ConnectionForm(instance=entity, prefix=f"ae{entity.pk}")}
        for entity in site.application_entities.all()
    ]
    return render(
        request,
        "trials/site_connections.html",
        {
            "site": site,
            "trial": site.trial,
            "entities": entities,
            "tokens": site.tokens.select_related("created_by"),
            "now": timezone.now(),
            "may_change": may_change,
            "may_revoke": may_revoke,
            "plain_form": forms.PlainDicomForm(),
            "token_form": forms.TokenForm(),
            "reason_form": forms.ReasonForm(),
            "secret": secret,
            **what_to_type(request),
        },
        status=status,
    )


@require_POST
@access.guarded("trials.administer", selectors.sites_seen_by)
def plain_dicom(request: HttpRequest, site: Site) -> HttpResponse:
    """Let the site send without encryption, or no longer."""
    form = forms.PlainDicomForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was changed: say why.")
        return redirect("trials:connections", pk=site.pk)
    connecting.allow_plain_dicom(
        site=site,
        allowed=not site.plain_dicom,
        reason=form.cleaned_data["reason"],
        actor=access.actor(request),
        at=timezone.now(),
    )
    return redirect("trials:connections", pk=site.pk)


@require_POST
@access.guarded("trials.administer", selectors.entities_seen_by)
def entity_change(request: HttpRequest, entity: ApplicationEntity) -> HttpResponse:
    """Change how a scanner or archive connects."""
    form = forms.ConnectionForm(request.POST, prefix=f"ae{entity.pk}")
    if not form.is_valid():
        messages.error(request, str(next(iter(form.errors.values()))[0]))
        return redirect("trials:connections", pk=entity.site_id)
    try:
        connecting.change_entity(entity=entity, **form.cleaned_data, actor=access.actor(request), at=timezone.now())
    except HouseError as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, f"{entity.title} is changed.")
    return redirect("trials:connections", pk=entity.site_id)


@never_cache
@require_POST
@access.guarded("trials.administer", selectors.sites_seen_by)
def token_issue(request: HttpRequest, site: Site) -> HttpResponse:
    """Issue a token and show its secret, this once."""
    form = forms.TokenForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was issued: say which program will use the token, and how long it lasts.")
        return redirect("trials:connections", pk=site.pk)
    _, secret = connecting.issue_token(site=site, **form.cleaned_data, actor=access.actor(request), at=timezone.now())
    return _page(request, site, secret, status=201)


@require_POST
@access.guarded("trials.administer", selectors.tokens_seen_by)
def token_revoke(request: HttpRequest, token: SiteToken) -> HttpResponse:
    """End a token."""
    form = forms.ReasonForm(request.POST)
    if form.is_valid():
        connecting.revoke_token(
            token=token, reason=form.cleaned_data["reason"], actor=access.actor(request), at=timezone.now()
        )
        messages.success(request, f"The token “{token.label}” opens nothing any more.")
    else:
        messages.error(request, "Nothing was changed: say why.")
    return redirect("trials:connections", pk=token.site_id)
