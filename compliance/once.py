"""Requests that may be sent twice and are done once: each has a key of its sender's (`Idempotency-Key`).

The key is noted before anything is done, and the answer after it. Between the two the outcome is not known, and whoever
asks is told so: nothing is ever done a second time. Only successes are kept, for a day; what was refused may be sent
again under the same key.
"""

from __future__ import annotations

import datetime as dt
import json
import re

from django.db import IntegrityError, transaction
from django.http.request import RawPostDataException
from django.utils.crypto import salted_hmac
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from compliance.errors import HouseError
from compliance.models import AnsweredRequest, User

HEADER = "Idempotency-Key"
KEPT = dt.timedelta(days=1)
_KEY = re.compile(r"[!-~]{1,100}")


class KeyNotUnderstood(HouseError):
    """The key is none."""

    code = "idempotency_key_refused"
    status = 400


class KeyReused(HouseError):
    """Another request was sent under the same key."""

    code = "idempotency_key_reused"
    status = 422


class OutcomeUnknown(HouseError):
    """A request under this key began, and has not ended so that its outcome would be known."""

    code = "outcome_unknown"
    status = 409


class AnsweredBefore(Exception):
    """The request was done before; here is what was answered."""

    def __init__(self, row: AnsweredRequest) -> None:
        super().__init__(row.key)
        self.row = row

    def response(self) -> Response:
        """Return the answer once more."""
        return Response(json.loads(self.row.body), status=self.row.status, headers={"Idempotency-Replayed": "true"})


def begin(request: Request, holder: User, at: dt.datetime) -> AnsweredRequest | None:
    """Note that a request begins; None for one without a key.

    Raises
    ------
    AnsweredBefore, KeyNotUnderstood, KeyReused, OutcomeUnknown
    """
    key = request.headers.get(HEADER, "")
    if not key or request.method != "POST":
        return None
    if not _KEY.fullmatch(key):
        raise KeyNotUnderstood(f"{HEADER} takes up to 100 characters without spaces, such as a UUID.")
    try:
        body = request._request.body
    except RawPostDataException:
        raise KeyNotUnderstood(f"{HEADER} goes with a body in JSON.") from None
    # Not a plain digest: a body may hold a password.
    what = f"{request.get_full_path()}\n".encode() + body
    said = salted_hmac("compliance.once", what, algorithm="sha256").hexdigest()
    AnsweredRequest.objects.filter(holder=holder, begun_at__lt=at - KEPT).delete()
    try:
        with transaction.atomic():
            return AnsweredRequest.objects.create(holder=holder, key=key, request_hmac=said, begun_at=at)
    except IntegrityError:
        known = AnsweredRequest.objects.get(holder=holder, key=key)
    if known.request_hmac != said:
        raise KeyReused("Another request was sent under this key, so nothing was done. Take a new key for each.")
    if known.status is None:
        raise OutcomeUnknown(
            "This request was begun before, and whether it was done is not known. "
            "Look at the records; then take a new key."
        )
    raise AnsweredBefore(known)


def end(row: AnsweredRequest, response: object) -> None:
    """Keep what was answered; forget a request that was refused, so that it may be sent again."""
    if isinstance(response, Response) and 200 <= response.status_code < 300:
        row.status, row.body = response.status_code, JSONRenderer().render(response.data).decode() or "null"
        row.save(update_fields=["status", "body"])
    else:
        row.delete()
