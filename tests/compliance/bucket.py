"""An S3-compatible server for tests: moto's, a process of its own on loopback.

It checks no credentials: that a key is needed, and which rights it must have, is not proved by it. It knows the
condition `If-None-Match: *`.
"""

from __future__ import annotations

import contextlib
import runpy
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.support.installation import ROOT, free_port

START_SECONDS = 60
KEYS = {"aws_access_key_id": "anybody", "aws_secret_access_key": "anything"}


@contextlib.contextmanager
def serving(log: Path) -> Iterator[str]:
    """Start the server; give its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            patience = time.monotonic() + START_SECONDS
            while not _answers(address):
                if server.poll() is not None or time.monotonic() > patience:
                    raise RuntimeError(f"the S3 server did not start:\n{log.read_text()[-2000:]}")
                time.sleep(0.1)
            yield address
        finally:
            server.terminate()
            server.wait(10)


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=1).close()
    except urllib.error.HTTPError as answer:
        answer.close()
        return True
    except OSError:
        return False
    return True


def client(address: str) -> Any:
    """A plain client, to see what really lies in a bucket."""
    config = Config(s3={"addressing_style": "path"})
    return boto3.client("s3", endpoint_url=address, region_name="us-east-1", config=config, **KEYS)


def stores_in(bucket: str, address: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """`STORAGES` as the base settings make them for an installation with a bucket."""
    named = {"BUCKET": bucket, "ENDPOINT": address, "ACCESS_KEY": "anybody", "SECRET_KEY": "anything"}
    with monkeypatch.context() as environment:
        for name, value in named.items():
            environment.setenv(f"PARALLAX_S3_{name}", value)
        stores: dict[str, Any] = runpy.run_path(str(ROOT / "config/settings/base.py"))["STORAGES"]
    for alias in ("quarantine", "archive", "exports"):
        stores[alias]["BACKEND"] = "compliance.buckets.BucketStorage"
    return stores
