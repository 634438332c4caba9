"""What of an event is bound, in one form whichever database holds it, and how links follow."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import chain

pytestmark = pytest.mark.requirement("REQ-AUD-005")

SECRET = b"k" * 32


def row(**changes: object) -> list[object]:
    values = {
        "id": 7,
        "at": "2026-11-24 10:00:00.000000",
        "recorded_at": "2026-11-24 10:00:00.000001",
        "actor_id": None,
        "actor_name": "Zoë",
        "trial_id": 3,
        "after": '{"b": 1, "a": [1.5, null]}',
    }
    values |= changes
    return [values.get(name, None if name in ("site_id", "before") else "") for name in chain.COLUMNS]


def test_an_event_has_one_written_form():
    assert chain.content(row()) == (
        '[7,"2026-11-24 10:00:00.000000","2026-11-24 10:00:00.000001",null,"Zoë","","","","","",3,null,null,'
        '[{"a":[1.5,null],"b":1}],"","",""]'
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}'),
        ('{"a": "\\u00e9"}', '{"a": "é"}'),
        ("1e+16", "10000000000000000"),
        ("1e+23", "100000000000000000000000"),
        ("1e-07", "0.0000001"),
        ("12.50", "12.5"),
        ("2.0", "2"),
        ("-0.0", "0"),
        ("0.1", "0.10"),
    ],
)
def test_a_document_has_one_form_however_a_database_keeps_it(one, other):
    assert chain.content(row(after=one)) == chain.content(row(after=other))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), _VALUES).map(json.dumps) | st.text('{}[]",:\\ue0d8c1-+.E nul\x00\x7f\n\t\ud800é'))
def test_the_quick_way_to_a_documents_form_leads_to_the_form_of_pythons_own_json(inner):
    document = '{"": ' + inner + "}"
    quick, slow = chain._quick(document), chain._slow(document)
    assert quick in (None, slow)


@pytest.mark.parametrize("name", chain.COLUMNS)
def test_no_column_of_an_event_is_free(name):
    changed = '{"a": 2}' if name in chain.DOCUMENTS else "other"
    assert chain.content(row(**{name: changed})) != chain.content(row())


@pytest.mark.parametrize(
    "odd", ["null", "", "{", "[1", "NaN", "1e999999999", "[" * 100_000, '{"a": 1} ', b"\x00", 5, "\ud800"]
)
def test_whatever_a_damaged_row_holds_has_a_form_that_is_another(odd):
    forms = {chain.content(row(after=after)) for after in (odd, None, '{"a": 1}')}
    assert len(forms) == 3
    assert len(chain.link(SECRET, chain.GENESIS, 3, 1, chain.content(row(after=odd)))) == 64


def test_a_link_is_a_keyed_code_over_the_link_before_its_place_and_its_event():
    said = f"parallax audit link 1\n{chain.GENESIS}\n3\n1\nwhat".encode()
    assert chain.link(SECRET, chain.GENESIS, 3, 1, "what") == hmac.new(SECRET, said, hashlib.sha256).hexdigest()
    assert chain.link(b"", chain.GENESIS, 3, 1, "what") == hashlib.sha256(said).hexdigest()


def test_the_end_of_a_chain_is_sealed_by_the_same_key_for_another_use():
    assert chain.head(SECRET, 3, 1, chain.GENESIS, 0) != chain.head(SECRET, 3, 1, chain.GENESIS, 1)
    assert chain.head(SECRET, 3, 1, chain.GENESIS, 0) != chain.link(SECRET, chain.GENESIS, 3, 1, "0")
