"""What this room does on hearing news."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from compliance.errors import HouseError
from imaging.deid.recipe import Recipe
from imaging.quality import FINDS, Severity
from trials.charter import Charter
from trials.signals import charter_to_be_signed
from trials.terms.kinds import Problem


@receiver(charter_to_be_signed)
def check_recipe_and_findings(*, terms: Charter, **_: Any) -> list[Problem]:
    """A charter is to be signed: what it says of de-identification and of checks must be possible here."""
    problems = []
    try:
        Recipe.parse(terms.deidentification)
    except HouseError as problem:
        problems.append(Problem(("deidentification",), problem.message.rstrip(".")))
    known = {code for code, severity in FINDS.items() if severity is not Severity.PASS}
    return problems + [
        Problem(("checks", code), "no finding has this name") for code in terms.checks if code not in known
    ]
