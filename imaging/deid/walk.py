"""The walk over an instance: every element of every level gets one action, and what no rule allows does not pass.

Rules for one element, first match wins:

1. Private attributes other than the safe ones a recipe keeps, group lengths, command, file meta and directory groups,
   curves (50xx), overlays (60xx), pixels of items, attributes that the dictionary does not know and those that claim
   a foreign VR are removed.
2. A trial's own rule, then an option's column, then the basic action of Table E.1-1 (`Recipe.actions`).
3. Attributes the table does not list: free text, bytes and everything about the patient, the visit or the request
   is removed unless `allowed.csv` names it, and is cleaned then; dates and UIDs go the way of listed ones; numbers
   and coded strings stay when they have the form of their VR; sequences are walked.

Text that stays is searched for the subject's own names and numbers and cleaned if it holds one (`imaging.deid.text`).
What becomes of an element at the top is kept for the same element in the next slice of the scan.
"""

from __future__ import annotations

import copy
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from imaging.deid import content, private
from imaging.deid.admission import CannotDeidentify
from imaging.deid.keys import SubjectKeys
from imaging.deid.memory import Encoding, Memory, encoding_of, recurs
from imaging.deid.profile import RESOLVED, listed
from imaging.deid.recipe import Recipe
from imaging.deid.rules import CODE_TAGS, is_published, verdict
from imaging.deid.text import Cleaner
from imaging.deid.values import (
    BYTES_VRS,
    FREE_TEXT_VRS,
    NUMBER_VRS,
    TEMPORAL_VRS,
    dummy,
    in_order,
    is_offset,
    is_plain,
    items_of,
    name_of,
    parsed,
    readable,
    same_encoding,
    standard_vr,
    text_of,
)
from imaging.deid.writing import as_read

Element = DataElement | RawDataElement

MAX_DEPTH = 24
MAX_ELEMENTS = 500_000

_CHARACTER_SET, _TIMEZONE, _AGE, _PIXELS = 0x00080005, 0x00080201, 0x00101010, 0x7FE0


class Action(NamedTuple):
    """What was done to one element: `X` removed, `Z` emptied, `D` dummy, `U` pseudonymous UID, `C` cleaned."""

    path: str
    action: str


class Outcome(NamedTuple):
    """What became of one element and of all below it.

    Attributes
    ----------
    element
        As it would be read again, so that no data set can change it for others.
    elements
        How many were walked.
    """

    element: RawDataElement | None
    actions: list[Action]
    outcomes: list[str]
    elements: int


#: Tag, VR, value and private creator of an element.
_Place = tuple[int, str | None, bytes | None, str]


@lru_cache(maxsize=16)
def _memory(recipe: Recipe, keys: SubjectKeys, cleaner: Cleaner, encoding: Encoding) -> Memory[_Place, Outcome]:
    """What became of the elements of other slices, read in one encoding."""
    return Memory()


class Walk:
    """One pass over one instance."""

    def __init__(self, recipe: Recipe, keys: SubjectKeys, cleaner: Cleaner) -> None:
        self._actions_of, self._unlisted, self._private_of = recipe.actions, recipe.unlisted, recipe.private
        self._dates = recipe.dates
        self._concepts = content.actions(recipe.options)
        self._recipe, self._keys, self._cleaner = recipe, keys, cleaner
        self._left = MAX_ELEMENTS
        self.actions: list[Action] = []
        self._outcomes: list[str] = []

    def counted(self) -> dict[str, int]:
        """Elements by outcome."""
        return Counter(self._outcomes)

    def note(self, tag: int, action: str, *outcomes: str) -> None:
        """Note what was done to an element at the top elsewhere."""
        self.actions.append(Action(name_of(tag), action))
        self._outcomes += outcomes

    def clean(self, source: Dataset, path: str, depth: int) -> Dataset:
        """Return a copy of one level with every element's action carried out."""
        if depth > MAX_DEPTH:
            raise CannotDeidentify("too_complex")
        elements: dict[BaseTag, Element] = {}
        result = Dataset(elements)
        creators = private.creators(source) if self._private_of else {}
        encoding = None if depth else encoding_of(source)
        memory = encoding and _memory(self._recipe, self._keys, self._cleaner, encoding)
        for tag, element in in_order(source):
            creator = creators.get(tag >> 8, "") if tag >> 16 & 1 else ""
            if memory is not None and recurs(element):
                made = self._recalled(memory, source, element, tag, creator)
            else:
                made = self._made(source, element, tag, creator, path, depth)
            if made is None:
                continue
            if creator and tag & 0xFFFF > 0xFF:
                block = Tag(tag >> 16, tag >> 8 & 0xFF)
                elements[block] = DataElement(block, "LO", creator)
            if made.VR == "SQ" and isinstance(made, DataElement):
                result[tag] = made  # tells its items of the pixel representation
            else:
                elements[made.tag] = made  # the data set's own elements, without its checks
        same_encoding(result, source)
        return result

    def _recalled(
        self, memory: Memory[_Place, Outcome], source: Dataset, element: RawDataElement, tag: int, creator: str
    ) -> Element | None:
        """An element at the top: what became of the same one in another slice becomes of it, too."""
        place = (tag, element.VR, element.value, creator)
        if (outcome := memory.get(place)) is not None:
            self._spend(outcome.elements)
            self.actions += outcome.actions
            self._outcomes += outcome.outcomes
            return outcome.element
        left, actions, outcomes = self._left, len(self.actions), len(self._outcomes)
        made = self._made(source, element, tag, creator, "", 0)
        again = as_read(made, source) if isinstance(made, DataElement) else made
        if tag in CODE_TAGS or (made is not None and again is None):
            return made  # it followed from another one, or is not written plainly
        memory[place] = Outcome(again, self.actions[actions:], self._outcomes[outcomes:], left - self._left)
        return again

    def _made(self, source: Dataset, element: Element, tag: int, creator: str, path: str, depth: int) -> Element | None:
        self._spend(1)
        if creator:
            return self._private(source, element, tag, creator, path, depth)
        return self._one(source, element, tag, path, depth)

    def _spend(self, elements: int) -> None:
        self._left -= elements
        if self._left < 0:
            raise CannotDeidentify("too_complex")

    def _one(self, source: Dataset, element: Element, tag: int, path: str, depth: int) -> Element | None:
        vr, action = verdict(tag, element.VR, self._actions_of.get(tag), self._unlisted)
        if depth and tag >> 16 == _PIXELS:
            action = "group"
        if len(action) > 1 and action != "code":
            return self._drop(tag, path, action)
        if element.VR == "UN" and isinstance(element, RawDataElement):
            element = parsed(source, element)
            if element.VR == "UN":
                return self._drop(tag, path, "unknown")
        if action == "code":
            action = "K" if is_published(source) else self._unlisted.local_code
        if action == "K":
            return self._keep(source, element, tag, vr, path, depth)
        if action == "C":
            return self._clean(source, element, tag, vr, path, depth)
        return self._remove(source, element, tag, vr, action, path, depth)

    def _remove(
        self, source: Dataset, element: Element, tag: int, vr: str, action: str, path: str, depth: int
    ) -> Element | None:
        if action == "U":
            if vr == "SQ":
                return self._descend(source, element, tag, path, depth)
            return self._pseudonym(element, tag, path)
        if action == "Z":
            self._did(tag, path, "Z", "emptied")
            return DataElement(tag, vr[:2], Sequence() if vr == "SQ" else None)
        if action == "D":
            return self._dummy(source, element, tag, vr, path, depth)
        return self._drop(tag, path, "removed")

    def _clean(self, source: Dataset, element: Element, tag: int, vr: str, path: str, depth: int) -> Element | None:
        if vr in TEMPORAL_VRS or tag == _TIMEZONE:
            return self._shift(element, tag, vr, path)
        if vr == "UI":
            return self._pseudonym(element, tag, path)
        if vr in ("AS", "PN", "UR") or not BYTES_VRS.isdisjoint(vr.split(" or ")):
            row = listed().get(tag)
            return self._remove(source, element, tag, vr, RESOLVED[row.basic] if row else "X", path, depth)
        if vr in FREE_TEXT_VRS or (vr == "CS" and is_plain(element, tag, vr)):
            return self._text(source, element, tag, vr, path)
        return self._keep(source, element, tag, vr, path, depth)

    def _text(self, source: Dataset, element: Element, tag: int, vr: str, path: str) -> Element | None:
        """Clean text; where nothing is left, the basic action is carried out, and a dummy keeps others valid."""
        texts = readable(source, element, element.VR or vr)
        cleaned = ["" if "\ufffd" in text else self._cleaner.clean(text) for text in texts]
        if cleaned == texts:
            return self._pass(element)
        if any(cleaned):
            self._did(tag, path, "C", "texts")
            return DataElement(tag, vr, cleaned if len(cleaned) > 1 else cleaned[0])
        row = listed().get(tag)
        if row is not None and (action := RESOLVED[row.basic]) != "D":
            if action == "X":
                return self._drop(tag, path, "scrubbed")
            self._did(tag, path, "Z", "emptied")
            return DataElement(tag, vr, None)
        self._did(tag, path, "D", "dummies")
        return DataElement(tag, vr, dummy(vr))

    def _private(
        self, source: Dataset, element: Element, tag: int, creator: str, path: str, depth: int
    ) -> Element | None:
        """A private attribute that the recipe keeps, if it is what it should be; its creator comes with it."""
        vr, vm = self._private_of.get((creator, tag >> 16, tag & 0xFF), ("none", ""))
        made = None if vr == "none" or tag & 0xFFFF < 0x1000 else private.read_as(source, element, vr)
        if made is None:
            return self._drop(tag, path, "private")
        vr = str(made.VR)
        if vr == "SQ":
            return self._descend(source, made, tag, path, depth)
        if vr in TEMPORAL_VRS:
            return self._private_date(made, tag, vr, path)
        if vr == "UI":
            return self._pseudonym(made, tag, path)
        if vr in ("LO", "LT", "SH", "ST", "UC", "UT"):
            return self._text(source, made, tag, vr, path)
        if vr in ("CS", "DS", "IS"):
            return self._coded(made, tag, vr, path)
        foreign = vr not in NUMBER_VRS or not private.has_form(made, vr, vm)
        if foreign or (self._dates != "kept" and private.is_date(made, vr)):
            return self._drop(tag, path, "private")
        return self._pass(made)

    def _private_date(self, element: Element, tag: int, vr: str, path: str) -> Element | None:
        if self._dates == "shifted":
            return self._shift(element, tag, vr, path)
        if self._dates == "removed" or not is_plain(element, tag, vr):
            return self._drop(tag, path, "private")
        return self._pass(element)

    def _coded(self, element: Element, tag: int, vr: str, path: str) -> Element | None:
        """A private code or a number in text; date-times are often written as such."""
        texts = text_of(element)
        moved = private.moved(texts, self._keys, self._dates) if vr != "CS" else texts
        plain = is_plain(element, tag, vr) and (vr != "CS" or all(self._cleaner.clean(text) == text for text in texts))
        if moved is None or not plain:
            return self._drop(tag, path, "private")
        if moved == texts:
            return self._pass(element)
        self._did(tag, path, "C", "dates")
        return DataElement(tag, vr, moved if len(moved) > 1 else moved[0])

    def _keep(self, source: Dataset, element: Element, tag: int, vr: str, path: str, depth: int) -> Element | None:
        if vr == "SQ":
            return self._descend(source, element, tag, path, depth)
        if tag == _CHARACTER_SET:
            return self._pass(element)
        if tag == _AGE:
            return self._age(element, tag, path)
        if not is_plain(element, tag, vr):
            return self._drop(tag, path, "malformed")
        if vr in FREE_TEXT_VRS and self._cleaner.knows(readable(source, element, element.VR or vr)):
            return self._text(source, element, tag, vr, path)
        return self._pass(element)

    def _descend(self, source: Dataset, element: Element, tag: int, path: str, depth: int) -> DataElement:
        here = f"{path}{name_of(tag)}"
        items = enumerate(items_of(source, element))
        self._outcomes.append("sequences")
        made = [self._item(item, f"{here}[{number}]", depth + 1) for number, item in items]
        return DataElement(tag, "SQ", Sequence([item for item in made if item is not None]))

    def _item(self, source: Dataset, path: str, depth: int) -> Dataset | None:
        """Clean an item; the concept of a content item may ask more than its attributes do (`content.actions`)."""
        concept = content.concept_of(source) if self._concepts else None
        action = self._concepts.get(concept) if concept else None
        if action == "X":
            self.actions.append(Action(path, "X"))
            self._outcomes.append("content")
            return None
        made = self.clean(source, f"{path}.", depth)
        if action == "D" and content.TEXT in made:
            self._did(content.TEXT, f"{path}.", "D", "dummies")
            made[content.TEXT] = DataElement(content.TEXT, "UT", dummy("UT"))
        if action == "K" and content.UID in made:
            made[content.UID] = copy.copy(source.get_item(content.UID))
        return made

    def _pseudonym(self, element: Element, tag: int, path: str) -> DataElement:
        originals = text_of(element)
        values = [self._keys.uid(text) for text in originals]
        if values != originals:
            self._did(tag, path, "U", "uids")
        return DataElement(tag, "UI", values if len(values) > 1 else "".join(values))

    def _shift(self, element: Element, tag: int, vr: str, path: str) -> Element | None:
        """Dates move, times of day stay: intervals within and between days are kept (PS3.15 §E.3.6)."""
        if vr == "TM" or tag == _TIMEZONE:
            texts = text_of(element)
            plain = is_plain(element, tag, "TM") if vr == "TM" else all(is_offset(text) for text in texts)
            if not plain:
                return self._drop(tag, path, "malformed")
            self._outcomes.append("kept")
            return DataElement(tag, vr, texts if len(texts) > 1 else "".join(texts))
        shift = self._keys.shift_date if vr == "DA" else self._keys.shift_datetime
        values = [shift(text) if text else "" for text in text_of(element)]
        if None in values:
            row = listed().get(tag)
            if row is not None and RESOLVED[row.basic] == "Z":  # must be there, and may be empty
                self._did(tag, path, "Z", "malformed")
                return DataElement(tag, vr, None)
            return self._drop(tag, path, "malformed")
        if any(values):
            self._did(tag, path, "C", "dates")
        return DataElement(tag, vr, values if len(values) > 1 else "".join(text or "" for text in values))

    def _age(self, element: Element, tag: int, path: str) -> Element | None:
        """Ages of 90 and above are one age: they are few enough to point at a person (45 CFR 164.514(b)(2))."""
        text = "".join(text_of(element))
        if text and not is_plain(element, tag, "AS"):
            return self._drop(tag, path, "malformed")
        if text.endswith("Y") and int(text[:3]) > 89:
            self._did(tag, path, "C", "ages")
            text = "090Y"
        else:
            self._outcomes.append("kept")
        return DataElement(tag, "AS", text)

    def _dummy(self, source: Dataset, element: Element, tag: int, vr: str, path: str, depth: int) -> Element:
        if vr == "UI":
            return self._pseudonym(element, tag, path)
        if not element.value:
            # An empty value hides nothing, and a dummy would claim something: that contrast was given, say.
            self._outcomes.append("kept")
            return DataElement(tag, vr[:2], Sequence() if vr == "SQ" else None)
        self._did(tag, path, "D", "dummies")
        if vr != "SQ":
            return DataElement(tag, vr[:2], dummy(vr))
        items = [self._dummy_item(item, depth + 1) for item in items_of(source, element)[:1]]
        return DataElement(tag, "SQ", Sequence(items))

    def _dummy_item(self, source: Dataset, depth: int) -> Dataset:
        """Return an item of the same shape with nothing of the original in it but standard UIDs."""
        if depth > MAX_DEPTH:
            raise CannotDeidentify("too_complex")
        result = Dataset()
        for tag in sorted(source.keys()):
            vr, element = standard_vr(int(tag)), source.get_item(tag)
            if int(tag) >> 16 & 1 or not vr or vr == "NONE" or element is None:
                continue
            if vr == "SQ":
                items = [] if element.VR not in ("SQ", "UN", None) else items_of(source, element)[:1]
                value: object = Sequence([self._dummy_item(item, depth + 1) for item in items])
            elif vr == "UI":
                value = "\\".join(self._keys.uid(text) for text in text_of(element))
            else:
                value = dummy(vr)
            result[tag] = DataElement(tag, vr[:2], value)
        return result

    def _pass(self, element: Element) -> Element:
        self._outcomes.append("kept")
        return element if isinstance(element, RawDataElement) else copy.copy(element)

    def _drop(self, tag: int, path: str, outcome: str) -> Element | None:
        """Note a removal; the answer stands for the element that is not there."""
        self._did(tag, path, "X", outcome)
        return None

    def _did(self, tag: int, path: str, action: str, outcome: str) -> None:
        self.actions.append(Action(f"{path}{name_of(tag)}", action))
        self._outcomes.append(outcome)
