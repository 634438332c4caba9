"""Regulated tables refuse what comes past the trail's door, by triggers that are made from the registry.

They are made after each `migrate`, for every model that a room declares (`compliance.audit.regulate`), and made again
where SQLite lost them, as it copies a table to change it. Whoever owns the database can switch them off: they stop the
careless, and `verify_audit` says that they are missing.
"""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from compliance import audit
from compliance.announcing import FUNCTION, MARK
from compliance.models import User

_PREFIX = "audited_"
_SAID = "is changed through the audit trail alone; see compliance.audit"

_POSTGRESQL_FUNCTION = f"""
CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
IF NOT starts_with(current_query(), '{MARK}') THEN RAISE EXCEPTION '% {_SAID}', TG_TABLE_NAME; END IF;
RETURN NULL;
END $$
"""
# Once for each statement, before anything of it is done.
_POSTGRESQL = """
CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION {function}()
"""
# SQLite has triggers for rows alone. A program without the function is refused as well, by its absence.
_SQLITE = """
CREATE TRIGGER {name} BEFORE {verb} ON {table} WHEN NOT {function}()
BEGIN SELECT RAISE(ABORT, '{table} {said}'); END
"""


# Accounts are closed, never removed, so that no name is given to somebody else (21 CFR 11.100 (a)).
_KEPT, _KEPT_SAID = "kept_compliance_user", "an account is closed and never removed"
_KEPT_FUNCTION = f"""
CREATE OR REPLACE FUNCTION parallax_account_kept() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{_KEPT_SAID}'; END $$
"""
_KEPT_POSTGRESQL = """
CREATE OR REPLACE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION parallax_account_kept()
"""
_KEPT_SQLITE = f"""
CREATE TRIGGER IF NOT EXISTS {{name}} BEFORE DELETE ON {{table}} BEGIN SELECT RAISE(ABORT, '{_KEPT_SAID}'); END
"""


def tables() -> list[str]:
    """Return the tables of every regulated record, and of what joins them to others."""
    return sorted(
        {model._meta.db_table for model in audit.regulated()}
        | {
            through._meta.db_table
            for model in audit.regulated()
            for field in model._meta.local_many_to_many
            if (through := field.remote_field.through) and through._meta.auto_created
        }
    )


def guard(connection: BaseDatabaseWrapper) -> None:
    """Make the triggers that are not there, and take away those of tables that are regulated no longer."""
    wanted, there = _wanted(connection), _there(connection)
    if wanted.keys() == there.keys():
        return
    existing = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRESQL_FUNCTION)
        for name, table in there.items():
            if name not in wanted:
                on = f" ON {connection.ops.quote_name(table)}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER {connection.ops.quote_name(name)}{on}")
        for name, (table, statement) in wanted.items():
            if name not in there and table in existing:
                cursor.execute(statement)


def keep_accounts(connection: BaseDatabaseWrapper) -> None:
    """Have the database refuse to remove an account, whoever asks."""
    table = User._meta.db_table
    if table not in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_KEPT_FUNCTION)
            for name, verb in ((_KEPT, "DELETE"), (f"{_KEPT}_truncate", "TRUNCATE")):
                cursor.execute(_KEPT_POSTGRESQL.format(name=name, table=table, verb=verb))
        else:
            cursor.execute(_KEPT_SQLITE.format(name=_KEPT, table=table))


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the regulated tables that can be written past the trail, because a trigger is gone or switched off."""
    there = _there(connection)
    return sorted({table for name, (table, _) in _wanted(connection).items() if name not in there})


def guard_after_migrate(*, using: str, **_: Any) -> None:
    """Hear that the database was migrated."""
    guard(connections[using])
    keep_accounts(connections[using])


def _wanted(connection: BaseDatabaseWrapper) -> dict[str, tuple[str, str]]:
    """The triggers there should be: table and statement by name."""
    if connection.vendor == "postgresql":
        return {
            (name := f"{_PREFIX}{table}"): (table, _POSTGRESQL.format(name=name, table=table, function=FUNCTION))
            for table in tables()
        }
    return {
        (name := f"{_PREFIX}{table}_{verb}"): (
            table,
            _SQLITE.format(name=name, verb=verb, table=table, function=FUNCTION, said=_SAID),
        )
        for table in tables()
        for verb in ("insert", "update", "delete")
    }


def _there(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """The triggers that are there and switched on: table by name."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
                "WHERE starts_with(tgname, %s) AND tgenabled <> 'D' AND pg_table_is_visible(pg_class.oid)",
                [_PREFIX],
            )
        else:
            cursor.execute(
                "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, %s) = %s",
                [len(_PREFIX), _PREFIX],
            )
        return dict(cursor.fetchall())
