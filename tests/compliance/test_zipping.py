"""An archive that is only planned: what is sent is what a ZIP reader expects, whole or from anywhere."""

from __future__ import annotations

import hashlib
import io
import random
import shutil
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest

from compliance.zipping import AT_ONCE, Archive, Member, MemberDamaged, Writer

FILES = {f"DICOM/P{n:05d}": bytes([n % 251]) * (n * 37 % 211) for n in range(1_203)} | {"LAST": b"x" * (AT_ONCE + 5)}


def planned(files: dict[str, bytes]) -> tuple[bytes, int, str]:
    plan = io.BytesIO()
    writer = Writer(plan)
    for name, data in files.items():
        writer.add(Member(name, len(data), zlib.crc32(data), 3, f"archive/{name}"), [data[:9], data[9:]])
    size, sha256 = writer.finish()
    return plan.getvalue(), size, sha256


def archive_of(plan: bytes, files: dict[str, bytes]) -> Archive:
    def read(member: Member, begin: int, length: int) -> bytes:
        assert (member.source, member.key) == (3, f"archive/{member.name}")
        return files[member.name][begin : begin + length]

    return Archive(lambda begin, length: plan[begin : begin + length], read)


@pytest.fixture(scope="module")
def whole() -> tuple[Archive, bytes]:
    plan, size, sha256 = planned(FILES)
    archive = archive_of(plan, FILES)
    data = b"".join(archive.pieces(0, archive.size))
    assert (len(data), hashlib.sha256(data).hexdigest()) == (size, sha256) == (archive.size, sha256)
    return archive, data


def test_it_is_a_zip_with_these_files(whole: tuple[Archive, bytes], tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(whole[1])) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == FILES
        assert opened.getinfo("LAST").date_time == (1980, 1, 1, 0, 0, 0)
    if unzip := shutil.which("unzip"):
        (tmp_path / "a.zip").write_bytes(whole[1])
        assert subprocess.run([unzip, "-tq", tmp_path / "a.zip"], capture_output=True).returncode == 0


def test_any_part_of_it_is_the_same_bytes(whole: tuple[Archive, bytes]) -> None:
    archive, data = whole
    places = random.Random(7)
    for _ in range(200):
        begin = places.randrange(len(data))
        end = places.randrange(begin, min(begin + 50_000, len(data))) + 1
        assert b"".join(archive.pieces(begin, end)) == data[begin:end]
    assert b"".join(archive.pieces(len(data) - 22, len(data))) == data[-22:]


def test_nothing_is_read_that_is_not_sent() -> None:
    plan, _, _ = planned(FILES)
    read: list[str] = []

    def note(member: Member, begin: int, length: int) -> bytes:
        read.append(member.name)
        return FILES[member.name][begin : begin + length]

    archive = Archive(lambda begin, length: plan[begin : begin + length], note)
    list(archive.pieces(archive.size - 5, archive.size))
    assert read == []


def test_a_member_that_changed_stops_the_archive_short_of_its_end() -> None:
    plan, _, _ = planned(FILES)
    changed = {**FILES, "DICOM/P00009": FILES["DICOM/P00009"][:-1] + b"?"}
    archive, sent = archive_of(plan, changed), b""
    with pytest.raises(MemberDamaged, match="DICOM/P00009 is not what the package was built from"):
        for piece in archive.pieces(0, archive.size):
            sent += piece
    assert 0 < len(sent) < archive.size


class Planned(io.RawIOBase):
    """An archive as a file that can be read anywhere, for Python's ZIP reader."""

    def __init__(self, archive: Archive) -> None:
        self.archive, self.at = archive, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.archive.size)[whence]
        return self.at

    def read(self, size: int = -1) -> bytes:
        end = self.archive.size if size < 0 else min(self.at + size, self.archive.size)
        data = b"".join(self.archive.pieces(self.at, end)) if self.at < end else b""
        self.at += len(data)
        return data


def test_archives_of_more_than_four_gigabytes_and_many_files_open_too() -> None:
    plan = io.BytesIO()
    writer = Writer(plan)
    for number in range(70_000):
        size = 1 << 17 if number else (1 << 32) + 7
        writer.add(Member(f"F{number:06d}", size, 0, 0, ""), [])
    writer.add(Member("Z", 3, zlib.crc32(b"end"), 0, ""), [b"end"])
    writer.finish()
    content = plan.getvalue()

    def read(member: Member, begin: int, length: int) -> bytes:
        return b"end"[begin : begin + length] if member.name == "Z" else bytes(length)

    archive = Archive(lambda begin, length: content[begin : begin + length], read)
    assert archive.size > 12 << 30
    with zipfile.ZipFile(Planned(archive)) as opened:
        assert len(opened.namelist()) == 70_001
        assert opened.getinfo("F000000").file_size == (1 << 32) + 7
        assert opened.read("Z") == b"end"
