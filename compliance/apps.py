from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """The ground: who, when, why, signed."""

    name = "compliance"

    def ready(self) -> None:
        from compliance import mailing, misuse, models, schema, sessions, signing  # noqa: F401 - heard, or found by name
        from compliance.audit import regulate, tell_of_changes

        regulate(
            models.Factor, models.FreshSignIn, models.PolicyAcceptance, models.ProviderIdentity, models.RecoveryCode
        )
        tell_of_changes(signing.supersede_what_changed)
