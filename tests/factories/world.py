"""A running trial: a charter in force, two sites that may send, a person per role, and subjects."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compliance import signature_policy
from compliance.models import PolicyAcceptance, User
from compliance.signing import Intent
from trials.charter import RECIST_TEMPLATE
from trials.models import ImagingCharter, Role, Site, Subject, Timepoint, Trial
from trials.services import connecting, enrolling, preparing, qualifying, setting_up

AT = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
PASSWORD = "a good long password"
SECRET = bytes(range(32))
#: The subjects' day 1.
REFERENCE = dt.date(2026, 1, 5)


@dataclass
class World:
    """The trial and everybody in it.

    Attributes
    ----------
    north, south
        Two sites; they call as NORTH_CT and SOUTH_CT.
    people
        One person per role; the coordinator among them is the northern one.
    other_coordinator
        The southern site's.
    outsider
        An account without any role.
    """

    trial: Trial
    north: Site
    south: Site
    founder: User
    people: dict[Role, User]
    other_coordinator: User
    outsider: User
    subjects: dict[str, Subject] = field(default_factory=dict)

    @property
    def administrator(self) -> User:
        """The trial administrator."""
        return self.people[Role.TRIAL_ADMINISTRATOR]

    @property
    def coordinator(self) -> User:
        """The northern site's coordinator."""
        return self.people[Role.SITE_COORDINATOR]

    @property
    def analyst(self) -> User:
        """The QC analyst."""
        return self.people[Role.QC_ANALYST]

    def colleague(self) -> User:
        """The outsider, made a second coordinator of the northern site."""
        setting_up.grant_membership(
            trial=self.trial,
            user=self.outsider,
            role=Role.SITE_COORDINATOR,
            site=self.north,
            actor=self.founder,
            at=AT,
        )
        return self.outsider

    def enrol(self, site: Site, code: str, *, arm: str = "A") -> Subject:
        """Enrol a subject with its planned timepoints."""
        self.subjects[code] = enrolling.enrol_subject(
            site=site, code=code, arm=arm, reference_date=REFERENCE, actor=self.administrator, at=AT
        )
        return self.subjects[code]

    def amend(self, **sections: Any) -> ImagingCharter:
        """Put a version of the charter in force that differs in these sections."""
        draft = setting_up.amend_charter(trial=self.trial, change_summary="Amended", actor=self.founder, at=AT)
        content = copy.deepcopy({**draft.content, **sections})
        setting_up.edit_charter(charter=draft, content=content, actor=self.founder, at=AT)
        return setting_up.sign_charter(charter=draft, signature=Intent(PASSWORD), actor=self.founder, at=AT)

    def timepoint(self, subject: str, code: str) -> Timepoint:
        """A timepoint as the database has it now."""
        return Timepoint.objects.select_related("subject__site", "subject__trial", "charter").get(
            subject__trial=self.trial, subject__code=subject, code=code
        )


def make_user(username: str, *, full_name: str = "", password: str = PASSWORD, is_staff: bool = False) -> User:
    """An account, outside any trial."""
    user = User(username=username, full_name=full_name or username.replace("-", " ").title(), is_staff=is_staff)
    user.set_password(password)
    user.save()
    return may_sign(user)


def may_sign(user: User) -> User:
    """Let somebody sign on pages: they have accepted the e-signature policy."""
    policy = signature_policy.in_force()
    PolicyAcceptance.objects.create(user=user, version=policy.version, text_sha256=policy.sha256, at=AT)
    return user


def make_world(code: str = "PLX-1", *, charter: Mapping[str, Any] | None = None, prefix: str = "") -> World:
    """Make a running trial with the subjects N-001 and N-002 at the northern site and S-001 at the southern.

    Parameters
    ----------
    charter
        Sections of the charter that differ from the RECIST template, here without sites to qualify and hangings.
    prefix
        Before user names and AE titles, so that a second world fits beside the first.
    """
    founder = make_user(f"{prefix}founder", is_staff=True)
    trial = setting_up.create_trial(
        code=code, title="Tests", sponsor_name="Sponsor", actor=founder, at=AT, seed="seed", secret=SECRET
    )
    draft = trial.charters.get()
    setting_up.edit_charter(
        charter=draft,
        content=copy.deepcopy({**RECIST_TEMPLATE, "sites": {}, "hanging": [], **(charter or {})}),
        actor=founder,
        at=AT,
    )
    setting_up.sign_charter(charter=draft, signature=Intent(PASSWORD), actor=founder, at=AT)
    sites = []
    for name in ("North", "South"):
        site = setting_up.add_site(
            trial=trial, code=name.upper(), name=f"{name} Hospital", country="Norway", actor=founder, at=AT
        )
        setting_up.add_application_entity(
            site=site, title=f"{prefix}{name}_CT".upper(), description="CT", actor=founder, at=AT
        )
        connecting.allow_plain_dicom(site=site, allowed=True, reason="A protected network", actor=founder, at=AT)
        sites.append(site)
    people = {}
    for role in Role:
        people[role] = make_user(f"{prefix}{role.value.replace('_', '-')}")
        at_site = sites[0] if role is Role.SITE_COORDINATOR else None
        setting_up.grant_membership(trial=trial, user=people[role], role=role, site=at_site, actor=founder, at=AT)
    other = make_user(f"{prefix}southern-coordinator")
    setting_up.grant_membership(
        trial=trial, user=other, role=Role.SITE_COORDINATOR, site=sites[1], actor=founder, at=AT
    )
    trial.refresh_from_db()
    world = World(trial, *sites, founder, people, other, make_user(f"{prefix}outsider"))
    for site, subject in ((sites[0], "N-001"), (sites[0], "N-002"), (sites[1], "S-001")):
        world.enrol(site, subject)
    return world


def ask_of_sites(world: World, **terms: Any) -> None:
    """Put a version of the world's charter in force that asks this of sites."""
    trial, founder = world.trial, world.founder
    draft = setting_up.amend_charter(trial=trial, change_summary="Sites are qualified", actor=founder, at=AT)
    setting_up.edit_charter(charter=draft, content={**draft.content, "sites": terms}, actor=founder, at=AT)
    setting_up.sign_charter(charter=draft, signature=Intent(PASSWORD), actor=founder, at=AT)
    trial.refresh_from_db()


def qualify_as_shipped(site: Site, *, coordinator: User, password: str, by: User) -> None:
    """Do what the shipped charters ask of a site, and sign that it is enough."""
    own = Intent(password)
    answers = {"CALIB": True, "SAME": True, "ORIGINAL": True, "STAFF": 3}
    preparing.sign_answers(site=site, values=answers, signature=own, actor=coordinator, at=AT)
    preparing.register_scanner(
        site=site, modality="CT", manufacturer="Acme", model_name="One", actor=coordinator, at=AT
    )
    for text in site.trial.charter_in_force.terms.sites.training:
        preparing.acknowledge_training(site=site, text_sha256=text.sha256, signature=own, actor=coordinator, at=AT)
    qualifying.qualify_site(site=site, signature=Intent(PASSWORD), actor=by, at=AT)
