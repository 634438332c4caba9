"""Files as an EDC system exports them."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr


def visit(name: str, **items: str) -> str:
    """A visit with items by the last word of their OID."""
    return f'<StudyEventData StudyEventOID="SE.{name}">{_form(items)}</StudyEventData>'


def subject(code: str, *visits: str, site: str = "NORTH", day_1: str = "2026-01-05", **items: str) -> str:
    """A subject with its day 1, other items of its enrolment, and its visits."""
    enrolment = visit("ENROL", RFSTDTC=day_1, **items)
    head = f'<SubjectData SubjectKey={quoteattr(code)}><SiteRef LocationOID="LOC.{site}"/>'
    return f"{head}{enrolment}{''.join(visits)}</SubjectData>"


def odm(*subjects: str, study: str = "PLX-1", version: str = "1.3.2") -> str:
    """A file of these subjects."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" ODMVersion="{version}" FileType="Snapshot" FileOID="F.1" '
        'CreationDateTime="2026-02-01T10:00:00+00:00">'
        f'<ClinicalData StudyOID="S.{study}" MetaDataVersionOID="MDV.1">{"".join(subjects)}</ClinicalData></ODM>'
    )


def _form(items: dict[str, str]) -> str:
    told = "".join(f'<ItemData ItemOID="I.{name}" Value={quoteattr(value)}/>' for name, value in items.items() if value)
    return f'<FormData FormOID="F.SV"><ItemGroupData ItemGroupOID="IG.SV">{told}</ItemGroupData></FormData>'
