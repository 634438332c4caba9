"""What a charter says of subjects: how their codes are made, and which numbers each site gives."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

from trials.terms.kinds import Choice, Flag, Number, Text
from trials.terms.records import Rows, term

#: No subject code is longer.
MOST_LETTERS = 20
#: No name of an arm is longer.
MOST_OF_ARM = 40
_PLACES = r"(?:[A-Z0-9-]|\{site\})*"
_FORMAT = Text(
    40,
    pattern=rf"{_PLACES}\{{number:[1-9]\}}{_PLACES}",
    hint="capitals, digits, hyphens, {site}, and once {number:3} or another count of digits",
)
#: What becomes of a subject's images when its consent is withdrawn.
AFTER_CONSENT = {
    "keep": "images so far are kept and read",
    "no_further_use": "images so far are kept, and read no further",
    "erase": "images so far are erased, but for those that a signed read rests on",
}
#: Of these rules, those after which nothing more is read.
READ_NO_FURTHER = ("no_further_use", "erase")
_NUMBER = Number(least=0, most=999_999_999, whole=True)


@dataclass(frozen=True, slots=True)
class CodeRange:
    """The numbers that one site gives to its subjects."""

    site: str = term(Text(12, pattern="[A-Z0-9-]{2,12}", hint="a site's code"), "Site", required=True)
    first: int = term(_NUMBER, "From number", required=True)
    last: int = term(_NUMBER, "To number", required=True)


@dataclass(frozen=True, slots=True)
class SubjectCodes:
    """How the codes of one site's subjects are made: a number of some digits between two texts."""

    before: str
    after: str
    digits: int
    first: int
    last: int

    @property
    def example(self) -> str:
        """The first code."""
        return self.code(self.first)

    @property
    def words(self) -> str:
        """The first code to the last."""
        return f"{self.code(self.first)} to {self.code(self.last)}"

    def code(self, number: int) -> str:
        """Return the code of a number."""
        return f"{self.before}{number:0{self.digits}}{self.after}"

    def fault_of(self, code: str) -> str:
        """Return what is wrong with a code, with an example of a right one; empty for a right one."""
        number = code[len(self.before) : len(code) - len(self.after)]
        whole = code.startswith(self.before) and code.endswith(self.after) and len(number) == self.digits
        if not (whole and number.isascii() and number.isdecimal()):
            return f"It is not made as the charter says. A right one is {self.example}."
        if not self.first <= int(number) <= self.last:
            return f"Its number is not one of this site's: {self.words}."
        return ""

    def free(self, used: Container[str]) -> str:
        """Return the first code that is not used; empty if none is left."""
        return next((one for n in range(self.first, self.last + 1) if (one := self.code(n)) not in used), "")


@dataclass(frozen=True, slots=True)
class SubjectTerms:
    """The charter's section on subjects."""

    screening: bool = term(
        Flag(), "Subjects are screened first", "They have a code and scans before it is known whether they take part."
    )
    screening_format: str = term(
        _FORMAT, "Code while screened", "As the subject code, where it is another one: S{site}-{number:3}."
    )
    consent_withdrawn: str = term(
        Choice(AFTER_CONSENT),
        "When consent is withdrawn",
        "What arrives later is never taken up.",
        default="keep",
    )
    code_format: str = term(
        _FORMAT, "Subject code", "As {site}-{number:3}: the site's code, and a number of three digits. Empty: any code."
    )
    code_ranges: tuple[CodeRange, ...] = term(
        Rows(CodeRange, "site", "range of numbers", most=500),
        "Numbers of each site",
        "A site that is not named here gives any number from 1 on.",
    )

    def codes_of(self, site: str, *, screened: bool = False) -> SubjectCodes | None:
        """Return how a site's codes are made, or those of screened subjects; None: the charter leaves it open."""
        other = self.screening_format if screened else ""
        found = re.split(r"\{number:(\d)\}", other or self.code_format)
        if len(found) != 3:
            return None
        before, digits, after = found
        given = None if other else next((one for one in self.code_ranges if one.site == site), None)
        first, last = (given.first, given.last) if given else (1, 10 ** int(digits) - 1)
        return SubjectCodes(before.replace("{site}", site), after.replace("{site}", site), int(digits), first, last)
