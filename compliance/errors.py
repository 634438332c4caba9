"""What went wrong, said once: the base of each error a person or a program may see."""

from __future__ import annotations


class HouseError(Exception):
    """A refusal or failure with a sentence for the person who met it.

    The sentence says what happened, to which record, and what to do next; it never carries a value
    from a subject's header. Subclasses are defined beside the rule they protect.

    Attributes
    ----------
    code
        Stable machine-readable name, also used as the quarantine reason.
    status
        HTTP status with which the doors answer.
    """

    code = "error"
    status = 400

    def __init__(self, message: str = "", **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return self.message
