"""Training that a role asks for: declared, completed by signature, lapsing, and told of before (21 CFR 11.10 (i)).

Whoever lacks one sees what the role shows and does nothing by it (`trials.trained`), from the moment on that it is
asked for or has lapsed. The beat notes that in the trail, and tells people before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from compliance import access, audit, mailing, signing
from compliance.errors import HouseError
from compliance.models import Mail, Signature, User
from compliance.signing import Intent
from trials.models import Membership, Role, RoleTraining, TrainingRecord, Trial

KIND = "training"
MEANING = Signature.Meaning.RESPONSIBILITY
#: So long before it lapses a person is told, and may complete it again.
NOTICE = dt.timedelta(days=30)


class NotDeclared(HouseError):
    """A training lacks its words, or is asked for already."""

    code = "training_not_declared"
    status = 422


class NotToComplete(HouseError):
    """A training that the person has completed for long enough, or that nobody asks for."""

    code = "training_not_open"
    status = 409


def declare(
    *,
    trial: Trial,
    role: Role,
    title: str,
    text: str,
    valid_days: int | None,
    asked_from: dt.date,
    actor: User,
    at: dt.datetime,
) -> RoleTraining:
    """Ask a training of everybody who holds a role, from 00:00 UTC of a day on; they are told at once.

    Raises
    ------
    NotDeclared, compliance.access.AccessDenied
    """
    access.require(actor, "trials.administer", trial)
    if not title.strip() or not text.strip():
        raise NotDeclared("The training was not declared: it needs a title and a text.")
    begins = dt.datetime.combine(asked_from, dt.time(), dt.UTC)
    training = RoleTraining(
        trial=trial,
        role=role,
        title=title.strip(),
        text=text.strip(),
        valid_days=valid_days,
        asked_from=begins,
        begun_at=at if begins <= at else None,
        declared_by=actor,
        declared_at=at,
    )
    try:
        with transaction.atomic():
            audit.save(training, action="roletraining.declared", actor=actor, at=at)
            _ask(training, at)
    except IntegrityError as problem:
        raise NotDeclared(
            f"“{training.title}” is asked of this role already. End it first, or choose another title."
        ) from (problem)
    return training


def end(*, training: RoleTraining, reason: str, actor: User, at: dt.datetime) -> RoleTraining:
    """Ask for a training no longer, with a reason; who completed it stays on record.

    Raises
    ------
    NotDeclared, compliance.audit.RecordFrozen, compliance.access.AccessDenied
    """
    access.require(actor, "trials.administer", training)
    if not reason.strip():
        raise NotDeclared("The training is still asked for: say why it is no longer needed.")
    with transaction.atomic():
        row = RoleTraining.objects.select_for_update().get(pk=training.pk)
        row.ended_at = at
        # As it was stored it is open, so that a second end is refused.
        audit.save(row, action="roletraining.ended", actor=actor, at=at, reason=reason.strip())
    training.refresh_from_db()
    return training


def complete(*, training: RoleTraining, signature: Intent, actor: User, at: dt.datetime) -> TrainingRecord:
    """Sign that one has read a training of a role that one holds, and goes by it.

    Raises
    ------
    NotToComplete
        It is over, or was completed and does not lapse soon.
    compliance.signing.ContentChanged, compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "trials.train", training)
    with transaction.atomic():
        row = RoleTraining.objects.select_for_update(of=("self",)).select_related("trial").get(pk=training.pk)
        signing.require_same(row.shown_content(), signature)
        if row.ended_at is not None:
            raise NotToComplete(f"Nobody asks for “{row.title}” any more, so nothing was signed.")
        held = row.records.filter(person=actor, lapsed_at=None).first()
        if held is not None and not lapses_soon(held, at):
            raise NotToComplete(f"You have completed “{row.title}” already; nothing was signed.")
        if held is not None and is_over(held, at):
            _lapse(held, "trainingrecord.lapsed", None, at)
        elif held is not None:
            _lapse(held, "trainingrecord.renewed", actor, at)
        until = at + dt.timedelta(days=row.valid_days) if row.valid_days else None
        made = TrainingRecord(training=row, person=actor, completed_at=at, until=until)
        audit.save(made, action="trainingrecord.completed", actor=actor, at=at)
        signing.sign(made, signature.once_compared(), actor=actor, at=at)
    return made


def lapses_soon(record: TrainingRecord, at: dt.datetime) -> bool:
    """Tell whether a record lapses so soon that it may be renewed."""
    return record.until is not None and record.until <= at + NOTICE


def is_over(record: TrainingRecord, at: dt.datetime) -> bool:
    """Tell whether the time of a record is over, noted or not."""
    return record.lapsed_at is not None or (record.until is not None and record.until <= at)


def _lapse(record: TrainingRecord, action: str, actor: User | None, at: dt.datetime) -> None:
    record.lapsed_at = at
    audit.save(record, action=action, actor=actor, at=at, thaw=True)


# --- by the clock ---------------------------------------------------------------------------------------------


def settle(*, at: dt.datetime) -> None:
    """Begin trainings whose day has come, lapse records whose time is over, and tell people of both before."""
    for pk in RoleTraining.objects.filter(begun_at=None, ended_at=None, asked_from__lte=at).values_list(
        "pk", flat=True
    ):
        with transaction.atomic():
            row = RoleTraining.objects.select_for_update().get(pk=pk)
            if row.begun_at is None and row.ended_at is None:
                row.begun_at = at
                audit.save(row, action="roletraining.begun", actor=None, at=at)
    running = TrainingRecord.objects.filter(lapsed_at=None, until__isnull=False)
    for pk in running.filter(until__lte=at).values_list("pk", flat=True):
        with transaction.atomic():
            record = TrainingRecord.objects.select_for_update().get(pk=pk)
            if record.lapsed_at is None:
                _lapse(record, "trainingrecord.lapsed", None, at)
    for record in running.filter(until__gt=at, until__lte=at + NOTICE).select_related("training", "person"):
        _warn(record, at)
    for training in RoleTraining.objects.filter(ended_at=None):
        _ask(training, at)


def _trained() -> QuerySet[Membership]:
    """Roles that somebody was given; what is taken in an emergency asks for no training."""
    return Membership.objects.filter(ended_at=None, emergency=None)


def _ask(training: RoleTraining, at: dt.datetime) -> None:
    """Tell each holder of the role once that they have to complete it, and from when on; of no trial a mail says."""
    members = _trained().filter(trial=training.trial_id, role=training.role, user__is_active=True)
    lacking = members.exclude(user__in=training.records.filter(lapsed_at=None).values("person"))
    keys = {f"training-asked-{training.pk}-{one.user_id}": one.user for one in lacking.select_related("user")}
    told = set(Mail.objects.filter(key__in=keys).values_list("key", flat=True))
    for key, person in sorted(keys.items()):
        if key not in told:
            _post(
                person,
                key,
                "A training is asked of you",
                f"For the role {training.get_role_display()} you are asked to read “{training.title}” and sign it. "
                f"From {training.asked_from:%-d %B %Y} on nothing can be done in that role without it.",
                training,
                at,
            )


def _warn(record: TrainingRecord, at: dt.datetime) -> None:
    key = f"training-lapses-{record.pk}"
    if record.until is None or record.training.ended_at or Mail.objects.filter(key=key).exists():
        return
    _post(
        record.person,
        key,
        "A training of yours lapses soon",
        f"Your training “{record.training.title}” for the role {record.training.get_role_display()} lapses on "
        f"{record.until:%-d %B %Y %H:%M} UTC. Read and sign it again before, or nothing can be done in that role then.",
        record.training,
        at,
    )


def _post(person: User, key: str, subject: str, body: str, training: RoleTraining, at: dt.datetime) -> None:
    page = mailing.address_of(reverse("trials:my_training"))
    body = f"{body}\n\n{page}\n"
    mailing.post(to=person, kind=KIND, key=key, subject=subject, body=body, trial_id=training.trial_id, at=at)


# --- as pages show it -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Duty:
    """A training that somebody's role asks for, and how it stands: completed, to renew, to complete, or lapsed."""

    training: RoleTraining
    person: User
    record: TrainingRecord | None
    state: str
    #: Whether the role does nothing for the person because of it.
    lacking: bool


def asked_in(trial: Trial) -> Sequence[RoleTraining]:
    """Return what is asked in a trial now, or will be, by role."""
    return list(RoleTraining.objects.filter(trial=trial, ended_at=None).select_related("trial"))


def duties_in(trial: Trial, at: dt.datetime) -> list[Duty]:
    """Return who has to complete what in a trial, by name, and how each stands."""
    trainings = asked_in(trial)
    members = _trained().filter(trial=trial, user__is_active=True).select_related("user")
    held = sorted({(one.user, one.role) for one in members}, key=lambda pair: (str(pair[0]), pair[0].pk, pair[1]))
    return _duties([(person, one) for person, role in held for one in trainings if one.role == role], at)


def duties_of(person: User, at: dt.datetime) -> list[Duty]:
    """Return what a person has to complete, over all trials."""
    roles = _trained().filter(user=person).values_list("trial", "role").distinct()
    wanted = Q(pk__in=[])
    for trial, role in roles:
        wanted |= Q(trial=trial, role=role)
    trainings = RoleTraining.objects.filter(wanted, ended_at=None).select_related("trial")
    return _duties([(person, one) for one in trainings], at)


def _duties(pairs: Sequence[tuple[User, RoleTraining]], at: dt.datetime) -> list[Duty]:
    records = TrainingRecord.objects.filter(training__in={one.pk for _, one in pairs})
    by_pair: dict[tuple[int, int], list[TrainingRecord]] = {}
    for record in records.order_by("-completed_at", "-pk"):
        by_pair.setdefault((record.person_id, record.training_id), []).append(record)
    return [_duty(person, one, by_pair.get((person.pk, one.pk), []), at) for person, one in pairs]


def _duty(person: User, training: RoleTraining, records: Sequence[TrainingRecord], at: dt.datetime) -> Duty:
    standing = next((one for one in records if not is_over(one, at)), None)
    if standing is not None:
        return Duty(training, person, standing, "renew" if lapses_soon(standing, at) else "completed", lacking=False)
    lacking = training.asked_from <= at and training.ended_at is None
    return Duty(training, person, None, "lapsed" if records else "missing", lacking)
