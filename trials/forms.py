"""Forms of the protocol's pages: parse what people typed into what services take."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.utils import timezone

from compliance import context, identities
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import ContentChanged, Intent
from trials.charter import RECIST, TEMPLATES
from trials.charter.documents import MOST_BYTES as MOST_CHARTER_BYTES
from trials.models import DAYS_OF_TOKEN, ApplicationEntity, Role, Site, Subject, Trial
from trials.selectors import said_of_codes, screens
from trials.subject_list import MOST_BYTES
from trials.subject_terms import MOST_OF_ARM


class SignatureForm(forms.Form):
    """The signer's password again; the digest says which content was shown.

    Whoever signs in at the identity provider has no password, and signs in there anew when this was sent.
    """

    password = forms.CharField(
        label="Your password again", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )
    code = forms.CharField(
        label="Code of your app",
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "text", "spellcheck": "false"}),
    )
    shown_sha256 = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        request = context.request()
        if request is not None and isinstance(request.user, User) and identities.of(request.user):
            self.fields["password"].required = False

    def intent(self, meaning: str) -> Intent:
        """Return what the person gave as a signature's intent."""
        given = self.cleaned_data
        return Intent(given["password"], meaning, given["shown_sha256"], code=given["code"])

    def after(self, refused: HouseError) -> HouseError:
        """Return why nothing was signed; who is told that the record changed signs next what the page shows now.

        What was typed stays. Whoever is told anything else has not been told, so the next signature is compared with
        what they were shown first.
        """
        now = self.initial.get("shown_sha256")
        if refused.code == ContentChanged.code and now:
            given: Any = self.data
            self.data = given = given.copy()
            given["shown_sha256"] = now
        return refused


class ConsentForm(SignatureForm):
    """When and why consent was withdrawn."""

    withdrawn_on = forms.DateField(label="Withdrawn on", widget=forms.DateInput(attrs={"type": "date"}))
    reason = forms.CharField(
        label="How the site learned of it", max_length=500, help_text="No name, and nothing of the person's health."
    )
    field_order = ("withdrawn_on", "reason", "password")


class AdoptForm(SignatureForm):
    """Which subjects go by the version in force from now on, and why."""

    subjects = forms.ModelMultipleChoiceField(
        Subject.objects.none(),
        required=False,
        widget=forms.MultipleHiddenInput,
        error_messages={"invalid_choice": "A subject is not of this trial."},
    )
    #: How many subjects there were to choose, where all of them are chosen.
    everybody = forms.IntegerField(required=False)
    reason = forms.CharField(label="Why they are moved", max_length=500)

    def __init__(self, subjects: QuerySet[Subject], behind: QuerySet[Subject], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["subjects"].queryset = subjects  # type: ignore[attr-defined]
        self.behind = behind

    def clean(self) -> dict[str, Any]:
        """Choose at least one subject; or everybody, if they are still those who were counted."""
        data = super().clean() or {}
        counted = data.get("everybody")
        if counted:
            data["subjects"] = self.behind
            if counted != (now := self.behind.count()):
                self.add_error("everybody", f"There were {counted} subjects to move, and are {now} now. Look again.")
        elif not data.get("subjects") and "subjects" not in self.errors:
            self.add_error("subjects", "Choose at least one subject.")
        return data


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
    days = forms.TypedChoiceField(
        label="It lasts",
        coerce=int,
        choices=[(days, f"{days} days") for days in DAYS_OF_TOKEN],
        initial=DAYS_OF_TOKEN[-1],
        help_text="Administrators and the site's coordinators are told a week before its end.",
    )


class SubjectForm(forms.ModelForm):
    class Meta:
        model = Subject
        fields = ["code", "reference_date"]
        widgets = {"reference_date": forms.DateInput(attrs={"type": "date"})}
        help_texts = {"code": "The trial's code for the subject; never a name or hospital number."}

    def __init__(self, *args: Any, site: Site | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text += said_of_codes(site) if site else ""
        if site and screens(site.trial):
            self.fields["reference_date"].label = "Day 1, as it is planned"

    def clean_reference_date(self) -> dt.date:
        """A day 1 decades away is a typing error."""
        return _near(self.cleaned_data["reference_date"])


def _near(date: dt.date) -> dt.date:
    if abs((date - timezone.localdate()).days) > 20 * 365:
        raise forms.ValidationError("This date is more than 20 years away. Check the year.")
    return date


class EnrolScreenedForm(forms.Form):
    """What is known of a screened subject when it is enrolled; a code only where the charter gives another one."""

    code = forms.CharField(label="Subject code", validators=Subject._meta.get_field("code").validators)
    reference_date = forms.DateField(
        label="Day 1 (randomisation or first dose)", widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, subject: Subject, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reference_date"].help_text = f"It was planned for {subject.reference_date:%-d %B %Y}."
        charter = subject.trial.charter_in_force
        if charter and charter.terms.subjects.screening_format:
            self.fields["code"].help_text = f"Until now {subject.code}.{said_of_codes(subject.site, screened=False)}"
        else:
            del self.fields["code"]

    def clean_reference_date(self) -> dt.date:
        """A day 1 decades away is a typing error."""
        return _near(self.cleaned_data["reference_date"])


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

    last_day = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The role ends by itself after this day (UTC). An auditor's must.",
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
        if data.get("role") == Role.AUDITOR and not data.get("last_day") and "last_day" not in self.errors:
            self.add_error("last_day", "An auditor's role ends by itself. Give its last day.")
        return data

    def clean_last_day(self) -> dt.date | None:
        """A role does not end before it is given."""
        last: dt.date | None = self.cleaned_data["last_day"]
        if last is not None and last < timezone.now().date():
            raise forms.ValidationError("This day is over.")
        return last

    @property
    def until(self) -> dt.datetime | None:
        """The moment at which the role ends by itself."""
        last: dt.date | None = self.cleaned_data["last_day"]
        return dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), dt.UTC) if last else None


class ReasonForm(forms.Form):
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}))


class IdentityForm(forms.Form):
    """Who somebody is at the identity provider."""

    subject = forms.CharField(
        max_length=255, help_text="What the provider calls the person in its claim “sub”; not the mail address."
    )
    reason = forms.CharField(label="How you know that it is they", max_length=500)


class VisitForm(forms.Form):
    """A visit that the schedule does not plan."""

    date = forms.DateField(label="Day of the scan", widget=forms.DateInput(attrs={"type": "date"}))
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), max_length=500)

    def clean_date(self) -> dt.date:
        """A day decades away is a typing error."""
        return _near(self.cleaned_data["date"])


class ArmForm(forms.Form):
    """The arm of a subject; empty takes it away."""

    arm = forms.CharField(max_length=MOST_OF_ARM, required=False, help_text="As the charter's visits name it.")
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=500,
        help_text="Everybody on the trial may read it, so it names no arm.",
    )


class MessageForm(forms.Form):
    text = forms.CharField(label="Message", widget=forms.Textarea(attrs={"rows": 3}))


class AmendForm(forms.Form):
    change_summary = forms.CharField(
        label="What changes, and why", widget=forms.Textarea(attrs={"rows": 2}), max_length=2000
    )


class CharterFileForm(forms.Form):
    """A charter as a file."""

    file = forms.FileField(
        label="Charter as YAML",
        widget=forms.FileInput(attrs={"accept": ".yaml,.yml"}),
        error_messages={"empty": "The file is empty. Choose another."},
    )

    def content(self) -> bytes:
        """Return the bytes of the file, as many as a charter may have and one."""
        content: bytes = self.cleaned_data["file"].read(MOST_CHARTER_BYTES + 1)
        return content


class CorrectionForm(forms.Form):
    """Why a signed form has to be corrected."""

    reason = forms.CharField(label="What is wrong with it", max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))
