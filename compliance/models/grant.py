from __future__ import annotations

from django.db import models
from guardian.models import UserObjectPermissionBase


class Grant(UserObjectPermissionBase):
    """A permission of a person on one object, as django-guardian keeps it, and when it ends by itself."""

    until = models.DateTimeField(null=True)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = True
