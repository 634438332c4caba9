"""This room's doors for the queue."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from compliance import context, doorbell
from imaging.services import (  # noqa: F401 - their jobs
    attaching,
    checking,
    committing,
    copying,
    deidentifying,
    erasing,
    proposals,
    receiving,
    retaining,
    sampling,
    trying,
    unpacking,
    uploading,
)


@shared_task(name="imaging.index_spool", ignore_result=True)
def index_spool() -> None:
    """Index what lies in the spool; rung by the doors and by the beat."""
    with context.surroundings("", "imaging.index_spool"):
        receiving.index_spool(at=timezone.now())
        committing.take_up(at=timezone.now())
        trying.take_up(at=timezone.now())


@shared_task(name="imaging.sweep_uploads", ignore_result=True)
def sweep_uploads() -> None:
    """Discard uploads that nobody went on with; on the beat."""
    with context.surroundings("", "imaging.sweep_uploads"):
        uploading.sweep(at=timezone.now())


@shared_task(name="imaging.sweep_originals", ignore_result=True)
def sweep_originals() -> None:
    """Let originals go whose time has come by their trial's charter, and proposed masks for which none waits."""
    with context.surroundings("", "imaging.sweep_originals"):
        retaining.sweep(at=timezone.now())
        erasing.sweep(at=timezone.now())
        proposals.sweep(at=timezone.now())


@shared_task(name="imaging.sweep_previews", ignore_result=True)
def sweep_previews() -> None:
    """Let go of what somebody tried recipes on a while ago; on the beat."""
    with context.surroundings("", "imaging.sweep_previews"):
        sampling.sweep(at=timezone.now())


@shared_task(name="imaging.prepare_displays", ignore_result=True)
def prepare_displays() -> None:
    """Have series prepared for viewers that are not yet; on the beat."""
    with context.surroundings("", "imaging.prepare_displays"):
        copying.sweep(at=timezone.now())


def ring_index() -> None:
    """Tell the workers that something lies in the spool; without a broker the beat's sweep finds it."""
    if not settings.JOBS_INLINE:
        doorbell.ring(index_spool)
