"""Pages of who may what, for the auditor and the trial's administrator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from compliance import access, spreadsheets
from compliance.access import Right
from compliance.models import AuditEvent
from config.access_table import doors_by_verb, named
from trials.models import Role, Trial
from trials.selectors import members_with, trials_of


class RightsFilter(forms.Form):
    """Which rights are shown."""

    role = forms.ChoiceField(required=False, choices=[("", "Any role"), *Role.choices])
    room = forms.ChoiceField(
        required=False,
        choices=[("", "Any room"), *((room, room.capitalize()) for room in ("trials", "imaging", "reading"))],
    )
    verb = forms.CharField(required=False, label="Right", max_length=60)

    def found(self) -> Iterator[Right]:
        """Return the rights that fit; of a choice that is none, all."""
        asked = self.cleaned_data if self.is_valid() else {}
        for right in access.rights():
            fits = not asked.get("role") or asked["role"] in right.by
            fits = fits and (not asked.get("room") or right.room == asked["room"])
            if fits and asked.get("verb", "").strip().lower().replace(" ", "_") in right.verb:
                yield right


@require_safe
@access.guarded("trials.administer_or_audit", trials_of)
def access_page(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Who may do what in the house, and who that is in this trial; rights that can unblind apart, with their use."""
    filters = RightsFilter(request.GET)
    doors = doors_by_verb()
    people = {role.value: list(members_with(trial, role)) for role in Role}
    used = AuditEvent.objects.filter(trial_id=trial.pk)
    context: dict[str, Any] = {
        "trial": trial,
        "filters": filters,
        "roles": [(role, people[role.value]) for role in Role],
        "rights": [
            (right, [role in right.by for role in Role], doors.get(right.verb, [])) for right in filters.found()
        ],
        "unblinding": [
            {
                "right": right,
                "by": named(right.by),
                "people": [(Role(role).label, person) for role in right.by for person in people.get(role, [])],
                "uses": used.filter(action__in=right.leaves).count(),
            }
            for right in access.rights()
            if right.unblinds
        ],
    }
    return render(request, "access.html", context)


@require_safe
@access.guarded("trials.administer_or_audit", trials_of)
def access_csv(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Hand out the table of rights, as filtered, with the addresses behind each."""
    doors = doors_by_verb()
    head = ("Room", "Right", *(role.label for role in Role), "Of them", "Can tell", "Leaves", "Addresses")
    rows = [
        (
            right.room,
            right.verb,
            *("yes" if role in right.by else "" for role in Role),
            named([access.INSTALLATION]) if access.INSTALLATION in right.by else right.where,
            right.unblinds,
            ", ".join(right.leaves),
            "\n".join(f"{door.methods} {door.address}".strip() for door in doors.get(right.verb, [])),
        )
        for right in RightsFilter(request.GET).found()
    ]
    return spreadsheets.download(f"{trial.code}-rights.csv", head, rows)
