"""The table of gated release is what the doors do: every role asks for everything, in every state of the trial."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from compliance.models import Export, User
from imaging.models import ImagingStudy
from reading.services.packaging import build_dry_run, build_package
from reading.services.packaging_images import build_images
from tests.reading.exports import recorded
from tests.support.disarmed import disarm
from trials import release
from trials.models import Freeze, ImagingCharter, Role, Timepoint, Trial, Unlock
from trials.release import TABLE, Artefact
from trials.states import TrialState


def _of_an_earlier_lock(package: Export, people: dict[Role, User]) -> Export:
    """The same bytes as if they were those of a lock that was taken off."""
    before = recorded.LOCKED_AT - dt.timedelta(days=9)
    Unlock.objects.bulk_create(
        [
            Unlock(
                trial_id=package.trial_id,
                lock_number=1,
                locked_at=before,
                asked_by=people[Role.READING_MANAGER],
                asked_at=before,
                decided_by=people[Role.TRIAL_ADMINISTRATOR],
                decided_at=before,
                state="approved",
            )
        ]
    )
    manifest = {**package.manifest, "lock": {"locked_at": f"{before:%Y-%m-%dT%H:%M:%SZ}"}}
    package.pk, package.manifest = None, manifest
    package.save()
    return package


def _of_an_interim_lock(package: Export, people: dict[Role, User]) -> Export:
    """The same bytes as if they were those of an interim lock, under a charter that lets the sponsor have them."""
    made = {"purpose": "A look", "made_by": people[Role.READING_MANAGER], "made_at": recorded.LOCKED_AT}
    Freeze.objects.bulk_create([Freeze(trial_id=package.trial_id, level="interim", number=1, state="standing", **made)])
    charter = ImagingCharter.objects.get(trial=package.trial_id)
    content = {**charter.content, "locking": {"interim_package_to": ["sponsor"]}}
    ImagingCharter.objects.filter(pk=charter.pk).update(content=content)
    other = Export.objects.get(pk=package.pk)
    other.pk, other.kind = None, "interim-package"
    other.manifest = {**package.manifest, "interim": {"number": 1}}
    other.save()
    return other


@pytest.mark.one_database
@pytest.mark.django_db
def test_every_role_gets_what_the_table_says_in_each_state_and_nothing_else(own_disk: Path) -> None:
    trial = recorded.written()
    recorded.archive_images()
    recorded.lock(trial)
    people = {role: recorded.member(trial, role) for role in Role}
    given = {"trial": trial, "actor": people[Role.SPONSOR], "at": recorded.LOCKED_AT}
    package, images = build_package(**given), build_images(subject=None, **given)
    disarm()
    read = Timepoint.objects.get(subject__code="A-001", code="W8")
    doors = (
        (Artefact.STATUS, f"/trials/{trial.pk}/progress/"),
        (Artefact.SITE_FIGURES, f"/imaging/trials/{trial.pk}/metrics/"),
        (Artefact.ARCHIVE, f"/imaging/trials/{trial.pk}/programs/"),
        (Artefact.ARCHIVE, f"/fhir/ImagingStudy/{ImagingStudy.objects.get(timepoint=read).pk}"),
        (Artefact.AGREEMENT, f"/reading/trials/{trial.pk}/variability/"),
        (Artefact.TRAIL, f"/trials/{trial.pk}/audit/"),
        (Artefact.OUTCOMES, f"/reading/trials/{trial.pk}/endpoints/accepted/waterfall.csv"),
        (Artefact.OUTCOMES, f"/fhir/DiagnosticReport/{read.pk}"),
        (Artefact.PACKAGE, f"/reading/packages/{package.pk}/"),
        (Artefact.EARLIER, f"/reading/packages/{_of_an_earlier_lock(package, people).pk}/"),
        (Artefact.INTERIM, f"/reading/interim-packages/{_of_an_interim_lock(package, people).pk}/"),
        (Artefact.DRY_RUN, f"/reading/dry-runs/{build_dry_run(**given).pk}/"),
        (Artefact.IMAGES, f"/reading/image-packages/{images.pk}/"),
    )
    assert {artefact for artefact, _ in doors} == set(Artefact) == set(TABLE)
    wrong = []
    for state in TrialState:
        Trial.objects.filter(pk=trial.pk).update(state=state)
        for role, person in people.items():
            client = Client()
            client.force_login(person)
            for artefact, door in doors:
                row, status = TABLE[artefact], client.get(door).status_code
                # This charter names the sponsor alone for interim locks.
                roles = (Role.SPONSOR,) if artefact is Artefact.INTERIM else row.roles
                expected = role in roles and state in row.states
                if (status == 200) != expected or (not expected and status not in (403, 404, 409)):
                    wrong.append(f"{role} asks for {door} of a trial in {state}: {status}")
    assert not wrong, "\n".join(wrong)


def test_nothing_that_tells_an_outcome_leaves_before_the_lock() -> None:
    for artefact in (Artefact.OUTCOMES, Artefact.PACKAGE, Artefact.IMAGES):
        assert TABLE[artefact].states == (TrialState.LOCKED,)
    for row in TABLE.values():
        assert not {Role.READER, Role.ADJUDICATOR} & set(row.roles)


def test_the_documentation_shows_the_table() -> None:
    page = (Path(settings.ROOT) / "docs" / "release.md").read_text(encoding="utf-8")
    assert "\n".join(release.as_markdown()) in page
