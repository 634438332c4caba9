from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """The ground: who, when, why, signed."""

    name = "compliance"

    def ready(self) -> None:
        from compliance import mailing  # noqa: F401 - its job
