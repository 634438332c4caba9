"""The figure of a trial's course: what it says in words is what it was given."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from reading.variability.course_plots import Course, course_svg

MONTHS = ("2026-01", "2026-02", "2026-03")


def test_the_last_counts_are_in_its_words_and_beside_its_lines() -> None:
    courses = [Course("Planned", (4, 6, 9)), Course("Received", (1, 5, 5)), Course("Read", (0, 0, 2))]
    svg = course_svg(MONTHS, courses, title="Visits")
    told = ET.fromstring(svg)  # noqa: S314 - our own
    texts = [one.text for one in told.iter("{http://www.w3.org/2000/svg}text")]
    assert "Visits up to the end of 2026-03: Planned 9; Received 5; Read 2." in svg
    assert {"Planned 9", "Received 5", "Read 2", *MONTHS} <= set(texts)
    lines = list(told.iter("{http://www.w3.org/2000/svg}polyline"))
    # Each begins at none, and has two corners for each month.
    assert [len(line.attrib["points"].split()) for line in lines] == [7, 7, 7]
    assert course_svg(MONTHS, courses, title="Visits") == svg


def test_without_visits_it_says_so() -> None:
    assert "Nothing was received yet." in course_svg((), [Course("Read", ())], title="Visits")
    assert "Nothing was received yet." in course_svg(MONTHS, [Course("Read", (0, 0, 0))], title="Visits")
