"""An installation qualification: what is installed, how it is set, and whether what it needs is within reach."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator

from config.validation import inspecting_code, inspecting_places, inspecting_settings
from config.validation.records import Check, Outcome, plain_words

#: What is looked at, section by section. A part that breaks is a failed check of its own.
Part = Callable[[], Iterable[Check]]


def checks(*, expected_code: str, ntp: str, at: dt.datetime) -> Iterator[Check]:
    """Yield every check of this installation.

    Parameters
    ----------
    expected_code
        Digest of the release's code, as its validation pack says it; empty where it is not known.
    ntp
        A time server to ask; empty to ask none.
    """
    parts: tuple[tuple[str, Part], ...] = (
        ("Software", lambda: inspecting_code.software(expected_code)),
        ("Database", inspecting_places.database),
        ("Clock", lambda: inspecting_places.clock(ntp, at)),
        ("Settings", inspecting_settings.settings_of_production),
        ("Transport", inspecting_settings.transport),
        ("Keys", inspecting_places.secret_keys),
        ("Storage", inspecting_places.stores),
        ("Queue and mail", inspecting_places.queue_and_mail),
        ("Audit trail and signatures", inspecting_places.trail),
    )
    for section, part in parts:
        try:
            yield from part()
        except Exception as problem:  # whatever it is: an inspection goes on, and says what it could not look at
            found = f"{type(problem).__name__}: {plain_words(str(problem))[:300]}"
            yield Check(section, "The section can be inspected", "It can", found, Outcome.FAIL)
