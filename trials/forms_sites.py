"""Forms of the pages on a site's qualification."""

from __future__ import annotations

from django import forms

from trials.forms import SignatureForm
from trials.models import Scanner


class ScannerForm(forms.ModelForm):
    class Meta:
        model = Scanner
        fields = ["modality", "manufacturer", "model_name", "serial_number", "software"]
        labels = {"model_name": "Model"}
        help_texts = {"modality": "CT, MR, PT.", "manufacturer": "As its images say it; case does not matter."}

    def clean_modality(self) -> str:
        """DICOM writes it in capitals."""
        return str(self.cleaned_data["modality"]).upper()

    def __init__(self, *given: object, **named: object) -> None:
        super().__init__(*given, **named)  # type: ignore[arg-type]
        # The pattern asks for capitals; whoever types small letters means the same.
        self.fields["modality"].validators = [
            one for one in self.fields["modality"].validators if not hasattr(one, "regex")
        ]


class TrainingForm(SignatureForm):
    """Which text was read, and the reader's password."""

    text_sha256 = forms.CharField(widget=forms.HiddenInput, max_length=64)


class AcceptForm(SignatureForm):
    """A test upload is accepted, in spite of what with a word on it."""

    reason = forms.CharField(
        label="Why it is good enough",
        help_text="Needed where a finding would block a timepoint.",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
