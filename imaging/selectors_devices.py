"""Which devices write into their images, as people's decisions on pixels tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from imaging.deid.pixels.learning import blanked_often
from imaging.deid.pixels.networks import Box
from imaging.deid.pixels.regions import Region, covers
from imaging.deid.pixels.templates import Template, Unusable, places
from imaging.deid.recipe import InvalidRecipe, Recipe
from imaging.models import PixelReview
from imaging.states import PixelState
from trials.models import Trial

#: A place counts that was blanked in so many images at least; so many decisions are looked at, the latest.
LEAST, MOST_LOOKS = 5, 2000


@dataclass(frozen=True, slots=True)
class LearntDevice:
    """A device template that people's decisions suggest, as a recipe would hold it, and the number of their images."""

    template: Template
    images: int


def devices_learnt(trial: Trial) -> Sequence[LearntDevice]:
    """Devices on whose images people blanked the same places often, if the charter in force does not say so yet.

    Boxes that hold on all frames count, of images on which somebody decided themselves.
    """
    looks = PixelReview.objects.filter(
        received__transfer__site__trial=trial, state=PixelState.APPLIED, led_by=None
    ).exclude(model="")
    devices: dict[tuple[str, str, str, int, int], list[list[Box]]] = {}
    for look in looks.select_related("received").order_by("-decided_at")[:MOST_LOOKS]:
        device = look.manufacturer, look.model, look.received.modality, look.columns, look.rows
        blank = look.settled.blank if look.settled else ()
        on_all = [one.box for one in blank if (one.first, one.last) == (0, look.frames - 1)]
        devices.setdefault(device, []).append(on_all)
    known = _templates_in_force(trial)
    found = (_learnt(device, images, known) for device, images in sorted(devices.items()))
    return [one for one in found if one is not None]


def _learnt(
    device: tuple[str, str, str, int, int], images: Sequence[Sequence[Box]], known: Sequence[Template]
) -> LearntDevice | None:
    manufacturer, model, modality, columns, rows = device
    image = Dataset()
    image.Manufacturer, image.ManufacturerModelName, image.Modality = manufacturer, model, modality
    image.Rows, image.Columns = rows, columns
    said = [Region(*box) for _, box in places(known, image)]
    boxes = [box for box in blanked_often(images, least=LEAST) if not covers(said, Region(*box))]
    size = f"-{columns}x{rows}"
    name = re.sub(r"[^a-z0-9]+", "-", model.casefold()).strip("-")[: 24 - len(size)] or "device"
    entry = {
        "name": name + size,
        "manufacturer": manufacturer,
        "model": model,
        "modality": modality,
        "rows": rows,
        "columns": columns,
        "regions": [list(box) for box in boxes],
        "reason": f"People blanked these places on most of {len(images)} images of this device.",
    }
    try:
        return LearntDevice(Template.parse(entry), len(images))
    except Unusable:
        return None  # no place, or nothing would be left of the image


def _templates_in_force(trial: Trial) -> Sequence[Template]:
    try:
        return Recipe.parse(trial.charter_in_force.terms.deidentification).templates if trial.charter_in_force else ()
    except InvalidRecipe:
        return ()
