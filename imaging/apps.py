from __future__ import annotations

import logging
import warnings

from django.apps import AppConfig


def _keep_headers_out_of_logs() -> None:
    """Silence pydicom, whose warnings quote header values; our own readers say what is wrong without them."""
    import pydicom.config

    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"pydicom\.")


class ImagingConfig(AppConfig):
    """The pictures: from the site's scanner to a checked archive."""

    name = "imaging"

    def ready(self) -> None:
        from compliance.audit import regulate
        from imaging import models, receivers, rules, tasks, worklists  # noqa: F401

        _keep_headers_out_of_logs()
        rules.register()
        regulate(
            models.Transfer,
            models.TransferForm,
            models.ReceivedInstance,
            models.ImagingStudy,
            models.Series,
            models.Instance,
            models.QcReview,
            models.QcDecision,
            models.Finding,
            models.Commitment,
            models.ConnectionTest,
            models.KnownPatient,
            models.PixelReview,
            models.FaceReview,
            models.ArchiveToken,
        )
