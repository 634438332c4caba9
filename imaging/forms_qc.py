"""Forms of quality control: which rounds are shown, and the decision on one, part by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import QuerySet

from imaging.models import QcReview
from imaging.selectors_qc import Judged, Part, parts_to_judge, standing
from imaging.services.reviewing import Ask
from imaging.states import Verdict
from trials.forms import SignatureForm
from trials.models import Site

_SAID = {Verdict.PASS: "passed", Verdict.WAIVE: "waived"}
_TITLES = {Part.IMAGES: "Images", Part.FORM: "Transfer form"}
_ASKED = {Part.IMAGES: "Please send the images again", Part.FORM: "Please correct the transfer form"}


class QueueForm(forms.Form):
    """Which of the rounds that wait are shown."""

    site = forms.ModelChoiceField(Site.objects.none(), required=False, empty_label="Every site")
    show = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Everything that waits"),
            ("blocking", "With blocking findings"),
            ("sent_back", "Sent back before"),
            ("second", "For a second look"),
        ],
    )

    def __init__(self, *args: Any, sites: QuerySet[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["site"].queryset = sites.order_by("code")  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class PartFields:
    """What is asked about one part of a round."""

    part: Part
    title: str
    stands: Judged | None
    verdict: forms.BoundField
    reason: forms.BoundField
    query_title: forms.BoundField
    query_text: forms.BoundField


class DecisionForm(SignatureForm):
    """The decision on a round: a verdict on images and form apart, and what the site is asked about what fails."""

    use_required_attribute = False
    comment = forms.CharField(required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, review: QcReview, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stand, asked = standing(review), parts_to_judge(review)
        self.asked = [part for part in Part if part in asked or part in self.stand]
        blocking = review.findings.filter(severity="block", verdict__in=(Verdict.PENDING, Verdict.FAIL))
        wrong = {Part.IMAGES: " ".join(blocking.values_list("sentence", flat=True))}
        for part in self.asked:
            stands = self.stand.get(part)
            kept = [("", f"Stands: {_SAID[stands.verdict]} in round {stands.round}")] if stands else []
            self.fields[f"{part}_verdict"] = forms.ChoiceField(
                label="Verdict",
                choices=[*kept, (Verdict.PASS, "Pass"), (Verdict.WAIVE, "Waive"), (Verdict.FAIL, "Fail")],
                widget=forms.RadioSelect,
                required=stands is None,
                initial="",
                error_messages={"required": "Pass, waive or fail."},
            )
            self.fields[f"{part}_reason"] = forms.CharField(
                label="Reason", required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
            )
            self.fields[f"{part}_title"] = forms.CharField(
                label="Query to the site", required=False, max_length=120, initial=_ASKED[part]
            )
            self.fields[f"{part}_text"] = forms.CharField(
                label="What the site should do",
                required=False,
                max_length=2000,
                initial=wrong.get(part, ""),
                widget=forms.Textarea(attrs={"rows": 3}),
            )

    def parts(self) -> Iterator[PartFields]:
        """Give the fields part by part, for the page, which shows those that a verdict needs."""
        for part in self.asked:
            fields = [self[f"{part}_{name}"] for name in ("verdict", "reason", "title", "text")]
            for one in fields:
                one.field.required = True
            yield PartFields(part, _TITLES[part], self.stand.get(part), *fields)

    def clean(self) -> dict[str, Any]:
        """Ask for the reason and the query that a verdict needs."""
        data = super().clean() or {}
        for part in self.asked:
            verdict = data.get(f"{part}_verdict")
            needed = {"reason": verdict in (Verdict.WAIVE, Verdict.FAIL)}
            needed |= dict.fromkeys(("title", "text"), verdict == Verdict.FAIL)
            for name, holds in needed.items():
                if holds and not data.get(f"{part}_{name}", "").strip():
                    self.add_error(f"{part}_{name}", _MISSING[name])
        return data

    @property
    def judged(self) -> dict[Part, Judged]:
        """The verdicts given."""
        said = {part: self.cleaned_data.get(f"{part}_verdict") for part in self.asked}
        return {
            part: Judged(Verdict(verdict), self.cleaned_data[f"{part}_reason"])
            for part, verdict in said.items()
            if verdict
        }

    @property
    def asks(self) -> dict[Part, Ask]:
        """What the site is asked about each part."""
        data = self.cleaned_data
        return {part: Ask(data[f"{part}_title"], data[f"{part}_text"]) for part in self.asked}

    @property
    def fails(self) -> bool:
        """Whether something goes back to the site."""
        return any(self[f"{part}_verdict"].data == Verdict.FAIL for part in self.asked)


_MISSING = {
    "reason": "Failing or waiving needs a reason.",
    "title": "Say in a few words what the query is about.",
    "text": "Say what the site should do.",
}
