"""What of quality control comes first: points for how long a round waits and for what may be wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

#: Points, each with what earns them; the page of the queue says the same.
DAY, BLOCKING, SENT_BACK, REOPENED, FIRST_OF_SITE, WAITED_FOR = 1, 5, 3, 3, 2, 100
RULE = (
    f"Most urgent first: {WAITED_FOR} points if a decision at the site waits for its read, {DAY} for each day of "
    f"waiting, {BLOCKING} for blocking findings, {SENT_BACK} for each time that it was sent back, {REOPENED} if it was "
    f"cleared before, {FIRST_OF_SITE} if it is among its site's first."
)


@dataclass(frozen=True, slots=True)
class Wait:
    """What is known of a round that waits."""

    days: int
    blocking: int = 0
    sent_back: int = 0
    reopened: bool = False
    first_of_site: bool = False
    waited_for: bool = False

    @property
    def points(self) -> int:
        """How urgent it is."""
        return (
            DAY * self.days
            + BLOCKING * bool(self.blocking)
            + SENT_BACK * self.sent_back
            + REOPENED * self.reopened
            + FIRST_OF_SITE * self.first_of_site
            + WAITED_FOR * self.waited_for
        )

    @property
    def reasons(self) -> list[str]:
        """What earns the points, in words."""
        said = {
            "its read is waited for": self.waited_for,
            f"waits {self.days} day{'s' * (self.days != 1)}": self.days > 0,
            f"{self.blocking} blocking finding{'s' * (self.blocking != 1)}": self.blocking > 0,
            "sent back before" if self.sent_back == 1 else f"sent back {self.sent_back} times": self.sent_back > 0,
            "was cleared before": self.reopened,
            "among its site's first": self.first_of_site,
        }
        return [words for words, holds in said.items() if holds]
