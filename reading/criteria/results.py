"""What a pack answers: responses, each with the trace of the rules that led to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .values import as_json


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was applied.

    Attributes
    ----------
    rule
        Short stable name.
    clause
        Where the rule is written, as "RECIST 1.1 §4.3.1".
    inputs
        What the rule looked at, as exact text.
    result
        What it gave.
    """

    rule: str
    clause: str
    inputs: Mapping[str, str]
    result: str

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return _object(self)


@dataclass(frozen=True, slots=True)
class PackStamp:
    """Which rules made a result: the pack, its version, and the digest (SHA-256) of all its parameters."""

    criteria: str
    version: str
    parameters_sha256: str


@dataclass(frozen=True, slots=True)
class TimepointResponse:
    """The response at one timepoint.

    Attributes
    ----------
    sum_mm
        Sum of the target lesions; None when one of them has no value, or there are none.
    nadir_mm
        The smallest complete sum before this timepoint, baseline included; None without target lesions.
    percent_from_baseline, percent_from_nadir
        Change of `sum_mm`, to six decimals; None without a sum, or from a nadir of 0.
    target, nontarget
        Component responses; None without such lesions at baseline.
    new_lesion
        A new lesion was unequivocal at this timepoint.
    progression_by
        What proved progression: target, nontarget, new_lesion, reappearance.
    """

    timepoint_id: str
    study_day: int
    sum_mm: Decimal | None
    nadir_mm: Decimal | None
    percent_from_baseline: Decimal | None
    percent_from_nadir: Decimal | None
    target: str | None
    nontarget: str | None
    new_lesion: bool
    overall: str
    progression_by: tuple[str, ...]
    trace: tuple[Step, ...]
    pack: PackStamp

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; decimals as exact text."""
        return _object(self)


@dataclass(frozen=True, slots=True)
class DatedResponse:
    """An overall response on a study day: all that a best overall response is made of."""

    study_day: int
    overall: str


@dataclass(frozen=True, slots=True)
class BestResponse:
    """The best overall response of a sequence.

    Attributes
    ----------
    confirmed
        Whether the stated CR or PR was confirmed by a later timepoint; None for every other response.
    first_response_day
        Day of the first CR or PR (of the first confirmed pair where confirmation is required); None without.
    """

    response: str
    confirmed: bool | None
    first_response_day: int | None
    trace: tuple[Step, ...]
    pack: PackStamp

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return _object(self)


@dataclass(frozen=True, slots=True)
class SubjectResponse:
    """A subject's result by one reader.

    Attributes
    ----------
    bor, bor_confirmed, first_response_day
        As in `BestResponse`.
    responder
        The best overall response is one the pack counts as a response (CR or PR).
    progression_day
        First progression; dated back to the first sight of an equivocal lesion that proved real.
    settings
        Every parameter of the pack as used, so that the answer says which reading of the criteria it is.
    """

    timepoints: tuple[TimepointResponse, ...]
    bor: str
    bor_confirmed: bool | None
    responder: bool
    progression_day: int | None
    first_response_day: int | None
    trace: tuple[Step, ...]
    pack: PackStamp
    settings: Mapping[str, object]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; decimals as exact text."""
        return _object(self)


@dataclass(frozen=True, slots=True)
class Violation:
    """A baseline rule that the chosen target lesions break; the charter decides whether it warns or refuses."""

    code: str
    lesion_ids: tuple[str, ...]
    message: str
    clause: str


@dataclass(frozen=True, slots=True)
class BaselineCheck:
    """What a pack thinks of the target lesions chosen at baseline."""

    violations: tuple[Violation, ...]
    pack: PackStamp
    valid: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "valid", not self.violations)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return _object(self)


def _object(value: object) -> dict[str, Any]:
    result = as_json(value)
    assert isinstance(result, dict)
    return result
