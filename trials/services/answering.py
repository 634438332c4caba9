"""Forms of the charter: a site fills one in, signs it, and corrects it with a reason; every version is kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import transaction
from django.utils import timezone

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent, require_shown, require_unchanged
from compliance.transitions import ReasonRequired, advance
from trials.form_answers import MOST_REASON, Values, missing, outside_usual, problems, store
from trials.models import DeclaredForm, Site, SiteForm, Subject, Timepoint
from trials.states import FormState

F = TypeVar("F", bound=DeclaredForm)


class FormSigned(HouseError):
    """A signed form was to be edited."""

    code = "form_signed"
    status = 409


class NothingToCorrect(HouseError):
    """A correction was asked for while a draft is open, or before anything was signed."""

    code = "nothing_to_correct"
    status = 409


class FormNotAsked(HouseError):
    """The charter asks for no such form there."""

    code = "form_not_asked"
    status = 404


class FormIncomplete(HouseError):
    """Answers contradict the form, or are missing; `problems` has a sentence per field."""

    code = "form_incomplete"
    status = 422

    def __init__(self, form: DeclaredForm, found: Mapping[str, str], said: str) -> None:
        labels = {one.code: one.label for one in form.terms.fields}
        sentences = " ".join(f"{labels[code]}: {sentence}" for code, sentence in found.items())
        super().__init__(f"{said} {sentences}", problems=dict(found))
        self.problems = dict(found)


def form_at(place: Site | Subject | Timepoint, code: str, at: dt.datetime) -> SiteForm:
    """Return the latest version of a further form of a place; before the first, an empty one.

    Raises
    ------
    FormNotAsked
    """
    about = f"{place._meta.model_name}-{place.pk}"
    latest = SiteForm.objects.filter(about=about, code=code).order_by("-version").first()
    if latest is not None:
        return latest
    charter = place.charter if isinstance(place, Timepoint) else place.trial.charter_in_force
    asked = charter.terms.further_forms(str(place._meta.model_name)) if charter else []
    if code not in {form.code for form in asked}:
        raise FormNotAsked(f"The charter asks for no form {code} of {place}. Open the forms' page for those it asks.")
    site = place if isinstance(place, Site) else place.site
    subject = place.subject if isinstance(place, Timepoint) else place if isinstance(place, Subject) else None
    timepoint = place if isinstance(place, Timepoint) else None
    return SiteForm(
        code=code, charter=charter, site=site, subject=subject, timepoint=timepoint, about=about, begun_at=at
    )


def save_answers(
    *,
    form: F,
    values: Mapping[str, Any],
    confirmed: Mapping[str, str] | None = None,
    actor: User,
    at: dt.datetime,
    shown_sha256: str = "",
) -> F:
    """Keep a draft; it may be incomplete.

    Parameters
    ----------
    form
        The latest version, or one that is new.
    values
        Answers in their types, by code; what is not given stays as it was, and fields that the form has not are
        passed over.
    confirmed
        Reasons for values outside their usual range, by code.
    shown_sha256
        Digest of the draft that the person was shown.

    Raises
    ------
    FormSigned
    FormIncomplete
        An answer is outside its range, or not asked.
    compliance.signing.ContentChanged
        Somebody else saved meanwhile.
    """
    access.require(actor, form.verb, form.place)
    with transaction.atomic():
        _lock(form)
        form = _latest(form)
        if form.state != FormState.DRAFT:
            raise FormSigned(f"The {form._meta.verbose_name} is signed and does not change. Correct it, with a reason.")
        if form.pk and shown_sha256:
            require_unchanged(form, Intent("", shown_sha256=shown_sha256))
        merged = {**form.values, **{code: value for code, value in values.items() if code in form.values}}
        if found := problems(form.terms.fields, merged, now=timezone.localtime(at)):
            raise FormIncomplete(form, found, "The form was not saved.")
        form.answers = store(form.terms.fields, merged)
        form.confirmed = _reasons(form, merged, {**form.confirmed, **(confirmed or {})})
        return audit.save(form, action=f"{form._meta.model_name}.saved", actor=actor, at=at)


def sign_answers(
    *,
    form: F,
    values: Mapping[str, Any],
    confirmed: Mapping[str, str] | None = None,
    signature: Intent,
    actor: User,
    at: dt.datetime,
) -> F:
    """Save the answers and sign them; the version before is superseded.

    Raises
    ------
    FormIncomplete
        With every problem found.
    FormSigned, compliance.signing.ContentChanged
        See `save_answers`.
    """
    require_shown(signature)
    with transaction.atomic():
        form = save_answers(
            form=form,
            values=values,
            confirmed=confirmed,
            actor=actor,
            at=at,
            shown_sha256=signature.shown_sha256,
        )
        if found := missing(form.terms.fields, form.values, form.confirmed):
            raise FormIncomplete(form, found, "The form cannot be signed yet.")
        for earlier in form.versions.filter(state=FormState.SIGNED):
            advance(earlier, "supersede", actor=None, at=at, thaw=True)
        return advance(form, "sign", actor=actor, at=at, signature=signature.once_compared(), signed_at=at)


def correct_answers(*, form: F, reason: str, actor: User, at: dt.datetime) -> F:
    """Open the next version of a signed form, with the same answers and the reason; the signed one stands meanwhile.

    It stays with the version of the charter under which the form was filled in.
    """
    access.require(actor, form.verb, form.place)
    if not reason.strip():
        raise ReasonRequired("A correction needs a reason. Say what is wrong with the signed form.")
    with transaction.atomic():
        _lock(form)
        signed = form.versions.first()
        if signed is None or signed.state != FormState.SIGNED:
            raise NothingToCorrect("There is no signed form to correct. Fill in the draft and sign it.")
        stored = [one.attname for one in signed._meta.concrete_fields if not one.primary_key]
        kept = {name: getattr(signed, name) for name in stored}
        changed = {"version": signed.version + 1, "state": FormState.DRAFT, "begun_at": at, "signed_at": None}
        following = type(form)(**{**kept, **changed, "correction_reason": reason.strip()})
        return audit.save(
            following, action=f"{form._meta.model_name}.corrected", actor=actor, at=at, reason=reason.strip()
        )


def _reasons(form: DeclaredForm, values: Values, given: Mapping[str, str]) -> dict[str, str]:
    """Return the reasons for what is unusual among the values; others are not kept."""
    unusual = outside_usual(form.terms.fields, values)
    return {code: given[code].strip()[:MOST_REASON] for code in unusual if given.get(code, "").strip()}


def _lock(form: DeclaredForm) -> None:
    place = form.place
    type(place)._base_manager.select_for_update(of=("self",)).get(pk=place.pk)


def _latest(form: F) -> F:
    latest: F | None = form.versions.first()
    return latest or form
