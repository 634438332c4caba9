"""What becomes of an element by its tag and VR alone; the engine's docstring gives the rules in their order."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from pydicom.dataset import Dataset

from imaging.deid.profile import allowed
from imaging.deid.values import BYTES_VRS, FREE_TEXT_VRS, TEMPORAL_VRS, is_disguised, standard_vr, text_of

CODE_TAGS = frozenset({0x00080100, 0x00080102, 0x00080103, 0x00080104})
# Schemes whose codes and meanings are published (PS3.16 §8); those of a hospital may hold anything.
PUBLISHED_SCHEMES = frozenset(
    {"ACR", "DCM", "FMA", "I10", "I10P", "I9", "I9C", "ISO3166_1", "LN", "NCIt", "NEU", "RADLEX"}
    | {"SCT", "SNM3", "SRT", "UCUM", "UMLS"}
)
_CODING_SCHEME, _CODING_SCHEME_UID = 0x00080102, 0x0008010C
_NO_GROUPS = frozenset({0x0000, 0x0002, 0x0004, 0x0006})
_WHO_GROUPS = frozenset({0x0010, 0x0012, 0x0032, 0x0038, 0x0400, 0x4008})
# The text of content items (PS3.3 §C.17.3), which the table does not name.
_CONTENT = frozenset({0x0040A160})


class Unlisted(NamedTuple):
    """Actions for attributes that the table does not name, by the recipe.

    Attributes
    ----------
    temporal, uid
        For dates and times, and for UIDs.
    local_code
        For codes of schemes that are not published.
    content
        For the text of a report.
    """

    temporal: str = "X"
    uid: str = "U"
    local_code: str = "X"
    content: str = "X"


@lru_cache(maxsize=16384)
def verdict(tag: int, declared: str | None, listed: str | None, unlisted: Unlisted) -> tuple[str, str]:
    """Standard VR of an element, and what becomes of it.

    Parameters
    ----------
    declared
        The VR it claims.
    listed
        The recipe's action for it, if any.
    unlisted
        The recipe's actions where `listed` is none.

    Returns
    -------
    tuple of str
        The VR, empty for what has none; an action, or `code` when the coding scheme beside it decides, or the
        outcome with which it is removed: `private`, `group`, `unknown`, `disguised`.
    """
    group = tag >> 16
    if group & 1:
        return "", "private"
    if not tag & 0xFFFF or group in _NO_GROUPS or group & 0xFF00 in (0x5000, 0x6000):
        return "", "group"
    vr = standard_vr(tag)
    if not vr or vr == "NONE":
        return "", "unknown"
    if is_disguised(declared, vr):
        return vr, "disguised"
    return vr, listed or ("code" if tag in CODE_TAGS else _unlisted(tag, group, vr, unlisted))


def _unlisted(tag: int, group: int, vr: str, unlisted: Unlisted) -> str:
    if tag in allowed():
        return "C" if vr in FREE_TEXT_VRS else "K"
    if tag in _CONTENT:
        return unlisted.content
    if group in _WHO_GROUPS or vr in FREE_TEXT_VRS or not BYTES_VRS.isdisjoint(vr.split(" or ")):
        return "X"
    if vr in TEMPORAL_VRS:
        return unlisted.temporal
    if vr == "UI":
        return "K" if tag == _CODING_SCHEME_UID else unlisted.uid
    return "K"


def is_published(item: Dataset) -> bool:
    """Whether the codes of an item come from a scheme that anybody can look up."""
    scheme = item.get_item(_CODING_SCHEME)
    return scheme is not None and set(text_of(scheme)) <= PUBLISHED_SCHEMES
