"""dicomweb-client as a program outside, talking to this installation without a network."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from dicomweb_client.api import DICOMwebClient
from django.test import Client
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict


class _Inside(BaseAdapter):
    """Carries what `requests` would send to the application, and its answer back."""

    def __init__(self, answers: list[Any]) -> None:
        super().__init__()
        self.answers = answers

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        url = urlsplit(request.url or "")
        headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
        told = Client().generic(
            request.method or "GET", f"{url.path}?{url.query}", request.body or b"", headers=headers
        )
        response = requests.Response()
        response.status_code, response.request, response.url = told.status_code, request, request.url or ""
        response.headers = CaseInsensitiveDict(told.headers.items())
        response._content = b"".join(told.streaming_content) if told.streaming else told.content
        self.answers.append(response)
        return response

    def close(self) -> None:
        pass


def program(root: str, token: str, answers: list[Any] | None = None) -> DICOMwebClient:
    """Return a client of the service at a path, with a token; the answers it gets are put into a list."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    session.mount("http://testserver", _Inside([] if answers is None else answers))
    return DICOMwebClient(f"http://testserver{root}", session=session)
