"""Who may do which verb to the pictures."""

from __future__ import annotations

from django.urls import reverse

from compliance import access
from imaging import models, selectors
from trials import askable, release
from trials.askable import Kind
from trials.models import SITE_AWARE, Role
from trials.release import Artefact
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
    access.register(
        "imaging.review_pixels",
        role(Role.QC_ANALYST, Role.TRIAL_ADMINISTRATOR),
        sees_identity=True,
        unblinds="who a subject is, where it is written into pixels or seen in a face",
        leaves=("pixelreview.viewed", "facereview.viewed"),
    )
    # Who a subject is, for the hospital that knows it: no role of the centre has this verb.
    access.register(
        "imaging.see_identities",
        role(Role.SITE_COORDINATOR),
        sees_identity=True,
        unblinds="who a subject is, its true dates, and the list from patients to subjects",
        leaves=("site.identities_viewed", "site.identities_downloaded"),
    )
    access.register("imaging.see_qc", role(*SITE_AWARE))
    access.register("imaging.see_metrics", role(*release.roles_of(Artefact.SITE_FIGURES)))
    access.register("imaging.see_images", role(*release.roles_of(Artefact.ARCHIVE)))
    askable.register(
        Kind(
            models.Series,
            "series",
            selectors.series_seen_by,
            lambda series: _at("imaging:timepoint", series.imaging_study.timepoint_id),
            timepoint=lambda series: series.imaging_study.timepoint,
            at_timepoint=selectors.series_of,
        ),
        Kind(
            models.QcReview,
            "round of QC",
            selectors.reviews_seen_by,
            lambda review: _at("imaging:review", review.pk),
            timepoint=lambda review: review.timepoint,
            at_timepoint=lambda timepoint: selectors.reviews_of(timepoint)[:1],
        ),
        Kind(
            models.TransferForm,
            "transfer form",
            selectors.transfer_forms_seen_by,
            lambda form: _at("imaging:form", form.timepoint_id),
            timepoint=lambda form: form.timepoint,
            at_timepoint=lambda timepoint: selectors.transfer_forms_of(timepoint)[:1],
            fields=lambda form: form.field_names,
        ),
    )
    access.expose(models.TransferForm, "imaging.see_transfers", selectors.transfer_forms_seen_by)


def _at(name: str, pk: int) -> str:
    return reverse(name, kwargs={"pk": pk})
