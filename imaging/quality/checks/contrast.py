"""Was contrast agent given, and is the phase the one that the charter asks for?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "contrast_kept": Severity.PASS,
    "contrast_given": Severity.BLOCK,
    "contrast_missing": Severity.BLOCK,
    "contrast_phase_differs": Severity.BLOCK,
    "contrast_unknown": Severity.WARN,
}


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Block the wrong phase; warn when neither times nor descriptors tell it.

    The phase is known from the time between injection and scan or, failing that, from the scanner's own words.
    """
    if not rule.contrast:
        return
    asked, phase = rule.contrast, item.contrast_phase
    evidence = {} if item.contrast_delay_s is None else {"delay_s": item.contrast_delay_s}
    enhanced = item.contrast or phase not in ("", "none")
    wanted = {"none": "no contrast agent", "any": "contrast agent"}.get(asked, f"the {_name(asked)} phase")
    if asked == "none":
        code = "contrast_given" if enhanced else "contrast_kept"
    elif phase == "none" or item.contrast is False:
        code = "contrast_missing"
    elif asked == "any":
        code = "contrast_kept" if enhanced else "contrast_unknown"
    elif not phase:
        code = "contrast_unknown"
    else:
        code = "contrast_kept" if phase == asked else "contrast_phase_differs"
    found = {
        "contrast_kept": "The series is as the charter asks",
        "contrast_given": "Contrast agent was given",
        "contrast_missing": "No contrast agent was given",
        "contrast_phase_differs": f"The series shows the {_name(phase)} phase",
        "contrast_unknown": "Times and descriptors do not tell the phase",
    }[code]
    advice = {
        "contrast_kept": "",
        "contrast_unknown": " Look at the pictures, or ask the site.",
    }.get(code, " Send the right series; if it was not made, say so in the transfer form.")
    yield Finding(code, f"{found}; the charter asks for {wanted}.{advice}", evidence)


def _name(phase: str) -> str:
    return phase.replace("_", " ")
