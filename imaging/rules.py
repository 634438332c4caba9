"""Who may do which verb to the pictures."""

from __future__ import annotations

from compliance import access
from imaging import models, selectors
from trials.models import SITE_AWARE, Role
from trials.rules import role


def register() -> None:
    """Register this room's verbs."""
    access.register("imaging.upload", role(Role.SITE_COORDINATOR))
    access.register("imaging.see_transfers", role(*SITE_AWARE))
    preview = role(Role.SITE_COORDINATOR, Role.QC_ANALYST, Role.TRIAL_ADMINISTRATOR)
    access.register("imaging.preview", preview)
    access.register("imaging.see_proof", role(Role.AUDITOR, Role.TRIAL_ADMINISTRATOR, Role.QC_ANALYST))
    access.register("imaging.test_connection", role(Role.SITE_COORDINATOR, Role.TRIAL_ADMINISTRATOR))
    access.register("imaging.resolve", role(Role.SITE_COORDINATOR, Role.QC_ANALYST))
    access.register("imaging.review", role(Role.QC_ANALYST))
    # They see pixels as they came, with whatever is written in them.
    access.register("imaging.review_pixels", role(Role.QC_ANALYST, Role.TRIAL_ADMINISTRATOR), sees_identity=True)
    # Who a subject is, for the hospital that knows it: no role of the centre has this verb.
    access.register("imaging.see_identities", role(Role.SITE_COORDINATOR), sees_identity=True)
    access.register("imaging.see_qc", role(*SITE_AWARE))
    access.register("imaging.see_images", role(Role.QC_ANALYST, Role.SITE_COORDINATOR, Role.AUDITOR))
    access.expose(models.TransferForm, "imaging.see_transfers", selectors.transfer_forms_seen_by)
