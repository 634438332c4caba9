from __future__ import annotations

import secrets

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac


class User(AbstractUser):
    """A person with an account. Accounts are deactivated, never deleted (21 CFR 11.100).

    `is_staff` means: may create trials on this installation. What a person may do inside a trial comes
    from memberships alone; `is_superuser` is not used.
    """

    full_name = models.CharField("printed name", max_length=150)
    institution = models.CharField(max_length=150, blank=True)

    #: When somebody else chose the password; a person signs only with one of their own choice (21 CFR 11.200 (a)(3)).
    password_given_at = models.DateTimeField(null=True)

    mail_notices = models.BooleanField("At once, when something is asked of me or answered", default=True)
    mail_digest = models.BooleanField("Each morning, if something waits for me", default=True)

    #: Part of what every session of this person rests on: a new one ends them all.
    session_stamp = models.CharField(max_length=32, blank=True)

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(condition=models.Q(is_superuser=False), name="user_no_superuser"),
            models.UniqueConstraint(Lower("username"), name="user_name_once_whatever_its_capitals"),
        ]

    def __str__(self) -> str:
        return self.full_name or self.username

    def end_sessions(self) -> None:
        """End every session of this person; the one that goes on is given the new stamp by its door."""
        self.session_stamp = secrets.token_hex(8)
        self.save(update_fields=["session_stamp"])

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Return what a session must know to go on: it ends with the password, and with the stamp."""
        return salted_hmac(
            "compliance.models.User", f"{self.password}|{self.session_stamp}", secret=secret, algorithm="sha256"
        ).hexdigest()
