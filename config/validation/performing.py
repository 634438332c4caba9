"""Scenarios of a performance qualification: who does what by the trial's own charter, and what is expected."""

from __future__ import annotations

#: Who, what, and what is expected; printed as a template to fill in.
SCENARIOS: tuple[tuple[str, str, str], ...] = (
    (
        "Trial administrator",
        "Enter the charter, have it reviewed and sign it; add the sites, scanners and people.",
        "The printed charter says what the protocol says. Each person sees the pages of the own role.",
    ),
    (
        "Site coordinator",
        "Show what the charter asks of the site: questionnaire, scanner, training, test upload.",
        "Before, no subject can be enrolled; after the core lab's signature, one can.",
    ),
    (
        "Site coordinator",
        "Enrol a subject and send its baseline from the site's own scanner or archive.",
        "The delivery's page tells each step; the images stand at the right visit.",
    ),
    (
        "Site coordinator",
        "Send a scan of another person, and one that lacks a series, by the upload page.",
        "Both are warned of before they are sent; what is sent nevertheless is held or found.",
    ),
    (
        "Data protection officer",
        "Search archived files and pages for the names, numbers and dates that the scans carried; look at the pixels.",
        "Nothing is found. The report of de-identification names each attribute and its action.",
    ),
    (
        "QC analyst",
        "Fail a timepoint with a query, have the site answer and send again; clear it.",
        "Findings follow the charter's limits. The query, its answer and both rounds are on record.",
    ),
    (
        "Readers",
        "Read all timepoints of a case by the charter's criteria; leave one read half done and come back to it.",
        "The derived response is the one worked out by hand on paper. The draft is as it was left.",
    ),
    (
        "Readers, with the blinding monitor beside them",
        "Look on every page for site, subject code, dates, arm, and results of the other reader.",
        "Nothing of what the charter hides is found.",
    ),
    (
        "Adjudicator",
        "Decide a case in which the readers differ by the charter's rule.",
        "The case opened by itself; sides are unnamed; the choice counts everywhere.",
    ),
    (
        "Reading manager",
        "Open a signed read again with a reason; let a second person approve; have it signed anew.",
        "Both versions stay. What rested on the first was superseded.",
    ),
    (
        "Auditor",
        "Follow one response of the case back to the raw upload, with every signature.",
        "Each step, who did it and when, is found in ten minutes.",
    ),
    (
        "Trial administrator",
        "Lock the database; build the package; try to change something afterwards.",
        "The lock waits for what is open. Nothing can be changed.",
    ),
    (
        "Statistician of the sponsor",
        "Verify the package on another machine; read the tables; build the package once more.",
        "The verifier passes. The numbers are those of the hand-made case. The digest is the same.",
    ),
    (
        "Operator",
        "Restore last night's back-up on another machine; run IQ and the verifications there.",
        "Everything that was acknowledged before the back-up is there and verifies.",
    ),
)
