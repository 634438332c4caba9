"""The one door to permissions: may this person do this verb to this record?

Rooms register a predicate per verb in their `rules.py`. Grants on objects are kept by django-guardian and
reached through `grant`, `revoke`, `holds` and `held_objects` only. Sign-in and refusal are the default: each
address names its verb with `guarded`, or says `signed_in`, `public` or `bearer` (programs) in so many words.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, models
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone
from guardian.shortcuts import assign_perm, remove_perm
from guardian.utils import get_user_obj_perms_model

from compliance import audit, context
from compliance.errors import HouseError
from compliance.models import Grant, User

Predicate = Callable[[User, Any], bool]
Gate = Callable[[User, str, Any, dt.datetime], None]
Visible = Callable[[User], models.QuerySet[Any]]
View = Callable[..., HttpResponseBase]

PUBLIC = "public"
SIGNED_IN = "signed in"
BEARER = "bearer of a token"
#: In the place of a role, for who may create trials on the installation.
INSTALLATION = "installation"

_predicates: dict[str, Predicate] = {}
_gates: list[Gate] = []
#: Requests that ask for nothing but to look.
_LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})
_identifying: set[str] = set()
_unblinding: dict[str, tuple[str, tuple[str, ...]]] = {}
_exposed: dict[str, tuple[str, Visible]] = {}
#: What one person holds, by model, as it was when many verbs began to be asked for.
_read: ContextVar[tuple[int, dict[type[models.Model], frozenset[tuple[str, int]]]] | None] = ContextVar("grants")


class AccessDenied(HouseError):
    """The person does not hold the verb on this record; the doors record it (`audit.denied`)."""

    code = "access_denied"
    status = 403


@dataclass(frozen=True, slots=True)
class Held:
    """A predicate that says of itself who holds it, for the table of rights.

    Attributes
    ----------
    by
        The roles, by their stored values; `INSTALLATION` for who may create trials.
    test
        The predicate.
    where
        Which of the records of their trial or site it holds on, where that is not all of them.
    """

    by: tuple[str, ...]
    test: Predicate
    where: str = ""

    def __call__(self, user: User, about: Any) -> bool:
        """Tell whether the person holds it on the record."""
        return self.test(user, about)


@dataclass(frozen=True, slots=True)
class Right:
    """A row of the table of rights.

    Attributes
    ----------
    unblinds
        What it can tell to somebody who is to be blinded to it; empty for most.
    leaves
        The events that its use leaves in the trail, where it can unblind.
    """

    verb: str
    by: tuple[str, ...]
    where: str
    unblinds: str
    leaves: tuple[str, ...]

    @property
    def room(self) -> str:
        """The room that the verb is of."""
        return self.verb.partition(".")[0]


def register(
    verb: str, predicate: Predicate, *, sees_identity: bool = False, unblinds: str = "", leaves: tuple[str, ...] = ()
) -> None:
    """Register who may do `verb` (`<room>.<verb>`); a verb has one predicate, which says who holds it (`Held`).

    With `sees_identity` the answers to it may show who a subject is; what `guarded` answers is kept by nobody then.
    With `unblinds` they may end a blinding, and the words say of what: such rights are listed apart, and their use
    `leaves` these events in the trail.
    """
    if verb in _predicates:
        raise ValueError(f"the verb {verb} is registered twice")
    _predicates[verb] = predicate
    if sees_identity:
        _identifying.add(verb)
    if unblinds:
        _unblinding[verb] = (unblinds, leaves)


def gate(refuse: Gate) -> None:
    """Register what may refuse an act that a role allows, by raising; neither `may` nor who only looks asks it."""
    if refuse not in _gates:
        _gates.append(refuse)


def held_by(verb: str) -> tuple[str, ...]:
    """Return the roles that hold a verb, by their stored values."""
    held = _predicates[verb]
    return held.by if isinstance(held, Held) else ()


def rights() -> tuple[Right, ...]:
    """Return every registered verb with who holds it, by room and verb; whoever does not say so is held by nobody."""
    held = {verb: one if isinstance(one, Held) else Held((), one) for verb, one in sorted(_predicates.items())}
    return tuple(Right(verb, one.by, one.where, *_unblinding.get(verb, ("", ()))) for verb, one in held.items())


def identifies(verb: str) -> bool:
    """Tell whether the answers to a verb may show who a subject is."""
    return verb in _identifying


def verbs() -> frozenset[str]:
    """Return every registered verb."""
    return frozenset(_predicates)


def may(actor: object, verb: str, about: models.Model | None = None) -> bool:
    """Tell whether `actor` may do `verb` to the record; without a record: to any record at all."""
    return isinstance(actor, User) and actor.is_active and _predicates[verb](actor, about)


def require(actor: object, verb: str, about: models.Model | None = None, *, step: bool = False) -> None:
    """Raise `AccessDenied` unless `actor` may do `verb` to the record, and what a gate has against the act.

    With `step` it is an act in whatever request: a page that takes up work as it is looked at.
    """
    if not isinstance(actor, User) or not may(actor, verb, about):
        raise AccessDenied(
            "Your role does not allow this step. If your work needs it, ask the trial administrator for the role.",
            verb=verb,
            about=about,
        )
    pass_gates(actor, verb, about, step=step)


def pass_gates(actor: User, verb: str, about: models.Model | None, *, step: bool = False) -> None:
    """Raise what a gate has against an act by somebody who holds the verb; who only looks passes."""
    request = context.request()
    if not step and request is not None and request.method in _LOOKING:
        return
    for refuse in _gates:
        refuse(actor, verb, about, timezone.now())


def expose(record_type: type[models.Model], verb: str, visible: Visible) -> None:
    """Let those who hold `verb` see the history of records of this type, out of `visible(user)`."""
    _exposed[record_type._meta.label_lower] = (verb, visible)


def exposed(user: User, label: str, pk: str) -> models.Model | None:
    """Return a record by its type's label and key if the person may see its history; else None."""
    if label not in _exposed or not pk.isdecimal():
        return None
    verb, visible = _exposed[label]
    about = visible(user).filter(pk=pk).first()
    return about if about is not None and may(user, verb, about) else None


def grant(user: User, permission: str, about: models.Model, *, until: dt.datetime | None = None) -> None:
    """Give a person a permission (`app.codename`) on one object; from `until` on it opens nothing."""
    assign_perm(permission, user, about)
    row = _kept(about)._default_manager.get(
        user=user, permission__codename__in=_codenames([permission]), content_object=about.pk
    )
    row.until = until
    row.save(update_fields=["until"])


def revoke(user: User, permission: str, about: models.Model) -> None:
    """Take a permission on one object from a person."""
    remove_perm(permission, user, about)


@contextmanager
def asking_much(user: User) -> Iterator[None]:
    """Within, `holds` and `holds_any` of this person read each model's grants once, for a page that asks many verbs."""
    token = _read.set((user.pk, {}))
    try:
        yield
    finally:
        _read.reset(token)


def _held_at_once(user: User, model: type[models.Model]) -> frozenset[tuple[str, int]] | None:
    """Return what the person holds on objects of a model, codename and key, while much is asked; else None."""
    reading = _read.get(None)
    if reading is None or reading[0] != user.pk:
        return None
    _, known = reading
    if model not in known:
        held = _in_force(user, model).values_list("permission__codename", "content_object")
        known[model] = frozenset(held)
    return known[model]


def holds(user: User, permissions: list[str], about: models.Model) -> bool:
    """Tell whether the person holds any of the permissions (of the object's app) on this object, in one question."""
    if not user.is_active or not permissions:
        return False
    held = _held_at_once(user, type(about))
    if held is not None:
        return any((codename, about.pk) in held for codename in _codenames(permissions))
    return _grants(user, permissions, about).filter(content_object=about.pk).exists()


def holds_any(user: User, permissions: list[str], model: type[models.Model]) -> bool:
    """Tell whether the person holds any of the permissions (of the model's app) on any object at all."""
    if not permissions:
        return False
    held = _held_at_once(user, model)
    if held is not None:
        return bool({codename for codename, _ in held} & set(_codenames(permissions)))
    return held_objects(user, permissions, model).exists()


def _codenames(permissions: list[str]) -> list[str]:
    return [permission.partition(".")[2] for permission in permissions]


def grant_of(
    user: User, permissions: list[str], about: models.Model
) -> tuple[models.QuerySet[Any], dt.datetime | None]:
    """Return the one row by which the person holds one of the permissions on this object, and when it ends.

    No row: it is not held.
    """
    rows = _grants(user, permissions, about).filter(content_object=about.pk)
    pk, until = rows.values_list("pk", "until").first() or (None, None)
    return rows.model._default_manager.filter(pk=pk, user=user), until


def held_objects(user: User, permissions: list[str], model: type[models.Model]) -> models.QuerySet[Any]:
    """Return the objects on which the person holds any of the permissions (of the model's app)."""
    return model._default_manager.filter(pk__in=_grants(user, permissions, model).values("content_object"))


def _grants(user: User, permissions: list[str], about: models.Model | type[models.Model]) -> models.QuerySet[Any]:
    """Return guardian's rows of these grants; its own checks ask several times what is one question."""
    return _in_force(user, about).filter(permission__codename__in=_codenames(permissions))


def _in_force(user: User, about: models.Model | type[models.Model]) -> models.QuerySet[Any]:
    """Return what the person holds now. A grant is over at its end, whether the beat has taken it away or not."""
    return _kept(about)._default_manager.filter(Q(until=None) | Q(until__gt=timezone.now()), user=user)


def _kept(about: models.Model | type[models.Model]) -> type[Any]:
    """Return the kind of `Grant` that is kept for objects of a model."""
    kept: type[Grant] = get_user_obj_perms_model(about)  # type: ignore[arg-type, assignment]  # takes a class as well
    return kept


def actor(request: HttpRequest) -> User:
    """Return the signed-in person of a request."""
    if not isinstance(request.user, User):
        raise AccessDenied("Sign in first.")
    return request.user


def guarded(verb: str, visible: Visible | None = None, *, by: str = "pk") -> Callable[[View], View]:
    """Guard an address by a verb, and by the records that the person can see at all.

    With `visible`, the address's keyword `by` picks one record out of `visible(user)` and the view receives
    the record as its second argument. A record outside is 404, a verb not held is 403; both are recorded.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guard(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            user = request.user
            if not isinstance(user, User):
                raise Http404
            found: list[Any] = []
            if visible is not None:
                about = visible(user).filter(**{by: kwargs.pop(by)}).first()
                if about is None:
                    audit.denied(request, verb, timezone.now())
                    raise Http404
                found = [about]
                request.about = about  # type: ignore[attr-defined]  # the page's frame shows its trial
            require(user, verb, *found)
            response = view(request, *found, **kwargs)
            if verb in _identifying:
                response.headers["Cache-Control"] = "private, no-store"
            return response

        guard.permission = verb  # type: ignore[attr-defined]
        return guard

    return decorate


def signed_in(view: View) -> View:
    """Mark an address as open to every signed-in person."""
    view.permission = SIGNED_IN  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """Mark an address as open to everyone, signed in or not."""
    view = login_not_required(view)
    view.permission = PUBLIC  # type: ignore[attr-defined]
    return view


def for_programs(view: View) -> View:
    """Let programs in too that show a token of their person (`compliance.programs`), without a session."""
    view.for_programs = True  # type: ignore[attr-defined]
    return view


def bearer(find: Callable[[str], Any]) -> Callable[[View], View]:
    """Open an address to programs that show a token (RFC 6750), and to nobody else; the body is not touched before.

    `find` returns whom a token stands for, or None; the view receives that as its second argument.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guard(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
            try:
                holder = find(secret.strip()) if scheme.lower() == "bearer" and secret else None
            except DatabaseError:
                detail = "The token cannot be checked now. Send the request again later."
                return JsonResponse(
                    {"code": "unavailable", "detail": detail}, status=503, headers={"Retry-After": "10"}
                )
            if holder is None:
                detail = "A valid token is needed. Ask the trial administrator for one and send it as Bearer."
                return JsonResponse(
                    {"code": "no_token", "detail": detail}, status=401, headers={"WWW-Authenticate": "Bearer"}
                )
            return view(request, holder, **kwargs)

        open_to_programs = login_not_required(guard)
        open_to_programs.permission = BEARER  # type: ignore[attr-defined]
        return open_to_programs

    return decorate
