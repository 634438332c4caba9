"""The files at some paths and below."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imaging.dicom.walking import find_files, is_beside


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b/2", "b/1", "a/deep/3", "DICOMDIR", "b/.DS_Store", "__MACOSX/x"):
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    return tmp_path / "folder"


def names(folder: Path, *, everything: bool = False) -> list[str]:
    found = find_files([folder], everything=everything)
    return [one.path.relative_to(folder).as_posix() + (f": {one.problem.code}" if one.problem else "") for one in found]


def test_they_come_in_a_fixed_order_and_without_what_lies_beside_them(folder: Path) -> None:
    assert names(folder) == ["a/deep/3", "b/1", "b/2"]


def test_everything_may_be_asked_for(folder: Path) -> None:
    found = names(folder, everything=True)

    assert found == ["DICOMDIR", "__MACOSX/x", "a/deep/3", "b/.DS_Store", "b/1", "b/2"]
    assert [name for name in found if is_beside(name)] == ["DICOMDIR", "__MACOSX/x", "b/.DS_Store"]


def test_a_file_may_be_named_and_has_its_size(folder: Path) -> None:
    (found,) = find_files([folder / "b" / "1"])

    assert (found.path, found.size, found.problem) == (folder / "b" / "1", 5, None)


def test_links_are_not_followed_and_one_that_leads_out_is_named(folder: Path) -> None:
    (folder / "inside").symlink_to(folder / "a")
    (folder / "outside").symlink_to(folder.parent)
    os.mkfifo(folder / "pipe")

    assert names(folder) == ["outside: no_file", "pipe: no_file", "a/deep/3", "b/1", "b/2"]


def test_what_is_not_there_is_named(folder: Path) -> None:
    (found,) = find_files([folder / "missing"])

    assert found.problem is not None
    assert found.problem.code == "unreadable"
