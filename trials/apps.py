from django.apps import AppConfig


class TrialsConfig(AppConfig):
    """The protocol: what was promised, and to whom."""

    name = "trials"

    def ready(self) -> None:
        from compliance.audit import regulate
        from trials import models, rules, tasks, worklists  # noqa: F401

        rules.register()
        regulate(
            models.Trial,
            models.ImagingCharter,
            models.Site,
            models.ApplicationEntity,
            models.SiteToken,
            models.CalendarAddress,
            models.Membership,
            models.Subject,
            models.Timepoint,
            models.SiteForm,
            models.Query,
            models.QueryMessage,
            models.Scanner,
            models.ScannerNotice,
            models.SiteAnswers,
            models.TrainingAcknowledgement,
            models.UploadTest,
            models.SiteQualification,
        )
