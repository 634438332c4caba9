"""Queries about what hangs on a timepoint: its series, its round of QC, an entry of its transfer form."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from imaging.models import QcReview, Series
from imaging.services import declaring
from tests.factories import AT, World, scan
from tests.imaging.services.delivery import by_scanner
from tests.imaging.services.test_reviewing import clear, latest, world  # noqa: F401
from trials import askable
from trials.models import ImagingCharter, Query
from trials.services import querying

pytestmark = pytest.mark.django_db


@pytest.fixture
def delivered(world: World) -> World:  # noqa: F811
    """The trial with a baseline scan in QC, and a draft of its transfer form."""
    by_scanner(world, scan())
    declaring.save_form(
        timepoint=world.timepoint("N-001", "BL"), values={"SCANNER": "CT 2"}, actor=world.coordinator, at=AT
    )
    return world


def test_everything_at_a_timepoint_may_be_asked_about_and_says_what_it_is(delivered: World) -> None:
    offered = askable.at_timepoint(delivered.timepoint("N-001", "BL"))
    labels = {about.key: about.label for about in offered}
    series, review = Series.objects.get(), QcReview.objects.get()
    form = delivered.timepoint("N-001", "BL").transfer_forms.get()
    assert labels["trials.timepoint:" + str(delivered.timepoint("N-001", "BL").pk)] == "N-001 BL"
    assert labels[f"imaging.series:{series.pk}"] == "N-001 BL, CT series 1"
    assert labels[f"imaging.qcreview:{review.pk}"] == "QC review 1 of N-001 BL"
    assert labels[f"imaging.transferform:{form.pk}:contrast_given"] == (
        "transfer form of N-001 BL, version 1: Was contrast given?"
    )
    # What the charter asks no CT scan for is no entry to ask about.
    assert f"imaging.transferform:{form.pk}:tracer" not in labels
    for about in offered:
        found = askable.find(delivered.analyst, about.key)
        assert found == about
        assert askable.find(delivered.other_coordinator, about.key) is None


def test_a_series_and_an_entry_are_asked_about_in_one_act_and_answered_on_the_timepoints_page(
    delivered: World,
) -> None:
    timepoint, series = delivered.timepoint("N-001", "BL"), Series.objects.get()
    keys = [f"imaging.series:{series.pk}", f"imaging.transferform:{timepoint.transfer_forms.get().pk}:contrast_given"]
    analyst, coordinator = Client(), Client()
    analyst.force_login(delivered.analyst)
    coordinator.force_login(delivered.coordinator)
    ask = reverse("trials:query_ask", args=[delivered.trial.pk]) + f"?timepoint={timepoint.pk}"
    analyst.post(ask, {"about": keys, "title": "Contrast?", "text": "The form says nothing."})
    of_series, of_field = Query.objects.order_by("pk")
    assert (of_series.about_id, of_series.timepoint) == (series.pk, timepoint)
    assert (of_field.about_field, of_field.site) == ("contrast_given", delivered.north)
    page = coordinator.get(reverse("imaging:timepoint", args=[timepoint.pk])).content.decode()
    for query in (of_series, of_field):
        assert f'action="{reverse("trials:query_answer", args=[query.pk])}"' in page
    shown = coordinator.get(reverse("trials:query", args=[of_field.pk])).content.decode()
    assert reverse("imaging:form", args=[timepoint.pk]) in shown


def test_no_timepoint_is_cleared_over_an_open_query_where_the_charter_lets_it_wait(delivered: World) -> None:
    charter = ImagingCharter.objects.get()
    ImagingCharter.objects.filter(pk=charter.pk).update(
        content={**charter.content, "queries": {"blocks": ["clearance"]}}
    )
    query = querying.raise_query(
        about=Series.objects.get(), title="Phase?", text="Which?", actor=delivered.analyst, at=AT
    )
    with pytest.raises(querying.QueriesOpen):
        clear(delivered, latest())
    querying.answer_query(query=query, text="Venous.", actor=delivered.coordinator, at=AT)
    # An answer that nobody has looked at is no end of the matter.
    with pytest.raises(querying.QueriesOpen):
        clear(delivered, latest())
    querying.close_query(query=query, actor=delivered.analyst, at=AT)
    assert clear(delivered, latest()).state == "cleared"
