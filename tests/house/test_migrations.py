"""The models and the migrations say the same, and every migration has a name of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).parents[2]


@pytest.mark.django_db
def test_no_model_change_lacks_its_migration():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_migrations_are_named():
    names = [
        path.stem
        for room in ("compliance", "trials", "imaging", "reading")
        for path in (ROOT / room).glob("migrations/0*.py")
    ]
    assert names
    assert not [name for name in names if re.search(r"_auto_|_initial$", name)]
