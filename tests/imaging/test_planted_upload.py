"""An upload with identifiers at every place, through the command: nothing leaves, and what a trial needs stays."""

from __future__ import annotations

import csv
import io
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import call_command
from pydicom.uid import ExplicitVRBigEndian, UID_dictionary

from tests.imaging.deid.frames import HTJ2K, HTJ2K_LOSSY, HTJ2K_RPCL, UNCOMPRESSED
from tests.imaging.deid.planted import DOCUMENTS, Planted, upload
from tests.imaging.deid.planted_checks import intervals_kept, left_behind, lost, named_anywhere, read, references_intact
from tests.imaging.deid.planted_people import PEOPLE
from tests.support.orthanc import orthanc
from tests.support.senders import request
from tests.support.tools import tool

pytestmark = pytest.mark.one_database


@dataclass
class Run:
    """What the command made of the upload."""

    files: list[Planted]
    target: Path
    rows: dict[str, dict[str, str]]

    def path(self, file: Planted) -> Path:
        return self.target / self.rows[file.name]["new path"]

    @property
    def outputs(self) -> dict[Planted, bytes]:
        return {file: self.path(file).read_bytes() for file in self.files if self.rows[file.name]["new path"]}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("planted")
    files = list(upload())
    for file in files:
        path = home / "upload" / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    (home / "upload" / "DICOMDIR").write_bytes(b"Luedenscheidt")
    with pytest.raises(SystemExit) as ended:
        call_command(
            "deidentify",
            str(home / "upload"),
            str(home / "out"),
            private_list=home / "list.csv",
            stdout=io.StringIO(),
        )
    assert ended.value.code == 3
    with open(home / "list.csv", newline="", encoding="utf-8") as table:
        return Run(files, home / "out", {row["path"]: row for row in csv.DictReader(table)})


def test_every_file_is_cleaned_but_the_documents(run: Run) -> None:
    ends = Counter((file.kind in DOCUMENTS, run.rows[file.name]["reason"]) for file in run.files)

    assert ends == {(False, ""): len(run.files) - len(PEOPLE), (True, "document"): len(PEOPLE)}


def test_every_way_of_writing_pixels_that_somebody_can_read_is_there(run: Run) -> None:
    """PS3.6 table A-1 without films, references to servers (JPIP) and what is retired.

    Nor is there what our decoders do not read: JPEG 2000 of several components, JPEG XL, deflated frames.
    """
    known = {
        uid for uid, (_, kind, _, retired, _) in UID_dictionary.items() if kind == "Transfer Syntax" and not retired
    }
    not_made = re.compile(r"1\.2\.840\.10008\.1\.2\.(4\.(9[2-5]|10\d(\.1)?|11[0-2]|20[45])|7\.\d|8\.1)")
    written = {str(read(file.content).file_meta.TransferSyntaxUID) for file in run.files if file.kind not in DOCUMENTS}

    assert written == {uid for uid in known if not not_made.fullmatch(uid)} | {ExplicitVRBigEndian}


def test_nothing_that_was_planted_is_left_anywhere(run: Run) -> None:
    left = [
        (file.kind, place, path) for file, output in run.outputs.items() for place, path in left_behind(file, output)
    ]
    assert left == []
    found = {run.path(file): named_anywhere(file, str(run.path(file))) for file in run.outputs}
    assert {path: one for path, one in found.items() if one["hits"] or one["missing"] or one["unread"]} == {}


def test_nothing_that_a_trial_keeps_is_lost(run: Run) -> None:
    assert [(file.kind, path) for file, output in run.outputs.items() for path in lost(file, output)] == []


def test_intervals_and_references_are_intact(run: Run) -> None:
    assert intervals_kept(run.outputs)
    assert references_intact(run.outputs.values())


def test_each_person_is_one_subject_and_no_other(run: Run) -> None:
    subjects = {(file.person.number_of, read(output).PatientID) for file, output in run.outputs.items()}

    assert len(subjects) == len({subject for _, subject in subjects}) == len(PEOPLE)


def test_orthanc_stores_every_output_and_gives_it_back(run: Run, tmp_path: Path) -> None:
    with orthanc(tmp_path / "peer") as peer:
        for file, output in run.outputs.items():
            stored = peer.ask("POST", "/instances", output)
            returned = request(peer.http_port, "GET", f"/instances/{stored['ID']}/file").body
            indexed = peer.ask("GET", f"/instances/{stored['ID']}/simplified-tags")["SOPInstanceUID"]
            assert (file.kind, stored["Status"], indexed) == (file.kind, "Success", read(output).SOPInstanceUID)
            assert (file.kind, returned == output) == (file.kind, True)
        assert peer.ask("GET", "/statistics")["CountInstances"] == len(run.outputs)
        assert peer.ask("GET", "/statistics")["CountPatients"] == len(PEOPLE)


def test_dcmtk_reads_every_output_and_says_nothing(run: Run, tmp_path: Path) -> None:
    """What is written in a syntax that DCMTK 3.6.7 does not know it can read and not write."""
    unknown = (UNCOMPRESSED, HTJ2K, HTJ2K_RPCL, HTJ2K_LOSSY)
    for file, output in run.outputs.items():
        command = [tool("dcmconv"), run.path(file), tmp_path / "again"]
        if read(output).file_meta.TransferSyntaxUID in unknown:
            command = [tool("dcmdump"), run.path(file)]
        said = subprocess.run(command, capture_output=True, check=False, timeout=120)
        assert (file.kind, said.returncode, said.stderr) == (file.kind, 0, b"")
