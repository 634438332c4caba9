"""What the documents for auditors name is there: commands, targets, addresses, requirements, files and tests."""

from __future__ import annotations

import re
import uuid
from argparse import ArgumentParser
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.urls import Resolver404, resolve

from config.validation import requirements

ROOT = Path(settings.ROOT)
DOCUMENTS = ("part11.md", "validation.md", "known-issues.md")

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
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
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
    files = {text for text in quoted if re.fullmatch(r"[\w./-]+\.(py|md|yaml)", text) and "/" in text}
    assert sorted(file for file in files if not (ROOT / file).exists()) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_requirement_is_written_down(document: str) -> None:
    known = {requirement.id for requirement in requirements.each(requirements.subjects(ROOT))}
    named = set(re.findall(r"REQ-[A-Z]+-\d+", (ROOT / "docs" / document).read_text("utf-8")))
    assert named - known == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nothing_is_called_certified_or_compliant(document: str) -> None:
    text = (ROOT / "docs" / document).read_text("utf-8")
    assert re.findall(r"(?i)\b(?:certified|compliant)\b", text) == []
