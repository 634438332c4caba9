from django.apps import AppConfig


class ReadingConfig(AppConfig):
    """The eyes: blinded reads, adjudication, results."""

    name = "reading"

    def ready(self) -> None:
        from compliance import exporting
        from compliance.audit import regulate
        from reading import models, receivers, rules, tasks, worklists  # noqa: F401

        rules.register()
        regulate(
            models.ReadTask,
            models.ReadToken,
            models.Assessment,
            models.Lesion,
            models.Measurement,
            models.Mark,
            models.MarkVersion,
            models.Segment,
            models.SegmentVersion,
            models.LinkVersion,
            models.Adjudication,
            models.RealTimeRead,
            models.GlobalReview,
            models.Reopening,
            models.SignedVersion,
            models.ReaderExclusion,
            models.Handover,
            models.PoolMember,
            models.ReaderPair,
            models.Draw,
            models.DispatchPlan,
            models.QualificationCase,
            models.CaseReference,
            models.Attempt,
            models.CaseRead,
            models.Unblinding,
            models.AffectedSubject,
        )
        exporting.register("endpoint-package", "reading.exports.endpoint_package.EndpointPackage")
        exporting.register("interim-package", "reading.exports.interim_package.InterimPackage")
        exporting.register("endpoint-package-dry-run", "reading.exports.dry_run.DryRun")
        exporting.register("audit-trail", "reading.exports.trail.AuditTrail")
        exporting.register("accepted-reads", "reading.exports.accepted_reads.AcceptedReads")
