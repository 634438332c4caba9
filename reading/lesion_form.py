"""One lesion's row of the read page, and how a field that a pack declares becomes one of a form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms

from reading.blinded import BlindedMeasurement, BlindedTask
from reading.criteria.form import ACROSS, DIAMETER, MEASURED, NODES, VOLUME, At, Field, Kind
from reading.criteria.values import plain
from reading.models import Measurement
from reading.services.entries import LesionEntry

State = Measurement.State
_YES_NO = [("", "Choose…"), ("yes", "Yes"), ("no", "No")]


class Quantity(forms.DecimalField):
    """A number; a decimal comma is taken as well as a point."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def to_python(self, value: Any) -> Any:
        """Read a number with either decimal sign."""
        return super().to_python(value.replace(",", ".") if isinstance(value, str) else value)


def field_of(declared: Field, label: str = "") -> forms.Field:
    """Return the form field of what a pack declares; whether it is needed is for the form to say."""
    said: dict[str, Any] = {"required": False, "label": label or declared.label, "help_text": declared.help}
    if declared.kind is Kind.CHOICE:
        return forms.ChoiceField(choices=[("", "Choose…"), *declared.choices], **said)
    if declared.kind is Kind.FLAG:
        return forms.ChoiceField(choices=_YES_NO, **said)
    return Quantity(**said, min_value=declared.least, max_value=declared.most, decimal_places=declared.places)


def value_of(declared: Field, entered: Any) -> object:
    """Return what was entered in the declared type; None for nothing."""
    if entered in ("", None):
        return None
    if declared.kind is Kind.FLAG:
        return entered == "yes"
    return entered


def initial_of(declared: Field, stored: Mapping[str, object]) -> object:
    """Return a stored value as its form field shows it."""
    value = stored.get(declared.name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(value) if isinstance(value, Decimal) else value


@dataclass(frozen=True, slots=True)
class Asked:
    """One declared field on the page."""

    declared: Field
    bound: Any
    label: str

    @property
    def when(self) -> str:
        """What it depends on, for the page's script: `state=MEASURED; lesion_class=TARGET`."""
        return "; ".join(f"{when.field}={','.join(when.values)}" for when in self.declared.when)


class LesionForm(forms.Form):
    """One lesion at this timepoint, or one part of a target that split.

    A lesion known from an earlier timepoint shows what it is and asks for its size or state; one found here asks
    for all. While signing, whatever a signature needs is asked for; a draft may leave it open.
    """

    number = forms.IntegerField(required=False, widget=forms.HiddenInput)
    part = forms.IntegerField(required=False, min_value=0, max_value=20, initial=0, widget=forms.HiddenInput)
    removed = forms.BooleanField(required=False, widget=forms.HiddenInput)
    category = forms.ChoiceField(widget=forms.HiddenInput)
    organ = forms.CharField(max_length=40)
    description = forms.CharField(max_length=120, required=False, label="Where")
    state = forms.ChoiceField(required=False)
    instance = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    frame = forms.IntegerField(required=False, min_value=1, max_value=100_000, widget=forms.HiddenInput)
    mark = forms.UUIDField(required=False, widget=forms.HiddenInput)
    reason = forms.CharField(max_length=200, required=False, label="Why not")

    def __init__(self, *args: Any, task: BlindedTask, signing: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.signing = signing
        known = {lesion.number: lesion for lesion in task.lesions}
        self.lesion = known.get(_whole(self["number"].value()))
        self.carried = self.lesion is not None and not self.lesion.found_here
        offered = task.form.lesions if self.carried else task.form.found(at_of(task))
        self.fields["category"].choices = [(listed.category, listed.title) for listed in offered]  # type: ignore[attr-defined]
        self.kind = self.lesion.category if self.carried and self.lesion else str(self["category"].value() or "")
        self.listed = next((listed for listed in offered if listed.category == self.kind), None)
        self._ask_what_it_is()
        self._offer_states()
        self._ask_values()

    def _ask_what_it_is(self) -> None:
        if self.carried:
            for name in ("category", "organ", "description"):
                del self.fields[name]
            return
        # A draft keeps what was measured of a lesion before it is said where it lies.
        self.fields["organ"].required = self.signing
        places = self.listed.places if self.listed else ()
        label = self.listed.place if self.listed else "Organ"
        if places:
            other = [self.lesion.organ] if self.lesion and self.lesion.organ not in places else []
            choices = [("", "Choose…"), *((place, place.capitalize()) for place in (*places, *other))]
            self.fields["organ"] = forms.ChoiceField(choices=choices, label=label, required=self.signing)
        else:
            self.fields["organ"].label = label

    def _offer_states(self) -> None:
        at = At.LATER if self.carried else At.FIRST
        offered = self.listed.states(at) if self.listed else ()
        labelled = [(value, label) for value, label in State.choices if value in offered]
        measurable = MEASURED in offered and len(labelled) > 1
        self.fields["state"].choices = labelled if measurable else [("", "Choose…"), *labelled]  # type: ignore[attr-defined]
        # A target found here is measured, and a non-target found here is present: nothing to choose.
        self.only_state = labelled[0][0] if len(labelled) == 1 else ""
        if State.NOT_EVALUABLE not in offered:
            del self.fields["reason"]

    def _ask_values(self) -> None:
        at = At.LATER if self.carried else At.FIRST
        facts, asked = self.facts, self.listed.asked(at) if self.listed else ()
        here = {"state", *(field.name for field in asked)}
        self.declared = [f for f in asked if all(w.field in here or facts.get(w.field) in w.values for w in f.when)]
        for field in self.declared:
            made = self.fields[field.name] = field_of(field, self._label_of(field))
            made.widget.attrs |= _names(field, self.nodal and bool(field.node_label))
            # A row is short: what a page says of a question stands here behind the field.
            made.help_text = ""

    def _label_of(self, field: Field) -> str:
        label = field.node_label if field.node_label and self.nodal else field.label
        return f"{label}, {field.unit}" if field.unit else label

    @property
    def facts(self) -> Mapping[str, object]:
        """What was stated of a known lesion where it was found."""
        return self.lesion.prior[0].values if self.carried and self.lesion and self.lesion.prior else {}

    @property
    def label(self) -> str:
        """The lesion's name, empty before the first save."""
        return self.lesion.label if self.lesion else ""

    @property
    def nodal(self) -> bool:
        """Whether the lesion is a lymph node, which RECIST measures by its short axis (§4.2)."""
        return self.lesion.nodal if self.carried and self.lesion else self["organ"].value() == NODES

    @property
    def numbers(self) -> list[Asked]:
        """The sizes that are asked."""
        return [one for one in self._asked() if one.declared.kind in (Kind.NUMBER, Kind.WHOLE)]

    @property
    def choices(self) -> list[Asked]:
        """What else is asked."""
        return [one for one in self._asked() if one.declared.kind in (Kind.CHOICE, Kind.FLAG)]

    @property
    def _has_region(self) -> bool:
        return bool(self.lesion and self.lesion.region_ml) and any(f.name == VOLUME for f in self.declared)

    def _asked(self) -> list[Asked]:
        return [Asked(field, self[field.name], self._label_of(field)) for field in self.declared]

    @property
    def hints(self) -> tuple[str, ...]:
        """What the rules say of the entry stored so far."""
        return self.lesion.hints if self.lesion else ()

    @property
    def tool(self) -> str:
        """What the lesion is marked with: two diameters where one is asked, else a point to find it by."""
        return "bidirectional" if any(field.name == DIAMETER for field in self.declared) else "point"

    @property
    def stamp(self) -> BlindedMeasurement | None:
        """Where the entry stored so far was measured."""
        part = _whole(self["part"].value())
        return next((m for m in self.lesion.present if m.part == part), None) if self.lesion else None

    def clean(self) -> dict[str, Any]:
        """What is entered fits the state and what else was chosen; signing asks for all that is needed."""
        data = super().clean() or {}
        state = data.get("state") or self.only_state
        given = {f.name: value for f in self.declared if (value := value_of(f, data.get(f.name))) is not None}
        context = {**self.facts, **given, "state": state}
        # What a mark or a region measures need not be typed.
        drawn = (*((DIAMETER, ACROSS) if data.get("mark") else ()), *((VOLUME,) if self._has_region else ()))
        for field in self.declared:
            if field.name in self.errors:
                continue
            if field.name in given and not field.holds(context):
                self.add_error(field.name, f"This goes with another choice. {cure(field)}")
            elif self.signing and field.required and field.name not in {*given, *drawn} and field.holds(context):
                self.add_error(field.name, ask(self._label_of(field), field))
        if (
            state == MEASURED
            and not given
            and not drawn
            and not any(field.name in self.errors for field in self.declared)
        ):
            state = ""
        if self.signing and state == State.NOT_EVALUABLE and not data.get("reason", "").strip():
            self.add_error("reason", "Say why the lesion cannot be evaluated.")
        if self.signing and not {"state"} & set(self.errors) and not state and not self.numbers:
            self.add_error("state", "Choose what you see.")
        data["state"], data["values"] = state, given
        return data

    def entry(self) -> LesionEntry:
        """Return the row as the services take it."""
        data = self.cleaned_data
        values = dict(data["values"])
        return LesionEntry(
            # A number that the read does not know any more was removed in another window: it is found anew.
            number=data["number"] if self.lesion else None,
            category=self.kind,
            organ=data.get("organ", ""),
            nodal=self.nodal,
            description=data.get("description", ""),
            state=data["state"],
            diameter_mm=values.pop(DIAMETER, None),
            instance=data["instance"] or None,
            frame=data["frame"] or 1,
            reason=data.get("reason", ""),
            part=data["part"] or 0,
            values=values,
            mark=data["mark"],
        )


def _names(field: Field, nodal: bool) -> dict[str, str]:
    """Return what stands in and behind a field; of a size that a lymph node has another one of, both names."""
    attrs = {"title": field.help} if field.help else {}
    if field.kind in (Kind.NUMBER, Kind.WHOLE):
        attrs["placeholder"] = field.node_label.lower() if nodal else field.brief
    if field.node_label:
        attrs |= {"data-node": f"{field.node_label}, {field.unit}", "data-other": f"{field.label}, {field.unit}"}
        attrs |= {"data-brief": field.brief}
    return attrs


def at_of(task: BlindedTask) -> At:
    """Return where in the form's life the timepoint stands."""
    return At.FIRST if task.is_baseline else At.LATER


def cure(field: Field) -> str:
    """Return what to do about a value that is not asked."""
    return "Clear it, or choose “measured”." if "state" in {w.field for w in field.when} else "Clear it."


def ask(label: str, field: Field) -> str:
    """Return the sentence that asks for a value."""
    return f"Enter the {label.split(',')[0].lower()}." if field.kind in (Kind.NUMBER, Kind.WHOLE) else "Choose one."


def _whole(value: Any) -> int:
    """Read a small number that was typed or stored; anything else is 0, which no lesion has."""
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 6 else 0
