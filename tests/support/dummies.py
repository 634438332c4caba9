"""A row of any model, with what it refers to: made from the model's fields, so that a new one needs no word here."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from decimal import Decimal
from typing import Any, TypeVar

from django.db import models

from compliance.announcing import announced
from tests.factories import AT
from trials.charter import RECIST_TEMPLATE

M = TypeVar("M", bound=models.Model)

#: What the fields alone do not say: one of two must be there, and which goes with what.
_TOGETHER: dict[str, dict[str, Any]] = {
    "trials.Membership": {"role": "reader"},
    "reading.ReaderExclusion": {"subject": ...},
    "trials.ImagingCharter": {"content": RECIST_TEMPLATE},
    "trials.SiteForm": {"code": "CTPLAN", "subject": ...},
    # Nothing that is closed by its beginning.
    "trials.Trial": {"state": "running"},
}
_PLAIN: dict[type[models.Field], Any] = {
    models.DateTimeField: AT,
    models.DateField: AT.date(),
    models.TimeField: AT.time(),
    models.DurationField: dt.timedelta(days=1),
    models.JSONField: {},
    models.BinaryField: b"",
    models.BooleanField: False,
    models.DecimalField: Decimal(1),
    models.FloatField: 1.0,
    models.IntegerField: 1,
}
_numbers = itertools.count(1)


class Dummies:
    """Makes rows; those of one maker refer to the same trial, the same person and so on."""

    def __init__(self) -> None:
        self._known: dict[type[models.Model], models.Model] = {}

    def unsaved(self, model: type[M]) -> M:
        """Return a new record; what it refers to is stored."""
        together = _TOGETHER.get(model._meta.label, {})
        values = {
            field.name: self._value(field, together.get(field.name))
            for field in model._meta.concrete_fields
            if not isinstance(field, models.AutoField)
        }
        return model(**values)

    def stored(self, model: type[M]) -> M:
        """Return a new record as a row of the database; nothing hears of it."""
        record = self.unsaved(model)
        with announced():
            record.save_base(raw=True, force_insert=True)
        return record

    def _value(self, field: models.Field, given: Any) -> Any:
        if isinstance(field, models.ForeignKey):
            if field.null and given is None:
                return None
            known = self._known.get(field.related_model)
            if known is None:
                known = self._known[field.related_model] = self.stored(field.related_model)
            elif field.unique:
                return Dummies().stored(field.related_model)
            return known
        if given is not None:
            return given
        if field.has_default() and not field.unique:
            return field.get_default()
        if field.null:
            return None
        return self._plain(field)

    def _plain(self, field: models.Field) -> Any:
        if field.choices:
            return field.flatchoices[0][0]
        if isinstance(field, models.UUIDField):
            return uuid.uuid4()
        for kind, value in _PLAIN.items():
            if isinstance(field, kind):
                return value
        return f"{next(_numbers)}-{field.name}"[: field.max_length]
