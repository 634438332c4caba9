"""Names under which readers see cases, reads and adjudications: they tell nothing and can be said aloud."""

from __future__ import annotations

import hmac
from collections.abc import Container

#: Crockford's base 32: no I, L, O or U, so that nothing is misread.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 6


def blinded_code(secret: bytes, kind: str, key: str, *, taken: Container[str] = frozenset()) -> str:
    """Return a short code such as "R-7F3K2Q" for a record, which only the holder of the secret can trace back.

    The same secret, kind and key give the same code. Six characters carry 30 bits, so two of 10,000 records
    share a code with a probability of about 5 %: pass the codes in use where a code must be unique.

    Parameters
    ----------
    secret
        The trial's secret key.
    kind
        What is named, for example "read", "case" or "adjudication"; its first letter, as a capital, leads
        the code. Codes of different kinds for one key have nothing in common.
    key
        What identifies the record, for example "subject 12 reader 7".
    taken
        Codes already in use; the next code of the record's sequence that is free is returned.

    Raises
    ------
    ValueError
        The secret is shorter than 16 bytes, or the kind does not begin with an ASCII letter.
    """
    if len(secret) < 16:
        raise ValueError("the secret of blinded codes needs at least 16 bytes")
    if not (kind[:1].isascii() and kind[:1].isalpha()):
        raise ValueError("the kind of a blinded code begins with a letter")
    attempt = 0
    while True:
        message = "\0".join(["blinded code", kind, key, str(attempt)])
        bits = int.from_bytes(hmac.digest(secret, message.encode(), "sha256")[:8])
        code = f"{kind[0].upper()}-" + "".join(ALPHABET[bits >> 5 * i & 31] for i in range(_LENGTH))
        if code not in taken:
            return code
        attempt += 1
