"""The one door to permissions: may this person do this verb to this record?

Rooms register a predicate per verb in their `rules.py`. Grants on objects are kept by django-guardian and
reached through `grant`, `revoke`, `holds` and `held_objects` only. Sign-in and refusal are the default: each
address names its verb with `guarded`, or says `signed_in`, `public` or `bearer` (programs) in so many words.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, models
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone
from guardian.shortcuts import assign_perm, remove_perm
from guardian.utils import get_user_obj_perms_model

from compliance import audit
from compliance.errors import HouseError
from compliance.models import User

Predicate = Callable[[User, Any], bool]
Visible = Callable[[User], models.QuerySet[Any]]
View = Callable[..., HttpResponseBase]

PUBLIC = "public"
SIGNED_IN = "signed in"
BEARER = "bearer of a token"

_predicates: dict[str, Predicate] = {}
_identifying: set[str] = set()
_exposed: dict[str, tuple[str, Visible]] = {}


class AccessDenied(HouseError):
    """The person does not hold the verb on this record; the doors record it (`audit.denied`)."""

    code = "access_denied"
    status = 403


def register(verb: str, predicate: Predicate, *, sees_identity: bool = False) -> None:
    """Register who may do `verb` (`<room>.<verb>`); a verb has one predicate.

    With `sees_identity` the answers to it may show who a subject is; what `guarded` answers is kept by nobody then.
    """
    if verb in _predicates:
        raise ValueError(f"the verb {verb} is registered twice")
    _predicates[verb] = predicate
    if sees_identity:
        _identifying.add(verb)


def verbs() -> frozenset[str]:
    """Return every registered verb."""
    return frozenset(_predicates)


def may(actor: object, verb: str, about: models.Model | None = None) -> bool:
    """Tell whether `actor` may do `verb` to the record; without a record: to any record at all."""
    return isinstance(actor, User) and actor.is_active and _predicates[verb](actor, about)


def require(actor: object, verb: str, about: models.Model | None = None) -> None:
    """Raise `AccessDenied` unless `actor` may do `verb` to the record."""
    if not may(actor, verb, about):
        raise AccessDenied(
            "Your role does not allow this step. If your work needs it, ask the trial administrator for the role.",
            verb=verb,
            about=about,
        )


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


def grant(user: User, permission: str, about: models.Model) -> None:
    """Give a person a permission (`app.codename`) on one object."""
    assign_perm(permission, user, about)


def revoke(user: User, permission: str, about: models.Model) -> None:
    """Take a permission on one object from a person."""
    remove_perm(permission, user, about)


def holds(user: User, permissions: list[str], about: models.Model) -> bool:
    """Tell whether the person holds any of the permissions (of the object's app) on this object, in one question."""
    return (
        user.is_active
        and bool(permissions)
        and _grants(user, permissions, about).filter(content_object=about.pk).exists()
    )


def grant_of(user: User, permissions: list[str], about: models.Model) -> models.QuerySet[Any]:
    """Return the one row by which the person holds one of the permissions on this object; none: not held."""
    rows = _grants(user, permissions, about).filter(content_object=about.pk)
    return rows.model._default_manager.filter(pk=rows.values_list("pk", flat=True).first(), user=user)


def held_objects(user: User, permissions: list[str], model: type[models.Model]) -> models.QuerySet[Any]:
    """Return the objects on which the person holds any of the permissions (of the model's app)."""
    return model._default_manager.filter(pk__in=_grants(user, permissions, model).values("content_object"))


def _grants(user: User, permissions: list[str], about: models.Model | type[models.Model]) -> models.QuerySet[Any]:
    """Return guardian's rows of these grants; its own checks ask several times what is one question."""
    codenames = [permission.partition(".")[2] for permission in permissions]
    kept: type[models.Model] = get_user_obj_perms_model(about)  # type: ignore[arg-type]  # takes a class as well
    rows = kept._default_manager.filter(user=user)
    return rows.filter(permission__codename__in=codenames)


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
