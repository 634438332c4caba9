"""`manage.py deidentify`: what it makes of a folder, what it says, and with which code it ends."""

from __future__ import annotations

import csv
import errno
import fcntl
import hashlib
import io
import json
import os
import stat
import subprocess
import sys
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command
from pydicom import dcmread
from pydicom.dataset import Dataset

from compliance import confined
from compliance.errors import HouseError
from imaging.deid.naming import Names
from imaging.deid.recipe import standard_terms
from imaging.management.commands import deidentify
from imaging.services import cleaning
from tests.factories import PLANTED, SECRET, World, encoded, scan, slice_of
from tests.imaging.intake.web import zipped

pytestmark = pytest.mark.one_database

RECIPE = """\
identifier: own
version: "1"
options: [retain_longitudinal_modified_dates, retain_patient_characteristics]
"""


@dataclass
class Ended:
    """How the command ended."""

    code: int
    said: str
    complained: str


@dataclass
class Desk:
    """A folder of a site, with what lies around it."""

    home: Path

    @property
    def source(self) -> Path:
        return self.home / "in"

    @property
    def target(self) -> Path:
        return self.home / "out"

    def put(self, name: str, content: bytes) -> Path:
        """Put a file into the folder."""
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def run(self, *arguments: object, source: Path | None = None, target: Path | None = None) -> Ended:
        """Run the command as a person does, with one key and the tests' recipe."""
        given = [source or self.source, target or self.target, *arguments]
        if "--key" not in arguments and "--trial" not in arguments:
            given += ["--key", self.home / "key"]
        if "--recipe" not in arguments and "--trial" not in arguments:
            (self.home / "recipe.yaml").write_text(RECIPE)
            given += ["--recipe", self.home / "recipe.yaml"]
        said, complained = io.StringIO(), io.StringIO()
        code = 0
        with redirect_stderr(complained):
            try:
                call_command("deidentify", *map(str, given), stdout=said, stderr=complained)
            except SystemExit as end:
                code = int(end.code or 0)
            except CommandError as problem:
                code = problem.returncode
                complained.write(str(problem))
        return Ended(code, said.getvalue(), complained.getvalue())

    def report_of(self, *arguments: object, code: int = 0, **paths: Path) -> dict[str, Any]:
        """Run it and read its report."""
        ended = self.run("--report", self.home / "report.json", *arguments, **paths)
        assert (ended.code, ended.complained) == (code, "")
        return json.loads((self.home / "report.json").read_bytes())

    def outputs(self, target: Path | None = None) -> dict[str, bytes]:
        """What lies in the output, by its path there."""
        top = target or self.target
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}

    def datasets(self) -> list[Dataset]:
        """The outputs in the order of their instance numbers."""
        made = [dcmread(io.BytesIO(content)) for content in self.outputs().values()]
        return sorted(made, key=lambda dataset: (dataset.SeriesInstanceUID, dataset.InstanceNumber))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "in").mkdir()
    return Desk(tmp_path)


@pytest.fixture
def upload(desk: Desk) -> Desk:
    """A folder as hospitals send them: names of patients, a disc's list and viewer, a letter."""
    for number, content in enumerate(scan(None, slices=3)):
        desk.put(f"Quillbrook_Perpetua_19471123/CT/IM{number}", content)
    desk.put("DICOMDIR", b"list of the disc")
    desk.put("Quillbrook_Perpetua_19471123/.DS_Store", b"leavings")
    desk.put("Quillbrook_Perpetua_19471123/Letter to Dr Zaneveld.txt", b"Dear Dr. Zaneveld")
    return desk


def outcomes(report: dict[str, Any]) -> dict[str, int]:
    """How many files had which end."""
    return report["totals"]["outcomes"]


# --- what leaves --------------------------------------------------------------------------------------------


def test_a_folder_leaves_with_its_layout_and_without_a_name(upload: Desk) -> None:
    report = upload.report_of(code=3)

    assert outcomes(report) == {"cleaned": 3, "held": 1, "passed_over": 2}
    assert report["totals"]["reasons"] == {"leavings": 1, "media_directory": 1, "not_dicom": 1}
    outputs = upload.outputs()
    assert {path.count("/") for path in outputs} == {2}
    assert len({path.rpartition("/")[0] for path in outputs}) == 1
    said = json.dumps(report)
    for value in (*PLANTED.values(), "Quillbrook", "Zaneveld", "IM0", "Letter", "DICOMDIR"):
        assert value not in said
        assert not any(value in path or value.encode() in content for path, content in outputs.items())


def test_the_instances_agree_with_each_other_and_say_what_was_done(upload: Desk) -> None:
    upload.run()

    one, two, three = upload.datasets()
    assert one.PatientID == one.PatientName == one.ClinicalTrialSubjectID
    assert one.PatientID.startswith("S-")
    assert one.PatientID == two.PatientID == three.PatientID
    assert one.StudyInstanceUID == two.StudyInstanceUID
    assert len({one.SOPInstanceUID, two.SOPInstanceUID, three.SOPInstanceUID}) == 3
    assert (one.PatientIdentityRemoved, one.ClinicalTrialProtocolID) == ("YES", "own")
    assert [code.CodeValue for code in one.DeidentificationMethodCodeSequence] == ["113100", "113107", "113108"]
    assert one.ClinicalTrialSiteID == ""  # nobody knows it, and the module is not valid without
    assert "ClinicalTrialTimePointID" not in one


def test_one_file_may_be_named(desk: Desk) -> None:
    path = desk.put("Quillbrook.dcm", scan(None, slices=1)[0])

    assert outcomes(desk.report_of(source=path)) == {"cleaned": 1}
    (name,) = desk.outputs()
    assert "/" not in name


def test_files_of_a_person_are_cleaned_of_what_the_others_say(desk: Desk) -> None:
    one = {"PatientID": "MRN1234567", "PatientName": "Müller^Jörg", "SeriesDescription": "arterial"}
    other = {"PatientID": "mrn1234567 ", "PatientName": "Mueller^Joerg", "SeriesDescription": "portal, Jörg Müller"}
    for number, values in enumerate((one, other), start=1):
        desk.put(str(number), encoded(slice_of(number, SpecificCharacterSet="ISO_IR 192", **values)))
    (desk.home / "default.json").write_text(json.dumps(standard_terms(deidentify.DEFAULT)))

    report = desk.report_of("--recipe", desk.home / "default.json")

    assert report["totals"]["subjects"] == 1
    assert [dataset.SeriesDescription for dataset in desk.datasets()] == ["arterial", "portal"]


def test_people_are_told_apart(desk: Desk) -> None:
    for number, values in enumerate(
        [
            {"PatientID": "A1", "PatientName": "One^A"},
            {"PatientID": "A2", "PatientName": "Two^B"},
            {"PatientID": None, "PatientName": "two^b"},
        ]
    ):
        desk.put(str(number), encoded(slice_of(number + 1, scan_number=number + 1, **values)))

    report = desk.report_of()

    assert report["totals"]["subjects"] == 2
    assert len({one["subject"] for one in report["files"]}) == 2


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("letter", b"Dear Dr. Zaneveld", "not_dicom"),
        ("nothing", b"", "empty_file"),
        ("scans.zip", zipped({"1": b"1"}), "archive"),
        ("cut", scan(None, slices=1)[0][:-200], "truncated"),
        ("capture", encoded(slice_of(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1")), "document"),
    ],
)
def test_what_cannot_be_cleaned_is_held_with_its_reason(desk: Desk, name: str, content: bytes, reason: str) -> None:
    desk.put(f"good/{name}", scan(None, slices=1)[0])
    desk.put(f"bad/{name}", content)

    report = desk.report_of(code=3)

    assert outcomes(report) == {"cleaned": 1, "held": 1}
    (held,) = (one for one in report["files"] if one["outcome"] == "held")
    assert (held["reason"], held.keys() & {"input_sha256", "output_sha256", "actions"}) == (reason, set())
    assert len(desk.outputs()) == 1


def test_other_files_beside_the_images_may_be_passed_over(upload: Desk) -> None:
    assert outcomes(upload.report_of("--only-dicom")) == {"cleaned": 3, "passed_over": 3}


def test_a_file_that_ends_its_reader_is_held_alone(upload: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = confined.call

    def ends(function: str, path: str, *arguments: Any, **budget: Any) -> Any:
        if path.endswith("IM1") and function.endswith("clean"):
            raise confined.Killed("The program that reads files ended while it read this one.")
        return asked(function, path, *arguments, **budget)

    monkeypatch.setattr(confined, "call", ends)

    report = upload.report_of("--only-dicom", code=3)

    assert (outcomes(report)["cleaned"], report["totals"]["reasons"]["over_budget"]) == (2, 1)


def test_what_cannot_be_read_is_held(upload: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = confined.call

    def scratched(function: str, path: str, *arguments: Any, **budget: Any) -> Any:
        if path.endswith("IM1"):
            raise OSError(errno.EIO, "Input/output error")
        return asked(function, path, *arguments, **budget)

    monkeypatch.setattr(confined, "call", scratched)

    assert upload.report_of("--only-dicom", code=3)["totals"]["reasons"]["unreadable"] == 1


# --- one key ------------------------------------------------------------------------------------------------


def test_with_the_same_key_everything_agrees_and_what_is_there_stays(upload: Desk) -> None:
    first = upload.report_of(code=3)
    before = {path: path.stat().st_mtime_ns for path in upload.target.rglob("*.dcm")}

    again = upload.report_of(code=3)

    assert again == first
    assert {path: path.stat().st_mtime_ns for path in upload.target.rglob("*.dcm")} == before
    assert "3  cleaned, 3 of them there already" in upload.run().said


def test_the_report_does_not_depend_on_the_number_of_workers(upload: Desk) -> None:
    texts = set()
    for workers in (1, 2):
        upload.report_of("--workers", workers, code=3)
        texts.add((upload.home / "report.json").read_bytes())

    assert len(texts) == 1


def test_without_a_key_two_runs_have_nothing_in_common(upload: Desk, tmp_path: Path) -> None:
    ended = []
    for name in ("one", "two"):
        call = ("deidentify", str(upload.source), str(tmp_path / name), "--recipe", str(tmp_path / "recipe.yaml"))
        (tmp_path / "recipe.yaml").write_text(RECIPE)
        said = io.StringIO()
        with pytest.raises(SystemExit):
            call_command(*call, stdout=said)
        ended.append(said.getvalue())

    one, two = (upload.outputs(tmp_path / name) for name in ("one", "two"))
    assert one.keys().isdisjoint(two)
    assert set(one.values()).isdisjoint(two.values())
    assert "The key was thrown away: another run will give other pseudonyms." in ended[0]


def test_the_key_is_made_for_its_owner_alone(upload: Desk) -> None:
    upload.run()

    key = upload.home / "key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(bytes.fromhex(key.read_text())) == 32
    assert key.read_text() not in json.dumps(upload.report_of(code=3))


@pytest.mark.parametrize("content", ["", "0123", "secret words of a person"])
def test_what_is_no_key_is_refused(upload: Desk, content: str) -> None:
    (upload.home / "key").write_text(content)

    ended = upload.run()

    assert (ended.code, ended.complained.split(":")[0]) == (2, "The key's file holds no key")
    assert not upload.target.exists()


def test_a_new_key_does_not_go_with_an_old_output(upload: Desk) -> None:
    upload.run()

    ended = upload.run("--key", upload.home / "new")

    assert (ended.code, ended.complained[:19]) == (2, "OUT holds something")
    assert not (upload.home / "new").exists()


def test_its_own_output_stays_as_it_is(upload: Desk) -> None:
    upload.run()

    report = upload.report_of(source=upload.target, target=upload.home / "again")

    assert outcomes(report) == {"unchanged": 3}
    assert upload.outputs(upload.home / "again") == upload.outputs()


def test_its_own_output_changed_by_somebody_is_held(upload: Desk) -> None:
    upload.run()
    changed = next(upload.target.rglob("*.dcm"))
    dataset = dcmread(changed)
    dataset.PatientComments = "Quillbrook"
    dataset.save_as(changed)

    report = upload.report_of(source=upload.target, target=upload.home / "again", code=3)

    assert report["totals"]["reasons"] == {"already_deidentified": 1}


# --- nothing partial ----------------------------------------------------------------------------------------


def test_other_bytes_under_the_name_of_an_output_are_left_alone(upload: Desk) -> None:
    upload.run()
    other = next(upload.target.rglob("*.dcm"))
    other.write_bytes(b"other")

    report = upload.report_of("--only-dicom", code=3)

    assert report["totals"]["reasons"]["other_output"] == 1
    assert other.read_bytes() == b"other"


def test_a_full_disk_ends_with_4_and_the_next_run_takes_the_rest(upload: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def fills_up(point: str) -> None:
        if point == "cleaned.partial":
            if written:
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(point)

    with monkeypatch.context() as patch:
        patch.setattr(cleaning, "fault", fills_up)
        ended = upload.run("--workers", 1, "--report", upload.home / "report.json")

    assert (ended.code, len(upload.outputs())) == (4, 1)
    assert "The disk did not take an output (No space left on device)." in ended.said
    assert "What is in OUT is whole." in ended.said
    assert json.loads((upload.home / "report.json").read_bytes())["complete"] is False
    assert upload.run("--only-dicom").code == 0
    assert len(upload.outputs()) == 3


def test_an_interrupt_leaves_nothing_partial(upload: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(point: str) -> None:
        if point == "cleaned.partial":
            raise KeyboardInterrupt

    monkeypatch.setattr(cleaning, "fault", interrupted)

    ended = upload.run()

    assert (ended.code, upload.outputs()) == (130, {})
    assert "You interrupted it. What is in OUT is whole." in ended.said


def test_what_a_killed_run_left_is_cleared_away(upload: Desk) -> None:
    upload.run()
    folder = next(upload.target.rglob("*.dcm")).parent
    (folder / ".0a1b2c3d.dcm.part").write_bytes(b"half")
    (folder / "notes of somebody.part").write_bytes(b"theirs")

    upload.run()

    assert {path.name for path in folder.iterdir() if path.suffix == ".part"} == {"notes of somebody.part"}


def test_two_runs_do_not_write_into_one_folder(upload: Desk) -> None:
    upload.target.mkdir()
    handle = os.open(upload.target, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        ended = upload.run()
    finally:
        os.close(handle)

    assert (ended.code, upload.outputs()) == (1, {})
    assert ended.complained == "Another run writes into the folder for the output. Wait for its end."


def test_a_dry_run_says_what_would_happen_and_writes_nothing(upload: Desk) -> None:
    ended = upload.run("--dry-run")

    assert ended.code == 3
    assert "3  would be cleaned" in ended.said
    assert not upload.target.exists()
    assert not (upload.home / "key").exists()


# --- what is said -------------------------------------------------------------------------------------------


def test_the_report_proves_each_file(upload: Desk) -> None:
    report = upload.report_of(code=3)

    originals = {hashlib.sha256(path.read_bytes()).hexdigest() for path in upload.source.rglob("IM*")}
    outputs = {path: hashlib.sha256(content).hexdigest() for path, content in upload.outputs().items()}
    cleaned = [one for one in report["files"] if one["outcome"] == "cleaned"]
    assert {one["input_sha256"] for one in cleaned} == originals
    assert {one["path"]: one["output_sha256"] for one in cleaned} == outputs
    (actions,) = report["actions"]
    assert {one["actions"] for one in cleaned} == {actions}
    assert ["(0010,0010)", "Z", 1] in report["actions"][actions]
    assert report["recipe"]["sha256"] == deidentify.Recipe.parse(yaml.safe_load(RECIPE)).digest()
    assert (report["complete"], report["format"]["version"], report["key"]["kept"]) == (True, 1, True)
    assert [one["path"] for one in report["files"]] == sorted(one["path"] for one in report["files"])
    assert report["totals"]["files"] == len(report["files"]) == 6


def test_the_private_list_is_for_the_site(upload: Desk) -> None:
    private = upload.home / "list.csv"

    upload.run("--private-list", private)

    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    rows = {row["path"]: row for row in csv.DictReader(io.StringIO(private.read_text()))}
    assert len(rows) == 6
    scan = rows["Quillbrook_Perpetua_19471123/CT/IM1"]
    assert (scan["outcome"], scan["new path"] in upload.outputs()) == ("cleaned", True)
    letter = rows["Quillbrook_Perpetua_19471123/Letter to Dr Zaneveld.txt"]
    assert (letter["outcome"], letter["reason"], letter["new path"]) == ("held", "not_dicom", "")
    assert letter["sha256"] == hashlib.sha256(b"Dear Dr. Zaneveld").hexdigest()


def test_what_is_said_names_nobody(upload: Desk) -> None:
    ended = upload.run()

    assert "Recipe own 1, 1 subject\n" in ended.said
    assert "3  cleaned" in ended.said
    assert "not_dicom: The file is not a DICOM file." in ended.said
    assert ended.complained == ""
    assert not any(value in ended.said for value in (*PLANTED.values(), "Quillbrook", "IM1", "Letter"))


def test_nothing_cleaned_ends_with_1(desk: Desk) -> None:
    assert desk.run().code == 1
    desk.put("letter", b"Dear Dr. Zaneveld")
    assert desk.run().code == 1


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["in/missing", "out"], "IN is not there."),
        (["in", "in/out"], "IN and OUT lie one in the other."),
        (["in/a", "in"], "IN and OUT lie one in the other."),
        (["in", "in"], "IN and OUT lie one in the other."),
        (["in", "recipe.yaml"], "OUT is no folder."),
        (["in", "out", "--key", "in/key"], "--key would lie in IN."),
        (["in", "out", "--key", "out/key"], "The folder for --key is not there."),
        (["in", "old", "--key", "old/key"], "--key would lie in OUT, and leave with it."),
        (["in", "old", "--private-list", "old/list"], "--private-list would lie in OUT, and leave with it."),
        (["in", "out", "--recipe", "missing"], "The recipe's file cannot be read (No such file or directory)."),
        (["in", "out", "--recipe", "broken"], "The recipe's file is neither YAML nor JSON."),
        (["in", "out", "--recipe", "unknown"], "The recipe has parts that are not known: colour."),
    ],
)
def test_what_makes_no_sense_ends_with_2(
    upload: Desk, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    (upload.source / "a").mkdir()
    (upload.home / "old").mkdir()
    (upload.home / "recipe.yaml").write_text(RECIPE)
    (upload.home / "broken").write_text("{[")
    (upload.home / "unknown").write_text(RECIPE + "colour: red")
    monkeypatch.chdir(upload.home)

    with pytest.raises(CommandError) as refused:
        call_command("deidentify", *(["--recipe", "recipe.yaml", *arguments]), stdout=io.StringIO())

    assert (str(refused.value)[: len(sentence)], refused.value.returncode) == (sentence, 2)
    assert not upload.target.exists()


def test_a_command_line_that_is_not_understood_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["IN"], ["IN", "OUT", "--trial", "A", "--recipe", "B"], ["IN", "OUT", "--workers", "0"]):
        with pytest.raises(SystemExit) as ended:
            deidentify.Command().run_from_argv(["manage.py", "deidentify", *arguments])
        assert ended.value.code == 2
        assert "usage: manage.py deidentify" in capsys.readouterr().err


def test_the_codes_are_in_the_help() -> None:
    assert deidentify.CODES in deidentify.Command().create_parser("manage.py", "deidentify").format_help()


# --- with a trial, and without anything ---------------------------------------------------------------------


@pytest.mark.django_db
def test_a_trial_brings_its_recipe_and_its_key(world: World, upload: Desk) -> None:
    report = upload.report_of("--trial", "PLX-1", code=3)

    terms = world.trial.charter_in_force.terms.deidentification
    assert (report["recipe"]["identifier"], report["protocol"]) == (terms["identifier"], "PLX-1")
    assert {dataset.ClinicalTrialProtocolID for dataset in upload.datasets()} == {"PLX-1"}
    path = Names(SECRET).of(PurePath("Quillbrook_Perpetua_19471123/CT/IM1"))
    assert f"{path}.dcm" in upload.outputs()


@pytest.mark.django_db
def test_a_trial_that_cannot_give_them_is_refused(world: World, upload: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = upload.run("--trial", "OTHER")
    assert (ended.code, ended.complained) == (2, "There is no trial OTHER.")

    ended = upload.run("--trial", "PLX-1", "--key", upload.home / "key")
    assert (ended.code, ended.complained) == (2, "--trial brings its own key; leave out --key.")

    def missing(code: str) -> bytes:
        raise HouseError("The secret key of the trial cannot be read.")

    monkeypatch.setattr(deidentify.keys, "of_trial", missing)
    ended = upload.run("--trial", "PLX-1")
    assert (ended.code, ended.complained) == (1, "The secret key of the trial cannot be read.")
    assert not upload.target.exists()


def test_it_runs_where_no_database_was_ever_made(upload: Desk) -> None:
    recipe = upload.home / "recipe.yaml"
    recipe.write_text(RECIPE)
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "PARALLAX_DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:1/none",
        "PARALLAX_DATA_DIR": str(upload.home / "var"),
    }

    ended = subprocess.run(
        [sys.executable, "manage.py", "deidentify", upload.source, upload.target, "--recipe", recipe, "--only-dicom"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        cwd=Path(__file__).parents[2],
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "3  cleaned" in ended.stdout
    assert len(upload.outputs()) == 3
