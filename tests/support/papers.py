"""Attachments of which no two are alike, and what of them lies in a DICOM file."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import BinaryIO

import pydicom
from PIL import Image
from pydicom.encaps import generate_frames

ROWS, COLUMNS = 24, 40


def papers(number: int) -> dict[str, bytes]:
    """Two letters and a photograph, by names of their own; they differ by number."""
    return {
        f"letter {number}": letter(f"Visit {number}"),
        f"photograph {number}": photograph(number),
        f"second letter {number}": letter(f"Visit {number}, continued"),
    }


def letter(said: str) -> bytes:
    """A PDF with a sentence."""
    return b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n%" + said.encode() + b"\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def photograph(number: int) -> bytes:
    """A JPEG of noise."""
    buffer = io.BytesIO()
    Image.frombytes("L", (COLUMNS, ROWS), random.Random(number).randbytes(ROWS * COLUMNS)).save(buffer, "JPEG")
    return buffer.getvalue()


def seen_in(paper: bytes) -> bytes:
    """What a person sees of an attachment: a letter as it is, of a photograph the pixels."""
    if paper.startswith(b"%PDF"):
        return paper
    return Image.open(io.BytesIO(paper)).tobytes()


def seen_in_dicom(file: Path | BinaryIO) -> bytes:
    """What a person sees of an attachment that was made DICOM."""
    dataset = pydicom.dcmread(file)
    if "EncapsulatedDocument" in dataset:
        return bytes(dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength])
    return seen_in(next(generate_frames(dataset.PixelData, number_of_frames=1)))
