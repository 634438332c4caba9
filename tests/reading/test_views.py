"""The pages of readers, adjudicators and managers, as their browsers meet them."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from compliance import jobs
from compliance.models import AuditEvent, Export, Signature, User
from compliance.signing import Intent
from reading.agreement_figures import FIGURES
from reading.models import Adjudication, Assessment, Lesion, Measurement, ReadTask
from reading.services import adjudicating
from reading.states import AdjudicationState, ReadState
from tests.support.shown import shown
from trials.models import Role, Timepoint, Trial
from trials.states import QcState, TrialState

from .conftest import ARM, AT, PASSWORD, SERIES_DESCRIPTION, SITE_CODE, SITE_NAME, SUBJECT_CODE, baseline, follow_up

#: What the default charter hides from readers, and the trial's own name.
HIDDEN = (SITE_CODE, SITE_NAME, SUBJECT_CODE, ARM, SERIES_DESCRIPTION, "READ-1", "Week 8", "2.25.")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def url(name: str, *args: object) -> str:
    return reverse(f"reading:{name}", args=args)


def words(response) -> str:
    """The page's text, without markup."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def row(n: int, category: str = "target", **values: object) -> dict[str, object]:
    """One lesion's fields as the page posts them."""
    made = {"category": category, "organ": "LIVER", "number": "", "part": "0", "instance": "", "frame": "", **values}
    return {f"lesion-{n}-{name}": value for name, value in made.items()}


def posted(*rows: dict[str, object], version: int = 0, **values: object) -> dict[str, object]:
    """What the read page posts; `rows` come from `row`."""
    fields: dict[str, object] = {"version": version, "rows": len(rows), "image_quality": "adequate", "comment": ""}
    for each in rows:
        fields |= each
    return fields | values


@pytest.fixture
def task(world, subject) -> ReadTask:
    """The first reader's read of the baseline, opened."""
    world.clear("BL", subject)
    task = world.task("BL", 1, subject)
    signed_in(task.reader).get(url("task", task.blinded_code))
    return ReadTask.objects.get(pk=task.pk)


@pytest.fixture
def reader(task) -> Client:
    return signed_in(task.reader)


@pytest.fixture
def case(world, subject) -> Adjudication:
    """A subject whose readers differ at both follow-ups: stable by one, progressing by the other."""
    world.clear("BL", subject)
    world.read_by_both("BL", baseline(40, 30))
    world.clear("W8", subject)
    world.read_by_both("W8", follow_up(40, 30), follow_up(60, 30))
    world.clear("W16", subject)
    world.read_by_both("W16", follow_up(40, 30), follow_up(60, 30))
    return Adjudication.objects.get()


# --- my reads --------------------------------------------------------------------------------------------------


def test_the_list_offers_the_next_read_under_its_code(world, subject):
    world.clear("BL", subject)
    task = world.task("BL", 1, subject)
    page = signed_in(task.reader).get(url("worklist"))
    assert page.context["worklist"].next.code == task.blinded_code
    assert f'href="{url("task", task.blinded_code)}" data-key="n"' in page.content.decode()
    assert "Timepoint 1" in words(page)


def test_without_reads_the_list_says_what_comes_next(world):
    page = signed_in(world.people["reader-a"]).get(url("worklist"))
    assert "Nothing to read" in words(page)
    assert "Read next" not in words(page)


def test_a_read_whose_images_are_with_quality_control_again_is_on_hold(world, subject):
    world.clear("BL", subject)
    task = world.task("BL", 1, subject)
    Timepoint.objects.filter(pk=task.timepoint_id).update(qc_state=QcState.AWAITING)
    client = signed_in(task.reader)
    page = client.get(url("worklist"))
    assert [r.code for r in page.context["worklist"].on_hold] == [task.blinded_code]
    assert client.get(url("task", task.blinded_code)).status_code == 302


def test_signed_reads_are_listed_with_the_latest_first(world, subject):
    world.clear("BL", subject)
    world.read("BL", 1, baseline(40), subject)
    page = signed_in(world.task("BL", 1, subject).reader).get(url("worklist"))
    assert [r.state for r in page.context["worklist"].signed] == [ReadState.SUBMITTED]


# --- the read page ---------------------------------------------------------------------------------------------


def test_no_page_of_a_reader_tells_what_the_charter_hides(world, subject):
    world.clear("BL", subject)
    world.read("BL", 1, baseline(40, 30), subject)
    world.read("BL", 2, baseline(40, 30), subject)
    world.clear("W8", subject)
    task = world.task("W8", 1, subject)
    client = signed_in(task.reader)
    pages = [client.get(url("worklist")), client.get(url("task", task.blinded_code))]
    signed = world.task("BL", 1, subject)
    pages.append(client.get(url("task", signed.blinded_code)))
    for page in pages:
        assert page.status_code == 200
        sent = page.content.decode() + str(page.headers)
        assert [hidden for hidden in HIDDEN if hidden in sent] == []


def test_opening_a_read_starts_it_and_each_opening_is_recorded(task, reader):
    assert task.state == ReadState.READING
    before = AuditEvent.objects.filter(action="readtask.viewed").count()
    reader.get(url("task", task.blinded_code))
    assert AuditEvent.objects.filter(action="readtask.viewed").count() == before + 1


def test_another_readers_read_does_not_exist(world, task):
    other = world.task("BL", 2)
    for name in ("task", "task_save", "task_sign"):
        method = Client.get if name == "task" else Client.post
        assert method(signed_in(task.reader), url(name, other.blinded_code)).status_code == 404


def test_the_stage_is_told_series_slices_and_windows(task, reader):
    page = reader.get(url("task", task.blinded_code))
    told = json.loads(re.search(r'<script id="stage" type="application/json">(.*?)</script>', page.content.decode())[1])
    (timepoint,) = told["timepoints"]
    assert timepoint["title"] == "Timepoint 1"
    assert [len(series["slices"]) for series in timepoint["series"]] == [2]
    assert [preset["name"] for preset in told["presets"]] == ["Soft tissue", "Lung", "Liver", "Bone"]
    assert told["frame_url"] == url("task_frame", task.blinded_code, "SERIES", 0)
    assert told["pixels_url"].partition("?")[0] == url("task_pixels", task.blinded_code, "SERIES", 0)
    assert told["thumbnail_url"].partition("?")[0] == url("task_thumbnail", task.blinded_code, "SERIES")
    assert (told["role"], told["windows_locked"]) == ("reader", True)


def test_a_picture_is_rendered_in_a_window_of_the_charter_and_kept_by_nobody(task, reader):
    series = reader.get(url("task", task.blinded_code)).context["task"].series[0]
    address = url("task_frame", task.blinded_code, series.key, 1)
    picture = reader.get(address, {"preset": "Lung"})
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/png")
    assert picture["Cache-Control"] == "private, no-store"
    assert reader.get(address, {"preset": "Any other"}).status_code == 404
    assert reader.get(url("task_frame", task.blinded_code, series.key, 3), {"preset": "Lung"}).status_code == 404


def test_the_pages_script_hears_which_numbers_lesions_got(task, reader):
    sent = posted(row(0, diameter_mm="41,5"), row(1, "non_target", organ="PLEURA"))
    answer = reader.post(url("task_save", task.blinded_code), sent, headers={"Accept": "application/json"})
    told = answer.json()
    assert told["version"] == 1
    assert told["lesions"] == {
        "lesion-0": {"number": 1, "label": "T01"},
        "lesion-1": {"number": 2, "label": "NT02"},
    }
    assert "41.5 mm" in told["result"]
    again = posted(row(0, number="1", diameter_mm="42"), row(1, "non_target", number="2", organ="PLEURA"), version=1)
    told = reader.post(url("task_save", task.blinded_code), again, headers={"Accept": "application/json"}).json()
    assert told["lesions"] == {}
    assert [(lesion.number, lesion.organ) for lesion in Lesion.objects.all()] == [(1, "LIVER"), (2, "PLEURA")]


def test_without_script_saving_comes_back_to_the_read(task, reader):
    answer = reader.post(url("task_save", task.blinded_code), posted(row(0, diameter_mm="40")))
    assert (answer.status_code, answer["Location"]) == (302, url("task", task.blinded_code))


def test_a_half_entered_draft_is_kept(task, reader):
    answer = reader.post(url("task_save", task.blinded_code), posted(row(0)))
    assert answer.status_code == 302
    assert Lesion.objects.count() == 1
    assert Measurement.objects.count() == 0


def test_what_cannot_be_read_is_marked_beside_its_field_and_nothing_is_saved(task, reader):
    sent = posted(row(0, diameter_mm="forty"))
    page = reader.post(url("task_save", task.blinded_code), sent)
    assert page.status_code == 422
    assert page.context["form"].errors == {"id_lesion-0-diameter_mm": ["Enter a number."]}
    assert 'value="forty"' in page.content.decode()
    told = reader.post(url("task_save", task.blinded_code), sent, headers={"Accept": "application/json"})
    assert (told.status_code, told.json()["code"]) == (422, "invalid")
    assert not Assessment.objects.exists()


@pytest.mark.parametrize("name", ["number", "part", "frame", "instance", "category", "state"])
def test_what_no_page_of_ours_would_send_is_refused_in_order(task, reader, name):
    for value in ("²", "-1", "9" * 5000, "\0", "<b>"):
        sent = posted(row(0, diameter_mm="40", **{name: value}))
        answer = reader.post(url("task_save", task.blinded_code), sent)
        assert answer.status_code in (302, 404, 409, 422)


def test_a_row_that_was_taken_away_removes_its_lesion(task, reader):
    reader.post(url("task_save", task.blinded_code), posted(row(0, diameter_mm="40"), row(1, diameter_mm="20")))
    gone = posted(row(0, number="1", diameter_mm="40"), row(1, number="2", removed="1"), version=1)
    reader.post(url("task_save", task.blinded_code), gone)
    assert [lesion.number for lesion in Lesion.objects.all()] == [1]


def test_where_a_lesion_was_seen_is_kept_by_the_keys_of_this_read(task, reader):
    picture = reader.get(url("task", task.blinded_code)).context["task"].series[0].slices[1]
    seen = row(0, diameter_mm="40", instance=picture.instance_key, frame=picture.frame)
    reader.post(url("task_save", task.blinded_code), posted(seen))
    page = reader.get(url("task", task.blinded_code))
    (lesion,) = page.context["task"].lesions
    assert lesion.present[0].slice == 2
    assert f'value="{picture.instance_key}"' in page.content.decode()


def test_a_draft_saved_in_another_window_asks_which_one_counts(task, reader):
    save = url("task_save", task.blinded_code)
    reader.post(save, posted(row(0, diameter_mm="40"), comment="first window"))
    mine = posted(row(0, diameter_mm="50"), comment="second window")
    quiet = reader.post(save, mine, headers={"Accept": "application/json"})
    assert (quiet.status_code, quiet.json()["code"]) == (409, "stale_draft")
    page = reader.post(save, mine)
    assert page.status_code == 409
    assert "Keep what I entered here" in words(page)
    assert Assessment.objects.get().comment == "first window"
    reader.post(save, {**mine, "overwrite": "1"})
    assert Assessment.objects.get().comment == "second window"
    assert [str(m.diameter_mm) for m in Measurement.objects.all()] == ["50.00"]


def test_a_signature_asks_for_what_is_open(task, reader):
    page = reader.post(url("task_sign", task.blinded_code), posted(row(0), password=PASSWORD))
    assert page.status_code == 422
    assert page.context["form"].errors == {"id_lesion-0-diameter_mm": ["Enter the longest diameter."]}
    assert ReadTask.objects.get(pk=task.pk).state == ReadState.READING


def test_what_the_criteria_forbid_is_listed_at_the_signature(task, reader):
    small = posted(row(0, diameter_mm="4"), password=PASSWORD)
    page = reader.post(url("task_sign", task.blinded_code), small)
    assert page.status_code == 422
    assert len(page.context["points"]) == 1
    assert page.context["points"][0] in unescape(page.content.decode())


def test_a_wrong_password_is_said_beside_its_field_and_the_entries_stay(task, reader):
    page = reader.post(url("task_sign", task.blinded_code), posted(row(0, diameter_mm="40"), password="another"))
    assert page.status_code == 422
    assert "the password is not yours" in str(page.context["sign_form"].errors["password"])
    assert 'value="40"' in page.content.decode()
    assert not Signature.objects.filter(object_type="reading.readtask").exists()


def test_a_signed_read_is_shown_with_its_signature_and_takes_no_entry(task, reader):
    answer = reader.post(url("task_sign", task.blinded_code), posted(row(0, diameter_mm="40"), password=PASSWORD))
    assert answer["Location"] == url("worklist")
    page = reader.get(url("task", task.blinded_code))
    assert page.context["editable"] is False
    assert "I am the author of this assessment" in words(page)
    assert 'name="lesion-0-diameter_mm"' not in page.content.decode()
    refused = reader.post(url("task_save", task.blinded_code), posted(row(0, number="1", diameter_mm="9"), version=1))
    assert refused.status_code == 409
    assert str(Measurement.objects.get().diameter_mm) == "40.00"


def test_lesions_are_carried_forward_with_what_was_measured_before(world, subject):
    world.clear("BL", subject)
    world.read_by_both("BL", baseline(40, 30))
    world.clear("W8", subject)
    task = world.task("W8", 1, subject)
    client = signed_in(task.reader)
    page = client.get(url("task", task.blinded_code))
    form = page.context["form"]
    assert [(r.label, r.carried) for shown in form.lists for r in shown.rows] == [
        ("T01", True),
        ("T02", True),
        ("NT03", True),
    ]
    assert "Timepoint 1 40.0 mm" in words(page)
    sent = posted(
        {"lesion-0-number": 1, "lesion-0-state": "MEASURED", "lesion-0-diameter_mm": "20", "lesion-0-part": 0},
        {"lesion-1-number": 1, "lesion-1-state": "MEASURED", "lesion-1-diameter_mm": "8", "lesion-1-part": 1},
        {"lesion-2-number": 2, "lesion-2-state": "ABSENT"},
        {"lesion-3-number": 3, "lesion-3-state": "PRESENT"},
        password=PASSWORD,
    )
    assert client.post(url("task_sign", task.blinded_code), sent).status_code == 302
    # A split lesion counts with the sum of its parts (RECIST 1.1 §4.3.2): 20 + 8, and 0 for what is gone.
    assert Assessment.objects.get(task=task).derivation["sum_mm"] == "28"


def test_a_lesion_that_cannot_be_evaluated_needs_a_reason_at_the_signature(world, subject):
    world.clear("BL", subject)
    world.read_by_both("BL", baseline(40, nontarget=False))
    world.clear("W8", subject)
    task = world.task("W8", 1, subject)
    client = signed_in(task.reader)
    client.get(url("task", task.blinded_code))
    sent = posted({"lesion-0-number": 1, "lesion-0-state": "NOT_EVALUABLE"}, password=PASSWORD)
    page = client.post(url("task_sign", task.blinded_code), sent)
    assert page.context["form"].errors == {"id_lesion-0-reason": ["Say why the lesion cannot be evaluated."]}
    sent["lesion-0-reason"] = "Metal artefact"
    assert client.post(url("task_sign", task.blinded_code), sent).status_code == 302


# --- adjudication ----------------------------------------------------------------------------------------------


def test_an_adjudicator_sees_two_unnamed_sides_and_what_differs(case):
    client = signed_in(case.adjudicator)
    assert case.blinded_code in words(client.get(url("adjudications")))
    page = client.get(url("adjudication", case.blinded_code))
    said = words(page)
    assert "Assessment A" in said
    assert "Assessment B" in said
    assert re.search(r"Overall response at Timepoint 2 ?: A (SD|PD) , B (SD|PD)", said)
    sent = page.content.decode()
    assert [hidden for hidden in (*HIDDEN, "reader-a", "Reader-A", "reader-b", "Reader-B") if hidden in sent] == []
    assert AuditEvent.objects.filter(action="adjudication.viewed", actor=case.adjudicator).count() == 1


def test_the_choice_needs_side_rationale_and_password(case):
    client = signed_in(case.adjudicator)
    address = url("adjudication", case.blinded_code)
    page = client.post(address, {"rationale": "short", "password": PASSWORD, "shown_sha256": shown(case)})
    assert set(page.context["form"].errors) == {"choice", "rationale"}
    choice = {"choice": "right", "rationale": "The liver lesion grew beyond doubt.", "password": "another"}
    choice["shown_sha256"] = shown(case)
    page = client.post(address, choice)
    assert set(page.context["form"].errors) == {"password"}
    assert Adjudication.objects.get().state == AdjudicationState.OPEN
    assert client.post(address, {**choice, "password": PASSWORD})["Location"] == url("adjudications")
    decided = Adjudication.objects.get()
    assert (decided.state, decided.chosen_slot) == (AdjudicationState.DECIDED, 3 - decided.left_slot)
    assert "The liver lesion grew beyond doubt." in words(client.get(address))


def test_pictures_of_a_case_go_to_its_adjudicator_only(world, case):
    page = signed_in(case.adjudicator).get(url("adjudication", case.blinded_code))
    series = page.context["case"].timepoints[0].series[0]
    address = url("adjudication_frame", case.blinded_code, series.key, 1)
    assert signed_in(case.adjudicator).get(address, {"preset": "Liver"})["Content-Type"] == "image/png"
    other = world.join("other-judge", Role.ADJUDICATOR)
    assert signed_in(other).get(address, {"preset": "Liver"}).status_code == 404


# --- managers, lock, package -----------------------------------------------------------------------------------


def test_progress_shows_who_reads_what_and_why_it_is_adjudicated_but_no_outcome(world, case):
    manager = world.join("manager", Role.READING_MANAGER)
    page = signed_in(manager).get(url("progress", world.trial.pk))
    said = words(page)
    assert SUBJECT_CODE in said
    assert "reader-a" in said
    assert "Overall response W8, W16" in said
    assert not re.search(r"\b(CR|PR|SD|PD)\b|40|60", page.content.decode().split('id="by-subject"')[1])
    assert [(r.reader.username, r.signed, r.total) for r in page.context["readers"]] == [
        ("reader-a", 3, 3),
        ("reader-b", 3, 3),
    ]


def test_agreement_is_a_table_with_intervals_or_reasons_and_a_figure(world, case):
    manager = world.join("manager", Role.READING_MANAGER)
    client = signed_in(manager)
    page = client.get(url("variability", world.trial.pk))
    figures = {figure.name: figure for _, group in page.context["groups"] for figure in group}
    assert figures["Lower limit of agreement"].n == 3
    assert figures["Cohen’s kappa"].reason or figures["Cohen’s kappa"].value
    assert page.content.decode().count("<svg xmlns") == len(FIGURES) == 9
    told = client.get(url("variability_json", world.trial.pk)).json()
    assert told["sums"]["pairs"][1]["subject"] == SUBJECT_CODE


@pytest.mark.parametrize("name", ["progress", "variability", "variability_json", "lock", "package"])
def test_readers_are_kept_from_the_managers_pages(world, name):
    assert signed_in(world.people["reader-a"]).get(url(name, world.trial.pk)).status_code == 403


def test_the_lock_page_lists_what_stands_in_the_way(world, case):
    page = signed_in(world.admin).get(url("lock", world.trial.pk))
    assert f"Adjudication {case.blinded_code} is not decided." in words(page)
    assert "Sign and lock" not in words(page)
    refused = signed_in(world.admin).post(
        url("lock", world.trial.pk), {"password": PASSWORD, "shown_sha256": shown(world.trial)}
    )
    assert refused.status_code == 409
    assert Trial.objects.get().state == TrialState.RUNNING


def test_before_the_lock_the_sponsor_sees_counts_and_no_outcome(world, case):
    sponsor = world.join("sponsor", Role.SPONSOR)
    page = signed_in(sponsor).get(url("package", world.trial.pk))
    said = words(page)
    assert "Not locked yet" in said
    assert page.context["steps"] == {
        "planned": 3,
        "received": 3,
        "missed": 0,
        "cleared": 3,
        "read": 3,
        "open_queries": 0,
    }
    assert not re.search(r"\b(CR|PR|SD|PD)\b", said)
    assert case.blinded_code not in said


@pytest.mark.slow
def test_the_signed_lock_builds_the_package_which_the_sponsor_downloads(world, case):
    sponsor = signed_in(world.join("sponsor", Role.SPONSOR))
    adjudicating.decide(
        adjudication=case,
        choice="left",
        rationale="As measured.",
        signature=Intent(PASSWORD),
        actor=case.adjudicator,
        at=AT,
    )
    admin, package = signed_in(world.admin), url("package", world.trial.pk)
    wrong = admin.post(url("lock", world.trial.pk), {"password": "another", "shown_sha256": shown(world.trial)})
    assert wrong.status_code == 422
    answer = admin.post(url("lock", world.trial.pk), {"password": PASSWORD, "shown_sha256": shown(world.trial)})
    assert answer["Location"] == package
    assert "The package is being built" in words(sponsor.get(package))
    jobs.drain()
    assert sponsor.get(package, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    export, trail = (Export.objects.get(kind=kind) for kind in ("endpoint-package", "audit-trail"))
    shown_on_page = words(sponsor.get(package))
    assert export.sha256 in shown_on_page
    assert trail.sha256 in shown_on_page
    taken = sponsor.get(url("package_download", export.pk))
    assert taken["Content-Disposition"] == f'attachment; filename="{export.file_name}"'
    assert len(taken.content) == export.size
    # Built again, it is the same package.
    assert admin.post(package)["Location"] == package
    assert Export.objects.filter(kind="endpoint-package").count() == 1
    stranger = User.objects.create_user("stranger", password=PASSWORD, is_staff=True)
    assert signed_in(stranger).get(url("package_download", export.pk)).status_code == 403
