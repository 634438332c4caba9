"""Printing to PDF, and of figures to PNG, with WeasyPrint, which sets its type with the system's Pango."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from typing import Any

from compliance.errors import HouseError


class PrintNotPossible(HouseError):
    """The system lacks what PDFs are printed with."""

    code = "print_not_possible"
    status = 503


def pdf(html: str, identifier: bytes, *, finisher: Callable[[Any, Any], None] | None = None) -> bytes:
    """Print a page that holds everything it shows; the same page gives the same bytes.

    Parameters
    ----------
    identifier
        16 bytes, the document's own identifier.
    finisher
        Gets the laid out document and its objects before they are written, and may add some.

    Raises
    ------
    PrintNotPossible
        Pango is missing on this machine.
    """
    page = _printer()(string=html, url_fetcher=_nothing)
    document: bytes = page.write_pdf(pdf_identifier=identifier, finisher=finisher)
    return document


def png(svg: str, *, scale: float = 2.0) -> bytes:
    """Draw one SVG element that has its width and height in px, as PNG with so many pixels to each px.

    Raises
    ------
    PrintNotPossible
        Pango is missing on this machine.
    """
    import pypdfium2

    size = re.search(r'width="([\d.]+)" height="([\d.]+)"', svg)
    if size is None:
        raise ValueError("The figure does not say how large it is.")
    width, height = size.groups()
    style = f"@page {{ size: {width}px {height}px; margin: 0 }} body {{ margin: 0 }} svg {{ display: block }}"
    document = pypdfium2.PdfDocument(pdf(f"<style>{style}</style>{svg}", bytes(16)))
    try:
        # A PDF counts in points, of which there are 72 to 96 px.
        picture = document[0].render(scale=scale * 96 / 72).to_pil()
    finally:
        document.close()
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def made_with() -> Mapping[str, str]:
    """Return the versions of what sets the type, on which the bytes depend."""
    _printer()
    import weasyprint
    from weasyprint.text.ffi import pango

    number = int(pango.pango_version())
    return {
        "weasyprint": str(weasyprint.__version__),
        "pango": f"{number // 10000}.{number // 100 % 100}.{number % 100}",
    }


def _nothing(url: str, *_: object, **__: object) -> Any:
    raise ValueError("a printed page fetches nothing")


def _printer() -> Any:
    # Imported when first needed: the rest of the house runs on machines without Pango.
    try:
        from weasyprint import HTML
    except OSError as problem:
        raise PrintNotPossible(
            "Nothing was printed, because PDFs need the system library Pango, which is missing on this machine. Ask "
            "its administrator to run scripts/system-packages.sh, then try again."
        ) from problem
    return HTML
