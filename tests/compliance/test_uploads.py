"""A large file of a form is on this machine without a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

from compliance.uploads import NamelessUploadHandler


def test_no_file_has_a_name_while_it_comes_or_after(tmp_path: Path, settings: Any) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    seen: list[list[Path]] = []

    class Watched(NamelessUploadHandler):
        def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
            super().receive_data_chunk(raw_data, start)
            seen.append(list(tmp_path.iterdir()))

    content = bytes(range(256)) * 1024
    request = RequestFactory().post("/", {"images": [SimpleUploadedFile("a", content), SimpleUploadedFile("b", b"b")]})
    request.upload_handlers = [Watched(request)]

    first, second = request.FILES.getlist("images")

    assert (first.size, first.read(), second.read()) == (len(content), content, b"b")
    assert (len(seen) > 2, any(seen), list(tmp_path.iterdir())) == (True, False, [])
    request.close()
    assert first.closed
