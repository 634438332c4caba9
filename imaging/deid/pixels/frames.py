"""The frames of an instance, as arrays of what is stored, and the way back into its transfer syntax."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import apply_color_lut, convert_color_space, get_decoder, get_encoder
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from imaging.deid.admission import CannotDeidentify
from imaging.dicom.codestreams import precision

Frame = NDArray[Any]

_JPEG = "1.2.840.10008.1.2.4."
#: Native frames, each in an item of its own (PS3.5 §A.4).
_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
#: Syntaxes that do not lose anything and that we can write.
_WRITTEN = frozenset({JPEG2000Lossless, RLELossless})
_LOSSLESS = _WRITTEN | {_UNCOMPRESSED, *(_JPEG + tail for tail in ("57", "70", "80", "92", "201", "202"))}
#: By the first digit of what follows: PS3.3 §C.7.6.1.1.5.1.
_METHODS = {"5": "ISO_10918_1", "8": "ISO_14495_1", "9": "ISO_15444_1", "2": "ISO_15444_15"}


@contextmanager
def readable() -> Iterator[None]:
    """Hold an instance as `pixels_unreadable` when something goes wrong with reading its pixels."""
    try:
        yield
    except (AttributeError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError) as problem:
        raise CannotDeidentify("pixels_unreadable") from problem


class Pixels:
    """The frames of a data set, as arrays of what is stored, and the way back."""

    def __init__(self, dataset: Dataset, syntax: UID) -> None:
        self._dataset, self._syntax = dataset, syntax
        self.rows, self.columns = int(dataset.Rows), int(dataset.Columns)
        self.count = int(dataset.get("NumberOfFrames") or 1)
        self._samples = int(dataset.get("SamplesPerPixel") or 1)
        self._photometric = str(dataset.PhotometricInterpretation)
        self._in_place = not syntax.is_compressed and self._photometric != "YBR_FULL_422"
        self._lossless = syntax in _LOSSLESS
        if int(dataset.BitsAllocated) not in (8, 16) or self._swapped():
            raise CannotDeidentify("pixels_unreadable")

    def frames(self, *, unused_bits: bool = False) -> Iterator[Frame]:
        """Each frame, (rows, columns) or (rows, columns, samples); not to be written to.

        Parameters
        ----------
        unused_bits
            Give compressed frames with what their unused bits hold, too.
        """
        if self._in_place:
            yield from self._native(self._dataset.PixelData, self.count)
            return
        if self._syntax == _UNCOMPRESSED:
            for content in generate_frames(self._dataset.PixelData, number_of_frames=self.count):
                yield from self._native(content, 1)
            return
        allocated = int(self._dataset.BitsAllocated)
        if any(
            precision(one) > allocated for one in generate_frames(self._dataset.PixelData, number_of_frames=self.count)
        ):
            raise CannotDeidentify("pixels_unreadable")
        # Told of fewer bits than a stream has, one decoder masks what it reads, and another one ends the process.
        for frame, about in get_decoder(self._syntax).iter_array(
            self._dataset, raw=self._lossless, bits_stored=allocated
        ):
            self._photometric = str(about["photometric_interpretation"])
            yield frame if unused_bits else self._value_of(frame)

    def _value_of(self, words: Frame) -> Frame:
        unused = 8 * words.dtype.itemsize - int(self._dataset.BitsStored)
        return words << unused >> unused if unused > 0 else words

    def shown(self, frame: Frame) -> Frame:
        """The frame as grey or RGB."""
        if self._photometric == "PALETTE COLOR":
            coloured = apply_color_lut(frame, self._dataset)
            return coloured if coloured.dtype == np.uint8 else (coloured >> 8).astype(np.uint8)
        if self._photometric == "YBR_FULL":
            converted: Frame = convert_color_space(frame, "YBR_FULL", "RGB")
            return converted
        return frame

    def replace(self, changed: dict[int, Frame]) -> UID:
        """Store changed frames and return the transfer syntax in which all of them are written then."""
        if self._in_place:
            content = bytearray(self._dataset.PixelData)
            for number, frame in enumerate(self._native(content, self.count)):
                if number in changed:
                    frame[...] = changed[number]
            self._store(bytes(content))
            return self._syntax
        if self._syntax in _WRITTEN:
            self._encapsulate(changed)
            return self._syntax
        decoded = b"".join(
            np.ascontiguousarray(changed.get(number, frame)).tobytes() for number, frame in enumerate(self.frames())
        )
        if self._syntax.is_compressed and not self._lossless:
            self._note_loss(len(decoded))
        self._drop_offsets()
        self._dataset.PhotometricInterpretation = self._photometric
        if self._samples > 1:
            self._dataset.PlanarConfiguration = 0
        self._store(decoded + b"\0" * (len(decoded) % 2))
        self._dataset["PixelData"].is_undefined_length = False
        if not self._syntax.is_compressed:
            return self._syntax
        self._dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        return ExplicitVRLittleEndian

    def _native(self, content: bytes | bytearray, count: int) -> Iterator[Frame]:
        order = "<" if self._syntax.is_little_endian else ">"
        size = int(self._dataset.BitsAllocated) // 8
        kind = np.dtype(f"{order}{'i' if self._dataset.get('PixelRepresentation') else 'u'}{size}")
        each = self.rows * self.columns * self._samples
        for number in range(count):
            frame = np.frombuffer(content, kind, each, number * each * size)
            if self._samples == 1:
                yield frame.reshape(self.rows, self.columns)
            elif self._dataset.get("PlanarConfiguration"):
                yield np.moveaxis(frame.reshape(self._samples, self.rows, self.columns), 0, 2)
            else:
                yield frame.reshape(self.rows, self.columns, self._samples)

    def _encapsulate(self, changed: dict[int, Frame]) -> None:
        encoder = get_encoder(self._syntax)
        options: dict[str, Any] = {
            "rows": self.rows,
            "columns": self.columns,
            "samples_per_pixel": self._samples,
            "number_of_frames": 1,
            "bits_allocated": int(self._dataset.BitsAllocated),
            "bits_stored": int(self._dataset.get("HighBit", self._dataset.BitsStored - 1)) + 1,
            "pixel_representation": int(self._dataset.PixelRepresentation),
            "photometric_interpretation": str(self._dataset.PhotometricInterpretation),
            "planar_configuration": 0,
        }
        if self._samples == 1:
            del options["planar_configuration"]
        frames = list(generate_frames(self._dataset.PixelData, number_of_frames=self.count))
        for number, frame in changed.items():
            frames[number] = encoder.encode(np.ascontiguousarray(frame), **options)
        self._drop_offsets()
        self._store(encapsulate(frames))
        self._dataset["PixelData"].is_undefined_length = True

    def _store(self, content: bytes) -> None:
        vr = self._dataset["PixelData"].VR if self._in_place else None
        self._dataset.PixelData = content
        shallow = int(self._dataset.BitsAllocated) == 8
        self._dataset["PixelData"].VR = vr or ("OB" if shallow or self._syntax in _WRITTEN else "OW")

    def _drop_offsets(self) -> None:
        for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
            if keyword in self._dataset:
                del self._dataset[keyword]

    def _note_loss(self, decoded: int) -> None:
        """Losses stay in the history of an image whatever becomes of it."""
        if "LossyImageCompressionRatio" not in self._dataset:
            self._dataset.LossyImageCompressionRatio = round(decoded / max(len(self._dataset.PixelData), 1), 2)
        if "LossyImageCompressionMethod" not in self._dataset:
            self._dataset.LossyImageCompressionMethod = _METHODS[self._syntax.removeprefix(_JPEG)[0]]
        self._dataset.LossyImageCompression = "01"

    def _swapped(self) -> bool:
        """Whether bytes lie in words of another order (PS3.5 §A.3), which nothing has written for twenty years."""
        shallow = int(self._dataset.BitsAllocated) == 8
        return not self._syntax.is_little_endian and shallow and self._dataset["PixelData"].VR != "OB"
