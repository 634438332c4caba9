"""What another version of the charter would change of a subject's images: findings, and what is judged again."""

from __future__ import annotations

from collections.abc import Iterable

from imaging.models import QcReview
from imaging.quality import Finding, Severity
from imaging.services.checking import findings_under
from imaging.states import ReviewState
from trials.impact import Change, compared
from trials.models import ImagingCharter, Subject

_WEIGHT = {Severity.BLOCK: "Blocks", Severity.WARN: "To judge", Severity.INFO: "Note", Severity.PASS: "As agreed"}
#: How a timepoint stands whose findings change, by its last round.
_AGAIN = {
    ReviewState.CLEARED: "cleared",
    ReviewState.FAILED: "sent back",
    ReviewState.OPEN: "open",
    ReviewState.SECOND: "passed once",
}


def weigh(subject: Subject, charter: ImagingCharter) -> list[Change]:
    """Return the findings that would come, go or weigh otherwise, timepoint by timepoint; nothing is written."""
    changes: list[Change] = []
    for timepoint in subject.timepoints.select_related("subject__trial", "subject__site", "charter").order_by("order"):
        review = QcReview.objects.filter(timepoint=timepoint).order_by("-round").first()
        if review is None:
            continue
        before = findings_under(timepoint, timepoint.charter.terms)
        after = findings_under(timepoint, charter.terms)
        if before == after:
            continue
        changes += compared(subject.code, _in_words(timepoint.code, before), _in_words(timepoint.code, after))
        changes.append(
            Change(subject.code, timepoint.code, "Quality control", _AGAIN[ReviewState(review.state)], "judged again")
        )
    return changes


def _in_words(timepoint: str, found: Iterable[Finding]) -> dict[tuple[str, str], str]:
    """Findings by what they are about, several of one kind together."""
    said: dict[tuple[str, str], list[str]] = {}
    for one in found:
        about = f"Finding {one.code.replace('_', ' ')}" + (f", {one.rule_label}" if one.rule_label else "")
        said.setdefault((timepoint, about), []).append(f"{_WEIGHT[one.severity]}: {one.sentence}")
    return {about: " ".join(sorted(sentences)) for about, sentences in said.items()}
