"""How packages are handed out, to a browser or a program alike."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from compliance import unchanging
from compliance.models import Export, User
from reading.services import packaging_images

ZIP = "application/zip"


def images(request: HttpRequest, export: Export, actor: User) -> HttpResponseBase:
    """Answer with the bytes of a package of images that are asked for."""
    part = packaging_images.open_images(export=export, actor=actor)

    def send(begin: int, end: int) -> Iterator[bytes]:
        packaging_images.took_images(export=export, begin=begin, end=end, actor=actor, at=timezone.now())
        return part.pieces(begin, end)

    response = unchanging.answer_stream(request, export.sha256, export.size, ZIP, send)
    response.headers["Content-Disposition"] = named(export)
    return response


def named(export: Export) -> str:
    """Return the header that names a package's file."""
    return f'attachment; filename="{export.file_name}"'
