"""What a site does for its qualification: it answers, registers its scanners, and acknowledges its training."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from django.db import IntegrityError, transaction
from django.utils import timezone

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent, require_shown, require_unchanged
from compliance.transitions import advance
from trials.form_answers import Values, missing, problems, store
from trials.form_terms import FieldTerms
from trials.models import ImagingCharter, Scanner, Site, SiteAnswers, TrainingAcknowledgement
from trials.states import AnswersState


class NothingAsked(HouseError):
    """The charter in force asks for no such part."""

    code = "nothing_asked"
    status = 409


class AnswersRefused(HouseError):
    """Answers do not hold, or not all that the signature needs are there; `problems` has a sentence per question."""

    code = "answers_refused"
    status = 422

    def __init__(self, problems: Mapping[str, str]) -> None:
        said = "1 answer does not hold" if len(problems) == 1 else f"{len(problems)} answers do not hold"
        super().__init__(f"The questionnaire was not kept: {said}. Correct it and try again.", problems=dict(problems))
        self.problems = dict(problems)


class ScannerKnown(HouseError):
    """The site has this scanner already."""

    code = "scanner_known"
    status = 409


class TrainedAlready(HouseError):
    """The person has acknowledged this text already."""

    code = "trained_already"
    status = 409


# --- the questionnaire ----------------------------------------------------------------------------------------


def answers_to_give(site: Site, charter: ImagingCharter, at: dt.datetime) -> SiteAnswers:
    """Return the site's draft of answers; after a signed version the next, which begins with the same answers."""
    latest = site.answers.select_related("charter").first()
    if latest is None:
        return SiteAnswers(site=site, charter=charter, begun_at=at)
    if latest.state == AnswersState.DRAFT:
        return latest
    return SiteAnswers(
        site=site,
        charter=latest.charter,
        version=latest.version + 1,
        answers=latest.answers,
        confirmed=latest.confirmed,
        begun_at=at,
    )


def save_answers(
    *,
    site: Site,
    values: Values,
    actor: User,
    at: dt.datetime,
    confirmed: Mapping[str, str] | None = None,
    shown_sha256: str = "",
) -> SiteAnswers:
    """Keep a draft of a site's answers to what the charter in force asks; it may be incomplete.

    Parameters
    ----------
    values
        In their types, by the question's code (`trials.form_answers`).
    confirmed
        Reasons for values outside their usual range.
    shown_sha256
        Digest of the draft that the person was shown.

    Raises
    ------
    NothingAsked, AnswersRefused
    compliance.signing.ContentChanged
        Somebody else saved meanwhile.
    """
    access.require(actor, "trials.answer_for_site", site)
    charter, questions = _asked(site)
    if wrong := problems(questions, values, now=timezone.localtime(at)):
        raise AnswersRefused(wrong)
    with transaction.atomic():
        Site.objects.select_for_update().get(pk=site.pk)
        given = answers_to_give(site, charter, at)
        if given.pk and shown_sha256:
            require_unchanged(given, Intent("", shown_sha256=shown_sha256))
        given.charter, given.answers, given.confirmed = charter, store(questions, values), dict(confirmed or {})
        return audit.save(given, action="siteanswers.saved", actor=actor, at=at)


def sign_answers(
    *,
    site: Site,
    values: Values,
    signature: Intent,
    actor: User,
    at: dt.datetime,
    confirmed: Mapping[str, str] | None = None,
) -> SiteAnswers:
    """Save a site's answers and sign them; the version before is superseded.

    Raises
    ------
    NothingAsked, AnswersRefused, compliance.signing.ContentChanged
        See `save_answers`.
    """
    with transaction.atomic():
        if site.answers.filter(state=AnswersState.DRAFT).exists():
            # Without a draft nothing was shown but the questions; what is signed comes with the signature.
            require_shown(signature)
        given = save_answers(
            site=site, values=values, confirmed=confirmed, actor=actor, at=at, shown_sha256=signature.shown_sha256
        )
        if wanted := missing(_asked(site)[1], values, given.confirmed):
            raise AnswersRefused(wanted)
        for earlier in site.answers.filter(state=AnswersState.SIGNED):
            advance(earlier, "supersede", actor=None, at=at, thaw=True)
        return advance(given, "sign", actor=actor, at=at, signature=signature.once_compared(), signed_at=at)


def _asked(site: Site) -> tuple[ImagingCharter, Sequence[FieldTerms]]:
    charter = site.trial.charter_in_force
    if charter is None or not charter.terms.sites.questions:
        raise NothingAsked(f"The charter in force asks site {site.code} no questions.")
    return charter, charter.terms.sites.questions


# --- scanners -------------------------------------------------------------------------------------------------


def register_scanner(
    *,
    site: Site,
    modality: str,
    manufacturer: str,
    model_name: str,
    actor: User,
    at: dt.datetime,
    serial_number: str = "",
    software: str = "",
) -> Scanner:
    """Register a scanner of a site.

    Raises
    ------
    ScannerKnown
    """
    access.require(actor, "trials.register_scanner", site)
    scanner = Scanner(
        site=site,
        modality=modality.strip().upper(),
        manufacturer=manufacturer.strip(),
        model_name=model_name.strip(),
        serial_number=serial_number.strip(),
        software=software.strip(),
        registered_at=at,
    )
    with transaction.atomic():
        Site.objects.select_for_update().get(pk=site.pk)
        same = site.scanners.exclude(state="retired").filter(
            modality=scanner.modality,
            manufacturer__iexact=scanner.manufacturer,
            model_name__iexact=scanner.model_name,
            serial_number__iexact=scanner.serial_number,
        )
        if same.exists():
            raise ScannerKnown(
                f"Site {site.code} has this scanner already. Another of the same model needs a serial number."
            )
        return audit.save(scanner, action="scanner.registered", actor=actor, at=at)


def retire_scanner(*, scanner: Scanner, reason: str, actor: User, at: dt.datetime) -> Scanner:
    """Record that a site scans on a scanner no longer."""
    return advance(scanner, "retire", actor=actor, at=at, reason=reason)


# --- training -------------------------------------------------------------------------------------------------


def acknowledge_training(
    *, site: Site, text_sha256: str, signature: Intent, actor: User, at: dt.datetime
) -> TrainingAcknowledgement:
    """Sign that one has read a training text of the charter, as it stands there now.

    Raises
    ------
    NothingAsked
        The charter in force has no such text; perhaps it was changed meanwhile.
    TrainedAlready
    """
    access.require(actor, "trials.answer_for_site", site)
    charter = site.trial.charter_in_force
    texts = charter.terms.sites.training if charter else ()
    text = next((one for one in texts if one.sha256 == text_sha256), None)
    if text is None:
        raise NothingAsked("The charter in force has no such training text. Reload the page and read it as it is now.")
    acknowledgement = TrainingAcknowledgement(
        site=site, person=actor, charter=charter, title=text.title, text_sha256=text.sha256, at=at
    )
    try:
        with transaction.atomic():
            audit.save(acknowledgement, action="trainingacknowledgement.given", actor=actor, at=at)
            # The page showed this very text: its digest came with the form.
            signing.sign(acknowledgement, signature.once_compared(), actor=actor, at=at)
    except IntegrityError as problem:
        raise TrainedAlready(f"You have acknowledged “{text.title}” at this site already.") from problem
    return acknowledgement
