"""Which objects can show a face: those that are looked at, those that pass, and those that stay out."""

from __future__ import annotations

from pydicom.dataset import Dataset

from imaging.deid.admission import CannotDeidentify

_STORAGE = "1.2.840.10008.5.1.4.1.1."
#: CT and MR, classic, enhanced and legacy converted: a face is looked for in their series.
LOOKED_AT = frozenset(_STORAGE + tail for tail in ("2", "2.1", "2.2", "4", "4.1", "4.4"))
#: Volumes and shapes that follow the skin, pictures of whatever was before a camera, and copies of a screen.
_MAY_SHOW = frozenset(
    _STORAGE + tail
    for tail in (
        *("7", "7.1", "7.2", "7.3", "7.4"),  # secondary capture
        *("128", "128.1", "130", "30"),  # PET and parametric maps
        *("66.4", "481.2", "481.3", "4.3"),  # segmentations, dose, structure sets, colour MR
        *("13.1.1", "13.1.2"),  # volumes of X-ray
        *("77.1.1", "77.1.2", "77.1.3", "77.1.4"),  # visible light
    )
)


def is_looked_at(sop_class_uid: str) -> bool:
    """Tell whether a face is looked for in series of this storage class."""
    return sop_class_uid in LOOKED_AT


def refuse_unsafe(dataset: Dataset) -> None:
    """Refuse what may show a face and is not looked at, and whatever says that it shows somebody.

    Projections, ultrasound, scintigrams, retinas, signals and texts pass.

    Raises
    ------
    CannotDeidentify
        `face_kind`
    """
    said = str(dataset.get("RecognizableVisualFeatures") or "NO").strip()
    if str(dataset.SOPClassUID) in _MAY_SHOW or said != "NO":
        raise CannotDeidentify("face_kind")
