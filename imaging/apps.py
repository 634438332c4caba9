from django.apps import AppConfig


class ImagingConfig(AppConfig):
    """The pictures: from the site's scanner to a checked archive."""

    name = "imaging"

    def ready(self) -> None:
        from compliance.audit import regulate
        from imaging import models, receivers, rules, tasks  # noqa: F401

        rules.register()
        regulate(
            models.Transfer,
            models.ReceivedInstance,
            models.ImagingStudy,
            models.Series,
            models.Instance,
            models.QcReview,
            models.Finding,
        )
