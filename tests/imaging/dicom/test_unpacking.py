"""What the child process does with an archive: whole, proven instances by number, and a sentence for the rest."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from imaging.dicom import unpacking
from imaging.dicom.files import NotDicom
from tests.factories import encoded, scan, slice_of
from tests.imaging.intake.web import damaged, zipped

GOOD = encoded(slice_of())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the archive is unpacked to."""
    folder = tmp_path / "unpacked"
    folder.mkdir()
    return folder


def unpack(folder: Path, archive: bytes) -> list[tuple[int, str, str]]:
    path = folder.parent / "archive.zip"
    path.write_bytes(archive)
    return unpacking.unpack(str(path), str(folder), 0)


def lying(folder: Path) -> dict[str, bytes]:
    """What was unpacked, by its name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_instances_lie_under_their_number_in_the_archive(folder: Path) -> None:
    one, two = scan("N-001", slices=2)

    assert unpack(folder, zipped({"a/IM1": one, "a/": b"", "readme": b"no image" * 30, "b/IM1": two})) == [
        (2, "not_dicom", "The file is not a DICOM file. Send the images as the scanner or PACS exports them.")
    ]
    assert lying(folder) == {"1": one, "3": two}


def test_what_follows_a_damaged_file_is_not_read_and_what_came_before_is_whole(folder: Path) -> None:
    refused = unpack(folder, damaged({"1": GOOD, "2": GOOD, "3": GOOD}, "2"))

    assert [(number, code) for number, code, _ in refused] == [(0, "archive_damaged")]
    assert {name: content for name, content in lying(folder).items() if name.isdecimal()} == {"1": GOOD}


@pytest.mark.parametrize(
    ("archive", "code"),
    [(zipped({}), "archive_empty"), (b"PK\x03\x04 and no more", "archive_damaged"), (b"", "archive_damaged")],
    ids=["without files", "a beginning", "no bytes"],
)
def test_an_archive_that_gives_nothing_says_why(folder: Path, archive: bytes, code: str) -> None:
    assert [(number, found) for number, found, _ in unpack(folder, archive)] == [(0, code)]
    assert lying(folder) == {}


def test_a_disk_that_is_nearly_full_stops_it(folder: Path) -> None:
    path = folder.parent / "archive.zip"
    path.write_bytes(zipped({"1": GOOD}))

    with pytest.raises(OSError) as problem:  # noqa: PT011 - the number says which
        unpacking.unpack(str(path), str(folder), 1 << 60)
    assert problem.value.errno == errno.ENOSPC


def test_a_file_that_breaks_the_reader_is_refused_and_holds_up_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_header = unpacking.read_header

    def breaks(path: Path) -> object:
        if path.name.startswith("1."):
            raise ZeroDivisionError
        return read_header(path)

    monkeypatch.setattr(unpacking, "read_header", breaks)

    assert [(number, code) for number, code, _ in unpack(folder, zipped({"1": GOOD, "2": GOOD}))] == [(1, "unreadable")]
    assert lying(folder) == {"2": GOOD}


def test_a_loose_file_is_proven_likewise(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(GOOD)
    (tmp_path / "bad").write_bytes(b"no image" * 30)

    assert unpacking.prove(str(tmp_path / "good")) is True
    with pytest.raises(NotDicom):
        unpacking.prove(str(tmp_path / "bad"))
