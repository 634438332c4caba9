"""Signatures of people who sign in at the identity provider: each rests on a sign-in of its own (21 CFR 11.200 (a)).

They have no password here. What they send to be signed is refused at first, and waits with the digest of the content
that would have been signed. The provider asks them who they are, anew; the very same act is then sent again, within two
minutes, and takes that sign-in with it. What changed meanwhile is not signed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import time
from typing import Any

from django.http import HttpRequest

from compliance import audit, context, factors, identities, provider
from compliance.errors import HouseError
from compliance.models import FreshSignIn, ProviderIdentity, Record, User

#: How long an act waits for its sign-in, and the sign-in for its act.
WAITS, LASTS = 600, dt.timedelta(minutes=2)
_ACT, _NEEDED, _TAKEN = "act", "fresh_sign_in_needed", "fresh_sign_in_taken"
#: Of a form, what is not part of the act: each page has another, or it is shown and not said.
_APART = frozenset({"csrfmiddlewaretoken", "password", "code", "answer"})


class FreshSignInNeeded(HouseError):
    """The person signs by signing in at the provider anew."""

    code = "fresh_sign_in_needed"
    status = 409


class ActChanged(HouseError):
    """What would be signed now is not what the person has signed in for."""

    code = "content_changed"
    status = 409


def take(record: Record, meaning: str, content_sha256: str, signer: User, *, at: dt.datetime) -> FreshSignIn:
    """Take the sign-in that was made for this very act, once; several signatures of one act rest on the same.

    Raises
    ------
    FreshSignInNeeded
        There is none, it was for something else, or it is used or old; the act begins to wait for one.
    ActChanged
    """
    request = context.request()
    taken: FreshSignIn | None = getattr(request, _TAKEN, None)
    if taken is not None and taken.holder_id == signer.pk:
        return taken
    found = _standing(request, signer, at) if request is not None else None
    if request is None or found is None:
        if request is not None:
            what = {"kind": record._meta.verbose_name, "meaning": meaning, "content_sha256": content_sha256}
            setattr(request, _NEEDED, {"user": signer.pk, **what})
        raise FreshSignInNeeded(
            "Nothing was signed. You sign by signing in once more at your identity provider, on the page of the record."
        )
    if found.content_sha256 != content_sha256:
        raise ActChanged(
            "The record changed since you signed in for this, so nothing was signed. Read it and sign again."
        )
    found.used_at = at
    audit.save(found, action="freshsignin.used", actor=signer, at=at)
    setattr(request, _TAKEN, found)
    return found


def _standing(request: HttpRequest, signer: User, at: dt.datetime) -> FreshSignIn | None:
    """Return the sign-in that this session has for this act and person, unless it is used, old, or lacks a factor."""
    act = waiting(request, signer)
    found = FreshSignIn.objects.select_for_update().filter(pk=act["fresh"] if act else 0, holder=signer).first()
    if act is None or found is None or found.used_at is not None or found.expires_at <= at:
        return None
    is_this = found.act_sha256 == _digest(signer, request.get_full_path(), _form(request))
    is_now = identities.of(signer) == found.identity
    return found if is_this and is_now and not lacks_factor(found) else None


def lacks_factor(found: FreshSignIn) -> bool:
    """Tell whether the person must show a factor of their own besides."""
    return not found.second and not factors.password_is_enough(found.holder)


# --- the act that waits, as the session holds it -----------------------------------------------------------------


def needed(request: HttpRequest) -> dict[str, Any] | None:
    """Return what was refused in this request for want of a fresh sign-in; None if nothing was."""
    return getattr(request, _NEEDED, None)


def begin(request: HttpRequest, page: str) -> None:
    """Let what was sent from a page wait in the session of who sent it; it is the only one that waits there."""
    request.session[_ACT] = {
        **(needed(request) or {}),
        "path": request.get_full_path(),
        "page": page,
        "form": _form(request),
        "begun": int(time.time()),
        "fresh": 0,
    }


def waiting(request: HttpRequest, user: User) -> dict[str, Any] | None:
    """Return the act that waits in this session for this person; None once it has waited too long."""
    act: dict[str, Any] | None = request.session.get(_ACT)
    if not act or act["user"] != user.pk or not 0 <= time.time() - act["begun"] < WAITS:
        return None
    return act


def finish(request: HttpRequest) -> None:
    """Forget an act that was done; one that failed for another reason may be sent again."""
    taken: FreshSignIn | None = getattr(request, _TAKEN, None)
    if taken is not None and FreshSignIn.objects.filter(pk=taken.pk).exclude(used_at=None).exists():
        request.session.pop(_ACT, None)


def returned(
    request: HttpRequest, user: User, identity: ProviderIdentity, shown: provider.Shown, *, at: dt.datetime
) -> FreshSignIn | None:
    """Keep that the person has signed in for the act that waits; None if none does."""
    act = waiting(request, user)
    if act is None or shown.authenticated_at is None:
        return None
    row = FreshSignIn(holder=user, identity=identity, nonce=shown.nonce, content_sha256=act["content_sha256"])
    row.act_sha256 = _digest(user, act["path"], act["form"])
    row.begun_at = dt.datetime.fromtimestamp(act["begun"], dt.UTC)
    row.authenticated_at, row.returned_at, row.expires_at = shown.authenticated_at, at, at + LASTS
    row.second = "provider" if shown.trusted else ""
    audit.save(row, action="freshsignin.made", actor=user, at=at)
    request.session[_ACT] = {**act, "fresh": row.pk}
    return row


def fresh_of(act: dict[str, Any], user: User, *, at: dt.datetime) -> FreshSignIn | None:
    """Return the sign-in that an act has, while it can be taken."""
    found = FreshSignIn.objects.filter(pk=act["fresh"], holder=user, used_at=None, expires_at__gt=at)
    return found.select_related("holder").first() if act["fresh"] else None


def second_shown(row: FreshSignIn, second: str, *, at: dt.datetime) -> None:
    """Keep that the person showed a factor of their own for the same act."""
    row.second, row.expires_at = second, at + LASTS
    audit.save(row, action="freshsignin.second_factor", actor=row.holder, at=at)


def _form(request: HttpRequest) -> list[list[Any]]:
    return [[name, values] for name, values in sorted(request.POST.lists()) if name not in _APART]


def _digest(user: User, path: str, form: list[list[Any]]) -> str:
    return hashlib.sha256(json.dumps([user.pk, path, form], ensure_ascii=False).encode()).hexdigest()
