"""The statements that make the triggers of frozen subjects, written from the models, for either database.

A row is closed while it hangs, by whatever key, on a subject that a standing freeze covers: on the subject as a whole,
or on a visit up to the freeze's cut-off. What is frozen is what stands in `trials.FrozenSubject`, for every level.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django.apps.registry import Apps
from django.db import models

from trials import locked_sql
from trials.locked_sql import Way, calling, foreign_keys, led_to, named, way_over

FREEZE, COVERED, SUBJECT, TIMEPOINT = "trials.Freeze", "trials.FrozenSubject", "trials.Subject", "trials.Timepoint"
QUERY, MESSAGE = "trials.Query", "trials.QueryMessage"
LIFTED, PROPOSED = "lifted", "proposed"
#: Keys that say where a row's subject is, and not at which visit the row belongs.
ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    # A lesion is measured at later visits than the one at which it was found.
    "reading.Measurement": ("lesion",),
}
#: Columns of a subject that may change under a freeze up to a visit: its course goes on, and its arm is in no package.
GOES_ON = ("state", "consent_withdrawn_on", "images_rule", "arm")
#: States between which a closed record goes as the trial's lock is put on, and taken off: nothing else of it changes.
CLOSING: Mapping[str, tuple[str, str]] = {
    "reading.ReadTask": ("submitted", "locked"),
    "reading.GlobalReview": ("signed", "locked"),
    "reading.Adjudication": ("decided", "locked"),
    "reading.RealTimeRead": ("answered", "locked"),
}

_MESSAGE = "was not changed: its subject is frozen"
_SIGNED_KEPT = "The signature was not changed: the subject of its record is frozen"
_KEPT = "The freeze was not changed: it is kept as it was signed, and lifted by the signature of a second person"
_COVERED_KEPT = "What a freeze covers was not changed: it is kept as it was signed"


class _Tables(NamedTuple):
    """Names of the tables that are asked, with their schema."""

    freeze: str
    covered: str
    timepoint: str
    query: str

    def asked_about(self, label: str, row: str) -> list[str]:
        """Return the expression that gives the subject that a query, or a message of one, is about by name alone."""
        subject = f"\"about_type\" = '{SUBJECT.lower()}'"
        if label == QUERY:
            return [f'(CASE WHEN {row}.{subject} THEN {row}."about_id" END)']
        if label == MESSAGE:
            return [f'(SELECT q."about_id" FROM {self.query} q WHERE q."id" = {row}."query_id" AND q.{subject})']
        return []

    @classmethod
    def of(cls, apps: Apps, schema: str) -> _Tables:
        return cls(
            *(f'{schema}"{apps.get_model(label)._meta.db_table}"' for label in (FREEZE, COVERED, TIMEPOINT, QUERY))
        )


class Closed(NamedTuple):
    """A table of which rows hang on subjects: its ways to visits, and to subjects by no visit."""

    model: type[models.Model]
    timepoints: tuple[Way, ...]
    subjects: tuple[Way, ...]

    def frozen(self, row: str, schema: str, tables: _Tables, *, changed: str = "") -> str:
        """Return the question whether a row, `OLD` or `NEW`, is closed.

        `changed`: of an update, the question whether more of a subject's own row changes than goes on.
        """
        label = self.model._meta.label
        visits = [way.leads_to(row, schema) for way in self.timepoints]
        subjects = [way.leads_to(row, schema) for way in self.subjects]
        subjects += [f'(SELECT "subject_id" FROM {tables.timepoint} WHERE "id" = {visit})' for visit in visits]
        upto = (
            f'EXISTS (SELECT 1 FROM {tables.timepoint} t WHERE t."id" IN ({", ".join(visits)}) '
            f'AND t."subject_id" = f."subject_id" AND t."order" <= f."through")'
        )
        reached = upto if visits else ""
        subjects += tables.asked_about(label, row)
        if label == TIMEPOINT:
            reached = f'{row}."order" <= f."through"'
        elif label == SUBJECT:
            subjects, reached = [f'{row}."id"'], changed
        covers = f'(f."through" IS NULL OR {reached})' if reached else 'f."through" IS NULL'
        return (
            f'EXISTS (SELECT 1 FROM {tables.covered} f JOIN {tables.freeze} z ON z."id" = f."freeze_id" '
            f'WHERE z."state" <> \'{LIFTED}\' AND f."subject_id" IN ({", ".join(subjects)}) AND {covers})'
        )

    def moved(self, different: str) -> str:
        """Return the question whether an update gives a row to another subject or visit."""
        columns = [way.column for way in (*self.timepoints, *self.subjects)]
        columns += {TIMEPOINT: ["order"], QUERY: ["about_id"]}.get(self.model._meta.label, [])
        return _any(columns, different)

    def closing(self, same: str) -> str:
        """Return the question whether an update is that of the trial's lock, put on or taken off; empty: of no kind."""
        states = CLOSING.get(self.model._meta.label)
        if states is None:
            return ""
        either = ", ".join(f"'{state}'" for state in states)
        rest = [c for c in _columns(self.model) if c != "state"]
        kept = " AND ".join(f'NEW."{column}" {same} OLD."{column}"' for column in rest)
        return f'OLD."state" IN ({either}) AND NEW."state" IN ({either}) AND {kept}'


def _columns(model: type[models.Model]) -> list[str]:
    return sorted(str(field.column) for field in model._meta.concrete_fields)


def _any(columns: Iterable[str], different: str) -> str:
    return " OR ".join(f'NEW."{column}" {different} OLD."{column}"' for column in columns) or "1 = 0"


def _way_to(model: type[models.Model], label: str) -> tuple[models.ForeignKey[Any, Any], ...] | None:
    """Return the shortest way to a kind of record over any foreign keys; None if there is none."""
    waiting: deque[tuple[type[models.Model], tuple[models.ForeignKey[Any, Any], ...]]] = deque([(model, ())])
    seen = {model}
    while waiting:
        here, way = waiting.popleft()
        if here._meta.label == label:
            return way
        for key in foreign_keys(here):
            if (there := led_to(key)) not in seen:
                seen.add(there)
                waiting.append((there, (*way, key)))
    return None


def closed(model: type[models.Model]) -> Closed | None:
    """Return how a model's rows hang on subjects; None where they hang on none."""
    timepoints = list[Way]()
    subjects = list[Way]()
    for key in foreign_keys(model):
        if key.name in ELSEWHERE.get(model._meta.label, ()):
            continue
        for label, found in ((TIMEPOINT, timepoints), (SUBJECT, subjects)):
            if (rest := _way_to(led_to(key), label)) is not None:
                found.append(way_over(key, rest))
                break
    if not (timepoints or subjects) and model._meta.label != SUBJECT:
        return None
    return Closed(model, tuple(timepoints), tuple(subjects))


def triggers(
    apps: Apps,
    guarded: Iterable[type[models.Model]],
    movable: Mapping[str, tuple[str, ...]],
    *,
    vendor: str,
    schema: str,
) -> dict[str, tuple[str, ...]]:
    """Return the statements of every trigger that there should be, by its name; see `locked_sql.triggers`."""
    made: dict[str, tuple[str, ...]] = {}
    write = _on_postgresql if vendor == "postgresql" else _on_sqlite
    tables = _Tables.of(apps, schema)
    kinds = [one for one in map(closed, guarded) if one is not None]
    for one in kinds:
        label = one.model._meta.label
        of = locked_sql.as_table(one.model, movable.get(label, ())).of
        for event, statements in write(one, tables, of, schema):
            made |= named(one.model._meta.db_table, event, statements)
    return made | _of_signatures(apps, kinds, tables, vendor, schema) | _of_freezes(apps, tables, vendor, schema)


def _subject_changed(one: Closed, different: str) -> str:
    if one.model._meta.label != SUBJECT:
        return ""
    return f"({_any((c for c in _columns(one.model) if c not in GOES_ON), different)})"


def _on_sqlite(one: Closed, tables: _Tables, of: str, schema: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    table = one.model._meta.db_table

    def made(event: str, when: str) -> tuple[str, tuple[str, ...]]:
        then = f"BEGIN SELECT RAISE(ABORT, 'The {one.model._meta.verbose_name} {_MESSAGE}'); END"
        what = event.upper() + (of if event == "update" else "")
        return f"f_{event}", (f'CREATE TRIGGER "{{name}}" BEFORE {what} ON "{table}" WHEN {when} {then}',)

    def frozen(row: str, changed: str = "") -> str:
        return one.frozen(row, schema, tables, changed=changed)

    old = frozen("OLD", _subject_changed(one, "IS NOT"))
    update = f"({old} OR (({one.moved('IS NOT')}) AND {frozen('NEW')}))"
    closing = one.closing("IS")
    yield made("insert", frozen("NEW"))
    yield made("update", f"{update} AND ({closing}) IS NOT 1" if closing else update)
    yield made("delete", frozen("OLD"))


# Whoever freezes waits until others' changes are in, and others wait until it is frozen: as with a trial's lock.
_ASKED = """
PERFORM pg_advisory_xact_lock_shared({advisory}, ({trial} % 2147483647)::int);
IF {frozen} THEN {refused} END IF;
"""


def _on_postgresql(one: Closed, tables: _Tables, of: str, schema: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    table = one.model._meta.db_table
    refused = f"RAISE EXCEPTION 'The {one.model._meta.verbose_name} {_MESSAGE}' USING ERRCODE = '23000';"
    way = locked_sql.as_table(one.model).ways[0]

    def asked(row: str, changed: str = "") -> str:
        names = {"advisory": locked_sql.ADVISORY, "trial": way.leads_to(row, schema), "refused": refused}
        return _ASKED.format(frozen=one.frozen(row, schema, tables, changed=changed), **names)

    closing = one.closing("IS NOT DISTINCT FROM")
    update = f"IF {closing} THEN RETURN NEW; END IF; " if closing else ""
    update += asked("OLD", _subject_changed(one, "IS DISTINCT FROM"))
    update += f"IF {one.moved('IS DISTINCT FROM')} THEN {asked('NEW')} END IF;"
    body = f"IF TG_OP = 'INSERT' THEN {asked('NEW')} ELSIF TG_OP = 'DELETE' THEN {asked('OLD')} ELSE {update} END IF;"
    yield "f_rows", calling(table, f"INSERT OR DELETE OR UPDATE{of}", "ROW", body, schema)
    standing = f"EXISTS (SELECT 1 FROM {tables.freeze} WHERE \"state\" <> '{LIFTED}')"
    yield "f_table", calling(table, "TRUNCATE", "STATEMENT", f"IF {standing} THEN {refused} END IF;", schema)


def _of_signatures(
    apps: Apps, kinds: Iterable[Closed], tables: _Tables, vendor: str, schema: str
) -> dict[str, tuple[str, ...]]:
    """Return what keeps records that are closed from being signed again, and their signatures from being ended."""
    signature, ended = (apps.get_model("compliance", name)._meta.db_table for name in ("Signature", "Supersession"))
    cases = []
    for one in kinds:
        frozen = one.frozen("o", schema, tables)
        row = f'SELECT 1 FROM {schema}"{one.model._meta.db_table}" o WHERE o."id" = CAST({{number}} AS bigint)'
        cases.append(f"WHEN '{one.model._meta.label_lower}' THEN EXISTS ({row} AND {frozen})")
    # In parentheses: PL/pgSQL would take the first THEN for its own.
    asked = f"(CASE {{kind}} {' '.join(cases)} ELSE {'FALSE' if vendor == 'postgresql' else '0'} END)"
    about = f'(SELECT s."{{column}}" FROM {schema}"{signature}" s WHERE s."id" = NEW."signature_id")'
    of_new = {"kind": 'NEW."object_type"', "number": 'NEW."object_id"'}
    of_ended = {"kind": about.format(column="object_type"), "number": about.format(column="object_id")}
    made: dict[str, tuple[str, ...]] = {}
    for table, names in ((signature, of_new), (ended, of_ended)):
        when = asked.format(**names)
        made |= locked_sql.refusing(table, {"insert": when}, _SIGNED_KEPT, vendor, schema, called="f_")
    return made


def _of_freezes(apps: Apps, tables: _Tables, vendor: str, schema: str) -> dict[str, tuple[str, ...]]:
    """Return what keeps freezes as they were signed, and lets them be lifted by another person's signature alone."""
    freeze, covered = apps.get_model(FREEZE), apps.get_model(COVERED)
    signature, ended = (
        f'{schema}"{apps.get_model("compliance", name)._meta.db_table}"' for name in ("Signature", "Supersession")
    )
    different = "IS DISTINCT FROM" if vendor == "postgresql" else "IS NOT"
    goes_on = {"state", "confirmed_by", "confirmed_at", "lifted_by", "lifted_at", "lifted_because"}
    # Sorted: models as migrations know them have their fields in another order.
    kept = sorted(str(field.column) for field in freeze._meta.concrete_fields if field.name not in goes_on)

    def signed(number: str, name: str = "s") -> str:
        return (
            f"SELECT 1 FROM {signature} {name} WHERE {name}.\"object_type\" = '{FREEZE.lower()}' "
            f'AND {name}."object_id" = CAST({number} AS text)'
        )

    of_this = signed("OLD.id")
    # Other content than who made it signed: with the reason. Who confirmed it signed the same.
    by_another = (
        f'EXISTS ({of_this} AND s."signer_id" = NEW."lifted_by_id" '
        f'AND s."signer_id" <> OLD."made_by_id" AND s."at" >= OLD."made_at" AND s."at" = NEW."lifted_at" '
        f'AND NOT EXISTS (SELECT 1 FROM {ended} e WHERE e."signature_id" = s."id") '
        f'AND NOT EXISTS ({signed("OLD.id", "m")} AND m."signer_id" = OLD."made_by_id" '
        f'AND m."content_sha256" = s."content_sha256"))'
    )
    late = _any(("confirmed_by_id", "confirmed_at"), different)
    back = f"OLD.\"state\" <> '{PROPOSED}' AND (NEW.\"state\" = '{PROPOSED}' OR {late})"
    lifts = f"NEW.\"state\" = '{LIFTED}' AND NOT {by_another}"
    of_freeze = {
        "insert": f"NEW.\"state\" <> '{PROPOSED}'",
        "update": f"OLD.\"state\" = '{LIFTED}' OR {_any(kept, different)} OR ({back}) OR ({lifts})",
        "delete": f"EXISTS ({of_this})",
    }
    # A freeze is signed in the transaction that makes it; from then on nothing is put in or taken out.
    begun = f'SELECT 1 FROM {tables.freeze} z WHERE z."id" = NEW."freeze_id" AND z."state" = \'{PROPOSED}\''
    begun += f" AND NOT EXISTS ({signed('NEW.freeze_id')})"
    is_signed = f"EXISTS ({signed('OLD.freeze_id')})"
    of_covered = {"insert": f"NOT EXISTS ({begun})", "update": is_signed, "delete": is_signed}
    named_tables = {freeze._meta.db_table: (of_freeze, _KEPT), covered._meta.db_table: (of_covered, _COVERED_KEPT)}
    made: dict[str, tuple[str, ...]] = {}
    for table, (questions, sentence) in named_tables.items():
        made |= locked_sql.refusing(table, questions, sentence, vendor, schema)
    return made
