"""A ZIP gives its files or a named refusal; it never writes where it wants."""

from __future__ import annotations

import io
import stat
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.errors import HouseError
from imaging.dicom.archives import (
    ArchiveLimits,
    ArchiveTooLarge,
    BadArchive,
    EncryptedArchive,
    UnsafeArchive,
    is_archive,
    walk_archive,
)


def zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def walked(content: bytes, **limits: object) -> dict[str, bytes]:
    return {
        member.name: member.stream.read()
        for member in walk_archive(io.BytesIO(content), limits=ArchiveLimits(**limits))  # type: ignore[arg-type]
    }


def test_files_come_out_with_their_bytes(tmp_path):
    files = {"a/1.dcm": b"one" * 1000, "a/b/2": b"two", "empty": b""}
    (tmp_path / "x.zip").write_bytes(zipped(files))
    assert {m.name: m.stream.read() for m in walk_archive(tmp_path / "x.zip")} == files
    assert is_archive(zipped(files))


def test_the_leavings_of_desktop_systems_are_passed_over():
    files = {"s/1": b"x", "__MACOSX/s/._1": b"x", "s/.DS_Store": b"x", "s/Thumbs.db": b"x", "folder/": b""}
    assert walked(zipped(files)) == {"s/1": b"x"}


def test_an_archive_in_the_archive_is_walked_to_a_depth():
    inner = zipped({"2": b"two"})
    assert walked(zipped({"1": b"one", "in.zip": inner})) == {"1": b"one", "in.zip/2": b"two"}
    with pytest.raises(ArchiveTooLarge):
        walked(zipped({"in.zip": zipped({"in.zip": inner})}))


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "C:\\x", "\\\\host\\x", "a\\..\\x", "a\nb", "a/.."])
def test_paths_that_lead_out_are_refused_before_anything_comes_out(name):
    walk = walk_archive(io.BytesIO(zipped({"good": b"x", name: b"x"})))
    with pytest.raises(UnsafeArchive) as caught:
        next(walk)
    assert name not in str(caught.value)


def test_a_nul_cannot_hide_a_path():
    content = zipped({"good_x_/../..": b"x"}).replace(b"good_x_", b"good\0x_")
    with pytest.raises(UnsafeArchive):
        walked(content)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files_are_refused(kind):
    entry = zipfile.ZipInfo("link")
    entry.external_attr = (kind | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(UnsafeArchive):
        walked(buffer.getvalue())


def test_encrypted_entries_are_refused():
    content = bytearray(zipped({"a": b"x"}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(EncryptedArchive):
        walked(bytes(content))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression_is_refused(compression):
    with pytest.raises(BadArchive):
        walked(zipped({"a": b"x" * 100}, compression))


def test_a_bomb_stops_at_the_ratio():
    content = zipped({"zeros": bytes(4 << 20)})
    assert len(content) < 5000
    with pytest.raises(ArchiveTooLarge):
        walked(content, ratio_from=1 << 20)


def test_what_comes_out_counts_and_not_what_the_archive_claims():
    content = zipped({"a": bytes(3000), "b": bytes(3000)})
    assert len(walked(content, max_bytes=6000)) == 2
    with pytest.raises(ArchiveTooLarge):
        walked(content, max_bytes=5999)
    with pytest.raises(ArchiveTooLarge):
        walked(zipped({"in.zip": content}), max_bytes=6000)


def test_too_many_entries_are_refused():
    with pytest.raises(ArchiveTooLarge):
        walked(zipped({str(n): b"" for n in range(11)}), max_entries=10)


def test_entries_that_share_bytes_are_refused():
    """The mark of a bomb that repeats one kernel of zeros under many names."""
    content = bytearray(zipped({"a": b"x" * 100, "b": b"y" * 100}, zipfile.ZIP_STORED))
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = bytes(4)  # the second entry points at the first one's bytes
    content[second + 46 : second + 47] = b"a"
    with pytest.raises(UnsafeArchive):
        walked(bytes(content))


def test_damage_is_named():
    content = zipped({"a": b"some content " * 50})
    for bad in (b"", b"PK\x03\x04", content[:-10], content[: len(content) // 2], b"not a zip" * 10):
        with pytest.raises(BadArchive):
            walked(bad)
    flipped = bytearray(content)
    flipped[40] ^= 0xFF
    with pytest.raises(BadArchive):
        walked(bytes(flipped))


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_damaged_archives_meet_a_named_error_or_read(changes):
    content = bytearray(zipped({"a/1": b"one" * 50, "b": b"two"}))
    for at, value in changes:
        content[at % len(content)] = value
    with suppress(HouseError):
        walked(bytes(content))
