"""The form by which a webhook is made."""

from __future__ import annotations

from django import forms

from trials.webhooks import CHOICES


class WebhookForm(forms.Form):
    """Where to, and told of what."""

    address = forms.CharField(
        max_length=300,
        widget=forms.URLInput,
        help_text="Begins with https://. It gets a message by POST each time, and answers with 2xx when it has it.",
    )
    kinds = forms.MultipleChoiceField(
        label="Told of",
        widget=forms.CheckboxSelectMultiple,
        choices=CHOICES,
    )
