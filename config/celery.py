"""The Celery application: a doorbell for `compliance.jobs`, and the beat."""

import os
import warnings

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import worker_ready

from compliance import doorbell

# Celery warns a root user of pickled messages; ours are JSON, and hold a job's number only.
warnings.simplefilter("ignore", SecurityWarning)

doorbell.use()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

app = Celery("parallax")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["compliance", "trials", "imaging", "reading"])
app.autodiscover_tasks(["compliance"], related_name="jobs")


@worker_ready.connect
def catch_up(**_: object) -> None:
    """Ring at once for what a crash left behind."""
    app.send_task("compliance.sweep_jobs")
    app.send_task("imaging.index_spool")
