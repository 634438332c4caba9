"""A look at an archived picture: decoded where a hostile one can end nobody but its reader."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000

from compliance import confined, storage
from imaging.dicom.rendering import Window, render_frame
from imaging.services import viewing
from tests.factories.scans import encoded, slice_of

pytestmark = pytest.mark.usefixtures("own_disk")


def archived(content: bytes) -> str:
    storage.put(storage.ARCHIVE, "T/N-001/BL/1.dcm", content)
    return "T/N-001/BL/1.dcm"


def test_a_picture_is_the_frame_in_the_window() -> None:
    key = archived(encoded(slice_of()))

    shown = viewing.picture(key, 0, (40.0, 400.0))

    assert shown == render_frame(storage.get(storage.ARCHIVE, key), frame=0, window=Window(40, 400))


def test_a_picture_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(confined.Refused) as refusal:
        viewing.picture(archived(encoded(slice_of())), 7, None)

    assert (refusal.value.code, refusal.value.status) == ("no_such_frame", 404)


def test_pixels_that_keep_their_decoder_for_ever_end_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A JP2 box of length 0 is an endless loop in pydicom 3.0.2 (`get_j2k_parameters`)."""
    monkeypatch.setattr(viewing, "_PATIENCE", 1)
    hostile = dcmread(BytesIO(encoded(slice_of())))
    hostile.file_meta.TransferSyntaxUID = JPEG2000
    box = b"\x00\x00\x00\x0cjP  \r\n\x87\n" + b"\x00\x00\x00\x00ftyp" + bytes(64)
    hostile.PixelData = encapsulate([box])
    hostile["PixelData"].VR = "OB"
    hostile["PixelData"].is_undefined_length = True
    buffer = BytesIO()
    hostile.save_as(buffer, enforce_file_format=True)
    key = archived(buffer.getvalue())

    with pytest.raises(confined.OverBudget, match="took too long"):
        viewing.picture(key, 0, None)
    storage.put(storage.ARCHIVE, "T/N-001/BL/2.dcm", b"no file")
    with pytest.raises(confined.Refused):
        viewing.picture("T/N-001/BL/2.dcm", 0, None)
