"""The news this room announces."""

from django.dispatch import Signal

#: A timepoint passed QC, on commit. Arguments: `timepoint`, `at`.
timepoint_cleared = Signal()

#: Images arrived for a timepoint after its QC was cleared, on commit. Arguments: `timepoint`, `at`.
timepoint_reopened = Signal()
