"""A bucket for the tests of the stores."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from tests.compliance import bucket


@pytest.fixture(scope="session")
def s3_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an S3-compatible server; see `tests.compliance.bucket` for what it does not prove."""
    with bucket.serving(tmp_path_factory.mktemp("s3") / "log") as address:
        yield address


@pytest.fixture
def own_bucket(s3_address: str, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> str:
    """The stores of one test lie in a bucket of its own; gives the bucket's name."""
    name = f"parallax-{uuid.uuid4().hex[:12]}"
    bucket.client(s3_address).create_bucket(Bucket=name)
    settings.STORAGES = bucket.stores_in(name, s3_address, monkeypatch)
    return name


@pytest.fixture
def doors(settings: LazySettings) -> None:
    """The addresses of `tests.compliance.doors` beside the installation's own."""
    settings.ROOT_URLCONF = "tests.compliance.doors"
