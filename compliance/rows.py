"""Many new rows at once: COPY on PostgreSQL, four times as fast as INSERT; bulk INSERT elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, models


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
        plain = [(field.attname, isinstance(field, models.JSONField), field) for field in options.concrete_fields]
        # The driver's COPY stands outside Django's cursor, which would give its errors their Django names.
        with connection.wrap_database_errors, cursor.copy(f"COPY {quote(table)} ({columns}) FROM STDIN") as copy:
            for record in records:
                values = [
                    field.get_db_prep_save(getattr(record, name), connection) if special else getattr(record, name)
                    for name, special, field in plain
                ]
                copy.write_row(values)
    for record in records:
        record._state.adding = False
