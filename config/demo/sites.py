"""How the demonstration's sites show what the charter asks before their first subject."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from compliance.models import Signature, User
from compliance.signing import Intent
from config.demo import story
from trials.models import Site
from trials.services import preparing, qualifying

_ANSWERS = {"CALIB": True, "SAME": True, "ORIGINAL": True, "STAFF": 3}


def qualify(
    site: Site,
    *,
    coordinator: User,
    analyst: User,
    clock: Callable[[], dt.datetime],
    software: str = story.SOFTWARE,
    password: str = story.PASSWORD,
) -> None:
    """Have a site answer, register its scanner and acknowledge its training, and the core lab sign.

    Parameters
    ----------
    software
        What the registry says; where the scanner's images say otherwise, a notice is raised.
    password
        Of both people.
    """
    own = Intent(password, Signature.Meaning.RESPONSIBILITY)
    read = Intent(password, Signature.Meaning.REVIEW)
    preparing.sign_answers(site=site, values=_ANSWERS, signature=own, actor=coordinator, at=clock())
    preparing.register_scanner(site=site, **story.SCANNER, software=software, actor=coordinator, at=clock())
    for text in site.trial.charter_in_force.terms.sites.training:
        preparing.acknowledge_training(
            site=site, text_sha256=text.sha256, signature=read, actor=coordinator, at=clock()
        )
    approval = Intent(password, Signature.Meaning.APPROVAL)
    qualifying.qualify_site(site=site, signature=approval, actor=analyst, at=clock())
