"""The navigation of the signed-in person: what their roles open, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from compliance import access
from compliance.models import Record, User
from trials.models import Role, Trial
from trials.selectors import roles_in, trials_of

#: Per entry: verb that opens it, label, address, icon, shortcut. In the order of the road that a scan takes.
ENTRIES = (
    ("trials.see_subjects", "Subjects", "trials:home", "layout-grid", "g s"),
    ("imaging.see_transfers", "Deliveries", "imaging:transfers", "cloud-upload", "g d"),
    ("imaging.review", "QC", "imaging:qc", "clipboard-check", "g q"),
    ("trials.see_queries", "Queries", "trials:queries", "message-question", "g u"),
    ("reading.see_progress", "Reading", "reading:progress", "eye", "g r"),
    ("reading.see_results", "Agreement", "reading:variability", "scale", "g a"),
    ("trials.see_progress", "Progress", "trials:progress", "chart-dots", "g p"),
    ("imaging.see_metrics", "Sites", "imaging:metrics", "building-hospital", "g n"),
    ("reading.see_endpoints", "Endpoints", "reading:endpoints", "report-analytics", "g o"),
    ("reading.see_package", "Package", "reading:package", "package", "g e"),
    ("trials.administer", "Set-up", "trials:setup", "settings", "g t"),
    ("trials.audit", "Audit trail", "trials:audit", "history", "g i"),
)
#: What is asked of the trial's conduct, beside its work: a menu, as the row above it is full.
OVERSIGHT = (
    ("trials.audit", "Signatures", "trials:signatures", "signature"),
    ("trials.administer_or_audit", "Reviews of the trail", "trials:trail_reviews", "clipboard-check"),
    ("trials.administer_or_audit", "Who may what", "access", "shield-lock"),
    ("trials.administer_or_audit", "Delegation log", "trials:people", "users"),
    ("trials.administer_or_audit", "Training", "trials:role_trainings", "list-check"),
    ("trials.administer_or_audit", "Reviews of access", "trials:access_reviews", "user-check"),
    ("trials.administer_or_audit", "Emergency access", "trials:emergencies", "lock-open"),
    ("trials.administer_or_audit", "Unplanned unblindings", "reading:unblindings", "alert-triangle"),
)
#: What a reader or adjudicator opens is theirs, and names no trial.
OWN_ENTRIES = (
    ("reading.read", "My reads", "reading:worklist", "eye", "g m"),
    ("reading.read", "My figures", "reading:mine", "chart-dots", "g f"),
    ("reading.adjudicate", "Adjudications", "reading:adjudications", "gavel", "g j"),
)
BLINDED = {Role.READER, Role.ADJUDICATOR}


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `nav`, `oversight`, `role_label` and `trial_switch` of the page's frame."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"nav": []}
    mine = {trial.pk: trial for trial in trials_of(user)}
    trial = current_trial(request, mine)
    roles = roles_in(user, trial) if trial else []
    with access.asking_much(user):
        nav = [
            {"label": label, "url": url, "icon": icon, "key": key, "active": request.path == url}
            for label, url, icon, key in _entries(user, trial)
        ]
        oversight = [
            {"label": label, "url": url, "icon": icon, "active": request.path == url}
            for label, url, icon in _of_oversight(user, trial)
        ]
    return {
        "nav": nav,
        "oversight": oversight,
        "role_label": ", ".join(role.label for role in roles),
        "trial_switch": _switch(mine, trial) if set(roles) - BLINDED else None,
    }


def current_trial(request: HttpRequest, mine: Mapping[int, Trial]) -> Trial | None:
    """Return the trial of the record shown, else the one shown last, else the person's first, out of the person's."""
    about = getattr(request, "about", None)
    if isinstance(about, Record) and (trial := mine.get(about.scope().trial_id or 0)):
        if request.session.get("trial") != trial.pk:
            request.session["trial"] = trial.pk
        return trial
    return mine.get(request.session.get("trial") or 0) or next(iter(mine.values()), None)


def _entries(user: User, trial: Trial | None) -> Iterator[tuple[str, str, str, str]]:
    for verb, label, name, icon, key in OWN_ENTRIES:
        if access.may(user, verb):
            yield label, reverse(name), icon, key
    if trial is not None:
        for verb, label, name, icon, key in ENTRIES:
            if access.may(user, verb, trial):
                yield label, reverse(name, kwargs={"pk": trial.pk}), icon, key


def _of_oversight(user: User, trial: Trial | None) -> Iterator[tuple[str, str, str]]:
    for verb, label, name, icon in OVERSIGHT:
        if trial is not None and access.may(user, verb, trial):
            yield label, reverse(name, kwargs={"pk": trial.pk}), icon


def _switch(mine: Mapping[int, Trial], trial: Trial | None) -> dict[str, Any] | None:
    if trial is None:
        return None
    return {
        "label": trial.code,
        "items": [
            {
                "label": other.code,
                "url": f"{reverse('home')}?trial={other.code}",
                "note": other.title,
                "active": other == trial,
            }
            for other in mine.values()
        ],
    }
