"""The page on which a site sees which of its patients became which subject; it is for the site's coordinators alone."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from compliance import access
from imaging.services import identifying
from trials.models import Site
from trials.selectors import sites_seen_by

#: Studies on a page: each takes opening an original.
_ON_A_PAGE = 25


@require_safe
@access.guarded("imaging.see_identities", sites_seen_by)
def identities(request: HttpRequest, site: Site) -> HttpResponse:
    """Which patients became which subjects, a page at a time."""
    page = Paginator(identifying.studies_of(site), _ON_A_PAGE).get_page(request.GET.get("page"))
    rows = identifying.look_up(site=site, studies=list(page), actor=access.actor(request), at=timezone.now())
    return render(
        request, "imaging/site_identities.html", {"site": site, "trial": site.trial, "page": page, "rows": rows}
    )


@require_safe
@access.guarded("imaging.see_identities", sites_seen_by)
def identities_list(request: HttpRequest, site: Site) -> StreamingHttpResponse:
    """The whole list for a spreadsheet."""
    lines = identifying.as_csv(site=site, actor=access.actor(request), at=timezone.now())
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{site.trial.code}-{site.code}-patients.csv"'
    return response
