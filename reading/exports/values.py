"""Every value of a read in one form: what its reader entered, and what was derived from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from reading.criteria import Criteria
from reading.criteria.form import Field
from reading.criteria.values import plain
from reading.exports.locked import LockedValue
from reading.models import Assessment

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def entered_values(assessment: Assessment, pack: Criteria[Any]) -> Iterator[LockedValue]:
    """Give what was entered, by lesion in order of their numbers, then the answers about the timepoint."""
    form = pack.form()
    for entry in assessment.entries():
        listed, stated = form.of(entry.lesion.category), entry.stated()
        for field in listed.fields if listed else ():
            if field.name in stated:
                code = field.node_code if field.node_code and entry.lesion.nodal else field.code
                yield _entered(entry.lesion.label, entry.part, field, code, stated[field.name])
    for question in form.questions:
        if question.name in assessment.answers:
            yield _entered("", 0, question, question.code, assessment.answers[question.name])


def _entered(lesion: str, part: int, field: Field, code: str, stored: object) -> LockedValue:
    return LockedValue(lesion, part, field.name, code, _exact(field.read(stored, field.label)), field.unit, False)


def derived_values(derived: Mapping[str, Any], pack: Criteria[Any]) -> Iterator[LockedValue]:
    """Give what the criteria show beside a response, in their order."""
    found = {**derived, **derived.get("quantities", {})}
    for figure in pack.figures:
        value = found.get(figure.key)
        if value is not None:
            yield LockedValue("", 0, figure.key, figure.code, _exact(value), figure.unit, True)


def _exact(value: object) -> Decimal | str:
    """Return a number in its one form, whether stored as one or as the text of one; anything else in words."""
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return value
    return Decimal(plain(Decimal(str(value))))
