"""The client: every resource of the API, folders of images in, packages out."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from parallax_client.asking import Asking
from parallax_client.downloading import download
from parallax_client.progress import Progress, nothing
from parallax_client.resources import Resources
from parallax_client.transport import Transport
from parallax_client.uploading import Uploaded, upload_folder


class Parallax(Resources):
    """One person's program at one installation; a context manager. For one thread at a time.

    Parameters
    ----------
    url
        Where the installation is, such as ``https://imaging.example.org``.
    token
        A token from the page *Programs* of your account.
    timeout
        Seconds that the server may be silent.
    tries
        How often a request is sent at most, where a second one does no harm.
    context
        What a certificate is held against; by default, what the system trusts.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 60.0,
        tries: int = 5,
        context: ssl.SSLContext | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = Transport(url, token, timeout=timeout, tries=tries, context=context, wait=wait)
        super().__init__(Asking(self._transport))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._transport.close()

    def upload_folder(
        self, timepoint: int, folder: str | os.PathLike[str], *, progress: Progress = nothing
    ) -> Uploaded:
        """Send the DICOM files below a folder to a timepoint; see `parallax_client.uploading`.

        Raises
        ------
        ParallaxError
        """
        return upload_folder(self._transport, timepoint, folder, progress=progress)

    def download_package(self, package: int, to: str | os.PathLike[str], *, progress: Progress = nothing) -> Path:
        """Take an endpoint package into a file, held against its digest.

        Raises
        ------
        Damaged, ParallaxError
        """
        return self._download("packages", package, to, progress)

    def download_images(self, package: int, to: str | os.PathLike[str], *, progress: Progress = nothing) -> Path:
        """Take a package of images into a file, going on where an earlier try stopped, held against its digest.

        Raises
        ------
        Damaged, ParallaxError
        """
        return self._download("image-packages", package, to, progress)

    def _download(self, resource: str, package: int, to: str | os.PathLike[str], progress: Progress) -> Path:
        base = f"/api/v1/{resource}/{package}/"
        told = self._transport.ask("GET", base).json()
        size, sha256 = int(told["size"]), str(told["sha256"])
        return download(self._transport, f"{base}download/", to, size=size, sha256=sha256, progress=progress)
