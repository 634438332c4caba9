"""What other systems may be told of a trial as it happens: one table, and how a message is written and signed.

A message says that something of a kind happened, in which trial and at which site; what it was, the other system asks
of the API with rights of its own. No subject, visit, reader or result is in it. Signed as Standard Webhooks says
(standardwebhooks.com, version 1.0.0), so that its libraries verify what comes.
"""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from trials.release import Artefact


@dataclass(frozen=True, slots=True)
class Kind:
    """News: its name and words, and by which row of the table of release it leaves."""

    name: str
    words: str
    artefact: Artefact = Artefact.STATUS


TEST = Kind("webhook.test", "A test message")
#: By the action of the trail. None is of reading but what the lock itself is: when a read or an adjudication begins or
#: ends tells of results.
KINDS: Mapping[str, Kind] = {
    "subject.enrolled": Kind("subject.enrolled", "A subject was enrolled"),
    "subject.enrol": Kind("subject.enrolled", "A subject was enrolled"),
    "timepoint.receive": Kind("images.received", "Images of a visit were received"),
    "timepoint.miss": Kind("visit.missed", "A visit was missed"),
    "timepoint.clear": Kind("images.cleared", "Images of a visit passed quality control"),
    "timepoint.fail": Kind("images.failed", "Images of a visit failed quality control"),
    "query.raised": Kind("query.opened", "A query was opened"),
    "query.answer": Kind("query.answered", "A query was answered"),
    "query.close": Kind("query.closed", "A query was closed"),
    "imagingcharter.sign": Kind("charter.signed", "A version of the charter came into force"),
    "trial.lock": Kind("trial.locked", "The database was locked"),
    "trial.lock_by_two": Kind("trial.locked", "The database was locked"),
    "trial.unlock": Kind("trial.unlocked", "The lock of the database was taken off"),
    "package.built": Kind("package.built", "A package for the sponsor was built", Artefact.PACKAGE),
}
BY_NAME = {kind.name: kind for kind in (TEST, *KINDS.values())}
CHOICES = [(kind.name, kind.words) for kind in dict.fromkeys(KINDS.values())]
_PREFIX = "whsec_"


def written(kind: Kind, *, trial: str, site: str, at: dt.datetime) -> str:
    """Return a message as it is sent: one line of JSON."""
    data = {"trial": trial, **({"site": site} if site else {})}
    moment = at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"type": kind.name, "timestamp": moment, "data": data}, separators=(",", ":"))


def as_text(secret: bytes) -> str:
    """Return a secret as the libraries of Standard Webhooks take it."""
    return _PREFIX + base64.b64encode(secret).decode()


def headers(secret: bytes, *, message: str, body: str, at: dt.datetime) -> dict[str, str]:
    """Return what goes with a message at one try: its name, the time of the try, and the signature of all three."""
    seconds = str(int(at.timestamp()))
    signed = hmac.digest(secret, f"{message}.{seconds}.{body}".encode(), "sha256")
    return {
        "Content-Type": "application/json",
        "User-Agent": "Parallax",
        "webhook-id": message,
        "webhook-timestamp": seconds,
        "webhook-signature": "v1," + base64.b64encode(signed).decode(),
    }
