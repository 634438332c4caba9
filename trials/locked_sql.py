"""The statements that make the triggers of `trials.locked_rows`, written from the models, for either database."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django.apps.registry import Apps
from django.db import models

TRIAL, LOCKED = "trials.Trial", "locked"
UNLOCK, UNLOCKED, APPROVED, WAITING = "trials.Unlock", "running", "approved", ("asked", "agreed")
PROPOSAL, CONFIRMED = "trials.LockProposal", "confirmed"
#: All names that are ours begin so.
OURS = "locked_trial_"
#: The first of two numbers by which writers of a trial and whoever locks it wait for each other on PostgreSQL.
ADVISORY = 0x10CED

_MESSAGE = "was not changed: the database of its trial is locked"
_BY_TWO = "The trial was not locked: its charter asks for the signatures of two people on the same content"
_UNLOCK_KEPT = "The unlock was not changed: it is kept as it was asked for and decided"
#: A trigger on these events, by what it is called, with its statements.
_Made = tuple[str, tuple[str, ...]]


class Way(NamedTuple):
    """How a foreign key leads to what a row hangs on: the column, then table, key and column of each further step."""

    column: str
    steps: tuple[tuple[str, str, str], ...]

    def leads_to(self, row: str, schema: str) -> str:
        """Return the expression that gives the number of what a row, `OLD` or `NEW`, hangs on."""
        found = f'{row}."{self.column}"'
        for table, key, column in self.steps:
            found = f'(SELECT "{column}" FROM {schema}"{table}" WHERE "{key}" = {found})'
        return found


class _Guarded(NamedTuple):
    """A table whose rows a lock closes; `closed` names the columns, all if empty.

    Each key that leads to a trial is asked: a row that names a visit of a locked trial and the
    charter of another one is refused too.
    """

    table: str
    ways: tuple[Way, ...]
    closed: tuple[str, ...]

    def trials(self, row: str, schema: str) -> str:
        """Return the expressions that give the numbers of a row's trials, in a list."""
        return ", ".join(way.leads_to(row, schema) for way in self.ways)

    @property
    def of(self) -> str:
        """What names the columns that an update is asked about; nothing for all."""
        return f" OF {', '.join(map(quoted, self.closed))}" if self.closed else ""

    def moved(self, different: str) -> str:
        """Return the question whether a row is given to somebody else."""
        return " OR ".join(f'NEW."{way.column}" {different} OLD."{way.column}"' for way in self.ways)


def quoted(name: str) -> str:
    """Return a name as statements have it."""
    return f'"{name}"'


def foreign_keys(model: type[models.Model]) -> list[models.ForeignKey[Any, Any]]:
    """Return the foreign keys of a model, by name."""
    found = [field for field in model._meta.concrete_fields if isinstance(field, models.ForeignKey)]
    return sorted(found, key=lambda field: field.name)


def led_to(key: models.ForeignKey[Any, Any]) -> type[models.Model]:
    """Return the model that a foreign key names."""
    assert isinstance(key.related_model, type)
    return key.related_model


def way_of(model: type[models.Model]) -> tuple[models.ForeignKey[Any, Any], ...] | None:
    """Return the shortest way to the trial over foreign keys that each row has; None if there is none."""
    if model._meta.label == TRIAL:
        return ()
    waiting: deque[tuple[type[models.Model], tuple[models.ForeignKey[Any, Any], ...]]] = deque([(model, ())])
    seen = {model}
    while waiting:
        here, way = waiting.popleft()
        for key in foreign_keys(here):
            there = led_to(key)
            if key.null or there in seen:
                continue
            if there._meta.label == TRIAL:
                return (*way, key)
            seen.add(there)
            waiting.append((there, (*way, key)))
    return None


def way_over(key: models.ForeignKey[Any, Any], rest: Iterable[models.ForeignKey[Any, Any]]) -> Way:
    """Return the way over a key and further ones."""
    steps = ((str(f.model._meta.db_table), str(f.model._meta.pk.column), str(f.column)) for f in rest)
    return Way(str(key.column), tuple(steps))


def as_table(model: type[models.Model], movable: tuple[str, ...] = ()) -> _Guarded:
    """Return a model's table with all its ways to a trial; the fields `movable` are not closed."""
    # What each row has comes first: writers wait by that.
    keys = sorted(foreign_keys(model), key=lambda key: key.null)
    ways = (way_over(key, rest) for key in keys if (rest := way_of(led_to(key))) is not None)
    closed = sorted(str(field.column) for field in model._meta.concrete_fields if field.name not in movable)
    return _Guarded(model._meta.db_table, tuple(ways), tuple(closed) if movable else ())


def triggers(
    apps: Apps,
    guarded: Iterable[type[models.Model]],
    movable: Mapping[str, tuple[str, ...]],
    *,
    vendor: str,
    schema: str,
) -> dict[str, tuple[str, ...]]:
    """Return the statements of every trigger that there should be, by its name, which ends with their digest.

    Parameters
    ----------
    guarded
        The kinds of record that a lock closes, the trial among them.
    movable
        Fields that may change after it, by the label of the model.
    schema
        What stands before a table's name, with its dot; empty on SQLite.
    """
    kinds = list(guarded)
    made: dict[str, tuple[str, ...]] = {}
    write = _on_postgresql if vendor == "postgresql" else _on_sqlite
    trial = apps.get_model(TRIAL)._meta.db_table
    unlocked = _unlocked(apps, "IS NOT DISTINCT FROM" if vendor == "postgresql" else "IS", schema)
    for model in kinds:
        one = as_table(model, movable.get(model._meta.label, ()))
        for event, statements in write(one, trial, str(model._meta.verbose_name), schema, unlocked):
            made |= named(one.table, event, statements)
    made |= _of_unlocks(apps, vendor, schema)
    made |= _of_locks_by_two(apps, vendor, schema)
    for table, asked in _signatures(apps, kinds, schema).items():
        refused = _refusing(table, "insert", asked, f"The signature {_MESSAGE}", vendor, schema)
        made |= named(table, "insert", refused)
    return made


def named(table: str, event: str, statements: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the statements of one trigger by its name, which stands for `{name}` in them."""
    digest = hashlib.sha256("".join(statements).encode()).hexdigest()[:8]
    # PostgreSQL has names of 63 bytes at most.
    name = f"{OURS}{table[:28]}_{event}_{digest}"
    return {name: tuple(one.replace("{name}", name) for one in statements)}


def _signatures(apps: Apps, guarded: Iterable[type[models.Model]], schema: str) -> dict[str, str]:
    """Return for signatures, and for what ends them, the question whether a new row is about a locked trial.

    They name their record by kind and number. The trial itself is signed once as it is locked, right after.
    """
    signature, supersession = (
        apps.get_model("compliance", name)._meta.db_table for name in ("Signature", "Supersession")
    )
    trial = f'{schema}"{apps.get_model(TRIAL)._meta.db_table}"'
    cases = []
    for model in guarded:
        if model._meta.label != TRIAL:
            way = as_table(model).ways[0].leads_to("o", schema)
            row = f'(SELECT {way} FROM {schema}"{model._meta.db_table}" o WHERE o."id" = {{number}})'
            cases.append(f"WHEN '{model._meta.label_lower}' THEN {row}")
    of_record = f"CASE {{kind}} {' '.join(cases)} END"
    locked = f'EXISTS (SELECT 1 FROM {trial} t WHERE t."id" = {of_record} AND t."state" = \'{LOCKED}\')'
    own = f"{{kind}} = '{TRIAL.lower()}' AND EXISTS (SELECT 1 FROM {trial} t WHERE t.\"id\" = {{number}} {{signed}})"
    signed = (
        f'AND t."state" = \'{LOCKED}\' AND EXISTS (SELECT 1 FROM {schema}"{signature}" s WHERE '
        f's."object_type" = \'{TRIAL.lower()}\' AND s."object_id" = {{id}} AND s."at" >= t."locked_at")'
    )

    def asked(kind: str, number: str, also: str) -> str:
        names = {"kind": kind, "number": f"CAST({number} AS bigint)", "signed": also.format(id=number)}
        return f"({locked.format(**names)} OR ({own.format(**names)}))"

    about = f'(SELECT s."{{column}}" FROM {schema}"{signature}" s WHERE s."id" = NEW."signature_id")'
    ended = about.format(column="object_type"), about.format(column="object_id")
    return {
        signature: asked('NEW."object_type"', 'NEW."object_id"', signed),
        supersession: asked(*ended, f"AND t.\"state\" = '{LOCKED}'"),
    }


def _unlocked(apps: Apps, same: str, schema: str) -> str:
    """Return the question whether an update of a trial is the one that takes its lock off.

    Nothing but state and time of the lock changes, and an approved unlock of this very lock is there, of which the
    same content was signed by who asked and by who decided, two people; neither signature was ended.
    """
    trial = apps.get_model(TRIAL)._meta
    rest = sorted(str(field.column) for field in trial.concrete_fields if field.name not in ("state", "locked_at"))
    approved = (
        f'SELECT 1 FROM {_tables(apps, schema, UNLOCK)} WHERE u."trial_id" = OLD."id" '
        f'AND u."state" = \'{APPROVED}\' AND u."locked_at" = OLD."locked_at" AND u."decided_at" >= OLD."locked_at" '
        f'AND a."at" >= OLD."locked_at" AND b."at" >= OLD."locked_at" '
        f"AND {_signed_by_two(apps, schema, UNLOCK, 'asked_by_id', 'decided_by_id')}"
    )
    kept = " AND ".join(f'NEW."{column}" {same} OLD."{column}"' for column in rest)
    return f'NEW."state" = \'{UNLOCKED}\' AND NEW."locked_at" IS NULL AND {kept} AND EXISTS ({approved})'


def _tables(apps: Apps, schema: str, label: str) -> str:
    """Return the tables that are asked whether two people signed: the records `u`, and signatures `a` and `b`."""
    record, signature = (f'{schema}"{apps.get_model(name)._meta.db_table}"' for name in (label, "compliance.Signature"))
    return f"{record} u, {signature} a, {signature} b"


def _signed_by_two(apps: Apps, schema: str, label: str, first: str, second: str) -> str:
    """Return the question whether the two people whom a record names are two, and signed the same content of it.

    Neither signature was ended.
    """
    ended = f'{schema}"{apps.get_model("compliance.Supersession")._meta.db_table}"'
    marks = " AND ".join(
        f'{name}."object_type" = \'{label.lower()}\' AND {name}."object_id" = CAST(u."id" AS text) '
        f'AND {name}."signer_id" = u."{person}" '
        f'AND NOT EXISTS (SELECT 1 FROM {ended} e WHERE e."signature_id" = {name}."id")'
        for name, person in (("a", first), ("b", second))
    )
    return f'u."{first}" <> u."{second}" AND {marks} AND a."content_sha256" = b."content_sha256"'


def _of_locks_by_two(apps: Apps, vendor: str, schema: str) -> dict[str, tuple[str, ...]]:
    """Return what refuses a lock by one person where the charter in force asks for a second one.

    The proposal that both signed was confirmed in the same step, and is not that of a lock which was taken off.
    """
    trial, charter, unlock = (
        apps.get_model(label)._meta.db_table for label in (TRIAL, "trials.ImagingCharter", UNLOCK)
    )
    said = """c."content" -> 'locking' ->> 'second_signature'"""
    if vendor != "postgresql":
        said = """json_extract(c."content", '$.locking.second_signature')"""
    asked = (
        f'SELECT 1 FROM {schema}"{charter}" c WHERE c."trial_id" = NEW."id" AND c."state" = \'in_force\' '
        f"AND COALESCE({said}, '') <> ''"
    )
    confirmed = (
        f'SELECT 1 FROM {_tables(apps, schema, PROPOSAL)} WHERE u."trial_id" = NEW."id" '
        f'AND u."state" = \'{CONFIRMED}\' AND u."confirmed_at" = NEW."locked_at" '
        f"AND {_signed_by_two(apps, schema, PROPOSAL, 'proposed_by_id', 'confirmed_by_id')} "
        f'AND NOT EXISTS (SELECT 1 FROM {schema}"{unlock}" o WHERE o."trial_id" = NEW."id" '
        f'AND o."state" = \'{APPROVED}\' AND o."locked_at" = NEW."locked_at")'
    )
    locks = f"NEW.\"state\" = '{LOCKED}' AND OLD.\"state\" <> '{LOCKED}'"
    alone = f"{locks} AND EXISTS ({asked}) AND NOT EXISTS ({confirmed})"
    return named(trial, "by_two", _refusing(trial, "update", alone, _BY_TWO, vendor, schema))


def _of_unlocks(apps: Apps, vendor: str, schema: str) -> dict[str, tuple[str, ...]]:
    """Return what keeps unlocks as they were asked for and decided: none comes up decided, none changes afterwards."""
    model = apps.get_model(UNLOCK)
    table, waiting = model._meta.db_table, ", ".join(f"'{state}'" for state in WAITING)
    decides = ("state", "decided_by", "decided_at", "agreed_by", "agreed_at")
    asked = sorted(str(field.column) for field in model._meta.concrete_fields if field.name not in decides)
    different = "IS DISTINCT FROM" if vendor == "postgresql" else "IS NOT"
    other = " OR ".join(f'NEW."{column}" {different} OLD."{column}"' for column in asked)
    questions = {
        "insert": f"NEW.\"state\" <> '{WAITING[0]}'",
        "update": f'OLD."state" NOT IN ({waiting}) OR {other}',
        "delete": f'OLD."state" NOT IN ({waiting})',
    }
    return refusing(table, questions, _UNLOCK_KEPT, vendor, schema)


def refusing(
    table: str, questions: Mapping[str, str], sentence: str, vendor: str, schema: str, *, called: str = ""
) -> dict[str, tuple[str, ...]]:
    """Return the triggers that refuse, with a sentence, each event of a table of which the question is answered yes.

    `called` begins their names, where the table has others.
    """
    made: dict[str, tuple[str, ...]] = {}
    for event, when in questions.items():
        made |= named(table, f"{called}{event}", _refusing(table, event, when, sentence, vendor, schema))
    return made


def _refusing(table: str, event: str, when: str, message: str, vendor: str, schema: str) -> tuple[str, ...]:
    """Return the statements that refuse an event on a row of which the question `when` holds, with a message."""
    if vendor != "postgresql":
        then = f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        return (f'CREATE TRIGGER "{{name}}" BEFORE {event.upper()} ON "{table}" WHEN {when} {then}',)
    refused = f"RAISE EXCEPTION '{message}' USING ERRCODE = '23000';"
    return calling(table, event.upper(), "ROW", f"IF {when} THEN {refused} END IF;", schema)


def calling(table: str, what: str, scope: str, body: str, schema: str) -> tuple[str, ...]:
    """Return the statements that make a function of PostgreSQL and the trigger that calls it."""
    back = "RETURN NULL;" if scope == "STATEMENT" else "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW;"
    return (
        f'CREATE OR REPLACE FUNCTION {schema}"{{name}}"() RETURNS trigger LANGUAGE plpgsql AS '
        f"$$ BEGIN {body} {back} END $$",
        f'CREATE TRIGGER "{{name}}" BEFORE {what} ON {schema}"{table}" '
        f'FOR EACH {scope} EXECUTE FUNCTION {schema}"{{name}}"()',
    )


def _on_sqlite(one: _Guarded, trial: str, kind: str, schema: str, unlocked: str) -> Iterator[_Made]:
    def made(event: str, when: str) -> _Made:
        then = f"BEGIN SELECT RAISE(ABORT, 'The {kind} {_MESSAGE}'); END"
        what = event.upper() + (one.of if event == "update" else "")
        return event, (f'CREATE TRIGGER "{{name}}" BEFORE {what} ON "{one.table}" WHEN {when} {then}',)

    def locked(row: str) -> str:
        if one.table == trial:
            return f"{row}.\"state\" = '{LOCKED}'"
        numbers = one.trials(row, schema)
        return f'EXISTS (SELECT 1 FROM "{trial}" WHERE "id" IN ({numbers}) AND "state" = \'{LOCKED}\')'

    if one.table == trial:
        # Once it is locked, the one step that it takes is out of the lock.
        yield made("update", f"{locked('OLD')} AND NOT ({unlocked})")
    else:
        yield made("insert", locked("NEW"))
        yield made("update", f"{locked('OLD')} OR (({one.moved('IS NOT')}) AND {locked('NEW')})")
    yield made("delete", locked("OLD"))


# Tables are named with their schema: a temporary one of the same name would be found before them.
# Whoever locks the trial waits until others' changes are in, and others wait until it is locked.
_ASKED = """
PERFORM pg_advisory_xact_lock_shared({advisory}, ({first} % 2147483647)::int);
IF EXISTS (SELECT 1 FROM {schema}"{table}" WHERE "id" IN ({all}) AND "state" = '{locked}') THEN {refused} END IF;
"""


def _on_postgresql(one: _Guarded, trial: str, kind: str, schema: str, unlocked: str) -> Iterator[_Made]:
    refused = f"RAISE EXCEPTION 'The {kind} {_MESSAGE}' USING ERRCODE = '23000';"

    def asked(row: str) -> str:
        first, numbers = one.ways[0].leads_to(row, schema), one.trials(row, schema)
        names = {"advisory": ADVISORY, "schema": schema, "table": trial, "locked": LOCKED, "refused": refused}
        return _ASKED.format(first=first, all=numbers, **names)

    def made(event: str, what: str, scope: str, body: str) -> _Made:
        return event, calling(one.table, what, scope, body, schema)

    if one.table == trial:
        kept = f"IF TG_OP = 'DELETE' THEN {refused} ELSIF NOT ({unlocked}) THEN {refused} END IF;"
        body = f"IF OLD.\"state\" = '{LOCKED}' THEN {kept} END IF;"
        yield made("rows", "UPDATE OR DELETE", "ROW", body)
    else:
        body = f"IF TG_OP <> 'INSERT' THEN {asked('OLD')} END IF; IF TG_OP = 'INSERT' THEN {asked('NEW')} "
        body += f"ELSIF TG_OP = 'UPDATE' THEN IF {one.moved('IS DISTINCT FROM')} THEN {asked('NEW')} END IF; END IF;"
        yield made("rows", f"INSERT OR DELETE OR UPDATE{one.of}", "ROW", body)
    any_locked = f'EXISTS (SELECT 1 FROM {schema}"{trial}" WHERE "state" = \'{LOCKED}\')'
    yield made("table", "TRUNCATE", "STATEMENT", f"IF {any_locked} THEN {refused} END IF;")
