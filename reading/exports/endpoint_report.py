"""The endpoint package's report: a locked trial as a PDF that is the same bytes each time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.template.loader import render_to_string

from compliance import printing
from compliance.exporting import code_version
from reading.exports import endpoint_agreement, endpoint_listings, endpoint_plots, endpoint_quality
from reading.exports import endpoint_summary as summary
from reading.exports.endpoint_methods import methods
from reading.exports.locked import LockedTrial, moment

#: What decides the package's bytes, besides the data.
SOURCES = (
    "compliance/exporting.py",
    "compliance/printing.py",
    "reading/criteria",
    "reading/derivation.py",
    "reading/exports",
    "reading/selectors.py",
    "reading/services/measuring.py",
    "reading/variability",
    "scripts/parallax_verify.py",
    "templates/reading/report",
    "trials/schedule.py",
)


def context(trial: LockedTrial, lock: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return what the report's template shows; counted and worded here, so that it only sets type."""
    bor_columns, bor = summary.best_responses(trial)
    visit_columns, by_timepoint = summary.responses_by_timepoint(trial)
    cross_columns, cross = summary.cross_table(trial)
    reads = [read for _, _, read in trial.reads()]
    figures, apart = endpoint_plots.drawn(trial), endpoint_listings.apart(trial)
    return {
        "trial": trial,
        "burden": trial.criteria.burden[:1].lower() + trial.criteria.burden[1:],
        "lock": lock,
        "locked": f"{trial.locked_at:%-d %B %Y, %H:%M} UTC",
        "locked_day": f"{trial.locked_at:%-d %B %Y}",
        "locked_iso": moment(trial.locked_at),
        "code": code_version(SOURCES),
        "simulated": (sum(read.simulated for read in reads), len(reads)),
        "methods": methods(trial),
        "by_site": summary.disposition_by_site(trial),
        "by_visit": summary.disposition_by_timepoint(trial),
        "bor_columns": bor_columns,
        "bor": bor,
        "burden_figures": [figures["waterfall"], figures["spider"]],
        "time_figures": [figures["swimmer"], figures["progression-free"], figures["duration"]],
        "best_figure": figures["best-response"],
        "concordance": figures.get("concordance"),
        "timelines": endpoint_quality.timelines(trial),
        "reader_columns": endpoint_quality.READERS,
        "reader_lines": endpoint_quality.readers(trial),
        "site_columns": endpoint_quality.SITES,
        "site_lines": endpoint_quality.sites(trial),
        "images_by_site": endpoint_quality.images_by_site(trial),
        "visit_columns": visit_columns,
        "visit_width": len(visit_columns) + 1,
        "by_timepoint": by_timepoint,
        **endpoint_agreement.context(trial),
        "cross_columns": cross_columns,
        "cross": cross,
        "adjudication_counts": summary.adjudication_counts(trial),
        "adjudicated": summary.adjudicated(trial),
        "reviewed": trial.has_reviews,
        "listing_columns": summary.listing_columns(trial),
        "listing_width": len(summary.listing_columns(trial)) + 2,
        "listings": [] if apart else [summary.listing(subject, trial.criteria) for subject in trial.subjects],
        "listed_apart": apart,
        "summaries": endpoint_listings.summaries(trial) if apart else [],
        "evalids": trial.evalids,
        "files": [
            {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(files.items())
        ],
    }


def report(trial: LockedTrial, lock: str, files: Mapping[str, bytes]) -> bytes:
    """Print the report of a locked trial.

    Parameters
    ----------
    lock
        The lock identifier, printed on every page; it also is the PDF's own identifier.
    files
        The other files of the package, listed with their digests.

    Raises
    ------
    compliance.printing.PrintNotPossible
        Pango, with which WeasyPrint sets type, is missing on this machine.
    """
    html = render_to_string("reading/report/endpoint.html", context(trial, lock, files))
    return printing.pdf(html, bytes.fromhex(lock)[:16])
