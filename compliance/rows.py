"""Many new rows at once: COPY on PostgreSQL, four times as fast as INSERT; bulk INSERT elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from django.db import connection, models

from compliance import announcing


def insert(records: Sequence[models.Model]) -> None:
    """Store new records of one kind and give each its number; no signal is sent.

    Raises
    ------
    IntegrityError
        A row breaks a constraint; nothing of this call is stored once the caller's transaction is rolled back.
    """
    if not records:
        return
    if connection.vendor == "postgresql":
        _copy(records)
    else:
        type(records[0])._base_manager.bulk_create(records)


def _copy(records: Sequence[models.Model]) -> None:
    options = records[0]._meta
    table, key = options.db_table, options.pk.column
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)", [table, key, len(records)]
        )
        for record, (number,) in zip(records, cursor.fetchall(), strict=True):
            record.pk = number
        quote = connection.ops.quote_name
        columns = ", ".join(quote(str(field.column)) for field in options.concrete_fields)
        getters = [_getter(field) for field in options.concrete_fields]
        statement = f"COPY {quote(table)} ({columns}) FROM STDIN"
        # The driver's COPY stands outside Django's cursor, which would give its errors their Django names.
        with connection.wrap_database_errors, cursor.copy(announcing.marked(statement)) as copy:
            for record in records:
                copy.write_row([get(record) for get in getters])
    for record in records:
        record._state.adding = False


def _getter(field: models.Field[Any, Any]) -> Callable[[models.Model], Any]:
    """Return what gives a record's value of a field as the driver writes it."""
    get = attrgetter(field.attname)
    if not isinstance(field, models.JSONField):
        return get
    encoder = field.encoder

    def as_json(record: models.Model) -> str | None:
        value = get(record)
        # The driver's own way through an adapter and an encoder for each value takes four times as long.
        return None if value is None else json.dumps(value, cls=encoder)

    return as_json
