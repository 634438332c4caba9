"""Define-XML 2.1: what each SDTM dataset and variable of the package means, where it came from, how it was derived."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compliance.exporting import code_version
from reading.exports.dataset_json import SHOWN_AS, group_oid, item_oid, longest, study_oid, version_oid
from reading.exports.locked import LockedTrial, moment
from reading.exports.sdtm import DERIVED, NOT_AVAILABLE, PLANNED, READ, Dataset, Variable
from reading.exports.xml_text import described, document, element

_SPACES = {
    "xmlns": "http://www.cdisc.org/ns/odm/v1.3",
    "xmlns:def": "http://www.cdisc.org/ns/def/v2.1",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
}
_STANDARD = "STD.1"
#: A number of days since 1960 has five digits for two hundred years.
_DIGITS_OF_DAYS = 5
#: Who stands behind an origin; what is derived and assigned is the core lab's.
_SOURCES = {READ: "Vendor", DERIVED: "Vendor", PLANNED: "Sponsor"}
#: Results whose tests each have their own meaning: value-level metadata, by the variable that names the test.
_BY_TEST = {"TR": ("TRTESTCD", ("TRORRES", "TRSTRESC")), "RS": ("RSTESTCD", ("RSORRES", "RSSTRESC"))}


def define(trial: LockedTrial, datasets: Sequence[Dataset]) -> bytes:
    """Return the file that defines the given datasets of one standard, dated by the lock."""
    code = code_version(("reading/exports",))
    tabulates = datasets[0].domain.tabulates
    return document(
        element(
            "ODM",
            {
                **_SPACES,
                "ODMVersion": "1.3.2",
                "FileOID": f"{study_oid(trial)}.define" if tabulates else f"{study_oid(trial)}.adam.define",
                "FileType": "Snapshot",
                "CreationDateTime": moment(trial.locked_at),
                "AsOfDateTime": moment(trial.locked_at),
                "Originator": trial.sponsor,
                "SourceSystem": code["name"],
                "SourceSystemVersion": code["version"],
                "def:Context": "Other",
            },
            [element("Study", {"OID": study_oid(trial)}, [_variables(trial), _version(trial, datasets)])],
        )
    )


def _variables(trial: LockedTrial) -> str:
    names = (("StudyName", trial.code), ("StudyDescription", trial.title or trial.code), ("ProtocolName", trial.code))
    return element("GlobalVariables", content=[element(name, content=text) for name, text in names])


def _version(trial: LockedTrial, datasets: Sequence[Dataset]) -> str:
    first = datasets[0].domain
    name, number = first.standard
    kind = "SDTM" if first.tabulates else "Analysis"
    head = {
        "OID": version_oid(trial, tabulates=first.tabulates),
        "Name": f"Imaging endpoints of {trial.code}",
        "Description": f"{kind} datasets of the locked imaging endpoints of {trial.code}",
        "def:DefineVersion": "2.1.0",
    }
    standard = {"OID": _STANDARD, "Name": name, "Type": "IG", "Version": number, "Status": "Final"}
    return element(
        "MetaDataVersion",
        head,
        [
            element("def:Standards", content=[element("def:Standard", standard)]),
            *(part for dataset in datasets for part in _value_lists(dataset)),
            *(part for dataset in datasets for part in _where_clauses(dataset)),
            *map(_group, datasets),
            *(_item(dataset, variable) for dataset in datasets for variable in dataset.variables),
            *(part for dataset in datasets for part in _value_items(dataset)),
            *(_code_list(dataset, one) for dataset in datasets for one in dataset.variables if one.terms),
            *(_method(dataset, one) for dataset in datasets for one in dataset.variables if one.origin == DERIVED),
            *(_comment(dataset, one) for dataset in datasets for one in dataset.variables if one.without),
        ],
    )


def _group(dataset: Dataset) -> str:
    domain = dataset.domain
    location = f"LF.{domain.name}"
    related = domain.category == "RELATIONSHIP"
    leaf = element(
        "def:leaf",
        {"ID": location, "xlink:href": f"xpt/{domain.name.lower()}.xpt"},
        [element("def:title", content=f"{domain.name.lower()}.xpt")],
    )
    return element(
        "ItemGroupDef",
        {
            "OID": group_oid(domain.name),
            "Name": domain.name,
            "Repeating": "No" if domain.name == "DM" else "Yes",
            "IsReferenceData": "No",
            "SASDatasetName": domain.name,
            **({"Domain": domain.name.removeprefix("SUPP") if related else domain.name} if domain.tabulates else {}),
            "Purpose": "Tabulation" if domain.tabulates else "Analysis",
            "def:Structure": domain.structure,
            "def:ArchiveLocationID": location,
            "def:StandardOID": _STANDARD,
        },
        [
            described(domain.label),
            *(_item_ref(dataset, one, place) for place, one in enumerate(dataset.variables, start=1)),
            element(
                "def:Class",
                {"Name": domain.category},
                [element("def:SubClass", {"Name": domain.subclass})] if domain.subclass else [],
            ),
            leaf,
        ],
    )


def _item_ref(dataset: Dataset, variable: Variable, place: int) -> str:
    key = dataset.domain.key
    return element(
        "ItemRef",
        {
            "ItemOID": item_oid(dataset.domain.name, variable.name),
            "OrderNumber": place,
            "Mandatory": "Yes" if all(row.get(variable.name) not in (None, "") for row in dataset.records) else "No",
            "KeySequence": key.index(variable.name) + 1 if variable.name in key else "",
            "MethodOID": f"MT.{dataset.domain.name}.{variable.name}" if variable.origin == DERIVED else "",
            "def:HasNoData": "Yes" if variable.without else "",
        },
    )


def _item(dataset: Dataset, variable: Variable) -> str:
    name = dataset.domain.name
    results = _BY_TEST.get(name, ("", ()))[1]
    inside = [described(variable.label)]
    if variable.terms:
        inside.append(element("CodeListRef", {"CodeListOID": f"CL.{name}.{variable.name}"}))
    inside.append(_origin(variable))
    if variable.name in results:
        inside.append(element("def:ValueListRef", {"ValueListOID": f"VL.{name}.{variable.name}"}))
    return element("ItemDef", _typed(dataset, variable, item_oid(name, variable.name)), inside)


def _typed(dataset: Dataset, variable: Variable, oid: str) -> dict[str, str | int]:
    values = [record.get(variable.name) for record in dataset.records]
    made: dict[str, str | int] = {
        "OID": oid,
        "Name": variable.name,
        "DataType": {"decimal": "float", "day": "integer"}.get(variable.kind, variable.kind),
        "SASFieldName": variable.name,
    }
    if variable.kind == "day":
        return made | {"Length": _DIGITS_OF_DAYS, "def:DisplayFormat": SHOWN_AS}
    if variable.kind == "decimal":
        parts = [format(value, "f").lstrip("-").partition(".") for value in values if value is not None]
        decimals = max([1, *(len(after) for _, _, after in parts)])
        made |= {"Length": max([1, *(len(before) for before, _, _ in parts)]) + decimals, "SignificantDigits": decimals}
    elif variable.kind != "date":
        made["Length"] = longest(["" if value is None else value for value in values])
    if variable.without:
        made["def:CommentOID"] = _comment_oid(dataset, variable)
    return made


def _origin(variable: Variable) -> str:
    comment = variable.method if variable.origin != DERIVED else ""
    source = {"Type": variable.origin}
    if variable.origin != NOT_AVAILABLE:
        source["Source"] = _SOURCES.get(variable.origin, "Vendor")
    return element("def:Origin", source, [described(comment)] if comment else [])


def _tests_of(dataset: Dataset) -> Iterator[tuple[str, str, str]]:
    """Give each result variable with each of the tests that have a record, and the test's name."""
    tests, results = _BY_TEST.get(dataset.domain.name, ("", ()))
    found = {record[tests] for record in dataset.records} if tests else set()
    terms = next((variable.terms for variable in dataset.variables if variable.name == tests), ())
    for result in results:
        yield from ((result, code, name) for code, name in terms if code in found)


def _value_lists(dataset: Dataset) -> Iterator[str]:
    name = dataset.domain.name
    for result in _BY_TEST.get(name, ("", ()))[1]:
        codes = [code for variable, code, _ in _tests_of(dataset) if variable == result]
        yield element(
            "def:ValueListDef",
            {"OID": f"VL.{name}.{result}"},
            [
                element(
                    "ItemRef",
                    {"ItemOID": item_oid(name, f"{result}.{code}"), "OrderNumber": place, "Mandatory": "No"},
                    [element("def:WhereClauseRef", {"WhereClauseOID": f"WC.{name}.{code}"})],
                )
                for place, code in enumerate(codes, start=1)
            ],
        )


def _where_clauses(dataset: Dataset) -> Iterator[str]:
    name = dataset.domain.name
    tests = _BY_TEST.get(name, ("", ()))[0]
    for code in dict.fromkeys(code for _, code, _ in _tests_of(dataset)):
        check = {"Comparator": "EQ", "SoftHard": "Soft", "def:ItemOID": item_oid(name, tests)}
        inside = [element("RangeCheck", check, [element("CheckValue", content=code)])]
        yield element("def:WhereClauseDef", {"OID": f"WC.{name}.{code}"}, inside)


def _value_items(dataset: Dataset) -> Iterator[str]:
    name = dataset.domain.name
    tests = _BY_TEST.get(name, ("", ()))[0]
    for result, code, label in _tests_of(dataset):
        values = [str(record.get(result) or "") for record in dataset.records if record[tests] == code]
        entered = name == "TR" and code in ("LDIAM", "LPERP", "VOLUME", "TUMSTATE") and result.endswith("ORRES")
        yield element(
            "ItemDef",
            {
                "OID": item_oid(name, f"{result}.{code}"),
                "Name": code,
                "DataType": "text",
                "Length": longest(list(values)),
                "SASFieldName": result,
            },
            [described(label), element("def:Origin", {"Type": READ if entered else DERIVED, "Source": "Vendor"})],
        )


def _code_list(dataset: Dataset, variable: Variable) -> str:
    name = dataset.domain.name
    return element(
        "CodeList",
        {
            "OID": f"CL.{name}.{variable.name}",
            "Name": f"{variable.label} ({variable.name})",
            "DataType": "text",
            "def:IsNonStandard": "Yes",
        },
        [
            element("CodeListItem", {"CodedValue": value}, [element("Decode", content=[_words(words)])])
            for value, words in variable.terms
        ],
    )


def _words(text: str) -> str:
    return element("TranslatedText", {"xml:lang": "en"}, text)


def _method(dataset: Dataset, variable: Variable) -> str:
    oid = f"MT.{dataset.domain.name}.{variable.name}"
    return element(
        "MethodDef",
        {"OID": oid, "Name": f"How {variable.name} is derived", "Type": "Computation"},
        [described(variable.method or variable.label)],
    )


def _comment_oid(dataset: Dataset, variable: Variable) -> str:
    return f"COM.{dataset.domain.name}.{variable.name}"


def _comment(dataset: Dataset, variable: Variable) -> str:
    return element("def:CommentDef", {"OID": _comment_oid(dataset, variable)}, [described(variable.without)])
