"""From a value of the endpoint back to the upload, as an auditor walks it: each station with its signatures, verified.

Read from what is stored, in the order opposite to the one in which it came to be; nothing of it is computed for show
but the digests, which are taken now.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Count, Q
from django.urls import reverse

from compliance import signing
from compliance.models import Signature
from compliance.verifying_signatures import verify
from imaging.models import Instance, ReceivedInstance, Transfer
from imaging.selectors import reviews_of, transfer_forms_of
from reading import pages, selectors
from reading.models import Adjudication
from reading.selectors import ReadResult, SubjectResult
from reading.selectors_signed import SignedRead, signed_reads
from reading.states import AdjudicationState
from trials.models import Timepoint
from trials.states import FormState

#: Images that are listed one by one with their digests; the report of de-identification has all.
MOST_LISTED = 200


@dataclass(frozen=True, slots=True)
class Checked:
    """A signature with what is wrong with it; nothing where it holds."""

    signature: Signature
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Station:
    """A place on the way: what it holds, where to look at it, and who signed it."""

    name: str
    icon: str
    text: str
    facts: tuple[tuple[str, str], ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    signatures: tuple[Checked, ...] = ()
    files: tuple[Instance, ...] = ()
    more: int = 0
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """What one set of results says at a timepoint: in words, the read that it is of, and whether it counts."""

    timepoint: Timepoint
    slot: int
    reader: str
    said: str
    accepted: bool


def values_of(result: SubjectResult) -> list[tuple[Timepoint, list[Value]]]:
    """Return what each reader's reads say at each timepoint of a subject."""
    rows = []
    for timepoint in result.timepoints:
        reads = ((slot, slot.read_of(timepoint)) for slot in result.slots)
        found = [
            Value(timepoint, slot.slot, str(slot.reader), said_of(read), bool(read.accepted))
            for slot, read in reads
            if read
        ]
        rows.append((timepoint, found))
    return rows


def said_of(read: ReadResult) -> str:
    """Return what a read amounts to, in a word: the response, at baseline its size."""
    if read.overall:
        return read.overall
    return "Baseline" if read.burden is None else f"Baseline, {read.burden.normalize():f}"


def walk_of(timepoint: Timepoint, slot: int) -> tuple[Station, ...]:
    """Return the stations of a value: of one reader's read of a timepoint; none where nobody has signed there.

    Raises
    ------
    compliance.signature_seals.SealKeyMissing
    """
    result = selectors.subject_result(timepoint.subject)
    reads = {one.slot: read for one in result.slots if (read := one.read_of(timepoint))}
    if slot not in reads:
        return ()
    stations = (
        *_value(result, reads[slot]),
        *(_adjudication(one) for one in result.adjudications if one.timepoint_id in (None, timepoint.pk)),
        *_reads(reads, slot),
        *_checks(timepoint),
        *_origins(timepoint),
        _charter(reads[slot]),
    )
    return _verified(stations, timepoint.subject.trial_id)


def _verified(stations: Sequence[Station], trial_id: int) -> tuple[Station, ...]:
    numbers = [one.signature.pk for station in stations for one in station.signatures]
    found = verify(Signature.objects.filter(pk__in=numbers), trial_id=trial_id)
    faults = {one.signature: one.sentence for one in found.faults}
    return tuple(
        replace(
            station,
            signatures=tuple(Checked(one.signature, faults.get(one.signature.pk, "")) for one in station.signatures),
        )
        for station in stations
    )


def _signed(records: Iterable[Any]) -> tuple[Checked, ...]:
    return tuple(Checked(one) for record in records for one in signing.signatures_on(record))


def _value(result: SubjectResult, read: ReadResult) -> Iterator[Station]:
    whole = result.accepted
    facts = [("At this timepoint", said_of(read)), ("Counts", "yes" if read.accepted else "no")]
    if whole:
        facts += [("Best overall response", whole.bor or "none"), ("Progression", whole.progression or "none")]
        facts += [("First response", whole.first_response or "none")]
    text = (
        "As it stands in the endpoint." if read.accepted else "Of one reader; the endpoint has another's, or none yet."
    )
    yield Station("Value", "target", text, tuple(facts), links=((_at("trials:subject", result.subject), "Subject"),))
    derived = read.derived
    pack, charter = derived.get("pack", {}), derived.get("charter", {})
    facts = [
        ("Rules", f"{pack.get('criteria', '')}, version {pack.get('version', '')}"),
        ("Digest of the rules", str(pack.get("parameters_sha256", ""))),
        ("Charter", f"version {charter.get('version', read.task.charter.version)}"),
    ]
    if read.changed_to:
        facts += [("Changed in the global review", f"to {read.changed_to}: {read.changed_because}")]
    steps = tuple(derived.get("trace", ()))
    yield Station("Derivation", "list-check", "The rules that led there, with their clauses.", tuple(facts), steps)


def _adjudication(one: Adjudication) -> Station:
    differed = ", ".join(name.replace("_", " ") for name in pages.names_of(one))
    if one.decided_at is None:
        return Station(
            f"Adjudication {one.blinded_code}", "gavel", f"Not decided yet. Differing: {differed}.", missing=True
        )
    by = "both readers, by consensus" if one.is_by_consensus else str(one.adjudicator)
    facts = (
        ("Differing", differed),
        ("Accepted", f"Reader {one.chosen_slot}"),
        ("By", by),
        ("Decided", _moment(one.decided_at)),
        ("Why", one.rationale),
        *((("State", "superseded"),) if one.state == AdjudicationState.SUPERSEDED else ()),
    )
    return Station(f"Adjudication {one.blinded_code}", "gavel", "", facts, signatures=_signed([one]))


def _reads(reads: Mapping[int, ReadResult], slot: int) -> Iterator[Station]:
    for number, read in sorted(reads.items(), key=lambda item: item[0] != slot):
        which = "This read" if number == slot else "The other reader's"
        signed = signed_reads(read.task)
        yield _read(read, signed[-1], f"{which}, version {signed[-1].number} of {len(signed)}.")


def _read(read: ReadResult, signed: SignedRead, text: str) -> Station:
    replay = f"{reverse('reading:replay', args=[read.task.blinded_code])}?version={signed.number}"
    facts = (
        ("Reader", str(read.task.reader)),
        ("Signed", _moment(signed.signed_at)),
        ("Digest, taken now", signed.sha256),
        ("As signed", "yes" if signed.signature else "no signature names this content"),
    )
    links = ((replay, "Replay"),)
    signatures = _signed([read.task])
    return Station(f"Read {read.task.blinded_code}", "eye-check", text, facts, (), links, signatures)


def _checks(timepoint: Timepoint) -> Iterator[Station]:
    reviews = list(reviews_of(timepoint))
    for review in reviews:
        decisions = list(review.decisions.select_related("decided_by"))
        facts = [("State", str(review.get_state_display()))]
        facts += [("Decided by", f"{one.decided_by}, {_moment(one.decided_at)}") for one in decisions]
        facts += [("Comment", one.comment) for one in decisions if one.comment]
        links = ((_at("imaging:review", review), "Round"),)
        name = f"Quality control, round {review.round}"
        yield Station(name, "clipboard-check", "", tuple(facts), (), links, _signed(decisions))
    if not reviews:
        yield Station("Quality control", "clipboard-check", "No round was opened.", missing=True)


def _origins(timepoint: Timepoint) -> Iterator[Station]:
    archived = Instance.objects.filter(series__imaging_study__timepoint=timepoint)
    transfers = Transfer.objects.filter(instances__archived_as__in=archived).distinct().order_by("opened_at")
    for transfer in transfers:
        yield _deidentification(archived.filter(received__transfer=transfer), transfer)
    yield from _forms(timepoint)
    for transfer in transfers:
        yield _upload(archived.filter(received__transfer=transfer), transfer)
    if not transfers:
        yield Station("Upload", "cloud-upload", "No image of this timepoint is in the archive.", missing=True)


def _deidentification(images: Any, transfer: Transfer) -> Station:
    recipes = images.values_list("recipe_sha256").annotate(n=Count("pk")).order_by("recipe_sha256")
    lists = {one.deid_actions for one in images.exclude(deid_actions=None).select_related("deid_actions")}
    intact = "yes" if all(one.is_intact for one in lists) else "NO: a list is not what its digest says"
    facts = [(f"Recipe of {count} image{'s' * (count != 1)}", sha256) for sha256, count in recipes]
    facts += [("Lists of what was done", f"{len(lists)}, by {images.exclude(deid_actions=None).count()} images")]
    facts += [("As recorded", intact)]
    links = ((reverse("imaging:transfer_proof", args=[transfer.public_id]), "Attribute by attribute"),)
    text = f"{images.count()} images were cleaned by the charter's recipe and written once to the archive."
    return Station("De-identification", "shield-check", text, tuple(facts), (), links)


def _forms(timepoint: Timepoint) -> Iterator[Station]:
    forms = list(transfer_forms_of(timepoint).filter(state__in=(FormState.SIGNED, FormState.SUPERSEDED)))
    for form in forms:
        links = ((reverse("imaging:form", args=[timepoint.pk]), "Form"),)
        facts = (("Version", str(form.version)), ("State", str(form.get_state_display())))
        yield Station("Transfer form", "file", "What the site declared.", facts, (), links, _signed([form]))
    if not forms:
        yield Station("Transfer form", "file", "The site signed none.", missing=True)


def _upload(images: Any, transfer: Transfer) -> Station:
    received = ReceivedInstance.objects.filter(transfer=transfer)
    counted = received.aggregate(n=Count("pk"), held=Count("pk", filter=Q(state="held")))
    facts = (
        ("Door", str(transfer.get_door_display())),
        ("Sent by", str(transfer.uploaded_by or transfer.sender)),
        ("Begun", _moment(transfer.opened_at)),
        ("Received", f"{counted['n']} files" + (f", {counted['held']} held" if counted["held"] else "")),
    )
    listed = tuple(images.select_related("received").order_by("received_id")[:MOST_LISTED])
    links = ((reverse("imaging:transfer", args=[transfer.public_id]), "Delivery"),)
    text = "The bytes as they came, by their SHA-256, and what became of each in the archive."
    more = images.count() - len(listed)
    return Station("Raw upload", "cloud-upload", text, facts, (), links, files=listed, more=more)


def _charter(read: ReadResult) -> Station:
    charter = read.task.charter
    facts = (("SHA-256", charter.sha256), *((("Signed", _moment(charter.signed_at)),) if charter.signed_at else ()))
    links = ((_at("trials:charter", charter), "Charter"),)
    name = f"Charter version {charter.version}"
    return Station(name, "signature", "The rules that the read was made under.", facts, (), links, _signed([charter]))


def _moment(at: dt.datetime) -> str:
    return f"{at:%-d %b %Y %H:%M:%S} UTC"


def _at(name: str, record: Any) -> str:
    return reverse(name, args=[record.pk])
