"""Pages of qualification: where each site stands, and what it and the core lab do next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import Signature
from trials import form_answers, forms, forms_sites, selectors
from trials.forms_answers import AnswersForm
from trials.models import Scanner, ScannerNotice, Site, SiteQualification, Trial, UploadTest
from trials.selectors_sites import (
    Standing,
    in_use,
    notices_seen_by,
    owes_test_upload,
    qualifications_seen_by,
    scanners_seen_by,
    standing_of,
    standings,
    unsettled_notices,
    upload_tests_seen_by,
)
from trials.services import judging, noticing, preparing, qualifying
from trials.services.preparing import NothingAsked
from trials.site_terms import SiteTerms
from trials.states import AnswersState

RESPONSIBILITY, REVIEW, APPROVAL = (
    Signature.Meaning.RESPONSIBILITY,
    Signature.Meaning.REVIEW,
    Signature.Meaning.APPROVAL,
)


@require_safe
@access.guarded("trials.see_subjects", selectors.trials_of)
def qualifications(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Where the sites of a trial stand that the person may know of."""
    now = timezone.now()
    sites = selectors.sites_seen_by(access.actor(request)).filter(trial=trial)
    rows = [(one, in_use(one.site), unsettled_notices(one.site)) for one in standings(trial, sites, now)]
    charter = trial.charter_in_force
    return render(
        request,
        "trials/site_qualifications.html",
        {
            "trial": trial,
            "rows": rows,
            "asks": charter is not None and charter.terms.sites.asks,
            "opened": sum(one.is_open for one, _, _ in rows),
            "ready": sum(one.is_ready for one, _, _ in rows),
            "noticed": sum(len(notices) for _, _, notices in rows),
        },
    )


@require_safe
@access.guarded("trials.see_subjects", selectors.sites_seen_by)
def qualification(request: HttpRequest, site: Site) -> HttpResponse:
    """What the charter asks of a site, in order: what is done, what is missing, and who can do it."""
    return _page(request, site)


def _page(request: HttpRequest, site: Site, status: int = 200, **more: Any) -> HttpResponse:
    user, now = access.actor(request), timezone.now()
    standing = standing_of(site, now)
    terms = standing.charter.terms.sites if standing.charter else SiteTerms()
    unlocked = not site.frozen_by()
    may = {verb: unlocked and access.may(user, f"trials.{verb}", site) for verb in _VERBS}
    answers = list(site.answers.select_related("charter"))
    signed = next((one for one in answers if one.state == AnswersState.SIGNED), None)
    tests = list(site.upload_tests.select_related("scanner", "charter"))
    held = list(site.qualifications.select_related("charter"))
    trainings = list(site.trainings.select_related("person"))
    records = [site, *answers, *site.scanners.all(), *trainings, *tests, *held, *site.scanner_notices.all()]
    context = {
        "site": site,
        "trial": site.trial,
        "standing": standing,
        "terms": terms,
        "may": may,
        "answers": signed,
        "answers_in_words": _in_words(signed) if signed else [],
        "answers_signatures": signing.signatures_on(signed) if signed else [],
        "draft": next((one for one in answers if one.state == AnswersState.DRAFT), None),
        "scanners": list(site.scanners.all()),
        "scanner_form": forms_sites.ScannerForm(),
        "trainings": [_training(one, trainings, user.pk) for one in terms.training],
        "training_form": forms_sites.TrainingForm(),
        "tests": [(one, signing.signatures_on(one), _accept_form(one)) for one in tests],
        "owes_test": unlocked and owes_test_upload(site, now),
        "test_title": settings.DICOM_TEST_AE_TITLE,
        "notices": list(site.scanner_notices.select_related("scanner")),
        "held": [(one, signing.signatures_on(one)) for one in held if one.qualified_at],
        "sign_form": _sign_form(site, standing, now),
        "reason_form": forms.ReasonForm(),
        "events": audit.history_of_many(records)[:12],
    }
    return render(request, "trials/site_qualification.html", context | more, status=status)


def _sign_form(site: Site, standing: Standing, now: dt.datetime) -> forms.SignatureForm:
    """The form by which a site is qualified; it says what the signature would rest on."""
    ready = standing.charter if standing.is_ready else None
    shown = signing.digest(qualifying.to_sign(site, ready, now).shown_content()) if ready else ""
    return forms.SignatureForm(auto_id="qualify_%s", initial={"shown_sha256": shown})


def _accept_form(test: UploadTest) -> forms_sites.AcceptForm:
    return forms_sites.AcceptForm(initial={"shown_sha256": signing.digest(test.shown_content())})


_VERBS = ("answer_for_site", "register_scanner", "judge_upload_test", "qualify_site")


def _in_words(signed: Any) -> list[tuple[str, str]]:
    questions = signed.charter.terms.sites.questions
    values = signed.values_for(questions)
    return [(one.label, form_answers.in_words(one, values[one.code])) for one in questions]


def _training(text: Any, given: list[Any], person: int) -> dict[str, Any]:
    people = [one for one in given if one.text_sha256 == text.sha256]
    return {"text": text, "given": people, "mine": any(one.person_id == person for one in people)}


@access.guarded("trials.answer_for_site", selectors.sites_seen_by)
def questionnaire(request: HttpRequest, site: Site) -> HttpResponse:
    """The charter's questions, answered by the site: kept as a draft, or signed."""
    charter, now = site.trial.charter_in_force, timezone.now()
    if charter is None or not charter.terms.sites.questions:
        raise NothingAsked(f"The charter in force asks site {site.code} no questions. Go back to the site's page.")
    questions = charter.terms.sites.questions
    given = preparing.answers_to_give(site, charter, now)
    shown = signing.digest(given.shown_content()) if given.pk else ""
    signs = "sign" in request.POST
    form = AnswersForm(
        questions,
        request.POST or None,
        at=now,
        values=given.values_for(questions),
        confirmed=given.confirmed,
        whole=signs,
    )
    sign_form = forms.SignatureForm(request.POST if signs else None, initial={"shown_sha256": shown})
    if request.method == "POST" and form.is_valid() and (not signs or sign_form.is_valid()):
        said: dict[str, Any] = {
            "values": form.values,
            "confirmed": form.confirmed,
            "actor": access.actor(request),
            "at": now,
        }
        try:
            if signs:
                preparing.sign_answers(site=site, signature=sign_form.intent(RESPONSIBILITY), **said)
                messages.success(request, "The questionnaire is signed.")
            else:
                preparing.save_answers(site=site, shown_sha256=request.POST.get("shown_sha256", ""), **said)
                messages.success(request, "The draft is kept. It counts when it is signed.")
        except HouseError as problem:
            form.add_error(None, problem.message)
        else:
            return redirect("trials:qualification", pk=site.pk)
    context = {"site": site, "trial": site.trial, "answers": form, "sign_form": sign_form, "given": given}
    return render(request, "trials/site_questionnaire.html", context)


@require_POST
@access.guarded("trials.register_scanner", selectors.sites_seen_by)
def scanner_register(request: HttpRequest, site: Site) -> HttpResponse:
    """Register a scanner of the site."""
    form = forms_sites.ScannerForm(request.POST)
    if form.is_valid():
        try:
            scanner = preparing.register_scanner(
                site=site, **form.cleaned_data, actor=access.actor(request), at=timezone.now()
            )
        except HouseError as problem:
            form.add_error(None, problem.message)
        else:
            messages.success(request, f"{scanner} is registered.")
            return redirect("trials:qualification", pk=site.pk)
    return _page(request, site, status=422, scanner_form=form)


@require_POST
@access.guarded("trials.register_scanner", scanners_seen_by)
def scanner_retire(request: HttpRequest, scanner: Scanner) -> HttpResponse:
    """Record that the site scans on it no longer."""
    return _with_reason(
        request,
        scanner.site,
        lambda given: preparing.retire_scanner(scanner=scanner, **given),
        "The scanner is retired.",
    )


@require_POST
@access.guarded("trials.qualify_site", scanners_seen_by)
def scanner_qualify(request: HttpRequest, scanner: Scanner) -> HttpResponse:
    """Qualify a scanner that joined later."""
    try:
        qualifying.qualify_scanner(scanner=scanner, actor=access.actor(request), at=timezone.now())
        messages.success(request, f"{scanner} is qualified.")
    except HouseError as problem:
        messages.error(request, problem.message)
    return redirect("trials:qualification", pk=scanner.site_id)


@require_POST
@access.guarded("trials.answer_for_site", selectors.sites_seen_by)
def training_acknowledge(request: HttpRequest, site: Site) -> HttpResponse:
    """Sign that one has read a training text."""
    form = forms_sites.TrainingForm(request.POST)
    return _signed(
        request,
        site,
        form,
        lambda given: preparing.acknowledge_training(
            site=site, text_sha256=form.cleaned_data["text_sha256"], signature=form.intent(REVIEW), **given
        ),
        "Your training is acknowledged.",
    )


@require_POST
@access.guarded("trials.qualify_site", selectors.sites_seen_by)
def site_qualify(request: HttpRequest, site: Site) -> HttpResponse:
    """Sign that the site has shown what the charter asks."""
    form = forms.SignatureForm(request.POST)
    return _signed(
        request,
        site,
        form,
        lambda given: qualifying.qualify_site(site=site, signature=form.intent(APPROVAL), **given),
        f"Site {site.code} is qualified: it may enrol.",
    )


@require_POST
@access.guarded("trials.qualify_site", qualifications_seen_by)
def qualification_end(request: HttpRequest, held: SiteQualification) -> HttpResponse:
    """End a site's qualification."""
    return _with_reason(
        request,
        held.site,
        lambda given: qualifying.end_qualification(qualification=held, **given),
        f"The qualification of site {held.site.code} is ended.",
    )


@require_POST
@access.guarded("trials.judge_upload_test", upload_tests_seen_by)
def upload_test_accept(request: HttpRequest, test: UploadTest) -> HttpResponse:
    """Accept a test upload by signature."""
    form = forms_sites.AcceptForm(request.POST)
    return _signed(
        request,
        test.site,
        form,
        lambda given: judging.accept_upload_test(
            test=test, reason=form.cleaned_data["reason"], signature=form.intent(APPROVAL), **given
        ),
        "The test upload is accepted.",
    )


@require_POST
@access.guarded("trials.judge_upload_test", upload_tests_seen_by)
def upload_test_refuse(request: HttpRequest, test: UploadTest) -> HttpResponse:
    """Refuse a test upload; the site is told."""
    return _with_reason(
        request,
        test.site,
        lambda given: judging.refuse_upload_test(test=test, **given),
        "The test upload is refused, and the site is told.",
    )


@require_POST
@access.guarded("trials.qualify_site", notices_seen_by)
def notice_acknowledge(request: HttpRequest, notice: ScannerNotice) -> HttpResponse:
    """Settle a notice: from now on the registry says what the headers say."""
    return _with_reason(
        request,
        notice.site,
        lambda given: noticing.acknowledge_notice(notice=notice, **given),
        "The notice is settled.",
    )


@require_POST
@access.guarded("trials.qualify_site", notices_seen_by)
def notice_ask_test(request: HttpRequest, notice: ScannerNotice) -> HttpResponse:
    """Ask the site for a new test upload."""
    return _with_reason(
        request, notice.site, lambda given: noticing.ask_for_test(notice=notice, **given), "The site is asked for one."
    )


def _with_reason(request: HttpRequest, site: Site, act: Callable[[dict[str, Any]], Any], said: str) -> HttpResponse:
    form = forms.ReasonForm(request.POST)
    return _signed(request, site, form, lambda given: act({**given, "reason": form.cleaned_data["reason"]}), said)


def _signed(
    request: HttpRequest, site: Site, form: Any, act: Callable[[dict[str, Any]], Any], said: str
) -> HttpResponse:
    """Do what a form asks for, say what became of it, and go back to the site's page."""
    if not form.is_valid():
        missing = "a reason" if "reason" in form.errors else "your password"
        messages.error(request, f"Nothing was done: this needs {missing}.")
    else:
        try:
            act({"actor": access.actor(request), "at": timezone.now()})
            messages.success(request, said)
        except HouseError as problem:
            messages.error(request, problem.message)
    return redirect("trials:qualification", pk=site.pk)
