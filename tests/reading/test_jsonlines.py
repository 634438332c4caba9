"""JSON lines: what is no request is answered by a sentence on its line, and the next line is answered all the same."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from compliance.errors import HouseError
from reading.management.jsonlines import JsonLinesCommand, UnreadableRequest, request_of

ROOT = Path(__file__).parents[2]


class Echo(JsonLinesCommand):
    """Answers with what was asked, or as it was asked to."""

    def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if "refuse" in request:
            raise HouseError(request["refuse"])
        if "fail" in request:
            raise KeyError("PAT-0001")
        return {"value": float("nan")} if "nan" in request else request


def answers(*lines: bytes) -> list[Any]:
    """Return what is answered to the lines."""
    return [json.loads(line) for line in Echo().answers(lines)]


def test_each_line_has_its_answer_in_order() -> None:
    assert answers(b'{"a": 1}\n', b'{"a": "\xc3\xa9"}\r\n', b'{"a": null}') == [{"a": 1}, {"a": "é"}, {"a": None}]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert answers(b'\xef\xbb\xbf{"a": 1}\n') == [{"a": 1}]


def test_a_refusal_is_a_sentence_on_its_line() -> None:
    assert answers(b'{"refuse": "Not so."}', b'{"a": 1}') == [{"error": "Not so."}, {"a": 1}]


@pytest.mark.parametrize("line", [b'{"fail": 1}', b'{"nan": 1}'])
def test_a_fault_of_ours_takes_no_other_line_with_it_and_names_nobody(
    line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    fault = {"error": "This request met a fault of the program. Please report it to us."}
    assert answers(line, b'{"a": 1}') == [fault, {"a": 1}]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "PAT-0001" not in caplog.text


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"\n", "The line is empty. Give one JSON object per line."),
        (b"  \r\n", "The line is empty. Give one JSON object per line."),
        (b"{", "The line is not JSON: Expecting property name enclosed in double quotes at character 2."),
        (b"{} {}", "The line is not JSON: Extra data at character 4."),
        (b"[1]", "The line holds no JSON object."),
        (b"null", "The line holds no JSON object."),
        (b'{"a": "\xff"}', "The line is not UTF-8."),
        (b'{"a": NaN}', "NaN and Infinity are no numbers of JSON. Give null for a missing value."),
        (b'{"a": -Infinity}', "NaN and Infinity are no numbers of JSON. Give null for a missing value."),
        (b'{"a": 1e999999999}', "A number is beyond the range of double precision."),
        (b'{"a": 1e-999999999}', "A number is beyond the range of double precision."),
        (b'{"a": 1' + b"0" * 5000 + b"}", "A number is beyond the range of double precision."),
        (b'{"a": 1, "a": 2}', "A name stands twice in the same object."),
        (b"[" * 100_000, "The line is nested too deeply."),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else "",
)
def test_a_line_that_holds_no_request_says_why(line: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableRequest) as refusal:
        request_of(line)
    assert refusal.value.message == sentence


def test_numbers_are_the_decimals_that_were_written() -> None:
    assert request_of(b'{"a": [0.1, 1e2, 7, -0.0]}') == {"a": [Decimal("0.1"), Decimal(100), 7, Decimal(0)]}


def test_decimals_leave_as_numbers() -> None:
    assert list(Echo().answers([b'{"a": [0.1, 2.0, 12.50]}'])) == ['{"a": [0.1, 2, 12.5]}']


def test_an_answer_is_out_before_the_next_line_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Talking(io.BytesIO):
        def __next__(self) -> bytes:
            seen.append(out.getvalue())
            return super().__next__()

    out = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Talking(b'{"a": 1}\n{"a": 2}\n')))
    Echo(stdout=out).handle()
    assert seen == ["", '{"a": 1}\n', '{"a": 1}\n{"a": 2}\n']


def test_a_listener_who_leaves_is_no_failure() -> None:
    program = (
        "import django; from django.conf import settings; settings.configure(); django.setup();"
        "from tests.reading.test_jsonlines import Echo; Echo().handle()"
    )
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-c", program], input=b'{"a": 1}\n' * 9, stdout=write, stderr=subprocess.PIPE, cwd=ROOT
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, b"")
