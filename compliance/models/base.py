from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from django.db import models

from compliance.states import Machine


class Scope(NamedTuple):
    """Where a record belongs: primary keys of its trial and site, as far as it has them."""

    trial_id: int | None = None
    site_id: int | None = None


class Record(models.Model):
    """A regulated record: audited on each change, and closed to change once something froze it.

    `machines` maps a state field to its life's table; states move through `compliance.transitions` alone.
    """

    machines: ClassVar[Mapping[str, Machine]] = {}
    #: Fields that the audit trail must not repeat (secrets, large derived documents kept by digest).
    audit_exclude: ClassVar[frozenset[str]] = frozenset()

    class Meta:
        abstract = True

    def trailed(self, field: models.Field[Any, Any]) -> Any:
        """Return a field's value as the audit trail may hold it, which is read by people who are blinded."""
        return field.value_from_object(self)

    def scope(self) -> Scope:
        """Return the trial and site that the record belongs to."""
        raise NotImplementedError(type(self).__name__)

    def frozen_by(self) -> str:
        """Return what closed the record to changes, as the end of a sentence, or an empty string."""
        return ""

    def signed_content(self) -> dict[str, Any]:
        """Return the content that a signature on this record covers, as plain JSON values."""
        raise NotImplementedError(type(self).__name__)

    def charter_signed_under(self) -> int | None:
        """Return the version of the charter by which the record goes; a signature on it names that version."""
        charter = getattr(self, "charter", None)
        version = getattr(charter, "version", None)
        return version if isinstance(version, int) else None

    def shown_content(self) -> dict[str, Any]:
        """Return what a signer is shown before the step; the same as is signed, unless the step adds to it."""
        return self.signed_content()
