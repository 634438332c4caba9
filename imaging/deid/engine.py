"""The engine: one instance in, the trial's own out (`imaging.deid.walk` has the rules)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from pydicom import config
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from imaging.deid import marks
from imaging.deid.admission import CannotDeidentify, TextInPixels, admit, is_photograph
from imaging.deid.faces import kinds, masking
from imaging.deid.faces.looking import Looked
from imaging.deid.keys import STANDARD_ROOT, SubjectKeys
from imaging.deid.leaks import names_and_numbers
from imaging.deid.marks import TrialIdentity
from imaging.deid.pixeldata import cleaned_pixels, without_padding
from imaging.deid.pixels import cleaning
from imaging.deid.pixels.bits import Layout, clear_compressed, overlay_in_value
from imaging.deid.pixels.frames import Frame
from imaging.deid.pixels.regions import Settled
from imaging.deid.pixels.templates import device_of, places
from imaging.deid.recipe import Recipe
from imaging.deid.text import Cleaner, cleaner
from imaging.deid.values import copied, text_of
from imaging.deid.walk import Action, Walk
from imaging.deid.writing import as_read
from imaging.dicom.films import is_film

_ITEM = re.compile(r"\[\d+\]")
_SOP_CLASS, _SOP_INSTANCE, _PIXEL_DATA, _FLOATS = 0x00080016, 0x00080018, 0x7FE00010, (0x7FE00008, 0x7FE00009)


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
    head
        The elements before the pixels as they are written, from sealing; whoever changes `dataset` empties it.
    frame
        The only frame as it is stored, where it was decoded to look for text in it.
    """

    dataset: Dataset
    actions: tuple[Action, ...]
    counters: Mapping[str, int]
    names: frozenset[str] | None = field(default=None, repr=False)
    head: bytes = field(default=b"", repr=False)
    frame: Frame | None = field(default=None, compare=False, repr=False)


def deidentify(
    dataset: Dataset,
    *,
    recipe: Recipe,
    keys: SubjectKeys,
    identity: TrialIdentity,
    known: frozenset[str] = frozenset(),
    settled: Settled | None = None,
    looked: Looked | None = None,
) -> Deidentified:
    """De-identify one instance by PS3.15 Annex E and write the trial's identity into it.

    Pixel data pass as they are, except that bytes past the last pixel, bits above the highest one and comments are cut
    off. Our own output, recognised by a keyed seal over its whole content, comes back unchanged, so that running twice
    changes nothing.

    Parameters
    ----------
    dataset
        The original, whole, with file meta information; it is not changed.
    known
        Names, numbers and places that other files say of the person: text is cleaned of them too.
    settled
        What a person settled of the text in the pixels, where one has looked at it.
    looked
        What looking for a face in the whole series gave, or what a person decided of it: that counts under any recipe.

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
            admit(dataset, recipe)
            if is_film(syntax) and not recipe.reads_pixels:
                raise CannotDeidentify("video")
            names = names_and_numbers(dataset, recipe)
            run = Walk(recipe, keys, _cleaner_for(dataset, recipe, keys, names | known))
            result = run.clean(dataset, "", 0)
            syntax = _clean_pixels(result, dataset, syntax, run)
            face, frame = "", None
            if recipe.faces != "keep" or (looked and looked.decided):
                syntax, face = _mask(result, syntax, recipe, looked, run)
            if recipe.reads_pixels:
                syntax, frame = _blank(_with_meta(result, syntax), dataset, recipe, settled, names | known, run)
            marks.write(result, recipe=recipe, identity=identity, face=face)
            _with_meta(result, syntax)
            head = marks.seal(result, keys)
        except RecursionError:
            raise CannotDeidentify("too_complex") from None
        except (AttributeError, NotImplementedError, TypeError, ValueError, LookupError, OverflowError) as problem:
            raise CannotDeidentify("unwritable") from problem
    return Deidentified(result, tuple(run.actions), run.counted(), names, head, frame)


def summary(actions: Iterable[Action]) -> list[list[str | int]]:
    """Path, action and count of what was done, in file order; items of a sequence count together.

    The slices of a scan have the same summary, whatever their numbers of items.
    """
    counts = Counter((_ITEM.sub("[]", path) if "[" in path else path, action) for path, action in actions)
    return [[path, action, count] for (path, action), count in counts.items()]


def serialise(deidentified: Deidentified) -> bytes:
    """Write a DICOM file: preamble of zeros, file meta, data set; the same bytes each time."""
    with config.disable_value_validation():
        return marks.file_bytes(deidentified.dataset, deidentified.head)


def _transfer_syntax(dataset: Dataset) -> UID:
    meta = getattr(dataset, "file_meta", None) or Dataset()
    syntax = UID(str(meta.get("TransferSyntaxUID", "")), validation_mode=config.IGNORE)
    if not syntax.startswith(STANDARD_ROOT) or not syntax.is_transfer_syntax:
        raise CannotDeidentify("transfer_syntax")
    return syntax


def _with_meta(dataset: Dataset, syntax: UID) -> Dataset:
    """File meta information from nothing: no AE title, private information or version of the sender (PS3.10 §7.1)."""
    meta = FileMetaDataset()
    sop_class, sop_instance = (UID("".join(text_of(dataset.get_item(tag)))) for tag in (_SOP_CLASS, _SOP_INSTANCE))
    for element in _meta_of(sop_class, syntax):
        meta[element.tag] = element
    meta.MediaStorageSOPInstanceUID = sop_instance
    dataset.file_meta = meta
    return dataset


@lru_cache(maxsize=64)
def _meta_of(sop_class: UID, syntax: UID) -> tuple[DataElement | RawDataElement, ...]:
    """What the files of a scan have in common, as if it had been read, so that none can change it for others."""
    meta = FileMetaDataset()
    meta.set_original_encoding(False, True)
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = sop_class
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = UID(marks.IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = marks.IMPLEMENTATION_VERSION_NAME
    return tuple(as_read(element, meta) or element for element in meta)


def _clean_pixels(result: Dataset, source: Dataset, syntax: UID, run: Walk) -> UID:
    """Take off what the pixels carry beside the picture, and return how they are written now."""
    for tag in _FLOATS:
        element = result.get_item(tag)
        if element is not None and (cut := without_padding(element.value, source)) is not element.value:
            result[tag] = DataElement(tag, element.VR, cut)
            run.note(tag, "C", "padding")
    element = result.get_item(_PIXEL_DATA)
    if element is None or not isinstance(value := element.value, bytes):
        if is_film(syntax):
            raise CannotDeidentify("video_container")
        return syntax
    layout = Layout.of(source)
    if overlay_in_value(source, layout):
        raise CannotDeidentify("embedded_overlay")
    cleaned, outcomes = cleaned_pixels(value, source, syntax, layout)
    if outcomes:
        vr = "OB" if syntax.is_encapsulated else element.VR or "OW"
        result[_PIXEL_DATA] = DataElement(_PIXEL_DATA, vr, cleaned)
        result[_PIXEL_DATA].is_undefined_length = syntax.is_encapsulated
    if syntax.is_encapsulated and not is_film(syntax):
        frames, syntax = clear_compressed(_with_meta(result, syntax), layout)
        outcomes += ["bits"] * frames
    if outcomes:
        run.note(_PIXEL_DATA, "C", *outcomes)
    return syntax


def _mask(result: Dataset, syntax: UID, recipe: Recipe, looked: Looked | None, run: Walk) -> tuple[UID, str]:
    """Take a face out of the pixels; return how they are written now, and what is to be said of it."""
    if not kinds.is_looked_at(str(result.SOPClassUID)):
        kinds.refuse_unsafe(result)
        return syntax, ""
    if looked is not None and looked.problem:
        raise CannotDeidentify(looked.problem)
    if recipe.faces == "review" and not (looked and looked.decided):
        raise CannotDeidentify("face_review")
    if looked is None or looked.view is None:
        raise CannotDeidentify("face_not_looked_for")
    if looked.decided and looked.face is None:
        return syntax, marks.NO_FACE
    frames, syntax = masking.mask(_with_meta(result, syntax), looked.view, looked.face)
    if frames:
        run.note(_PIXEL_DATA, "C", *["faces"] * frames)
    return syntax, marks.FACE_GONE if looked.face else marks.NO_FACE


def _blank(
    result: Dataset, source: Dataset, recipe: Recipe, settled: Settled | None, words: frozenset[str], run: Walk
) -> tuple[UID, Frame | None]:
    """Blank the text in the pixels, or ask a person; return how they are written now, and the only frame."""
    photograph, known = is_photograph(source), places(recipe.templates, source)
    try:
        if is_film(result.file_meta.TransferSyntaxUID):
            return cleaning.film(result, settled).transfer_syntax, None
        if settled is not None:
            cleaned = cleaning.blank(result, settled, words=words)
        elif photograph or recipe.pixels == "review":
            cleaned = cleaning.propose(result, words=words, places=known, photograph=photograph)
        else:
            cleaned = cleaning.clean(result, words=words, places=known)
    except TextInPixels as asked:
        asked.device = device_of(result)
        raise
    if cleaned.changed:
        blanked = [f"template_{one.template}" for one in cleaned.places]
        run.note(_PIXEL_DATA, "C", *["texts_in_pixels"] * cleaned.count, *blanked)
    return cleaned.transfer_syntax, cleaned.frame


def _cleaner_for(dataset: Dataset, recipe: Recipe, keys: SubjectKeys, known: frozenset[str]) -> Cleaner:
    born = text_of(dataset["PatientBirthDate"]) if "PatientBirthDate" in dataset else []
    return cleaner(
        known,
        frozenset(text.replace(".", "") for text in born if text),
        recipe.dates,
        keys.shift_days if recipe.dates == "shifted" else 0,
        recipe.unlisted.uid == "K",
    )
