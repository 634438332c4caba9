"""A passkey in software (WebAuthn level 2): makes credentials and signs, rightly or as an attacker would."""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode

ORIGIN = "https://parallax.example"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One device with one credential, which counts its signatures."""

    counter: int = 0
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    handle: bytes = b""

    def create(self, options: dict[str, Any], **said: Any) -> str:
        """Make a credential as asked; `said` puts other things in its place (see `_client`, `_data`)."""
        self.handle = websafe_decode(options["user"]["id"])
        public = dict(ES256.from_cryptography_key(self.key.public_key()))
        attested = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id + cbor.encode(public)
        data = self._data(said.get("rp_id", options["rp"]["id"]), said.get("flags", PRESENT | VERIFIED) | ATTESTED)
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data + attested})
        return self._answer(clientDataJSON=_client("webauthn.create", options, said), attestationObject=attestation)

    def get(self, options: dict[str, Any], **said: Any) -> str:
        """Sign what is asked, one signature further on."""
        self.counter += 1
        data = self._data(said.get("rp_id", options["rpId"]), said.get("flags", PRESENT | VERIFIED))
        client = _client(said.get("kind", "webauthn.get"), options, said)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            clientDataJSON=client,
            authenticatorData=data,
            signature=said.get("signature", signature),
            userHandle=said.get("handle", self.handle),
        )

    def _data(self, rp_id: str, flags: int) -> bytes:
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + struct.pack(">I", self.counter)

    def _answer(self, **response: bytes) -> str:
        name = websafe_encode(self.credential_id)
        parts = {part: websafe_encode(value) for part, value in response.items() if value}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": parts})


def _client(kind: str, options: dict[str, Any], said: dict[str, Any]) -> bytes:
    return json.dumps(
        {
            "type": kind,
            "challenge": said.get("challenge", options["challenge"]),
            "origin": said.get("origin", ORIGIN),
            "crossOrigin": False,
        }
    ).encode()
