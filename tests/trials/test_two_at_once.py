"""Two people at one draft, and one who presses twice: the second is told, and nothing is overwritten silently."""

from __future__ import annotations

import copy

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from compliance import jobs, signing
from compliance.models import AuditEvent, Job, User
from compliance.signing import Intent
from tests.factories import AT, PASSWORD
from tests.support.shown import shown
from tests.trials.test_forms_charter import posted
from trials.charter import documents
from trials.forms_charter import CharterForm
from trials.models import ImagingCharter, Subject, Timepoint
from trials.services import amending, setting_up

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-SEQ-004")]

ALREADY = "The chosen subjects go by version 2 already, or are being moved to it."


def at(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.fixture
def draft(world) -> ImagingCharter:
    return setting_up.amend_charter(trial=world.trial, change_summary="Next", actor=world.administrator, at=AT)


def begun(world, draft: ImagingCharter, **typed: str) -> dict[str, str]:
    """What somebody's browser holds of the draft as it is now, with something typed into it."""
    page = at(world.administrator).get(reverse("trials:charter_edit", args=[draft.pk]))
    return posted(CharterForm(draft)) | {"shown_sha256": page.context["shown_sha256"], **typed}


def save(world, draft: ImagingCharter, data: dict[str, str]):
    return at(world.administrator).post(reverse("trials:charter_edit", args=[draft.pk]), data)


def due(draft: ImagingCharter) -> int:
    return ImagingCharter.objects.get(pk=draft.pk).terms.query_due_days


def test_who_saves_second_is_told_what_the_first_has_otherwise_and_decides(world, draft):
    mine, theirs = (begun(world, draft, query_due_days=days) for days in ("3", "9"))
    assert save(world, draft, theirs).status_code == 302
    told = save(world, draft, mine)
    assert due(draft) == 9
    assert [str(one) for one in told.context["overtaken"]] == [
        "Checks and queries · Queries are due after: 9 days → 3 days"
    ]
    assert 'name="query_due_days" value="3"' in told.content.decode()
    # Whoever was told and saves again does so knowingly.
    assert save(world, draft, mine | {"shown_sha256": told.context["shown_sha256"]}).status_code == 302
    assert due(draft) == 3


def test_a_third_who_saves_between_is_not_overwritten_either(world, draft):
    first, second, third = (begun(world, draft, query_due_days=days) for days in ("3", "9", "11"))
    save(world, draft, first)
    told = save(world, draft, second)
    save(world, draft, third | {"shown_sha256": told.context["shown_sha256"]})
    again = save(world, draft, second | {"shown_sha256": told.context["shown_sha256"]})
    assert again.context["was_overtaken"]
    assert due(draft) == 11


def test_a_fault_corrected_meanwhile_overwrites_nobody(world, draft):
    mine = begun(world, draft, query_due_days="-1")
    save(world, draft, begun(world, draft, query_due_days="9"))
    faulty = save(world, draft, mine)
    told = save(world, draft, mine | {"query_due_days": "3", "shown_sha256": faulty.context["shown_sha256"]})
    assert told.context["was_overtaken"]
    assert due(draft) == 9


def test_a_file_takes_the_place_of_no_draft_that_somebody_changed_meanwhile(world, draft, tmp_path):
    began = begun(world, draft)
    save(world, draft, begun(world, draft, query_due_days="9"))
    file = tmp_path / "charter.yaml"
    file.write_text(documents.write(draft.terms.content()))
    with file.open("rb") as opened:
        response = at(world.administrator).post(
            reverse("trials:charter_import", args=[draft.pk]), {"file": opened, "shown_sha256": began["shown_sha256"]}
        )
    assert "Somebody else saved this draft meanwhile" in response.content.decode()
    assert due(draft) == 9


# --- moving subjects -----------------------------------------------------------------------------------------


@pytest.fixture
def following(world, draft) -> ImagingCharter:
    """A version in force that no subject goes by yet."""
    content = {**draft.content, "query_due_days": 3}
    setting_up.edit_charter(charter=draft, content=content, actor=world.administrator, at=AT)
    return setting_up.sign_charter(charter=draft, signature=Intent(PASSWORD), actor=world.administrator, at=AT)


def move(world, charter: ImagingCharter, **chosen: object):
    given = {"reason": "Agreed.", "password": PASSWORD, "shown_sha256": shown(charter), **chosen}
    return said(at(world.administrator).post(reverse("trials:charter_adopt", args=[charter.pk]), given))


def test_all_are_moved_also_those_on_other_pages_and_the_second_press_says_so(world, following, monkeypatch):
    monkeypatch.setattr("trials.views_amending._ON_A_PAGE", 1)
    page = at(world.administrator).get(reverse("trials:charter_impact", args=[following.pk])).content.decode()
    assert 'name="everybody" value="3"' in page
    assert move(world, following, everybody="3") == ["3 subjects are being moved to version 2."]
    assert move(world, following, everybody="3") == [ALREADY]
    jobs.drain()
    assert move(world, following, everybody="3") == ["There were 3 subjects to move, and are 0 now. Look again."]


def test_the_page_of_the_impact_names_the_forms_that_ask_otherwise(world, draft):
    content = copy.deepcopy(draft.content)
    content["forms"][0]["fields"][0]["label"] = "No contrast agent"
    setting_up.edit_charter(charter=draft, content=content, actor=world.administrator, at=AT)
    page = at(world.administrator).get(reverse("trials:charter_impact", args=[draft.pk])).content.decode()
    assert "Form CTPLAN, field NOCONTR, label: Contrast agent must not be given → No contrast agent" in page


def test_who_presses_twice_is_told_that_it_is_done(world, following):
    chosen = [world.subjects["N-001"].pk]
    assert move(world, following, subjects=chosen) == ["1 subject is being moved to version 2."]
    assert move(world, following, subjects=chosen) == [ALREADY]
    jobs.drain()
    assert move(world, following, subjects=chosen) == [ALREADY]
    assert signing.signatures_on(following).count() == 2


def test_the_page_shows_how_far_moving_is_and_a_job_that_died_goes_on_where_it_was(world, following, monkeypatch):
    class Died(BaseException):
        pass

    moved = []

    def die_at_the_second(subject: Subject, *given: object) -> None:
        if moved:
            raise Died
        moved.append(subject)
        amending_move(subject, *given)

    amending_move = amending._move
    monkeypatch.setattr(amending, "_move", die_at_the_second)
    move(world, following, everybody="3")
    job = Job.objects.get(kind=amending.MOVE)
    with pytest.raises(Died):
        amending.move(**job.args, at=AT)
    monkeypatch.undo()
    address = reverse("trials:charter_impact", args=[following.pk])
    page = at(world.administrator).get(address).content.decode()
    assert "1 of 3 go by it." in page
    assert f'hx-get="{address}" hx-trigger="every 2s"' in page

    jobs.drain()
    assert set(Timepoint.objects.values_list("charter__version", flat=True)) == {2}
    replanned = AuditEvent.objects.filter(action="timepoint.replanned")
    assert replanned.count() == Timepoint.objects.count()
    assert set(replanned.values_list("actor", "reason")) == {(world.administrator.pk, "Agreed.")}
    page = at(world.administrator).get(address).content.decode()
    assert "No subject goes by another version" in page
    assert "hx-trigger" not in page


def test_who_waits_to_be_moved_stays_when_another_version_comes_into_force(world, following):
    move(world, following, everybody="3")
    world.amend(query_due_days=4)
    jobs.drain()
    assert set(Timepoint.objects.values_list("charter__version", flat=True)) == {1}
    assert amending.being_moved(following) is None


def test_all_are_those_that_were_counted(world, following):
    assert move(world, following, everybody="2") == ["There were 2 subjects to move, and are 3 now. Look again."]
    assert move(world, following) == ["Choose at least one subject."]
