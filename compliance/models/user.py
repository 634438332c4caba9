from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person with an account. Accounts are deactivated, never deleted (21 CFR 11.100).

    `is_staff` means: may create trials on this installation. What a person may do inside a trial comes
    from memberships alone; `is_superuser` is not used.
    """

    full_name = models.CharField("printed name", max_length=150)
    institution = models.CharField(max_length=150, blank=True)

    mail_notices = models.BooleanField("At once, when something is asked of me or answered", default=True)
    mail_digest = models.BooleanField("Each morning, if something waits for me", default=True)

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(condition=models.Q(is_superuser=False), name="user_no_superuser"),
        ]

    def __str__(self) -> str:
        return self.full_name or self.username
