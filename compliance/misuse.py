"""Who hears when something happens to an account: its person, and of misuse those who run the installation too."""

from __future__ import annotations

import datetime as dt
import logging

from axes.signals import user_locked_out
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from compliance import audit, mailing
from compliance.models import User

log = logging.getLogger(__name__)

KIND = "account"
#: Of the same kind of misuse of an account, one alert in so long.
QUIET = dt.timedelta(minutes=15)

_FOOT = """
If this was you, nothing is to be done. If not, change your password, and tell your trial's administrator.
Your account and what happened to it: {page}
"""


def tell(user: User, what: str, sentence: str, *, at: dt.datetime) -> None:
    """Tell a person what happened to their account, in the caller's transaction; no secret is in it."""
    mailing.post(
        to=user,
        kind=KIND,
        key=f"{KIND}-{user.pk}-{what.replace(' ', '-')}-{at:%Y%m%d%H%M%S%f}",
        subject=f"Your account: {what}",
        body=f"{sentence}\n\nTime: {at:%-d %B %Y %H:%M} UTC\n{_FOOT.format(page=mailing.address_of('/account/'))}",
        at=at,
    )


def alert(user: User, action: str, what: str, *, at: dt.datetime) -> None:
    """Record that somebody tries to get into an account, and tell its person and those who run the installation."""
    if audit.history(user).filter(action=action, at__gt=at - QUIET).exists():
        return
    event = audit.record(action, user, actor=None, at=at, after={"by": what})
    tell(user, "somebody tried to sign in", f"There were several sign-ins with {what}. More are refused now.", at=at)
    for keeper in User.objects.filter(is_staff=True, is_active=True).exclude(pk=user.pk):
        mailing.post(
            to=keeper,
            kind="alert",
            key=f"alert-{event.pk}-{keeper.pk}",
            subject="An account is tried by somebody",
            body=f"Account {user.username}: several sign-ins with {what}, the last at {at:%-d %B %Y %H:%M} UTC. "
            "More are refused now. The person was told as well; ask them whether it was them.\n",
            at=at,
        )


@receiver(user_locked_out)
def _locked_out(request: HttpRequest, username: str, **_: object) -> None:
    """Alert when sign-in is paused for a user name and an address; a name that nobody has is noted in the log alone."""
    user = User.objects.filter(username=username).first()
    if user is None:
        log.warning("Sign-in is paused for a user name that nobody has.")
        return
    alert(user, "sign_in.paused", "wrong passwords or second factors from one address", at=timezone.now())
