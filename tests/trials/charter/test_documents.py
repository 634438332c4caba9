"""A charter as YAML: what is written is read again, and what no charter is made of is refused in a sentence."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from trials.charter import documents
from trials.charter.documents import MOST_BYTES, DocumentRefused

pytestmark = pytest.mark.requirement("REQ-CHA-007")

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12)
#: What YAML or JSON could take for something else, and what is hard to write.
WORDS = st.sampled_from(
    ["no", "on", "null", "~", "1e3", "0x1F", "007", "1_000", "12:30", "2026-01-05", "=", "<<", "&a", "*a", "!x", "- a",
     "a: b", "# a", "@a", "`a", "", " a", "two\nlines", "two\n\n  more \nlines\n", "\ttab", "'", '"', "\\n", "°C", "😀"]
)  # fmt: skip
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | WORDS, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(st.dictionaries(NAMES, PLAIN, max_size=4))
def test_what_is_written_is_read_again_and_written_as_the_same_bytes(content):
    text = documents.write(content)
    found = documents.read(text.encode())
    assert (found.content, found.problems) == (content, [])
    assert documents.write(found.content) == text


@given(st.dictionaries(NAMES, PLAIN, max_size=4))
def test_any_other_program_reads_the_same_texts(content):
    def texts(value):
        if isinstance(value, dict):
            return {name: texts(entry) for name, entry in value.items()}
        if isinstance(value, list):
            return [texts(entry) for entry in value]
        return value if isinstance(value, str) else None

    assert texts(yaml.safe_load(documents.write(content))) == texts(content)


def test_every_value_has_its_line():
    found = documents.read(b"purpose: >\n  many\n  words\n\nschedule:\n- code: BL\n  day: 1\n- code: W8\n  day: x\n")
    assert found.lines[("schedule",)] == 5
    assert found.lines[("schedule", 2, "day")] == 9
    told = [found.say(fault) for fault in found.faults()]
    assert "line 9, schedule[2].day: a whole number from -7300 to 7300 is expected" in told
    assert "line 8, schedule[2].name: this is missing" in told
    assert "line 1, series: this is missing" in told


def test_a_name_that_is_given_twice_is_said_with_both_lines():
    found = documents.read(b"a: 1\nb:\n  c: 2\n  c: 3\na: {d: 4, d: 5}\n")
    assert found.content == {"a": 1, "b": {"c": 2}}
    assert [found.say(problem) for problem in found.problems] == [
        "line 3, b.c: it is said again in line 4; keep one of the two",
        "line 1, a: it is said again in line 5; keep one of the two",
        "line 5, a.d: it is said again in line 5; keep one of the two",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("2026-01-05", "2026-01-05"),
        ("12:30", "12:30"),
        ("0x1F", "0x1F"),
        ("007", 7),
        ("'7'", "7"),
        ("1e3", 1000.0),
        (".5", 0.5),
        (".inf", ".inf"),
        ("1e999", float("inf")),
        ("9" * 400, "9" * 400),
        ("true", True),
        ("~", None),
        ("", None),
    ],
)
def test_a_word_means_what_it_means_in_json(text, value):
    assert documents.read(f"a: {text}\n".encode()).content == {"a": value}


BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b" " * (MOST_BYTES + 1), "The file is larger than 256 kB."),
        (b"a: 1\nb: \xff\n", "Line 2 of the file is not in UTF-8."),
        ("a: ü".encode("utf-16"), "Line 1 of the file is not in UTF-8."),
        (b"a: \x07\n", "The file holds signs that no YAML has."),
        (b"a: [1, 2\nb: 3\n", "Line 2 of the file is not YAML"),
        (b"a: 1\n\tb: 2\n", "Line 2 of the file is not YAML"),
        (BOMB, "Line 1 of the file: anchors (&) and aliases (*) are not taken."),
        (b"a: !!python/object:os.system x\n", "Line 1 of the file: tags (!) are not taken."),
        (b"a: 1\n---\nb: 2\n", "Line 2 of the file: a second document begins; a charter is one."),
        (b"[" * 100_000, "Line 1 of the file: it is nested more than 12 deep."),
        (b"? [a, b]\n: 1\n", "Line 1 of the file: the name of an entry is a word."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_no_charter_is_made_of_is_refused_in_a_sentence(data, sentence):
    with pytest.raises(DocumentRefused) as refused:
        documents.read(data)
    assert refused.value.message.startswith(sentence)


@given(st.binary(max_size=200) | st.text(alphabet="-:[]{}&*!|>'\"%@#\n ,?a1", max_size=60).map(str.encode))
def test_whatever_is_in_a_file_it_is_read_or_refused_by_name(data):
    try:
        found = documents.read(data)
    except DocumentRefused as refused:
        assert refused.message.endswith(".")  # noqa: PT017 - either outcome is right, and no other
    else:
        assert found.faults()
