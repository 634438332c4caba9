"""The news this room announces, inside the transaction that makes it true.

Receivers enqueue: their jobs are rows of the same transaction, so no news is lost in a crash.
"""

from django.dispatch import Signal

#: A charter is about to be signed; rooms above return the problems (`trials.terms.kinds.Problem`) of the sections that
#: they give meaning to. Arguments: `terms` (`trials.charter.Charter`).
charter_to_be_signed = Signal()

#: A visit's scan will not come. Arguments: `timepoint`, `at`.
timepoint_missed = Signal()

#: A subject that was screened is enrolled. Arguments: `subject`, `planned_for` (day 1 as it was planned), `at`.
subject_enrolled = Signal()

#: Consent is to be withdrawn: what becomes of a subject's images and reads by a rule? Rooms above return a list of
#: `trials.impact.Consequence`. Arguments: `subject`, `rule`.
consent_weighed = Signal()

#: Consent was withdrawn. Arguments: `subject`, `at`.
consent_withdrawn = Signal()

#: Images of a subject are to be erased: which timepoints' must stay? Rooms above return sets of keys.
#: Arguments: `subject`.
images_to_be_erased = Signal()

#: A subject left the trial, or its screening failed. Arguments: `subject`, `at`.
subject_withdrawn = Signal()

#: A subject's visits became others, as its arm was entered. Arguments: `subject`, `at`.
subject_rescheduled = Signal()

#: What would another version of the charter change for a subject? Rooms above return a list of `trials.impact.Change`
#: and write nothing. Arguments: `subject`, `charter` (a draft, or the version in force).
charter_weighed = Signal()

#: A subject was moved to the charter in force. Arguments: `subject`, `at`.
subject_replanned = Signal()
