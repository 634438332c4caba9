"""Forms of the protocol's pages: parse what people typed into what services take."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import RegexValidator
from django.utils import timezone

from compliance.models import User
from compliance.signing import Intent
from trials.charter import HIDEABLE, RECIST, TEMPLATES, TRIGGERS
from trials.forms_deidentification import DeidentificationForm, DeviceForm, DeviceFormSet, RuleFormSet
from trials.models import ApplicationEntity, ImagingCharter, Role, Site, Subject, Trial
from trials.retention import MOST_DAYS, Leave, Retention
from trials.series_terms import ORIENTATIONS
from trials.subject_list import MOST_BYTES


class SignatureForm(forms.Form):
    """The signer's password again; the digest says which content was shown."""

    password = forms.CharField(
        label="Your password again", widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )
    shown_sha256 = forms.CharField(required=False, widget=forms.HiddenInput)

    def intent(self, meaning: str) -> Intent:
        """Return what the person gave as a signature's intent."""
        return Intent(self.cleaned_data["password"], meaning, self.cleaned_data["shown_sha256"])


class TrialForm(forms.ModelForm):
    template = forms.ChoiceField(
        label="Charter to start from",
        choices=[(one.name, one.title) for one in TEMPLATES],
        initial=RECIST.name,
        widget=forms.RadioSelect,
    )

    class Meta:
        model = Trial
        fields = ["code", "title", "indication", "sponsor_name"]
        help_texts = {"code": "As in the protocol, e.g. PLX-301. It cannot be changed later."}


class SiteForm(forms.ModelForm):
    class Meta:
        model = Site
        fields = ["code", "name", "country"]


class ApplicationEntityForm(forms.ModelForm):
    class Meta:
        model = ApplicationEntity
        fields = ["title", "description"]


class ConnectionForm(forms.ModelForm):
    class Meta:
        model = ApplicationEntity
        fields = ["active", "host", "port", "certificate"]
        labels = {"active": "May send", "certificate": "Certificate"}
        widgets = {"certificate": forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})}
        help_texts = {
            "host": "Where it listens, for storage commitment. Leave empty if it does not.",
            "certificate": "In PEM form, with which it calls over TLS; no private key.",
        }


class PlainDicomForm(forms.Form):
    reason = forms.CharField(
        label="How is the way to us protected?", widget=forms.Textarea(attrs={"rows": 2}), max_length=500
    )


class TokenForm(forms.Form):
    label = forms.CharField(max_length=80, help_text="Which program will use it.")


class SubjectForm(forms.ModelForm):
    class Meta:
        model = Subject
        fields = ["code", "reference_date"]
        widgets = {"reference_date": forms.DateInput(attrs={"type": "date"})}
        help_texts = {"code": "The trial's code for the subject; never a name or hospital number."}

    def clean_reference_date(self) -> dt.date:
        """A day 1 decades away is a typing error."""
        date = self.cleaned_data["reference_date"]
        if abs((date - timezone.localdate()).days) > 20 * 365:
            raise forms.ValidationError("This date is more than 20 years away. Check the year.")
        return date


class SubjectListForm(forms.Form):
    """A list of subjects as a file."""

    file = forms.FileField(
        label="List of subjects",
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx,.txt"}),
        error_messages={"empty": "The file is empty. Choose another."},
    )

    def clean_file(self) -> UploadedFile:
        """Refuse early what is no list of subjects by its size."""
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(
                f"The file is larger than {MOST_BYTES >> 20} MB. Leave only the columns asked for."
            )
        return file

    def content(self) -> bytes:
        """Return the bytes of the file."""
        content: bytes = self.cleaned_data["file"].read()
        return content


class MemberForm(forms.Form):
    """Give a person a role: somebody with an account, or a new one."""

    username = forms.CharField(
        max_length=60, validators=[RegexValidator(r"^[\w.@+-]+$", "Use letters, digits and . @ + - _ only.")]
    )
    full_name = forms.CharField(
        label="Printed name",
        max_length=150,
        required=False,
        help_text="For a new account: as it shall appear in signatures.",
    )
    email = forms.EmailField(required=False)
    password = forms.CharField(
        label="First password",
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="For a new account: at least 12 characters; hand it over in person.",
    )
    role = forms.ChoiceField(choices=Role.choices)
    site = forms.ModelChoiceField(
        Site.objects.none(),
        required=False,
        help_text="For a site coordinator only.",
        empty_label="(whole trial)",
    )

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["site"].queryset = trial.sites.all()  # type: ignore[attr-defined]
        self.user: User | None = None

    def clean(self) -> dict[str, Any]:
        """Find the account, or check what a new one needs; pair roles with sites."""
        data = super().clean() or {}
        self.user = User.objects.filter(username__iexact=data.get("username", "")).first()
        if self.user is None:
            for name in ("full_name", "password"):
                if not data.get(name):
                    self.add_error(name, "A new account needs this.")
            if data.get("password"):
                try:
                    validate_password(data["password"])
                except forms.ValidationError as problem:
                    self.add_error("password", problem)
        if (data.get("role") == Role.SITE_COORDINATOR) != bool(data.get("site")):
            self.add_error("site", "A site coordinator needs a site; other roles have none.")
        return data


class ReasonForm(forms.Form):
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}))


class MessageForm(forms.Form):
    text = forms.CharField(label="Message", widget=forms.Textarea(attrs={"rows": 3}))


class AmendForm(forms.Form):
    change_summary = forms.CharField(
        label="What changes, and why", widget=forms.Textarea(attrs={"rows": 2}), max_length=2000
    )


class CharterTermsForm(forms.Form):
    """The charter's single-valued terms; the rows are in formsets beside it."""

    purpose = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), required=False)
    modalities = forms.CharField(help_text="DICOM modality codes, separated by commas: CT, MR, PT.")
    criteria = forms.ChoiceField(choices=[("RECIST 1.1", "RECIST 1.1")])
    readers_per_timepoint = forms.TypedChoiceField(
        choices=[(2, "Two readers, with adjudication"), (1, "One reader")], coerce=int
    )
    adjudicate_by = forms.ChoiceField(
        choices=[("subject", "Subject, when all timepoints are read"), ("timepoint", "Each timepoint")]
    )
    triggers = forms.MultipleChoiceField(
        label="Adjudicate when readers differ in",
        choices=list(TRIGGERS.items()),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    date_window_days = forms.IntegerField(
        label="Dates agree within, days", min_value=0, initial=0, help_text="Dates this many days apart still agree."
    )
    blinded_to = forms.MultipleChoiceField(
        label="Readers are blinded to",
        choices=list(HIDEABLE.items()),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    query_due_days = forms.IntegerField(label="Queries are due after, days", min_value=1, max_value=90)
    originals = forms.ChoiceField(
        label="Originals in quarantine",
        choices=[
            (Leave.KEPT, "Are kept"),
            (Leave.AFTER_DAYS, "Leave some days after QC has cleared their timepoint"),
            (Leave.AT_LOCK, "Leave when the database is locked"),
        ],
        required=False,
    )
    originals_after_days = forms.IntegerField(
        label="Originals leave after, days",
        min_value=1,
        max_value=MOST_DAYS,
        required=False,
        help_text="What left cannot come back.",
    )

    @staticmethod
    def initial_from(charter: ImagingCharter) -> dict[str, Any]:
        """Return the form's starting values for a stored charter."""
        content = charter.content
        adjudication = content.get("adjudication", {})
        retention = charter.terms.retention
        return {
            **{name: content.get(name) for name in ("purpose", "criteria", "readers_per_timepoint", "query_due_days")},
            "modalities": ", ".join(content.get("modalities", [])),
            "adjudicate_by": adjudication.get("by", "subject"),
            "triggers": adjudication.get("triggers", []),
            "date_window_days": adjudication.get("date_window_days", 0),
            "blinded_to": content.get("blinded_to", []),
            "originals": retention.leave,
            "originals_after_days": retention.days or None,
        }

    def clean(self) -> dict[str, Any]:
        """A number of days belongs to the rule that counts them."""
        data = super().clean() or {}
        if data.get("originals") == Leave.AFTER_DAYS and not data.get("originals_after_days"):
            self.add_error("originals_after_days", "Say after how many days.")
        return data

    def retention(self) -> dict[str, Any]:
        """Return the charter's section on retention."""
        leave = Leave(self.cleaned_data["originals"] or Leave.KEPT)
        days = self.cleaned_data["originals_after_days"] if leave is Leave.AFTER_DAYS else 0
        return Retention(leave, days).content()


class VisitForm(forms.Form):
    code = forms.CharField(max_length=12)
    name = forms.CharField(max_length=60)
    day = forms.IntegerField(label="Study day")
    window_before = forms.IntegerField(min_value=0, label="Days before")
    window_after = forms.IntegerField(min_value=0, label="Days after")


class SeriesForm(forms.Form):
    label = forms.CharField(max_length=80)
    modality = forms.CharField(max_length=4)
    required = forms.BooleanField(required=False, initial=True)
    orientation = forms.ChoiceField(choices=[("", "any"), *ORIENTATIONS.items()], required=False)
    max_slice_thickness_mm = forms.FloatField(min_value=0.1, required=False, label="Slice ≤ mm")
    max_gap_mm = forms.FloatField(min_value=0, required=False, label="Gap ≤ mm")
    min_instances = forms.IntegerField(min_value=1, required=False, label="Images ≥")


class PresetForm(forms.Form):
    name = forms.CharField(max_length=40)
    centre = forms.FloatField()
    width = forms.FloatField(min_value=1)


def _formset(form: type[forms.Form], minimum: int) -> Any:
    return forms.formset_factory(form, extra=0, min_num=minimum, can_delete=True, max_num=40)


VisitFormSet = _formset(VisitForm, 1)
SeriesFormSet = _formset(SeriesForm, 1)
PresetFormSet = _formset(PresetForm, 1)


class CharterForm:
    """The whole charter as one form: terms, recipe, and the rows of schedule, series, windows, rules and devices."""

    def __init__(self, charter: ImagingCharter, data: Any = None) -> None:
        content = charter.content
        self.charter = charter
        self.terms = CharterTermsForm(data, initial=CharterTermsForm.initial_from(charter))
        self.visits = VisitFormSet(data, initial=content.get("schedule", []), prefix="visits")
        self.series = SeriesFormSet(data, initial=content.get("series", []), prefix="series")
        self.presets = PresetFormSet(data, initial=content.get("window_presets", []), prefix="presets")
        recipe = content.get("deidentification", {})
        self.recipe = DeidentificationForm(data, initial=DeidentificationForm.initial_from(recipe), prefix="recipe")
        self.rules = RuleFormSet(data, initial=recipe.get("rules", []), prefix="rules")
        devices = [DeviceForm.initial_from(row) for row in recipe.get("pixel_regions", [])]
        self.devices = DeviceFormSet(data, initial=devices, prefix="devices")
        for formset in (self.visits, self.series, self.presets):
            formset.min_num = 0 if formset.initial_form_count() else 1

    def is_valid(self) -> bool:
        """Tell whether every part parses; contradictions between parts are the charter's own to find."""
        parts = (self.terms, self.visits, self.series, self.presets, self.recipe, self.rules, self.devices)
        return sum(part.is_valid() for part in parts) == len(parts)  # every part shows its errors

    def content(self) -> dict[str, Any]:
        """Return the charter's content as typed in."""
        terms = self.terms.cleaned_data
        recipe = self.charter.content.get("deidentification", {})
        return {
            **self.charter.content,
            **{name: terms[name] for name in ("purpose", "criteria", "readers_per_timepoint", "query_due_days")},
            "modalities": [word.strip().upper() for word in terms["modalities"].split(",") if word.strip()],
            "adjudication": {
                "by": terms["adjudicate_by"],
                "triggers": terms["triggers"],
                "date_window_days": terms["date_window_days"],
            },
            "blinded_to": terms["blinded_to"],
            "deidentification": self.recipe.recipe(recipe, _rows(self.rules), _rows(self.devices)),
            "retention": self.terms.retention(),
            "schedule": _rows(self.visits),
            "series": _rows(self.series),
            "window_presets": _rows(self.presets),
        }


def _rows(formset: Any) -> list[dict[str, Any]]:
    """Rows as typed in; what a row's form does not show stays as it was."""
    kept = [form for form in formset if form.cleaned_data and not form.cleaned_data.get("DELETE")]
    rows = [{**form.initial, **form.cleaned_data} for form in kept]
    return [{name: value for name, value in row.items() if name != "DELETE"} for row in rows]
