"""Papers of the installation: PDFs that carry a digital signature by a key of the audit trail (ISO 32000-1, 12.8).

The signature says that this installation made the paper and that no byte of it was changed since. Its certificate is
our own: programs show the signature as valid and its signer as unknown, until a person compares the key's fingerprint.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7
from cryptography.x509.oid import NameOID
from django.conf import settings

from compliance import printing
from compliance.keys import AuditKey

#: The order of P-256, and the room for a signature in the file, in bytes.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ROOM = 8192
_RANGE = "[0 0000000000 0000000000 0000000000]"


def fingerprint(key: AuditKey) -> str:
    """Return the SHA-256 of the public key that papers are sealed with, by which a person knows the signer."""
    public = _private(key).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()


def certificate(key: AuditKey) -> x509.Certificate:
    """Return the certificate of the papers' signer, signed by itself."""
    private = _private(key)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Parallax installation"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, (urlsplit(settings.PUBLIC_URL).hostname or "unnamed")[:64]),
        ]
    )
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(int.from_bytes(hashlib.sha256(fingerprint(key).encode()).digest()[:16], "big") | 1)
        .not_valid_before(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2126, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_may_sign(), critical=True)
    )
    return built.sign(private, hashes.SHA256())


def sealed(html: str, identifier: bytes, key: AuditKey, *, reason: str, at: dt.datetime) -> bytes:
    """Print a page and seal it with a key of the installation.

    Parameters
    ----------
    identifier
        16 bytes, the document's own identifier.
    reason
        What the signature says that it is for.

    Raises
    ------
    compliance.printing.PrintNotPossible
        Pango is missing on this machine.
    """
    return _filled(printing.pdf(html, identifier, finisher=_placed(reason, at)), key)


def _filled(document: bytes, key: AuditKey) -> bytes:
    """Put the signature into the room that was left for it."""
    hole = document.index(b"/Contents <" + b"00" * _ROOM) + len(b"/Contents ")
    after = hole + 2 * _ROOM + 2
    said = f"[0 {hole:010} {after:010} {len(document) - after:010}]".encode()
    document = document.replace(_RANGE.encode(), said, 1)
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
    signature = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(document[:hole] + document[after:])
        .add_signer(certificate(key), _private(key), hashes.SHA256())
        .sign(Encoding.DER, options)
    )
    return document[:hole] + b"<" + signature.hex().encode().ljust(2 * _ROOM, b"0") + b">" + document[after:]


def _placed(reason: str, at: dt.datetime) -> Any:
    """Return what adds an empty signature field to a document before it is written."""
    import pydyf

    class Plain(pydyf.Dictionary):
        """An object that is not packed together with others: its bytes are found again."""

        compressible = False

    def place(_: Any, pdf: Any) -> None:
        signature = Plain(
            {
                "Type": "/Sig",
                "Filter": "/Adobe.PPKLite",
                "SubFilter": "/adbe.pkcs7.detached",
                "ByteRange": _RANGE,
                "Contents": "<" + "00" * _ROOM + ">",
                "Reason": pydyf.String(reason),
                "M": pydyf.String(f"D:{at:%Y%m%d%H%M%S}+00'00'"),
            }
        )
        pdf.add_object(signature)
        first = pdf.objects[pdf.pages["Kids"][0]]
        field = pydyf.Dictionary(
            {
                "Type": "/Annot",
                "Subtype": "/Widget",
                "FT": "/Sig",
                "T": pydyf.String("Installation"),
                "Rect": pydyf.Array([0, 0, 0, 0]),
                "F": 132,
                "V": signature.reference,
                "P": first.reference,
            }
        )
        pdf.add_object(field)
        first.setdefault("Annots", pydyf.Array()).append(field.reference)
        pdf.catalog["AcroForm"] = pydyf.Dictionary({"Fields": pydyf.Array([field.reference]), "SigFlags": 3})

    return place


def _private(key: AuditKey) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(key.papers, "big") % (_ORDER - 1) + 1, ec.SECP256R1())


def _may_sign() -> x509.KeyUsage:
    others = dict.fromkeys(
        (
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(digital_signature=True, content_commitment=True, **others)
