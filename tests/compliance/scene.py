"""A draft of a charter that its administrator is about to sign, as the attacks on signatures meet it."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.test import Client

from compliance import signing
from compliance.models import User
from tests.factories import AT, PASSWORD, World
from tests.support.shown import shown
from trials.models import ImagingCharter
from trials.services import setting_up
from trials.states import CharterState


@dataclass
class Scene:
    """A draft that its administrator has before them, in a session of their own, and the digest shown."""

    world: World
    draft: ImagingCharter
    client: Client
    digest: str

    @property
    def signer(self) -> User:
        return self.world.administrator

    @property
    def page(self) -> str:
        return f"/trials/charters/{self.draft.pk}/sign/"

    @property
    def door(self) -> str:
        return f"/api/v1/charters/{self.draft.pk}/sign/"

    def sign(self, *, by: Client | None = None, where: str = "", **sent: str) -> HttpResponse:
        """Press the button with what the page holds, but for what is sent instead."""
        given = {"password": PASSWORD, "shown_sha256": self.digest, **sent}
        return (by or self.client).post(where or self.page, {k: v for k, v in given.items() if v is not None})

    def by_api(self, verb: str = "post", where: str = "", **sent: Any) -> HttpResponse:
        """Send JSON, as a program does."""
        ask = getattr(self.client, verb)
        return ask(where or self.door, json.dumps(sent), content_type="application/json")

    def edit(self, millimetres: float = 2.5) -> None:
        """Somebody else saves another slice thickness, at the same moment on the clock."""
        content = copy.deepcopy(self.draft.content)
        content["series"][0]["max_slice_thickness_mm"] = millimetres
        theirs = ImagingCharter.objects.get(pk=self.draft.pk)
        setting_up.edit_charter(charter=theirs, content=content, actor=self.world.founder, at=AT)

    def state(self) -> tuple[str, int]:
        """The draft's state, and how many signatures are on it."""
        row = ImagingCharter.objects.get(pk=self.draft.pk)
        return str(row.state), signing.signatures_on(row).count()


UNTOUCHED = (CharterState.DRAFT, 0)
SIGNED_ONCE = (CharterState.IN_FORCE, 1)


def make_scene(world: World) -> Scene:
    """Open a draft, and sign its administrator in."""
    draft = setting_up.amend_charter(
        trial=world.trial, change_summary="Thinner slices", actor=world.administrator, at=AT
    )
    return Scene(world, draft, signed_in(world.administrator), shown(draft))


def signed_in(user: User) -> Client:
    """A browser of this person."""
    client = Client()
    client.force_login(user)
    return client
