"""Consent that is withdrawn: what would become of a subject's images and reads, and the signed act."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from compliance import access
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import advance
from trials import signals
from trials.impact import Consequence
from trials.models import Subject, Timepoint
from trials.states import ImageState


class WrongDay(HouseError):
    """Consent is said to be withdrawn on a day to come."""

    code = "wrong_day"
    status = 422


def rule_for(subject: Subject) -> str:
    """Return what the charter in force says of images when consent is withdrawn."""
    charter = subject.trial.charter_in_force
    return charter.terms.subjects.consent_withdrawn if charter else "keep"


def consequences(subject: Subject) -> list[Consequence]:
    """Return what the withdrawal of a subject's consent would do, with counts; nothing is written."""
    expected = Timepoint.objects.filter(subject=subject, image_state=ImageState.EXPECTED).count()
    own = Consequence("Visits are expected no longer", 0 if subject.has_left else expected)
    answers: Any = signals.consent_weighed.send(sender=Subject, subject=subject, rule=rule_for(subject))
    return [own, *(one for _, found in answers for one in found)]


def withdraw_consent(
    *, subject: Subject, withdrawn_on: dt.date, reason: str, signature: Intent, actor: User, at: dt.datetime
) -> Subject:
    """Record, signed, that consent was withdrawn; what then becomes of images follows from the charter in force.

    Parameters
    ----------
    withdrawn_on
        The day on which the person withdrew it.

    Raises
    ------
    WrongDay
    compliance.transitions.IllegalMove, compliance.transitions.ReasonRequired
    compliance.signing.WrongPassword, compliance.signing.ContentChanged, compliance.access.AccessDenied
    """
    access.require(actor, "trials.enrol", subject)
    if withdrawn_on > at.date():
        raise WrongDay("Consent cannot be withdrawn on a day to come. Check the date.")
    with transaction.atomic():
        # Whoever files images holds their timepoint, and asks for the consent then.
        list(Timepoint.objects.filter(subject=subject).order_by("pk").select_for_update())
        advance(
            subject,
            "withdraw_consent",
            actor=actor,
            at=at,
            reason=reason,
            signature=signature,
            consent_withdrawn_on=withdrawn_on,
            images_rule=rule_for(subject),
        )
        signals.consent_withdrawn.send(sender=Subject, subject=subject, at=at)
    return subject
