"""Stores in an S3-compatible bucket; apart from `compliance.storage`, so that only who has one loads its client."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import File
from storages.backends.s3 import S3Storage

from compliance.storage import StoreUnavailable

log = logging.getLogger(__name__)


class BucketStorage(S3Storage):
    """Objects in an S3-compatible bucket, never overwritten.

    The condition `If-None-Match: *` lets the server itself refuse the second of two writers. Where a server does
    not know it, looking first is all there is. The key needs the rights to list, read and write, without the
    first of which a bucket says "forbidden" instead of "not there"; and to delete, where originals leave.
    """

    client_config: Any

    #: Objects up to this size are read into memory, larger ones by a temporary file; bytes.
    in_memory = 16 * 1024 * 1024

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # Servers of one's own seldom have a name per bucket; a page or job does not wait minutes for one that is away.
        style = self.addressing_style or ("path" if self.endpoint_url else None)
        patience = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 3})
        self.client_config = self.client_config.merge(patience).merge(Config(s3={"addressing_style": style}))

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def exists(self, name: str) -> bool:
        with _asking():
            return super().exists(name)

    def delete(self, name: str) -> None:
        with _asking():
            super().delete(name)

    def _save(self, name: str, content: File[Any]) -> str:
        if self.exists(name):
            raise FileExistsError(name)
        try:
            self._write(name, content, IfNoneMatch="*")
        except ClientError as problem:
            answer = problem.response["Error"]["Code"]
            if answer in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise FileExistsError(name) from problem
            if answer != "NotImplemented":
                raise _unavailable(problem) from problem
            with _asking():
                self._write(name, content)
        except BotoCoreError as problem:
            raise _unavailable(problem) from problem
        return name

    def _write(self, name: str, content: File[Any], **condition: str) -> None:
        """Write one object in one request, so that it is there whole or not at all; S3 takes up to 5 GiB so."""
        content.seek(0)
        self._client().put_object(Body=content.file, **self._place(name), **condition)

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        with _asking(), ExitStack() as undone:
            file = undone.enter_context(tempfile.SpooledTemporaryFile(max_size=self.in_memory))
            try:
                answer = self._client().get_object(**self._place(name))
            except self._client().exceptions.NoSuchKey:
                raise FileNotFoundError(f"nothing is stored under the key {name}") from None
            with answer["Body"] as body:
                shutil.copyfileobj(body, file)
            undone.pop_all()
        file.seek(0)
        return File(file, name)

    def read_part(self, name: str, begin: int, length: int) -> bytes:
        """Return up to `length` bytes of an object from `begin` on, and ask for no others."""
        with _asking():
            try:
                asked = f"bytes={begin}-{begin + length - 1}"
                answer = self._client().get_object(**self._place(name), Range=asked)
            except self._client().exceptions.NoSuchKey:
                raise FileNotFoundError(f"nothing is stored under the key {name}") from None
            with answer["Body"] as body:
                part: bytes = body.read()
        return part

    def _client(self) -> Any:
        return self.connection.meta.client

    def _place(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket_name, "Key": self._normalize_name(name)}


@contextmanager
def _asking() -> Iterator[None]:
    """Name the failures of a bucket."""
    try:
        yield
    except (BotoCoreError, ClientError) as problem:
        raise _unavailable(problem) from problem


def _unavailable(problem: BotoCoreError | ClientError) -> StoreUnavailable:
    said = problem.response["Error"]["Code"] if isinstance(problem, ClientError) else type(problem).__name__
    log.error("the bucket did not do what it was asked: %s", said)
    return StoreUnavailable(
        "The store of files does not answer, so this step waits. Nothing is lost; try again in a few minutes."
    )
