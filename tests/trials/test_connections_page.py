"""The page of a site's connections."""

from __future__ import annotations

import datetime as dt

from django.test import Client
from django.urls import reverse

from tests.factories import World
from trials.selectors import site_token


def signed_in(person: object) -> Client:
    client = Client()
    client.force_login(person)  # type: ignore[arg-type]
    return client


def test_a_secret_is_shown_once_and_works(world: World) -> None:
    client = signed_in(world.administrator)
    page = client.post(reverse("trials:token_issue", args=[world.north.pk]), {"label": "archive", "days": "90"})

    assert page.status_code == 201
    assert "no-store" in page["Cache-Control"]
    secret = page.content.decode().split('id="secret">')[1].split("<")[0]
    token = site_token(secret)
    assert token is not None
    assert token.site == world.north
    assert token.expires_at - token.created_at == dt.timedelta(days=90)
    again = client.get(reverse("trials:connections", args=[world.north.pk])).content.decode()
    assert secret not in again
    assert "archive" in again
    assert f"{token.expires_at:%-d %b %Y %H:%M}" in again

    refused = client.post(reverse("trials:token_issue", args=[world.north.pk]), {"label": "another", "days": "1000"})
    assert (refused.status_code, world.north.tokens.count()) == (302, 1)


def test_the_administrator_changes_a_scanner(world: World) -> None:
    entity = world.north.application_entities.get()
    fields = {"host": "10.0.0.7", "port": "104", "certificate": ""}
    client = signed_in(world.administrator)

    client.post(reverse("trials:entity_change", args=[entity.pk]), {f"ae{entity.pk}-{k}": v for k, v in fields.items()})

    entity.refresh_from_db()
    assert (entity.active, entity.host, entity.port) == (False, "10.0.0.7", 104)


def test_a_coordinator_sees_what_to_type_and_changes_nothing(world: World) -> None:
    page = signed_in(world.coordinator).get(reverse("trials:connections", args=[world.north.pk])).content.decode()

    assert "Called AE title" in page
    assert "Issue a token" not in page
