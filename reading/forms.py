"""Forms of the reading room: what a reader enters, and an adjudicator's choice."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms

from reading.blinded import BlindedLesion, BlindedMeasurement, BlindedTask
from reading.models import Assessment, Lesion, Measurement
from reading.services.assessing import FIRST, LARGEST_MM, LATER, AssessmentEntry, LesionEntry
from trials.forms import SignatureForm

Category, State = Lesion.Category, Measurement.State

NODES = "LYMPH NODE"
#: Terms of CDISC's LOC codelist for the organs that tumours are usually found in.
ORGANS = (
    "LUNG", "LIVER", NODES, "ADRENAL GLAND", "KIDNEY", "BONE", "BRAIN", "PLEURA", "PERITONEUM", "SPLEEN",
    "PANCREAS", "SOFT TISSUE", "OTHER",
)  # fmt: skip
#: More rows than a reader could mean; a request with more is not one of our pages.
MOST_ROWS = 80


class Millimetres(forms.DecimalField):
    """A length in mm; a decimal comma is taken as well as a point."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def to_python(self, value: Any) -> Any:
        """Read a number with either decimal sign."""
        return super().to_python(value.replace(",", ".") if isinstance(value, str) else value)


class LesionForm(forms.Form):
    """One lesion at this timepoint, or one part of a target that split.

    A lesion known from an earlier timepoint shows what it is and asks for its size or state; one found here asks
    for all. While signing, whatever a signature needs is asked for; a draft may leave it open.
    """

    number = forms.IntegerField(required=False, widget=forms.HiddenInput)
    part = forms.IntegerField(required=False, min_value=0, max_value=20, initial=0, widget=forms.HiddenInput)
    removed = forms.BooleanField(required=False, widget=forms.HiddenInput)
    category = forms.ChoiceField(choices=Category.choices, widget=forms.HiddenInput)
    organ = forms.ChoiceField(choices=[("", "Choose…"), *((organ, organ.capitalize()) for organ in ORGANS)])
    description = forms.CharField(max_length=120, required=False, label="Where")
    state = forms.ChoiceField(required=False)
    diameter_mm = Millimetres(
        required=False, min_value=Decimal("0.01"), max_value=LARGEST_MM, decimal_places=2, label="Diameter, mm"
    )
    instance = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    frame = forms.IntegerField(required=False, min_value=1, max_value=100_000, widget=forms.HiddenInput)
    reason = forms.CharField(max_length=200, required=False, label="Why not")

    def __init__(self, *args: Any, known: dict[int, BlindedLesion], signing: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.signing = signing
        self.lesion = known.get(_whole(self["number"].value()))
        self.carried = self.lesion is not None and not self.lesion.found_here
        if self.carried and self.lesion is not None:
            self.kind: str = self.lesion.category
            for name in ("category", "organ", "description"):
                del self.fields[name]
        else:
            self.kind = str(self["category"].value() or "")
            if self.lesion and self.lesion.organ not in ORGANS:
                self.fields["organ"].choices += [(self.lesion.organ, self.lesion.organ)]  # type: ignore[attr-defined]
        self._offer_states()

    def _offer_states(self) -> None:
        offered = (LATER if self.carried else FIRST).get(self.kind, frozenset())
        labelled = [(value, label) for value, label in State.choices if value in offered]
        measurable = State.MEASURED in offered and len(labelled) > 1
        self.fields["state"].choices = labelled if measurable else [("", "Choose…"), *labelled]  # type: ignore[attr-defined]
        # A target found here is measured, and a non-target found here is present: nothing to choose.
        self.only_state = labelled[0][0] if len(labelled) == 1 else ""
        if State.MEASURED not in offered:
            del self.fields["diameter_mm"]
        else:
            self.fields["diameter_mm"].widget.attrs["placeholder"] = "short axis" if self.nodal else "longest"
        if State.NOT_EVALUABLE not in offered:
            del self.fields["reason"]

    @property
    def label(self) -> str:
        """The lesion's name, empty before the first save."""
        return self.lesion.label if self.lesion else ""

    @property
    def nodal(self) -> bool:
        """Whether the lesion is a lymph node, which is measured by its short axis (RECIST 1.1 §4.2)."""
        return self.lesion.nodal if self.carried and self.lesion else self["organ"].value() == NODES

    @property
    def stamp(self) -> BlindedMeasurement | None:
        """Where the entry stored so far was measured."""
        part = _whole(self["part"].value())
        return next((m for m in self.lesion.present if m.part == part), None) if self.lesion else None

    def clean(self) -> dict[str, Any]:
        """A measured lesion has a diameter and no other has one; signing asks why a lesion is not evaluable."""
        data = super().clean() or {}
        state = data.get("state") or self.only_state
        measured = data.get("diameter_mm") is not None
        if state == State.MEASURED and "diameter_mm" not in self.errors and not measured:
            if self.signing:
                self.add_error("diameter_mm", "Enter the diameter.")
            state = ""
        elif state != State.MEASURED and measured:
            self.add_error("diameter_mm", "Only a measured lesion has a diameter. Clear it, or choose “measured”.")
        if self.signing and state == State.NOT_EVALUABLE and not data.get("reason", "").strip():
            self.add_error("reason", "Say why the lesion cannot be evaluated.")
        if self.signing and "state" not in self.errors and not state and "diameter_mm" not in self.fields:
            self.add_error("state", "Choose what you see.")
        data["state"] = state
        return data

    def entry(self) -> LesionEntry:
        """Return the row as the services take it."""
        data = self.cleaned_data
        return LesionEntry(
            # A number that the read does not know any more was removed in another window: it is found anew.
            number=data["number"] if self.lesion else None,
            category=self.kind,
            organ=data.get("organ", ""),
            nodal=self.nodal,
            description=data.get("description", ""),
            state=data["state"],
            diameter_mm=data.get("diameter_mm"),
            instance=data["instance"] or None,
            frame=data["frame"] or 1,
            reason=data.get("reason", ""),
            part=data["part"] or 0,
        )


class AssessmentForm(forms.Form):
    """What holds for the whole timepoint; `version` says which save the page started from."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    rows = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=MOST_ROWS)
    image_quality = forms.ChoiceField(
        choices=Assessment._meta.get_field("image_quality").choices or (), widget=forms.RadioSelect
    )
    comment = forms.CharField(required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 2}))


class ReadForm:
    """The read page's form: the assessment and its lesions as one.

    Rows are numbered from 0 in the order in which the page shows them; a row that was taken away stays, marked.
    """

    def __init__(self, task: BlindedTask, data: Any = None, *, signing: bool = False) -> None:
        self.task = task
        known = {lesion.number: lesion for lesion in task.lesions}
        shown = list(_rows(task.lesions))
        initial = {
            "version": task.version,
            "rows": len(shown),
            "image_quality": task.image_quality,
            "comment": task.comment,
        }
        self.assessment = AssessmentForm(data, initial=initial)
        # On images that cannot be evaluated no lesion needs an entry.
        signing = signing and data is not None and data.get("image_quality") != "not_evaluable"
        if data is None:
            self.lesions = [LesionForm(prefix=f"lesion-{n}", known=known, initial=row) for n, row in enumerate(shown)]
        else:
            count = self.assessment.cleaned_data.get("rows", 0) if self.assessment.errors is not None else 0
            self.lesions = [LesionForm(data, prefix=f"lesion-{n}", known=known, signing=signing) for n in range(count)]
        self.blanks = {
            str(category): LesionForm(prefix="lesion-__row__", known=known, initial={"category": category})
            for category in ((Category.TARGET, Category.NON_TARGET) if task.is_baseline else (Category.NEW,))
        }

    @property
    def kept(self) -> list[LesionForm]:
        """The rows that were not taken away."""
        return [form for form in self.lesions if not form.is_bound or not _is_removed(form)]

    def of(self, category: str) -> list[LesionForm]:
        """Return the kept rows of one category."""
        return [form for form in self.kept if form.kind == category]

    @property
    def targets(self) -> list[LesionForm]:
        """Rows of target lesions."""
        return self.of(Category.TARGET)

    @property
    def nontargets(self) -> list[LesionForm]:
        """Rows of non-target lesions."""
        return self.of(Category.NON_TARGET)

    @property
    def new_lesions(self) -> list[LesionForm]:
        """Rows of lesions that appeared after baseline."""
        return self.of(Category.NEW)

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
        )

    def unnumbered(self) -> list[str]:
        """Return the prefixes of rows of lesions that have no number yet, in order."""
        return [str(form.prefix) for form in self.kept if form.lesion is None]


def _whole(value: Any) -> int:
    """Read a small number that was typed or stored; anything else is 0, which no lesion has."""
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def _is_removed(form: LesionForm) -> bool:
    return form["removed"].value() in ("1", "on", "true", True)


def _rows(lesions: Iterable[BlindedLesion]) -> Iterable[dict[str, Any]]:
    for lesion in lesions:
        about = {
            "number": lesion.number,
            "category": lesion.category,
            "organ": lesion.organ,
            "description": lesion.description,
        }
        for entry in lesion.present or (None,):
            if entry is None:
                yield about
                continue
            yield about | {
                "part": entry.part,
                "state": entry.state,
                "diameter_mm": entry.diameter_mm,
                "instance": entry.instance_key,
                "frame": entry.frame,
                "reason": entry.reason,
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
