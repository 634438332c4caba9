"""The Python client against a running server: resources, uploads, packages, and what it says when something fails."""

from __future__ import annotations

import doctest
import hashlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from parallax_client import (
    Bar,
    Conflict,
    Damaged,
    NotAllowed,
    NotFound,
    Parallax,
    Refused,
    SignInNeeded,
    TooMuch,
    Unreachable,
    errors,
    uploading,
)

from compliance.models import ApiToken, AuditEvent
from imaging.models import Transfer
from imaging.services.receiving import index_spool
from tests.clients.conftest import token_of
from tests.factories import AT, PASSWORD, World, make_world, scan
from tests.reading.exports import recorded
from trials.models import Role, Subject

ROOT = Path(settings.ROOT)
live = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.one_database,
]


@pytest.fixture
def trial(own_disk: Path, live_server: Any) -> World:
    return make_world()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scan of three slices, in folders, with a file that is none."""
    found = tmp_path / "scan"
    for number, content in enumerate(scan("N-001", slices=3)):
        path = found / f"series {number % 2}" / f"IM{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (found / "notes.txt").write_text("not an image")
    return found


Connect = Callable[..., Parallax]

# --- resources ---------------------------------------------------------------------------------------------------


class TestResources:
    pytestmark = live

    def test_rows_come_page_after_page(self, trial: World, connected: Connect) -> None:
        client = connected(trial.administrator)
        assert [one["code"] for one in client.subjects.each(page_size=2)] == ["N-001", "N-002", "S-001"]
        visits = list(client.timepoints.each(page_size=2))
        assert len(visits) == len({one["id"] for one in visits}) > 4
        assert [one["code"] for one in client.subjects.each(site=trial.south.pk)] == ["S-001"]

    def test_a_change_may_ask_that_nobody_was_there_before(self, trial: World, connected: Connect) -> None:
        client, subject = connected(trial.administrator), trial.subjects["N-001"].pk
        client.subjects.get(subject)
        told, body = client.subjects.etag(subject), {"arm": "B", "reason": "as randomised"}
        client.subjects.arm(subject, {"arm": "B", "reason": "as randomised"}, if_match=told)
        with pytest.raises(Conflict, match="changed since you read it"):
            client.subjects.arm(subject, {**body, "arm": "A"}, if_match='"another"')  # type: ignore[typeddict-item]

    def test_a_subject_is_enrolled_and_found_again(self, trial: World, connected: Connect) -> None:
        client = connected(trial.coordinator)
        made = client.subjects.create({"site": trial.north.pk, "code": "N-003", "reference_date": "2026-01-05"})
        assert made["state"] == "enrolled"
        assert client.subjects.get(made["id"]) == made
        event = AuditEvent.objects.filter(action="subject.enrolled", object_id=str(made["id"])).get()
        token = ApiToken.objects.get()
        assert (event.actor, event.via) == (trial.coordinator, f"127.0.0.1 by token {token.pk}")

    def test_a_draft_that_somebody_changed_is_not_overwritten(self, trial: World, connected: Connect) -> None:
        client = connected(trial.administrator)
        draft = client.trials.amend(trial.trial.pk)
        body: Any = {"content": {**draft["content"], "query_due_days": 3}, "change_summary": "Sooner"}
        client.charters.replace(draft["id"], body, if_match=draft["sha256"])
        with pytest.raises(Conflict):
            client.charters.replace(draft["id"], body, if_match=draft["sha256"])

    def test_what_is_refused_comes_with_the_sentence_of_the_api(self, trial: World, connected: Connect) -> None:
        client = connected(trial.coordinator)
        with pytest.raises(Conflict, match="Trial PLX-1 has a subject N-001 already") as caught:
            client.subjects.create({"site": trial.north.pk, "code": "N-001", "reference_date": "2026-01-05"})
        assert (caught.value.status, caught.value.code) == (409, "subject_exists")
        with pytest.raises(NotFound):
            client.subjects.get(trial.subjects["S-001"].pk)
        with pytest.raises(NotAllowed):
            client.trials.amend(trial.trial.pk)
        with pytest.raises(Refused) as faults:
            client.subjects.create({"site": trial.north.pk, "code": "N-004", "reference_date": "soon"})
        assert list(faults.value.fields) == ["reference_date"]

    def test_a_token_that_only_looks_changes_nothing(self, trial: World, connected: Connect) -> None:
        client = connected(trial.coordinator, may_change=False)
        before = Subject.objects.count()
        with pytest.raises(NotAllowed, match="only looks"):
            client.subjects.create({"site": trial.north.pk, "code": "N-003", "reference_date": "2026-01-05"})
        assert Subject.objects.count() == before
        assert list(client.subjects.each())

    def test_a_token_that_does_not_stand_opens_nothing(self, trial: World, live_server: Any) -> None:
        with Parallax(live_server.url, "plx_unknown") as client, pytest.raises(SignInNeeded, match="does not stand"):
            list(client.subjects.each())


# --- uploads -----------------------------------------------------------------------------------------------------


class TestUploads:
    pytestmark = [*live, pytest.mark.requirement("REQ-INT-009")]

    def test_a_folder_arrives_and_sending_it_again_sends_nothing(
        self, trial: World, connected: Connect, folder: Path
    ) -> None:
        client, baseline = connected(trial.coordinator), trial.timepoint("N-001", "BL").pk
        seen: list[tuple[int, int]] = []
        done = client.upload_folder(baseline, folder, progress=lambda *step: seen.append(step))
        assert (len(done.sent), done.refused, [one.name for one in done.not_dicom]) == (3, {}, ["notes.txt"])
        total = sum(path.stat().st_size for path in folder.rglob("IM*"))
        assert seen[-1] == (total, total)
        assert seen == sorted(seen)
        index_spool(at=AT)
        assert client.transfers.get(done.transfer)["total"] == 3
        again = client.upload_folder(baseline, folder)
        assert (again.transfer, again.sent, len(again.already_there)) == ("", [], 3)
        assert Transfer.objects.count() == 1

    def test_what_broke_off_goes_on_where_it_stopped(
        self, trial: World, connected: Connect, folder: Path, monkeypatch: Any, waits: list[float]
    ) -> None:
        monkeypatch.setattr(uploading, "PIECE", 512)
        client, baseline = connected(trial.coordinator), trial.timepoint("N-001", "BL").pk
        ask, sent, broken = client._transport.ask, [], []

        def break_off(method: str, path: str, **more: Any) -> Any:
            if method == "PATCH" and not broken:
                ask(method, path, **more)
                broken.append(path)
                raise Unreachable("The answer was lost.")
            sent.append((method, len(more.get("content") or b"")))
            return ask(method, path, **more)

        monkeypatch.setattr(client._transport, "ask", break_off)
        done = client.upload_folder(baseline, folder)
        assert (len(done.sent), len(broken), len(waits)) == (3, 1, 1)
        total = sum(path.stat().st_size for path in folder.rglob("IM*"))
        assert sum(size for _, size in sent) == total - 512

    def test_a_file_that_the_server_does_not_take_is_named_and_the_others_arrive(
        self, trial: World, connected: Connect, folder: Path
    ) -> None:
        bad = folder / "IM9"
        bad.write_bytes(next(folder.rglob("IM0")).read_bytes()[:400])
        done = connected(trial.coordinator).upload_folder(trial.timepoint("N-001", "BL").pk, folder)
        assert (len(done.sent), list(done.refused)) == (3, [bad])

    def test_whoever_may_not_upload_there_is_told(self, trial: World, connected: Connect, folder: Path) -> None:
        with pytest.raises(NotFound):
            connected(trial.coordinator).upload_folder(trial.timepoint("S-001", "BL").pk, folder)
        with pytest.raises(NotAllowed, match="only looks"):
            connected(trial.coordinator, may_change=False).upload_folder(trial.timepoint("N-001", "BL").pk, folder)


# --- packages ----------------------------------------------------------------------------------------------------


class TestPackages:
    pytestmark = live

    def test_a_package_is_taken_and_a_broken_download_of_images_goes_on(
        self, own_disk: Path, live_server: Any, connected: Connect, tmp_path: Path
    ) -> None:
        from reading.services.packaging import build_package
        from reading.services.packaging_images import build_images

        trial = recorded.written()
        recorded.archive_images()
        recorded.lock(trial)
        sponsor = recorded.member(trial, Role.SPONSOR)
        package = build_package(trial=trial, actor=sponsor, at=recorded.LOCKED_AT)
        images = build_images(trial=trial, subject=None, actor=sponsor, at=recorded.LOCKED_AT)
        client = connected(sponsor)
        (listed,) = client.packages.each()
        taken = client.download_package(listed["id"], tmp_path / "package.zip")
        assert hashlib.sha256(taken.read_bytes()).hexdigest() == package.sha256 == listed["sha256"]

        steps: list[int] = []
        whole = client.download_images(images.pk, tmp_path / "whole.zip").read_bytes()
        part = tmp_path / "images.zip.part"
        part.write_bytes(whole[:1000])
        taken = client.download_images(images.pk, tmp_path / "images.zip", progress=lambda done, _: steps.append(done))
        assert (taken.read_bytes() == whole, steps[0], part.exists()) == (True, 1000, False)
        part.write_bytes(bytes(1000))
        with pytest.raises(Damaged):
            client.download_images(images.pk, tmp_path / "images.zip")
        assert not part.exists()


# --- tries -------------------------------------------------------------------------------------------------------


class _Script(BaseHTTPRequestHandler):
    """Answers what it is told, one after the other."""

    answers: list[tuple[int, dict[str, str], bytes]]
    asked: list[tuple[str, str]]
    keys: list[str | None]
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path))
        self.keys.append(self.headers.get("Idempotency-Key"))
        status, headers, body = self.answers.pop(0)
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_HEAD = _answer

    def log_message(self, *said: object) -> None:
        """Say nothing."""


@pytest.fixture
def script() -> Iterator[tuple[type[_Script], str]]:
    kind = type("Script", (_Script,), {"answers": [], "asked": [], "keys": []})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield kind, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


_PAGE = (200, {}, b'{"count": 0, "next": null, "previous": null, "results": []}')


def test_who_is_asked_to_come_later_waits_as_long_as_said(script: Any, waits: list[float]) -> None:
    kind, url = script
    kind.answers += [(503, {"Retry-After": "7"}, b""), (429, {"Retry-After": "2"}, b""), _PAGE]
    with Parallax(url, "t", wait=waits.append) as client:
        assert list(client.subjects.each()) == []
    assert waits == [7.0, 2.0]


def test_after_the_last_try_the_sentence_is_told(script: Any, waits: list[float]) -> None:
    kind, url = script
    kind.answers += [(503, {}, b'{"code": "unavailable", "detail": "Later."}')] * 3
    with Parallax(url, "t", tries=3, wait=waits.append) as client, pytest.raises(TooMuch, match="Later"):
        list(client.subjects.each())
    assert len(waits) == 2
    assert waits[0] < waits[1]


def test_what_has_no_answer_is_sent_again_a_change_under_its_key(script: Any, waits: list[float]) -> None:
    kind, url = script
    kind.answers += [(0, {}, b""), _PAGE, (0, {}, b""), (201, {}, b"{}"), (201, {}, b"{}")]
    with Parallax(url, "t", wait=waits.append) as client:
        assert list(client.subjects.each()) == []
        client.trials.amend(1)
        client.trials.amend(1)
    assert [method for method, _ in kind.asked] == ["GET", "GET", "POST", "POST", "POST"]
    first, again, another = kind.keys[2:]
    assert first == again != another


def test_an_address_where_nobody_is_says_so(waits: list[float]) -> None:
    client = Parallax("http://127.0.0.1:9", "t", tries=2, wait=waits.append)
    with pytest.raises(Unreachable, match="Check the address"):
        list(client.subjects.each())
    with pytest.raises(ValueError, match="https://"):
        Parallax("imaging.example.org", "t")


def test_faults_without_a_sentence_become_one() -> None:
    found = errors.error_of(400, b'{"site": ["This field is required."], "code": "X"}')
    assert (type(found), found.sentence) == (Refused, "site: This field is required.")
    assert errors.error_of(500, b"<html>").sentence == "The server answered 500."


def test_a_bar_says_how_far_it_is(capsys: Any) -> None:
    bar = Bar("scan", width=4)
    bar(0, 2000)
    bar(1000, 2000)
    bar(2000, 2000)
    assert capsys.readouterr().err == (
        "\rscan [....]   0% of 2.0 kB\rscan [##..]  50% of 2.0 kB\rscan [####] 100% of 2.0 kB\n"
    )


# --- what is written of it ---------------------------------------------------------------------------------------


def test_its_types_and_resources_are_those_of_the_api() -> None:
    script = ROOT / "scripts" / "python_client.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.django_db(transaction=True)
@pytest.mark.one_database
def test_the_examples_of_its_page_run(trial: World, live_server: Any, folder: Path, monkeypatch: Any) -> None:
    baseline = trial.timepoint("N-001", "BL").pk
    known = {
        "Parallax": Parallax,
        "url": live_server.url,
        "token": token_of(trial.coordinator),
        "site": trial.north.pk,
        "timepoint": baseline,
        "folder": folder,
    }
    page = ROOT / "clients" / "python" / "README.md"
    found = doctest.testfile(str(page), module_relative=False, globs=known, optionflags=doctest.ELLIPSIS)
    assert (found.failed, found.attempted > 8) == (0, True)
    assert PASSWORD not in page.read_text("utf-8")
