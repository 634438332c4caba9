"""The form by which a file of an EDC system comes."""

from __future__ import annotations

from django import forms
from django.core.files.uploadedfile import UploadedFile

from trials.edc import MOST_BYTES


class ExchangeForm(forms.Form):
    """A file in ODM."""

    file = forms.FileField(
        label="File of the EDC system (ODM 1.3.2)",
        widget=forms.FileInput(attrs={"accept": ".xml,.odm"}),
        error_messages={"empty": "The file is empty. Choose another."},
    )

    def clean_file(self) -> UploadedFile:
        """Refuse early what is too large."""
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(f"The file is larger than {MOST_BYTES >> 20} MB. Divide it.")
        return file

    def content(self) -> bytes:
        """Return the bytes of the file."""
        content: bytes = self.cleaned_data["file"].read()
        return content
