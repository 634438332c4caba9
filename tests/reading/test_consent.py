"""Consent is withdrawn: what becomes of images and reads by each rule, and what arrives later stays out."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from compliance import signing, storage
from compliance.models import AuditEvent
from compliance.signing import Intent, WrongPassword
from compliance.transitions import IllegalMove, ReasonRequired
from imaging.models import Instance, KnownPatient, QcReview, ReceivedInstance, Series, SeriesDisplay
from imaging.selectors import reviews_open
from imaging.services import copying, displaying, erasing, receiving, resolving, uploading, viewing
from imaging.services.archiving import file_instances
from imaging.services.consenting import ConsentWithdrawn
from imaging.services.viewing import NoSuchFrame
from imaging.states import HoldReason, OriginalState, ReceivedState
from reading import selectors
from reading.models import Adjudication, ReadTask
from reading.services import assessing
from reading.services.locking import readiness
from reading.states import AdjudicationState, ReadState
from tests.acceptance.workflow import CHARTER, Draw, Walk, entry_for
from tests.factories import AT, PASSWORD, make_user, make_world
from tests.support.shown import shown
from trials.models import Role, Subject, Timepoint
from trials.services import leaving, setting_up
from trials.services.leaving import WrongDay
from trials.states import SubjectState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_disk"), pytest.mark.requirement("REQ-PRI-001")]


@pytest.fixture
def walk(own_disk: object, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Walk]:
    monkeypatch.setattr("os.fsync", lambda _: None)

    def begun(rule: str) -> Walk:
        """N-001's baseline is signed by one of its readers, and the other has begun; its week 8 waits for QC."""
        terms = {**CHARTER, "quality_control": {}, "subjects": {"consent_withdrawn": rule}}
        world = make_world(charter=terms)
        second = make_user("second-reader")
        setting_up.grant_membership(trial=world.trial, user=second, role=Role.READER, actor=world.founder, at=AT)
        walk = Walk(world)
        baseline, week_8 = world.timepoint("N-001", "BL"), world.timepoint("N-001", "W8")
        walk.send(baseline, walk.new_scan(), day=baseline.day)
        walk.go_on(Draw(0, 0, way=4, size=20, right=True))
        walk.work()
        first, other = ReadTask.objects.filter(timepoint=baseline).order_by("slot")
        for task in (first, other):
            assessing.open_task(task=task, actor=task.reader, at=walk.at)
        entry = entry_for(first, Draw(0, 0, way=4, size=20, right=True))
        assessing.submit_read(task=first, entry=entry, signature=Intent(PASSWORD), actor=first.reader, at=walk.at)
        walk.send(week_8, walk.new_scan(), day=week_8.day)
        walk.work()
        return walk

    return begun


def withdrawn(
    walk: Walk, *, password: str = PASSWORD, reason: str = "By telephone", work: bool = True, **more: object
) -> Subject:
    subject = Subject.objects.get(code="N-001")
    leaving.withdraw_consent(
        subject=subject,
        **{"withdrawn_on": walk.at.date(), **more},  # type: ignore[arg-type]
        reason=reason,
        signature=Intent(password),
        actor=walk.world.coordinator,
        at=walk.at,
    )
    if work:
        walk.work()
    return subject


def reads() -> list[tuple[int, str]]:
    return list(ReadTask.objects.filter(timepoint__code="BL").order_by("slot").values_list("slot", "state"))


def images(code: str) -> list[tuple[str, bool]]:
    """Of each image at a timepoint of N-001: where it is in its life, and whether its bytes are in the archive."""
    found = Instance.objects.filter(series__imaging_study__timepoint__code=code)
    return [(one.stored_state, storage.of(storage.ARCHIVE).exists(one.archive_key)) for one in found]


def originals() -> set[tuple[str, bool]]:
    found = ReceivedInstance.objects.filter(timepoint__subject__code="N-001")
    return {(one.original_state, storage.of(storage.QUARANTINE).exists(one.quarantine_key)) for one in found}


def said(subject: Subject) -> dict[str, int]:
    return {one.what: one.count for one in leaving.consequences(subject)}


def test_kept_images_are_read_on(walk):
    walk = walk("keep")
    foretold = said(Subject.objects.get(code="N-001"))
    withdrawn(walk)
    assert foretold == {
        "Visits are expected no longer": 1,
        "Images stay in the archive": 4,
        "Images in quarantine are not taken up": 0,
        "Reads under way go on": 1,
        "Signed reads stay": 1,
    }
    assert reads() == [(1, ReadState.SUBMITTED), (2, ReadState.READING)]
    assert images("BL") == images("W8") == [(OriginalState.KEPT, True)] * 2
    task = ReadTask.objects.get(state=ReadState.READING)
    entry = entry_for(task, Draw(0, 0, way=4, size=20, right=True))
    assessing.submit_read(task=task, entry=entry, signature=Intent(PASSWORD), actor=task.reader, at=walk.at)


def test_what_may_be_used_no_further_is_closed_and_stays(walk):
    walk = walk("no_further_use")
    reader = ReadTask.objects.get(state=ReadState.READING).reader
    client = Client()
    client.force_login(reader)
    open_page = reverse("reading:task", args=[ReadTask.objects.get(state=ReadState.READING).blinded_code])
    assert client.get(open_page).status_code == 200

    subject = withdrawn(walk)

    assert reads() == [(1, ReadState.SUBMITTED), (2, ReadState.WITHDRAWN)]
    assert images("BL") == images("W8") == [(OriginalState.KEPT, True)] * 2
    assert originals() == {(OriginalState.KEPT, True)}
    assert not selectors.reads_open_for(reader).exists()
    assert client.get(open_page).status_code == 404
    listed = client.get(reverse("reading:worklist")).content.decode()
    assert "onsent" not in listed
    assert not [r for r in reviews_open(walk.world.analyst) if r.timepoint.subject == subject]
    assert not [b for b in readiness(walk.trial()) if "N-001" in b.sentence]


def test_what_is_erased_leaves_both_stores_but_for_what_a_signature_rests_on(walk):
    walk = walk("erase")
    for series in Series.objects.all():
        copying.prepare(series_id=series.pk, at=walk.at)
    foretold = said(Subject.objects.get(code="N-001"))
    withdrawn(walk)

    assert foretold == {
        "Visits are expected no longer": 1,
        "Images are erased from the archive": 2,
        "Images stay in the archive, as a signed read rests on them": 2,
        "Originals are erased from quarantine": 4,
        "Images in quarantine are not taken up": 0,
        "Reads under way are closed": 1,
        "Adjudications under way are closed": 0,
        "Signed reads stay": 1,
    }
    assert images("BL") == [(OriginalState.KEPT, True)] * 2
    assert images("W8") == [(OriginalState.GONE, False)] * 2
    shown = SeriesDisplay.objects.values_list("series__imaging_study__timepoint__code", flat=True)
    assert list(shown) == ["BL"]
    copies = {one: storage.of(storage.DISPLAY).exists(displaying.key_of(one)) for one in Instance.objects.all()}
    assert not [one for one, there in copies.items() if there and one.stored_state == OriginalState.GONE]
    assert originals() == {(OriginalState.GONE, False)}
    assert AuditEvent.objects.filter(action="instance.left", reason=erasing._WHY).get().after["count"] == 2
    series = Instance.objects.filter(stored_state=OriginalState.GONE).first().series
    with pytest.raises(NoSuchFrame, match="were erased, as consent was withdrawn"):
        viewing.frame_png(series=series, number=1, preset="", actor=walk.world.analyst, at=walk.at)
    client = Client()
    client.force_login(walk.world.analyst)
    review = QcReview.objects.filter(timepoint__code="W8").first()
    assert client.get(reverse("imaging:review", args=[review.pk])).status_code == 200
    # By it a later scan of the same person is recognised, under whatever code it comes.
    assert KnownPatient.objects.filter(timepoint__subject__code="N-001", timepoint__code="W8").exists()


def test_a_killed_erasure_goes_on_where_it_was(walk, monkeypatch):
    walk = walk("erase")
    subject = withdrawn(walk, work=False)
    for point in ("erased.said", "erased.bytes", "erased.leaving", "originals.bytes"):

        def killed(name: str, point: str = point) -> None:
            if name == point:
                raise RuntimeError(point)

        monkeypatch.setattr("imaging.services.erasing.fault", killed)
        monkeypatch.setattr("imaging.services.retaining.fault", killed)
        with pytest.raises(RuntimeError, match=point):
            erasing.erase(subject_id=subject.pk, at=walk.at)
    monkeypatch.undo()
    erasing.erase(subject_id=subject.pk, at=walk.at)

    assert images("W8") == [(OriginalState.GONE, False)] * 2
    assert originals() == {(OriginalState.GONE, False)}


@pytest.mark.requirement("REQ-PRI-001", "REQ-PRI-002")
@pytest.mark.parametrize("rule", ["keep", "erase"])
def test_what_arrives_later_is_held_with_a_sentence_and_never_archived(walk, rule):
    walk = walk(rule)
    subject = withdrawn(walk)
    week_16 = walk.world.timepoint("N-001", "W16")

    walk.send(week_16, walk.new_scan(), day=week_16.day)
    walk.work()

    held = ReceivedInstance.objects.filter(state=ReceivedState.HELD)
    assert set(held.values_list("hold_reason", "timepoint__code")) == {(HoldReason.CONSENT_WITHDRAWN, "W16")}
    assert held.first().hold_sentence.startswith("Consent of subject N-001 was withdrawn")
    assert images("W16") == []
    with pytest.raises(ConsentWithdrawn):
        resolving.resolve_held(
            transfer=held.first().transfer,
            instances=held,
            timepoint=week_16,
            actor=walk.world.analyst,
            at=walk.at,
        )
    erasing.sweep(at=walk.at)
    assert set(held.values_list("original_state", flat=True)) == {OriginalState.KEPT}

    resolving.discard_held(instances=held, reason="Sent by mistake", actor=walk.world.analyst, at=walk.at)
    erasing.sweep(at=walk.at)

    left = OriginalState.GONE if rule == "erase" else OriginalState.KEPT
    late = ReceivedInstance.objects.filter(timepoint__subject=subject, timepoint__code="W16")
    assert {(one.original_state, one.state) for one in late} == {(left, ReceivedState.DISCARDED)}


@pytest.mark.requirement("REQ-PRI-001", "REQ-PRI-002")
def test_an_upload_is_refused_whether_it_was_begun_before_or_not(walk):
    walk = walk("keep")
    week_16, coordinator = walk.world.timepoint("N-001", "W16"), walk.world.coordinator
    begun = receiving.open_transfer(timepoint=week_16, actor=coordinator, at=walk.at)
    withdrawn(walk)
    with pytest.raises(ConsentWithdrawn, match="N-001"):
        receiving.open_transfer(timepoint=week_16, actor=coordinator, at=walk.at)
    with pytest.raises(ConsentWithdrawn, match="N-001"):
        uploading.create_upload(transfer=begun, size=5, sha256="", kind="dicom", actor=coordinator, at=walk.at)


@pytest.mark.requirement("REQ-PRI-001", "REQ-PRI-002")
def test_images_on_their_way_into_the_archive_stay_out(walk, monkeypatch):
    walk = walk("no_further_use")
    week_16 = walk.world.timepoint("N-001", "W16")
    walk.send(week_16, walk.new_scan(), day=week_16.day)
    made: list[str] = []

    def meanwhile(cleaned, **more):
        if not made and any(one.timepoint.code == "W16" for one in cleaned):
            made.extend(one.archive_key for one in cleaned)
            leaving.withdraw_consent(
                subject=Subject.objects.get(code="N-001"),
                withdrawn_on=walk.at.date(),
                reason="By telephone",
                signature=Intent(PASSWORD),
                actor=walk.world.coordinator,
                at=walk.at,
            )
        return file_instances(cleaned, **more)

    monkeypatch.setattr("imaging.services.deidentifying.file_instances", meanwhile)
    walk.work()

    assert len(made) == 2
    assert not any(storage.of(storage.ARCHIVE).exists(key) for key in made)
    held = ReceivedInstance.objects.filter(state=ReceivedState.HELD)
    assert set(held.values_list("hold_reason", flat=True)) == {HoldReason.CONSENT_WITHDRAWN}


def test_an_adjudication_under_way_is_closed_and_no_read_is_accepted(walk):
    walk = walk("no_further_use")
    other = ReadTask.objects.get(state=ReadState.READING)
    entry = entry_for(other, Draw(0, 0, way=4, size=60, right=True))
    assessing.submit_read(task=other, entry=entry, signature=Intent(PASSWORD), actor=other.reader, at=walk.at)
    subject = Subject.objects.get(code="N-001")
    case = Adjudication.objects.create(
        subject=subject,
        adjudicator=walk.world.people[Role.ADJUDICATOR],
        blinded_code=f"A-{uuid4().hex[:6]}",
        triggers=[],
        left_slot=1,
        opened_at=walk.at,
    )

    withdrawn(walk)

    case.refresh_from_db()
    assert case.state == AdjudicationState.WITHDRAWN
    assert not selectors.adjudications_of(case.adjudicator).exists()


def test_the_act_is_signed_with_a_reason_on_a_day_that_was_and_once(walk):
    walk = walk("keep")
    with pytest.raises(WrongPassword):
        withdrawn(walk, password="another")
    with pytest.raises(ReasonRequired):
        withdrawn(walk, reason=" ")
    with pytest.raises(WrongDay):
        withdrawn(walk, withdrawn_on=walk.at.date().replace(year=2099))
    subject = withdrawn(walk)
    (signature,) = signing.signatures_on(subject)
    assert signing.still_holds(signature, subject)
    assert (subject.state, subject.images_rule) == (SubjectState.CONSENT_WITHDRAWN, "keep")
    with pytest.raises(IllegalMove):
        withdrawn(walk)


def test_the_page_says_what_follows_before_it_is_signed(walk):
    walk = walk("erase")
    subject = Subject.objects.get(code="N-001")
    client, url = Client(), reverse("trials:consent", args=[subject.pk])
    client.force_login(walk.world.coordinator)
    page = client.get(url).content.decode()
    assert "images so far are erased, but for those that a signed read rests on" in page
    assert "Originals are erased from quarantine" in page

    said = {"withdrawn_on": "2026-03-01", "reason": "By letter", "password": "wrong", "shown_sha256": shown(subject)}
    assert "password is not yours" in client.post(url, said).content.decode()
    done = client.post(url, {**said, "password": PASSWORD}, follow=True).content.decode()
    assert "Consent was withdrawn on 1 Mar 2026" in done
    assert Timepoint.objects.filter(subject=subject).count() == 3


def test_a_program_asks_what_follows_and_withdraws(walk):
    walk = walk("erase")
    subject = Subject.objects.get(code="N-001")
    client, url = Client(), f"/api/v1/subjects/{subject.pk}/withdraw_consent/"
    client.force_login(walk.world.coordinator)
    assert {one["what"]: one["count"] for one in client.get(url).json()} == said(subject)
    given = {"withdrawn_on": "2026-03-01", "reason": "By letter", "password": PASSWORD}
    given["shown_sha256"] = client.get(f"/api/v1/subjects/{subject.pk}/").json()["shown_sha256"]
    done = client.post(url, given, content_type="application/json").json()
    assert (done["state"], done["consent_withdrawn_on"]) == ("consent_withdrawn", "2026-03-01")
