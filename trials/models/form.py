from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.form_answers import in_words, parts, restore, says_nothing
from trials.form_terms import FormTerms
from trials.models.charter import ImagingCharter
from trials.models.site import Site
from trials.models.subject import Subject, Timepoint
from trials.states import SITE_FORM, FormState


class DeclaredForm(Record):
    """Answers to a form as one version of the charter declares it.

    A draft may change, a signed version never does: a correction is the next version, with its reason. The answers stay
    with the version of the charter under which they were begun. They are the site's own words; nobody who reads blinded
    ever sees them.
    """

    charter = models.ForeignKey(ImagingCharter, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=10, choices=[(s, s.title()) for s in FormState], default=FormState.DRAFT)
    correction_reason = models.TextField(blank=True)
    begun_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)
    #: By code of the field, as `trials.form_answers` stores them.
    answers = models.JSONField(default=dict, blank=True)
    #: Reasons for values outside their usual range, by code of the field.
    confirmed = models.JSONField(default=dict, blank=True)

    class Meta:
        abstract = True
        ordering = ["-version"]

    #: Who holds this verb at the place fills the form in, signs and corrects it.
    verb: ClassVar[str]

    @property
    def terms(self) -> FormTerms:
        """The form as the charter declares it."""
        raise NotImplementedError

    @property
    def place(self) -> Site | Subject | Timepoint:
        """What the form is about."""
        raise NotImplementedError

    @property
    def versions(self) -> Any:
        """Every version of this form of its place, the latest first."""
        raise NotImplementedError

    def scope(self) -> Scope:
        return self.place.scope()

    def frozen_by(self) -> str:
        if self.state != FormState.DRAFT:
            return "a signed form never changes; correct it with a reason"
        return self.place.frozen_by()

    @property
    def values(self) -> dict[str, Any]:
        """The answers in their types, by code, with every field."""
        return restore(self.terms.fields, self.answers)

    @property
    def field_names(self) -> dict[str, str]:
        """What each field is called, by the key of its answer."""
        return {one.key: one.label for one in self.terms.fields}

    @property
    def declared(self) -> dict[str, Any]:
        """What was declared, by key, with every field."""
        values = self.values
        unsaid = {one.code: "" if one.kind == "text" else None for one in self.terms.fields}
        said = {code: unsaid[code] if value is None else value for code, value in values.items()}
        return {one.key: said[one.code] for one in self.terms.fields}

    @property
    def in_words(self) -> dict[str, list[tuple[str, str, str]]]:
        """What was declared, as label, value and reason for an unusual one, by the title of the part."""
        values = self.values
        return {
            title: [
                (one.label, in_words(one, values[one.code]), self.confirmed.get(one.code, ""))
                for one in fields
                if not says_nothing(values[one.code])
            ]
            for title, fields in parts(self.terms.fields).items()
        }

    def place_content(self) -> dict[str, object]:
        """Return what names the place in the signed content."""
        raise NotImplementedError

    def signed_content(self) -> dict[str, object]:
        content = {
            **self.place_content(),
            "version": self.version,
            "correction_reason": self.correction_reason,
            "declared": self.declared,
        }
        # A charter that declares no forms has one that follows from its modalities, whatever its version.
        if self.charter.terms.forms:
            content |= {"form": self.terms.code, "charter": self.charter.version}
        return {**content, "confirmed": self.confirmed} if self.confirmed else content


class SiteForm(DeclaredForm):
    """A further form of the charter: about a timepoint, a subject, or a site."""

    machines = {"state": SITE_FORM}
    verb = "trials.fill_form"

    code = models.CharField(max_length=8)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="forms")
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="forms", null=True)
    timepoint = models.ForeignKey(Timepoint, on_delete=models.PROTECT, related_name="forms", null=True)
    #: Kind and number of what it is about, `subject-12`: one form of each code there.
    about = models.CharField(max_length=40)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["about", "code", "version"], name="site_form_version_once"),
            models.UniqueConstraint(
                fields=["about", "code"], condition=models.Q(state="draft"), name="site_form_one_draft"
            ),
            models.UniqueConstraint(
                fields=["about", "code"], condition=models.Q(state="signed"), name="site_form_one_signed"
            ),
        ]
        ordering = ["site", "about", "code", "-version"]

    def __str__(self) -> str:
        return f"{self.terms.title} of {self.place}, version {self.version}"

    @property
    def terms(self) -> FormTerms:
        return next(form for form in self.charter.terms.forms if form.code == self.code)

    @property
    def place(self) -> Site | Subject | Timepoint:
        return self.timepoint or self.subject or self.site

    @property
    def versions(self) -> models.QuerySet[SiteForm]:
        return SiteForm.objects.filter(about=self.about, code=self.code).order_by("-version")

    def place_content(self) -> dict[str, object]:
        return {
            "site": self.site.code,
            "subject": self.subject.code if self.subject else "",
            "timepoint": self.timepoint.code if self.timepoint else "",
        }
