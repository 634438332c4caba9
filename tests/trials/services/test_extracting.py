"""An auditor takes a part of the trail along: as recorded, under a signature that anybody verifies."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pypdfium2
import pytest
from django.db import connection

from compliance import access, checkpoints, exporting, extract_rows, extracts, verifying_extracts
from compliance.extracts import EXPORTED, Form, NothingToExport, TooMuchToPrint
from compliance.models import AuditEvent, AuditLink, User
from tests.factories import AT, World
from tests.reading.exports import sealed
from tests.support.disarmed import disarm
from tests.support.extracts import (
    LATER,
    changed,
    events_of,
    exchanged,
    export,
    files_of,
    left_out,
    links,
    note,
    of_subject,
    packed,
    rows_of,
    said_by,
    said_otherwise,
    tamper,
    verified,
    with_a_paper,
)
from trials.models import Role
from trials.selectors_trail import Selection
from trials.services import extracting
from trials.services.watching import TrailDamaged

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_disk")]

FORMULA = '=HYPERLINK("https://elsewhere.example")'


@pytest.fixture
def auditor(world: World) -> User:
    """The trial's auditor, once all that was arranged is in the chain."""
    connection.seal()
    return world.people[Role.AUDITOR]


# --- what it holds


@pytest.mark.requirement("REQ-AUD-050")
@pytest.mark.parametrize("form", [Form.CSV, Form.JSON])
def test_events_stand_as_recorded_with_their_place_and_code(world: World, auditor: User, form: Form) -> None:
    data, there = export(world, form, **of_subject(world, "N-001")), links(world)

    rows = rows_of(data) if form is Form.CSV else events_of(data)
    assert rows
    before = 0
    for row in rows:
        number = int(row["sequence"])
        link = there[number]
        event = link.event
        assert (row["code"], row["key"]) == (link.mac, link.key)
        assert [str(row[name]) for name in ("id", "actor_name", "action", "object_label", "reason", "via")] == [
            str(event.pk),
            *(event.actor_name, event.action, event.object_label, event.reason, event.via),
        ]
        after = json.loads(row["after"] or "null") if form is Form.CSV else row["after"]
        assert after == event.after
        # Where a run begins, the code before it is named.
        assert row["code_before"] == ("" if number == before + 1 else there[number - 1].mac)
        before = number
    assert "N-001" in {row["object_label"] for row in rows}
    assert "N-002" not in files_of(data)["events.csv" if form is Form.CSV else "events.json"].decode()


@pytest.mark.requirement("REQ-AUD-050")
def test_the_whole_trail_begins_with_its_first_record_and_ends_with_its_last(world: World, auditor: User) -> None:
    there = links(world)
    rows, said = rows_of(export(world)), said_by(export(world))

    assert [int(row["sequence"]) for row in rows] == sorted(there)
    assert rows[0]["code_before"] == "0" * 64
    assert {row["code_before"] for row in rows[1:]} == {""}
    assert said["selection"] == {}
    assert said["events"] == said["end"]["sequence"] == len(rows) + 1  # the first export is an event itself


@pytest.mark.requirement("REQ-AUD-050")
def test_the_statement_says_what_was_asked_and_names_checkpoints_on_both_sides(world: World, auditor: User) -> None:
    first, second = checkpoints.make(at=AT), note(world, reason="between")
    assert first is not None
    third = checkpoints.make(at=LATER)
    assert third is not None
    note(world, reason="afterwards")
    day = AT.date()

    said = said_by(export(world, words="between", first_on=day, last_on=day, person=str(world.administrator.pk)))

    place = second.link.sequence
    assert (said["trial"], said["events"], said["first"], said["last"]) == (world.trial.code, 1, place, place)
    assert said["selection"] == {
        "words": "between",
        "first_on": day.isoformat(),
        "last_on": day.isoformat(),
        "person": {"id": str(world.administrator.pk), "name": world.administrator.full_name},
    }
    around = said["checkpoints"]
    assert [around["before"]["sequence"], around["after"]["sequence"]] == [place - 1, place]
    assert around["after"]["code"] == second.link.mac
    assert around["after"]["at"] == LATER.isoformat()


@pytest.mark.requirement("REQ-AUD-050")
def test_codes_that_were_made_without_a_key_are_not_told(world: World, auditor: User) -> None:
    """They are digests alone: whoever has one can try contents against it."""
    disarm()
    AuditLink.objects.filter(trial_id=world.trial.pk, sequence__lte=2).update(key="")
    chain = extract_rows.Chain(world.trial.pk)
    rows = list(chain.rows(AuditEvent.objects.filter(trial_id=world.trial.pk, link__sequence__in=(2, 3, 5))))
    there = links(world)

    assert [row[:3] for row in rows] == [(2, "", ""), (3, there[3].mac, ""), (5, there[5].mac, there[4].mac)]


@pytest.mark.requirement("REQ-AUD-050")
def test_no_cell_is_computed_and_no_text_is_lost(world: World, auditor: User) -> None:
    note(world, reason=FORMULA, after={"said": "Zoë\r\n-1", "size": 10.0, "files": ["x" * 200_000]})
    assert rows_of(export(world, words="HYPERLINK"))[0]["reason"] == f"'{FORMULA}"
    (event,) = events_of(export(world, Form.JSON, words="HYPERLINK"))
    assert event["reason"] == FORMULA
    assert (event["after"]["said"], event["after"]["size"]) == ("Zoë\r\n-1", 10)


@pytest.mark.requirement("REQ-AUD-050")
def test_memory_holds_a_portion_and_the_extract_is_the_same(
    world: World, auditor: User, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = files_of(export(world, **of_subject(world, "N-001")))
    for module in (extract_rows, verifying_extracts):
        monkeypatch.setattr(module, "AT_ONCE", 2)
    data = export(world, **of_subject(world, "N-001"))

    assert {name: files_of(data)[name] for name in ("events.csv", "digests.txt")} == {
        name: whole[name] for name in ("events.csv", "digests.txt")
    }
    assert verified(data, tmp_path).endswith("says.\n")


@pytest.mark.requirement("REQ-AUD-050")
def test_a_paper_says_the_same_and_lies_beside_it(
    world: World, auditor: User, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    note(world, reason="A reason of its own")
    data = export(world, Form.PDF, words="looked")
    document = pypdfium2.PdfDocument(io.BytesIO(files_of(data)["events.pdf"]))
    try:
        text = "\n".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()
    said = said_by(data)
    told = (
        "Extract of the audit trail",
        "A reason of its own",
        "trial.looked",
        f"The trail had {said['end']['sequence'] - 1} other events",
        "one out, puts one in or moves one afterwards cannot sign it again",
    )
    text = " ".join(text.split())
    assert [one for one in told if one not in text] == []
    assert verified(data, tmp_path).endswith("says.\n")

    monkeypatch.setattr(extracts, "MOST_PRINTED", 1)
    with pytest.raises(TooMuchToPrint, match="more than 1 events"):
        export(world, Form.PDF)


# --- who, and when not


@pytest.mark.requirement("REQ-AUD-050")
def test_that_it_was_exported_is_in_the_trail(world: World, auditor: User) -> None:
    data = export(world, words="subject.enrolled")
    event, said = AuditEvent.objects.get(action=EXPORTED), said_by(data)
    signed = json.loads(files_of(data)["statement.json"])

    assert (event.actor, event.trial_id, event.link.sequence > said["last"]) == (auditor, world.trial.pk, True)
    assert event.after == {
        "file": f"{world.trial.code}-audit-extract-{LATER:%Y%m%dT%H%M%SZ}.zip",
        "form": "csv",
        "selection": {"words": "subject.enrolled"},
        **{name: said[name] for name in ("events", "first", "last")},
        "statement_sha256": hashlib.sha256(signed["statement"].encode()).hexdigest(),
    }


@pytest.mark.requirement("REQ-AUD-050")
def test_nobody_but_an_auditor_exports_and_nothing_that_is_not_there(world: World, auditor: User) -> None:
    for person in (world.administrator, world.analyst, world.outsider):
        with pytest.raises(access.AccessDenied):
            extracting.export_trail(trial=world.trial, wanted=Selection(), form=Form.CSV, actor=person, at=LATER)
    with pytest.raises(NothingToExport):
        export(world, words="never-said-by-anybody")
    assert not AuditEvent.objects.filter(action=EXPORTED).exists()


@pytest.mark.requirement("REQ-AUD-050")
def test_nothing_is_signed_of_a_damaged_trail(world: World, auditor: User) -> None:
    tamper(AuditEvent.objects.filter(trial_id=world.trial.pk).earliest("pk"))
    with pytest.raises(TrailDamaged):
        export(world, words="subject.enrolled")
    assert not AuditEvent.objects.filter(action=EXPORTED).exists()


# --- verified offline


@pytest.fixture(scope="module")
def verifier() -> ModuleType:
    """The file as it is shipped, loaded."""
    return sealed.verifier()


@pytest.mark.requirement("REQ-AUD-051")
@pytest.mark.parametrize("form", list(Form))
def test_it_verifies_by_itself_and_says_by_whose_key(
    world: World, auditor: User, verifier: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: Form
) -> None:
    data, path = export(world, form, words="subject.enrolled"), tmp_path / "extract.zip"
    path.write_bytes(data)

    assert verifier.main([str(path)]) == 0, capsys.readouterr().out

    said = capsys.readouterr().out
    assert said.endswith("what was signed with that key: each record, its digest and the statement hold.\n")
    assert json.loads(files_of(data)["statement.json"])["public_key"] in said
    assert f"{said_by(data)['events']} of the {said_by(data)['end']['sequence']} events that the trail had." in said
    assert exporting.verify(data) == []


@pytest.mark.requirement("REQ-AUD-051")
@pytest.mark.parametrize("digests", [False, True], ids=["digests left", "digests made anew"])
@pytest.mark.parametrize("change", [said_otherwise, left_out, exchanged])
def test_a_change_is_found_offline(
    world: World, auditor: User, verifier: ModuleType, tmp_path: Path, change: Callable[..., None], digests: bool
) -> None:
    path = tmp_path / "changed.zip"
    path.write_bytes(changed(export(world), change, digests=digests))

    problems, _ = verifier.verify(str(path))

    found = " ".join(problems)
    assert "events.csv is not the one that was signed." in found
    # Whoever makes the digests anew hides which record it is, and cannot sign them.
    assert ("digests.txt is not the one that was signed." if digests else "is not the one that was exported.") in found


@pytest.mark.requirement("REQ-AUD-051")
@pytest.mark.parametrize("name", ["statement.json", "events.pdf"])
def test_another_statement_or_paper_is_found_offline(
    world: World, auditor: User, verifier: ModuleType, tmp_path: Path, name: str
) -> None:
    files = files_of(export(world, Form.PDF, words="subject.enrolled"))
    files[name] = files[name].replace(world.trial.code.encode(), b"PLX-9") + b" "
    path = tmp_path / "changed.zip"
    path.write_bytes(packed(files))

    problems, _ = verifier.verify(str(path))

    sentence = "the signature does not hold" if name == "statement.json" else "is not the one that was signed"
    assert [one for one in problems if one.startswith(name) and sentence in one]


@pytest.mark.requirement("REQ-AUD-051")
def test_a_paper_that_was_put_beside_it_is_not_taken_for_a_part_of_it(
    world: World, auditor: User, verifier: ModuleType, tmp_path: Path
) -> None:
    """The manifest can be made anew by anybody; what was signed cannot."""
    data, path = with_a_paper(export(world, words="subject.enrolled")), tmp_path / "more.zip"
    path.write_bytes(data)

    assert verifier.verify(str(path))[0] == ["events.pdf was put in: it is not part of what was signed."]
    assert verified(data, tmp_path).startswith("events.pdf was put in: it is not part of what was signed.\n")


@pytest.mark.requirement("REQ-AUD-051")
def test_a_manifest_of_another_trial_is_found_offline(
    world: World, auditor: User, verifier: ModuleType, tmp_path: Path
) -> None:
    files = files_of(export(world, words="subject.enrolled"))
    files["manifest.json"] = files["manifest.json"].replace(world.trial.code.encode(), b"PLX-9")
    path = tmp_path / "changed.zip"
    path.write_bytes(packed(files))

    assert verifier.verify(str(path))[0] == ["manifest.json names another trial than the one that was signed."]
