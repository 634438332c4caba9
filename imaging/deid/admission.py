"""What this engine does not know how to make safe is held for a person, with a named reason."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset

from compliance.errors import HouseError
from imaging.deid.recipe import Recipe
from imaging.deid.values import integer_of, text_of

# Storage classes whose objects are acquired images, or data in their frame without text of their own (PS3.4 §B.5).
_STORAGE = "1.2.840.10008.5.1.4.1.1."
ACCEPTED_CLASSES = frozenset(
    _STORAGE + tail
    for tail in (
        *("1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1"),  # CR, DX, mammography, intra-oral
        *("2", "2.1", "2.2", "4", "4.1", "4.3", "4.4"),  # CT, MR, enhanced and legacy converted
        *("12.1", "12.1.1", "12.2", "12.2.1", "13.1.1", "13.1.2", "13.1.3"),  # XA, XRF, 3D X-ray, tomosynthesis
        *("20", "128", "128.1", "130"),  # NM, PET, legacy converted PET, enhanced PET
        *("30", "66.1", "66.3", "66.4"),  # parametric maps, registrations, segmentations
        *("481.1", "481.2", "481.3"),  # RT image, dose, structure set
        *("4.2", "481.4", "481.5", "481.6", "481.7", "481.8", "481.9"),  # spectroscopy, RT plans and records
        *("9.1.1", "9.1.2", "9.1.3", "9.2.1", "9.3.1", "9.4.1"),  # waveforms
    )
)
_SOP_CLASS, _IMAGE_TYPE, _BURNED_IN = 0x00080016, 0x00080008, 0x00280301
_MODALITY, _CONVERSION = 0x00080060, 0x00080064
# Rows, columns, bits allocated, frames and samples.
_PIXEL_DESCRIPTION, _PHOTOMETRIC = (0x00280010, 0x00280011, 0x00280100, 0x00280008, 0x00280002), 0x00280004
_INSTANCE_UIDS = (0x00080018, 0x0020000E, 0x0020000D)
_DOCUMENTS, _REPORTS, _PRESENTATIONS = _STORAGE + "104.", _STORAGE + "88.", _STORAGE + "11."
_STRUCTURED = frozenset(
    _STORAGE + tail for tail in ("88.11", "88.22", "88.33", "88.34", "88.35", "88.40", "88.50", "88.59")
)
_STRUCTURED |= {_STORAGE + tail for tail in ("88.65", "88.67", "88.68", "88.76")}
_GRAPHIC = frozenset(_STORAGE + tail for tail in ("11.1", "11.2", "11.3", "11.4"))
# On these text is usual: they pass only where it is looked for and blanked.
_PICTURES = frozenset(
    _STORAGE + tail
    for tail in (
        *("7", "7.1", "7.2", "7.3", "7.4"),  # secondary capture
        *("3.1", "6.1", "6.2"),  # ultrasound
        *("77.1.1", "77.1.2", "77.1.3", "77.1.4", "77.1.7"),  # visible light, dermoscopy
        *("77.1.5.1", "77.1.5.2", "77.1.5.4"),  # ophthalmic photographs and tomography
    )
)
# Endoscopic, microscopic and photographic films: a person looks at each of them.
_FILMS = frozenset(_STORAGE + tail for tail in ("77.1.1.1", "77.1.2.1", "77.1.4.1"))
# A face, a tattoo or a wristband in these is no text: a person looks at each of them.
_PHOTOGRAPHS = frozenset(
    _STORAGE + tail for tail in ("77.1.1", "77.1.2", "77.1.3", "77.1.4", "77.1.5.1", "77.1.5.2", "77.1.7")
)
# Cameras, endoscopes, dermoscopes and microscopes, retired terms too (PS3.3 §C.7.3.1.1.1).
_CAMERAS = frozenset({"XC", "ES", "DMS", "GM", "SM", "OP", "CP", "CS", "DM", "FS", "LP"})
# Captures that were filmed or scanned (PS3.3 §C.8.6.1).
_TAKEN = frozenset({"DV", "SD", "SI"})
_SECONDARY_CAPTURE = (_STORAGE + "7", _STORAGE + "7.")

_SENTENCES = {
    "already_deidentified": (
        "The instance was de-identified here before, and was changed since or belongs to another subject, "
        "timepoint or recipe. Send the original, or discard this copy."
    ),
    "burned_in_annotation": (
        "The image says that text is written into its pixels. Send it without annotation, or discard it."
    ),
    "document": "The instance is a document and may hold any text. Discard it unless the charter asks for it.",
    "embedded_overlay": (
        "The image says that an overlay lies in bits which its pixels use themselves. Export it without overlays and "
        "send it again."
    ),
    "face_kind": (
        "The image may show a face, and faces are taken out of CT and MR alone. Discard it, or leave it to a trial "
        "without clean_recognizable_visual_features."
    ),
    "face_no_volume": (
        "The image may show a face, and its series is no volume in which that can be found: a scout, single slices, "
        "or slices too far apart. Send the whole series, or discard it."
    ),
    "face_not_looked_for": "Whether the image shows a face is seen in its whole series. Send it with the others.",
    "face_review": (
        "The recipe asks a person what becomes of the face in the series, and nobody has said so. Send it to a trial, "
        "or use a recipe with faces: mask."
    ),
    "face_unsure": (
        "The series may show a head, and its face was not found with certainty. Discard it, or take the face out "
        "before sending it."
    ),
    "identifiers_missing": "The instance lacks the UIDs by which it is filed. Export it again.",
    "photograph": "The image is a photograph. A person must see that nobody is recognisable in it.",
    "pixel_description": "The image does not say how its pixels are stored. Export it again.",
    "pixels_too_many": "The image has more pixels than can be searched for text. Send it in parts.",
    "pixels_unreadable": (
        "The pixels cannot be read, so nobody knows what is written in them. Export the image uncompressed, as "
        "Explicit VR Little Endian, and send it again."
    ),
    "secondary_capture": (
        "The image is a copy of a screen or a film, on which text is usual. Send the acquired images instead."
    ),
    "presentation": (
        "The instance is a presentation, whose annotations are text, and the recipe does not clean graphics. "
        "Discard it, or add clean_graphics to the charter's recipe."
    ),
    "structured_content": (
        "The instance is a report or a selection, which holds text, and the recipe does not clean structured content. "
        "Discard it, or add clean_structured_content to the charter's recipe."
    ),
    "text_found": "Text was found in the pixels, and the recipe leaves it to a person what of it must go.",
    "text_in_slice": (
        "Something in the slice may be text or anatomy, and anatomy must stay. A person must see which it is."
    ),
    "text_known": "A box over text was taken away, and the text names the person. Blank it.",
    "text_outside": "Text was found outside the boxes that were blanked. Look at the image once more.",
    "text_template": "Images of this device have text where a template says, and the recipe asks a person to look.",
    "text_remains": "Text in the pixels was found again after it was blanked. Send the image without annotation.",
    "text_usual": "On images of this kind text is usual, and the recipe asks a person to look at them.",
    "too_complex": "The instance nests too deeply or holds too many elements. Export it in a plainer form.",
    "transfer_syntax": "The instance does not say how it is written. Export it as Explicit VR Little Endian.",
    "unknown_class": "The instance is of a kind that this system does not de-identify yet. Discard it.",
    "unwritable": "The instance holds a value that cannot be written again. Export it again from the source.",
    "video": (
        "The instance is a film, in which only a person sees text and faces. Discard it, or use a recipe whose pixels "
        "are blanked or reviewed."
    ),
    "video_boxes": "Boxes cannot be blanked in a film. Let it go on as it is, or discard it.",
    "video_frames": (
        "The film holds another number of frames than its header says (Number of Frames), so it may be cut off, and no "
        "frame of it could be named. Export it again with the right number."
    ),
    "video_container": (
        "The film is not stored as MP4 with H.264 or HEVC, or is damaged, so it cannot be cleaned and no browser plays "
        "it. Export it as MP4 with H.264 and send it again."
    ),
}
REASONS = frozenset(_SENTENCES)


class CannotDeidentify(HouseError):
    """The engine does not know how to make this instance safe, so it stays in quarantine.

    Attributes
    ----------
    reason
        One of `REASONS`.
    """

    code = "cannot_deidentify"
    status = 422

    def __init__(self, reason: str) -> None:
        super().__init__(_SENTENCES[reason], reason=reason)
        self.reason = reason


class TextInPixels(CannotDeidentify):
    """Text is in the pixels, or may well be, or a face, and a person has to settle what becomes of it.

    Attributes
    ----------
    regions
        Where text was found: left, top, right, bottom, first and last frame.
    size
        Rows, columns and frames.
    templates
        Names of device templates: the first regions come from them, each from one.
    device
        Manufacturer and model, as the image says them once it is cleaned.
    """

    device: Sequence[str] = ("", "")

    def __init__(
        self,
        reason: str,
        regions: Sequence[Sequence[int]],
        size: tuple[int, int, int],
        templates: Sequence[str] = (),
    ) -> None:
        super().__init__(reason)
        self.regions, self.size, self.templates = regions, size, templates


def admit(dataset: Dataset, recipe: Recipe) -> None:
    """Refuse what carries, or may well carry, text outside the attributes the profile cleans.

    Raises
    ------
    CannotDeidentify
    """
    sop_class = "\\".join(_texts(dataset, _SOP_CLASS))
    if not sop_class or not all(any(_texts(dataset, uid)) for uid in _INSTANCE_UIDS):
        raise CannotDeidentify("identifiers_missing")
    if sop_class.startswith(_DOCUMENTS) or "EncapsulatedDocument" in dataset:
        raise CannotDeidentify("document")
    if sop_class.startswith(_REPORTS) or "ContentSequence" in dataset:
        if "clean_structured_content" not in recipe.options:
            raise CannotDeidentify("structured_content")
        if sop_class in _STRUCTURED:
            return
    if sop_class.startswith(_PRESENTATIONS):
        if "clean_graphics" not in recipe.options:
            raise CannotDeidentify("presentation")
        if sop_class in _GRAPHIC:
            return
    if recipe.pixels != "hold" and sop_class in ACCEPTED_CLASSES | _PICTURES | _FILMS:
        return
    if sop_class in _FILMS:
        raise CannotDeidentify("video")
    if sop_class == _SECONDARY_CAPTURE[0] or sop_class.startswith(_SECONDARY_CAPTURE[1]) or _is_of_a_screen(dataset):
        raise CannotDeidentify("secondary_capture")
    if says_it_has_text(dataset):
        raise CannotDeidentify("burned_in_annotation")
    if sop_class not in ACCEPTED_CLASSES:
        raise CannotDeidentify("unknown_class")


def native_length(dataset: Dataset) -> int:
    """Bytes that the image description asks of native pixel data, padding excluded (PS3.5 §8.1.1).

    Raises
    ------
    CannotDeidentify
        The description is missing or is not made of numbers.
    """
    try:
        rows, columns, bits, frames, samples = (integer_of(dataset, tag) for tag in _PIXEL_DESCRIPTION)
    except (TypeError, ValueError):
        raise CannotDeidentify("pixel_description") from None
    if rows is None or columns is None or bits is None:
        raise CannotDeidentify("pixel_description")
    length = (rows * columns * bits * (frames or 1) * (samples or 1) + 7) // 8
    if length <= 0:
        raise CannotDeidentify("pixel_description")
    if _texts(dataset, _PHOTOMETRIC) == ["YBR_FULL_422"]:
        length = length // 3 * 2  # two pixels share their chrominance: PS3.3 §C.7.6.3.1.2
    return length


def text_is_usual(dataset: Dataset) -> bool:
    """Tell whether text is usual in the pixels of such an image, or the image says that it is there."""
    return dataset.get("SOPClassUID") in _PICTURES or _is_of_a_screen(dataset) or says_it_has_text(dataset)


def is_photograph(dataset: Dataset) -> bool:
    """Tell whether a camera or a scanner of paper made the image, so that it may show a person as others see them."""
    made_by = {*_texts(dataset, _MODALITY)} & _CAMERAS or {*_texts(dataset, _CONVERSION)} & _TAKEN
    return bool(made_by) or dataset.get("SOPClassUID") in _PHOTOGRAPHS


def _is_of_a_screen(dataset: Dataset) -> bool:
    return "SCREEN" in " ".join(_texts(dataset, _IMAGE_TYPE))


def says_it_has_text(dataset: Dataset) -> bool:
    """Tell whether the header says that text is written into the pixels."""
    return any(text.strip() not in ("", "NO") for text in _texts(dataset, _BURNED_IN))


def _texts(dataset: Dataset, tag: int) -> list[str]:
    """Values in capitals; they are not parsed, so that they stay as they were read."""
    element = dataset.get_item(tag)
    return [] if element is None else [text.upper() for text in text_of(element)]
