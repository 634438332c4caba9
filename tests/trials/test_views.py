"""The protocol's pages, as a person uses them: each step leads to the next, and a refusal says why."""

from __future__ import annotations

import subprocess

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from compliance import audit, signing
from compliance.models import AuditEvent, User
from tests.factories import AT, PASSWORD, make_user
from tests.factories.world import qualify_as_shipped
from tests.support.shown import shown as shown_digest
from tests.support.tools import tool
from tests.trials.test_forms_charter import posted
from trials.forms_charter import CharterForm
from trials.models import ImagingCharter, Membership, Query, Role, Site, Subject, Timepoint, Trial
from trials.services import querying, setting_up, watching
from trials.states import CharterState, ImageState, QueryState, SubjectState, TrialState

pytestmark = pytest.mark.django_db


def at(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def post(user: User, name: str, pk: int, /, **data: object):
    """Send a form, a charter's signature with what its page showed, and return the answer with what it said."""
    if name in ("charter_sign", "charter_review"):
        data = {"shown_sha256": shown_digest(ImagingCharter.objects.get(pk=pk)), **data}
    response = at(user).post(reverse(f"trials:{name}", args=[pk]), data)
    return response, [str(message) for message in get_messages(response.wsgi_request)]


def shown(user: User, name: str, pk: int, **query: str) -> str:
    response = at(user).get(reverse(f"trials:{name}", args=[pk]), query)
    assert response.status_code == 200
    return response.content.decode()


# --- setting up


def test_a_trial_is_set_up_in_the_browser_from_nothing_to_running(own_disk):
    founder = make_user("founder", is_staff=True)
    response = at(founder).post(
        reverse("trials:create"),
        {"code": "NEW-1", "title": "New", "indication": "Lung", "sponsor_name": "Sponsor", "template": "recist-1.1"},
    )
    trial = Trial.objects.get()
    assert response.headers["Location"] == reverse("trials:setup", args=[trial.pk])

    post(founder, "site_add", trial.pk, code="WEST", name="West", country="Chile")
    site = Site.objects.get()
    post(founder, "entity_add", site.pk, title="WEST_CT", description="CT 1")
    _, said = post(
        founder,
        "member_add",
        trial.pk,
        username="carla",
        full_name="Carla Ordinator",
        password="long enough to be kept",
        role=Role.SITE_COORDINATOR,
        site=site.pk,
    )
    assert said == ["Carla Ordinator is site coordinator now."]

    charter = ImagingCharter.objects.get()
    data = posted(CharterForm(charter)) | {"query_due_days": "3"}
    at(founder).post(reverse("trials:charter_edit", args=[charter.pk]), data)
    _, said = post(founder, "charter_sign", charter.pk, password=PASSWORD)
    assert said == ["Charter version 1 is in force."]

    carla = User.objects.get(username="carla")
    qualify_as_shipped(site, coordinator=carla, password="long enough to be kept", by=founder)
    response, _ = post(carla, "enrol", site.pk, code="W-001", reference_date="2026-01-05")
    subject = Subject.objects.get()
    assert response.headers["Location"] == reverse("trials:subject", args=[subject.pk])
    trial.refresh_from_db()
    assert trial.state == TrialState.RUNNING
    assert trial.charter_in_force.terms.query_due_days == 3
    assert [e.title for e in site.application_entities.all()] == ["WEST_CT"]
    page = shown(carla, "home", trial.pk)
    assert all(word in page for word in ("W-001", "Baseline", "Week 8", "Week 16"))


def test_the_set_up_page_names_what_is_missing(world):
    page = shown(world.administrator, "setup", world.trial.pk)
    assert all(word in page for word in ("NORTH", "NORTH_CT", "Qc Analyst"))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("site_add", {"code": "no capitals", "name": "X"}, "Use 2 to 12 capitals, digits and hyphens."),
        ("member_add", {"username": "new", "role": "reader"}, "A new account needs this."),
        ("charter_amend", {"change_summary": ""}, "Say what changes, and why."),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_stored(world, name, data, said):
    before = (Site.objects.count(), Membership.objects.count(), ImagingCharter.objects.count())
    _, messages = post(world.administrator, name, world.trial.pk, **data)
    assert said in messages[0]
    assert (Site.objects.count(), Membership.objects.count(), ImagingCharter.objects.count()) == before


def test_a_charter_that_contradicts_itself_comes_back_with_each_problem(world):
    draft = setting_up.amend_charter(trial=world.trial, change_summary="Next", actor=world.administrator, at=AT)
    data = posted(CharterForm(draft)) | {"schedule-1-day": "1", "schedule-1-window_before": "7"}
    response = at(world.administrator).post(reverse("trials:charter_edit", args=[draft.pk]), data)
    assert response.status_code == 200
    assert response.context["form"].problems == [("visits", "Schedule, visit 2: the windows of BL and W8 overlap")]
    assert ImagingCharter.objects.get(pk=draft.pk).content == draft.content


def test_a_charter_goes_out_as_a_document_and_comes_in_again(world):
    draft = setting_up.amend_charter(trial=world.trial, change_summary="Next", actor=world.administrator, at=AT)
    answer = at(world.administrator).get(reverse("trials:charter_export", args=[draft.pk]))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="PLX-1-charter-2.yaml"'
    changed = answer.content.replace(b"query_due_days: 7", b"query_due_days: 3")
    response, said = post(world.administrator, "charter_import", draft.pk, file=SimpleUploadedFile("x.yaml", changed))
    assert (response.status_code, said) == (302, ["The draft is saved. Read it through, then sign it."])
    assert ImagingCharter.objects.get(pk=draft.pk).terms.query_due_days == 3


def test_a_version_says_what_it_changes_and_what_speaks_against_it(world):
    draft = setting_up.amend_charter(trial=world.trial, change_summary="Next", actor=world.administrator, at=AT)
    page = shown(world.administrator, "charter", draft.pk)
    assert "Nothing: the two versions say the same." in page
    assert "Before it can be signed" not in page

    content = {**draft.content, "query_due_days": 3, "criteria": "Gut feeling"}
    setting_up.edit_charter(charter=draft, content=content, actor=world.administrator, at=AT)
    for query in ({}, {"against": "1"}, {"against": "x"}):
        response = at(world.administrator).get(reverse("trials:charter", args=[draft.pk]), query)
        assert response.context["earlier"] == world.trial.charter_in_force
        assert [(one.what, one.before, one.after) for one in response.context["differences"]] == [
            ("Queries are due after", "7 days", "3 days"),
            ("Criteria", "RECIST 1.1", "Gut feeling"),
        ]
        assert [where for where, _ in response.context["objections"]] == ["Criteria"]


def test_a_draft_that_asks_for_a_review_is_reviewed_opened_again_and_put_in_force(world):
    draft = setting_up.amend_charter(trial=world.trial, change_summary="Next", actor=world.administrator, at=AT)
    content = {**draft.content, "needs_review": True}
    setting_up.edit_charter(charter=draft, content=content, actor=world.administrator, at=AT)
    assert "Not yet: a reading manager or QC analyst reviews" in shown(world.administrator, "charter", draft.pk)
    assert "Sign the review" in shown(world.analyst, "charter", draft.pk)

    _, said = post(world.analyst, "charter_review", draft.pk, password=PASSWORD)
    assert said == ["Your review is signed. An administrator can put the version in force now."]
    assert "Sign the review" not in shown(world.analyst, "charter", draft.pk)
    page = shown(world.administrator, "charter", draft.pk)
    assert "Open again" in page
    assert "Sign and put in force" in page

    _, said = post(world.administrator, "charter_reopen", draft.pk, reason="")
    assert said == ["Opening a reviewed version again needs a reason."]
    post(world.administrator, "charter_reopen", draft.pk, reason="A visit is missing")
    _, said = post(world.administrator, "charter_sign", draft.pk, password=PASSWORD)
    assert said[0].startswith("This charter asks for a review")
    post(world.analyst, "charter_review", draft.pk, password=PASSWORD)
    post(world.administrator, "charter_sign", draft.pk, password=PASSWORD)
    assert world.trial.charter_in_force == draft


@pytest.mark.requires_tool("pdftotext")
def test_a_version_is_printed_with_its_terms_and_signatures(world):
    charter = world.trial.charter_in_force
    answer = at(world.administrator).get(reverse("trials:charter_pdf", args=[charter.pk]))
    told = subprocess.run(
        [tool("pdftotext"), "-layout", "-", "-"], input=answer.content, capture_output=True, check=True
    ).stdout.decode()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="PLX-1-charter-1.pdf"'
    for words in ("Imaging charter, version 1", "Slice thickness at most", "RECIST 1.1", charter.sha256[:40]):
        assert words in told
    assert signing.signatures_on(charter).get().printed_name in told


def test_a_document_with_faults_leaves_the_draft_and_every_fault_is_told_with_its_line(world):
    draft = setting_up.amend_charter(trial=world.trial, change_summary="Next", actor=world.administrator, at=AT)
    before = draft.content
    for content, told in (
        (
            b"purpose: [1]\nschedule: x\n",
            ["line 1, purpose: a text is expected", "line 2, schedule: a list is expected"],
        ),
        (b"a: &a 1", ["anchors (&amp;) and aliases (*) are not taken"]),
        (b"", ["The file is empty. Choose another."]),
    ):
        response, _ = post(world.administrator, "charter_import", draft.pk, file=SimpleUploadedFile("x.yaml", content))
        page = response.content.decode()
        assert response.status_code == 200
        assert "The file was not taken; the draft is as it was" in page
        assert [sentence for sentence in told if sentence not in page] == []
    assert ImagingCharter.objects.get(pk=draft.pk).content == before


def test_an_amendment_is_opened_edited_and_signed(world):
    response, _ = post(world.administrator, "charter_amend", world.trial.pk, change_summary="Fewer days")
    draft = ImagingCharter.objects.get(state=CharterState.DRAFT)
    assert response.headers["Location"] == reverse("trials:charter_edit", args=[draft.pk])
    _, said = post(world.administrator, "charter_sign", draft.pk, password="not mine")
    assert "password is not yours" in said[0]
    post(world.administrator, "charter_sign", draft.pk, password=PASSWORD)
    assert world.trial.charter_in_force == draft


def test_a_charter_that_changed_since_it_was_shown_is_not_signed(world):
    draft = setting_up.amend_charter(trial=world.trial, change_summary="Next", actor=world.administrator, at=AT)
    page = at(world.administrator).get(reverse("trials:charter", args=[draft.pk]))
    digest = page.context["sign_form"].initial["shown_sha256"]
    content = {**draft.content, "query_due_days": 30}
    setting_up.edit_charter(charter=draft, content=content, actor=world.administrator, at=AT)
    _, said = post(world.administrator, "charter_sign", draft.pk, password=PASSWORD, shown_sha256=digest)
    assert "changed while you were looking" in said[0]
    assert ImagingCharter.objects.get(pk=draft.pk).state == CharterState.DRAFT


def test_a_role_ends_with_a_reason(world):
    membership = world.trial.memberships.get(role=Role.SPONSOR)
    post(world.administrator, "member_end", membership.pk, reason="")
    assert Membership.objects.get(pk=membership.pk).ended_at is None
    post(world.administrator, "member_end", membership.pk, reason="Left")
    assert at(world.people[Role.SPONSOR]).get(reverse("trials:progress", args=[world.trial.pk])).status_code == 404


# --- subjects and queries


def test_the_matrix_shows_a_coordinator_the_own_site_only(world):
    page = shown(world.coordinator, "home", world.trial.pk)
    assert "N-001" in page
    assert "S-001" not in page


def test_progress_shows_counts_and_no_subject(world):
    for role in (Role.SPONSOR, Role.READING_MANAGER):
        page = shown(world.people[role], "progress", world.trial.pk)
        assert "NORTH" in page
        assert "N-001" not in page


def test_a_subject_code_in_use_is_said_beside_the_form(world):
    response, _ = post(world.coordinator, "enrol", world.north.pk, code="N-001", reference_date="2026-01-05")
    assert response.status_code == 200
    assert "has a subject N-001 already" in response.content.decode()
    assert Subject.objects.filter(code="N-001").count() == 1


def test_the_form_says_how_codes_are_made_and_which_is_free(world):
    numbers = [{"site": "NORTH", "first": 1, "last": 2}]
    world.amend(subjects={"code_format": "{site}-{number:3}", "code_ranges": numbers})
    page = shown(world.coordinator, "enrol", world.north.pk)
    assert "Codes of NORTH are NORTH-001 to NORTH-002. The next free one is NORTH-001." in page

    response, _ = post(world.coordinator, "enrol", world.north.pk, code="NORTH-03", reference_date="2026-01-05")
    assert "It is not made as the charter says. A right one is NORTH-001." in response.content.decode()

    for code in ("NORTH-001", "NORTH-002"):
        post(world.coordinator, "enrol", world.north.pk, code=code, reference_date="2026-01-05")
    page = shown(world.coordinator, "enrol", world.north.pk)
    assert "All are in use: ask the administrator for more numbers." in page


def test_leaving_and_missing_ask_for_a_reason(world):
    subject, timepoint = world.subjects["N-001"], world.timepoint("N-001", "W8")
    post(world.coordinator, "withdraw", subject.pk, reason="")
    post(world.coordinator, "miss", timepoint.pk, reason="")
    assert Subject.objects.get(pk=subject.pk).state == SubjectState.ENROLLED
    assert Timepoint.objects.get(pk=timepoint.pk).image_state == ImageState.EXPECTED
    post(world.coordinator, "miss", timepoint.pk, reason="Scanner down")
    post(world.coordinator, "withdraw", subject.pk, reason="Moved away")
    page = shown(world.coordinator, "subject", subject.pk)
    assert "Scanner down" in page
    assert "Moved away" in page


def test_a_query_is_answered_by_the_site_and_closed_by_qc(world):
    query = querying.raise_query(
        about=world.timepoint("N-001", "BL"), title="Where?", text="Please.", actor=world.analyst, at=AT
    )
    assert "Where?" in shown(world.coordinator, "queries", world.trial.pk)
    assert "Where?" not in shown(world.other_coordinator, "queries", world.trial.pk)
    post(world.coordinator, "query_answer", query.pk, text="Sent today.")
    assert "Sent today." in shown(world.analyst, "query", query.pk)
    post(world.analyst, "query_reopen", query.pk, text="Not there yet.")
    post(world.coordinator, "query_answer", query.pk, text="Now.")
    post(world.analyst, "query_close", query.pk, text="Thank you.")
    assert Query.objects.get().state == QueryState.CLOSED


def test_an_answer_without_words_is_refused_with_a_sentence(world):
    query = querying.raise_query(
        about=world.timepoint("N-001", "BL"), title="Where?", text="Please.", actor=world.analyst, at=AT
    )
    response, _ = post(world.coordinator, "query_answer", query.pk, text=" ")
    assert response.status_code == 422
    assert "The message is empty." in response.content.decode()


# --- the trail


def test_the_auditor_sees_the_place_of_each_event_in_the_chain(world):
    connection.seal()
    event = AuditEvent.objects.filter(trial_id=world.trial.pk).select_related("link").latest("pk")
    assert f"record {event.link.sequence} · {event.link.mac[:12]}</span>" in shown(
        world.people[Role.AUDITOR], "audit", world.trial.pk
    )


def test_the_auditor_reads_when_the_trail_was_verified_and_what_was_found(world):
    auditor = world.people[Role.AUDITOR]
    assert "Not verified yet" in shown(auditor, "audit", world.trial.pk)
    connection.seal()
    watching.verify_all(at=AT)
    assert "events are as they were written" in shown(auditor, "audit", world.trial.pk)
    audit.record(watching.DAMAGED, world.trial, actor=None, at=AT, after={"kind": "deleted", "record": 7, "event": 9})
    assert "record 7 (event 9) is bad, because it was removed" in shown(auditor, "audit", world.trial.pk)


def test_the_auditor_finds_events_by_any_words(world):
    auditor = world.people[Role.AUDITOR]
    assert "subject.enrolled" in shown(auditor, "audit", world.trial.pk, q="enrolled S-001")
    assert "subject.enrolled" not in shown(auditor, "audit", world.trial.pk, q="enrolled S-999")


def test_an_asked_for_address_of_another_site_is_not_found_and_recorded(world):
    url = reverse("trials:subject", args=[world.subjects["S-001"].pk])
    assert at(world.coordinator).get(url).status_code == 404
    event = AuditEvent.objects.latest("id")
    assert (event.action, event.actor) == ("access.denied", world.coordinator)
    assert event.after == {"verb": "trials.see_subjects", "method": "GET", "path": url}


def test_a_history_is_shown_to_who_sees_the_record_whatever_key_is_typed(world):
    client, subject = at(world.coordinator), world.subjects["N-001"]
    assert client.get(reverse("history", args=["trials.subject", subject.pk])).status_code == 200
    for kind, key in (
        ("trials.subject", world.subjects["S-001"].pk),
        ("trials.subject", "²"),
        ("trials.subject", "9" * 40),
        ("trials.subject", "1 OR 1=1"),
        ("compliance.user", "1"),
        ("nothing", "1"),
    ):
        assert client.get(reverse("history", args=[kind, key])).status_code == 404


@pytest.mark.parametrize("chosen", ["²", "9" * 5000, "ELSE-2", "", "'"])
def test_choosing_a_trial_that_is_not_ones_own_changes_nothing(world, chosen):
    response = at(world.coordinator).get(reverse("home"), {"trial": chosen})
    assert response.status_code == 200
    assert response.context["nav"]


def test_after_the_lock_a_page_says_that_nothing_changes(locked):
    response, _ = post(locked.coordinator, "withdraw", locked.subjects["N-001"].pk, reason="Late")
    assert response.status_code == 409
    assert "locked" in response.content.decode()
    assert Subject.objects.get(code="N-001").state == SubjectState.ENROLLED
