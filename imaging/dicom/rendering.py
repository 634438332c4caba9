"""One frame as an 8-bit picture: decoded within a budget, windowed, encoded as PNG."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import UID

from compliance.errors import HouseError
from imaging.dicom.codestreams import precision, size_of
from imaging.dicom.elements import Limits, fragments
from imaging.dicom.files import DEFAULT_LIMITS, Source, opened
from imaging.dicom.geometry import functional_group, numbers
from imaging.dicom.headers import Header, read_header

#: Largest frame rendered, in pixels times samples: four times the largest mammogram in use.
MAX_FRAME_SAMPLES = 64 << 20
#: Makes an array of another one; it is told the header.
Change = Callable[[NDArray[Any], Dataset], NDArray[Any]]


class NoSuchFrame(HouseError):
    """The frame asked for is not in the instance, or the instance holds no image."""

    code = "no_such_frame"
    status = 404


class UnreadablePixels(HouseError):
    """The pixel data cannot be decoded, or would need more memory than allowed."""

    code = "unreadable_pixels"
    status = 422


@dataclass(frozen=True)
class Window:
    """Centre and width of the range of values shown, in the units of the image (HU for CT).

    Attributes
    ----------
    function
        LINEAR, LINEAR_EXACT or SIGMOID (PS3.3 §C.11.2.1.2, §C.11.2.1.3).
    """

    centre: float
    width: float
    function: str = "LINEAR"

    def __post_init__(self) -> None:
        least = 1.0 if self.function == "LINEAR" else 0.0
        if not (np.isfinite(self.centre) and np.isfinite(self.width) and self.width >= least and self.width > 0):
            raise ValueError("A window needs a finite centre and a width of at least 1.")

    def apply(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Map values to 0–255 by the window's function (PS3.3 §C.11.2.1)."""
        shades = np.asarray(values, dtype=np.float32)
        if self.function == "SIGMOID":
            shades = 255.0 / (1.0 + np.exp(np.clip(-4.0 * (shades - self.centre) / self.width, -60, 60)))
        else:
            # LINEAR counts whole values: the window of width 2 at 0.5 splits 0 from 1.
            exact = self.function == "LINEAR_EXACT"
            centre, width = (self.centre, self.width) if exact else (self.centre - 0.5, self.width - 1.0)
            scale = 255.0 / max(width, 1e-6)
            shades = shades * np.float32(scale) + np.float32(127.5 - centre * scale)
        result: NDArray[np.uint8] = np.rint(np.clip(shades, 0.0, 255.0)).astype(np.uint8)
        return result


def render_frame(
    source: Source,
    *,
    frame: int = 0,
    window: Window | None = None,
    change: Change | None = None,
    finish: Change | None = None,
    transfer_syntax_uid: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> bytes:
    """One frame as PNG, 8 bits per sample, ready for a browser.

    Grey frames pass the modality transformation and the window; without one, the header's first window or,
    failing that, the central 99 % of values. Colour frames pass as they are, at 8 bits.

    Parameters
    ----------
    source
        A file, or its bytes.
    frame
        Index of the frame, from 0.
    window
        Range of values to show, in the units of the image.
    change
        What becomes of the values before they are shown, in the window of what they were.
    finish
        What becomes of the picture.

    Raises
    ------
    NoSuchFrame, UnreadablePixels
    HouseError
        As from `read_header`.
    """
    values, dataset = frame_values(source, frame=frame, transfer_syntax_uid=transfer_syntax_uid, limits=limits)
    if values.ndim == 3:
        return png(eight_bit(values, dataset))
    window = window or header_window(dataset, frame) or _central(values)
    shades = window.apply(change(values, dataset) if change else values)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        shades = 255 - shades
    return png(finish(shades, dataset) if finish else shades)


def picture(path: str, frame: int, window: tuple[float, float] | None) -> bytes:
    """Render a frame of a file in the window (centre, width), or its own; see `render_frame`.

    With plain arguments, for a child process that a hostile picture may end (`compliance.confined`).
    """
    return render_frame(Path(path), frame=frame, window=Window(window[0], window[1]) if window else None)


def whole_picture(path: str, frame: int) -> bytes:
    """As `picture`, with every value inside the window: text is often written with the most extreme ones."""
    values, _ = frame_values(Path(path), frame=frame)
    low, high = float(values.min()), float(values.max())
    window = Window((low + high) / 2, max(high - low, 1e-3), "LINEAR_EXACT")
    return render_frame(Path(path), frame=frame, window=window)


def frame_values(
    source: Source,
    *,
    frame: int = 0,
    transfer_syntax_uid: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[NDArray[Any], Dataset]:
    """Values of one frame, and the header they came with.

    Returns
    -------
    values
        (rows, columns), in the units of the image after the modality transformation; or
        (rows, columns, 3), RGB.
    dataset
        Every attribute before the pixel data.

    Raises
    ------
    NoSuchFrame, UnreadablePixels
    HouseError
        As from `read_header`.
    """
    pixels, dataset = stored_values(source, frame=frame, transfer_syntax_uid=transfer_syntax_uid, limits=limits)
    if pixels.ndim == 3 or dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        return pixels, dataset
    return modality_values(pixels, dataset, frame), dataset


def stored_values(
    source: Source,
    *,
    frame: int = 0,
    transfer_syntax_uid: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[NDArray[Any], Dataset]:
    """Values of one frame as they are stored, and the header they came with; palettes and YBR come as RGB.

    Returns
    -------
    values
        (rows, columns), before the modality transformation; or (rows, columns, 3), RGB.
    dataset
        Every attribute before the pixel data.

    Raises
    ------
    NoSuchFrame, UnreadablePixels
    HouseError
        As from `read_header`.
    """
    header = read_header(source, transfer_syntax_uid=transfer_syntax_uid, limits=limits)
    dataset = header.dataset
    if not 0 <= frame < header.number_of_frames or header.rows is None or header.columns is None:
        raise NoSuchFrame("The image does not have the frame asked for. Reload the page.")
    samples = 3 if dataset.get("SamplesPerPixel") == 3 else 1
    if header.rows * header.columns * samples > MAX_FRAME_SAMPLES:
        raise UnreadablePixels("The image is larger than this system shows.")
    with opened(source, limits) as view, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of excess padding; the header check has measured it
        try:
            pixels = _decoded(view, header, frame)
            if samples == 1 and dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
                return apply_color_lut(pixels, dataset), dataset
            return pixels, dataset
        except HouseError:
            raise
        except Exception as error:
            # Each decoder fails in its own way; whatever it was, the picture cannot be shown.
            raise UnreadablePixels(
                "The pixel data of the image cannot be decoded. Export it as Explicit VR Little Endian.",
                reason=type(error).__name__,
            ) from None


def header_window(dataset: Dataset, frame: int = 0) -> Window | None:
    """The first window that the header proposes for a frame, or None."""
    item = functional_group(dataset, frame, "FrameVOILUTSequence")
    values = []
    for keyword in ("WindowCenter", "WindowWidth"):
        raw = item.get(keyword)
        first = Dataset()
        if raw is None or raw == "":
            return None
        setattr(first, keyword, raw[0] if not isinstance(raw, (str, float, int)) and len(raw) else raw)
        if (value := numbers(first, keyword, 1)) is None:
            return None
        values.append(value[0])
    function = str(item.get("VOILUTFunction") or "LINEAR")
    try:
        function = function if function in ("LINEAR_EXACT", "SIGMOID") else "LINEAR"
        return Window(values[0], values[1], function)
    except ValueError:
        return None


def png(pixels: NDArray[np.uint8]) -> bytes:
    """PNG of (rows, columns) grey or (rows, columns, 3) RGB pixels; fast rather than small."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _decoded(view: memoryview, header: Header, frame: int) -> NDArray[Any]:
    if header.pixel_offset is None or header.pixel_length is None:
        raise UnreadablePixels("A deflated image cannot be shown. Export it as Explicit VR Little Endian.")
    dataset = header.dataset
    options: dict[str, Any] = as_pixel_options(dataset, pixel_keyword=_pixel_keyword(dataset))
    options["pixel_vr"] = header.pixel_vr
    decoder = get_decoder(UID(dataset.file_meta.TransferSyntaxUID))
    buffer = view[header.pixel_offset : header.pixel_offset + header.pixel_length]
    if not header.encapsulated:
        pixels, _ = decoder.as_array(buffer, index=frame, **options)
        return pixels
    coded = _coded_frame(buffer, frame, options)
    size = size_of(coded)
    if size is not None and size != (dataset.Rows, dataset.Columns):
        # A small codestream may claim a huge picture, which a decoder would allocate.
        raise UnreadablePixels("The compressed image is not of the size that its header says.")
    stored, bits = options["bits_stored"], precision(coded)
    if bits > options["bits_allocated"]:
        raise UnreadablePixels(
            "The compressed image has more bits than its header says. Export it as Explicit VR Little Endian."
        )
    # Told of fewer bits than a stream has, one decoder refuses it, and another one ends the process.
    options |= {"number_of_frames": 1, "extended_offsets": None, "bits_stored": max(stored, bits)}
    pixels, _ = decoder.as_array(encapsulate([coded], has_bot=False), index=0, **options)
    unused = 8 * pixels.dtype.itemsize - stored if bits > stored else 0
    return pixels << unused >> unused


def _coded_frame(buffer: memoryview, frame: int, options: Mapping[str, Any]) -> bytes:
    """The compressed bytes of one frame, without touching those of the others where that is possible."""
    n_frames = options["number_of_frames"]
    ranges = list(fragments(buffer, 0, len(buffer)))
    if n_frames == 1 or len(ranges) == n_frames:
        mine = ranges if n_frames == 1 else ranges[frame : frame + 1]
        return b"".join(buffer[start:stop] for start, stop in mine)
    # Frames in several fragments each: only the offset table tells them apart.
    coded: bytes = get_frame(
        bytes(buffer), frame, number_of_frames=n_frames, extended_offsets=options.get("extended_offsets")
    )
    return coded


def _pixel_keyword(dataset: Dataset) -> str:
    bits = dataset.get("BitsAllocated")
    if dataset.get("PixelRepresentation") is not None:
        return "PixelData"
    return "DoubleFloatPixelData" if bits == 64 else "FloatPixelData"


def modality_values(pixels: NDArray[Any], dataset: Dataset, frame: int) -> NDArray[Any]:
    """Make stored values of a grey frame the image's own: Hounsfield units for CT (PS3.3 §C.11.1)."""
    item = functional_group(dataset, frame, "PixelValueTransformationSequence")
    if item.get("ModalityLUTSequence"):
        try:
            looked_up: NDArray[Any] = apply_modality_lut(pixels, item)
        except Exception as error:
            raise UnreadablePixels(
                "The table that turns the values of the image into others cannot be read. Export the image again.",
                reason=type(error).__name__,
            ) from None
        return looked_up
    slope, intercept = numbers(item, "RescaleSlope", 1), numbers(item, "RescaleIntercept", 1)
    if slope is None or intercept is None:
        return pixels
    return pixels.astype(np.float32) * np.float32(slope[0]) + np.float32(intercept[0])


def _central(values: NDArray[Any]) -> Window:
    low, high = np.percentile(values, (0.5, 99.5))
    return Window((low + high) / 2, max(float(high - low), 1e-3), "LINEAR_EXACT")


def eight_bit(pixels: NDArray[Any], dataset: Dataset) -> NDArray[np.uint8]:
    """Colour as it is shown: 8 bits per sample, the highest of those that it has."""
    if pixels.dtype == np.uint8:
        return pixels
    # Palettes come as 16-bit entries whatever the pixels are; other colour keeps its stored depth.
    palette = dataset.get("PhotometricInterpretation") == "PALETTE COLOR"
    shift = pixels.dtype.itemsize * 8 - 8 if palette else int(dataset.get("BitsStored", 16)) - 8
    return (pixels >> max(shift, 0)).astype(np.uint8)
