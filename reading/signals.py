"""The news this room announces."""

from django.dispatch import Signal

#: A read was signed, on commit. Arguments: `task`, `at`.
read_submitted = Signal()

#: An adjudication was decided, on commit. Arguments: `adjudication`, `at`.
adjudication_decided = Signal()

#: A global review was signed, on commit. Arguments: `review`, `at`.
review_signed = Signal()
