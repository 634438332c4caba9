"""Where a coordinator sends a test upload for the qualification of the site."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from compliance import access
from compliance.errors import HouseError
from imaging.forms import TestUploadForm
from imaging.services import qualifying
from trials.models import Site
from trials.selectors import sites_seen_by


@require_POST
@access.guarded("imaging.upload", sites_seen_by)
def test_upload(request: HttpRequest, site: Site) -> HttpResponse:
    """Take files as a test upload; they are judged in the background."""
    form = TestUploadForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, str(next(iter(form.errors.values()))[0]))
    else:
        try:
            taken = qualifying.take_test_upload(
                site=site, files=form.cleaned_data["images"], actor=access.actor(request), at=timezone.now()
            )
            images = "1 image is" if taken == 1 else f"{taken} images are"
            messages.success(request, f"{images} taken. The findings are on this page in a minute or two.")
        except HouseError as problem:
            messages.error(request, problem.message)
    return redirect("trials:qualification", pk=site.pk)
