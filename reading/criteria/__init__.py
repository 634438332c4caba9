"""Response criteria as packs: pure rules that turn what a reader measured into responses, with a trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compliance.errors import HouseError

from .base import Criteria
from .continuous import Continuous
from .irecist import IRecist
from .lugano import Lugano
from .mrecist import MRecist
from .pcwg3_bone import Pcwg3Bone
from .rano2 import Rano2
from .recist11 import Recist11
from .volumetric import Volumetric


class UnknownCriteria(HouseError):
    """A charter names response criteria for which there is no pack."""

    code = "unknown_criteria"
    status = 422


_PACKS: Mapping[str, type[Criteria[Any]]] = {
    pack.identifier: pack for pack in (Recist11, IRecist, MRecist, Pcwg3Bone, Lugano, Rano2, Volumetric, Continuous)
}


def available() -> tuple[str, ...]:
    """Return the identifiers of all packs, as charters name them."""
    return tuple(sorted(_PACKS))


def get(identifier: str, parameters: Mapping[str, Any] | None = None) -> Criteria[Any]:
    """Return a pack set with the parameters of a charter.

    Raises
    ------
    UnknownCriteria
        There is no such pack.
    UnknownParameter
        The pack does not know a parameter, or the value it is given.
    """
    pack = _PACKS.get(identifier)
    if pack is None:
        raise UnknownCriteria(f"There are no criteria {identifier}; the charter may use {', '.join(available())}.")
    return pack(parameters)


__all__ = ["Criteria", "UnknownCriteria", "available", "get"]
