"""The card of reads on a clock, for the page of a timepoint."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from compliance.models import User
from reading.pages_real_time import card_for
from reading.services.asking import why_not
from reading.states import Purpose
from trials.forms import ReasonForm
from trials.models import Timepoint

register = template.Library()


@register.inclusion_tag("reading/_clock_card.html", takes_context=True)
def clock_card(context: dict[str, Any], timepoint: Timepoint) -> dict[str, Any]:
    """Show a timepoint's reads on a clock to the person of the page, and the button that asks for one."""
    user = context["request"].user
    assert isinstance(user, User)
    reason = why_not(timepoint, Purpose.PROGRESSION)
    card = card_for(user, timepoint, reason, timezone.now())
    form = ReasonForm()
    form.fields["reason"].label = "Why progression is to be verified"
    return {"card": card, "timepoint": timepoint, "form": form, "csrf_token": context.get("csrf_token")}
