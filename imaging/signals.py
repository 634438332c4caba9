"""The news this room announces, inside the transaction that makes it true; receivers enqueue."""

from django.dispatch import Signal

#: A timepoint passed QC. Arguments: `timepoint`, `at`.
timepoint_cleared = Signal()

#: Images arrived for a timepoint after its QC was cleared. Arguments: `timepoint`, `at`.
timepoint_reopened = Signal()

#: Which timepoints are waited for? Rooms above return sets of keys. Arguments: `timepoints`.
urgency_weighed = Signal()
