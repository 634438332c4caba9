"""The forms that sites signed, one table for each form with a dictionary of its columns, in one package.

A row is one signed version, superseded ones included; a column is one field, named by its variable. Fields of several
charter versions stand side by side; the dictionary says for each version what a column means. An answer is its code, a
number in the unit of the dictionary, or a moment as in ISO 8601. Answers that could point to a person are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from compliance.exporting import Exporter
from compliance.models import Record
from compliance.spreadsheets import as_csv
from imaging.models import TransferForm
from trials.form_answers import cell
from trials.form_terms import ASKED, COLUMNS, KINDS, FieldTerms, FormTerms
from trials.models import DeclaredForm, Site, SiteForm, Subject, Timepoint, Trial
from trials.states import FormState, SubjectState
from trials.terms.kinds import plain_number

_DICTIONARY = (
    "FORMCD", "FORM", "CHARTVER", "ASKED", "VARIABLE", "LABEL", "KIND", "UNIT", "CODES", "NEEDED", "LEAST", "MOST",
    "USUALLEAST", "USUALMOST", "ASKEDIF", "EXPORTED",
)  # fmt: skip
_SIGNED = (FormState.SIGNED, FormState.SUPERSEDED)


class Row(NamedTuple):
    """One signed version: what names it, its answers in their types, and the reasons for unusual ones."""

    named: tuple[object, ...]
    answers: Mapping[str, Any]
    confirmed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FormTable:
    """One form: what each charter version declares of it, and its rows."""

    code: str
    versions: Mapping[int, FormTerms]
    rows: Sequence[Row]

    @property
    def fields(self) -> list[FieldTerms]:
        """The fields that are exported, those of the latest version first."""
        known: dict[str, FieldTerms] = {}
        for _, terms in sorted(self.versions.items(), reverse=True):
            for one in terms.fields:
                known.setdefault(one.code, one)
        hidden = {one.code for terms in self.versions.values() for one in terms.fields if one.confidential}
        return [one for one in known.values() if one.code not in hidden]


@dataclass(frozen=True, slots=True)
class SiteForms:
    """Every form of a trial."""

    trial: str
    tables: Sequence[FormTable]


class SiteFormsExport(Exporter[SiteForms]):
    """The package of signed forms."""

    identifier = "site-forms"
    title = "Forms that sites signed"
    sources = ("imaging/exports", "trials/form_terms.py", "trials/form_answers.py", "compliance/spreadsheets.py")

    def ready(self, about: Record) -> None:
        """Signed versions never change, so the trial may still be under way."""

    def snapshot(self, about: Record) -> SiteForms:
        assert isinstance(about, Trial)
        related = ("charter", "timepoint__subject__site")
        transfers = TransferForm.objects.filter(timepoint__subject__trial=about).select_related(*related)
        transfers = transfers.exclude(timepoint__subject__state=SubjectState.CASE)
        further = SiteForm.objects.filter(site__trial=about).select_related(*related, "site", "subject")
        tables: dict[str, tuple[dict[int, FormTerms], list[Row]]] = {}
        for form in (*transfers.filter(state__in=_SIGNED), *further.filter(state__in=_SIGNED)):
            versions, rows = tables.setdefault(form.terms.code, ({}, []))
            versions[form.charter.version] = form.terms
            rows.append(Row(_named(about, form), form.values, form.confirmed))
        made = [
            FormTable(code, versions, sorted(rows, key=lambda row: [str(one) for one in row.named]))
            for code, (versions, rows) in sorted(tables.items())
        ]
        return SiteForms(about.code, made)

    def statement(self, snapshot: SiteForms) -> Mapping[str, Any]:
        return {"trial": snapshot.trial, "forms": {table.code: len(table.rows) for table in snapshot.tables}}

    def files(self, snapshot: SiteForms) -> Iterable[tuple[str, bytes]]:
        for table in snapshot.tables:
            yield f"{table.code}.csv", _bytes((*COLUMNS, *(one.code for one in table.fields)), _rows(table))
        meanings = [line for table in snapshot.tables for line in _meanings(table)]
        yield "dictionary.csv", _bytes(_DICTIONARY, meanings)

    def file_name(self, snapshot: SiteForms) -> str:
        return f"{snapshot.trial}-forms.zip"


def _bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    return as_csv(header, rows).encode("utf-8-sig")


def _named(trial: Trial, form: DeclaredForm) -> tuple[object, ...]:
    place = form.place
    subject = place.subject if isinstance(place, Timepoint) else place if isinstance(place, Subject) else None
    site = place if isinstance(place, Site) else place.site
    signed_at = form.signed_at.isoformat(timespec="seconds") if form.signed_at else ""
    return (
        trial.code,
        site.code,
        subject.code if subject else "",
        place.code if isinstance(place, Timepoint) else "",
        form.terms.code,
        form.version,
        form.charter.version,
        str(form.state),
        signed_at,
    )


def _rows(table: FormTable) -> Iterable[Sequence[object]]:
    fields = table.fields
    for named, answers, confirmed in table.rows:
        reasons = "; ".join(f"{one.code}: {confirmed[one.code]}" for one in fields if one.code in confirmed)
        yield (*named, reasons, *(cell(answers.get(one.code)) for one in fields))


def _meanings(table: FormTable) -> Iterable[Sequence[object]]:
    exported = {one.code for one in table.fields}
    for version, terms in sorted(table.versions.items()):
        for one in terms.fields:
            codes = "; ".join(f"{code} = {words}" for code, words in one.options.items())
            bounds = [
                "" if bound is None else plain_number(bound)
                for bound in (one.least, one.most, one.usual_least, one.usual_most)
            ]
            condition = f"{one.only_if} is {' or '.join(one.only_if_is)}" if one.only_if else ""
            yield (
                terms.code, terms.title, version, ASKED[terms.asked], one.code, one.label, KINDS[one.kind], one.unit,
                codes, "Y" if one.required else "N", *bounds, condition, "Y" if one.code in exported else "N",
            )  # fmt: skip
