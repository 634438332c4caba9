"""What is left out of the log."""

from __future__ import annotations

import logging

from django.db.utils import InterfaceError, OperationalError


def shorten(record: logging.LogRecord) -> bool:
    """Keep a line and no more of a database that does not answer: each request and task of an outage meets it.

    A filter's callback; it changes the record and lets it through.
    """
    if record.exc_info and isinstance(record.exc_info[1], OperationalError | InterfaceError):
        record.exc_info = record.exc_text = None
    return True
