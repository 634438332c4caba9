"""Pages of figures: a locked trial's endpoints, and a reader's own work."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_safe

from compliance import access
from compliance.models import User
from reading import own_figures, selectors, selectors_signed
from reading.exports import showing
from reading.exports.endpoint_figures import counts, places
from reading.exports.endpoint_results import ACCEPTED, Course, Endpoints, ResultSet
from reading.figure_files import FigureFile
from reading.variability.proportion import Proportion
from trials.models import Subject, Trial
from trials.selectors import is_locked, trials_of


@require_safe
@access.guarded("reading.see_endpoints", trials_of)
def endpoints(request: HttpRequest, trial: Trial) -> HttpResponse:
    """The endpoint figures of a locked trial, by one set of results; before the lock, that there are none yet."""
    context: dict[str, object] = {"trial": trial, "locked": is_locked(trial)}
    if is_locked(trial):
        found = showing.show_endpoints(trial=trial, actor=access.actor(request), at=timezone.now())
        chosen = found.results(request.GET.get("results", ACCEPTED)) or found.sets[0]
        context |= {
            "found": found,
            "chosen": chosen,
            "drawn": [
                (figure, place, figure.draw(found, sets))
                for figure, place, sets in places(found)
                if place == chosen.name or figure.compares
            ],
            "responses": _responses(found),
            "walked": _walked(access.actor(request), trial, chosen),
        }
    return render(request, "reading/endpoints.html", context)


def _walked(person: User, trial: Trial, chosen: ResultSet) -> list[tuple[Subject, Course]]:
    """Return the subjects whose values the person may walk back to the upload, with what the results say of each."""
    seen = {one.code: one for one in selectors_signed.subjects_audited_by(person).filter(trial=trial)}
    return [(seen[course.subject], course) for course in chosen.subjects if course.subject in seen]


def _responses(found: Endpoints) -> list[tuple[str, bool, list[tuple[str, str]]]]:
    """Return the table of best responses: name, whether it is of several together, title and cell of each set."""
    by_set = [{name: (count, share) for name, count, share, _ in counts(found, one)} for one in found.sets]
    strong = {name: strong for one in found.sets for name, *_, strong in counts(found, one)}
    order = {term: place for place, term in enumerate(found.terms)}
    names = sorted(strong, key=lambda name: (strong[name], order.get(name, len(order)), name))
    titles = [one.title for one in found.sets]
    return [
        (name, strong[name], [(title, _cell(one.get(name))) for title, one in zip(titles, by_set, strict=True)])
        for name in names
    ]


def _cell(found: tuple[int, object] | None) -> str:
    count, share = found or (0, None)
    if not isinstance(share, Proportion):
        return str(count)
    low, high = (f"{100 * end:.1f}" for end in share.ci)
    return f"{count} · {100 * share.value:.1f} % ({low} to {high})"


@require_GET
@access.guarded("reading.see_endpoints", trials_of)
def endpoint_figure(request: HttpRequest, trial: Trial, results: str, name: str, kind: str) -> HttpResponse:
    """Hand out one endpoint figure as SVG or PNG, or the numbers it shows as CSV."""
    asked = {"results": results, "name": name, "kind": kind}
    found = showing.show_figure(trial=trial, **asked, actor=access.actor(request), at=timezone.now())
    return handed_out(found, f"{trial.code}-{results}-{name}.{kind}")


@require_safe
@access.guarded("reading.read")
def mine(request: HttpRequest) -> HttpResponse:
    """A reader's own figures; nothing of anybody else."""
    reader = access.actor(request)
    reads = own_figures.own_reads(selectors.signed_by(reader))
    drawn = [(figure.name, figure.said, figure.draw(reads)) for figure in own_figures.FIGURES.values()]
    times = own_figures.times_of(reads)
    spread = f"half of them {times.lower_quartile:.1f} to {times.upper_quartile:.1f}" if times else ""
    waiting = selectors.reads_open_for(reader).count()
    context = {"reads": reads, "times": times, "spread": spread, "drawn": drawn, "open": waiting}
    return render(request, "reading/figures_mine.html", context)


@require_GET
@access.guarded("reading.read")
def my_figure(request: HttpRequest, name: str, kind: str) -> HttpResponse:
    """Hand out one of the reader's own figures as SVG or PNG, or the numbers it shows as CSV."""
    reads = own_figures.own_reads(selectors.signed_by(access.actor(request)))
    return handed_out(own_figures.figure_file(reads, name, kind), f"my-{name}.{kind}")


def handed_out(found: FigureFile, name: str) -> HttpResponse:
    """Answer with a figure as a file of this name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(found.content, content_type=found.media_type, headers=headers)
