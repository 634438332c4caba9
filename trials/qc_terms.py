"""What a charter says of quality control: by how many people, who is looked at twice, and which questions are asked."""

from __future__ import annotations

from dataclasses import dataclass

from trials.form_terms import FieldTerms
from trials.terms.kinds import Choice, Flag, Number, Several
from trials.terms.records import Rows, term

STAGES = {
    "one": "one person decides",
    "two": "what the first person passes may go to a second one",
}
#: Why a second person looks, whatever chance says; `imaging.services.reviewing` recognises them.
RISKS = {
    "waived": "a blocking finding, the images or the form were waived",
    "sent_back": "an earlier round was sent back to the site",
    "first_of_site": "it is among the site's first timepoints",
    "new_scanner": "a scanner of the site is not as registered and nobody has settled that; without a registry, the "
    "transfer form names one that is new",
}


@dataclass(frozen=True, slots=True)
class QcTerms:
    """The charter's section on quality control."""

    stages: str = term(Choice(STAGES), "Stages", default="one")
    second_percent: int = term(
        Number("%", least=0, most=100, whole=True),
        "Share that a second person looks at",
        "Of what the first person passes, in two stages; drawn when the first has signed.",
        default=100,
    )
    always_second: tuple[str, ...] = term(
        Several(Choice(RISKS)), "A second person always looks when", default=("waived", "first_of_site", "new_scanner")
    )
    first_timepoints: int = term(
        Number("timepoints", least=1, most=50, whole=True), "As a site's first count", default=3
    )
    needs_form: bool = term(
        Flag(),
        "The transfer form is needed",
        "Nothing is cleared before it is signed and judged, and a later version is judged again.",
    )
    checklist: tuple[FieldTerms, ...] = term(
        Rows(FieldTerms, "code", "question", most=40), "Checklist", "Answered before a timepoint is passed."
    )
