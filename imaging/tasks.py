"""This room's doors for the queue."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="imaging.index_spool", ignore_result=True)
def index_spool() -> None:
    """Index what lies in the spool; rung by the doors and by the beat."""
