"""Rehearsing a delivery: where files would find their place, and what the checks would say. Nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compliance import confined
from compliance.errors import HouseError
from imaging.deid.patients import PatientKey
from imaging.models import Transfer
from imaging.quality import Finding, SeriesFacts, VisitWindow, check_timepoint, facts_of
from imaging.services.checking import earlier_facts
from imaging.services.deidentifying import means_of
from imaging.services.matching import Claim, Unmatched, match
from imaging.services.recognising import patients_among
from trials.models import Site, Timepoint


@dataclass(frozen=True, slots=True)
class Forecast:
    """What these files alone would be at a timepoint: its series, and what the charter's checks say of them."""

    timepoint: Timepoint
    series: Sequence[SeriesFacts]
    findings: Sequence[Finding]


class Rehearsal:
    """A delivery that is only played: `show` it each file, then ask for the `forecasts`."""

    def __init__(self, site: Site, timepoint: Timepoint | None) -> None:
        self.site, self.timepoint = site, timepoint
        #: Sentences with which files would be held, and how many of each.
        self.held: Counter[str] = Counter()
        self._shown: dict[Timepoint, list[Mapping[str, Any]]] = {}
        self._patients: dict[Timepoint, list[PatientKey]] = {}
        self._places: dict[Claim, Timepoint | Unmatched] = {}

    def show(self, path: Path) -> None:
        """Read where a file would go; one that cannot be read would be held."""
        try:
            seen = self._look(path)
            place = self._place_of(Claim.of(seen))
            excerpt = confined.call("imaging.quality.measuring:measure", str(path))
        except HouseError as why:
            self.held[why.message] += 1
        else:
            self._shown.setdefault(place, []).append(excerpt)
            if seen["patient"]:
                self._patients.setdefault(place, []).append(PatientKey(*seen["patient"]))

    def forecasts(self) -> list[Forecast]:
        """Say what the files shown would be, timepoint by timepoint."""
        return [self._forecast(timepoint, shown) for timepoint, shown in self._shown.items()]

    def _look(self, path: Path) -> dict[str, Any]:
        secret = means_of(self.site.trial).secret
        seen: dict[str, Any] = confined.call("imaging.deid.workshop:look", str(path), secret)
        if "held" in seen:
            raise HouseError(seen["sentence"])
        return seen

    def _place_of(self, claim: Claim) -> Timepoint:
        if claim not in self._places:
            try:
                self._places[claim] = match(claim, Transfer(site=self.site), self.site.trial, self.timepoint)
            except Unmatched as why:
                self._places[claim] = why
        place = self._places[claim]
        if isinstance(place, Unmatched):
            raise place
        return place

    def _forecast(self, timepoint: Timepoint, shown: Sequence[Mapping[str, Any]]) -> Forecast:
        series = facts_of(shown, reference_date=timepoint.subject.reference_date)
        secret = means_of(self.site.trial).secret
        patients = patients_among(self._patients.get(timepoint, ()), timepoint, secret)
        terms = timepoint.charter.terms
        found = check_timepoint(
            series,
            terms.series,
            VisitWindow(*timepoint.window),
            patients,
            earlier=earlier_facts(timepoint, terms),
            severities=terms.checks,
        )
        return Forecast(timepoint, series, found)
