"""Showing the endpoint figures of a locked trial; before the lock there is nothing that could be shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from compliance import access, audit
from compliance.exporting import NotLocked
from compliance.models import User
from reading.exports.endpoint_figures import COMPARED, FIGURES, EndpointFigure
from reading.exports.endpoint_results import Endpoints, ResultSet, endpoints, kept
from reading.exports.snapshot import snapshot
from reading.figure_files import KINDS, FigureFile, NoSuchFigure, as_file
from reading.models import Adjudication, EndpointReport, GlobalReview, ReadTask
from trials.models import ImagingCharter, Subject, Timepoint, Trial
from trials.selectors import is_locked

#: What endpoints rest on; after the lock none of it changes.
_RESTS_ON = (ReadTask, GlobalReview, Adjudication, Subject, Timepoint, ImagingCharter)


def show_endpoints(*, trial: Trial, actor: User, at: dt.datetime) -> Endpoints:
    """Return a locked trial's endpoints to somebody, and record that results were looked at.

    Raises
    ------
    compliance.exporting.NotLocked
        The database is not locked; whatever was read by then makes no difference to the answer.
    compliance.access.AccessDenied, reading.exports.snapshot.NotReproducible
    """
    access.require(actor, "reading.see_endpoints", trial)
    if not is_locked(trial):
        raise NotLocked(
            f"Trial {trial.code} shows no endpoints, because its database is not locked. They appear with the lock; "
            "until then nobody sees an outcome."
        )
    audit.record("results.viewed", trial, actor=actor, at=at, after={"report": "endpoints"})
    return endpoints_of(trial)


def endpoints_of(trial: Trial) -> Endpoints:
    """Return a locked trial's endpoints, computed once."""
    as_of = audit.latest_change(trial.pk, _RESTS_ON)
    stored = EndpointReport.objects.filter(trial=trial, as_of=as_of).first()
    found = kept(stored.report) if stored else None
    if found is None:
        found = endpoints(snapshot(trial))
        EndpointReport.objects.update_or_create(trial=trial, defaults={"as_of": as_of, "report": found.to_json()})
    return found


def show_figure(*, trial: Trial, results: str, name: str, kind: str, actor: User, at: dt.datetime) -> FigureFile:
    """Return one figure as `svg` or `png`, or the numbers it shows as `csv`; the look is recorded.

    Parameters
    ----------
    results
        The name of a set of results, or `compared` for the figures that show all sets side by side.

    Raises
    ------
    reading.figure_files.NoSuchFigure, compliance.exporting.NotLocked, compliance.access.AccessDenied
    compliance.printing.PrintNotPossible
    """
    found = show_endpoints(trial=trial, actor=actor, at=at)
    figure, sets = _figure(found, results, name)
    if figure is None or kind not in KINDS:
        raise NoSuchFigure(
            f"There is no figure “{results}/{name}.{kind}”. There are {', '.join(FIGURES)}, each as .svg, .png and "
            f".csv, of {', '.join(one.name for one in found.sets)}; of the readers side by side “{COMPARED}”."
        )
    return as_file(kind, lambda: figure.draw(found, sets), lambda: figure.csv(found, sets))


def _figure(found: Endpoints, results: str, name: str) -> tuple[EndpointFigure | None, Sequence[ResultSet]]:
    figure, one = FIGURES.get(name), found.results(results)
    if figure is None or figure.compares != (results == COMPARED):
        return None, ()
    if figure.compares:
        return (figure, found.sets) if len(found.sets) > 1 else (None, ())
    return (figure, (one,)) if one else (None, ())
