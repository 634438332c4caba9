"""Forms of the pictures' pages."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet

from imaging.states import Verdict
from trials.models import ImagingCharter, Timepoint


class VerdictForm(forms.Form):
    """A person's verdict on a finding; failing or waiving needs a reason."""

    verdict = forms.ChoiceField(choices=[(v, v.title()) for v in Verdict if v is not Verdict.PENDING])
    reason = forms.CharField(required=False, max_length=1000)

    def clean(self) -> dict[str, Any]:
        """Ask for the reason where the verdict needs one."""
        data = super().clean() or {}
        if data.get("verdict") in (Verdict.FAIL, Verdict.WAIVE) and not data.get("reason", "").strip():
            self.add_error("reason", "Failing or waiving a finding needs a reason.")
        return data


class _SeveralFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class _FilesField(forms.FileField):
    """Several files of one input."""

    widget = _SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        """Return the files, each of which has bytes."""
        return [super(_FilesField, self).clean(one, initial) for one in data or [None]]


class _RecipeField(forms.ModelChoiceField):
    """A version of the charter, named by its recipe."""

    def label_from_instance(self, obj: ImagingCharter) -> str:
        """Return version, state and recipe."""
        terms = obj.terms.deidentification
        recipe = f"{terms.get('identifier')} {terms.get('version')}"
        return f"version {obj.version} ({obj.get_state_display().lower()}): {recipe}"


class PreviewForm(forms.Form):
    """Files to show before and after, and the versions of the charter whose recipes are tried."""

    MOST_FILES, MOST_BYTES = 200, 128 << 20

    charter = _RecipeField(ImagingCharter.objects.none(), label="Recipe of", empty_label=None)
    other = _RecipeField(ImagingCharter.objects.none(), label="Compared with", required=False, empty_label="nothing")
    images = _FilesField(
        label="DICOM files",
        help_text=f"Up to {MOST_FILES} files, together up to {MOST_BYTES >> 20} MB. They are gone in half an hour.",
    )

    def __init__(self, *args: Any, charters: QuerySet[ImagingCharter], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("charter", "other"):
            cast(_RecipeField, self.fields[name]).queryset = charters

    def clean_images(self) -> list[UploadedFile]:
        """Refuse more than is tried at a time."""
        files: list[UploadedFile] = self.cleaned_data["images"]
        if len(files) > self.MOST_FILES or sum(file.size or 0 for file in files) > self.MOST_BYTES:
            raise forms.ValidationError(
                f"Choose at most {self.MOST_FILES} files, together of at most {self.MOST_BYTES >> 20} MB."
            )
        return files


class TestUploadForm(forms.Form):
    """Files of a test upload: a ZIP, or images one by one."""

    #: No test case, whatever its name begins with.
    __test__ = False
    MOST_BYTES = 1 << 30

    images = _FilesField(error_messages={"required": "Choose a ZIP of the images, or the images themselves."})

    def clean_images(self) -> list[UploadedFile]:
        """Refuse more than is judged at a time."""
        files: list[UploadedFile] = self.cleaned_data["images"]
        if sum(file.size or 0 for file in files) > self.MOST_BYTES:
            raise forms.ValidationError(f"A test upload has at most {self.MOST_BYTES >> 20} MB. Choose one scan.")
        return files


class ResolveForm(forms.Form):
    """Giving held instances their place."""

    timepoint = forms.ModelChoiceField(Timepoint.objects.none(), label="Subject and timepoint")

    def __init__(self, *args: Any, timepoints: QuerySet[Timepoint], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["timepoint"].queryset = timepoints  # type: ignore[attr-defined]
