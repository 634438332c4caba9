"""Passwords that are guessed first: common ones with digits and signs around them, said again, or in a row.

Django refuses 20,000 passwords that were common in breaches, of which few are as long as ours must be. People make them
longer in few ways, and who guesses knows these ways as well. Words of the house and of its trade count as common ones.
"""

from __future__ import annotations

import functools
import gzip
import re
from pathlib import Path
from typing import Any

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError

#: Words that lie near in a system like this one (ASVS 5.0 6.1.2); docs/accounts.md has them too.
WORDS_OF_THE_HOUSE = frozenset(
    {
        "adjudication", "adjudicator", "administrator", "auditor", "charter", "clinical", "clinicaltrial",
        "coordinator", "corelab", "dicom", "hospital", "imaging", "lesion", "oncology", "parallax", "radiologist",
        "radiology", "reader", "recist", "sponsor", "study", "tomography", "trial", "tumor", "tumour",
    }
)  # fmt: skip
#: Rows in which fingers run over a keyboard, and what is counted up.
_ROWS = (
    "0123456789" * 3,
    "abcdefghijklmnopqrstuvwxyz" * 2,
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
)
_AROUND = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_AGAIN = re.compile(r"(.+?)\1+", re.DOTALL)
_SIGNS_FOR_LETTERS = str.maketrans("@$013457", "asoleast")


@functools.cache
def _common() -> frozenset[str]:
    with gzip.open(
        Path(password_validation.__file__).parent / "common-passwords.txt.gz", "rt", encoding="utf-8"
    ) as file:
        return frozenset(line.strip() for line in file) | WORDS_OF_THE_HOUSE


def is_common(password: str) -> bool:
    """Tell whether a password is a common one, or made from one in the ways that everybody knows."""
    said = password.casefold()
    if again := _AGAIN.fullmatch(said):
        said = again[1]
    if len(said) < 4 or any(said in row or said in row[::-1] for row in _ROWS):
        return True
    forms = {said, said.translate(_SIGNS_FOR_LETTERS)}
    forms |= {_AROUND.sub("", form) for form in forms}
    forms |= {again[1] for form in forms if (again := _AGAIN.fullmatch(form))}
    return not _common().isdisjoint(forms)


class CommonWayValidator:
    """Refuse a password that is guessed first."""

    def validate(self, password: str, user: Any = None) -> None:
        """Refuse it with a sentence."""
        if is_common(password):
            raise ValidationError(
                "This password is a common one, or made from one by digits, signs or saying it again.",
                code="password_too_common",
            )

    def get_help_text(self) -> str:
        """Say it beforehand."""
        return "Your password can’t be a common one, nor one with digits and signs around it."
