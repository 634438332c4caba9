"""What a signer has before them: the digest that a page hands to its form of signature, or a program reads."""

from __future__ import annotations

import re

from django.test import Client

from compliance import signing
from compliance.models import Record


def shown(record: Record) -> str:
    """Return the digest of a record as whoever signs it now is shown it."""
    return signing.digest(type(record)._base_manager.get(pk=record.pk).shown_content())


def shown_on(client: Client, address: str) -> str:
    """Return the digest that stands in the form of a page; empty where the page asks for no signature."""
    found = re.search(r'name="shown_sha256" value="(\w*)"', client.get(address).content.decode())
    return found[1] if found else ""
