"""Who may do which verb in reading. A reader's verbs hold on that reader's own tasks only."""

from __future__ import annotations

from typing import Any

from compliance import access
from compliance.models import User
from reading.models import Adjudication, GlobalReview, ReadTask
from reading.selectors_consensus import read_the_case
from reading.states import Purpose, ReadState
from trials import release
from trials.models import Role
from trials.release import Artefact
from trials.rules import held_by, role, sees_interim

_reader = role(Role.READER)
_adjudicator = role(Role.ADJUDICATOR)
_examined = role(Role.READER, Role.ADJUDICATOR)


@held_by(Role.READER, where="own reads; cases of the qualification: an adjudicator's too")
def own_task(user: User, about: Any) -> bool:
    """The person is a reader here, and the task, if one is asked about, is theirs and was not handed on.

    Cases of training and qualification are read by adjudicators too.
    """
    if not isinstance(about, ReadTask):
        return _reader(user, about)
    may = _examined if about.purpose == Purpose.QUALIFICATION else _reader
    return about.reader_id == user.pk and about.state != ReadState.HANDED_ON and may(user, about)


@held_by(Role.ADJUDICATOR, where="own cases")
def own_adjudication(user: User, about: Any) -> bool:
    """The person is an adjudicator here, and the adjudication, if one is asked about, is theirs."""
    return _adjudicator(user, about) and (not isinstance(about, Adjudication) or about.adjudicator_id == user.pk)


@held_by(Role.READER, where="cases that the reader settles with the other one")
def own_meeting(user: User, about: Any) -> bool:
    """The person is a reader here, and one of the two whose case, if one is asked about, they settle themselves."""
    own = not isinstance(about, Adjudication) or (about.is_by_consensus and read_the_case(user, about))
    return _reader(user, about) and own


@held_by(Role.READER, where="own cases")
def own_review(user: User, about: Any) -> bool:
    """The person is a reader here, and the global review, if one is asked about, is theirs."""
    return _reader(user, about) and (not isinstance(about, GlobalReview) or about.reader_id == user.pk)


def register() -> None:
    """Register this room's verbs."""
    access.register("reading.read", own_task)
    access.register("reading.review", own_review)
    access.register("reading.meet", own_meeting)
    access.register("reading.qualify", _examined)
    access.register("reading.adjudicate", own_adjudication)
    # Signed reads as their readers had them; what is not signed is nobody's but its reader's.
    access.register(
        "reading.replay",
        role(Role.AUDITOR),
        unblinds="the signed reads of each reader, before the lock",
        leaves=("readtask.replayed", "results.viewed"),
    )
    watching = (Role.READING_MANAGER, Role.QC_ANALYST, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
    access.register("reading.see_real_time", role(Role.SITE_COORDINATOR, Role.SPONSOR, *watching))
    access.register("reading.watch_real_time", role(Role.SITE_COORDINATOR, *watching))
    access.register("reading.ask_real_time", role(Role.SITE_COORDINATOR))
    access.register("reading.take_note", role(Role.SITE_COORDINATOR))
    access.register("reading.manage", role(Role.READING_MANAGER))
    access.register("reading.decide_reopening", role(Role.READING_MANAGER, Role.TRIAL_ADMINISTRATOR))
    # A reader who was unblinded tells the reading manager; no page of this is a reader's.
    access.register("reading.see_unblindings", role(Role.READING_MANAGER, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR))
    access.register("reading.report_unblinding", role(Role.READING_MANAGER, Role.TRIAL_ADMINISTRATOR))
    access.register("reading.assess_unblinding", role(Role.READING_MANAGER))
    access.register("reading.confirm_unblinding", role(Role.READING_MANAGER, Role.TRIAL_ADMINISTRATOR))
    access.register("reading.see_progress", role(Role.READING_MANAGER, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR))
    access.register(
        "reading.see_results",
        role(*release.roles_of(Artefact.AGREEMENT)),
        unblinds="how each reader reads, before the lock",
        leaves=("results.viewed",),
    )
    # After the lock alone; whoever may have the package sees its figures, and who led the reading.
    access.register("reading.see_endpoints", role(*release.roles_of(Artefact.OUTCOMES)))
    access.register("reading.see_package", role(*release.roles_of(Artefact.PACKAGE)))
    access.register(
        "reading.see_interim",
        sees_interim,
        unblinds="results of the subjects of an interim lock, before the lock",
        leaves=("interim.downloaded",),
    )
    access.register("reading.see_dry_run", role(*release.roles_of(Artefact.DRY_RUN)))
    access.register("reading.see_images", role(*release.roles_of(Artefact.IMAGES)))
