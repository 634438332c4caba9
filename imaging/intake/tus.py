"""The resumable web door: tus 1.0.0 (core, creation, creation-with-upload, termination, expiration, checksum).

A coordinator's browser sends each file as an upload of its own into a delivery that `upload.begin` opened. All
requests carry the session's cookie, all but HEAD and OPTIONS the header `X-CSRFToken`; a program carries a token
instead (`Authorization: Bearer`, `compliance.programs`). All but OPTIONS carry `Tus-Resumable: 1.0.0`.
With `Accept: application/json` every refusal is `{"code": ..., "detail": sentence}`.

`POST /imaging/timepoints/<pk>/uploads/known/` — what does the server have? Ask before anything is sent.
    Body `{"transfer": uuid, "files": [{"sha256": hex, "size": bytes}, ...]}`, at most 5,000 files a request; without
    `transfer` it is only a look: to send the rest of what is "partial", ask again with the delivery it goes into.
    Answer `{"files": [...]}` in the same order, each `{"sha256", "state"}` and more:
    `"have"`: it is here for this timepoint, do not send it; `"partial"` with `"upload"` (address) and `"offset"`
    (durable bytes): send the rest there, also on another machine (it becomes part of the delivery named);
    `"new"`: send it. `"warning"` (a sentence) is added when it lies at another timepoint of the same site.
    With `"patients": [{"number": hex, "issuer": hex}, ...]` in the body, at most 100, the answer has `"patients"` in
    the same order, with a `"warning"` where one is not the patient of the subject's earlier images, or is that of
    another subject of the site. They are digests (`imaging.deid.patients.digest_of`) of Patient ID and its issuer,
    empty where the header has none; they are compared and not kept.

`POST /imaging/timepoints/<pk>/uploads/` — create; the body may hold the first or all bytes (creation-with-upload,
    `Content-Type: application/offset+octet-stream`), which saves a request for each small file.
    `Upload-Length`: required. `Upload-Metadata`: `transfer` (uuid of an own, open delivery of this timepoint),
    `sha256` (hex, optional: without it nothing can be resumed from another machine), `kind` (`dicom` or `zip`;
    what the bytes are is looked at all the same). Never send the file's name. `kind` `attachment` (PDF, JPEG, PNG,
    MP4) is made DICOM in the background, with `picture` (`photograph`, or `capture` for a screen's) and `date`
    (YYYY-MM-DD, the day that it is of; without it the day of the upload).
    Answer 201 with `Location`, `Upload-Offset`, `Upload-Expires`.

`HEAD /imaging/uploads/<uuid>/` — `Upload-Offset` counts bytes on the disk, synced. 200; 404 unknown, 410 discarded.

`PATCH /imaging/uploads/<uuid>/` — append at `Upload-Offset`, `Content-Type: application/offset+octet-stream`,
    optional `Upload-Checksum: sha256 <base64>`. 204 with the new `Upload-Offset` when the bytes are synced. The 204
    (or 201) that completes an upload acknowledges it: a DICOM file lies in the spool, a ZIP is durable and is
    unpacked in the background; refusals of its entries are on the delivery's page.

`DELETE /imaging/uploads/<uuid>/` — discard what came so far. 204.

`OPTIONS` at both addresses — `Tus-Version`, `Tus-Extension`, `Tus-Max-Size`, `Tus-Checksum-Algorithm`. 204.

Refusals: 400 `bad_request` (a header missing or not understood), 403 `access_denied`, 404, 408 `stalled`, 409
`offset_conflict` (ask HEAD and go on from there) or `transfer_closed`, 410 `upload_finished` (taken back, refused or
discarded: create it anew), 412 `tus_version`, 413 `too_large`, 415 `unsupported_media_type` (Content-Type of the
request), 422 with the reason why the file is not taken (`not_dicom`, `truncated`, ...; it is removed, do not retry),
423 `upload_locked` (another request writes: try again soon), 429 `too_many_uploads` (finish or delete others first),
460 `checksum_mismatch` (of a piece: send it again; of the whole file: it is removed, create it anew), 507 `not_stored`
(the disk is nearly full: try again later). An upload on which nothing was written for seven days is discarded.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import http_date
from django.views.decorators.http import require_POST

from compliance import access
from compliance.errors import HouseError
from imaging import selectors
from imaging.intake.body import Body, length_of
from imaging.models import Transfer, WebUpload
from imaging.services import knowing, recognising, staging, uploading
from imaging.tasks import ring_index
from trials.models import Timepoint
from trials.selectors import timepoints_seen_by

VERSION = "1.0.0"
CONTENT_TYPE = "application/offset+octet-stream"
EXTENSIONS = "creation,creation-with-upload,termination,expiration,checksum"
#: Files in one question what is known, and the bytes of that question.
MOST_FILES, _MOST_JSON = 5000, 2 * 1024 * 1024
#: Patients in one question: those of a scan are one.
MOST_PATIENTS = 100
_SHA256 = re.compile(r"[0-9a-f]{64}")

View = Callable[..., HttpResponseBase]


class BadRequest(HouseError):
    """A header or body that the protocol does not allow."""

    code = "bad_request"
    status = 400


class VersionUnknown(HouseError):
    """The client speaks another version of the protocol."""

    code = "tus_version"
    status = 412


class WrongContentType(HouseError):
    """The body is not declared as a piece of an upload."""

    code = "unsupported_media_type"
    status = 415


class TooManyFiles(HouseError):
    """One question asks about more files than it may."""

    code = "too_many_files"
    status = 413


def _spoken(*methods: str) -> Callable[[View], View]:
    """Let a view answer these methods of tus, refusals included, in its version and as JSON."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def speak(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method == "OPTIONS":
                spoken = {
                    "Tus-Version": VERSION,
                    "Tus-Extension": EXTENSIONS,
                    "Tus-Max-Size": str(settings.UPLOAD_MAX_BYTES),
                    "Tus-Checksum-Algorithm": "sha256",
                }
                response: HttpResponseBase = HttpResponse(status=204, headers=spoken)
            elif request.method not in methods:
                response = HttpResponse(status=405, headers={"Allow": ", ".join((*methods, "OPTIONS"))})
            else:
                try:
                    if request.headers.get("Tus-Resumable") != VERSION:
                        raise VersionUnknown("The uploader speaks another version of tus than 1.0.0. Reload the page.")
                    response = view(request, *args, **kwargs)
                except access.AccessDenied:
                    raise
                except HouseError as problem:
                    response = JsonResponse({"code": problem.code, "detail": problem.message}, status=problem.status)
                    if isinstance(problem, VersionUnknown):
                        response.headers["Tus-Version"] = VERSION
            response.headers["Tus-Resumable"] = VERSION
            return response

        return speak

    return decorate


@access.for_programs
@access.guarded("imaging.upload", timepoints_seen_by)
@_spoken("POST")
def create(request: HttpRequest, timepoint: Timepoint) -> HttpResponse:
    """Begin an upload, with its first bytes if they come along."""
    at, actor = timezone.now(), access.actor(request)
    said = _metadata(request)
    sha256, kind = said.get("sha256", ""), said.get("kind", WebUpload.Kind.DICOM)
    picture, taken_on = said.get("picture", WebUpload.Picture.PHOTOGRAPH), _date(said.get("date", ""))
    known = kind in WebUpload.Kind.values and picture in WebUpload.Picture.values
    if (sha256 and not _SHA256.fullmatch(sha256)) or not known:
        raise BadRequest("Upload-Metadata says something that is not understood. Reload the page and try again.")
    size = _number(request, "Upload-Length")
    length = length_of(request)
    with_bytes = bool(request.content_type) and length != 0
    if with_bytes and request.content_type != CONTENT_TYPE:
        raise WrongContentType(f"Send the bytes of an upload as {CONTENT_TYPE}.")
    if with_bytes and (length or 0) > size:
        raise uploading.FileTooLarge("More bytes were sent than the upload announced. Begin it again.")
    checksum = _checksum(request)
    transfer = _transfer(timepoint, said.get("transfer", ""))
    upload = uploading.create_upload(
        transfer=transfer,
        size=size,
        sha256=sha256,
        kind=kind,
        actor=actor,
        at=at,
        picture=picture,
        taken_on=taken_on,
    )
    try:
        offset = _append(request, upload, 0, checksum) if with_bytes else 0
    except HouseError:
        uploading.discard_empty(upload=upload, at=at)
        raise
    address = reverse("imaging:tus_upload", kwargs={"public_id": upload.public_id})
    return HttpResponse(
        status=201, headers={"Location": address, "Upload-Offset": str(offset), "Upload-Expires": _expires(at)}
    )


@access.for_programs
@access.guarded("imaging.upload", selectors.uploads_seen_by, by="public_id")
@_spoken("HEAD", "PATCH", "DELETE")
def piece(request: HttpRequest, upload: WebUpload) -> HttpResponse:
    """Tell how much of an upload is here, add to it, or let go of it."""
    at = timezone.now()
    if request.method == "HEAD":
        have = uploading.durable_bytes(upload=upload, at=at)
        ring_index()
        headers = {"Upload-Offset": str(have), "Upload-Length": str(upload.size), "Cache-Control": "no-store"}
        return HttpResponse(status=200, headers=headers)
    if request.method == "DELETE":
        uploading.require_own(upload.transfer, access.actor(request))
        uploading.discard(upload=upload, at=at)
        return HttpResponse(status=204)
    if request.content_type != CONTENT_TYPE:
        raise WrongContentType(f"Send the bytes of an upload as {CONTENT_TYPE}.")
    have = _append(request, upload, _number(request, "Upload-Offset"), _checksum(request))
    return HttpResponse(status=204, headers={"Upload-Offset": str(have), "Upload-Expires": _expires(at)})


@access.for_programs
@require_POST
@access.guarded("imaging.upload", timepoints_seen_by)
def known(request: HttpRequest, timepoint: Timepoint) -> JsonResponse:
    """Say which files are here already, and from where on the others are wanted."""
    transfer, files, patients = _question(request, timepoint)
    answers = knowing.known_files(timepoint=timepoint, transfer=transfer, files=files, actor=access.actor(request))
    for answer in answers:
        if upload := answer.get("upload"):
            answer["upload"] = reverse("imaging:tus_upload", kwargs={"public_id": upload.public_id})
    warnings = recognising.warnings_about(timepoint=timepoint, patients=patients)
    told = [{"warning": warning} if warning else {} for warning in warnings]
    return JsonResponse({"files": answers, "patients": told})


def _append(request: HttpRequest, upload: WebUpload, offset: int, checksum: bytes | None) -> int:
    with Body(request) as body:
        try:
            have = uploading.append(
                upload=upload,
                offset=offset,
                pieces=body,
                length=body.length,
                sha256=checksum,
                actor=access.actor(request),
                at=timezone.now(),
            )
        except OSError as problem:
            raise staging.NotStored("The file could not be stored. Send it again later.") from problem
    if have == upload.size:
        ring_index()
    return have


def _transfer(timepoint: Timepoint, said: str) -> Transfer:
    """Return the delivery that a request names; it must be of the timepoint."""
    try:
        public_id = uuid.UUID(said)
    except ValueError:
        public_id = uuid.UUID(int=0)
    transfer = Transfer.objects.filter(public_id=public_id, timepoint=timepoint).select_related("site").first()
    if transfer is None:
        raise BadRequest("The request names no delivery for this timepoint. Reload the page and begin again.")
    return transfer


def _question(
    request: HttpRequest, timepoint: Timepoint
) -> tuple[Transfer | None, list[tuple[str, int]], list[tuple[str, str]]]:
    if (length_of(request) or 0) > _MOST_JSON:
        raise TooManyFiles(f"Ask about at most {MOST_FILES} files at once.")
    try:
        asked = json.loads(request.body)
        files = [(str(one["sha256"]), int(one["size"])) for one in asked["files"]]
        patients = [(str(one["number"]), str(one["issuer"])) for one in asked.get("patients", ())]
        said = str(asked.get("transfer", ""))
    except (ArithmeticError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadRequest("The question is not understood. Reload the page and try again.") from None
    if len(files) > MOST_FILES:
        raise TooManyFiles(f"Ask about at most {MOST_FILES} files at once.")
    if len(patients) > MOST_PATIENTS:
        raise TooManyFiles(f"Ask about at most {MOST_PATIENTS} patients at once.")
    understood = all(_SHA256.fullmatch(sha256) and size >= 0 for sha256, size in files)
    if not understood or not all(_SHA256.fullmatch(one) for patient in patients for one in patient if one):
        raise BadRequest("The question is not understood. Reload the page and try again.")
    return _transfer(timepoint, said) if said else None, files, patients


def _number(request: HttpRequest, name: str) -> int:
    said = request.headers.get(name, "")
    if not (said.isascii() and said.isdecimal() and len(said) <= 18):
        raise BadRequest(f"The request does not say its {name} as a number. Reload the page and try again.")
    return int(said)


def _date(said: str) -> dt.date | None:
    if not said:
        return None
    try:
        return dt.date.fromisoformat(said)
    except ValueError:
        raise BadRequest("Upload-Metadata names no date like 2026-01-31. Reload the page and try again.") from None


def _metadata(request: HttpRequest) -> dict[str, str]:
    """Return what `Upload-Metadata` says: pairs of a key and a base64 value, separated by commas."""
    said = {}
    for pair in filter(None, request.headers.get("Upload-Metadata", "")[:4096].split(",")):
        key, _, value = pair.strip().partition(" ")
        try:
            said[key] = base64.b64decode(value, validate=True).decode("ascii")
        except ValueError:
            raise BadRequest("Upload-Metadata is not in base64. Reload the page and try again.") from None
    return said


def _checksum(request: HttpRequest) -> bytes | None:
    said = request.headers.get("Upload-Checksum", "")
    if not said:
        return None
    algorithm, _, value = said.partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except ValueError:
        digest = b""
    if algorithm != "sha256" or len(digest) != 32:
        raise BadRequest("Upload-Checksum is no SHA-256 in base64.")
    return digest


def _expires(at: dt.datetime) -> str:
    return http_date((at + uploading.KEPT_FOR).timestamp())
