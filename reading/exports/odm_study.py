"""What stands around the clinical data of an ODM file: metadata, people, places, and signatures on charter and lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reading.exports.csv_table import Column
from reading.exports.dataset_json import study_oid, version_oid
from reading.exports.endpoint_columns import VALUES
from reading.exports.endpoint_tables import tables
from reading.exports.locked import LockedTrial, Signed, moment
from reading.exports.odm_layout import FORMS, LAYOUT, SUBJECT_EVENT, Placed, event_of, item_of
from reading.exports.odm_subjects import AUTHORSHIP, CORE_LAB, Seen, content, quoted, user_of
from reading.exports.signed_work import MEANING
from reading.exports.xml_text import described, element

#: ODM's kind of each of ours.
_KINDS = {"integer": "integer", "decimal": "float", "date": "date"}
LEGAL = "The signer answers for what was signed as by a signature by hand (21 CFR 11.50, 11.70, 11.100)."


def opened(name: str, attributes: Mapping[str, str]) -> str:
    """Return the tag that opens an element; an attribute that is empty is left out."""
    return f"<{name}{''.join(f' {key}={quoted(value)}' for key, value in attributes.items() if value)}>"


def _version(trial: LockedTrial) -> str:
    return f"{version_oid(trial)}.ODM"


def _placed(trial: LockedTrial) -> list[Placed]:
    made = tables(trial)
    return [placed for placed in LAYOUT if placed.table in made]


def study(trial: LockedTrial, seen: Seen) -> str:
    """Return the trial with its events, forms, item groups and items."""
    names = (("StudyName", trial.code), ("StudyDescription", trial.title or trial.code), ("ProtocolName", trial.code))
    about = element("GlobalVariables", content=[element(name, content=text) for name, text in names])
    items, units = _items(trial, seen)
    symbols = [
        element("MeasurementUnit", {"OID": f"MU.{unit}", "Name": unit}, [element("Symbol", content=[_words(unit)])])
        for unit in sorted(units)
    ]
    version = element(
        "MetaDataVersion",
        {"OID": _version(trial), "Name": f"Imaging endpoints of {trial.code}"},
        [*_events(trial), *_forms(trial), *_groups(trial, seen), *items],
    )
    return element("Study", {"OID": study_oid(trial)}, [about, element("BasicDefinitions", content=symbols), version])


def _events(trial: LockedTrial) -> Iterable[str]:
    visits: dict[str, tuple[int, str, bool]] = {}
    for subject in trial.subjects:
        for visit in subject.timepoints:
            visits.setdefault(visit.code, (visit.order, visit.name, visit.unscheduled))
    known = {event_of(code): visit for code, visit in sorted(visits.items(), key=lambda one: (one[1][0], one[0]))}
    references = [
        element("StudyEventRef", {"StudyEventOID": oid, "OrderNumber": place, "Mandatory": "No"})
        for place, oid in enumerate((SUBJECT_EVENT, *known), start=1)
    ]
    yield element("Protocol", content=references)
    yield _event(SUBJECT_EVENT, "Subject", "Common", _form_names(trial, at_visits=False))
    for oid, (_, name, unscheduled) in known.items():
        kind = "Unscheduled" if unscheduled else "Scheduled"
        yield _event(oid, name or oid, kind, _form_names(trial, at_visits=True))


def _form_names(trial: LockedTrial, *, at_visits: bool) -> list[str]:
    used = {placed.form for placed in _placed(trial)}
    return [form for form, (_, _, stands) in FORMS.items() if stands == at_visits and form in used]


def _event(oid: str, name: str, kind: str, forms: Iterable[str]) -> str:
    inside = [
        element("FormRef", {"FormOID": form, "OrderNumber": place, "Mandatory": "No"})
        for place, form in enumerate(forms, start=1)
    ]
    return element("StudyEventDef", {"OID": oid, "Name": name, "Repeating": "No", "Type": kind}, inside)


def _forms(trial: LockedTrial) -> Iterable[str]:
    placed = _placed(trial)
    for form, (name, repeating, _) in FORMS.items():
        groups = [one.oid for one in placed if one.form == form]
        inside = [
            element("ItemGroupRef", {"ItemGroupOID": oid, "OrderNumber": place, "Mandatory": "No"})
            for place, oid in enumerate(groups, start=1)
        ]
        if groups:
            head = {"OID": form, "Name": name, "Repeating": "Yes" if repeating else "No"}
            yield element("FormDef", head, inside)


def _groups(trial: LockedTrial, seen: Seen) -> Iterable[str]:
    for placed in _placed(trial):
        names = [item_of(placed.oid, column.name) for column in placed.items]
        names += sorted(seen.values) if placed.table is VALUES else []
        references = [
            element("ItemRef", {"ItemOID": name, "OrderNumber": place, "Mandatory": "No"})
            for place, name in enumerate(names, start=1)
        ]
        head = {"OID": placed.oid, "Name": placed.table.title, "Repeating": "Yes", "IsReferenceData": "No"}
        yield element("ItemGroupDef", head, [described(placed.table.row), *references])


def _items(trial: LockedTrial, seen: Seen) -> tuple[list[str], set[str]]:
    """Return the items' definitions, and the units that they refer to."""
    made, units = [], set()
    for placed in _placed(trial):
        for column in placed.items:
            made.append(_item(item_of(placed.oid, column.name), column, seen))
            units.add(column.unit)
    for name, (value, test, unit, derived) in sorted(seen.values.items()):
        meaning = f"{value}, {'derived by the rule pack' if derived == 'derived' else 'entered by the reader'}"
        made.append(_item(name, Column(value, meaning, "text", unit, test), seen))
        units.add(unit)
    return made, units - {""}


def _item(oid: str, column: Column, seen: Seen) -> str:
    longest, decimals = seen.items.get(oid, (0, 0))
    kind = "datetime" if column.name == "signed_at" else _KINDS.get(column.kind, "text")
    head: dict[str, str | int] = {"OID": oid, "Name": column.name, "DataType": kind}
    if kind not in ("date", "datetime"):
        head["Length"] = max(longest, 1)
    if kind == "float":
        head["SignificantDigits"] = decimals
    inside = [described(column.meaning)]
    if column.unit:
        inside.append(element("MeasurementUnitRef", {"MeasurementUnitOID": f"MU.{column.unit}"}))
    if column.sdtm:
        inside.append(element("Alias", {"Context": "SDTM", "Name": column.sdtm}))
    return element("ItemDef", head, inside)


def _words(text: str) -> str:
    return element("TranslatedText", {"xml:lang": "en"}, text)


def _signers(trial: LockedTrial) -> dict[str, str]:
    """Return those who signed charter and lock, by name, as users; the manifest names them too."""
    names = dict.fromkeys(mark.printed_name for mark in trial.signatures)
    return {name: f"U.SIGNER_{place}" for place, name in enumerate(names, start=1)}


def _meanings(trial: LockedTrial) -> dict[str, str]:
    rest = dict.fromkeys(mark.meaning for mark in trial.signatures if mark.meaning != MEANING)
    return {MEANING: AUTHORSHIP, **{text: f"SD.{place}" for place, text in enumerate(rest, start=1)}}


def people(trial: LockedTrial, seen: Seen) -> str:
    """Return who signed, readers by their place alone, where they are, and what signatures mean."""
    users = [
        element("User", {"OID": user_of(evalid), "UserType": "Other"}, [element("DisplayName", content=evalid)])
        for evalid in sorted(seen.users)
    ]
    users += [
        element("User", {"OID": oid, "UserType": "Other"}, [element("FullName", content=name)])
        for name, oid in _signers(trial).items()
    ]
    here = {
        "StudyOID": study_oid(trial),
        "MetaDataVersionOID": _version(trial),
        "EffectiveDate": trial.charters[0].signed_at.date().isoformat(),
    }
    places = [(CORE_LAB, "Imaging core lab", "Lab"), *((f"L.SITE.{code}", code, "Site") for code, _ in trial.sites)]
    locations = [
        element("Location", {"OID": oid, "Name": name, "LocationType": kind}, [element("MetaDataVersionRef", here)])
        for oid, name, kind in places
    ]
    kinds = [
        element(
            "SignatureDef",
            {"OID": oid, "Methodology": "Electronic"},
            [element("Meaning", content=text), element("LegalReason", content=LEGAL)],
        )
        for text, oid in _meanings(trial).items()
    ]
    return element("AdminData", {"StudyOID": study_oid(trial)}, [*users, *locations, *kinds])


def clinical(trial: LockedTrial) -> str:
    """Return the tag that opens the clinical data."""
    return opened("ClinicalData", {"StudyOID": study_oid(trial), "MetaDataVersionOID": _version(trial)})


def signatures(trial: LockedTrial, seen: Seen) -> str:
    """Return the signatures on the charter's versions and the lock, each bound to the digest of what was signed."""
    signers, meanings = _signers(trial), _meanings(trial)
    return element("Signatures", content=[_signature(mark, signers, meanings, seen) for mark in trial.signatures])


def _signature(mark: Signed, signers: Mapping[str, str], meanings: Mapping[str, str], seen: Seen) -> str:
    bound = f"{mark.what}: SHA-256 {mark.content_sha256}"
    return (
        f'<Signature ID="{seen.number("SG")}"><UserRef UserOID="{signers[mark.printed_name]}"/>'
        f'<LocationRef LocationOID="{CORE_LAB}"/>'
        f'<SignatureRef SignatureOID="{meanings[mark.meaning]}"/><DateTimeStamp>{moment(mark.at)}</DateTimeStamp>'
        f"<CryptoBindingManifest>{content(bound)}</CryptoBindingManifest></Signature>"
    )
