"""The engine: every element of every level gets one action, and what no rule allows does not pass.

Rules for one element, first match wins:

1. Private attributes, group lengths, command, file meta and directory groups, curves (50xx), overlays (60xx),
   attributes that the dictionary does not know and those that claim a foreign VR are removed.
2. A trial's own rule, then an option's column, then the basic action of Table E.1-1 (`Recipe.actions`).
3. Attributes the table does not list: free text, bytes and everything about the patient, the visit or the request
   is removed unless `allowed.csv` names it; dates go the way of listed ones; UIDs become pseudonyms; numbers and
   coded strings stay when they have the form of their VR; sequences are walked.

Text that stays is searched for the subject's own names and numbers and removed if it holds one.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pydicom import config
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID

from imaging.deid import marks
from imaging.deid.admission import CannotDeidentify, admit, native_length
from imaging.deid.codestreams import without_comments
from imaging.deid.keys import STANDARD_ROOT, SubjectKeys
from imaging.deid.leaks import Words, names_and_numbers
from imaging.deid.marks import TrialIdentity
from imaging.deid.recipe import Recipe
from imaging.deid.rules import PUBLISHED_SCHEMES, verdict
from imaging.deid.values import (
    FREE_TEXT_VRS,
    TEMPORAL_VRS,
    copied,
    dummy,
    in_order,
    is_plain,
    name_of,
    parsed,
    readable,
    same_encoding,
    standard_vr,
    text_of,
)

Element = DataElement | RawDataElement

MAX_DEPTH = 24
MAX_ELEMENTS = 500_000

_ITEM = re.compile(r"\[\d+\]")
_PIXEL_DATA = 0x7FE00010
_CHARACTER_SET, _SOP_CLASS = 0x00080005, 0x00080016
_TIMEZONE, _AGE = 0x00080201, 0x00101010
_CODING_SCHEME = 0x00080102


class Action(NamedTuple):
    """What was done to one element: `X` removed, `Z` emptied, `D` dummy, `U` pseudonymous UID, `C` cleaned."""

    path: str
    action: str


@dataclass(frozen=True)
class Deidentified:
    """A de-identified instance.

    Attributes
    ----------
    dataset
        With file meta information written anew.
    actions
        What changed, in file order; kept elements are counted only.
    counters
        Elements by outcome, such as `private`, `removed`, `emptied`, `dummies`, `uids`, `dates`, `kept`.
    names
        Names, identifiers and places of the original (`leaks.names_and_numbers`), when they were looked for.
    """

    dataset: Dataset
    actions: tuple[Action, ...]
    counters: Mapping[str, int]
    names: frozenset[str] | None = field(default=None, repr=False)


def deidentify(dataset: Dataset, *, recipe: Recipe, keys: SubjectKeys, identity: TrialIdentity) -> Deidentified:
    """De-identify one instance by PS3.15 Annex E and write the trial's identity into it.

    Pixel data pass as they are, except that bytes past the last pixel are cut off. Our own output, recognised
    by a keyed seal over its whole content, comes back unchanged, so that running twice changes nothing.

    Parameters
    ----------
    dataset
        The original, whole, with file meta information; it is not changed.

    Raises
    ------
    CannotDeidentify
        The instance is of a kind, or in a state, that this engine does not make safe; `reason` says which.
    """
    if keys.subject_code != identity.subject_code:
        raise ValueError("the keys and the identity belong to one subject")
    with config.disable_value_validation():
        try:
            syntax = _transfer_syntax(dataset)
            if marks.claims_to_be_ours(dataset):
                if not marks.is_sealed(dataset, recipe=recipe, keys=keys, identity=identity):
                    raise CannotDeidentify("already_deidentified")
                return Deidentified(_with_meta(copied(dataset), syntax), (), {"unchanged": 1})
            admit(dataset)
            names = names_and_numbers(dataset, recipe)
            run = _Run(recipe, keys, Words(names))
            result = run.clean(dataset, "", 0)
            _cut_padding(result, dataset, syntax, run)
            marks.write(result, recipe=recipe, identity=identity)
            _with_meta(result, syntax)
            marks.seal(result, keys)
        except RecursionError:
            raise CannotDeidentify("too_complex") from None
        except (AttributeError, NotImplementedError, TypeError, ValueError, LookupError, OverflowError) as problem:
            raise CannotDeidentify("unwritable") from problem
    return Deidentified(result, tuple(run.actions), dict(run.counters), names)


def summary(actions: Iterable[Action]) -> list[list[str | int]]:
    """Path, action and count of what was done, in file order; items of a sequence count together.

    The slices of a scan have the same summary, whatever their numbers of items.
    """
    counts = Counter((_ITEM.sub("[]", path) if "[" in path else path, action) for path, action in actions)
    return [[path, action, count] for (path, action), count in counts.items()]


def serialise(deidentified: Deidentified) -> bytes:
    """Write a DICOM file: preamble of zeros, file meta, data set; the same bytes each time."""
    with config.disable_value_validation():
        return marks.file_bytes(deidentified.dataset)


class _Run:
    """One pass over one instance."""

    def __init__(self, recipe: Recipe, keys: SubjectKeys, words: Words) -> None:
        self._actions_of = recipe.actions
        self._shifted = recipe.dates == "shifted"
        self._keys = keys
        self._words = words
        self._left = MAX_ELEMENTS
        self.actions: list[Action] = []
        self.counters: Counter[str] = Counter()

    def clean(self, source: Dataset, path: str, depth: int) -> Dataset:
        """Return a copy of one level with every element's action carried out."""
        if depth > MAX_DEPTH:
            raise CannotDeidentify("too_complex")
        elements: dict[BaseTag, Element] = {}
        result = Dataset(elements)
        for tag, element in in_order(source):
            self._left -= 1
            if self._left < 0:
                raise CannotDeidentify("too_complex")
            made = self._one(source, element, tag, path, depth)
            if made is None:
                continue
            if made.VR == "SQ":
                result[tag] = made  # tells its items of the pixel representation
            else:
                elements[made.tag] = made  # the data set's own elements, without its checks
        same_encoding(result, source)
        return result

    def _one(self, source: Dataset, element: Element, tag: int, path: str, depth: int) -> Element | None:
        vr, action = verdict(tag, element.VR, self._actions_of.get(tag), self._shifted)
        if len(action) > 1 and action != "code":
            return self._drop(tag, path, action)
        if element.VR == "UN" and isinstance(element, RawDataElement):
            element = parsed(source, element)
            if element.VR == "UN":
                return self._drop(tag, path, "unknown")
        if action == "code":
            action = "K" if _is_published(source) else "X"
        if action == "K":
            return self._keep(source, element, tag, vr, path, depth)
        if action == "C":
            return self._shift(element, tag, vr, path)
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

    def _keep(self, source: Dataset, element: Element, tag: int, vr: str, path: str, depth: int) -> Element | None:
        if vr == "SQ":
            return self._descend(source, element, tag, path, depth)
        if tag == _CHARACTER_SET:
            self.counters["kept"] += 1
            return copy.copy(element)
        if tag == _AGE:
            return self._age(element, tag, path)
        if not is_plain(element, tag, vr):
            return self._drop(tag, path, "malformed")
        if vr in FREE_TEXT_VRS and self._words.in_any(readable(source, element, element.VR or vr)):
            return self._drop(tag, path, "scrubbed")
        self.counters["kept"] += 1
        return element if isinstance(element, RawDataElement) else copy.copy(element)

    def _descend(self, source: Dataset, element: Element, tag: int, path: str, depth: int) -> DataElement:
        here = f"{path}{name_of(tag)}"
        items = _items(source, element)
        self.counters["sequences"] += 1
        return DataElement(
            tag,
            "SQ",
            Sequence([self.clean(item, f"{here}[{number}].", depth + 1) for number, item in enumerate(items)]),
        )

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
            plain = is_plain(element, tag, "TM") if vr == "TM" else all(_is_offset(text) for text in texts)
            if not plain:
                return self._drop(tag, path, "malformed")
            self.counters["kept"] += 1
            return DataElement(tag, vr, texts if len(texts) > 1 else "".join(texts))
        if vr not in TEMPORAL_VRS:
            self._did(tag, path, "D", "dummies")
            return DataElement(tag, vr[:2], dummy(vr))
        shift = self._keys.shift_date if vr == "DA" else self._keys.shift_datetime
        values = [shift(text) if text else "" for text in text_of(element)]
        if None in values:
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
            self.counters["kept"] += 1
        return DataElement(tag, "AS", text)

    def _dummy(self, source: Dataset, element: Element, tag: int, vr: str, path: str, depth: int) -> Element:
        if vr == "UI":
            return self._pseudonym(element, tag, path)
        if not element.value:
            # An empty value hides nothing, and a dummy would claim something: that contrast was given, say.
            self.counters["kept"] += 1
            return DataElement(tag, vr[:2], Sequence() if vr == "SQ" else None)
        self._did(tag, path, "D", "dummies")
        if vr != "SQ":
            return DataElement(tag, vr[:2], dummy(vr))
        items = _items(source, element)[:1]
        return DataElement(tag, "SQ", Sequence([self._dummy_item(item, depth + 1) for item in items]))

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
                items = [] if element.VR not in ("SQ", "UN", None) else _items(source, element)[:1]
                value: object = Sequence([self._dummy_item(item, depth + 1) for item in items])
            elif vr == "UI":
                value = "\\".join(self._keys.uid(text) for text in text_of(element))
            else:
                value = dummy(vr)
            result[tag] = DataElement(tag, vr[:2], value)
        return result

    def _drop(self, tag: int, path: str, outcome: str) -> Element | None:
        """Note a removal; the answer stands for the element that is not there."""
        self._did(tag, path, "X", outcome)
        return None

    def _did(self, tag: int, path: str, action: str, outcome: str) -> None:
        self.actions.append(Action(f"{path}{name_of(tag)}", action))
        self.counters[outcome] += 1


def _is_published(source: Dataset) -> bool:
    """Whether the codes of an item come from a scheme that anybody can look up."""
    scheme = source.get_item(_CODING_SCHEME)
    return scheme is not None and set(text_of(scheme)) <= PUBLISHED_SCHEMES


def _is_offset(text: str) -> bool:
    return len(text) in (0, 5) and text[:1] in ("", "+", "-") and (not text or text[1:].isdigit())


def _items(source: Dataset, element: Element) -> list[Dataset]:
    element = parsed(source, element)
    return list(element.value or ()) if element.VR == "SQ" else []


def _transfer_syntax(dataset: Dataset) -> UID:
    meta = getattr(dataset, "file_meta", None) or Dataset()
    syntax = UID(str(meta.get("TransferSyntaxUID", "")), validation_mode=config.IGNORE)
    if not syntax.startswith(STANDARD_ROOT) or not syntax.is_transfer_syntax:
        raise CannotDeidentify("transfer_syntax")
    return syntax


def _with_meta(dataset: Dataset, syntax: UID) -> Dataset:
    """File meta information from nothing: no AE title, private information or version of the sender (PS3.10 §7.1)."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(str(dataset.SOPClassUID))
    meta.MediaStorageSOPInstanceUID = UID(str(dataset.SOPInstanceUID))
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = UID(marks.IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = marks.IMPLEMENTATION_VERSION_NAME
    dataset.file_meta = meta
    return dataset


def _cut_padding(result: Dataset, source: Dataset, syntax: UID, run: _Run) -> None:
    """Cut what no viewer shows: bytes past the last native pixel, comments between compressed ones."""
    element = result.get_item(_PIXEL_DATA) if _PIXEL_DATA in result else None
    if element is None or not isinstance(value := element.value, bytes):
        return
    if syntax.is_encapsulated:
        if (cut := without_comments(value)) is not value:
            made = DataElement(_PIXEL_DATA, "OB", cut)
            made.is_undefined_length = True
            result[_PIXEL_DATA] = made
            run.actions.append(Action(name_of(_PIXEL_DATA), "C"))
            run.counters["comments"] += 1
        return
    length = native_length(source)
    if len(value) > length + length % 2:
        result[_PIXEL_DATA] = DataElement(_PIXEL_DATA, element.VR or "OW", value[: length + length % 2])
        run.actions.append(Action(name_of(_PIXEL_DATA), "C"))
        run.counters["padding"] += 1
