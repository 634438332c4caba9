"""ODM: CDISC's schema and odmlib take it, it says what the tables say, and names nobody."""

from __future__ import annotations

import csv
import io
import random
import re
from dataclasses import replace

import pytest
from defusedxml import ElementTree

from reading.exports import endpoint_report
from reading.exports.locked import LockedTrial
from reading.exports.odm import odm_files
from reading.exports.snapshot import snapshot
from tests.reading.exports import others, recorded
from tests.reading.exports.derived import random_trial
from tests.reading.exports.sample import locked_trial
from tests.reading.exports.sealed import members, packed, problems_of, resealed

pytestmark = pytest.mark.requirement("REQ-LOC-008")

SPACE = {"odm": "http://www.cdisc.org/ns/odm/v1.3"}
TRIALS = {"reviewed": random_trial(4, seed=9, gone_over=True), "opened again": locked_trial(6)}
NAMES = sorted(TRIALS)


def odm_of(trial: LockedTrial) -> bytes:
    ((name, data),) = odm_files(trial)
    assert name == "odm.xml"
    return data


def faults(trial_files: dict[str, bytes], tmp_path) -> list[str]:
    return [problem for problem in problems_of(resealed(trial_files), tmp_path) if problem.startswith("odm.xml")]


@pytest.fixture(scope="module")
def files() -> dict[str, dict[str, bytes]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(endpoint_report, "report", lambda trial, lock, files: b"%PDF-1.7\n" + lock.encode())
        return {name: members(packed(trial)) for name, trial in TRIALS.items()}


@pytest.mark.parametrize("name", NAMES)
def test_cdisc_s_schema_and_odmlib_take_it(name):
    data = odm_of(TRIALS[name])
    assert others.against_odm(data) == []
    root = others.odmlib_reads_odm(data)
    (clinical,) = root.ClinicalData
    assert [one.SubjectKey for one in clinical.SubjectData] == [f"PLX-301-{s.code}" for s in TRIALS[name].subjects]
    assert others.against_odm(data.replace(b"<SiteRef", b"<PlaceRef"))


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_the_tables_say(name, files, tmp_path):
    assert faults(files[name], tmp_path) == []


def test_it_says_what_was_measured_by_whom_and_when_it_was_signed(files):
    """From the file alone, beside the table."""
    root = ElementTree.fromstring(files["opened again"]["odm.xml"].decode())
    said = []
    for subject in root.iterfind(".//odm:SubjectData", SPACE):
        for event in subject.iterfind("odm:StudyEventData", SPACE):
            for form in event.iterfind("odm:FormData[@FormOID='F.READ']", SPACE):
                for group in form.iterfind("odm:ItemGroupData[@ItemGroupOID='measurements']", SPACE):
                    items = {item.get("ItemOID"): item.get("Value") for item in group}
                    where = (subject.get("SubjectKey"), event.get("StudyEventOID"), form.get("FormRepeatKey"))
                    said.append((*where, items["measurements.lesion"], items.get("measurements.diameter_mm", "")))
    rows = csv.DictReader(io.StringIO(files["opened again"]["measurements.csv"].decode()))
    assert said == [
        (f"{r['trial']}-{r['subject']}", f"SE.{r['timepoint']}", r["evalid"], r["lesion"], r["diameter_mm"])
        for r in rows
    ]


def test_a_read_that_was_opened_again_has_its_reason_and_its_earlier_version():
    root = ElementTree.fromstring(odm_of(TRIALS["opened again"]).decode())
    form = root.find(".//odm:FormData[@FormOID='F.READ']", SPACE)
    people = {
        user.get("OID"): user.findtext("odm:DisplayName", None, SPACE) for user in root.iterfind(".//odm:User", SPACE)
    }
    for part in (form.find("odm:AuditRecord", SPACE), root.find(".//odm:AuditRecords/odm:AuditRecord", SPACE)):
        assert part.findtext("odm:ReasonForChange", None, SPACE) == "The node was left out <by mistake>"
        assert people[part.find("odm:UserRef", SPACE).get("UserOID")] == "READER 1"
    assert part.findtext("odm:SourceID", None, SPACE) == "101-001, BL, READER 1, version 1"
    signature = form.find("odm:Signature", SPACE)
    meaning = root.find(
        f".//odm:SignatureDef[@OID='{signature.find('odm:SignatureRef', SPACE).get('SignatureOID')}']", SPACE
    )
    assert meaning.findtext("odm:Meaning", None, SPACE) == "I am the author of this assessment"


def test_what_xml_cannot_hold_is_replaced_and_still_compared(tmp_path, files):
    trial = TRIALS["opened again"]
    first, *rest = trial.subjects
    odd = replace(first.lesions[0], description="\x0b\"<&>'\tend\n")
    subject = replace(first, lesions=(odd, *first.lesions[1:]))
    made = members(packed(replace(trial, subjects=(subject, *rest))))
    assert others.against_odm(made["odm.xml"]) == []
    assert faults(made, tmp_path) == []


@pytest.mark.parametrize("name", NAMES)
def test_each_of_50_values_changed_with_every_digest_made_right_is_found_and_named(name, files, tmp_path):
    data, dice = files[name]["odm.xml"].decode(), random.Random(5)
    begin = data.index("<ClinicalData")
    places = list(re.finditer(r'Value="([^"]*)"|<DateTimeStamp>([^<]*)|<ReasonForChange>([^<]*)|Key="([^"]*)"', data))
    clinical = [
        match
        for match in places
        if match.start() > begin and "ItemGroupRepeatKey" not in data[match.start() - 15 : match.end()]
    ]
    for match in dice.sample(clinical, 25):
        group = next(number for number in range(1, 5) if match.group(number) is not None)
        place = match.start(group)
        changed = data[:place] + "7" + data[place:]
        subject = re.findall(r'SubjectKey="PLX-301-([^"]*)"', data[: match.start()])
        found = faults({**files[name], "odm.xml": changed.encode()}, tmp_path)
        assert found, match
        if group != 4 and "SourceID" not in data[match.start() : match.end() + 60]:
            assert any(subject[-1] in problem or "signatures" in problem for problem in found), (match, found)


def test_a_missing_subject_site_user_or_file_is_named(files, tmp_path):
    given = files["opened again"]
    data = given["odm.xml"].decode()
    for changed, said in (
        (
            re.sub(r"<SubjectData.*?</SubjectData>\n", "", data, count=1, flags=re.DOTALL),
            "the subjects of subjects.csv",
        ),
        (
            data.replace('<SiteRef LocationOID="L.SITE.101"', '<SiteRef LocationOID="L.SITE.202"', 1),
            "the site of 101-001",
        ),
        (data.replace("<FullName>Dr Ada Trial", "<FullName>Dr Eve Trial"), "the signatures of the manifest"),
        (data.replace("<ODM", "<!DOCTYPE a [<!ENTITY b 'c'>]><ODM", 1), "document type"),
        (data[:-40], "cannot be read"),
    ):
        assert any(said in problem for problem in faults({**given, "odm.xml": changed.encode()}, tmp_path)), said
    without = {name: content for name, content in given.items() if name != "odm.xml"}
    assert faults(without, tmp_path) == ["odm.xml is missing."]


@pytest.mark.django_db
@pytest.mark.requirement("REQ-LOC-005")
def test_times_of_signing_are_shifted_like_the_scans_and_nobody_is_named():
    trial = snapshot(recorded.build())
    data = odm_of(trial).decode()
    for planted in (*recorded.READER_NAMES, "Ajit Third", "rhea", "ARM-X", "CT_A", "2025-06", "Site A"):
        assert planted not in data
    signed = recorded.WORKED_AT + recorded.SHIFT
    work = [(one.what, one.timepoint, one.evalid, one.version, one.signed_at) for one in trial.subjects[0].work]
    assert ("read", "BL", "READER 1", 1, signed) in work
    assert [one[3:] for one in work if one[:3] == ("read", "W8", "READER 2")] == [
        (1, signed.replace(day=signed.day - 1)),
        (2, signed),
    ]
    assert work[-1][:4] == ("adjudication", "SUBJECT", "ADJUDICATOR", 1)
    assert "<ReasonForChange>=The liver was left out</ReasonForChange>" in data
