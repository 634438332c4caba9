"""Pages of the charter's forms: the coordinator fills in and signs, others read; names in any script."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from compliance.models import User
from tests.factories import AT, PASSWORD, World, make_world
from tests.trials.services.test_answering import save, sign
from trials.models import Query, Role, SiteForm
from trials.services import querying, setting_up

pytestmark = pytest.mark.django_db

#: One form at each place, whose words are in several scripts.
FORMS = [
    {
        "code": "ROOM",
        "title": "検査室 غرفة الفحص",
        "asked": "site",
        "fields": [
            {"code": "PHANTOM", "label": "ファントム", "kind": "yes_no", "required": True},
            {"code": "NOTES", "label": "ملاحظات", "kind": "text", "most_characters": 500},
        ],
    }
]


def at(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def begin(world: World, user: User, about: str, code: str = "CTPLAN"):
    response = at(user).post(reverse("trials:form_begin", args=[world.trial.pk]), {"about": about, "code": code})
    return response, [str(message) for message in get_messages(response.wsgi_request)]


def page(user: User, name: str, pk: int, query: str = "") -> str:
    response = at(user).get(reverse(f"trials:{name}", args=[pk]) + query)
    assert response.status_code == 200
    return response.content.decode()


def send(world: World, name: str, form: SiteForm, **typed: str):
    shown = at(world.coordinator).get(reverse("trials:form", args=[form.pk])).context["sign_form"]
    digest = shown["shown_sha256"].value()
    return at(world.coordinator).post(
        reverse(f"trials:{name}", args=[form.pk]), {"shown_sha256": digest, **typed}, follow=True
    )


def test_a_form_is_begun_from_the_list_filled_in_and_signed(world):
    assert "Missing (2)" in page(world.coordinator, "forms", world.trial.pk)
    about = f"subject-{world.subjects['N-001'].pk}"
    response, _ = begin(world, world.coordinator, about)
    form = SiteForm.objects.get()
    assert response.headers["Location"] == reverse("trials:form", args=[form.pk])
    # A second click finds what the first began.
    assert begin(world, world.coordinator, about)[0].headers["Location"] == response.headers["Location"]

    assert "The draft is saved" in send(world, "form_save", form, NOCONTR="N").content.decode()
    refused = send(world, "form_sign", form, NOCONTR="Y", password=PASSWORD)
    assert set(refused.context["answers"].errors) == {"WHYNOT", "INSTEAD"}
    signed = send(world, "form_sign", form, NOCONTR="N", EGFR="20", EGFR_WHY="Known for years.", password=PASSWORD)
    assert "The contrast plan is signed. Thank you." in signed.content.decode()
    assert "Known for years." in page(world.analyst, "form", form.pk)
    listed = page(world.coordinator, "forms", world.trial.pk, "?state=signed")
    assert reverse("trials:form", args=[form.pk]) in listed
    assert "N-002" not in listed


@pytest.mark.parametrize("about", ["subject-0", "subject-", "trial-1", "", "subject-٣", "site-99999999999999999999"])
def test_a_place_that_is_none_is_answered_with_a_sentence(world, about):
    response, said = begin(world, world.coordinator, about)
    assert said == ["There is no such place in this trial. Choose one of the list."]
    assert response.headers["Location"] == reverse("trials:forms", args=[world.trial.pk])


def test_a_form_that_is_not_asked_is_answered_with_a_sentence(world):
    _, said = begin(world, world.coordinator, f"site-{world.north.pk}")
    assert said == [
        "The charter asks for no form CTPLAN of NORTH North Hospital. Open the forms' page for those it asks."
    ]


def test_a_coordinator_begins_nothing_at_another_site(world):
    _, said = begin(world, world.coordinator, f"subject-{world.subjects['S-001'].pk}")
    assert said == ["There is no such place in this trial. Choose one of the list."]
    assert SiteForm.objects.count() == 0


@pytest.mark.parametrize("role", [Role.QC_ANALYST, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR])
def test_others_read_and_cannot_write(world, role):
    form = save(world)
    for name, pk in (("form", form.pk), ("forms", world.trial.pk), ("subject", form.subject_id)):
        content = page(world.people[role], name, pk)
        assert 'name="NOCONTR"' not in content
        assert "Fill in" not in content
    assert "Kidney function" in page(world.people[role], "form", form.pk)


def test_qc_asks_about_a_field_from_the_forms_page(world):
    form = save(world)
    ask = f"{reverse('trials:query_ask', args=[world.trial.pk])}?form={form.pk}&about=trials.siteform:{form.pk}"
    assert ask.replace("&", "&amp;") in page(world.analyst, "form", form.pk)
    at(world.analyst).post(ask, {"about": [f"trials.siteform:{form.pk}:EGFR"], "title": "So low?", "text": "Check."})
    assert Query.objects.get().about_label == "Contrast plan of N-001, version 1: Estimated GFR"
    assert "So low?" in page(world.coordinator, "form", form.pk)


def test_words_in_any_script_are_kept_and_shown_as_they_were_written(db):
    world = make_world(charter={"forms": FORMS})
    site = setting_up.add_site(
        trial=world.trial,
        code="JP01",
        name="国立がん研究センター東病院",
        country="日本",
        actor=world.administrator,
        at=AT,
    )
    setting_up.grant_membership(
        trial=world.trial,
        user=world.coordinator,
        role=Role.SITE_COORDINATOR,
        site=site,
        actor=world.administrator,
        at=AT,
    )
    begin(world, world.coordinator, f"site-{site.pk}", "ROOM")
    form = SiteForm.objects.get()
    notes = "ماسح ‎SIGNA 3T‎ – 二号室"
    content = send(world, "form_sign", form, PHANTOM="Y", NOTES=notes, password=PASSWORD).content.decode()
    for words in ("国立がん研究センター東病院", "検査室 غرفة الفحص", "ファントム", f"<bdi>{notes}</bdi>"):
        assert words in content
    query = querying.raise_query(about=form, title="二号室？", text="ما معنى هذا؟", actor=world.analyst, at=AT)
    querying.answer_query(query=query, text="はい、二号室です。", actor=world.coordinator, at=AT)
    shown = page(world.analyst, "query", query.pk)
    for words in ("二号室？", "ما معنى هذا؟", "はい、二号室です。"):
        assert words in shown
    assert site.name in page(world.administrator, "setup", world.trial.pk)


def test_programs_read_every_version(world):
    sign(world)
    client = APIClient()
    client.force_authenticate(world.analyst)
    (told,) = client.get("/api/v1/site-forms/").json()["results"]
    assert (told["code"], told["subject_code"], told["timepoint_code"], told["state"]) == (
        "CTPLAN",
        "N-001",
        "",
        "signed",
    )
    assert told["declared"] == {"NOCONTR": True, "WHYNOT": "RENAL", "INSTEAD": "CTPLAIN", "EGFR": 28.5}
    assert told["confirmed"] == {"EGFR": "Measured twice."}
    client.force_authenticate(world.other_coordinator)
    assert client.get("/api/v1/site-forms/").json()["count"] == 0
    client.force_authenticate(world.people[Role.READER])
    assert client.get("/api/v1/site-forms/").status_code == 403
