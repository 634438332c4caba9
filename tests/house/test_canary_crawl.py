"""What a reader must not learn is planted, and every address of the house is asked, as a reader and as the judge.

The words are searched in status lines, headers, cookies and bodies, in each spelling (`tests.support.canaries`). An
address that opens to readers and that the crawl does not reach fails it, so that a new one is searched as well.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pytest
from django.http import HttpResponse
from django.utils import timezone

from compliance import programs
from compliance.models import User
from reading.models import ReadTask
from reading.services import assessing, lending
from reading.services.entries import AssessmentEntry
from tests.house.address_matrix import MATRIX
from tests.house.canary_trial import LATER, MEETING, SITE_NAME, CanaryTrial, make_canary_trial
from tests.house.crawling import Crawler
from tests.support.canaries import Canaries

pytestmark = [pytest.mark.django_db, pytest.mark.one_database, pytest.mark.requirement("REQ-BLI-001")]


@pytest.fixture
def trial(own_disk: Any, monkeypatch: pytest.MonkeyPatch, settings: Any) -> CanaryTrial:
    monkeypatch.setattr("os.fsync", lambda _: None)
    # A session in its cookie is not undone with what a request changed.
    settings.SESSION_COOKIE_AGE = 8 * 3600  # a slow machine crawls for longer than an idle session lasts
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    # Files of the pages come from the same house.
    settings.MIDDLEWARE = ["whitenoise.middleware.WhiteNoiseMiddleware", *settings.MIDDLEWARE]
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = True
    settings.STATIC_ROOT = None
    return make_canary_trial()


def crawled(person: User, trial: CanaryTrial, letter: str, tried: Collection[str] = ()) -> Crawler:
    """Send somebody through the house; what they must reach by the table was reached."""
    crawler = Crawler(person, Canaries(trial.hidden_from(person)))
    crawler.crawl(tried)
    shown = [hit for hit in crawler.hits if at_the_meeting(hit)]
    hits = [hit for hit in crawler.hits if hit not in shown]
    assert not hits, "\n".join(hits[:20])
    # Who settles a case with the other reader sees both results of it, there alone.
    assert bool(shown) == (letter == "R")
    open_to = {row.address for row in MATRIX if "GET" in row.methods and set(row.who) & {letter, "*"}}
    assert open_to - set(crawler.reached) == set()
    return crawler


def at_the_meeting(hit: str) -> bool:
    """Whether what was found is the other reader's result, where the two meet over it."""
    address = hit.split()[1]
    meeting = address.startswith(("/reading/consensus/", "/api/v1/consensus-cases/"))
    return meeting and f"holds the {MEETING} of another reader" in hit


def test_nothing_planted_reaches_a_reader_or_an_adjudicator(trial: CanaryTrial) -> None:
    reader = crawled(trial.first, trial, "R")
    judge = crawled(trial.judge, trial, "J", tried=reader.reached)

    assert reader.responses + judge.responses >= 2_000


@pytest.mark.requirement("REQ-BLI-001", "REQ-BLI-006", "REQ-LOC-030")
def test_nothing_planted_reaches_a_program_of_a_reader(trial: CanaryTrial) -> None:
    task = ReadTask.objects.get(reader=trial.first, state="reading")
    _, secret = lending.issue_read_token(task=task, actor=trial.first, at=timezone.now())
    crawler = Crawler(trial.first, Canaries(trial.hidden_from(trial.first)))

    def ask(resource: str) -> HttpResponse:
        return crawler.ask("GET", f"/reading/dicomweb/{resource}", authorization=f"Bearer {secret}")

    told = [json.loads(ask(level).content) for level in ("studies", "series", "instances")][-1]
    for one in told:
        study, series, instance = (one[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
        of_series = f"studies/{study}/series/{series}"
        for place in (f"studies/{study}", of_series, f"{of_series}/instances/{instance}"):
            for wanted in ("", "/metadata", "/thumbnail", "/rendered"):
                ask(place + wanted)
        for wanted in ("1", "1/rendered", "1/thumbnail", "9"):
            ask(f"{of_series}/instances/{instance}/frames/{wanted}")

    by_fhir = told_by_fhir(crawler, task)

    assert not crawler.hits, "\n".join(crawler.hits[:20])
    assert len(told) == 12
    assert by_fhir == [200, 200, 200, 403, 403, 403, 403, 404]


def told_by_fhir(crawler: Crawler, task: ReadTask) -> list[int]:
    """Ask for the reader's trial and a subject of it by FHIR, with a token alone; return how each was answered."""
    subject = task.timepoint.subject
    _, secret = programs.issue(label="EDC", may_change=False, days=1, actor=task.reader, at=timezone.now())
    crawler.cookies.clear()
    places = ("metadata", "ResearchStudy", f"ResearchStudy/{subject.trial_id}")
    closed = ("ResearchSubject", f"ResearchSubject/{subject.pk}", "ImagingStudy", "DiagnosticReport", "Patient")
    asked = [f"/fhir/{place}" for place in (*places, *closed)]
    return [crawler.ask("GET", address, authorization=f"Bearer {secret}").status_code for address in asked]


@pytest.mark.requirement("REQ-BLI-001", "REQ-BLI-002")
def test_a_crawl_finds_what_is_planted_in_an_answer(trial: CanaryTrial) -> None:
    crawler = Crawler(trial.first, Canaries(trial.hidden_from(trial.first)))
    task = ReadTask.objects.get(reader=trial.first, state="reading")
    entry = AssessmentEntry(version=1, comment=f"Is it from {SITE_NAME}?")
    assessing.save_draft(task=task, entry=entry, actor=trial.first, at=LATER)

    for address in (f"/reading/tasks/{task.blinded_code}/", f"/api/v1/read-tasks/{task.blinded_code}/"):
        crawler.ask("GET", address)

    assert len(crawler.hits) == 4
    assert all("its body holds the site" in hit for hit in crawler.hits)
