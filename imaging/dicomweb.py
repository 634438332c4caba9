"""The read side of DICOMweb (PS3.18 §10) for programs such as OHIF and 3D Slicer, whatever catalogue lies behind it.

A room says which catalogue a token opens; nothing here knows of tokens, trials or reads. What the catalogue does not
hold does not exist.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from compliance.errors import HouseError
from imaging.display import dicomweb
from imaging.display.dicomweb import Asked, Attributes, Level, Wanted, Within

#: The only kind in which pixels leave here: as they are in memory, little endian.
_FRAME = f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"


@dataclass(frozen=True, slots=True)
class Held:
    """An instance of a catalogue: what is told of it, and how its pictures are had, by frame from 1."""

    frames: int
    metadata: Callable[[], Dataset]
    pixels: Callable[[int], bytes]
    rendered: Callable[[int], bytes]
    thumbnail: Callable[[int], bytes]
    file: Callable[[], bytes]


class Catalogue(Protocol):
    """What a token opens."""

    def listed(self, level: Level, within: Within) -> Iterable[Dataset]:
        """Give what is told of studies, series or instances, in order."""

    def held(self, within: Within) -> list[Held]:
        """Return the instances that are named, in order."""


class NotHeld(HouseError):
    """The address names nothing that the token opens."""

    code = "not_held"
    status = 404


def answer(request: HttpRequest, resource: str, catalogue: Callable[[], Catalogue]) -> HttpResponseBase:
    """Answer a question of DICOMweb from a catalogue."""
    try:
        asked = dicomweb.asked(resource)
        if asked is None:
            raise NotHeld("There is no such DICOMweb address. Ask below the address that came with your token.")
        response = _answer(request, asked, catalogue())
    except HouseError as problem:
        response = JsonResponse({"code": problem.code, "detail": problem.message}, status=problem.status)
    except Http404:
        response = JsonResponse({"code": NotHeld.code, "detail": "There is no such thing here."}, status=404)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _answer(request: HttpRequest, asked: Asked, catalogue: Catalogue) -> HttpResponseBase:
    if asked.wanted is Wanted.SEARCH:
        found = (dicomweb.listed(one, asked.level) for one in catalogue.listed(asked.level, asked.within))
        query = {name: request.GET.getlist(name) for name in request.GET}
        return _json(dicomweb.matching(found, query))
    held = catalogue.held(asked.within)
    if not held:
        raise NotHeld("Your token opens nothing of that name. Search for what it opens.")
    if asked.wanted is Wanted.METADATA:
        return _json(dicomweb.metadata(one.metadata()) for one in held)
    if asked.wanted is Wanted.WHOLE:
        return _parts(dicomweb.DICOM, ((dicomweb.DICOM, one.file()) for one in held))
    # A series or study is shown by the one in its middle.
    one = held[len(held) // 2]
    if not all(1 <= frame <= one.frames for frame in asked.frames):
        raise NotHeld("The instance has no such frame.")
    if asked.wanted is Wanted.FRAMES:
        return _parts("application/octet-stream", [(_FRAME, one.pixels(frame)) for frame in asked.frames])
    frame = asked.frames[0] if asked.frames else one.frames // 2 + 1
    png = one.thumbnail(frame) if asked.wanted is Wanted.THUMBNAIL else one.rendered(frame)
    return HttpResponse(png, content_type="image/png")


def _json(found: Iterable[Attributes]) -> HttpResponse:
    return HttpResponse(json.dumps(list(found)), content_type=dicomweb.JSON)


def _parts(kind: str, parts: Iterable[tuple[str, bytes]]) -> StreamingHttpResponse:
    boundary = secrets.token_hex(16)
    body: Iterator[bytes] = dicomweb.multipart(parts, boundary)
    return StreamingHttpResponse(body, content_type=f'multipart/related; type="{kind}"; boundary={boundary}')
