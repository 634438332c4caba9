"""TU: each lesion that a reader identified, once; its parts when it split."""

from __future__ import annotations

from collections.abc import Iterator

from reading.exports.cdisc_pr import METHODS
from reading.exports.locked import LockedLesion, LockedSubject, LockedTrial
from reading.exports.sdtm import (
    READ,
    Dataset,
    Domain,
    Value,
    Variable,
    Visit,
    assessed,
    before_exposure,
    begin,
    evaluator,
    identifiers,
    in_sequence,
    link,
    sequence,
    short,
    timing,
    visits,
)

CATEGORIES = {"target": "TARGET", "non_target": "NON-TARGET", "new": "NEW"}
TERMS = (("TARGET", "Target lesion"), ("NON-TARGET", "Non-target lesion"), ("NEW", "New lesion"))

TU = Domain(
    "TU",
    "Tumor/Lesion Identification",
    "One record per identified lesion or part per evaluator per subject",
    "FINDINGS",
    ("STUDYID", "USUBJID", "TUEVALID", "TULNKID", "TUTESTCD"),
    (
        *identifiers("TU"),
        sequence("TU"),
        Variable("TUREFID", "Reference ID", origin=READ, method="SOP Instance UID of the image it was found on."),
        Variable("TULNKID", "Link ID", method="The reader's place and the lesion's label; the same in TR."),
        Variable(
            "TUTESTCD",
            "Tumor/Lesion ID Short Name",
            terms=(("TUMIDENT", "Tumor Identification"), ("TUSPLIT", "Tumor Split")),
        ),
        Variable("TUTEST", "Tumor/Lesion ID Test Name"),
        Variable("TUORRES", "Tumor/Lesion ID Result", origin=READ, terms=TERMS),
        Variable("TUSTRESC", "Tumor/Lesion ID Result Std. Format", terms=TERMS),
        Variable("TULOC", "Location of the Tumor/Lesion", origin=READ),
        Variable("TUMETHOD", "Method of Identification", origin=READ),
        before_exposure("TU"),
        *evaluator("TU"),
        *timing("TU", "Tumor/Lesion Identification"),
    ),
)


def identified(trial: LockedTrial) -> Dataset:
    """Return one record for each lesion of each reader, and one for each part that one fell into."""
    return Dataset(TU, in_sequence("TU", _records(trial)))


def _records(trial: LockedTrial) -> Iterator[dict[str, Value]]:
    for subject in trial.subjects:
        every = visits(subject)
        for lesion in subject.lesions:
            head = {**begin(trial, subject, "TU"), "TULOC": short(lesion.organ).upper()}
            found = next((visit for visit in every if visit.timepoint.code == lesion.first_seen), None)
            yield {
                **head,
                "TULNKID": link(lesion.evalid, lesion.label),
                **_what("TUMIDENT", "Tumor Identification", lesion),
                **(_where(lesion, found) if found else assessed("TU", lesion.evalid, False)),
            }
            for part, visit in _parts(subject, lesion, every):
                yield {
                    **head,
                    "TULNKID": link(lesion.evalid, lesion.label, part),
                    **_what("TUSPLIT", "Tumor Split", lesion),
                    **_where(lesion, visit),
                }


def _what(code: str, name: str, lesion: LockedLesion) -> dict[str, Value]:
    category = CATEGORIES.get(lesion.category, lesion.category.upper())
    return {"TUTESTCD": code, "TUTEST": name, "TUORRES": category, "TUSTRESC": category}


def _where(lesion: LockedLesion, visit: Visit) -> dict[str, Value]:
    read = next((read for read in visit.timepoint.reads if read.evalid == lesion.evalid), None)
    entered = read.measurements if read else ()
    image = next((entry.sop_instance_uid for entry in entered if entry.lesion == lesion.label), "")
    modality = {picture.sop_instance_uid: picture.modality for picture in visit.timepoint.pictures}.get(image, "")
    return {
        "TUREFID": image,
        "TUMETHOD": METHODS.get(modality, modality),
        **assessed("TU", lesion.evalid, bool(read and read.accepted)),
        **visit.when("TU"),
    }


def _parts(subject: LockedSubject, lesion: LockedLesion, every: list[Visit]) -> Iterator[tuple[int, Visit]]:
    """Give each part that a lesion ever had, with the visit at which it was first measured."""
    known: set[int] = set()
    for visit in every:
        for read in visit.timepoint.reads:
            if read.evalid != lesion.evalid:
                continue
            for entry in read.measurements:
                if entry.lesion == lesion.label and entry.part and entry.part not in known:
                    known.add(entry.part)
                    yield entry.part, visit
