"""What people type when they show who they are."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordChangeForm

from compliance.passkeys import LONGEST
from compliance.programs import DAYS

_CODE = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}


class ProofForm(forms.Form):
    """A code of the app or a recovery code; or a browser's answer for a passkey, which the page puts in."""

    code = forms.CharField(
        label="Code",
        help_text="Six digits from your authenticator app, or one of your recovery codes.",
        max_length=40,
        error_messages={"required": "Type a code."},
        widget=forms.TextInput(attrs=_CODE),
    )
    answer = forms.CharField(max_length=LONGEST, required=False, widget=forms.HiddenInput(attrs={"data-answer": ""}))

    # With a passkey nothing is typed, and the browser must not ask for it.
    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].required = not self.data.get("answer")


class PasswordForm(forms.Form):
    """The password once more."""

    password = forms.CharField(
        label="Your password again",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


class OwnPasswordForm(PasswordChangeForm):
    """A password of one's own choice, which is another than the one before: somebody else may have chosen that.

    Who has programs that are let in by a token is asked whether these end, too.
    """

    end_programs = forms.BooleanField(label="End the tokens of my programs, too", initial=True, required=False)

    def __init__(self, *given: Any, tokens: int, **named: Any) -> None:
        super().__init__(*given, **named)
        if not tokens:
            del self.fields["end_programs"]
            return
        stand = "One stands" if tokens == 1 else f"{tokens} stand"
        self.fields[
            "end_programs"
        ].help_text = f"{stand}. Whoever knew your password may have issued one. Those that you need you issue anew."

    def clean(self) -> dict[str, Any]:
        """Keep nobody on the password they have."""
        given = super().clean() or {}
        if given.get("new_password1") and given.get("new_password1") == given.get("old_password"):
            self.add_error("new_password1", "Choose another than the one you have.")
        return given


class AppForm(forms.Form):
    """The first code of an app."""

    code = forms.CharField(
        label="Code that the app shows", max_length=20, widget=forms.TextInput(attrs={**_CODE, "inputmode": "numeric"})
    )


class PasskeyForm(forms.Form):
    """What a person calls a passkey, and the browser's answer, which the page puts in."""

    name = forms.CharField(
        label="Name", help_text="Where it lives: a laptop, a phone, a key.", max_length=60, initial="Passkey"
    )
    answer = forms.CharField(max_length=LONGEST, required=False, widget=forms.HiddenInput(attrs={"data-answer": ""}))


class TokenForm(forms.Form):
    """What a token is for, and how long it lasts."""

    label = forms.CharField(label="Program", help_text="What it is, so that you know it again.", max_length=60)
    days = forms.TypedChoiceField(
        label="Lasts",
        coerce=int,
        choices=[(days, "1 day" if days == 1 else f"{days} days") for days in DAYS],
        initial=30,
    )
    may_change = forms.BooleanField(
        label="It may change things", help_text="Without this it only looks.", required=False
    )
