from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The roof: wiring, and the commands that run the whole house."""

    name = "config"
    label = "roof"

    def ready(self) -> None:
        from config import checks  # noqa: F401 - Django finds them by this
