"""What the documents for auditors name is there: commands, targets, addresses, requirements, files and tests."""

from __future__ import annotations

import re
import uuid
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.urls import Resolver404, resolve

from config.validation import requirements, tracing

ROOT = Path(settings.ROOT)
DOCUMENTS = ("part11.md", "validation.md", "known-issues.md", "asvs.md")

#: What stands for a record in an address: numbers, names, codes and identifiers.
_STAND_INS = ("1", "word", "compliance.user", str(uuid.UUID(int=1)))


@pytest.fixture(params=DOCUMENTS)
def quoted(request: pytest.FixtureRequest) -> list[str]:
    """Everything that a document has between backticks."""
    return re.findall(r"`([^`\n]+)`", (ROOT / "docs" / request.param).read_text("utf-8"))


def parser_of(name: str) -> ArgumentParser:
    return load_command_class(get_commands()[name], name).create_parser("manage.py", name)


def test_each_command_is_there_and_has_the_options_that_are_named(quoted: list[str]) -> None:
    named = [text.split()[1:] for text in quoted if text.startswith("manage.py ") and not text.endswith("…")]
    assert [words for words in named if words[0] not in get_commands()] == []
    for name, *words in named:
        said = parser_of(name).format_help()
        assert [word for word in words if word.startswith("--") and word not in said] == [], name
        if words and not words[0].startswith("-"):
            assert words[0] in said, name


def test_each_target_of_make_is_there(quoted: list[str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {text.split()[1] for text in quoted if text.startswith("make ")} - targets == set()


def leads_somewhere(address: str) -> bool:
    for stand_in in _STAND_INS:
        try:
            resolve(re.sub(r"<[a-z]+>", stand_in, address))
        except Resolver404:
            continue
        return True
    return False


def test_each_address_leads_somewhere(quoted: list[str]) -> None:
    addresses = {text for text in quoted if text.startswith("/")} - {"/history/<type>/<number>/"}
    assert sorted(address for address in addresses if not leads_somewhere(address)) == []
    assert not leads_somewhere("/trials/<trial>/nowhere/")


def test_the_address_of_a_history_leads_to_it() -> None:
    assert resolve("/history/compliance.user/1/").url_name == "history"


def test_each_file_is_there(quoted: list[str]) -> None:
    files = {text for text in quoted if re.fullmatch(r"[\w./-]+\.(py|md|yaml|json|html)", text) and "/" in text}
    assert sorted(file for file in files if not (ROOT / file).exists()) == []


def test_each_test_is_there(quoted: list[str]) -> None:
    there = {test.identifier for test in tracing.tests_below(ROOT)}
    assert sorted({text for text in quoted if "::" in text} - there) == []


#: Requirements of ASVS 5.0.0 at levels 1 and 2, by section.
ASVS = {
    "1.1": 2,
    "1.2": 9,
    "1.3": 11,
    "1.4": 3,
    "1.5": 2,
    "2.1": 3,
    "2.2": 3,
    "2.3": 4,
    "2.4": 1,
    "3.2": 2,
    "3.3": 4,
    "3.4": 6,
    "3.5": 5,
    "3.7": 2,
    "4.1": 3,
    "4.2": 1,
    "4.3": 2,
    "4.4": 4,
    "5.1": 1,
    "5.2": 3,
    "5.3": 2,
    "5.4": 3,
    "6.1": 3,
    "6.2": 12,
    "6.3": 4,
    "6.4": 4,
    "6.5": 5,
    "6.6": 3,
    "6.8": 4,
    "7.1": 3,
    "7.2": 4,
    "7.3": 2,
    "7.4": 5,
    "7.5": 2,
    "7.6": 2,
    "8.1": 2,
    "8.2": 3,
    "8.3": 1,
    "8.4": 1,
    "9.1": 3,
    "9.2": 4,
    "10.1": 2,
    "10.2": 2,
    "10.3": 4,
    "10.4": 11,
    "10.5": 5,
    "10.6": 2,
    "10.7": 3,
    "11.1": 2,
    "11.2": 3,
    "11.3": 3,
    "11.4": 4,
    "11.5": 1,
    "11.6": 1,
    "12.1": 3,
    "12.2": 2,
    "12.3": 4,
    "13.1": 1,
    "13.2": 5,
    "13.3": 2,
    "13.4": 5,
    "14.1": 2,
    "14.2": 4,
    "14.3": 3,
    "15.1": 3,
    "15.2": 3,
    "15.3": 7,
    "16.1": 1,
    "16.2": 5,
    "16.3": 4,
    "16.4": 3,
    "16.5": 3,
    "17.1": 1,
    "17.2": 4,
    "17.3": 2,
}


def test_asvs_has_each_number_once_and_says_what_shows_it() -> None:
    text = (ROOT / "docs" / "asvs.md").read_text("utf-8")
    rows = re.findall(r"^\| ([\d.]+) \| ([12]) \| ([^|]+) \| (pass|n/a|open) \| ([^|]+) \|$", text, re.MULTILINE)
    numbers = [number for number, *_ in rows]
    assert len(set(numbers)) == len(numbers) == text.count("\n| ") - text.count("\n| # |")
    assert Counter(number.rpartition(".")[0] for number in numbers) == ASVS
    assert [number for number, *_, state, evidence in rows if state == "pass" and "`" not in evidence] == []
    counted = Counter(state for *_, state, _ in rows)
    said = (
        f"{len(rows)} requirements {counted['pass']} pass, {counted['n/a']} do not apply and {counted['open']} are open"
    )
    assert said in text


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_requirement_is_written_down(document: str) -> None:
    known = {requirement.id for requirement in requirements.each(requirements.subjects(ROOT))}
    named = set(re.findall(r"REQ-[A-Z]+-\d+", (ROOT / "docs" / document).read_text("utf-8")))
    assert named - known == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nothing_is_called_certified_or_compliant(document: str) -> None:
    text = (ROOT / "docs" / document).read_text("utf-8")
    assert re.findall(r"(?i)\b(?:certified|compliant)\b", text) == []
