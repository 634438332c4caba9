"""Forms of the reading room: what a reader enters, as the criteria declare it, and an adjudicator's choice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms

from reading.blinded import BlindedLesion, BlindedQuestion, BlindedTask
from reading.criteria.form import DIAMETER, NEW, NON_TARGET, TARGET, Field, Lesions
from reading.lesion_form import Asked, LesionForm, ask, at_of, cure, field_of, initial_of, value_of
from reading.models import Assessment
from reading.services.entries import AssessmentEntry
from trials.forms import SignatureForm

#: More rows than a reader could mean; a request with more is not one of our pages.
MOST_ROWS = 80
#: Keys that add a lesion to a list.
_KEYS = {TARGET: "t", NON_TARGET: "n", NEW: "n"}


class AssessmentForm(forms.Form):
    """What holds for the whole timepoint; `version` says which save the page started from."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    rows = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=MOST_ROWS)
    image_quality = forms.ChoiceField(
        choices=Assessment._meta.get_field("image_quality").choices or (), widget=forms.RadioSelect
    )
    comment = forms.CharField(required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 2}))
    stated_response = forms.ChoiceField(required=False, label="Your response")
    stated_reason = forms.CharField(
        required=False, max_length=1000, label="Why", widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, task: BlindedTask, signing: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.signing = signing
        self.declared = task.form.asked(at_of(task))
        for question in self.declared:
            label = f"{question.label}, {question.unit}" if question.unit else question.label
            self.fields[f"answer_{question.name}"] = field_of(question, label)
        terms = () if task.is_baseline else task.terms
        offered = [(term.value, f"{term.value}, {term.words.lower()}") for term in terms]
        if task.question is not None:
            self._ask(task.question)
        self.fields["stated_response"].choices = [("", "As derived"), *offered]  # type: ignore[attr-defined]

    def _ask(self, question: BlindedQuestion) -> None:
        # A draft may leave it open.
        self.fields["verdict"] = forms.ChoiceField(
            choices=question.answers,
            required=self.signing or not self.is_bound,
            widget=forms.RadioSelect,
            label=question.asks,
            error_messages={"required": "Answer what is asked."},
        )
        self.fields["verdict_reason"] = forms.CharField(
            required=False,
            max_length=1000,
            label="Why",
            widget=forms.Textarea(attrs={"rows": 2}),
            help_text="Needed where you answer otherwise than what is derived.",
        )

    @property
    def questions(self) -> list[Asked]:
        """The form's questions about the timepoint."""
        return [Asked(one, self[f"answer_{one.name}"], one.label) for one in self.declared]

    def clean(self) -> dict[str, Any]:
        """An answer fits what else was answered; signing asks for all that is needed."""
        data = super().clean() or {}
        entered = {q.name: value_of(q, data.get(f"answer_{q.name}")) for q in self.declared}
        given = {name: value for name, value in entered.items() if value is not None}
        missing = [q for q in self.declared if q.required and q.name not in given and q.holds(given)]
        for question in self.declared:
            name = f"answer_{question.name}"
            if question.name in given and not question.holds(given):
                self.add_error(name, f"This goes with another answer. {cure(question)}")
            elif self.signing and question in missing and name not in self.errors:
                self.add_error(name, ask(question.label, question))
        if self.signing and data.get("stated_response") and not data.get("stated_reason", "").strip():
            self.add_error("stated_reason", "Say why you disagree with the derived response.")
        data["answers"] = given
        return data


@dataclass(frozen=True, slots=True)
class Shown:
    """One list of lesions on the page; `blank` is a row to add, None where none can be."""

    declared: Lesions
    rows: list[LesionForm]
    blank: LesionForm | None
    hint: str

    @property
    def key(self) -> str:
        """The key that adds a lesion."""
        return _KEYS[self.declared.category]


class ReadForm:
    """The read page's form: the assessment and its lesions as one.

    Rows are numbered from 0 in the order in which the page shows them; a row that was taken away stays, marked.
    """

    def __init__(self, task: BlindedTask, data: Any = None, *, signing: bool = False) -> None:
        self.task = task
        shown = list(_rows(task))
        initial = {
            "version": task.version,
            "rows": len(shown),
            "image_quality": task.image_quality,
            "comment": task.comment,
            "stated_response": task.stated_response,
            "stated_reason": task.stated_reason,
            "verdict": task.question.verdict if task.question else "",
            "verdict_reason": task.question.reason if task.question else "",
            **{f"answer_{q.name}": initial_of(q, task.answers) for q in task.form.questions},
        }
        # On images that cannot be evaluated no lesion needs an entry, and no question an answer.
        signing = signing and data is not None and data.get("image_quality") != "not_evaluable"
        self.assessment = AssessmentForm(data, initial=initial, task=task, signing=signing)
        if data is None:
            self.lesions = [LesionForm(prefix=f"lesion-{n}", task=task, initial=row) for n, row in enumerate(shown)]
        else:
            count = self.assessment.cleaned_data.get("rows", 0) if self.assessment.errors is not None else 0
            self.lesions = [LesionForm(data, prefix=f"lesion-{n}", task=task, signing=signing) for n in range(count)]
        self.blanks = {
            listed.category: LesionForm(prefix="lesion-__row__", task=task, initial={"category": listed.category})
            for listed in task.form.found(at_of(task))
        }

    @property
    def kept(self) -> list[LesionForm]:
        """The rows that were not taken away."""
        return [form for form in self.lesions if not form.is_bound or not _is_removed(form)]

    @property
    def lists(self) -> list[Shown]:
        """The lists of lesions of this timepoint, in the pack's order."""
        baseline = self.task.is_baseline
        listed = [one for one in self.task.form.lesions if not baseline or one.category in self.blanks]
        return [
            Shown(
                one,
                [form for form in self.kept if form.kind == one.category],
                self.blanks.get(one.category),
                one.hint if baseline else one.later_hint,
            )
            for one in listed
        ]

    @property
    def errors(self) -> dict[str, list[str]]:
        """What is wrong, by the field's id on the page."""
        found = {self.assessment[name].auto_id: [str(s) for s in said] for name, said in self.assessment.errors.items()}
        for form in self.kept:
            for name, said in form.errors.items():
                place = form[name].auto_id if name in form.fields else str(form.prefix)
                found[place] = [str(sentence) for sentence in said]
        return found

    def is_valid(self) -> bool:
        """Tell whether all parts hold; each keeps its own errors."""
        return not self.errors

    def entry(self) -> AssessmentEntry:
        """Return what was entered, as the services take it."""
        data = self.assessment.cleaned_data
        entries = [form.entry() for form in self.kept]
        return AssessmentEntry(
            version=data["version"],
            image_quality=data["image_quality"],
            comment=data["comment"],
            # A part without a size is not there yet: a target is split once its parts are measured.
            lesions=tuple(entry for entry in entries if entry.state or not entry.part),
            answers=data["answers"],
            stated_response=data["stated_response"],
            stated_reason=data["stated_reason"],
            verdict=data.get("verdict", ""),
            verdict_reason=data.get("verdict_reason", ""),
        )

    def unnumbered(self) -> list[str]:
        """Return the prefixes of rows of lesions that have no number yet, in order."""
        return [str(form.prefix) for form in self.kept if form.lesion is None]


def _is_removed(form: LesionForm) -> bool:
    return form["removed"].value() in ("1", "on", "true", True)


def _rows(task: BlindedTask) -> Iterable[dict[str, Any]]:
    for lesion in task.lesions:
        listed = task.form.of(lesion.category)
        yield from _rows_of(lesion, listed.fields if listed else ())


def _rows_of(lesion: BlindedLesion, fields: Iterable[Field]) -> Iterable[dict[str, Any]]:
    about = {
        "number": lesion.number,
        "category": lesion.category,
        "organ": lesion.organ,
        "description": lesion.description,
    }
    if not lesion.present:
        yield about
    for entry in lesion.present:
        stored = {**entry.values, DIAMETER: entry.diameter_mm}
        yield about | {
            "part": entry.part,
            "state": entry.state,
            "instance": entry.instance_key,
            "frame": entry.frame,
            "mark": entry.mark,
            "reason": entry.reason,
            **{field.name: initial_of(field, stored) for field in fields},
        }


class AdjudicationForm(SignatureForm):
    """An adjudicator's choice between the two sides, with the rationale."""

    choice = forms.ChoiceField(
        choices=[("left", "Assessment A"), ("right", "Assessment B")], widget=forms.RadioSelect, label="Your choice"
    )
    rationale = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4}),
        min_length=10,
        max_length=4000,
        help_text="Why this assessment is right: the images, the lesions, the clause.",
    )
    field_order = ["choice", "rationale", "password"]
