"""Printing to PDF with WeasyPrint, which sets its type with the system's Pango."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compliance.errors import HouseError


class PrintNotPossible(HouseError):
    """The system lacks what PDFs are printed with."""

    code = "print_not_possible"
    status = 503


def pdf(html: str, identifier: bytes) -> bytes:
    """Print a page that holds everything it shows; the same page gives the same bytes.

    Parameters
    ----------
    identifier
        16 bytes, the document's own identifier.

    Raises
    ------
    PrintNotPossible
        Pango is missing on this machine.
    """
    document: bytes = _printer()(string=html, url_fetcher=_nothing).write_pdf(pdf_identifier=identifier)
    return document


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
