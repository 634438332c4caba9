"""Declared fields as a form to fill in: what is typed is read here, and judged by `trials.form_answers`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils import timezone

from trials import form_answers
from trials.form_answers import MOST_REASON
from trials.form_terms import YES, FieldTerms
from trials.terms.kinds import plain_number

_REASON = "_WHY"


@dataclass(frozen=True, slots=True)
class ShownField:
    """A field on the page; `reason` is where a value outside the usual range is confirmed, if there is such a range."""

    terms: FieldTerms
    field: forms.BoundField
    reason: forms.BoundField | None

    @property
    def wide(self) -> bool:
        """Whether it takes the width of the page."""
        return "rows" in self.field.field.widget.attrs


class AnswersForm(forms.Form):
    """Fields as a charter declares them; after validation `values` and `confirmed` hold what was said, by code.

    Parameters
    ----------
    values, confirmed
        What was answered before, in types, and the reasons given for unusual values.
    at
        Nothing that must be past lies after it.
    whole
        The answers are to be signed: what is missing is said at its field.
    """

    use_required_attribute = False

    def __init__(
        self,
        terms: Sequence[FieldTerms],
        data: Any = None,
        *,
        at: dt.datetime,
        values: Mapping[str, Any] | None = None,
        confirmed: Mapping[str, str] | None = None,
        whole: bool = False,
        **kwargs: Any,
    ) -> None:
        self.terms, self.at, self.whole = tuple(terms), at, whole
        reasons = {f"{code}{_REASON}": reason for code, reason in (confirmed or {}).items()}
        super().__init__(data, initial={**(values or {}), **reasons}, **kwargs)
        for one in self.terms:
            self.fields[one.code] = _field(one)
            if one.usual_least is not None or one.usual_most is not None:
                self.fields[f"{one.code}{_REASON}"] = _reason(one)
        if not self.is_bound:
            self._mark_needed()

    def full_clean(self) -> None:
        """Read what was typed; what is needed for a signature is no obstacle to a draft."""
        super().full_clean()
        self._mark_needed()

    def _mark_needed(self) -> None:
        for one in self.terms:
            self.fields[one.code].required = one.required

    def clean(self) -> dict[str, Any]:
        """Say what is wrong, and what is missing if the answers are to be signed."""
        data = super().clean() or {}
        self.values = {one.code: _plain(data.get(one.code)) for one in self.terms}
        given = {one.code: data.get(f"{one.code}{_REASON}", "") for one in self.terms}
        self.confirmed = {code: reason for code, reason in given.items() if reason}
        found = form_answers.problems(self.terms, self.values, now=timezone.localtime(self.at))
        if self.whole:
            found = form_answers.missing(self.terms, self.values, self.confirmed) | found
        for code, sentence in found.items():
            if code not in self.errors:
                self.add_error(code, sentence)
        return data

    def parts(self) -> Iterator[tuple[str, list[ShownField]]]:
        """Give the fields part by part, for the page."""
        for title, terms in form_answers.parts(self.terms).items():
            yield title, [self._shown(one) for one in terms]

    def _shown(self, one: FieldTerms) -> ShownField:
        reason = f"{one.code}{_REASON}"
        return ShownField(one, self[one.code], self[reason] if reason in self.fields else None)


def _plain(value: Any) -> Any:
    """Return a moment as it was typed, without the zone that a form puts it into."""
    return timezone.make_naive(value) if isinstance(value, dt.datetime) else value


def _field(one: FieldTerms) -> forms.Field:
    unit = one.unit_in_words
    words: dict[str, Any] = {
        "label": f"{one.label}, {unit}" if unit else one.label,
        "help_text": one.help,
        "required": False,
    }
    field = _of_kind(one, words)
    if one.only_if:
        field.widget.attrs |= {"data-only-if": one.only_if, "data-only-if-is": " ".join(one.only_if_is)}
    return field


def _reason(one: FieldTerms) -> forms.Field:
    bounds = {"data-usual-least": one.usual_least, "data-usual-most": one.usual_most}
    attrs = {name: plain_number(bound) for name, bound in bounds.items() if bound is not None}
    return forms.CharField(
        label=f"{one.label}: why it is right",
        help_text=f"Needed where it is not {form_answers.usual(one)}.",
        required=False,
        max_length=MOST_REASON,
        widget=forms.TextInput(attrs={"dir": "auto", "data-confirms": one.code, **attrs}),
    )


def _of_kind(one: FieldTerms, words: dict[str, Any]) -> forms.Field:
    match one.kind:
        case "yes_no":
            return forms.TypedChoiceField(
                choices=list(one.options.items()),
                coerce=lambda said: said == YES,
                empty_value=None,
                widget=_YesNo,
                **words,
            )
        case "choice":
            return forms.ChoiceField(choices=[("", "Choose…"), *one.options.items()], **words)
        case "integer":
            return forms.IntegerField(widget=_number("1"), **words)
        case "decimal":
            return forms.DecimalField(widget=_number("any"), **words)
        case "date":
            widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            return forms.DateField(widget=widget, **words)
        case "time":
            return forms.TimeField(widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"), **words)
        case "datetime":
            moment = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
            return forms.DateTimeField(widget=moment, **words)
    if one.longest > 200:
        rows = 2 if one.longest <= 1000 else 3
        area = forms.Textarea(attrs={"rows": rows, "dir": "auto"})
        return forms.CharField(widget=area, max_length=one.longest, **words)
    return forms.CharField(widget=forms.TextInput(attrs={"dir": "auto"}), max_length=one.longest, **words)


class _YesNo(forms.RadioSelect):
    """Yes and no, whose stored value is true or false."""

    def format_value(self, value: Any) -> list[str]:
        """Return the codes that are chosen."""
        return [form_answers.code_of(value)] if value not in (None, "") else []


def _number(step: str) -> forms.NumberInput:
    return forms.NumberInput(attrs={"step": step})
