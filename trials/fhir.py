"""Trials and subjects as FHIR R4 has them: ResearchStudy and ResearchSubject.

There is no Patient: a subject is its code. Neither its arm, nor a date, nor its site is told.
"""

from __future__ import annotations

from django.db.models import Q

from compliance import fhir
from compliance.fhir import Json, Kind, Parameter, Token
from trials.models import Subject, Trial
from trials.selectors import subjects_seen_by, trials_of
from trials.states import SubjectState, TrialState

#: By the required value set http://hl7.org/fhir/ValueSet/research-study-status.
STUDY_STATUS = {
    TrialState.SETUP: "approved",
    TrialState.RUNNING: "active",
    TrialState.LOCKED: "completed",
}
#: By the required value set http://hl7.org/fhir/ValueSet/research-subject-status; a case for training is no subject.
SUBJECT_STATUS = {
    SubjectState.SCREENED: "screening",
    SubjectState.ENROLLED: "on-study",
    SubjectState.SCREEN_FAILED: "ineligible",
    SubjectState.WITHDRAWN: "withdrawn",
    SubjectState.CONSENT_WITHDRAWN: "withdrawn",
}
_DEFINED = "http://hl7.org/fhir/SearchParameter"


# --- what other rooms refer to -----------------------------------------------------------------------------------


def subject_system(trial: Trial) -> str:
    """Return the system of a trial's subject codes."""
    return fhir.sid(f"subject/{trial.code}")


def subject_of(subject: Subject) -> Json:
    """Return a reference to a subject, by its code (references.html#logical)."""
    return {"type": "Patient", "identifier": {"system": subject_system(subject.trial), "value": subject.code}}


def is_subject(token: Token, path: str = "") -> Q:
    """The condition that a subject has this code, now or while it was screened.

    Parameters
    ----------
    path
        Where the subject is, from the record that is asked about; empty: it is the record.
    """
    at = f"{path}__" if path else ""
    wanted = fhir.EVERYTHING
    if token.code:
        wanted = Q(**{f"{at}code": token.code}) | Q(**{f"{at}screening_code": token.code})
    if token.system is not None:
        before = fhir.sid("subject/")
        of_trial = token.system.removeprefix(before) if token.system.startswith(before) else ""
        wanted &= Q(**{f"{at}trial__code": of_trial})
    return wanted


# --- ResearchStudy -----------------------------------------------------------------------------------------------


def _trial_told(trial: Trial) -> Json:
    return {
        "id": str(trial.pk),
        "identifier": [{"system": fhir.sid("trial"), "value": trial.code}],
        "title": trial.title,
        "status": STUDY_STATUS[TrialState(trial.state)],
        "condition": [{"text": trial.indication}],
        "sponsor": {"type": "Organization", "display": trial.sponsor_name},
    }


def _is_trial(token: Token) -> Q:
    if token.system not in (None, fhir.sid("trial")):
        return fhir.NOTHING
    return Q(code=token.code) if token.code else fhir.EVERYTHING


STUDY = Kind(
    type="ResearchStudy",
    verb="trials.see",
    says="Trials in which the person has a role.",
    seen=lambda user, at, pk: trials_of(user).order_by("pk"),
    told=_trial_told,
    parameters=(
        fhir.ID,
        Parameter("identifier", "token", f"{_DEFINED}/ResearchStudy-identifier", fhir.by_tokens(_is_trial)),
        Parameter(
            "status",
            "token",
            f"{_DEFINED}/ResearchStudy-status",
            fhir.by_codes("http://hl7.org/fhir/research-study-status", "state", STUDY_STATUS),
        ),
    ),
)


# --- ResearchSubject ---------------------------------------------------------------------------------------------


def _subject_told(subject: Subject) -> Json:
    system = subject_system(subject.trial)
    codes = [{"system": system, "value": subject.code}]
    if subject.screening_code:
        codes.append({"use": "old", "system": system, "value": subject.screening_code})
    return {
        "id": str(subject.pk),
        "identifier": codes,
        "status": SUBJECT_STATUS[SubjectState(subject.state)],
        "study": {"reference": f"ResearchStudy/{subject.trial_id}", "display": subject.trial.code},
        "individual": subject_of(subject),
    }


SUBJECT = Kind(
    type="ResearchSubject",
    verb="trials.see_subjects",
    says="Subjects of the sites that the person may know of.",
    seen=lambda user, at, pk: subjects_seen_by(user).filter(state__in=list(SUBJECT_STATUS)).order_by("pk"),
    told=_subject_told,
    parameters=(
        fhir.ID,
        Parameter("identifier", "token", f"{_DEFINED}/ResearchSubject-identifier", fhir.by_tokens(is_subject)),
        Parameter(
            "status",
            "token",
            f"{_DEFINED}/ResearchSubject-status",
            fhir.by_codes("http://hl7.org/fhir/research-subject-status", "state", SUBJECT_STATUS),
        ),
        Parameter(
            "study",
            "reference",
            f"{_DEFINED}/ResearchSubject-study",
            fhir.by_reference("ResearchStudy", "trial"),
        ),
    ),
)
