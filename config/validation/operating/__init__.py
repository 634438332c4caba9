"""An operational qualification: the regulated scenarios on this installation, in a scratch trial of synthetic scans."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings

from compliance.models import User
from config.validation.operating import beginning, ending
from config.validation.operating.scratch import TITLE, Scratch
from config.validation.records import Check, plain_words

__all__ = ["TITLE", "play"]

_SCENARIOS: tuple[Callable[[Scratch], None], ...] = (
    beginning.trial_and_charter,
    beginning.people_and_site,
    beginning.intake,
    beginning.quality,
    ending.blinded_reads,
    ending.adjudication,
    ending.verification,
    ending.lock_and_package,
)


def play(*, by: User, say: Callable[[Check], None]) -> Scratch:
    """Play every scenario, one after the other; one that breaks is a failed step, and ends the play.

    Whatever happens, the accounts of the run are closed at its end.
    """
    run = Scratch(by, say)
    try:
        for scenario in _SCENARIOS:
            scenario(run)
    except Exception as problem:
        if settings.DEBUG:
            raise
        found = f"{type(problem).__name__}: {plain_words(str(problem))[:300]}"
        run.note("The scenario can be played to its end", "REQ-OPS-004", "It can", found, False)
    finally:
        if run.people:
            ending.closing(run)
    return run
