"""Questions about the further forms of the charter: which are asked, of which places, and what became of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from compliance.models import User
from trials.form_terms import FormTerms
from trials.models import ImagingCharter, Site, SiteForm, Subject, Timepoint, Trial
from trials.selectors import sites_seen_by, subjects_seen_by, timepoints_seen_by
from trials.states import FormState, ImageState, SubjectState

Place = Site | Subject | Timepoint
MISSING, DRAFT, SIGNED = "missing", "draft", "signed"
#: What may be said of a form that is asked, in the order of the page.
STATES = (MISSING, DRAFT, SIGNED)


@dataclass(frozen=True, slots=True)
class AskedForm:
    """A form of a place, with its latest version if there is one."""

    place: Place
    terms: FormTerms
    latest: SiteForm | None

    @property
    def about(self) -> str:
        """The place, as a form names it."""
        return about(self.place)

    @property
    def site(self) -> Site:
        """The site that fills it in."""
        return self.place if isinstance(self.place, Site) else self.place.site

    @property
    def state(self) -> str:
        """Whether it is missing, a draft (perhaps of a correction), or signed."""
        return self.latest.state if self.latest else MISSING

    @property
    def since(self) -> dt.datetime | None:
        """Since when it waits, where that is known: begun since, or its subject or site in the trial since."""
        if self.latest:
            return self.latest.begun_at
        if isinstance(self.place, Timepoint):
            return None
        return self.place.created_at if isinstance(self.place, Site) else self.place.enrolled_at


def about(place: Place) -> str:
    """Return how forms name a place: its kind and its number."""
    return f"{place._meta.model_name}-{place.pk}"


def forms_seen_by(user: User) -> QuerySet[SiteForm]:
    """Further forms, all their versions, of the sites that the person may know of."""
    related = ("charter", "site__trial", "subject__site", "subject__trial", "timepoint__subject__site")
    seen = SiteForm.objects.filter(site__in=sites_seen_by(user))
    return seen.select_related(*related, "timepoint__subject__trial")


def find_place(user: User, trial: Trial, named: str) -> Place | None:
    """Return the place of a trial that a form names, if the person may know of it."""
    kind, _, number = named.partition("-")
    seen: dict[str, QuerySet[Any]] = {
        "site": sites_seen_by(user).filter(trial=trial).select_related("trial"),
        "subject": subjects_seen_by(user).filter(trial=trial),
        "timepoint": timepoints_seen_by(user).filter(subject__trial=trial),
    }
    if kind not in seen or not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    return seen[kind].filter(pk=number).first()


def forms_asked(user: User, trial: Trial, *, sites: Iterable[Site] | None = None) -> list[AskedForm]:
    """Return every further form that is asked now at the sites that the person may know of, or at some of them.

    A timepoint's forms are asked when its images came, a subject's as long as it is in the trial; what was begun is
    listed whatever the charter asks by now.
    """
    known = sites_seen_by(user).filter(trial=trial).order_by("code")
    own = list(known if sites is None else known.filter(pk__in=[site.pk for site in sites]))
    begun: dict[tuple[str, str], SiteForm] = {}
    for form in forms_seen_by(user).filter(site__in=own).order_by("version"):
        begun[form.about, form.code] = form
    found = [
        AskedForm(place, terms, begun.pop((about(place), terms.code), None)) for place, terms in _asked(own, trial)
    ]
    return found + [AskedForm(form.place, form.terms, form) for form in begun.values()]


def forms_of(subject: Subject, user: User) -> list[AskedForm]:
    """Return the further forms of a subject and its timepoints, as its page lists them."""
    asked = forms_asked(user, subject.trial, sites=[subject.site])
    return [one for one in asked if subject in (one.place, getattr(one.place, "subject", None))]


def _asked(sites: list[Site], trial: Trial) -> Iterator[tuple[Place, FormTerms]]:
    charter = trial.charter_in_force
    if charter is not None:
        of_sites, of_subjects = charter.terms.further_forms("site"), charter.terms.further_forms("subject")
        yield from ((site, terms) for site in sites for terms in of_sites)
        if of_subjects:
            subjects = Subject.objects.filter(site__in=sites, state=SubjectState.ENROLLED).select_related("site")
            yield from ((subject, terms) for subject in subjects for terms in of_subjects)
    received = Timepoint.objects.filter(subject__site__in=sites, image_state=ImageState.RECEIVED)
    versions = ImagingCharter.objects.filter(pk__in=received.values("charter"))
    asked = {version.pk: version.terms.further_forms("timepoint") for version in versions}
    if any(asked.values()):
        for timepoint in received.select_related("subject__site").order_by("subject__code", "order"):
            yield from ((timepoint, terms) for terms in asked[timepoint.charter_id])


def waiting(asked: Iterable[AskedForm]) -> list[AskedForm]:
    """Return those that are not signed, or are being corrected."""
    return [one for one in asked if one.state != FormState.SIGNED]


def forms_at(timepoint: Timepoint) -> list[SiteForm]:
    """Return the latest version of each further form that was begun at a timepoint."""
    latest = {form.code: form for form in timepoint.forms.select_related("charter").order_by("version")}
    return [latest[code] for code in sorted(latest)]


def awaited_at(timepoint: Timepoint) -> list[FormTerms]:
    """Return the further forms without a signed version for which the timepoint's charter lets clearance wait."""
    signed = set(timepoint.forms.filter(state=FormState.SIGNED).values_list("code", flat=True))
    forms = timepoint.charter.terms.further_forms("timepoint")
    return [form for form in forms if form.holds_up and form.code not in signed]
