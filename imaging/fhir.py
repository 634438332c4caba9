"""Scans of the archive as FHIR R4 has them: ImagingStudy, with pseudonyms and shifted dates, as they were archived."""

from __future__ import annotations

from django.db.models import Q

from compliance import fhir
from compliance.fhir import Json, Kind, Parameter, Token
from imaging.models import ImagingStudy, Series
from imaging.selectors_outside import studies_seen_by
from trials.fhir import is_subject, subject_of

#: Where FHIR has DICOM's UIDs and modalities (imagingstudy.html).
_UID = "urn:dicom:uid"
_MODALITY = "http://dicom.nema.org/resources/ontology/DCM"
_DEFINED = "http://hl7.org/fhir/SearchParameter"


def study_identifier(study: ImagingStudy) -> Json:
    """Return the pseudonym of a scan's Study Instance UID."""
    return {"system": _UID, "value": f"urn:oid:{study.study_instance_uid}"}


def _modality(code: str) -> Json:
    return {"system": _MODALITY, "code": code or "OT"}


def _told(study: ImagingStudy) -> Json:
    series = list(study.series.all())
    return {
        "id": str(study.pk),
        "identifier": [study_identifier(study)],
        "status": "available",
        "modality": [_modality(code) for code in sorted({one.modality for one in series})],
        "subject": subject_of(study.timepoint.subject),
        "started": study.shifted_date.isoformat() if study.shifted_date else "",
        "numberOfSeries": len(series),
        "numberOfInstances": sum(one.held for one in series),  # type: ignore[attr-defined]  # counted by the selector
        "description": study.timepoint.name,
        "series": [_series(one) for one in series],
    }


def _series(series: Series) -> Json:
    return {
        "uid": series.series_instance_uid,
        # An unsignedInt; DICOM lets a number be negative.
        "number": series.number if series.number is not None and series.number >= 0 else None,
        "modality": _modality(series.modality),
        "description": series.label,
        "numberOfInstances": series.held,  # type: ignore[attr-defined]
    }


def _is_study(token: Token) -> Q:
    if token.system not in (None, _UID):
        return fhir.NOTHING
    return Q(study_instance_uid=token.code.removeprefix("urn:oid:")) if token.code else fhir.EVERYTHING


def _has_modality(token: Token) -> Q:
    if token.system not in (None, _MODALITY):
        return fhir.NOTHING
    found = Series.objects.filter(modality=token.code) if token.code else Series.objects.all()
    return Q(pk__in=found.values("imaging_study"))


def _of_subject(token: Token) -> Q:
    return is_subject(token, "timepoint__subject")


_BY_CODE = "With :identifier only: the subject's code, its system, or both."
STUDY = Kind(
    type="ImagingStudy",
    verb="imaging.see_images",
    says="De-identified scans that the person may look at, as far as their images were not erased.",
    seen=lambda user, at, pk: studies_seen_by(user),
    told=_told,
    parameters=(
        fhir.ID,
        Parameter("identifier", "token", f"{_DEFINED}/clinical-identifier", fhir.by_tokens(_is_study)),
        Parameter(
            "patient:identifier", "reference", f"{_DEFINED}/clinical-patient", fhir.by_tokens(_of_subject), _BY_CODE
        ),
        Parameter(
            "subject:identifier",
            "reference",
            f"{_DEFINED}/ImagingStudy-subject",
            fhir.by_tokens(_of_subject),
            _BY_CODE,
        ),
        Parameter("modality", "token", f"{_DEFINED}/ImagingStudy-modality", fhir.by_tokens(_has_modality)),
        Parameter(
            "started", "date", f"{_DEFINED}/ImagingStudy-started", fhir.by_date("shifted_date"), "The shifted date."
        ),
    ),
)
