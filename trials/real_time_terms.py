"""What a charter says of reads on a clock: which there are, how soon they are due, and who is told what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trials.terms.kinds import Choice, Number, Place, Problem, Several
from trials.terms.records import Term, term

ELIGIBILITY_HOURS, PROGRESSION_HOURS, REMIND_HOURS = 48, 72, 6
READS = {
    "eligibility": "eligibility, at the first timepoint",
    "progression": "verification of progression, where a site asks for it with a reason",
}
OUTCOME, DETAIL = "outcome", "detail"
TOLD = {
    OUTCOME: "the outcome, as soon as it is signed",
    DETAIL: "the outcome with the reader's reason and what was derived, as soon as it is signed",
}
_HOURS = Number("hours", least=1, most=720, whole=True)


@dataclass(frozen=True, slots=True)
class RealTimeTerms:
    """Single timepoints that are read at once, because a decision at the site waits for them."""

    reads: tuple[str, ...] = term(
        Several(Choice(READS)), "What is read at once", "One reader reads it as soon as quality control has cleared it."
    )
    eligibility_hours: int | None = term(
        _HOURS, "Eligibility is due within", f"After clearance; {ELIGIBILITY_HOURS} hours if left out."
    )
    eligibility_needs: str = term(
        Choice({"measurable_disease": "measurable disease: at least one target lesion that the criteria accept"}),
        "Eligibility needs",
        "It is derived; a reader who decides against it says why.",
    )
    eligibility_to_site: str = term(
        Choice(TOLD), "Of eligibility the site is told", "If left out: nothing before the lock."
    )
    progression_hours: int | None = term(
        _HOURS, "Verification is due within", f"After clearance; {PROGRESSION_HOURS} hours if left out."
    )
    progression_reads: str = term(
        Choice({"baseline": "the baseline, then the timepoint in question"}),
        "To verify progression, the reader reads",
        "If left out: every cleared timepoint up to the one in question, one after the other.",
    )
    progression_to_site: str = term(
        Choice(TOLD), "Of progression the site is told", "If left out: nothing before the lock."
    )
    rest: str = term(Choice({"weekends": "on Saturdays and Sundays, by UTC"}), "Clocks rest", "Never, if left out.")
    remind_hours: int | None = term(
        _HOURS, "The reader is reminded before a read is due by", f"{REMIND_HOURS} hours if left out."
    )
    readers: str = term(
        Choice({"any": "any reader of the trial, the subject's own too"}),
        "They are read by",
        "If left out: by others than the subject's readers, who then cannot know of it.",
    )
    sponsor_sees: str = term(
        Choice({"counts": "how many there are and how fast they are answered, never what was found"}),
        "Before the lock the sponsor sees",
        "Nothing, if left out.",
    )

    @property
    def any(self) -> bool:
        """Whether there are reads on a clock at all."""
        return bool(self.reads)

    @property
    def remind(self) -> int:
        """Hours before a read is due at which its reader is reminded."""
        return self.remind_hours or REMIND_HOURS

    def asks(self, purpose: str) -> bool:
        """Tell whether reads are made for a purpose: `eligibility` or `progression`."""
        return purpose in self.reads

    def hours(self, purpose: str) -> int:
        """Return how many hours a read for a purpose may take."""
        if purpose == "eligibility":
            return self.eligibility_hours or ELIGIBILITY_HOURS
        return self.progression_hours or PROGRESSION_HOURS

    def to_site(self, purpose: str) -> str:
        """Return what the site is told of a read for a purpose: `outcome`, `detail`, or nothing."""
        return self.eligibility_to_site if purpose == "eligibility" else self.progression_to_site


def faults_of_real_time(terms: RealTimeTerms, *, visits: int, knows_subject: bool, place: Place) -> Iterator[Problem]:
    """Yield what does not hold together in a charter's reads on a clock.

    Parameters
    ----------
    visits
        How many visits the schedule has.
    knows_subject
        Readers are told the subject.
    """
    of_any = ("rest", "remind_hours", "readers", "sponsor_sees")
    for asked, names, what in (
        (terms.asks("eligibility"), _about("eligibility"), "eligibility is not read at once by this charter"),
        (terms.asks("progression"), _about("progression"), "progression is not verified by this charter"),
        (terms.any, of_any, "nothing is read at once by this charter"),
    ):
        if not asked:
            yield from (Problem((*place, name), what) for name in names if getattr(terms, name))
    if terms.asks("progression") and visits < 2:
        yield Problem((*place, "reads"), "progression needs a visit after the baseline")
    if terms.readers and knows_subject:
        yield Problem((*place, "readers"), "readers who are told the subject know a case that they have already")


def _about(purpose: str) -> list[str]:
    return [one.name for one in Term.of(RealTimeTerms) if one.name.startswith(f"{purpose}_")]
