"""What a charter asks of a site before its first subject: a questionnaire, scanners, a test upload, training."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from trials.form_terms import FieldTerms
from trials.terms.kinds import Choice, Flag, Number, Text
from trials.terms.records import Rows, term

UPLOADS = {"site": "one of the site", "scanner": "one from each scanner"}
TRAINED = {"each": "each coordinator of the site", "one": "one coordinator of the site"}
AFTER_CHANGE = {"notify": "is looked at by the core lab", "test": "asks for a new test upload"}
EARLIER = {"renew": "show what is new before the next subject", "stay": "stay qualified"}


@dataclass(frozen=True, slots=True)
class Training:
    """A text that people of a site read, and say by signature that they did."""

    title: str = term(Text(120), "Training", required=True)
    text: str = term(Text(8000, lines=True), "Text", "Or which document to read, and where it lies.", required=True)

    @property
    def sha256(self) -> str:
        """Digest by which a signature says which version was read."""
        return hashlib.sha256(f"{self.title}\0{self.text}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SiteTerms:
    """The charter's section on sites. What says nothing asks for nothing: a site may enrol at once then."""

    scanners: bool = term(Flag(), "Scanners are registered", "At least one for each modality, with model and software.")
    test_upload: str = term(
        Choice(UPLOADS), "Test uploads", "Of a phantom or a trial run; judged against the series, never a subject's."
    )
    trained: str = term(Choice(TRAINED), "Training is acknowledged by", default="each")
    valid_days: int | None = term(
        Number("days", least=1, most=7300, whole=True), "A qualification holds for", "Without: until it is ended."
    )
    after_change: str = term(Choice(AFTER_CHANGE), "Another model or software of a scanner", default="notify")
    earlier: str = term(
        Choice(EARLIER), "Sites qualified under an earlier version that asked for less", default="renew"
    )
    questions: tuple[FieldTerms, ...] = term(Rows(FieldTerms, "code", "question"), "Questionnaire")
    training: tuple[Training, ...] = term(Rows(Training, "title", "training", most=20), "Training")

    @property
    def asks(self) -> bool:
        """Whether a site must show anything before its first subject."""
        return bool(self.scanners or self.test_upload or self.questions or self.training)


def asked_for_the_first_time(before: SiteTerms, after: SiteTerms) -> list[str]:
    """Return which parts a later version asks more of than an earlier one, in words."""
    more = []
    if any(one.required and one not in before.questions for one in after.questions):
        more.append("questionnaire")
    if after.scanners and not before.scanners:
        more.append("scanners")
    if {one.sha256 for one in after.training} - {one.sha256 for one in before.training}:
        more.append("training")
    order = ("", *UPLOADS)
    if order.index(after.test_upload) > order.index(before.test_upload):
        more.append("test upload")
    return more
