"""Which objects can show a face: those that are looked at, those that pass, and all others, which stay out."""

from __future__ import annotations

from pydicom.dataset import Dataset

from imaging.deid.admission import CannotDeidentify

_STORAGE = "1.2.840.10008.5.1.4.1.1."
#: CT and MR, classic, enhanced and legacy converted: a face is looked for in their series.
LOOKED_AT = frozenset(_STORAGE + tail for tail in ("2", "2.1", "2.2", "4", "4.1", "4.4"))
_CANNOT_SHOW = frozenset(
    _STORAGE + tail
    for tail in (
        *("1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1"),  # radiographs
        *("12.1", "12.1.1", "12.2", "12.2.1", "13.1.3"),  # angiograms, and tomosynthesis of the breast
        *("20", "3.1", "6.1", "6.2", "4.2"),  # scintigrams, ultrasound, spectroscopy
        *("77.1.5.1", "77.1.5.2", "77.1.5.4"),  # pictures of the eye
        *("66.1", "66.3", "481.1", "481.4", "481.5", "481.6", "481.7", "481.8", "481.9"),  # registrations, RT
        *("9.1.1", "9.1.2", "9.1.3", "9.2.1", "9.3.1", "9.4.1"),  # waveforms
    )
)
_REPORTS_AND_PRESENTATIONS = (_STORAGE + "88.", _STORAGE + "11.")


def is_looked_at(sop_class_uid: str) -> bool:
    """Tell whether a face is looked for in series of this storage class."""
    return sop_class_uid in LOOKED_AT


def refuse_unsafe(dataset: Dataset) -> None:
    """Refuse what may show a face and is not looked at, and whatever says that it shows somebody.

    Projections, ultrasound, scintigrams, retinas, signals and texts pass. Volumes and shapes that follow the skin,
    pictures of whatever was before a camera, copies of a screen, and what nobody has thought of yet do not.

    Raises
    ------
    CannotDeidentify
        `face_kind`
    """
    kind, said = str(dataset.SOPClassUID), str(dataset.get("RecognizableVisualFeatures") or "NO").strip()
    passes = kind in _CANNOT_SHOW or kind.startswith(_REPORTS_AND_PRESENTATIONS)
    if not passes or said != "NO":
        raise CannotDeidentify("face_kind")
