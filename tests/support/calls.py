"""pynetdicom as the scanner that calls us, where a test looks at the refusal."""

from __future__ import annotations

from collections.abc import Callable

from pynetdicom.association import Association


def answered(call: Callable[[], Association], tries: int = 5) -> Association:
    """Call until the called side is heard to accept or refuse; the last association if it never is.

    On a busy machine pynetdicom's requestor may take the end of a connection for an abort before it has read the
    A-ASSOCIATE-RJ in front of it, which a plain socket always receives (2 to 14 of 300 calls).
    """
    association = call()
    while tries > 1 and not (association.is_established or association.is_rejected):
        association, tries = call(), tries - 1
    return association
