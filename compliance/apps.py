from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """The ground: who, when, why, signed."""

    name = "compliance"

    def ready(self) -> None:
        from compliance import mailing, misuse, models, schema, sessions  # noqa: F401 - heard, or found by name
        from compliance.audit import regulate

        regulate(models.Factor, models.RecoveryCode)
