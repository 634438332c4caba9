"""`manage.py import_dicom`: what it takes, what it says, and with which code it ends."""

from __future__ import annotations

import errno
import io
import itertools
import json
import os
import re
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from compliance import audit, confined, jobs
from compliance.models import AuditEvent
from imaging.management.commands import import_dicom
from imaging.models import ReceivedInstance, Transfer
from imaging.services import importing, spool, uploading
from imaging.services.knowing import KnownFiles
from imaging.services.receiving import index_spool
from imaging.states import TransferState
from tests.factories import AT, PLANTED, World, encoded, make_world, scan, slice_of
from tests.imaging.intake.web import damaged, encrypted, stored, zipped
from tests.imaging.services.delivery import by_coordinator, by_scanner
from trials.models import Role

DISCS = Path(pydicom.data.__file__).parent / "test_files" / "dicomdirtests"
BASELINE = ("--subject", "N-001", "--timepoint", "BL")


@dataclass
class Ended:
    """How the command ended."""

    code: int
    said: str
    complained: str

    @property
    def result(self) -> dict[str, Any]:
        """What it wrote as JSON."""
        return json.loads(self.said)


def run(*arguments: object, site: str = "NORTH") -> Ended:
    """Run the command as a person does."""
    said, complained = io.StringIO(), io.StringIO()
    code = 0
    with redirect_stderr(complained):
        try:
            call_command("import_dicom", *map(str, arguments), "--site", site, stdout=said, stderr=complained)
        except SystemExit as end:
            code = int(end.code or 0)
        except CommandError as problem:
            code = problem.returncode
            complained.write(str(problem))
    return Ended(code, said.getvalue(), complained.getvalue())


def result_of(*arguments: object, code: int = 0) -> dict[str, Any]:
    """Run it for a script; return the result."""
    ended = run(*arguments, "--json")
    assert (ended.code, ended.result["exit_code"]) == (code, code)
    return ended.result


def work() -> dict[str, int]:
    """Index the spool and do the jobs; return how many instances are where."""
    index_spool(at=AT)
    jobs.drain()
    return dict(Counter(ReceivedInstance.objects.values_list("state", flat=True)))


def counts(result: dict[str, Any]) -> dict[str, int]:
    """How many files were taken, known, and refused for which reason."""
    refused: Counter[str] = Counter()
    for reason in result["refused"]:
        refused[reason["code"]] += reason["count"]
    return {"taken": result["taken"], "known": result["known"], **refused}


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the operator's, outside the installation's disk."""
    return tmp_path_factory.mktemp("archive")


@pytest.fixture
def scanned(folder: Path) -> Path:
    """A folder with a scan of three slices, in folders within folders."""
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    for number, content in enumerate(scan("N-001", slices=3)):
        (inner / f"IM{number}").write_bytes(content)
    return folder


# --- what is taken ------------------------------------------------------------------------------------------


def test_a_folder_of_any_depth_is_taken_and_worked_on(world: World, scanned: Path) -> None:
    ended = run(scanned)

    assert ended.code == 0
    assert "3  taken" in ended.said
    assert work() == {"archived": 3}
    transfer = Transfer.objects.get()
    assert (transfer.door, transfer.site, transfer.state) == ("command", world.north, TransferState.CLOSED)
    assert str(transfer.public_id) in ended.said
    assert {row.timepoint for row in transfer.instances.all()} == {world.timepoint("N-001", "BL")}


def test_files_and_folders_that_overlap_are_taken_once(world: World, scanned: Path) -> None:
    result = result_of(scanned / "a" / "b" / "IM0", scanned, scanned / "a")

    assert counts(result) == {"taken": 3, "known": 4}
    assert work() == {"archived": 3}


def test_images_go_to_the_timepoint_chosen(world: World, folder: Path) -> None:
    (folder / "IM").write_bytes(scan(None, slices=1)[0])

    assert result_of(folder, *BASELINE)["timepoint"] == "N-001 BL"
    assert work() == {"archived": 1}
    assert ReceivedInstance.objects.get().timepoint == world.timepoint("N-001", "BL")


def test_a_disc_is_read_as_plain_files_and_its_list_is_never_opened(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("77654033", "98892001", "98892003", "DICOMDIR"):
        copy = shutil.copytree if (DISCS / name).is_dir() else shutil.copy
        copy(DISCS / name, folder / name)
    proven: list[str] = []
    called = confined.call
    monkeypatch.setattr(confined, "call", lambda *args, **more: proven.append(args[1]) or called(*args, **more))

    result = result_of(folder)

    assert counts(result) == {"taken": 31, "known": 0}
    assert len(proven) == 31
    assert not any("DICOMDIR" in path for path in proven)


def test_the_list_of_a_disc_under_another_name_is_passed_over(world: World, scanned: Path) -> None:
    shutil.copy(DISCS / "DICOMDIR", scanned / "LIST")

    result = result_of(scanned)

    assert (counts(result), result["passed_over"]) == ({"taken": 3, "known": 0}, 1)


def test_the_instances_of_a_zip_are_taken_and_its_other_files_named_by_number(
    own_disk: Path, world: World, folder: Path
) -> None:
    files = {f"scan/{number}": content for number, content in enumerate(scan("N-001", slices=2))}
    (folder / "scan.bin").write_bytes(zipped({"readme.txt": b"see the images" * 20, **files}))

    result = result_of(folder, code=2)

    assert counts(result) == {"taken": 2, "known": 0, "not_dicom": 1}
    assert result["refused"][0]["paths"] == [f"{folder}/scan.bin, file 1"]
    assert work() == {"archived": 2}
    assert list((own_disk / "uploads").iterdir()) == []


def test_what_a_damaged_zip_held_before_the_damage_is_taken(world: World, folder: Path) -> None:
    one, two, three = scan("N-001", slices=3)
    (folder / "scan.zip").write_bytes(damaged({"1": one, "2": two, "3": three}, "2"))

    result = result_of(folder / "scan.zip", code=2)

    assert counts(result) == {"taken": 1, "known": 0, "archive_damaged": 1}


# --- again and again ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("indexed", [False, True])
def test_the_same_folder_again_takes_nothing_and_leaves_no_delivery(world: World, scanned: Path, indexed: bool) -> None:
    (scanned / "scan.zip").write_bytes(zipped({"1": scan("N-001", slices=4)[3]}))
    result_of(scanned)
    if indexed:
        work()

    result = result_of(scanned)

    assert (counts(result), result["delivery"]) == ({"taken": 0, "known": 4}, None)
    assert work() == {"archived": 4}
    assert Transfer.objects.count() == 1


def test_what_came_through_another_door_is_known(world: World, scanned: Path) -> None:
    by_scanner(world, scan("N-001", slices=2))

    assert counts(result_of(scanned)) == {"taken": 1, "known": 2}


def test_another_site_s_bytes_are_not_known(world: World, scanned: Path) -> None:
    by_scanner(world, scan("N-001", slices=3), site=world.south)

    assert counts(result_of(scanned)) == {"taken": 3, "known": 0}


def test_what_waits_without_a_place_is_taken_for_the_timepoint_chosen(world: World, folder: Path) -> None:
    content = scan(None, slices=1)[0]
    by_scanner(world, [content])
    (folder / "IM").write_bytes(content)

    assert counts(result_of(folder)) == {"taken": 0, "known": 1}
    assert counts(result_of(folder, *BASELINE)) == {"taken": 1, "known": 0}
    assert work() == {"held": 1, "archived": 1}


def test_what_lies_at_another_timepoint_is_said(world: World, folder: Path) -> None:
    content = scan(None, slices=1)[0]
    by_coordinator(world, [content], world.timepoint("N-001", "W8"))
    (folder / "IM").write_bytes(content)

    ended = run(folder, *BASELINE)

    assert "1 of those here already lie at N-001 W8. Check that they belong to the timepoint chosen." in ended.said


# --- what is refused ----------------------------------------------------------------------------------------


def test_refusals_are_counted_by_reason_with_the_first_paths(world: World, scanned: Path) -> None:
    for number in range(7):
        (scanned / f"note {number}.txt").write_bytes(b"Dear colleague, " * 20)
    (scanned / "empty").write_bytes(b"")
    (scanned / "cut").write_bytes(encoded(slice_of())[:-100])
    (scanned / "locked.zip").write_bytes(encrypted(encoded(slice_of())))

    ended = run(scanned)

    assert ended.code == 2
    assert "3  taken" in ended.said
    assert "10  refused" in ended.said
    assert re.findall(r"^ +(\d+)  (\w+):", ended.said, re.M) == [
        ("1", "truncated"),
        ("1", "empty_file"),
        ("1", "archive_encrypted"),
        ("7", "not_dicom"),
    ]
    assert f"{scanned}/note 4.txt" in ended.said
    assert f"{scanned}/note 5.txt" not in ended.said
    assert "and 2 more" in ended.said


def test_a_viewer_on_a_disc_may_be_passed_over(world: World, scanned: Path) -> None:
    (scanned / "VIEWER.EXE").write_bytes(b"MZ" + bytes(300))
    (scanned / "cut").write_bytes(encoded(slice_of())[:-100])

    assert counts(result_of(scanned, "--only-dicom", code=2)) == {"taken": 3, "known": 0, "truncated": 1}
    (scanned / "cut").unlink()
    result = result_of(scanned, "--only-dicom")
    assert (counts(result), result["passed_over"]) == ({"taken": 0, "known": 3}, 1)


def test_links_are_not_followed_and_those_that_lead_out_are_named(
    world: World, scanned: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "IM").write_bytes(scan("N-002", slices=1)[0])
    (scanned / "out").symlink_to(outside)
    (scanned / "out too").symlink_to(outside / "IM")
    (scanned / "nowhere").symlink_to(scanned / "gone")
    (scanned / "inside").symlink_to(scanned / "a")
    (scanned / "a" / "round").symlink_to(scanned)
    os.mkfifo(scanned / "pipe")

    result = result_of(scanned, code=2)

    assert counts(result) == {"taken": 3, "known": 0, "no_file": 4}
    assert result["refused"][0]["paths"] == [f"{scanned}/{name}" for name in ("nowhere", "out", "out too", "pipe")]


def test_a_link_that_the_operator_names_is_followed(world: World, scanned: Path, tmp_path: Path) -> None:
    (tmp_path / "disc").symlink_to(scanned)

    assert counts(result_of(tmp_path / "disc")) == {"taken": 3, "known": 0}


def test_what_cannot_be_read_is_named_and_the_rest_is_taken(
    world: World, scanned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scratched(path: Path) -> Iterator[bytes]:
        if path.name == "IM1":
            raise importing.Unreadable(OSError(errno.EIO, ""))
        yield path.read_bytes()

    monkeypatch.setattr(importing, "_pieces", scratched)

    result = result_of(scanned, scanned / "missing", code=2)

    assert counts(result) == {"taken": 2, "known": 0, "unreadable": 2}
    assert [reason["paths"] for reason in result["refused"]] == [[f"{scanned}/a/b/IM1"], [f"{scanned}/missing"]]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_without_the_rights_a_folder_is_named(world: World, scanned: Path) -> None:
    (scanned / "a").chmod(0)
    try:
        assert counts(result_of(scanned, code=2)) == {"taken": 0, "known": 0, "unreadable": 1}
    finally:
        (scanned / "a").chmod(0o700)


def test_a_file_that_grows_while_it_is_read_is_refused(
    world: World, scanned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prove(found: importing.Found) -> None:
        if found.path.name == "IM1":
            with found.path.open("ab") as file:
                file.write(b"more")

    monkeypatch.setattr(importing, "_prove", prove)

    assert counts(result_of(scanned, code=2)) == {"taken": 2, "known": 0, "changed": 1}


def test_names_on_old_discs_do_not_stop_it_and_do_not_reach_the_terminal(world: World, scanned: Path) -> None:
    odd = os.fsencode(scanned) + b"/\xe9t\x1b[2J\n.txt"
    with open(odd, "wb") as file:
        file.write(b"no image" * 40)

    ended = run(scanned)

    assert ended.code == 2
    assert f"{scanned}/\ufffdt\ufffd[2J\ufffd.txt" in ended.said


def test_nothing_of_a_header_is_said(world: World, scanned: Path) -> None:
    for arguments in (["--dry-run"], [], ["--dry-run", *BASELINE, "--json"]):
        ended = run(scanned, *arguments)
        assert not any(value in ended.said + ended.complained for value in (*PLANTED.values(), "MRN55667788"))


# --- codes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--site", "EAST"], "There is no site EAST."),
        (["--site", "NORTH", "--trial", "OTHER"], "There is no site NORTH in a trial OTHER."),
        (["--site", "NORTH", "--subject", "N-001"], "--subject and --timepoint go together."),
        (["--site", "NORTH", "--subject", "S-001", "--timepoint", "BL"], "Site NORTH has no subject S-001 with"),
        (["--site", "NORTH", "--as", "nobody"], "There is no user nobody."),
        (["--site", "NORTH", "--as", "outsider"], "Your role does not allow this step."),
        (["--site", "NORTH", "--as", "southern-coordinator"], "Your role does not allow this step."),
    ],
)
def test_what_is_not_there_ends_with_1(
    own_disk: Path, world: World, scanned: Path, arguments: list[str], sentence: str
) -> None:
    before = stored(own_disk)
    with pytest.raises(CommandError, match=re.escape(sentence)) as refused:
        call_command("import_dicom", str(scanned), *arguments)

    assert refused.value.returncode == 1
    assert stored(own_disk) == before


def test_a_database_that_does_not_answer_at_all_ends_with_3(
    world: World, scanned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(code: str, trial: str | None) -> None:
        raise OperationalError

    monkeypatch.setattr(import_dicom, "_site", away)

    ended = run(scanned)

    assert (ended.code, ended.said) == (3, "")
    assert ended.complained == (
        "The database did not answer. What was taken is safe. Run the same command again for the rest."
    )


def test_a_command_line_that_is_not_understood_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["PATH"], ["PATH", "--site", "NORTH", "--what"]):
        with pytest.raises(SystemExit) as ended:
            import_dicom.Command().run_from_argv(["manage.py", "import_dicom", *arguments])
        assert ended.value.code == 1
        assert "usage: manage.py import_dicom" in capsys.readouterr().err


def test_the_codes_are_in_the_help() -> None:
    help_text = import_dicom.Command().create_parser("manage.py", "import_dicom").format_help()

    assert import_dicom.CODES in help_text


def test_a_code_of_two_trials_needs_the_trial(world: World, scanned: Path) -> None:
    make_world("PLX-2", prefix="second-")

    ended = run(scanned)
    assert (ended.code, ended.complained) == (
        1,
        "Several trials have a site NORTH. Choose one with --trial: PLX-1, PLX-2.",
    )
    assert result_of(scanned, "--trial", "PLX-2")["trial"] == "PLX-2"


def test_a_locked_trial_takes_nothing(world: World, scanned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trials.models.Trial.frozen_by", lambda trial: "the trial is locked")

    ended = run(scanned)

    assert (ended.code, ended.complained) == (
        1,
        "Nothing was imported, because the trial is locked. Ask the trial administrator.",
    )


def test_a_full_disk_ends_with_3_and_the_next_run_takes_the_rest(
    own_disk: Path, world: World, scanned: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = spool.Landing.write

    def fills_up(landing: spool.Landing, chunk: bytes) -> None:
        if len(list((own_disk / "spool").glob("*/*.dcm"))) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        written(landing, chunk)

    with monkeypatch.context() as patch:
        patch.setattr(spool.Landing, "write", fills_up)
        result = result_of(scanned, code=3)
    assert counts(result) == {"taken": 2, "known": 0}
    assert "disk is nearly full" in result["stopped"]
    assert list((own_disk / "spool").glob("*/*.part")) == []

    assert counts(result_of(scanned)) == {"taken": 1, "known": 2}
    assert work() == {"archived": 3}


@pytest.mark.parametrize("zip_it", [False, True])
def test_it_stops_before_the_disk_is_full(world: World, scanned: Path, settings: LazySettings, zip_it: bool) -> None:
    if zip_it:
        (scanned / "0.zip").write_bytes(zipped({"1": encoded(slice_of())}))
    settings.SPOOL_RESERVE_BYTES = 1 << 60

    ended = run(scanned)

    assert ended.code == 3
    assert "0  taken" in ended.said
    assert "What was taken is safe. Run the same command again for the rest." in ended.said


def test_a_disk_that_does_not_take_what_a_zip_holds_is_no_fault_of_the_zip(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "scan.zip").write_bytes(zipped({"1": encoded(slice_of())}))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(confined, "call", full)

    assert counts(result_of(folder, code=3)) == {"taken": 0, "known": 0}


def test_a_database_that_does_not_answer_ends_with_3(
    world: World, scanned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = KnownFiles.place_of

    def fails_at_the_third(known: KnownFiles, sha256: str) -> Any:
        if len(known._lately) == 2:
            raise OperationalError
        return asked(known, sha256)

    monkeypatch.setattr(KnownFiles, "place_of", fails_at_the_third)

    result = result_of(scanned, code=3)

    assert (counts(result), result["stopped"]) == ({"taken": 2, "known": 0}, "The database did not answer.")


def test_an_interrupt_leaves_a_clean_state_and_says_what_is_safe(
    own_disk: Path, world: World, scanned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scanned / "a" / "b" / "z.zip").write_bytes(zipped({"1": scan("N-001", slices=4)[3]}))

    def interrupted(point: str) -> None:
        if point == "import.unpacked":
            raise KeyboardInterrupt

    monkeypatch.setattr(importing, "fault", interrupted)

    ended = run(scanned)

    assert ended.code == 130
    assert "3  taken" in ended.said
    assert "You interrupted it. What was taken is safe. Run the same command again for the rest." in ended.said
    assert list((own_disk / "uploads").iterdir()) == []
    assert Transfer.objects.get().state == TransferState.CLOSED
    assert work() == {"archived": 3}


# --- killed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "point",
    ["import.opened", "import.taken", "import.unpacked"],
)
@pytest.mark.django_db(transaction=True)
def test_killed_anywhere_and_run_again_it_has_everything_once(
    own_disk: Path, scanned: Path, settings: LazySettings, point: str
) -> None:
    make_world()
    (scanned / "z.zip").write_bytes(zipped({"1": scan("N-001", slices=4)[3]}))
    settings.FAULTS = True
    (own_disk / "faults").mkdir()
    (own_disk / "faults" / point).touch()

    # Two processes must not talk through one connection.
    connection.close()
    child = os.fork()
    if child == 0:
        run(scanned)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert (os.WIFSIGNALED(status), os.WTERMSIG(status)) == (True, signal.SIGKILL)

    again = counts(result_of(scanned))
    assert again["taken"] + again["known"] == 4
    assert work() == {"archived": 4}


def test_what_a_killed_run_had_unpacked_is_swept(own_disk: Path, world: World) -> None:
    old, new = own_disk / "uploads" / "import-old", own_disk / "uploads" / "import-new"
    for left in (old, new):
        left.mkdir(parents=True)
        (left / "1").write_bytes(b"instance")
    long_ago = (AT - 2 * uploading.KEPT_FOR).timestamp()
    os.utime(old, (long_ago, long_ago))
    os.utime(new, (AT.timestamp(), AT.timestamp()))

    uploading.sweep(at=AT)

    assert [path.name for path in (own_disk / "uploads").iterdir()] == ["import-new"]


# --- in whose name ------------------------------------------------------------------------------------------


def test_the_trail_says_who_ran_it_and_what_it_amounted_to(
    world: World, scanned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_dicom.getpass, "getuser", lambda: "ops")
    (scanned / "note.txt").write_bytes(b"Dear colleague, " * 20)

    run(scanned)

    transfer = Transfer.objects.get()
    assert (transfer.sender, transfer.uploaded_by) == ("ops", None)
    opened, imported = (audit.history(transfer).get(action=f"transfer.{what}") for what in ("opened", "imported"))
    assert {event.via for event in (opened, imported)} == {"import_dicom, ops"}
    assert {event.actor_name for event in (opened, imported)} == {"system"}
    assert imported.after == {"not_dicom": 1, "taken": 3}
    assert str(scanned) not in json.dumps(list(AuditEvent.objects.values("after", "before", "via")), default=str)


def test_a_person_may_be_named_who_may_upload(world: World, scanned: Path) -> None:
    run(scanned, "--as", world.coordinator.username)
    work()

    transfer = Transfer.objects.get()
    assert (transfer.sender, transfer.uploaded_by) == (world.coordinator.username, world.coordinator)
    actions = ("transfer.opened", "transfer.imported", "receivedinstance.received")
    events = audit.history(transfer).filter(action__in=actions)
    assert {(event.actor, event.role) for event in events} == {(world.coordinator, Role.SITE_COORDINATOR.label)}
    assert events.count() == 3


# --- rehearsed ----------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_happen_and_writes_nothing(own_disk: Path, world: World, scanned: Path) -> None:
    (scanned / "stranger").write_bytes(scan("X-999", slices=1, scan_number=2)[0])
    (scanned / "scan.zip").write_bytes(zipped({"1": scan("N-001", slices=4)[3]}))
    (scanned / "note.txt").write_bytes(b"Dear colleague, " * 20)
    before = sorted(path for path in own_disk.rglob("*") if "spool" not in path.parts)
    events = AuditEvent.objects.count()

    result = result_of(scanned, "--dry-run", code=2)

    assert (counts(result), result["delivery"]) == ({"taken": 5, "known": 0, "not_dicom": 1}, None)
    (forecast,) = result["forecast"]
    assert forecast["timepoint"] == "N-001 BL"
    assert forecast["series"] == [{"images": 4, "description": "CT, axial, 5 mm"}]
    blocking = [finding["sentence"] for finding in forecast["findings"] if finding["severity"] == "block"]
    assert blocking == ["The series has 4 slices; the charter asks for at least 30. Send the whole series."]
    assert result["held"] == [
        {
            "count": 1,
            "sentence": "No subject code of the trial is in the image. "
            "Assign it to its subject and timepoint, or set it aside.",
        }
    ]
    assert sorted(path for path in own_disk.rglob("*") if "spool" not in path.parts) == before
    assert list((own_disk / "spool").glob("*/*")) == []
    assert (AuditEvent.objects.count(), Transfer.objects.count()) == (events, 0)


def test_a_dry_run_in_words(world: World, scanned: Path) -> None:
    said = run(scanned, "--dry-run", *BASELINE).said

    assert "Site NORTH of PLX-1, N-001 BL: a dry run" in said
    assert "3  would be taken" in said
    assert "N-001 BL would get these series" in said
    assert re.search(r"block  The series has 3 slices", said)


def test_a_dry_run_looks_at_known_files_too_where_the_charter_is_asked(world: World, scanned: Path) -> None:
    by_scanner(world, scan("N-001", slices=2))

    result = result_of(scanned, "--dry-run", *BASELINE)

    assert counts(result) == {"taken": 1, "known": 2}
    assert result["forecast"][0]["series"] == [{"images": 3, "description": "CT, axial, 5 mm"}]


def test_a_dry_run_names_another_subject_than_the_one_chosen(world: World, folder: Path) -> None:
    (folder / "IM").write_bytes(scan("N-002", slices=1)[0])

    (held,) = result_of(folder, "--dry-run", *BASELINE)["held"]

    assert held["sentence"].startswith("The image names another subject of the trial than N-001")


# --- waited for ---------------------------------------------------------------------------------------------


def test_waiting_says_what_became_of_the_delivery(world: World, scanned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (scanned / "a" / "b" / "stranger").write_bytes(scan("X-999", slices=1, scan_number=2)[0])
    monkeypatch.setattr(import_dicom.time, "sleep", lambda seconds: work())

    series = result_of(scanned, "--wait")["series"]

    assert [(one["timepoint"], one["received"], one["archived"], one["held"]) for one in series] == [
        ("N-001 BL", 3, 3, 0),
        (None, 1, 0, 1),
    ]
    assert "No subject code of the trial is in the image." in series[1]["sentences"][0]


def test_waiting_may_be_interrupted_and_says_how_far_it_is(
    world: World, scanned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def indexed_and_then_interrupted(seconds: float) -> None:
        index_spool(at=AT)
        raise KeyboardInterrupt

    monkeypatch.setattr(import_dicom.time, "sleep", indexed_and_then_interrupted)

    result = result_of(scanned, "--wait", code=130)

    assert (counts(result), result["stopped"]) == ({"taken": 3, "known": 0}, "")
    assert [(one["received"], one["archived"]) for one in result["series"]] == [(3, 0)]


def test_waiting_long_asks_for_the_workers_once(world: World, scanned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = itertools.chain([dict, dict], itertools.repeat(work))
    monkeypatch.setattr(import_dicom, "_WORRY", -1)
    monkeypatch.setattr(import_dicom.time, "sleep", lambda seconds: next(pauses)())

    ended = run(scanned, "--wait")

    assert ended.code == 0
    assert ended.complained.count("Do the workers run (manage.py serve)?") == 1


def test_waiting_for_nothing_ends_at_once(world: World, scanned: Path) -> None:
    run(scanned)
    work()

    assert "series" not in result_of(scanned, "--wait")


def test_the_workers_are_rung_once_something_was_taken(
    world: World, scanned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung = []
    monkeypatch.setattr(import_dicom, "ring_index", lambda: rung.append(True))

    for _ in range(2):
        run(scanned)

    assert rung == [True]
