"""Electronic signatures: who signed which content, when, and what it means (21 CFR 11.50, 11.70, 11.200).

In a request a signature needs what the page showed, an accepted policy and a password of the signer's own choice; the
password is asked for at each signature, and so is the second factor of whoever has one. Whoever signs in at an identity
provider signs in there anew, for each act. What a signature covers may change later: then it is superseded.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import models
from django.http import HttpRequest

from compliance import (
    audit,
    context,
    factors,
    fresh_sign_ins,
    identities,
    refusals,
    sessions,
    signature_policy,
    signature_seals,
)
from compliance.errors import HouseError
from compliance.models import FreshSignIn, PolicyAcceptance, Record, Signature, Supersession, User


class WrongPassword(HouseError):
    """Re-authentication at the signature failed."""

    code = "wrong_password"
    status = 422


class WrongSecondFactor(HouseError):
    """The signer's second factor was not shown."""

    code = "wrong_second_factor"
    status = 422


class ContentChanged(HouseError):
    """The content is not what the signer was shown."""

    code = "content_changed"
    status = 409


class NothingShown(HouseError):
    """Somebody signed without saying what they had before them."""

    code = "nothing_shown"
    status = 422


class NotReadyToSign(HouseError):
    """The person must do something first: accept the policy, or choose a password of their own."""

    code = "not_ready_to_sign"
    status = 409


@dataclass(frozen=True, slots=True, repr=False)
class Intent:
    """What a signer gives: the password again, the meaning, the digest of the content shown, and the app's code.

    `settled` is said by services alone, never by a door: what was shown was compared there, or came with the signature.
    """

    password: str
    meaning: str = Signature.Meaning.AUTHORSHIP
    shown_sha256: str = ""
    settled: bool = False
    code: str = ""

    def once_compared(self) -> Intent:
        """Return the intent for a service that has compared what was shown, or stored what came in the same request."""
        return replace(self, settled=True)


def canonical(content: Mapping[str, Any]) -> bytes:
    """Return the one byte form of JSON content that digests are taken over (sorted keys, UTF-8)."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str).encode()


def digest(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of JSON content, in hexadecimal."""
    return hashlib.sha256(canonical(content)).hexdigest()


def require_shown(intent: Intent) -> None:
    """Refuse a signature in a request that does not name what its page showed.

    Programs that sign without a request, such as the demonstration's, show nothing; whatever comes through a page or
    the API does.

    Raises
    ------
    NothingShown
    """
    if not (intent.shown_sha256 or intent.settled) and context.request() is not None:
        raise NothingShown(
            "Nothing was signed, because it was not said what you had before you. Load the page and sign there; "
            "programs send `shown_sha256` as they received it."
        )


def require_unchanged(record: Record, intent: Intent) -> None:
    """Refuse to sign what is not what the signer was shown.

    Raises
    ------
    ContentChanged
        The record's content is another than when its page was made.
    NothingShown
        See `require_shown`.
    """
    require_same(record.shown_content(), intent)


def require_same(content: Mapping[str, Any], intent: Intent) -> None:
    """Refuse to sign where the signer was shown other content than this; see `require_unchanged`."""
    require_shown(intent)
    if intent.shown_sha256 and not intent.settled and intent.shown_sha256 != digest(content):
        raise ContentChanged(
            "The record changed while you were looking at it, so nothing was signed. Read it as it is now and sign "
            "again."
        )


def obstacle(signer: User) -> str:
    """Return what a person must do before they can sign: "password", "policy", or nothing."""
    if signer.password_given_at is not None:
        return "password"
    return "" if signature_policy.is_accepted_by(signer) else "policy"


_FIRST = {
    "password": "choose a password of your own, since somebody else chose the one you have",
    "policy": "accept the e-signature policy",
}


def _require_ready(record: Record, signer: User) -> None:
    found = obstacle(signer)
    if found and not (found == "policy" and isinstance(record, PolicyAcceptance)):
        raise NotReadyToSign(f"Nothing was signed. First {_FIRST[found]}: see “My signature” in the menu of your name.")


def is_confirmed(request: HttpRequest, signer: User) -> bool:
    """Tell whether who has passkeys alone showed one a moment ago: no page of a record asks for a passkey itself."""
    known = factors.has_app(signer) or not factors.has_factor(signer) or sessions.is_fresh(request)
    return known or identities.of(signer) is not None


def _require_second_factor(record: Record, intent: Intent, signer: User, at: dt.datetime) -> None:
    request = context.request()
    if request is None or not factors.has_factor(signer):
        return
    if not intent.code and not factors.has_app(signer):
        if sessions.is_fresh(request):
            return
        raise NotReadyToSign(
            "Nothing was signed. First show your passkey: see “Confirm that it is you” beside the form."
        )
    if not intent.code:
        raise WrongSecondFactor("Nothing was signed, because the code of your app is missing. Enter it, and sign.")
    if not factors.check(signer, intent.code, at=at):
        refusals.note(signer, record, "second factor")
        raise WrongSecondFactor(
            "Nothing was signed, because the code was not accepted. A code serves once and for half a minute; "
            "wait for the next one."
        )


def _require_signer(record: Record, intent: Intent, actor: User, at: dt.datetime) -> FreshSignIn | None:
    """Refuse whoever is not shown to be the signer; return the sign-in by which it was shown, if it was by one."""
    refusals.require_not_paused(actor)
    # As the account is now: it may have been closed, or got another password, since the session began.
    signer = User.objects.get(pk=actor.pk)
    if context.request() is not None:
        _require_ready(record, signer)
    require_shown(intent)
    if actor.is_active and signer.is_active and identities.of(signer) is not None:
        return fresh_sign_ins.take(record, intent.meaning, digest(record.signed_content()), signer, at=at)
    if not (actor.is_active and signer.is_active and signer.check_password(intent.password)):
        refusals.note(signer, record)
        raise WrongPassword(
            "The signature was not accepted, because the password is not yours. Nothing was signed; try again."
        )
    _require_second_factor(record, intent, signer, at)
    return None


def sign(record: Record, intent: Intent, *, actor: User, at: dt.datetime) -> Signature:
    """Sign a record's content as `actor`; signatures that named other content of it are superseded.

    Raises
    ------
    WrongPassword
        The password given is not the signer's.
    WrongSecondFactor
        The signer has a second factor, and did not show it.
    compliance.fresh_sign_ins.FreshSignInNeeded
        The signer signs in at the identity provider, and has not done so for this act.
    NothingShown, NotReadyToSign, compliance.refusals.SigningPaused, compliance.fresh_sign_ins.ActChanged
    """
    fresh = _require_signer(record, intent, actor, at)
    sha256 = digest(record.signed_content())
    signature = Signature(
        signer=actor,
        printed_name=actor.full_name or actor.username,
        meaning=intent.meaning,
        at=at,
        object_type=audit.label_of(record),
        object_id=str(record.pk),
        content_sha256=sha256,
        charter_version=record.charter_signed_under(),
        policy_version=signature_policy.latest_accepted_by(actor),
    )
    signature.seal = signature_seals.of_signature(signature, signature_seals.key())
    signature.save(force_insert=True)
    audit.record(
        f"{record._meta.model_name}.signed",
        record,
        actor=actor,
        at=at,
        after={
            "signature": signature.pk,
            "meaning": intent.meaning,
            "content_sha256": sha256,
            **({"fresh_sign_in": fresh.pk} if fresh else {}),
        },
    )
    return signature


def supersede(record: Record, *, action: str, actor: User | None, at: dt.datetime, changed_only: bool = False) -> None:
    """End the force of the signatures on a record, in the transaction of the step that ends it; none is removed.

    Parameters
    ----------
    action
        The step, as the trail names it.
    changed_only
        Only of those that name other content than the record has now.
    """
    standing = list(signatures_on(record).filter(supersession=None))
    if changed_only and standing:
        sha256 = digest(record.signed_content())
        standing = [one for one in standing if one.content_sha256 != sha256]
    for signature in standing:
        row = Supersession(signature=signature, at=at, actor=actor, action=action)
        row.seal = signature_seals.of_supersession(row, signature_seals.key())
        row.save(force_insert=True)


def supersede_what_changed(record: Record, *, action: str, actor: User | None, at: dt.datetime) -> None:
    """End the force of signatures that no longer name what a record says; `compliance.audit` tells of each save."""
    if type(record).signed_content is not Record.signed_content:
        supersede(record, action=action, actor=actor, at=at, changed_only=True)


def signatures_on(record: models.Model) -> models.QuerySet[Signature]:
    """Return the signatures on a record, oldest first."""
    found = Signature.objects.filter(object_type=audit.label_of(record), object_id=str(record.pk))
    return found.select_related("supersession").order_by("id")


def still_holds(signature: Signature, record: Record) -> bool:
    """Tell whether the record's content is what was signed."""
    return signature.content_sha256 == digest(record.signed_content())
