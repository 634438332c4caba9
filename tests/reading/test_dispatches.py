"""Scheduled transfers: counts before the lock, the package after it, receipts, and nothing that tells an outcome."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from compliance import storage
from compliance.access import AccessDenied
from compliance.exporting import NotLocked
from compliance.models import AuditEvent, Job
from config import outlets
from reading.models import Assessment, Dispatch, DispatchPlan
from reading.services import dispatching
from reading.services.packaging import build_package
from tests.compliance import bucket
from tests.reading.exports import recorded
from tests.support import sftp_server
from tests.support.disarmed import disarm
from tests.support.tools import requires_tool
from trials.models import Role, Trial
from trials.states import TrialState

pytestmark = [pytest.mark.django_db, pytest.mark.one_database, pytest.mark.requirement("REQ-LOC-021")]

#: After the lock of the trial that is locked.
AT = dt.datetime(2026, 3, 3, 9, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
#: Put where an outcome could be taken from.
PLANTED = "OUTCOME-CANARY"


@pytest.fixture
def outbox(own_disk: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that transfers go to, under the name `sponsor`."""
    declare(settings, monkeypatch, OUTLETS=f"sponsor={own_disk / 'outbox'}")
    return own_disk / "outbox"


def declare(settings: LazySettings, monkeypatch: pytest.MonkeyPatch, **said: object) -> None:
    """Declare outlets as whoever runs the server does."""
    for name, value in said.items():
        monkeypatch.setenv(f"PARALLAX_{name}", str(value))
    settings.OUTLETS, stores = outlets.outlets()
    settings.STORAGES = {**copy.deepcopy(settings.STORAGES), **stores}


Held = Callable[[], dict[str, bytes]]


@pytest.fixture(params=["folder", "bucket", pytest.param("sftp", marks=requires_tool("sshd", "sftp", "ssh-keygen"))])
def outlet(
    request: pytest.FixtureRequest, own_disk: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Held]:
    """Declare an outlet of each kind in turn; what is given tells what lies there, by its name."""
    place = own_disk / "outlet"
    place.mkdir()
    with contextlib.ExitStack() as running:
        if request.param == "bucket":
            address = running.enter_context(bucket.serving(place / "log"))
            client = bucket.client(address)
            client.create_bucket(Bucket="sponsor")
            said = {"ENDPOINT": address, "ACCESS_KEY": "anybody", "SECRET_KEY": "anything"}
            keys = {f"OUTLETS_S3_{name}": value for name, value in said.items()}
            declare(settings, monkeypatch, OUTLETS="sponsor=s3://sponsor", **keys)
            yield lambda: {
                one["Key"]: client.get_object(Bucket="sponsor", Key=one["Key"])["Body"].read()
                for one in client.list_objects_v2(Bucket="sponsor").get("Contents", [])
            }
            return
        folder, said = place / "files", {"OUTLETS": f"sponsor={place / 'files'}"}
        if request.param == "sftp":
            server = running.enter_context(sftp_server.serving(place))
            keys = {"OUTLETS_SFTP_KEY_FILE": server.key_file, "OUTLETS_SFTP_KNOWN_HOSTS": server.known_hosts}
            folder, said = server.folder, {"OUTLETS": f"sponsor={server.address}", **keys}
        declare(settings, monkeypatch, **said)
        yield lambda: {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }


def planned(trial: Trial) -> DispatchPlan:
    administrator = recorded.member(trial, Role.TRIAL_ADMINISTRATOR)
    given = {"outlet": "sponsor", "every_days": 1, "first_at": AT}
    return dispatching.plan(trial=trial, **given, actor=administrator, at=AT - DAY)


def away(*given: object) -> str:
    raise storage.StoreUnavailable("The bucket is away; its answer quotes secrets.")


def sent(at: dt.datetime) -> Dispatch | None:
    """Do what the beat and the workers do at a time; return what was asked for."""
    before = set(Dispatch.objects.values_list("pk", flat=True))
    dispatching.send_what_is_due(at=at)
    dispatching.send_what_is_due(at=at)
    made = Dispatch.objects.exclude(pk__in=before)
    for one in made:
        dispatching.send(dispatch_id=one.pk, at=at)
        dispatching.send(dispatch_id=one.pk, at=at)
    return Dispatch.objects.filter(pk__in=[one.pk for one in made]).first()


def test_counts_leave_before_the_lock_with_a_receipt_and_no_outcome_by_any_outlet(outlet):
    trial = recorded.written()
    disarm()
    for one in Assessment.objects.all():
        derivation = {**one.derivation, "overall": PLANTED, "target": PLANTED}
        Assessment.objects.filter(pk=one.pk).update(derivation=derivation, comment=PLANTED)
    plan = planned(trial)
    assert sent(AT - dt.timedelta(minutes=1)) is None
    status = sent(AT)
    assert status is not None
    ((name, held),) = outlet().items()
    assert name == "PKG-01/PKG-01-status-20260303T0900Z.json"
    assert (status.state, status.what, status.answer) == ("sent", "status", dispatching.READ_BACK)
    assert status.sha256 == hashlib.sha256(held).hexdigest()
    assert status.place == "sponsor: PKG-01/PKG-01-status-20260303T0900Z.json"
    assert set(json.loads(held)) == {"trial", "state", "at", "sites"}
    assert set(json.loads(held)["sites"][0]) == {
        *("code", "name", "screened", "screen_failed", "enrolled", "expected", "received", "missed", "cleared", "read"),
        "open_queries",
    }
    receipt = AuditEvent.objects.get(action="dispatch.sent")
    for outcome in (PLANTED, "A-001", '"PR"', '"PD"'):
        assert outcome not in held.decode() + name + json.dumps(receipt.after)
    assert (receipt.trial_id, receipt.after["sha256"]) == (trial.pk, status.sha256)
    assert sent(AT + dt.timedelta(hours=3)) is None
    assert list(plan.dispatches.values_list("due_at", flat=True)) == [AT]


def test_before_the_lock_a_package_does_not_leave_even_if_one_was_built_and_fixed(outbox):
    """As after an unlock: what was on its way stays, and nothing else is sent in its place."""
    trial = recorded.build()
    build_package(trial=trial, actor=recorded.member(trial, Role.SPONSOR), at=AT)
    planned(trial)
    dispatching.send_what_is_due(at=AT)
    waiting = Dispatch.objects.get()
    with pytest.MonkeyPatch.context() as patched, pytest.raises(storage.StoreUnavailable):
        patched.setattr(dispatching.storage, "put", away)
        dispatching.send(dispatch_id=waiting.pk, at=AT)
    disarm()
    Trial.objects.filter(pk=trial.pk).update(state=TrialState.RUNNING)
    with pytest.raises(NotLocked):
        dispatching.send(dispatch_id=waiting.pk, at=AT)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.what, waiting.answer) == ("waiting", "package", dispatching.SAID["not_locked"])
    assert not list(outbox.rglob("*.*"))
    sent(AT + DAY)
    assert [path.suffix for path in outbox.rglob("*.*")] == [".json"]


def test_a_package_of_a_lock_before_is_not_that_of_this_one(outbox):
    trial = recorded.build()
    export = build_package(trial=trial, actor=recorded.member(trial, Role.SPONSOR), at=AT)
    planned(trial)
    disarm()
    Trial.objects.filter(pk=trial.pk).update(locked_at=export.created_at + dt.timedelta(hours=1))
    dispatching.send_what_is_due(at=AT + DAY)
    with pytest.raises(dispatching.NotYet):
        dispatching.send(dispatch_id=Dispatch.objects.get().pk, at=AT + DAY)
    assert not list(outbox.rglob("*.*"))


def test_after_the_lock_the_package_goes_once_and_is_the_one_that_was_built(outbox):
    trial = recorded.build()
    planned(trial)
    dispatching.send_what_is_due(at=AT)
    waiting = Dispatch.objects.get()
    with pytest.raises(dispatching.NotYet):
        dispatching.send(dispatch_id=waiting.pk, at=AT)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.tries, waiting.answer) == ("waiting", 1, dispatching.SAID["not_built_yet"])
    export = build_package(trial=trial, actor=recorded.member(trial, Role.SPONSOR), at=AT)
    dispatching.send(dispatch_id=waiting.pk, at=AT)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.what, waiting.sha256) == ("sent", "package", export.sha256)
    (file,) = outbox.rglob("*.zip")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == export.sha256
    assert sent(AT + 3 * DAY) is None


def test_what_fails_is_tried_again_with_the_same_bytes_given_up_and_tried_again_by_an_administrator(
    outbox, monkeypatch
):
    trial = recorded.written()
    plan = planned(trial)
    dispatching.send_what_is_due(at=AT)
    one = Dispatch.objects.get()

    with monkeypatch.context() as patched:
        patched.setattr(dispatching.storage, "put", away)
        with pytest.raises(storage.StoreUnavailable):
            dispatching.send(dispatch_id=one.pk, at=AT)
        one.refresh_from_db()
        fixed = (one.sha256, one.status)
        Dispatch.objects.filter(pk=one.pk).update(tries=dispatching.MOST_TRIES - 1)
        dispatching.send(dispatch_id=one.pk, at=AT + DAY)
    one.refresh_from_db()
    assert (one.state, one.answer) == ("failed", dispatching.SAID["store_unavailable"])
    with pytest.raises(AccessDenied):
        dispatching.retry(dispatch=one, actor=recorded.member(trial, Role.SPONSOR), at=AT)
    Job.objects.all().delete()
    dispatching.retry(dispatch=one, actor=plan.made_by, at=AT + DAY)
    assert Job.objects.get().kind == dispatching.JOB
    dispatching.send(dispatch_id=one.pk, at=AT + 2 * DAY)
    one.refresh_from_db()
    assert (one.state, one.sha256, one.status) == ("sent", *fixed)


def test_what_was_missed_is_one_transfer_and_an_ended_plan_sends_nothing(outbox):
    trial = recorded.written()
    plan = planned(trial)
    late = sent(AT + 5 * DAY + dt.timedelta(hours=2))
    assert late is not None
    assert (late.due_at, Dispatch.objects.count()) == (AT + 5 * DAY, 1)
    dispatching.send_what_is_due(at=AT + 6 * DAY)
    dispatching.end_plan(plan=plan, actor=plan.made_by, at=AT + 6 * DAY)
    waiting = Dispatch.objects.get(state="waiting")
    dispatching.send(dispatch_id=waiting.pk, at=AT + 6 * DAY)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.answer) == ("failed", dispatching.ENDED)
    assert sent(AT + 9 * DAY) is None


def test_the_page_plans_and_ends_for_administrators_and_shows_receipts_to_the_sponsor(outbox):
    trial = recorded.written()
    administrator, sponsor = (recorded.member(trial, role) for role in (Role.TRIAL_ADMINISTRATOR, Role.SPONSOR))
    door, page = Client(), f"/reading/trials/{trial.pk}/dispatches/"
    door.force_login(administrator)
    asked = {"act": "plan", "outlet": "sponsor", "every_days": "7", "first_at": "2099-01-01T09:00"}
    assert door.post(page, {**asked, "outlet": "/etc"}).status_code == 422
    past = door.post(page, {**asked, "first_at": "2001-01-01T09:00"})
    assert (past.status_code, past.context["form"]["first_at"].value()) == (422, "2001-01-01T09:00")
    assert '<details class="px-more" open><summary>Plan transfers' in past.content.decode()
    assert not DispatchPlan.objects.exists()
    assert door.post(page, asked).status_code == 302
    plan = DispatchPlan.objects.get()
    assert "are planned already" in door.post(page, asked).content.decode()
    dispatching.send_what_is_due(at=plan.first_at)
    (job,) = Job.objects.filter(kind=dispatching.JOB)
    dispatching.send(**job.args, at=plan.first_at)
    other = Client()
    other.force_login(sponsor)
    told = other.get(page).content.decode()
    assert Dispatch.objects.get().sha256 in told
    assert "Plan transfers" not in told
    assert other.post(page, {"act": "end", "plan": plan.pk}).status_code == 403
    # Ended twice it is told on the page itself, which can be loaded again.
    for _ in range(2):
        assert door.post(page, {"act": "end", "plan": plan.pk}).status_code == 302
    assert "has ended already" in door.get(page).content.decode()
    plan.refresh_from_db()
    assert plan.ended_by == administrator


@pytest.mark.parametrize(
    "said", ["here=folder", "here=ftp://host/folder", "here", "Here=/folder", "here=sftp://host/f", "a=sftp://u:pw@h/f"]
)
def test_a_place_that_is_none_stops_the_server_when_it_starts(monkeypatch, said):
    monkeypatch.setenv("PARALLAX_OUTLETS", said)
    with pytest.raises(ValueError, match="PARALLAX_OUTLETS"):
        outlets.outlets()
