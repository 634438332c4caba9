"""The page on which the two readers of a discordant case settle it: one proposes by signature, the other confirms."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_GET

from compliance import access, signing
from compliance.errors import HouseError
from compliance.models import Signature
from compliance.signing import WrongPassword
from reading import blinding, forms_consensus, selectors_consensus, views, views_pixels
from reading.models import Adjudication
from reading.services import adjudicating, consenting
from reading.states import AdjudicationState


@access.guarded("reading.meet", selectors_consensus.meetings_of, by="blinded_code")
def consensus(request: HttpRequest, adjudication: Adjudication) -> HttpResponse:
    """Both assessments side by side, unnamed; a proposal to make, to answer, or to wait for."""
    actor, at = access.actor(request), timezone.now()
    proposed = adjudication.state == AdjudicationState.PROPOSED
    mine = proposed and adjudication.proposed_by_id == actor.pk
    initial = {"shown_sha256": signing.digest(adjudication.shown_content())}
    made = forms_consensus.AnswerForm if proposed else forms_consensus.ProposalForm
    form = made(request.POST or None, initial=initial)
    problem: HouseError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            said = _take(adjudication, form, request)
        except WrongPassword as refused:
            form.add_error("password", refused.message)
        except HouseError as refused:
            problem = form.after(refused)
        else:
            messages.success(request, said)
            return redirect("reading:worklist")
    elif request.method == "GET":
        adjudicating.open_case(adjudication=adjudication, actor=actor, at=at)
    context = {
        "meeting": True,
        "proposed": proposed,
        "mine": mine,
        "chosen_label": "Proposed" if proposed else "Chosen",
        "sent_back": adjudication.sent_back if adjudication.state == AdjudicationState.OPEN else "",
        # Of the other reader nothing is named, the signature neither.
        "signatures": [one for one in signing.signatures_on(adjudication) if one.signer_id == actor.pk],
    }
    return views.case_page(request, adjudication, form, problem, views_pixels.consensus_addresses, context)


def _take(adjudication: Adjudication, form: forms_consensus.MeetingForm, request: HttpRequest) -> str:
    actor, at, code = access.actor(request), timezone.now(), adjudication.blinded_code
    given = form.cleaned_data
    if isinstance(form, forms_consensus.ProposalForm):
        signature = form.intent(Signature.Meaning.AUTHORSHIP)
        choice, rationale = given["choice"], given["rationale"]
        consenting.propose(
            adjudication=adjudication, choice=choice, rationale=rationale, signature=signature, actor=actor, at=at
        )
        return f"Case {code} is proposed and signed. It is settled when the other reader has confirmed it."
    if given["verdict"] == forms_consensus.CONFIRM:
        signature = form.intent(Signature.Meaning.AUTHORSHIP)
        consenting.confirm(adjudication=adjudication, signature=signature, actor=actor, at=at)
        return f"Case {code} is settled: both readers have signed."
    consenting.send_back(adjudication=adjudication, reason=given["reason"], actor=actor, at=at)
    return f"The proposal for case {code} is sent back."


def _case(request: HttpRequest, adjudication: Adjudication) -> blinding.Looked:
    return blinding.look_at_case(adjudication, actor=access.actor(request))


@require_GET
@access.guarded("reading.meet", selectors_consensus.meetings_of, by="blinded_code")
def consensus_frame(request: HttpRequest, adjudication: Adjudication, series: str, frame: int) -> HttpResponse:
    """One picture of the case, rendered in one of the charter's windows."""
    return views_pixels.rendered(request, _case(request, adjudication), series, frame)


@require_GET
@access.guarded("reading.meet", selectors_consensus.meetings_of, by="blinded_code")
def consensus_pixels(request: HttpRequest, adjudication: Adjudication, series: str, frame: int) -> HttpResponse:
    """The values of one picture of the case."""
    return views_pixels.pixels(request, _case(request, adjudication), series, frame)


@require_GET
@access.guarded("reading.meet", selectors_consensus.meetings_of, by="blinded_code")
def consensus_thumbnail(request: HttpRequest, adjudication: Adjudication, series: str) -> HttpResponse:
    """A small picture of a series of the case."""
    return views_pixels.thumbnail(request, _case(request, adjudication), series)


@require_GET
@access.guarded("reading.meet", selectors_consensus.meetings_of, by="blinded_code")
def consensus_film(request: HttpRequest, adjudication: Adjudication, series: str, film: int) -> HttpResponse:
    """A film of the case, or a part of it."""
    return views_pixels.film_part(request, _case(request, adjudication), series, film)
