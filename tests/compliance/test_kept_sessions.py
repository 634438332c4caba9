"""A copy of the sessions' table opens no session: it has a digest of each key."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.sessions.models import Session
from django.test import Client

from compliance.kept_sessions import SessionStore, digest
from compliance.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ACC-042")]


@pytest.fixture
def begun() -> SessionStore:
    session = SessionStore()
    session["what"] = "is kept"
    session.save()
    return session


def test_the_table_has_a_digest_of_the_key_and_it_opens_nothing(begun):
    kept = Session.objects.get()
    assert kept.session_key == digest(begun.session_key)
    assert begun.session_key not in f"{kept.session_key} {kept.session_data}"
    assert SessionStore(begun.session_key)["what"] == "is kept"
    stolen = SessionStore(kept.session_key)
    assert (stolen.get("what"), stolen.session_key) == (None, None)


def test_a_person_who_is_signed_in_is_not_by_what_the_table_says(own_disk):
    client, thief = Client(), Client()
    client.force_login(
        User.objects.create(username="ada", full_name="Ada"), "django.contrib.auth.backends.ModelBackend"
    )
    assert client.get("/").status_code == 200
    thief.cookies["sessionid"] = Session.objects.get().session_key
    assert thief.get("/")["Location"] == "/sign-in/?next=/"


def test_a_session_is_changed_renamed_and_ended_under_its_key(begun):
    begun["what"] = "is another"
    begun.save()
    before = begun.session_key
    begun.cycle_key()
    assert (begun.exists(before), begun.exists(begun.session_key)) == (False, True)
    assert SessionStore(begun.session_key)["what"] == "is another"
    begun.flush()
    assert not Session.objects.exists()
    assert SessionStore(None).get("what") is None


def test_it_is_the_same_for_those_who_await():
    async def begun_and_ended() -> tuple[bool, bool]:
        session = SessionStore()
        await session.aset("what", "is kept")
        await session.asave()
        key = session.session_key or ""
        there = (
            await Session.objects.filter(pk=digest(key)).aexists() and await SessionStore(key).aget("what") is not None
        )
        await session.adelete()
        return there, await session.aexists(key)

    assert async_to_sync(begun_and_ended)() == (True, False)
