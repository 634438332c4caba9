from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class TrialsConfig(AppConfig):
    """The protocol: what was promised, and to whom."""

    name = "trials"

    def ready(self) -> None:
        from compliance.audit import hear_of_events, regulate
        from trials import locked_rows, models, rules, tasks, worklists  # noqa: F401
        from trials.services import hooking

        pre_migrate.connect(locked_rows.before_migrations, sender=self)
        post_migrate.connect(locked_rows.after_migrations, sender=self)
        rules.register()
        hear_of_events(hooking.tell)
        regulate(
            models.Trial,
            models.ImagingCharter,
            models.Site,
            models.ApplicationEntity,
            models.SiteToken,
            models.CalendarAddress,
            models.Membership,
            models.Webhook,
            models.EmergencyAccess,
            models.AccessReview,
            models.TrailReview,
            models.RoleTraining,
            models.TrainingRecord,
            models.Subject,
            models.Timepoint,
            models.SiteForm,
            models.Query,
            models.QueryMessage,
            models.Redaction,
            models.RedactedEvent,
            models.Scanner,
            models.ScannerNotice,
            models.SiteAnswers,
            models.TrainingAcknowledgement,
            models.UploadTest,
            models.SiteQualification,
            models.Unlock,
            models.LockProposal,
            models.Freeze,
            models.FrozenSubject,
        )
