"""The transfer form: a coordinator declares how a scan was made, signs it, and corrects it with a reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Min

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent, require_unchanged
from compliance.transitions import ReasonRequired, advance
from imaging.models import ImagingStudy, Series, TransferForm
from imaging.quality.declared import problems
from imaging.selectors import transfer_forms_of
from imaging.services import rounds
from imaging.states import FormState
from trials.models import Timepoint
from trials.schedule import date_of


class FormSigned(HouseError):
    """A signed form was to be edited."""

    code = "form_signed"
    status = 409


class NothingToCorrect(HouseError):
    """A correction was asked for while a draft is open, or before anything was signed."""

    code = "nothing_to_correct"
    status = 409


class FormIncomplete(HouseError):
    """The form does not say all that it must, or contradicts itself; `problems` has a sentence per field."""

    code = "form_incomplete"
    status = 422

    def __init__(self, found: Mapping[str, str]) -> None:
        super().__init__("The form cannot be signed yet. " + " ".join(found.values()), problems=dict(found))
        self.problems = dict(found)


def form_to_fill(timepoint: Timepoint, at: dt.datetime) -> TransferForm:
    """Return the latest version of a timepoint's form; before the first, one that says what the images say."""
    return transfer_forms_of(timepoint).first() or TransferForm(
        timepoint=timepoint, begun_at=at, **_told_by_images(timepoint)
    )


def _told_by_images(timepoint: Timepoint) -> dict[str, Any]:
    told: dict[str, Any] = {}
    first = ImagingStudy.objects.filter(timepoint=timepoint).aggregate(day=Min("study_day"))["day"]
    if first is not None:
        told["acquired_on"] = date_of(first, timepoint.subject.reference_date)
    for facts in Series.objects.filter(imaging_study__timepoint=timepoint).values_list("facts", flat=True):
        told["tracer"] = facts.get("tracer", "")[:80] or told.get("tracer", "")
        for name in ("contrast_volume_ml", "injected_dose_mbq"):
            # A value that the form would refuse helps nobody.
            if (value := facts.get(name)) and 0.1 <= value <= 1000:
                told[name] = Decimal(value).quantize(Decimal("0.1"))
    if "contrast_volume_ml" in told:
        told["contrast_given"] = True
    return told


def save_form(
    *, timepoint: Timepoint, values: Mapping[str, Any], actor: User, at: dt.datetime, shown_sha256: str = ""
) -> TransferForm:
    """Keep a draft of a timepoint's form; it may be incomplete.

    Parameters
    ----------
    values
        What is declared, by field; fields that are not asked are passed over.
    shown_sha256
        Digest of the draft that the person was shown.

    Raises
    ------
    FormSigned
        The latest version is signed.
    compliance.signing.ContentChanged
        Somebody else saved meanwhile.
    """
    access.require(actor, "imaging.upload", timepoint)
    with transaction.atomic():
        Timepoint.objects.select_for_update(of=("self",)).get(pk=timepoint.pk)
        form = form_to_fill(timepoint, at)
        if form.state != FormState.DRAFT:
            raise FormSigned("The transfer form is signed and does not change. Correct it, with a reason.")
        if form.pk:
            require_unchanged(form, Intent("", shown_sha256=shown_sha256))
        for name in form.declared.keys() & values.keys():
            setattr(form, name, values[name])
        return audit.save(form, action="transferform.saved", actor=actor, at=at)


def sign_form(
    *,
    timepoint: Timepoint,
    values: Mapping[str, Any],
    signature: Intent,
    actor: User,
    at: dt.datetime,
) -> TransferForm:
    """Save what is declared and sign it; the version before it is superseded.

    Raises
    ------
    FormIncomplete
        With every problem found.
    FormSigned, compliance.signing.ContentChanged
        See `save_form`.
    """
    with transaction.atomic():
        form = save_form(timepoint=timepoint, values=values, actor=actor, at=at, shown_sha256=signature.shown_sha256)
        if found := problems(form.declared, today=at.date()):
            raise FormIncomplete(found)
        for earlier in transfer_forms_of(timepoint).filter(state=FormState.SIGNED):
            advance(earlier, "supersede", actor=None, at=at, thaw=True)
        advance(form, "sign", actor=actor, at=at, signature=Intent(signature.password, signature.meaning), signed_at=at)
        rounds.look_at_form(form=form, at=at)
    return form


def correct_form(*, timepoint: Timepoint, reason: str, actor: User, at: dt.datetime) -> TransferForm:
    """Open the next version of a signed form, with the same content and the reason; the signed one stands meanwhile."""
    access.require(actor, "imaging.upload", timepoint)
    if not reason.strip():
        raise ReasonRequired("A correction needs a reason. Say what is wrong with the signed form.")
    with transaction.atomic():
        Timepoint.objects.select_for_update(of=("self",)).get(pk=timepoint.pk)
        signed = transfer_forms_of(timepoint).first()
        if signed is None or signed.state != FormState.SIGNED:
            raise NothingToCorrect("There is no signed form to correct. Fill in the draft and sign it.")
        form = TransferForm(
            timepoint=timepoint,
            version=signed.version + 1,
            begun_at=at,
            correction_reason=reason.strip(),
            **signed.declared,
        )
        return audit.save(form, action="transferform.corrected", actor=actor, at=at, reason=reason.strip())
