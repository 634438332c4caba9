"""What this room does on hearing news."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.dispatch import receiver

from compliance.errors import HouseError
from imaging.deid.recipe import Recipe
from imaging.quality import SeriesRule
from trials.charter import Charter, CharterInvalid
from trials.signals import charter_to_be_signed


@receiver(charter_to_be_signed)
def check_recipe_and_series_rules(*, terms: Charter, **_: Any) -> None:
    """A charter is to be signed: what it says of de-identification and series must be possible here."""
    problems = []
    try:
        Recipe.parse(terms.deidentification)
    except HouseError as problem:
        problems.append(f"deidentification: {problem.message.rstrip('.')}")
    for series in terms.series:
        try:
            SeriesRule.parse(asdict(series))
        except HouseError as problem:
            problems.append(f"series: {problem.message.rstrip('.')}")
    if problems:
        raise CharterInvalid(problems)
