"""Who reads what, in which order, and under which name: from a stored seed, so that it replays."""

from .assigning import (
    Assignment,
    CaseRef,
    NotEnoughReaders,
    ReaderRef,
    assign,
    drawn_order,
    extend,
    pick_adjudicator,
    reread_after_days,
    side_order,
)
from .codes import blinded_code
from .drawing import Chance, Pool, candidates, draw

__all__ = [
    "Assignment",
    "CaseRef",
    "Chance",
    "NotEnoughReaders",
    "Pool",
    "ReaderRef",
    "assign",
    "blinded_code",
    "candidates",
    "draw",
    "drawn_order",
    "extend",
    "pick_adjudicator",
    "reread_after_days",
    "side_order",
]
