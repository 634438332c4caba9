"""The page of mails, and what a person wants to get."""

from __future__ import annotations

import pytest
from django.urls import reverse

from compliance.models import Mail, User
from tests.trials.test_queries_page import asked, at
from trials.models import Role

pytestmark = pytest.mark.django_db


def test_administrator_and_auditor_see_what_was_sent_and_one_of_them_tries_again(world):
    world.coordinator.email = "carla@example.org"
    world.coordinator.save()
    asked(world, world.north, "Where?")
    asked(world, world.south, "Where?")
    url = reverse("trials:mails", args=[world.trial.pk])
    auditor = at(world.people[Role.AUDITOR]).get(url).content.decode()
    assert "carla@example.org" in auditor
    assert "No mail address is known for this person." in auditor
    assert "Try again" not in auditor
    failed = at(world.administrator).get(url, {"state": "failed"})
    (mail,) = failed.context["page"]
    assert mail.to == world.other_coordinator
    said = at(world.administrator).post(reverse("trials:mail_retry", args=[mail.pk]), follow=True).content.decode()
    assert "still has no mail address" in said
    world.other_coordinator.email = "sam@example.org"
    world.other_coordinator.save()
    at(world.administrator).post(reverse("trials:mail_retry", args=[mail.pk]))
    assert (Mail.objects.get(pk=mail.pk).state, Mail.objects.get(pk=mail.pk).address) == ("queued", "sam@example.org")


def test_a_person_chooses_and_the_choice_stands(world):
    client, url = at(world.coordinator), reverse("trials:mail_choice")
    assert "Your account has none" in client.get(url).content.decode()
    client.post(url, {"mail_digest": "on"})
    chosen = User.objects.get(pk=world.coordinator.pk)
    assert (chosen.mail_notices, chosen.mail_digest) == (False, True)
    assert User.objects.get(pk=world.analyst.pk).mail_notices is True
