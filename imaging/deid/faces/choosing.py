"""What is proposed of a series, and what a person makes of it: the mask, larger or smaller, or all before a plane.

A proposal is what looking at a series gave (`looking.find`), with what it takes to show it (`picturing.portray`). The
place that is taken out follows from it and from a few numbers alone, wherever it is computed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from imaging.deid.admission import CannotDeidentify
from imaging.deid.faces.cutting import Cut
from imaging.deid.faces.masking import EVERYWHERE, Face
from imaging.deid.faces.volume import Bits, Box

#: Value of the surface in a portrait.
SURFACE = 128


@dataclass(frozen=True)
class Choice:
    """A mask as a person set it, in whole millimetres and degrees.

    Attributes
    ----------
    shape
        `found`, what the machine proposes, with `grow_mm` around it; or `plane`, all before a plane (`Cut`).
    """

    shape: str
    grow_mm: int = 0
    front_mm: int = 0
    top_mm: int = 0
    bottom_mm: int = 0
    turn: int = 0

    def plain(self) -> dict[str, Any]:
        """What of it counts, as words and numbers."""
        if self.shape == "found":
            return {"shape": self.shape, "grow_mm": self.grow_mm}
        return {name: value for name, value in asdict(self).items() if name != "grow_mm"}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `plain` gave."""
        return cls(**plain)

    @classmethod
    def at_first(cls, proposal: Mapping[str, Any]) -> Self | None:
        """What a page begins with: the mask that was found, or else a plane; both are set, so that one may change."""
        if not proposal["extent"]:
            return None
        shape = "found" if proposal["face"] else "plane"
        low, high = (np.array(corner) for corner in proposal["extent"])
        _, deep, high_up = ((high - low) / 2).round().astype(int).tolist()
        return cls(shape, front_mm=max(deep - 40, 0), top_mm=max(high_up - 90, 0), bottom_mm=-high_up - 20)


def place_in(proposal: Mapping[str, Any], choice: Choice) -> Face | Cut:
    """The place that is taken out.

    Raises
    ------
    CannotDeidentify
        `face_unsure`: no face was found that could go as it is; `face_no_volume`: nothing says where the pictures lie.
    """
    if choice.shape == "found":
        if not proposal["face"]:
            raise CannotDeidentify("face_unsure")
        return Face.of(proposal["face"]).grown(choice.grow_mm)
    if not proposal["extent"]:
        raise CannotDeidentify("face_no_volume")
    x, y, z = np.mean(proposal["extent"], axis=0).tolist()
    return Cut((x, y, z), choice.front_mm, choice.top_mm, choice.bottom_mm, choice.turn, proposal["air"])


def settle(proposal: Mapping[str, Any], choice: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a decision comes to; made to run in a child process.

    Parameters
    ----------
    choice
        `Choice.plain`; without, a person said that no face is there, and no pixel is changed.

    Returns
    -------
    dict
        `looked`, for `imaging.deid.workshop.deidentify`; `sha256` of the place; `share`, percent of what is body in
        the portrait, and `cm3` of it, None where there is no portrait.
    """
    place = place_in(proposal, Choice.of(choice)) if choice is not None else None
    view = proposal["view"] if isinstance(place, Face) else EVERYWHERE.plain()
    plain = place.plain() if place else None
    content = json.dumps(plain, sort_keys=True, default=bytes.hex)
    answer: dict[str, Any] = {
        "looked": {"view": view, "face": plain, "problem": "", "decided": True},
        "sha256": hashlib.sha256(content.encode()).hexdigest(),
        "share": None,
        "cm3": None,
    }
    if portrait := Portrait.of(proposal["portrait"]):
        body = portrait.values >= SURFACE
        gone = int((body & portrait.within(place)).sum()) if place else 0
        answer["share"] = round(100 * gone / max(int(body.sum()), 1), 1)
        answer["cm3"] = round(gone * portrait.box.spacing_mm**3 / 1000)
    return answer


@dataclass(frozen=True)
class Portrait:
    """What of a series shows its surface: a grid in the patient, and values that are 128 where the surface is."""

    box: Box
    values: Any

    @classmethod
    def of(cls, plain: Mapping[str, Any] | None) -> Self | None:
        """Read a portrait; nothing is nothing."""
        if plain is None:
            return None
        x, y, z = plain["shape"]
        origin = plain["origin"]
        box = Box((origin[0], origin[1], origin[2]), plain["spacing_mm"], (x, y, z))
        return cls(box, np.frombuffer(plain["values"], np.uint8).reshape(box.shape))

    def within(self, place: Face | Cut) -> Bits:
        """Voxels of the portrait that lie in a place; that of a face has the same grid."""
        return place.within(self.box) if isinstance(place, Cut) else place.voxels
