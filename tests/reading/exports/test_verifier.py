"""The offline verifier: an untouched package passes; whatever is changed in one is found, and named."""

from __future__ import annotations

import ast
import csv
import io
import json
import random
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from compliance import exporting
from reading.exports import endpoint_report
from reading.exports.endpoint_package import VERIFIER, EndpointPackage
from reading.exports.locked import LockedRead, LockedTrial
from reading.exports.snapshot import snapshot
from tests.reading.exports import recorded
from tests.reading.exports.derived import random_trial
from tests.reading.exports.sealed import members, resealed

pytestmark = [pytest.mark.one_database, pytest.mark.requirement("REQ-LOC-004")]

#: Columns that other files of the package decide.
DERIVABLE = {
    "measurements.csv": ("diameter_mm", "acptfl", "study_day", "shifted_date"),
    "responses.csv": (
        *("sum_mm", "change_from_baseline", "change_from_nadir", "target_response", "non_target_response"),
        *("new_lesion", "overall_response", "derivation"),
    ),
    "best_overall_response.csv": ("best_overall_response", "acptfl"),
    "time_to_event.csv": (
        *("parameter", "start_day", "start_shifted_date", "end_day", "end_shifted_date", "days", "event", "censored"),
        *("description", "timepoint", "acptfl"),
    ),
}
TRIAL = random_trial(4, seed=9)
SETTINGS: tuple[dict[str, object], ...] = (
    {},
    {"confirmation_required": True, "partial_response_continues": False},
    {"disease_after_cr": "progression_if_confirmed", "nontarget_incomplete": "persisting_decides"},
    {"equivocal_timepoint": "progression", "min_sd_days": 100, "min_duration_for_nontarget": False},
    {"disease_after_cr": "sum_rule_only", "equivocal_dates_back": False, "pd_increase_percent": Decimal(10)},
)
SETTINGS_IDS = ("paper", "confirmed", "after CR", "late SD", "other thresholds")


@pytest.fixture
def packed(monkeypatch):
    """Pack a trial without setting the type of its report, which takes seconds and is not what is asked here."""
    monkeypatch.setattr(endpoint_report, "report", lambda trial, lock, files: b"%PDF-1.7\n" + lock.encode())
    return lambda trial: exporting.pack(EndpointPackage(), trial).data


def problems_of(verifier: ModuleType, data: bytes, tmp_path: Path) -> list[str]:
    path = tmp_path / "package.zip"
    path.write_bytes(data)
    problems, _ = verifier.verify(str(path))
    return problems


def test_a_package_goes_through_with_python_alone_as_archive_and_as_folder(packed, tmp_path):
    data = packed(TRIAL)
    (tmp_path / "package.zip").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        archive.extractall(tmp_path / "folder")
    program = tmp_path / "folder" / "parallax_verify.py"
    assert program.read_bytes() == VERIFIER.read_bytes()
    shutil.copy(program, tmp_path / "verify.py")
    for package in ("package.zip", "folder"):
        run = subprocess.run(
            [sys.executable, "-I", "-S", "verify.py", package], cwd=tmp_path, capture_output=True, text=True
        )
        assert (run.returncode, run.stderr) == (0, "")
        assert "files, records, sums and responses hold" in run.stdout


def test_without_a_package_it_says_so_and_ends_with_two(tmp_path):
    (tmp_path / "notes.txt").write_text("no package")
    for given in (["nowhere.zip"], ["notes.txt"], ["."], []):
        run = subprocess.run([sys.executable, "-I", VERIFIER, *given], cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 2
        assert run.stderr


@pytest.mark.parametrize("settings", SETTINGS, ids=SETTINGS_IDS)
def test_its_reading_of_recist_agrees_with_the_rule_pack_s(verifier, packed, tmp_path, settings):
    assert problems_of(verifier, packed(random_trial(12, seed=31, settings=settings)), tmp_path) == []


@pytest.mark.parametrize("settings", SETTINGS, ids=SETTINGS_IDS)
def test_responses_that_readers_changed_in_global_reviews_are_what_it_goes_on_with(
    verifier, packed, tmp_path, settings
):
    trial = random_trial(25, seed=41, settings=settings, gone_over=True)
    assert {review.derived == review.response for s in trial.subjects for review in s.reviews} == {True, False}
    assert problems_of(verifier, packed(trial), tmp_path) == []


def test_what_stood_before_a_global_review_is_derived_anew_too(verifier, packed, tmp_path):
    files, dice = members(packed(random_trial(4, seed=9, gone_over=True))), random.Random(4)
    for number in range(20):
        column = ("derived_response", "overall_response")[number % 2]
        name = "global_reviews.csv"
        data, subject = _cell_of_csv(name, files[name], number, dice, column)
        problems = problems_of(verifier, resealed({**files, name: data}), tmp_path)
        assert any("global_reviews.csv" in problem and subject in problem for problem in problems), problems


def test_criteria_that_it_does_not_know_are_said_not_to_be_derived_and_differ_in_nothing(verifier, packed, tmp_path):
    """Two diameters of a lesion, and parts of a response that only values.csv has a place for."""
    trial = random_trial(3, seed=5)

    def other(read: LockedRead) -> LockedRead:
        across = [
            replace(value, name="across_mm", code="LPERP", value=Decimal(3))
            for value in read.values
            if value.code == "LDIAM"
        ]
        return replace(read, target="", non_target="", new_lesion=None, values=(*read.values, *across))

    subjects = tuple(
        replace(subject, timepoints=tuple(replace(t, reads=tuple(map(other, t.reads))) for t in subject.timepoints))
        for subject in trial.subjects
    )
    path = tmp_path / "package.zip"
    path.write_bytes(packed(replace(trial, subjects=subjects, criteria=replace(trial.criteria, name="Others"))))
    problems, notes = verifier.verify(str(path))
    assert [problem for problem in problems if "criteria.json" not in problem] == []
    assert notes == ["The responses were not derived again: this verifier knows RECIST 1.1 only."]


def test_it_is_written_for_python_3_9_and_imports_nothing_but_the_standard_library():
    tree = ast.parse(VERIFIER.read_text(encoding="utf-8"), feature_version=(3, 9))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.django_db
def test_a_recorded_trial_with_adjudication_and_a_missed_visit_goes_through(verifier, packed, tmp_path):
    assert problems_of(verifier, packed(snapshot(recorded.build())), tmp_path) == []


def test_each_of_120_changed_bytes_is_found_and_its_file_named(verifier, packed, tmp_path):
    data, dice = packed(TRIAL), random.Random(1)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        starts = [(e.header_offset, e.header_offset + 30 + len(e.filename), e.filename) for e in archive.infolist()]
        ends = [start for start, _, _ in starts[1:]] + [archive.start_dir]
    for _ in range(120):
        place = dice.randrange(len(data))
        changed = bytearray(data)
        changed[place] ^= 1 << dice.randrange(8)
        named = [name for (_, begin, name), end in zip(starts, ends, strict=True) if begin <= place < end] or [
            "structure",
            "archive",
            "missing",
        ]
        problems = problems_of(verifier, bytes(changed), tmp_path)
        assert any(word in problem for word in named for problem in problems), (place, named, problems)


def test_each_of_120_cells_changed_with_every_digest_made_right_is_found_and_its_record_named(
    verifier, packed, tmp_path
):
    files, dice = members(packed(TRIAL)), random.Random(2)
    datasets = [name for name in sorted(files) if name.startswith(("sdtm/json/", "adam/json/"))]
    for number in range(120):
        name = dice.choice([*DERIVABLE, *datasets])
        data, subject = (_cell_of_csv if name.endswith(".csv") else _cell_of_json)(name, files[name], number, dice)
        problems = problems_of(verifier, resealed({**files, name: data}), tmp_path)
        assert any(subject in problem for problem in problems), (name, subject, problems)


def _cell_of_csv(name: str, data: bytes, number: int, dice: random.Random, column: str = "") -> tuple[bytes, str]:
    """Change one derivable cell, of a row in which it is not empty."""
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    column = column or dice.choice(DERIVABLE[name])
    row = dice.choice([row for row in rows if row[column]] or rows)
    row[column] = _other(row[column], number)
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue().encode(), row["subject"]


def _cell_of_json(name: str, data: bytes, number: int, dice: random.Random) -> tuple[bytes, str]:
    held = json.loads(data)
    row = dice.choice(held["rows"])
    names = [column["name"] for column in held["columns"]]
    place = dice.randrange(len(names))
    kept = list(row)
    row[place] = _other(row[place], number)
    word = dict(zip(names, kept, strict=True)).get("USUBJID") or held["name"].lower()
    if names[place] == "USUBJID" and kept[place]:
        word = str(row[place])
    return json.dumps(held).encode(), word


def _other(value: object, number: int) -> object:
    if isinstance(value, int):
        return value + 1
    text = str(value or "")
    if text.startswith("["):
        return text.replace('"result"', '"results"', 1) if text != "[]" else "[1]"
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        return str(Decimal(text) + 1)
    return {"Y": "", "PD": "SD"}.get(text, "PD" if text.isupper() and len(text) < 4 else f"{text}{number}")


def test_times_and_rates_that_do_not_follow_from_rs_are_named_in_a_sentence(verifier, packed, tmp_path):
    """Changed in the CSV table and in both forms of ADTTE, with every digest made right."""
    one = next(s for s in TRIAL.subjects if any(result.progression for result in s.results))
    changed = replace(one, results=tuple(replace(result, progression="") for result in one.results))
    subjects = tuple(changed if subject is one else subject for subject in TRIAL.subjects)
    files, other = members(packed(TRIAL)), members(packed(replace(TRIAL, subjects=subjects)))
    mixed = {name: other[name] if "time_to_event" in name or "adtte" in name else files[name] for name in files}
    problems = problems_of(verifier, resealed(mixed), tmp_path)
    assert any(f"of {one.code}" in problem and "from RS follows" in problem for problem in problems), problems
    problems = problems_of(verifier, packed(replace(TRIAL, subjects=subjects)), tmp_path)
    assert any(f"progression of {one.code}" in problem and "RS has PD" in problem for problem in problems), problems
    rates = files["response_rates.csv"].replace(b",ORR,", b",ORR,1", 1)
    problems = problems_of(verifier, resealed({**files, "response_rates.csv": rates}), tmp_path)
    assert any(problem.startswith("response_rates.csv: ORR of ACCEPTED has 1") for problem in problems), problems


def test_a_measurement_changed_in_every_form_no_longer_gives_the_responses(verifier, packed, tmp_path):
    """What only deriving anew can find: one changed size, in the CSV tables, both SDTM forms and with every digest."""
    dice = random.Random(3)
    for _ in range(15):
        changed, subject = _with_one_other_size(TRIAL, dice)
        problems = problems_of(verifier, packed(changed), tmp_path)
        assert any("from the measurements follows" in problem and subject in problem for problem in problems)


def _with_one_other_size(trial: LockedTrial, dice: random.Random) -> tuple[LockedTrial, str]:
    subject = dice.choice(
        [s for s in trial.subjects if any(m.diameter_mm for t in s.timepoints for m in t.reads[0].measurements)]
    )
    visit = dice.choice([t for t in subject.timepoints if any(m.diameter_mm for m in t.reads[0].measurements)])
    read = visit.reads[0]
    entry = dice.choice([m for m in read.measurements if m.diameter_mm])
    assert entry.diameter_mm is not None
    size = entry.diameter_mm + Decimal("0.1")
    other = replace(
        read,
        measurements=tuple(replace(m, diameter_mm=size) if m is entry else m for m in read.measurements),
        values=tuple(
            replace(v, value=size) if (v.lesion, v.part) == (entry.lesion, entry.part) else v for v in read.values
        ),
    )
    visits = tuple(replace(t, reads=(other, *t.reads[1:])) if t is visit else t for t in subject.timepoints)
    subjects = tuple(replace(s, timepoints=visits) if s is subject else s for s in trial.subjects)
    return replace(trial, subjects=subjects), subject.code


@pytest.mark.parametrize("name", ["RS", "charter", "signature", "missing", "extra"])
def test_what_was_changed_is_said_in_a_sentence(verifier, packed, tmp_path, name):
    files = members(packed(TRIAL))
    if name == "RS":
        held = json.loads(files["sdtm/json/rs.json"])
        place = [column["name"] for column in held["columns"]].index("RSSTRESC")
        row = next(row for row in held["rows"] if row[place] == "PR")
        row[place] = "CR"
        files["sdtm/json/rs.json"] = json.dumps(held).encode()
        said = "says CR; from the measurements follows PR."
    elif name == "charter":
        held = json.loads(files["charter.json"])
        held["versions"][0]["content"]["criteria"] = "iRECIST"
        files["charter.json"] = json.dumps(held).encode()
        said = "charter.json: version 1 is not the one of its digest."
    elif name == "signature":
        held = json.loads(files["manifest.json"])
        held["signatures"][-1]["content_sha256"] = "0" * 64
        files["manifest.json"] = json.dumps(held).encode()
        said = "The signature of Dr Ada Trial on “Database lock” is not one on what the package holds."
    elif name == "missing":
        del files["lesions.csv"]
        assert "lesions.csv is missing." in problems_of(verifier, exporting._zip(files), tmp_path)
        return
    else:
        files["notes.txt"] = b"a file more"
        assert problems_of(verifier, exporting._zip(files), tmp_path) == ["notes.txt is not in the manifest."]
        return
    assert any(problem.endswith(said) for problem in problems_of(verifier, resealed(files), tmp_path))
