from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """The ground: who, when, why, signed."""

    name = "compliance"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from compliance import mailing, misuse, models, schema, sessions, signing  # noqa: F401 - heard, or found by name
        from compliance.audit import regulate, tell_of_changes
        from compliance.guarding import guard_after_migrate

        regulate(
            models.ApiToken,
            models.Factor,
            models.FreshSignIn,
            models.PolicyAcceptance,
            models.ProviderIdentity,
            models.RecoveryCode,
        )
        tell_of_changes(signing.supersede_what_changed)
        # Sent once all apps are migrated, so that the tables of every room are there.
        post_migrate.connect(guard_after_migrate, sender=self, dispatch_uid="guard regulated tables")
