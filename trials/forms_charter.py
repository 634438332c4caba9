"""The charter's editor: its fields follow from the declaration of the charter, which alone judges what was typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django import forms
from django.utils.functional import cached_property

from trials.charter.records import RetentionRule
from trials.charter.sections import sections
from trials.charter.words import titled
from trials.forms_deidentification import DeidentificationForm, DeviceForm, DeviceFormSet, RuleFormSet
from trials.forms_terms import RowForm, TermsForm, sentence
from trials.models import ImagingCharter
from trials.retention import MOST_DAYS, Leave, Retention
from trials.terms.kinds import Place, Problem
from trials.terms.records import Group, Rows, Section, Table, Term

#: Rows of one table that a page takes.
_MOST_ROWS = 200


@dataclass
class Fields:
    """Terms that stand side by side."""

    form: TermsForm
    under: str = ""
    title: str = ""
    help: str = ""
    template = "trials/_charter_fields.html"

    def content(self) -> dict[str, Any]:
        """Return what was typed, by the names of terms."""
        return {self.under: self.form.content()} if self.under else self.form.content()

    def show(self, place: Place, reason: str) -> bool:
        """Show a problem beside its field; tell whether it is here."""
        if self.under:
            return place[:1] == (self.under,) and self.form.show(place[1:], reason)
        return self.form.show(place, reason)


@dataclass
class RowsPart:
    """A table, of which rows can be added and taken out; a row may hold tables itself.

    Attributes
    ----------
    at
        Where the table stands, in the charter or in its row.
    within
        Prefix of that row.
    """

    one: Term
    at: Place
    values: Sequence[Any]
    data: Any = None
    within: str = ""
    problems: list[str] = field(default_factory=list)
    template = "trials/_charter_rows.html"

    def __post_init__(self) -> None:
        assert isinstance(self.one.kind, Rows)
        self.kind: Rows = self.one.kind
        self.prefix = "-".join(map(str, filter(None, (self.within, *self.at))))
        # What stands for the number of a new row; a table within a new row has its own.
        self.mark = "__row__" if self.within else "__prefix__"
        self.terms = list(Term.of(self.kind.of))
        self.forms = [
            self._row(self.values[number] if number < len(self.values) else None, str(number))
            for number in range(self.total)
        ]
        self.rows = [form for form in self.forms if form.counts] if self.data is not None else []

    @cached_property
    def total(self) -> int:
        """How many rows the page has."""
        if self.data is None:
            return len(self.values)
        said = self.data.get(f"{self.prefix}-TOTAL_FORMS", "")
        return min(int(said), _MOST_ROWS) if said.isdecimal() and len(said) < 6 else 0

    def _row(self, values: Any, number: str, *, empty: bool = False) -> RowForm:
        data, prefix = None if empty else self.data, f"{self.prefix}-{number}"
        form = RowForm(self.terms, values, data, prefix)
        within = (one for one in self.terms if isinstance(one.kind, Rows))
        form.tables = [RowsPart(one, (one.name,), getattr(values, one.name, ()), data, prefix) for one in within]
        return form

    @property
    def empty(self) -> RowForm:
        """The row that a new one is made from."""
        return self._row(None, self.mark, empty=True)

    @property
    def faulty(self) -> bool:
        """Whether something is wrong with it or in it."""
        tables = [table for form in self.forms for table in form.tables]
        return bool(self.problems) or any(form.errors for form in self.forms) or any(one.faulty for one in tables)

    def content(self) -> dict[str, Any]:
        """Return the rows under the name of their term."""
        rows: Any = []
        for form in self.rows:
            row = form.content()
            for table in form.tables:
                row |= table.content()
            rows.append(row)
        for step in reversed(self.at):
            rows = {step: rows}
        return dict(rows)

    def show(self, place: Place, reason: str) -> bool:
        """Show a problem in its row; tell whether it is here."""
        if place[: len(self.at)] != self.at:
            return False
        rest = place[len(self.at) :]
        number = rest[0] if rest else None
        if not (isinstance(number, int) and number <= len(self.rows) and self._show(number - 1, rest[1:], reason)):
            where = f"{self.kind.what.capitalize()} {number}: " if isinstance(number, int) else ""
            self.problems.append(f"{where}{reason if where else sentence(reason)}.")
        return True

    def _show(self, number: int, place: Place, reason: str) -> bool:
        row = self.rows[number]
        return any(table.show(place, reason) for table in row.tables) or row.show(place, reason)


class RetentionForm(forms.Form):
    """How long originals stay."""

    use_required_attribute = False

    originals = forms.ChoiceField(
        label="Originals in quarantine",
        choices=[
            (Leave.KEPT, "Are kept"),
            (Leave.AFTER_DAYS, "Leave some days after QC has cleared their timepoint"),
            (Leave.AT_LOCK, "Leave when the database is locked"),
        ],
    )
    originals_after_days = forms.IntegerField(
        label="Originals leave after, days",
        min_value=1,
        max_value=MOST_DAYS,
        required=False,
        help_text="What left cannot come back.",
    )

    def clean(self) -> dict[str, Any]:
        """A number of days belongs to the rule that counts them."""
        data = super().clean() or {}
        days = data.get("originals_after_days") or self.errors.get("originals_after_days")
        if data.get("originals") == Leave.AFTER_DAYS and not days:
            self.add_error("originals_after_days", "Say after how many days.")
        return data


@dataclass
class RetentionPart:
    """The rule on originals, which has a form of its own."""

    value: Retention
    data: Any = None
    title, help = "Originals", ""
    template = "trials/_charter_fields.html"

    def __post_init__(self) -> None:
        said = {"originals": self.value.leave, "originals_after_days": self.value.days or None}
        self.form = RetentionForm(self.data, initial=said)

    def mistakes(self) -> list[str]:
        """Return what the form itself finds wrong; the charter is not asked then."""
        return _mistakes(self.form)

    def content(self) -> dict[str, Any]:
        """Return the rule as typed, or nothing where it does not hold."""
        if self.mistakes():
            return {}
        leave = Leave(self.form.cleaned_data["originals"])
        days = self.form.cleaned_data["originals_after_days"] if leave is Leave.AFTER_DAYS else 0
        return {"retention": Retention(leave, days).content()}

    def show(self, place: Place, reason: str) -> bool:
        """Show nothing: the form has said it."""
        return place[:1] == ("retention",)


@dataclass
class RecipePart:
    """The recipe, which is read and judged in `imaging.deid`; `device` is one that another page offers, as JSON."""

    value: Mapping[str, Any]
    data: Any = None
    device: str = ""
    problems: list[str] = field(default_factory=list)
    template = "trials/_charter_recipe.html"

    def __post_init__(self) -> None:
        initial = DeidentificationForm.initial_from(self.value)
        self.form = DeidentificationForm(self.data, initial=initial, prefix="recipe")
        self.rules = RuleFormSet(self.data, initial=list(self.value.get("rules", [])), prefix="rules")
        rows = [*self.value.get("pixel_regions", []), *DeviceForm.offered(self.device)]
        devices = [DeviceForm.initial_from(row) for row in rows]
        self.devices = DeviceFormSet(self.data, initial=devices, prefix="devices")

    def mistakes(self) -> list[str]:
        """Return what the forms themselves find wrong; the charter is not asked then."""
        rows = [row for row in (*self.rules, *self.devices) if row.errors and not row.cleaned_data.get("DELETE")]
        whole = [*self.rules.non_form_errors(), *self.devices.non_form_errors()]
        return [*whole, *(mistake for form in (self.form, *rows) for mistake in _mistakes(form))]

    def content(self) -> dict[str, Any]:
        """Return the recipe as typed, or as it was where it does not hold."""
        if self.mistakes():
            return {"deidentification": self.value}
        return {"deidentification": self.form.recipe(self.value, _kept(self.rules), _kept(self.devices))}

    def show(self, place: Place, reason: str) -> bool:
        """Show a problem above the recipe; tell whether it is one of it."""
        if place[:1] != ("deidentification",):
            return False
        self.problems.append(f"{sentence(reason)}.")
        return True


Part = Fields | RowsPart | RetentionPart | RecipePart


@dataclass
class EditedSection:
    """A section of the charter with its fields."""

    section: Section
    parts: list[Part]
    problems: list[str] = field(default_factory=list)
    faulty: bool = False


class CharterForm:
    """The whole charter as one form, section by section."""

    def __init__(
        self, charter: ImagingCharter, data: Any = None, *, device: str = "", with_transfer_form: bool = False
    ) -> None:
        said = charter.terms
        self.has_transfer_form = with_transfer_form or any(form.asked == "delivery" for form in said.forms)
        if with_transfer_form and said.transfer_form not in said.forms:
            said = replace(said, forms=(said.transfer_form, *said.forms))
        self.sections = [
            EditedSection(section, list(_parts(terms, said, data, device=device)))
            for section, terms in sections().items()
        ]
        self.problems: list[tuple[str, str]] = []

    @property
    def parts(self) -> list[Part]:
        """Every part, in the order of the page."""
        return [part for section in self.sections for part in section.parts]

    def is_valid(self) -> bool:
        """Tell whether the forms hold that are not the charter's to judge; every one shows its errors."""
        return not any(part.mistakes() for part in self.parts if isinstance(part, RetentionPart | RecipePart))

    def content(self) -> dict[str, Any]:
        """Return the charter's content as typed in."""
        content: dict[str, Any] = {}
        for part in self.parts:
            _merge(content, part.content())
        return content

    def show(self, problems: Sequence[Problem]) -> None:
        """Show each problem at its field, at its section, and in the list above all."""
        for edited in self.sections:
            own = [part for part in edited.parts if isinstance(part, RetentionPart | RecipePart)]
            mistakes = [(edited.section.name, mistake) for part in own for mistake in part.mistakes()]
            edited.faulty = bool(mistakes)
            self.problems += mistakes
        for place, reason in problems:
            where, section = titled(place)
            self.problems.append((section.name if section else "", f"{where}: {reason}" if where else reason))
            for edited in self.sections:
                if edited.section is section:
                    edited.faulty = True
                    if not any(part.show(place, reason) for part in edited.parts):
                        edited.problems.append(f"{where}: {reason}.")


def _parts(terms: Sequence[Term], values: Any, data: Any, under: str = "", *, device: str = "") -> Iterator[Part]:
    """Go through the terms: plain ones stand together, tables and groups by themselves."""
    plain = [one for one in terms if not isinstance(one.kind, Rows | Group | Table | RetentionRule)]
    if plain:
        yield Fields(TermsForm(plain, values, data, under or None), under)
    for one in terms:
        value = getattr(values, one.name)
        match one.kind:
            case Rows():
                yield RowsPart(one, (under, one.name) if under else (one.name,), value, data)
            case Group():
                for part in _parts(list(Term.of(one.kind.of)), value, data, one.name):
                    if isinstance(part, Fields):
                        part.title, part.help = one.title, one.help
                    yield part
            case RetentionRule():
                yield RetentionPart(value, data)
            case Table():
                yield RecipePart(value, data, device)


def _mistakes(form: forms.Form) -> list[str]:
    labels = {name: one.label or name.replace("_", " ").capitalize() for name, one in form.fields.items()}
    return [
        f"{labels[name]}: {errors[0]}" if name in labels else str(errors[0]) for name, errors in form.errors.items()
    ]


def _kept(formset: Any) -> list[dict[str, Any]]:
    rows = [row for row in formset.cleaned_data if row and not row.get("DELETE")]
    return [{name: value for name, value in row.items() if name != "DELETE"} for row in rows]


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value
