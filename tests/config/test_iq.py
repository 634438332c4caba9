"""`manage.py iq`: what an installation rests on is looked at, the record is sealed, and what is wrong is named."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.core.management.base import CommandError

from compliance import checkpoints, keys, papers, printing
from compliance.models import AuditEvent
from config import checks
from config.validation import inspecting_code, inspecting_settings, records
from config.validation.records import CODE, code_version
from tests.factories import World
from tests.factories.world import AT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("REQ-OPS-002")]


@pytest.fixture(autouse=True)
def _only_our_own_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Django and the API's schema say of themselves takes seconds; `test_deploy_checks` hears it once."""
    monkeypatch.setattr(inspecting_settings, "run_checks", lambda **said: checks.run_checks(tags=[checks.TAG], **said))


@pytest.fixture
def unprinted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(papers, "sealed", lambda *_, **__: b"%PDF")


def inspected(world: World, folder: Path, **options: Any) -> dict[str, Any]:
    """Run the command and return its record; a failed check is in it."""
    with contextlib.suppress(CommandError):
        call_command("iq", username=world.founder.username, output=str(folder), **options)
    (path,) = folder.glob("iq-*.json")
    return dict(json.loads(path.read_text()))


def outcome(record: dict[str, Any], check: str) -> str:
    (found,) = [one for one in record["checks"] if one["check"] == check]
    return str(found["outcome"])


def test_an_installation_is_looked_at_and_the_record_is_sealed_and_in_the_trail(world: World, own_disk: Path) -> None:
    record = inspected(world, own_disk / "q", expect_code=code_version(CODE)["sources_sha256"])

    failed = [check for check in record["checks"] if check["outcome"] == "fail"]
    assert (failed, record["passed"]) == ([], True)
    assert outcome(record, "Release and digest of the installed code") == "pass"
    assert outcome(record, "Keys of the trials") == "pass"
    assert outcome(record, "Triggers that refuse to change a locked trial") == "pass"
    event = AuditEvent.objects.get(action="installation.iq")
    assert (event.actor, event.after and event.after["passed"]) == (world.founder, True)
    (paper,) = (own_disk / "q").glob("iq-*.pdf")
    assert signed(paper, own_disk)


def signed(paper: Path, folder: Path) -> bool:
    """Ask OpenSSL whether the signature of a PDF is of this installation and over all that it covers."""
    document = paper.read_bytes()
    begin = document.index(b"/ByteRange [") + len(b"/ByteRange [")
    start, hole, after, rest = (int(word) for word in document[begin : document.index(b"]", begin)].split())
    assert (start, after + rest) == (0, len(document))
    blob = bytes.fromhex(document[hole + 1 : after - 1].decode())
    (folder / "blob").write_bytes(blob[: 4 + int.from_bytes(blob[2:4], "big")])
    (folder / "covered").write_bytes(document[:hole] + document[after:])
    (folder / "certificate").write_bytes(papers.certificate(keys.of_audit()[-1]).public_bytes(papers.Encoding.PEM))
    command = [
        "openssl",
        "cms",
        "-verify",
        "-inform",
        "DER",
        "-in",
        "blob",
        "-content",
        "covered",
        "-binary",
        "-noverify",
    ]
    command += ["-certfile", "certificate", "-out", "told"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return done.returncode == 0


def test_a_changed_paper_no_longer_holds(world: World, own_disk: Path) -> None:
    key = keys.of_audit()[-1]
    paper = own_disk / "paper.pdf"
    paper.write_bytes(papers.sealed("<p>Passed.</p>", bytes(16), key, reason="Test", at=AT))
    assert signed(paper, own_disk)
    changed = bytearray(paper.read_bytes())
    changed[-30] ^= 1
    paper.write_bytes(changed)
    assert not signed(paper, own_disk)


@pytest.mark.usefixtures("unprinted")
def test_what_is_wrong_fails_it_by_name(world: World, own_disk: Path, settings: LazySettings) -> None:
    (Path(settings.KEYS_DIR) / f"{world.trial.code}.key").unlink()
    Path(settings.KEYS_DIR).chmod(0o755)
    settings.PUBLIC_URL = "http://lab.example.org"
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    settings.SPOOL_RESERVE_BYTES = 10**15
    settings.DICOM_TLS_PORT = 2762
    record = inspected(world, own_disk / "q", expect_code="0" * 64)

    assert not record["passed"]
    for check in (
        "Release and digest of the installed code",
        "manage.py check --deploy",
        "Second factor of everybody who sees images or results",
        "Address of the pages",
        "Cookies and HSTS",
        "Certificate of DICOM over TLS",
        "The folder of keys",
        "Keys of the trials",
        "Free space of the spool's disk",
    ):
        assert outcome(record, check) == "fail", check
    event = AuditEvent.objects.get(action="installation.iq")
    assert event.after
    assert "Keys of the trials" in event.after["failed"]


@pytest.mark.usefixtures("unprinted")
def test_a_forged_checkpoint_fails_it(world: World, own_disk: Path) -> None:
    checkpoints.make(at=AT)
    (path,) = checkpoints.folder().glob("*.json")
    path.write_text(path.read_text().replace("chains", "chainz"))
    assert outcome(inspected(world, own_disk / "q"), "The trail") == "fail"


@pytest.mark.usefixtures("unprinted")
def test_a_part_that_breaks_is_a_failed_check_and_the_others_go_on(
    world: World, own_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("nothing\nto see")

    monkeypatch.setattr(printing, "made_with", broken)
    record = inspected(world, own_disk / "q")
    (found,) = [check for check in record["checks"] if check["outcome"] == "fail"]
    assert (found["section"], found["found"]) == ("Software", "ZeroDivisionError: nothing to see")
    assert outcome(record, "The trail") == "pass"


def test_without_a_key_the_paper_says_that_it_is_not_signed(
    world: World, own_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    monkeypatch.setattr(keys, "of_audit", list)
    monkeypatch.setattr(printing, "pdf", lambda html, identifier: told.append(html) or b"%PDF")
    check = records.Check("S", "T", "E", "A", records.Outcome.PASS)
    record = records.Record("IQ", "Title", "About", "Ada", AT, AT, records.numbered([check]))
    kept = records.keep(record, own_disk)
    assert (kept.seal, kept.pdf) == ("", own_disk / "iq-20260302T090000.pdf")
    assert "not digitally signed" in told[0]
    assert kept.sha256 in told[0]


def test_nobody_who_is_not_there_runs_it(world: World) -> None:
    with pytest.raises(CommandError, match="Nobody who is active"):
        call_command("iq", username="nobody")


def test_packages_are_compared_by_their_normal_names(tmp_path: Path) -> None:
    lock = tmp_path / "requirements" / "runtime.txt"
    lock.parent.mkdir()
    lock.write_text(
        "# made by hand\n"
        "Some_Package.x==1.0 \\\n    --hash=sha256:00\n"
        "psycopg[binary]==3.3.9 ; python_version >= '3' \\\n"
        "never==1 ; python_version < '3'\n"
    )
    assert inspecting_code.locked(tmp_path) == {"some-package-x": "1.0", "psycopg": "3.3.9"}


@pytest.mark.usefixtures("unprinted")
def test_a_time_server_tells_how_far_the_clock_is_off(world: World, own_disk: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            _, peer = server.recvfrom(48)
            seconds = int(time.time()) + 2_208_988_800 + 60
            server.sendto(40 * b"\0" + struct.pack("!II", seconds, 0), peer)

        threading.Thread(target=answer, daemon=True).start()
        record = inspected(world, own_disk / "q", ntp=f"127.0.0.1:{server.getsockname()[1]}")
    assert outcome(record, "This machine's clock beside a time server's") == "fail"
