from __future__ import annotations

from django.db import models

from imaging.states import TRANSFER_FORM
from trials.form_terms import FormTerms
from trials.models import DeclaredForm, Timepoint


class TransferForm(DeclaredForm):
    """What a site declares of the scan at a timepoint, signed by its coordinator."""

    machines = {"state": TRANSFER_FORM}
    verb = "imaging.upload"

    timepoint = models.ForeignKey(Timepoint, on_delete=models.PROTECT, related_name="transfer_forms")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["timepoint", "version"], name="transfer_form_version_once"),
            models.UniqueConstraint(
                fields=["timepoint"], condition=models.Q(state="draft"), name="transfer_form_one_draft"
            ),
            models.UniqueConstraint(
                fields=["timepoint"], condition=models.Q(state="signed"), name="transfer_form_one_signed"
            ),
        ]
        ordering = ["-version"]

    def __str__(self) -> str:
        return f"transfer form of {self.timepoint}, version {self.version}"

    @property
    def terms(self) -> FormTerms:
        return self.charter.terms.transfer_form

    @property
    def place(self) -> Timepoint:
        return self.timepoint

    @property
    def versions(self) -> models.QuerySet[TransferForm]:
        return TransferForm.objects.filter(timepoint=self.timepoint_id).order_by("-version")

    def place_content(self) -> dict[str, object]:
        return {"subject": self.timepoint.subject.code, "timepoint": self.timepoint.code}
