"""What the page “Readers and assignment” shows: people with their load, and subjects with their draw."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from compliance.models import User
from reading import pages_progress, selectors
from reading.assignment import CaseRef, ReaderRef
from reading.assignment.lots import pair
from reading.models import Adjudication, PoolMember, ReaderExclusion, ReadTask
from reading.services.drawing import counts_now, references
from reading.services.redrawing import Redrawn, redraw
from reading.states import AdjudicationState, ReadState
from trials.models import ImagingCharter, Role, Trial
from trials.selectors import members_with


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Somebody who reads or adjudicates: roles, how much they have, in which pools, and what they are not given."""

    person: User
    roles: tuple[str, ...]
    subjects: int
    load: pages_progress.Workload | None
    cases: int
    pools: tuple[PoolMember, ...]
    exclusions: tuple[ReaderExclusion, ...]


@dataclass(frozen=True, slots=True)
class PlaceCell:
    """A place of a subject: who reads there now, how far, and what stands against it."""

    slot: int
    reader: str
    signed: int
    reads: int
    pools: tuple[str, ...]
    excluded: bool

    @property
    def may_be_handed_on(self) -> bool:
        """Whether no read is signed."""
        return not self.signed


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """A subject with its readers by place, and what drawing them again showed."""

    redrawn: Redrawn
    places: tuple[PlaceCell, ...]


@dataclass(frozen=True, slots=True)
class CaseRow:
    """An adjudication that is not decided; `excluded`: its adjudicator was excluded from the subject meanwhile."""

    case: Adjudication
    excluded: bool


def people_rows(trial: Trial) -> list[PersonRow]:
    """Readers and adjudicators of a trial now, and whoever else has reads, by user name."""
    loads = {row.reader.pk: row for row in pages_progress.workload(trial)}
    roles: dict[int, list[str]] = {}
    people = {pk: row.reader for pk, row in loads.items()}
    for role in (Role.READER, Role.ADJUDICATOR):
        for person in members_with(trial, role):
            people[person.pk] = person
            roles.setdefault(person.pk, []).append(str(role.label))
    subjects, _ = counts_now(trial)
    given = Adjudication.objects.filter(subject__trial=trial).exclude(adjudicator=None)
    cases = Counter(given.values_list("adjudicator", flat=True))
    pools, kept_out = _by_person(trial)
    return [
        PersonRow(
            person,
            tuple(roles.get(pk, ())),
            subjects[person.username],
            loads.get(pk),
            cases[pk],
            tuple(pools.get(pk, ())),
            tuple(kept_out.get(pk, ())),
        )
        for pk, person in sorted(people.items(), key=lambda item: item[1].username)
    ]


def _by_person(trial: Trial) -> tuple[dict[int, list[PoolMember]], dict[int, list[ReaderExclusion]]]:
    pools: dict[int, list[PoolMember]] = {}
    for one in PoolMember.objects.filter(trial=trial, ended_at=None).select_related("person"):
        pools.setdefault(one.person_id, []).append(one)
    kept_out: dict[int, list[ReaderExclusion]] = {}
    standing = ReaderExclusion.objects.filter(trial=trial, ended_at=None)
    for exclusion in standing.select_related("person", "site", "subject"):
        kept_out.setdefault(exclusion.person_id, []).append(exclusion)
    return pools, kept_out


def subject_rows(trial: Trial) -> list[SubjectRow]:
    """Every subject that has readers, with the draw replayed."""
    reads: dict[int, dict[int, Counter[str]]] = {}
    tasks = ReadTask.objects.filter(timepoint__subject__trial=trial).exclude(state=ReadState.WITHDRAWN)
    for subject, slot, state in tasks.values_list("timepoint__subject", "slot", "state"):
        reads.setdefault(subject, {}).setdefault(slot, Counter())[state] += 1
    rows = redraw(trial)
    names = {name for row in rows for name in row.now}
    known = _references(trial, names)
    return [SubjectRow(row, _places(row, reads.get(row.subject.pk, {}), known)) for row in rows]


def _references(trial: Trial, names: set[str]) -> dict[str, ReaderRef]:
    return {ref.id: ref for ref in references(trial, list(User.objects.filter(username__in=names)))}


def _places(row: Redrawn, reads: dict[int, Counter[str]], known: dict[str, ReaderRef]) -> tuple[PlaceCell, ...]:
    case = CaseRef(row.subject.code, row.subject.site.code)
    cells = []
    for slot, name in enumerate(row.now, start=1):
        states = reads.get(slot, Counter())
        cells.append(
            PlaceCell(
                slot,
                name,
                sum(states[state] for state in selectors.SIGNED),
                states.total(),
                row.pools[slot - 1] if slot <= len(row.pools) else (),
                not known[name].may_read(case),
            )
        )
    return tuple(cells)


def open_cases(trial: Trial) -> list[CaseRow]:
    """Adjudications that wait for an adjudicator's decision; what readers settle themselves is nobody else's."""
    found = Adjudication.objects.filter(subject__trial=trial, state=AdjudicationState.OPEN).exclude(adjudicator=None)
    cases = list(found.select_related("subject__site", "timepoint", "adjudicator").order_by("subject__code", "pk"))
    given = [(case, case.adjudicator.username) for case in cases if case.adjudicator]
    known = _references(trial, {name for _, name in given})
    return [
        CaseRow(case, not known[name].may_read(CaseRef(case.subject.code, case.subject.site.code)))
        for case, name in given
    ]


def pair_matrix(trial: Trial) -> tuple[list[str], list[tuple[str, list[int | None]]]]:
    """Return readers by user name, and how many subjects each two of them share; None for a reader alone."""
    load, together = counts_now(trial)
    names = sorted(load)
    return names, [(one, [None if one == other else together[pair(one, other)] for other in names]) for one in names]


def pools_shown(charter: ImagingCharter | None, rows: list[PersonRow]) -> list[tuple[str, str, str, list[PoolMember]]]:
    """Return each pool of the charter in force: name, the place it fills, its sites, and its members now."""
    if charter is None:
        return []
    members = [one for row in rows for one in row.pools]
    return [
        (
            pool.name,
            " or ".join(f"reader {place}" for place in sorted(pool.places)),
            ", ".join(pool.sites) or "all that no other pool names",
            [one for one in members if one.pool == pool.name],
        )
        for pool in charter.terms.readers.pools
    ]
