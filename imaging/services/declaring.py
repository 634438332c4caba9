"""The transfer form: a coordinator declares how a scan was made; what its headers say is filled in beforehand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Min

from compliance.models import User
from compliance.signing import Intent
from imaging.models import ImagingStudy, Series, TransferForm
from imaging.quality.declared import Told, contradicted, told_by_headers
from imaging.selectors import transfer_forms_of
from imaging.services import rounds
from trials.form_answers import problems, store
from trials.models import Timepoint
from trials.schedule import date_of
from trials.services import answering


def form_to_fill(timepoint: Timepoint, at: dt.datetime) -> TransferForm:
    """Return the latest version of a timepoint's form; before the first, one that says what the images say."""
    latest = transfer_forms_of(timepoint).first()
    if latest is not None:
        return latest
    form = TransferForm(timepoint=timepoint, charter=timepoint.charter, begun_at=at)
    told = told_by_images(timepoint)
    fields = [one for one in form.terms.fields if one.fact in told]
    values = {one.code: told[one.fact] for one in fields}
    # A value that the form would refuse helps nobody.
    refused = problems(form.terms.fields, values, now=at)
    form.answers = store(fields, {code: value for code, value in values.items() if code not in refused})
    return form


def told_by_images(timepoint: Timepoint) -> Told:
    """Return what the archived images of a timepoint say of the items of the form, by fact."""
    first = ImagingStudy.objects.filter(timepoint=timepoint).aggregate(day=Min("study_day"))["day"]
    acquired_on = None if first is None else date_of(first, timepoint.subject.reference_date)
    series = Series.objects.filter(imaging_study__timepoint=timepoint).order_by("pk")
    return told_by_headers(acquired_on, series.values_list("facts", flat=True))


def contradictions(form: TransferForm) -> dict[str, str]:
    """Return where a form and the images of its timepoint contradict each other, as a sentence per label."""
    labels = {one.fact: one.label for one in form.terms.fields if one.fact}
    found = contradicted(form.declared, told_by_images(form.timepoint))
    return {labels[fact]: sentence for fact, sentence in found.items() if fact in labels}


def save_form(*, timepoint: Timepoint, values: Mapping[str, Any], at: dt.datetime, **given: Any) -> TransferForm:
    """Keep a draft of a timepoint's form; see `trials.services.answering.save_answers`."""
    return answering.save_answers(form=form_to_fill(timepoint, at), values=values, at=at, **given)


def sign_form(
    *, timepoint: Timepoint, values: Mapping[str, Any], signature: Intent, at: dt.datetime, **given: Any
) -> TransferForm:
    """Save what is declared and sign it; see `sign_answers`."""
    return sign_answers(form=form_to_fill(timepoint, at), values=values, signature=signature, at=at, **given)


def sign_answers(*, form: TransferForm, at: dt.datetime, **given: Any) -> TransferForm:
    """Sign a form as `trials.services.answering.sign_answers` does; QC looks at it again where it has to."""
    with transaction.atomic():
        signed = answering.sign_answers(form=form, at=at, **given)
        rounds.look_at_form(form=signed, at=at)
    return signed


def correct_form(*, timepoint: Timepoint, reason: str, actor: User, at: dt.datetime) -> TransferForm:
    """Open the next version of a signed form; see `trials.services.answering.correct_answers`."""
    form = form_to_fill(timepoint, at)
    return answering.correct_answers(form=form, reason=reason, actor=actor, at=at)
