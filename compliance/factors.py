"""The second factor: an app's code, a passkey or a recovery code, besides the password (21 CFR 11.200, 11.300).

Whoever has one must give it, whatever the installation asks; `required_of` says who must have one. All attempts of one
person pass one after the other behind a lock on the account's row, so that no code counts twice and no guess goes
uncounted. A signature asks `has_factor(user)` and `check(user, code, at=at)`.
"""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from compliance import audit, keys, misuse, one_time, passkeys, vault
from compliance.errors import HouseError
from compliance.models import AuditEvent, Factor, RecoveryCode, User

#: Failures with the second factor from anywhere, after which it is refused until the first of them is so old. Who gets
#: here has the password already: this locks nobody whose password is their own.
MOST_FAILURES, PAUSE = 10, dt.timedelta(hours=1)
#: Factors that one person may have.
MOST_FACTORS = 10
FAILED, RESET = "second_factor.failed", "second_factor.reset"

#: Says of a person that what they may see asks for a second factor.
Asks = Callable[[User], bool]

_asks: list[Asks] = []


class FactorPaused(HouseError):
    """There were too many failures with a person's second factor."""

    code = "second_factor_paused"
    status = 429


class FactorRefused(HouseError):
    """A change of somebody's factors is not possible."""

    code = "second_factor_refused"
    status = 409


@dataclass(frozen=True, slots=True, repr=False)
class NewApp:
    """The secret of an app that is being set up."""

    secret: bytes

    def address(self, user: User) -> str:
        """Return what the app reads from the QR code."""
        return one_time.address_of(self.secret, account=user.username, issuer="Parallax")


def require_where(asks: Asks) -> None:
    """Let the room that knows memberships say of whom an installation that requires a second factor requires it."""
    _asks[:] = [asks]


def required_of(user: User) -> bool:
    """Tell whether this person must have a second factor here."""
    return settings.SECOND_FACTOR == "required" and any(asks(user) for asks in _asks)


def factors_of(user: User) -> QuerySet[Factor]:
    """Return the factors that a person has now."""
    return Factor.objects.filter(holder=user, ended_at=None)


def has_factor(user: User) -> bool:
    """Tell whether this person has an app or a passkey, and so must show it."""
    return factors_of(user).exists()


def has_app(user: User) -> bool:
    """Tell whether this person has an app, whose code a form can ask for."""
    return factors_of(user).filter(kind=Factor.Kind.APP).exists()


def anybody_has_an_app() -> bool:
    """Tell whether the key of the accounts is needed: somebody's app lies under it."""
    return Factor.objects.filter(kind=Factor.Kind.APP, ended_at=None).exists()


def who_have_one(people: Iterable[int]) -> set[int]:
    """Return who of these people, by their keys, has a factor."""
    found = Factor.objects.filter(holder__in=list(people), ended_at=None)
    return set(found.values_list("holder", flat=True))


def password_is_enough(user: User) -> bool:
    """Tell whether this person may be let in by the password alone."""
    return not has_factor(user) and not required_of(user)


def codes_left(user: User) -> int:
    """Return how many recovery codes of a person are good."""
    return RecoveryCode.objects.filter(holder=user, used_at=None, ended_at=None).count()


# --- showing one -------------------------------------------------------------------------------------------------


def check(user: User, code: str, *, at: dt.datetime) -> str:
    """Take a code of a person's app, or one of their recovery codes, once; return which it was, or "" if neither.

    For sign-in, for changes of an account, and for signatures: a code that was taken anywhere is taken nowhere again.

    Raises
    ------
    FactorPaused
        There were too many failures with this person's second factor; the code was not looked at.
    """
    given = one_time.plain(code)
    with transaction.atomic():
        _lock(user, at)
        by_app = len(given) == one_time.DIGITS
        taken = _take_code(user, given, at) if by_app else _take_recovery_code(user, given, at)
        if not taken:
            _failed(user, "code" if by_app else "recovery code", at)
            return ""
    return "app" if by_app else "recovery code"


def check_passkey(user: User, state: passkeys.State | None, answer: str, *, at: dt.datetime) -> str:
    """Take what a browser signed with a passkey of this person; as `check`. What was asked (`state`) serves once."""
    with transaction.atomic():
        _lock(user, at)
        known = list(factors_of(user).filter(kind=Factor.Kind.PASSKEY))
        shown = passkeys.shown(state, answer, user, known) if state else None
        if shown is None:
            _failed(user, "passkey", at)
            return ""
        shown.factor.counter, shown.factor.used_at = shown.counter, at
        audit.save(shown.factor, action="second_factor.used", actor=user, at=at)
    return "passkey"


def _lock(user: User, at: dt.datetime) -> None:
    """Let one attempt of a person pass at a time, and none after too many failures."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    about = audit.history(user)
    last_reset = about.filter(action=RESET).values_list("pk", flat=True).first() or 0
    failures = about.filter(action=FAILED, at__gt=at - PAUSE, pk__gt=last_reset)
    if failures.count() >= MOST_FAILURES:
        raise FactorPaused(
            "There were too many failures with the second factor of this account, so it is refused for an hour. "
            "Wait, or ask your trial's administrator."
        )


def _take_code(user: User, code: str, at: dt.datetime) -> bool:
    app = factors_of(user).filter(kind=Factor.Kind.APP).first()
    if app is None:
        return False
    step = one_time.step_of(unseal(app.sealed, user), code, at.timestamp(), after=app.counter)
    if step is None:
        return False
    app.counter, app.used_at = step, at
    audit.save(app, action="second_factor.used", actor=user, at=at)
    return True


def _take_recovery_code(user: User, code: str, at: dt.datetime) -> bool:
    digest = one_time.digest_of(code, user.pk)
    found = RecoveryCode.objects.filter(holder=user, digest=digest, used_at=None, ended_at=None).first()
    if found is None or not has_factor(user):
        return False
    found.used_at = at
    audit.save(found, action="recovery_code.used", actor=user, at=at)
    misuse.tell(user, "recovery code used", "A recovery code of your account was used.", at=at)
    return True


def _failed(user: User, with_what: str, at: dt.datetime) -> AuditEvent:
    event = audit.record(FAILED, user, actor=user, at=at, after={"with": with_what})
    failures = audit.history(user).filter(action=FAILED, at__gt=at - PAUSE).count()
    if failures == MOST_FAILURES:
        misuse.alert(user, "second_factor.paused", "the right password and wrong second factors", at=at)
    return event


# --- having one --------------------------------------------------------------------------------------------------


def seal(secret: bytes, user: User) -> str:
    """Return an app's secret under a key of its holder: in another's row it opens nothing."""
    return base64.b64encode(b"".join(vault.lock(io.BytesIO(secret), _key_of(user, make=True)))).decode()


def unseal(sealed: str, user: User) -> bytes:
    """Return the secret that was sealed for this person.

    Raises
    ------
    KeyMissing, Damaged
        The key of the accounts is away, or the secret was sealed for somebody else or with another key.
    """
    return b"".join(vault.unlock(io.BytesIO(base64.b64decode(sealed)), _key_of(user)))


def _key_of(user: User, *, make: bool = False) -> bytes:
    return hmac.digest(keys.of_accounts(make=make), f"second factor of account {user.pk}".encode(), "sha256")


def add_app(*, user: User, new: NewApp, code: str, at: dt.datetime) -> Factor | None:
    """Make an app the person's own, once it gave a code; an earlier app ends. None if the code is not the app's."""
    step = one_time.step_of(new.secret, one_time.plain(code), at.timestamp(), after=0)
    if step is None:
        return None
    app = Factor(holder=user, kind=Factor.Kind.APP, name="Authenticator app", sealed=seal(new.secret, user))
    app.counter, app.added_at = step, at
    return _add(app, user, at)


def add_passkey(*, user: User, state: passkeys.State | None, answer: str, name: str, at: dt.datetime) -> Factor | None:
    """Make a passkey the person's own, as a browser has made it; None if it is not what was asked for."""
    made = passkeys.made(state, answer) if state else None
    if made is None or Factor.objects.filter(credential_id=made.credential_id, ended_at=None).exists():
        return None
    key = Factor(holder=user, kind=Factor.Kind.PASSKEY, name=name or "Passkey", credential=made.credential)
    key.credential_id, key.counter, key.added_at = made.credential_id, made.counter, at
    return _add(key, user, at)


def _add(factor: Factor, user: User, at: dt.datetime) -> Factor:
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if factors_of(user).count() >= MOST_FACTORS:
            raise FactorRefused(f"You have {MOST_FACTORS} factors already. Remove one first.")
        if factor.kind == Factor.Kind.APP:
            for earlier in factors_of(user).filter(kind=Factor.Kind.APP):
                _end(earlier, "replaced", user, at)
        audit.save(factor, action="second_factor.added", actor=user, at=at)
        user.end_sessions()
        misuse.tell(user, "second factor added", f"A second factor was added to your account: {factor.name}.", at=at)
    return factor


def remove(*, factor: Factor, actor: User, at: dt.datetime) -> None:
    """Take a factor away, at its holder's own wish.

    Raises
    ------
    FactorRefused
        It is the last one of somebody who must have one.
    """
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=actor.pk)
        others = factors_of(actor).exclude(pk=factor.pk).exists()
        if not others and required_of(actor):
            raise FactorRefused("This is your only second factor, and your role needs one. Add another one first.")
        _end(factor, "", actor, at)
        if not others:
            _end_codes(actor, actor, at)
        actor.end_sessions()
        misuse.tell(
            actor, "second factor removed", f"A second factor was removed from your account: {factor.name}.", at=at
        )


def new_recovery_codes(*, user: User, at: dt.datetime) -> list[str]:
    """Make a person's recovery codes, which replace the earlier ones; return them, as they are kept nowhere."""
    with transaction.atomic():
        _end_codes(user, user, at)
        codes = [one_time.new_recovery_code() for _ in range(one_time.RECOVERY_CODES)]
        made = [RecoveryCode(holder=user, digest=one_time.digest_of(code, user.pk), made_at=at) for code in codes]
        audit.save_batch(made, action="recovery_codes.made", about=user, of="made_at", actor=user, at=at)
        misuse.tell(user, "recovery codes made", "New recovery codes of your account were made.", at=at)
    return codes


def reset(*, user: User, actor: User | None, reason: str, at: dt.datetime) -> None:
    """Take all factors from somebody who lost them; the caller asks whether `actor` may. The person is told.

    Without an actor it is who runs the installation, at its command line.

    Nobody learns or sets a secret: the person enrols anew after the password. Nobody does it for themselves.

    Raises
    ------
    FactorRefused
        It is one's own account, or there is nothing to reset.
    """
    if actor is not None and user.pk == actor.pk:
        raise FactorRefused("Nobody resets their own second factor. Remove it on your page Security, or ask another.")
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        held = list(factors_of(user))
        if not held:
            raise FactorRefused(f"{user} has no second factor, so there is nothing to reset.")
        for factor in held:
            _end(factor, reason, actor, at)
        _end_codes(user, actor, at)
        user.end_sessions()
        audit.record(RESET, user, actor=actor, at=at, after={"factors": len(held)}, reason=reason)
        misuse.tell(
            user,
            "second factor reset",
            f"{actor or 'The operator'} took the second factor from your account, so that you can set up a new one. "
            "If you did not ask for this, write to your trial's administrators at once.",
            at=at,
        )


def _end(factor: Factor, reason: str, actor: User | None, at: dt.datetime) -> None:
    factor.ended_at, factor.sealed = at, ""
    audit.save(factor, action="second_factor.removed", actor=actor, at=at, reason=reason)


def _end_codes(user: User, actor: User | None, at: dt.datetime) -> None:
    for code in RecoveryCode.objects.filter(holder=user, used_at=None, ended_at=None):
        code.ended_at = at
        audit.save(code, action="recovery_code.ended", actor=actor, at=at)
