"""The news this room announces."""

from django.dispatch import Signal

#: A charter is about to be signed; rooms above raise `CharterInvalid` for the sections they give meaning to.
#: Arguments: `terms` (`trials.charter.Charter`).
charter_to_be_signed = Signal()

#: A subject left the trial, on commit. Arguments: `subject`, `at`.
subject_withdrawn = Signal()
