"""The page of the sites' metrics; no outcome is on it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from compliance import access, spreadsheets
from imaging import metrics
from imaging.selectors_metrics import facts_of, sites_measured_for
from trials.models import Trial
from trials.selectors import trials_of

_COLUMNS = ("measure", "site", "unit", "count", "median", "ninetieth_percentile", "longest", "passed", "percent")


@require_safe
@access.guarded("imaging.see_metrics", trials_of)
def site_metrics(request: HttpRequest, trial: Trial) -> HttpResponse:
    """How quickly scans and answers come, and how often a scan passes at once, site by site."""
    codes, facts = _asked(request, trial)
    measured = [(measure, metrics.plot(measure)) for measure in metrics.measures(codes, facts)]
    first_pass = list(
        zip(metrics.first_pass(codes, facts.first_images), metrics.first_pass(codes, facts.first_forms), strict=True)
    )
    context = {"trial": trial, "measures": measured, "first_pass": first_pass}
    return render(request, "imaging/site_metrics.html", {**context, "several": len(codes) > 1})


@require_safe
@access.guarded("imaging.see_metrics", trials_of)
def site_metrics_csv(request: HttpRequest, trial: Trial) -> HttpResponse:
    """The same figures for a spreadsheet."""
    codes, facts = _asked(request, trial)
    rows: list[tuple[object, ...]] = [
        (measure.name, one.site, "days", one.count, one.median, one.ninetieth, one.longest, None, None)
        for measure in metrics.measures(codes, facts)
        for one in measure.by_site
    ]
    for name, decided in (("first_pass_images", facts.first_images), ("first_pass_form", facts.first_forms)):
        for one in metrics.first_pass(codes, decided):
            percent = None if one.percent is None else round(one.percent, 1)
            rows.append((name, one.site, "timepoints", one.decided, None, None, None, one.passed, percent))
    return spreadsheets.download(f"{trial.code}-sites.csv", _COLUMNS, rows)


def _asked(request: HttpRequest, trial: Trial) -> tuple[list[str], metrics.Facts]:
    sites = sites_measured_for(access.actor(request), trial)
    return list(sites.order_by("code").values_list("code", flat=True)), facts_of(sites)
