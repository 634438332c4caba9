"""The charter's de-identification recipe as a form; what an option does is said in `imaging.deid`, which checks it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from trials.charter.records import OUTSIDE

DATES = {
    "removed": "Are removed",
    "shifted": "Are shifted by secret weeks, each subject its own",
    "kept": "Are kept",
}
PIXELS = {
    "hold": "Images on which text is usual are held; other pixels are not looked at",
    "review": "Text is looked for, and a person settles what is blanked",
    "blank": "Text is looked for and blanked",
}
FACES = {
    "keep": "Stay as they are",
    "mask": "Are taken out of volumes of CT and MR; a person decides where the machine is not certain",
    "review": "A person looks at the mask of each volume of CT and MR, and decides",
}
#: Options of PS3.15 Annex E that stand for themselves; those on dates, pixels and faces follow from their own fields.
OPTIONS = {
    "clean_descriptors": "Descriptions are cleaned, not removed",
    "clean_structured_content": "Structured reports are cleaned, not held",
    "clean_graphics": "Graphics and presentation states are cleaned, not held",
    "retain_patient_characteristics": "Age, sex, size and weight are kept (SUV needs the weight)",
    "retain_safe_private": "Private attributes known to be safe are kept (SUV and diffusion may need them)",
    "retain_device_identity": "Serial number and name of the scanner are kept",
    "retain_institution_identity": "Name and address of the hospital are kept",
    "retain_uids": "UIDs are kept: whoever has the originals can find them",
}
_DATES_OF = {"retain_longitudinal_modified_dates": "shifted", "retain_longitudinal_full_dates": "kept"}
_OPTION_FOR = {dates: option for option, dates in _DATES_OF.items()}


class DeidentificationForm(forms.Form):
    """The recipe but for its own rules and devices, which are in formsets beside it."""

    version = forms.CharField(max_length=24, help_text="Of the recipe; it is written into every image. Count it up.")
    dates = forms.ChoiceField(choices=list(DATES.items()))
    pixels = forms.ChoiceField(
        label="Text in pixels",
        choices=list(PIXELS.items()),
        help_text="A person looks at each photograph; without a search for text it is held.",
    )
    faces = forms.ChoiceField(choices=list(FACES.items()), required=False)
    options = forms.MultipleChoiceField(
        label="Beyond the basic profile",
        choices=list(OPTIONS.items()),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    @staticmethod
    def initial_from(recipe: Mapping[str, Any]) -> dict[str, Any]:
        """Return the form's starting values for a charter's recipe."""
        options = recipe.get("options", [])
        return {
            "version": recipe.get("version", ""),
            "dates": next((_DATES_OF[name] for name in options if name in _DATES_OF), "removed"),
            "pixels": recipe.get("pixels", "hold"),
            "faces": recipe.get("faces", "keep"),
            "options": [name for name in options if name in OPTIONS],
        }

    def recipe(
        self, before: Mapping[str, Any], rules: list[dict[str, Any]], devices: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Return the charter's recipe as typed in; what the form does not show stays as it was."""
        data = self.cleaned_data
        shown = {*OPTIONS, *_DATES_OF, "clean_pixel_data", "clean_recognizable_visual_features"}
        options = {name for name in before.get("options", []) if name not in shown} | set(data["options"])
        if data["dates"] in _OPTION_FOR:
            options.add(_OPTION_FOR[data["dates"]])
        if data["pixels"] != "hold":
            options.add("clean_pixel_data")
        if data["faces"] in ("mask", "review"):
            options.add("clean_recognizable_visual_features")
        typed = ("dates", "pixels", "pixel_regions", "faces", "rules")
        kept = {name: value for name, value in before.items() if name not in typed}
        recipe: dict[str, Any] = {**kept, "version": data["version"], "options": sorted(options)}
        if data["pixels"] != "hold":
            recipe["pixels"] = data["pixels"]
        if devices:
            recipe["pixel_regions"] = [_said(row) for row in devices]
        if data["faces"] in ("mask", "review"):
            recipe["faces"] = data["faces"]
        if rules:
            recipe["rules"] = rules
        return recipe


def _said(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value not in ("", None)}


class RuleForm(forms.Form):
    """A rule of the trial's own for one attribute."""

    attribute = forms.CharField(max_length=90)
    action = forms.ChoiceField(choices=[("X", "Remove"), ("Z", "Empty"), ("K", "Keep")])
    reason = forms.CharField(max_length=200)


class DeviceForm(forms.Form):
    """Where one device writes into its images."""

    name = forms.CharField(max_length=24)
    manufacturer = forms.CharField(max_length=200, required=False)
    model = forms.CharField(max_length=200, required=False)
    modality = forms.CharField(max_length=16, required=False)
    sop_class = forms.CharField(label="SOP class", max_length=64, required=False)
    rows = forms.IntegerField(min_value=1, max_value=65535, required=False)
    columns = forms.IntegerField(min_value=1, max_value=65535, required=False)
    regions = forms.CharField(label="Rectangles", max_length=2000)
    reason = forms.CharField(max_length=200)

    @staticmethod
    def initial_from(row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row's starting values for a template of a charter's recipe."""
        regions = row.get("regions", "")
        if not isinstance(regions, str):
            regions = "; ".join(", ".join(map(str, box)) for box in regions)
        return {**row, "regions": regions}

    @classmethod
    def offered(cls, text: str) -> list[Mapping[str, Any]]:
        """Read a device that another page offers, as JSON; nothing where it is none."""
        try:
            row = json.loads(text)
            cls.initial_from(row)
        except (AttributeError, TypeError, ValueError):
            return []
        return [row] if row.keys() <= cls.base_fields.keys() else []

    def clean_regions(self) -> str | list[list[int]]:
        """Read rectangles as typed in: 0, 0, 640, 40; 600, 440, 640, 480."""
        text: str = self.cleaned_data["regions"].strip()
        if text == OUTSIDE:
            return text
        parts = [part.split(",") for part in text.split(";") if part.strip()]
        if not parts or any(len(part) != 4 or not all(edge.strip().isdecimal() for edge in part) for part in parts):
            raise forms.ValidationError(f"Write left, top, right, bottom; or: {OUTSIDE}.")
        return [[int(edge) for edge in part] for part in parts]


DeviceFormSet = forms.formset_factory(DeviceForm, extra=0, can_delete=True, max_num=100)

RuleFormSet = forms.formset_factory(RuleForm, extra=0, can_delete=True, max_num=100)
