"""`manage.py serve`: one family of processes that starts, recovers and ends together, and that peers can talk to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.factories import scan
from tests.support.installation import MEMBERS, ROOT, Installation, free_port
from tests.support.tools import requires_tool, tool

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="process groups are listed as Linux does")


@pytest.fixture(scope="module")
def house(installation: Installation) -> Installation:
    """An installation with a trial, whose family runs."""
    installation.make_world()
    installation.start(PARALLAX_FAULTS="1")
    return installation


def eventually(true: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait for something to become true."""
    patience = time.monotonic() + seconds
    while not true() and time.monotonic() < patience:
        time.sleep(0.1)
    return true()


@linux
def test_three_members_run(house: Installation) -> None:
    assert len({house.pid_of(member) for member in MEMBERS}) == 3
    assert {house.pid_of(member) for member in MEMBERS} <= house.processes()


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_that_is_killed_comes_back(house: Installation, member: str) -> None:
    dead = house.kill(member)

    assert eventually(lambda: house.pid_of(member) != dead)
    house.wait_until_open()
    assert f"{member} ended (status -9); starting it again" in house.log


@requires_tool("echoscu")
def test_dcmtk_hears_an_echo(house: Installation) -> None:
    echo = [tool("echoscu"), "-aet", "NORTH_CT", "-aec", "PARALLAX", "127.0.0.1", str(house.dicom_port)]

    assert subprocess.run(echo, timeout=60).returncode == 0


@requires_tool("storescu")
def test_what_dcmtk_stores_is_in_the_archive(house: Installation, tmp_path: Path) -> None:
    for number, file in enumerate(scan("N-001", slices=3)):
        (tmp_path / f"{number}.dcm").write_bytes(file)
    store = [tool("storescu"), "-aet", "NORTH_CT", "-aec", "PARALLAX", "+sd", "127.0.0.1", str(house.dicom_port)]

    assert subprocess.run([*store, str(tmp_path)], timeout=60).returncode == 0

    house.wait_until_quiet()
    assert [row["state"] for row in house.rows("SELECT state FROM imaging_receivedinstance")] == ["archived"] * 3


@requires_tool("storescu")
def test_a_test_study_is_counted_once_and_gone_though_the_worker_dies_over_it(
    house: Installation, tmp_path: Path
) -> None:
    before = house.rows("SELECT count(*) AS number FROM imaging_receivedinstance")
    (house.data_dir / "faults").mkdir()
    (house.data_dir / "faults" / "tested.counted").touch()
    for number, file in enumerate(scan("N-001", slices=3)):
        (tmp_path / f"{number}.dcm").write_bytes(file)
    store = [tool("storescu"), "-aet", "NORTH_CT", "-aec", "PARALLAX_TEST", "+sd", "127.0.0.1", str(house.dicom_port)]

    assert subprocess.run([*store, str(tmp_path)], timeout=60).returncode == 0

    assert eventually((house.data_dir / "faults" / "tested.counted.done").exists, 120)
    house.wait_until_quiet()
    (test,) = house.rows("SELECT images, passed FROM imaging_connectiontest")
    assert (test["images"], bool(test["passed"])) == (3, True)
    assert list((house.data_dir / "spool").rglob("*.dcm")) == []
    assert house.rows("SELECT count(*) AS number FROM imaging_receivedinstance") == before


@linux
def test_the_members_do_not_outlive_a_supervisor_that_is_killed(house: Installation) -> None:
    members = house.processes()
    assert members
    assert house.process is not None

    house.process.kill()
    house.process.wait(timeout=60)
    house.process = None

    assert eventually(lambda: not any(_lives(pid) for pid in members))


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_whole_family_without_an_error(house: Installation, number: signal.Signals) -> None:
    if house.process is None:
        house.start()
    members = house.processes()
    said = len(house.log)

    status = house.stop(number)

    assert status == 0
    assert members
    assert [pid for pid in members if _lives(pid)] == []
    assert "Traceback" not in house.log[said:]
    assert list((house.data_dir / "run").iterdir()) == []


@pytest.mark.parametrize(
    ("who", "setting"), [("web server", "PARALLAX_WEB_PORT"), ("DICOM receiver", "PARALLAX_DICOM_PORT")]
)
def test_a_port_that_is_taken_is_said_in_a_sentence(installation: Installation, who: str, setting: str) -> None:
    installation.data_dir.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ports = {"PARALLAX_WEB_PORT": str(free_port()), "PARALLAX_DICOM_PORT": str(free_port()), setting: str(port)}
        done = subprocess.run(
            [sys.executable, "manage.py", "serve"],
            cwd=ROOT,
            env=installation.environment | ports,
            capture_output=True,
            text=True,
            timeout=120,
        )

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.strip() == (
        f"CommandError: The {who} cannot listen on 127.0.0.1:{port}: Address already in use. "
        f"Stop what uses the port, or choose another with {setting}."
    )


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
