"""Small template filters that every room uses."""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django import template
from django.apps import apps
from django.conf import settings

from compliance import ages, factors, identities, provider, signing
from compliance.models import AuditEvent, User
from compliance.worklists import Waiting

register = template.Library()
#: How the units at the ends of names are written.
_UNITS = {"mm": "mm", "m": "m", "kg": "kg", "ms": "ms", "s": "s", "minutes": "min", "mbq": "MBq", "t": "T"}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*(Z|[+-]\d\d:\d\d)")


@register.simple_tag(takes_context=True)
def obstacle_to_signing(context: Mapping[str, Any]) -> str:
    """Say what the person signed in must do before they can sign; see `compliance.signing.obstacle`."""
    user, request = context.get("user"), context.get("request")
    if not isinstance(user, User):
        return ""
    confirmed = request is None or signing.is_confirmed(request, user)
    return signing.obstacle(user) or ("" if confirmed else "passkey")


@register.filter
def has_app(user: object) -> bool:
    """Tell whether a person signs with the code of an app besides the password."""
    return isinstance(user, User) and factors.has_app(user)


@register.filter
def signs_elsewhere(user: object) -> bool:
    """Tell whether a person signs by signing in at the identity provider."""
    return isinstance(user, User) and identities.of(user) is not None


@register.simple_tag
def provider_name() -> str:
    """Return what people call the identity provider; nothing where there is none."""
    return settings.OIDC_NAME if provider.is_set() else ""


@register.filter
def concat(text: object, more: object) -> str:
    """Join two values as text, for identifiers in markup."""
    return f"{text}{more}"


@register.filter
def words(name: str) -> str:
    """Show a code such as `overall_response` as words."""
    return str(name).replace("_", " ")


@register.filter
def deed(event: AuditEvent) -> str:
    """Say in words what an audited event did to which kind of record."""
    verb = event.action.rpartition(".")[2]
    try:
        kind = apps.get_model(event.object_type)._meta.verbose_name
    except (LookupError, ValueError):
        kind = event.action.partition(".")[0]
    return f"{kind}: {words(verb)}".capitalize() if str(kind).islower() else f"{kind}: {words(verb)}"


@register.filter
def changes(event: AuditEvent) -> list[tuple[str, str, str]]:
    """List what an event changed, down to the single value: where, before, after; empty where there was none."""
    before, after = dict(_leaves(event.before)), dict(_leaves(event.after))
    names = [*after, *(name for name in before if name not in after)]
    rows = [(words(name), before.get(name, ""), after.get(name, "")) for name in names]
    return [row for row in rows if row[1] != row[2]] or rows


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Walk through nested values; members of a list are numbered from 1."""
    if isinstance(value, dict | list) and value:
        members = value.items() if isinstance(value, dict) else enumerate(value, start=1)
        for name, member in members:
            yield from _leaves(member, f"{place}, {name}" if place else str(name))
    elif place:
        yield place, "" if value in (None, {}, []) else _said(value)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return f"{dt.datetime.fromisoformat(value).astimezone(dt.UTC):%-d %b %Y %H:%M:%S} UTC"
    return str(value)


@register.filter
def evidence(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Show measured values as pairs of words; a unit at the end of a name moves behind its value."""
    shown = []
    for name, value in values.items():
        text = f"{value:g}" if isinstance(value, float) else str(value)
        stem, _, unit = name.rpartition("_")
        shown.append((words(stem), f"{text} {_UNITS[unit]}") if stem and unit in _UNITS else (words(name), text))
    return shown


@register.filter
def within(form: Any, place: str) -> Any:
    """Return the form with ids of its own, for a page that shows the same form in several places."""
    form = copy.copy(form)
    form.auto_id, form._bound_fields_cache = f"{place}_%s", {}
    return form


@register.filter
def age(since: dt.datetime | dt.date, at: dt.datetime) -> str:
    """Say how long something has waited at a moment, in words."""
    return ages.age(since, at)


@register.filter
def told(one: Waiting, at: dt.datetime) -> str:
    """Say since when work waits, with its note."""
    return one.told(at)


@register.filter
def where(rows: Iterable[Any], rule: str) -> list[Any]:
    """Keep the rows of which an attribute has a value, given as `name=value`."""
    name, _, value = rule.partition("=")
    return [row for row in rows if str(getattr(row, name)) == value]
