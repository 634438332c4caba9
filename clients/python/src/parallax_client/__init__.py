"""Typed client of a Parallax imaging core lab, on Python's standard library alone."""

from parallax_client import types
from parallax_client.client import Parallax
from parallax_client.errors import (
    Conflict,
    Damaged,
    NotAllowed,
    NotFound,
    ParallaxError,
    Refused,
    ServerFault,
    SignInNeeded,
    TooMuch,
    Unreachable,
)
from parallax_client.progress import Bar, Progress
from parallax_client.uploading import Uploaded

__all__ = [
    "Bar",
    "Conflict",
    "Damaged",
    "NotAllowed",
    "NotFound",
    "Parallax",
    "ParallaxError",
    "Progress",
    "Refused",
    "ServerFault",
    "SignInNeeded",
    "TooMuch",
    "Unreachable",
    "Uploaded",
    "types",
]
