"""The transfer form's page: the coordinator fills in and signs, everybody else who may reads it."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from compliance import signing
from compliance.models import User
from imaging.models import QcReview, TransferForm
from tests.factories import AT, PASSWORD, World, make_world, scan
from tests.imaging.services.delivery import by_scanner
from tests.imaging.services.test_declaring import baseline, correct, save, sign
from trials.charter import RECIST_TEMPLATE
from trials.models import Role

pytestmark = pytest.mark.django_db

TYPED = {
    "SCANDT": "2025-12-31",
    "SCANNER": "CT 2",
    "COMPLETE": "Y",
    "CONTRAST": "Y",
    "AGENT": "Iohexol 350",
    "VOLUME": "90.5",
    "DELAY": "70",
    "DEVIATE": "Scanned without arterial phase.",
    "password": PASSWORD,
}


def at(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def send(world: World, name: str, **typed: str):
    """Post the form, with the digest that its page shows."""
    page = at(world.coordinator).get(reverse("imaging:form", args=[baseline(world).pk]))
    shown = page.context["sign_form"]["shown_sha256"].value()
    response = at(world.coordinator).post(
        reverse(f"imaging:{name}", args=[baseline(world).pk]), {"shown_sha256": shown, **typed}
    )
    return response, [str(message) for message in get_messages(response.wsgi_request)]


def page(user: User, name: str, pk: int) -> str:
    response = at(user).get(reverse(f"imaging:{name}", args=[pk]))
    assert response.status_code == 200
    return response.content.decode()


def test_a_draft_is_kept_and_comes_back(world):
    response, said = send(world, "form_save", SCANNER="CT 2", CONTRAST="N")
    assert response.headers["Location"] == reverse("imaging:form", args=[baseline(world).pk])
    assert said == ["The draft is saved. Sign it when it is complete."]
    shown = at(world.coordinator).get(response.headers["Location"]).context["answers"]
    assert (shown["SCANNER"].value(), shown["CONTRAST"].value()) == ("CT 2", False)


def test_the_form_is_signed_with_the_password(world):
    response, said = send(world, "form_sign", **TYPED)
    form = TransferForm.objects.get()
    assert response.headers["Location"] == reverse("imaging:timepoint", args=[baseline(world).pk])
    assert said == ["The transfer form is signed. Thank you."]
    assert (form.state, form.answers["DELAY"], form.answers["SCANNER"]) == ("signed", 70, "CT 2")
    assert signing.signatures_on(form).get().signer == world.coordinator


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"SCANDT": ""}, "SCANDT", "An answer is needed before the form is signed."),
        ({"SCANDT": "2199-01-01"}, "SCANDT", "This cannot lie in the future. Check it."),
        ({"AGENT": ""}, "AGENT", "An answer is needed before the form is signed."),
        ({"CONTRAST": "N"}, "VOLUME", "Leave this empty, because of the answer to “Was contrast given?”."),
        ({"VOLUME": "1001"}, "VOLUME", "Give 0.1 to 1000 mL."),
        ({"COMPLETE": "N"}, "MISSING", "An answer is needed before the form is signed."),
    ],
)
def test_what_stands_in_the_way_is_said_at_its_field_and_nothing_typed_is_lost(world, typed, field, sentence):
    response, _ = send(world, "form_sign", **TYPED | typed)
    assert response.status_code == 200
    assert sentence in response.context["answers"].errors[field]
    assert "Scanned without arterial phase." in response.content.decode()
    assert TransferForm.objects.count() == 0


def test_a_wrong_password_is_said_and_nothing_typed_is_lost(world):
    response, _ = send(world, "form_sign", **TYPED | {"password": "not it"})
    content = response.content.decode()
    assert "the password is not yours" in content
    assert "Scanned without arterial phase." in content
    assert "not it" not in content
    assert TransferForm.objects.count() == 0


def test_a_signed_form_is_read_and_corrected(world):
    sign(world)
    pk = baseline(world).pk
    content = page(world.coordinator, "form", pk)
    assert "Iohexol 350" in content
    assert 'name="SCANNER"' not in content

    _, said = send(world, "form_correct", reason="It was 80 mL.")
    assert said == ["A new version is open. The signed one stands until you sign this one."]
    content = page(world.coordinator, "form", pk)
    assert "It was 80 mL." in content
    assert 'name="SCANNER"' in content
    assert send(world, "form_correct", reason="Again")[1] == [
        "There is no signed form to correct. Fill in the draft and sign it."
    ]


@pytest.mark.parametrize("role", [Role.QC_ANALYST, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR])
def test_others_read_what_was_declared_and_cannot_write(world, role):
    save(world)
    content = page(world.people[role], "form", baseline(world).pk)
    assert "Iohexol 350" in content
    assert "<textarea" not in content
    assert "password" not in content


def test_qc_and_the_timepoint_say_that_the_form_is_not_signed_and_show_it_when_it_is(own_disk):
    world = make_world(charter={"series": [{**RECIST_TEMPLATE["series"][0], "min_instances": 3}]})
    by_scanner(world, scan("N-001"))
    review = QcReview.objects.get()
    pages = [
        (world.analyst, "review", review.pk),
        (world.analyst, "timepoint", baseline(world).pk),
        (world.coordinator, "timepoint", baseline(world).pk),
    ]
    assert all("Transfer form not signed yet" in page(*one) for one in pages)

    sign(world)

    assert not any("Transfer form not signed yet" in page(*one) for one in pages)
    shown = page(world.analyst, "review", review.pk)
    assert "Scanned without arterial phase." in shown
    assert signing.signatures_on(TransferForm.objects.get()).get().printed_name in shown

    correct(world)
    assert all("The transfer form is being corrected" in page(*one) for one in pages)


def test_the_upload_page_leads_to_the_form(world):
    form = reverse("imaging:form", args=[baseline(world).pk])
    assert f'href="{form}"' in page(world.coordinator, "upload", baseline(world).pk)


def test_the_forms_history_is_open_to_the_auditor(world):
    form = sign(world)
    response = at(world.people[Role.AUDITOR]).get(reverse("history", args=["imaging.transferform", form.pk]))
    assert "signed" in response.content.decode()


def test_a_pet_trial_asks_for_the_tracer(own_disk):
    series = [{"label": "FDG PET", "modality": "PT"}]
    world = make_world(charter={"modalities": ["PT"], "series": series})
    fields = at(world.coordinator).get(reverse("imaging:form", args=[baseline(world).pk])).context["answers"].fields
    assert "DOSE" in fields
    assert "CONTRAST" not in fields


def test_programs_read_every_version(world):
    sign(world)
    correct(world)
    client = APIClient()
    client.force_authenticate(world.analyst)
    told = client.get("/api/v1/transfer-forms/").json()["results"]
    assert [(one["version"], one["state"], one["subject_code"]) for one in told] == [
        (1, "signed", "N-001"),
        (2, "draft", "N-001"),
    ]
    one = client.get(f"/api/v1/transfer-forms/{told[0]['id']}/").json()
    assert (one["declared"]["contrast_volume_ml"], one["declared"]["acquired_on"]) == (90.5, "2025-12-31")
    assert one["signed_at"] == AT.isoformat().replace("+00:00", "Z")
    client.force_authenticate(world.other_coordinator)
    assert client.get("/api/v1/transfer-forms/").json()["count"] == 0
    client.force_authenticate(world.people[Role.READER])
    assert client.get("/api/v1/transfer-forms/").status_code == 403
