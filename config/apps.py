from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The roof: wiring, and the commands that run the whole house."""

    name = "config"
    label = "roof"
