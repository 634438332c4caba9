"""Listings: in the report of a trial that is small enough, and else in a file of their own, with nothing left out."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string

from reading.exports import endpoint_listings, endpoint_report
from reading.exports.locked import LockedTrial
from tests.reading.exports import sample

pytestmark = pytest.mark.requirement("REQ-LOC-011")


@pytest.fixture
def trial(monkeypatch) -> LockedTrial:
    """The sample, too large for its report; one of its subjects was not scanned once."""
    monkeypatch.setattr(endpoint_listings, "MOST_IN_REPORT", 5)
    return sample.locked_trial(6)


def page(trial: LockedTrial) -> str:
    return render_to_string("reading/report/endpoint.html", endpoint_report.context(trial, "5a" * 32, {}))


def test_a_report_holds_the_listings_of_as_many_subjects_as_it_can():
    trial = sample.locked_trial(2)
    assert list(endpoint_listings.listings(trial)) == []
    assert page(trial).count('class="subject"') == 2
    assert "listings.txt" not in page(trial)


def test_of_more_subjects_it_has_a_row_each_and_says_where_the_rest_is(trial):
    html = page(trial)
    assert 'class="subject"' not in html
    assert "listings.txt of the package" in html
    lines = endpoint_listings.summaries(trial)
    assert [line.name for line in lines] == [subject.code for subject in trial.subjects]
    third = trial.subjects[2]
    accepted = third.result
    assert lines[2].cells == (third.site, *(r.bor for r in third.results), accepted.bor, accepted.progression, "–")


def test_the_file_has_every_read_and_every_lesion_on_a_page_for_each_subject(trial):
    ((name, data),) = endpoint_listings.listings(trial)
    assert name == "listings.txt"
    pages = data.decode().split("\f\n")
    assert len(pages) == 6
    for text, subject in zip(pages, trial.subjects, strict=True):
        assert text.startswith(f"Trial PLX-301, subject {subject.code}, site {subject.site}")
        lines = text.splitlines()
        for visit in subject.timepoints:
            told = [line for line in lines if line.split()[:1] == [visit.code]]
            assert len(told) == max(len(visit.reads), 1)
            for read, line in zip(visit.reads, told, strict=False):
                assert ("accepted" in line) == read.accepted
                assert line.endswith(read.overall or "–")
                assert f"{read.sum_mm:.1f}" in line
                for found in read.measurements:
                    (row,) = _of(lines, read.evalid, found.lesion)
                    assert found.diameter_mm is None or f"{found.diameter_mm:.1f}" in row
    assert "missed: no scan was made" in pages[5]


def _of(lines: list[str], evalid: str, lesion: str) -> list[str]:
    """The rows of a lesion that stand below the name of its reader."""
    begin = lines.index(evalid.title(), lines.index("Lesions"))
    return [line for line in lines[begin + 1 : begin + 4] if line.strip().startswith(lesion)]
