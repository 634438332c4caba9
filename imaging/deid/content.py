"""Content items of reports: what a concept's name asks of its value (PS3.15 §E.3.4, Table E.3.4-1)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from pydicom.dataset import Dataset

from imaging.deid.profile import read_table
from imaging.deid.values import text_of

TEXT, UID = 0x0040A160, 0x0040A124
_VALUE_TYPE, _CONCEPT_NAME, _CODE, _SCHEME = 0x0040A040, 0x0040A043, 0x00080100, 0x00080102
_REFERENCES = frozenset({"COMPOSITE", "IMAGE", "UIDREF", "WAVEFORM"})

Concept = tuple[str, str, str]


@cache
def actions(options: frozenset[str]) -> Mapping[Concept, str]:
    """Return the action for each concept that the table names, by scheme, code and value type.

    `X` removes the content item with all below it, `D` replaces its text; with `K` and `C` it goes the way of its
    attributes, and a UID that is kept stays. Where the table leaves X or D to choose, D keeps the report valid.
    References stay: the UIDs in them are pseudonyms, or retained, as those of their targets are. Without the option
    for structured content there are no actions.
    """
    found: dict[Concept, str] = {}
    for line in read_table("structured_content.csv") if "clean_structured_content" in options else ():
        printed = {line[name] for name in options if name in line}
        action = "C" if "C" in printed else "K" if "K" in printed else "D" if "D" in line["basic"] else "X"
        if line["value_type"] in _REFERENCES:
            action = "K" if "retain_uids" in options else "C"
        found[line["scheme"], line["code"], line["value_type"]] = action
    return found


def concept_of(item: Dataset) -> Concept | None:
    """Scheme, code and value type of a content item; none if it has no concept name."""
    kind = item.get_item(_VALUE_TYPE)
    names = None if kind is None else item.get(_CONCEPT_NAME)
    if kind is None or names is None or names.VR != "SQ" or not names.value:
        return None
    scheme, code = (names.value[0].get_item(tag) for tag in (_SCHEME, _CODE))
    if scheme is None or code is None:
        return None
    return "".join(text_of(scheme)), "".join(text_of(code)), "".join(text_of(kind))
