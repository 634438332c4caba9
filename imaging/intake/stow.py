"""The DICOMweb door: STOW-RS (PS3.18 §10.5). A site's program shows its token and sends instances in one stream.

Nothing of the body is read before the token is known. Each part goes to the spool as it streams by, whatever the
size of the study; the answer names each instance that is durable, and each that is not with the reason.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from compliance import access
from compliance.errors import HouseError
from compliance.faults import fault
from imaging.dicom.headers import is_valid_uid
from imaging.dicom.prefix import ENOUGH, is_storage_class, read_names
from imaging.intake.body import Body, LengthMissing, length_of
from imaging.intake.multipart import Head, split
from imaging.models import Transfer
from imaging.services import spool
from imaging.tasks import ring_index
from trials.models import SiteToken
from trials.selectors import site_token

log = logging.getLogger(__name__)

DICOM, MULTIPART, JSON = "application/dicom", "multipart/related", "application/dicom+json"

#: Failure Reason (0008,1197): PS3.18 Table I.2-2 and PS3.4 Table B.2-1.
OUT_OF_RESOURCES, CANNOT_UNDERSTAND, DOES_NOT_MATCH = 0xA700, 0xC000, 0xA900
CLASS_NOT_SUPPORTED, PROCESSING_FAILURE = 0x0122, 0x0110

#: Instances of one request that are being made durable while the next ones come in.
_AT_ONCE = 4


class NotAcceptable(HouseError):
    """The sender wants the answer in a form that this door does not write."""

    code = "not_acceptable"
    status = 406


class UnsupportedMediaType(HouseError):
    """The body is not of a kind that this door takes."""

    code = "unsupported_media_type"
    status = 415


class BadRequest(HouseError):
    """The request is not one of STOW-RS."""

    code = "bad_request"
    status = 400


class PartTooLarge(HouseError):
    """An instance is larger than any door takes (`UPLOAD_MAX_BYTES`)."""

    code = "too_large"
    status = 413


class NoSpace(HouseError):
    """The disk is nearly full, or failing; nothing of the request was acknowledged."""

    code = "not_stored"
    status = 507


class CutOff(HouseError):
    """The sender hung up, or sent less than it announced."""

    code = "cut_off"
    status = 400


@dataclass(slots=True)
class Outcome:
    """What became of one part: its names, as far as they can be said, and the reason if it is not kept."""

    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    reason: int = 0


@csrf_exempt
@access.bearer(site_token)
@require_POST
def store(request: HttpRequest, token: SiteToken, study: str = "") -> HttpResponse:
    """Take the instances of one request as one delivery of the token's site."""
    try:
        outcomes = _take(request, token, study)
    except OSError:
        return _refusal(
            NoSpace("This server's disk is nearly full or failing: nothing was taken. Send it again later.")
        )
    except HouseError as problem:
        return _refusal(problem)
    finally:
        ring_index()
    return _answer(outcomes)


def _refusal(problem: HouseError) -> JsonResponse:
    return JsonResponse({"code": problem.code, "detail": problem.message}, status=problem.status)


def _take(request: HttpRequest, token: SiteToken, study: str) -> list[Outcome]:
    if not request.get_preferred_type([JSON, "application/json"]):
        raise NotAcceptable("The answer is written as application/dicom+json only. Ask for that.")
    if study and not is_valid_uid(study):
        raise BadRequest("The address does not name a study by a valid UID. Correct it.")
    kind, parameters = request.content_type, request.content_params or {}
    if kind not in (DICOM, MULTIPART) or (parameters.get("type", DICOM).lower() != DICOM):
        raise UnsupportedMediaType(
            'Send instances as multipart/related; type="application/dicom", or one as application/dicom.'
        )
    length = length_of(request)
    if kind == DICOM and length is None:
        raise LengthMissing("A single instance needs a Content-Length: without it, one that was cut off looks whole.")
    spool.require_space(length or 0)
    origin = spool.Origin(
        door=Transfer.Door.STOW, site_id=token.site_id, sender=token.label[:64], delivery=uuid.uuid4()
    )
    with Body(request) as body, _Delivery(origin, study) as delivery:
        delivery.take(_single(body) if kind == DICOM else split(body, parameters.get("boundary", "")))
    if not delivery.outcomes:
        raise BadRequest("The request holds no instance. Put each into a part of its own.")
    return delivery.outcomes


def _single(body: Body) -> Iterator[Head | memoryview]:
    """Yield a body that is one instance as if it were a part."""
    yield Head({"content-type": DICOM})
    for piece in body:
        yield memoryview(piece)
    if not body.whole:
        raise CutOff("The request ends before its announced length. Send it again.")


class _Delivery:
    """The instances of one request; leaving waits until each is durable or failed."""

    def __init__(self, origin: spool.Origin, study: str) -> None:
        self.origin, self.study = origin, study
        self.outcomes: list[Outcome] = []
        # Syncing waits for the disk: the next instance is taken meanwhile.
        self._syncing = ThreadPoolExecutor(_AT_ONCE // 2, "stow")
        self._places = threading.BoundedSemaphore(_AT_ONCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._syncing.shutdown(wait=True)

    def take(self, events: Iterable[Head | memoryview]) -> None:
        """Land each part; one that fails does not hold up the others."""
        part: _Part | None = None
        try:
            for event in events:
                if isinstance(event, memoryview):
                    assert part is not None
                    part.write(event)
                    continue
                if part is not None:
                    self._end(part)
                part = _Part(self.origin, event)
            if part is not None:
                self._end(part)
                part = None
        finally:
            if part is not None:
                part.abandon()

    def _end(self, part: _Part) -> None:
        """Decide on a part and make it durable in another thread."""
        outcome = part.judge(self.study)
        self.outcomes.append(outcome)
        if outcome.reason:
            part.abandon()
            return
        self._places.acquire()
        try:
            self._syncing.submit(self._commit, part, outcome)
        except RuntimeError:
            self._places.release()
            raise

    def _commit(self, part: _Part, outcome: Outcome) -> None:
        # Until it is durable, it is not.
        outcome.reason = PROCESSING_FAILURE
        try:
            outcome.reason = part.commit()
        except Exception as problem:
            # The sender hears of the failure; whoever runs this should as well.
            log.error("an instance was not stored: %s", type(problem).__name__)
        finally:
            self._places.release()


class _Part:
    """One instance on its way into the spool."""

    def __init__(self, origin: spool.Origin, head: Head) -> None:
        self._is_dicom = head.fields.get("content-type", DICOM).partition(";")[0].strip().lower() == DICOM
        self._prefix = bytearray()
        self._size = 0
        self._reason = 0 if self._is_dicom else CANNOT_UNDERSTAND
        self._landing: spool.Landing | None = None
        if not self._reason:
            landing = spool.Landing(origin, at=timezone.now())
            try:
                self._landing = landing.__enter__()
            except OSError as problem:
                self._fail(problem)

    def write(self, piece: memoryview) -> None:
        """Add bytes; a disk that does not take them fails this instance alone."""
        self._size += piece.nbytes
        if self._size > settings.UPLOAD_MAX_BYTES:
            raise PartTooLarge(
                "An instance of the request is larger than this system accepts. Ask the trial's contact."
            )
        if len(self._prefix) < ENOUGH:
            self._prefix += piece[: ENOUGH - len(self._prefix)]
        fault("stow.piece")
        if self._landing is None:
            return
        try:
            self._landing.write(piece)
        except OSError as problem:
            self._fail(problem)

    def judge(self, study: str) -> Outcome:
        """Say what the instance calls itself, and whether it may come in."""
        outcome = Outcome(reason=self._reason)
        try:
            names = read_names(bytes(self._prefix))
        except HouseError:
            outcome.reason = self._reason or CANNOT_UNDERSTAND
            return outcome
        if not (is_valid_uid(names.sop_class_uid) and is_valid_uid(names.sop_instance_uid)):
            outcome.reason = self._reason or CANNOT_UNDERSTAND
            return outcome
        outcome.sop_class_uid, outcome.sop_instance_uid = names.sop_class_uid, names.sop_instance_uid
        if not names.agree or (study and names.study_instance_uid != study):
            outcome.reason = self._reason or DOES_NOT_MATCH
        elif not is_storage_class(names.sop_class_uid):
            outcome.reason = self._reason or CLASS_NOT_SUPPORTED
        return outcome

    def commit(self) -> int:
        """Make it durable; return 0, or the failure reason."""
        assert self._landing is not None
        try:
            self._landing.commit()
            fault("stow.committed")
        except OSError as problem:
            self._fail(problem)
            return self._reason
        finally:
            self.abandon()
        return 0

    def abandon(self) -> None:
        """Let go: what was not committed leaves nothing."""
        landing, self._landing = self._landing, None
        if landing is not None:
            landing.__exit__(None, None, None)

    def _fail(self, problem: OSError) -> None:
        log.error("an instance was not stored: %s", problem.strerror)
        self._reason = OUT_OF_RESOURCES
        self.abandon()


def _answer(outcomes: Sequence[Outcome]) -> HttpResponse:
    """Write the Store Instances Response (PS3.18 §10.5.3) with its status."""
    kept = [one for one in outcomes if not one.reason]
    failed = [one for one in outcomes if one.reason and one.sop_instance_uid]
    other = [one for one in outcomes if one.reason and not one.sop_instance_uid]
    # No retrieval is offered here: what comes in waits for de-identification.
    body: dict[str, Any] = {"00081190": {"vr": "UR"}}
    for tag, members in (("00081198", failed), ("00081199", kept), ("0008119A", other)):
        if members:
            body[tag] = {"vr": "SQ", "Value": [_item(one) for one in members]}
    status = 200 if len(kept) == len(outcomes) else 202 if kept else 409
    if status == 409 and {one.reason for one in outcomes} == {OUT_OF_RESOURCES}:
        status = NoSpace.status
    fault("stow.answered")
    return HttpResponse(json.dumps(body), status=status, content_type=JSON)


def _item(one: Outcome) -> dict[str, Any]:
    item: dict[str, Any] = {}
    if one.sop_instance_uid:
        item["00081150"] = {"vr": "UI", "Value": [one.sop_class_uid]}
        item["00081155"] = {"vr": "UI", "Value": [one.sop_instance_uid]}
    if one.reason:
        item["00081197"] = {"vr": "US", "Value": [one.reason]}
    else:
        item["00081190"] = {"vr": "UR"}
    return item
