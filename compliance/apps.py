from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """The ground: who, when, why, signed."""

    name = "compliance"
