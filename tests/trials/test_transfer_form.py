"""The transfer form of a charter that declares none: it follows from the modalities, and holds together."""

from __future__ import annotations

import pytest

from trials.form_terms import FACTS, faults_of_forms
from trials.transfer_form import CONTRAST, REMARKS, SCAN, TRACER, transfer_form


@pytest.mark.parametrize(
    ("modalities", "asked"),
    [
        ({"CT"}, [SCAN, CONTRAST, REMARKS]),
        ({"PT"}, [SCAN, TRACER, REMARKS]),
        ({"CT", "PT"}, [SCAN, CONTRAST, TRACER, REMARKS]),
        ({"DX"}, [SCAN, REMARKS]),
    ],
)
def test_the_modalities_of_the_charter_say_what_is_asked(modalities, asked):
    form = transfer_form(modalities)
    assert [field.code for field in form.fields] == [field.code for part in asked for field in part]
    assert list(faults_of_forms([form], ("forms",))) == []


def test_it_asks_for_everything_that_the_house_knows():
    assert [field.fact for field in transfer_form({"CT", "PT"}).fields] == list(FACTS)
