"""Do the signatures hold? Each is compared with its seal, with the trail, and with its record as it is now."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import models

from compliance import signature_seals, signing
from compliance.models import AuditEvent, PolicyAcceptance, Record, Signature


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a signature does not hold: its number, the kind of damage, and a sentence."""

    signature: int
    kind: str
    sentence: str

    def __str__(self) -> str:
        return f"Signature {self.signature}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was verified: how many stand, were superseded, or are older than the seals; and what does not hold."""

    standing: int
    superseded: int
    unsealed: int
    faults: tuple[Fault, ...]

    @property
    def first(self) -> Fault | None:
        """The first that does not hold, by number."""
        return self.faults[0] if self.faults else None


def verify(wanted: models.QuerySet[Signature] | None = None, *, trial_id: int | None = None) -> Verified:
    """Verify signatures, all of them unless told which; nothing is written.

    Parameters
    ----------
    wanted
        These alone; then nothing is said of signatures that are there no more.
    trial_id
        Those that the trail knows of this trial alone.

    Raises
    ------
    compliance.signature_seals.SealKeyMissing
    """
    secret = signature_seals.key()
    events = _events(trial_id)
    rows = Signature.objects.all() if wanted is None else wanted
    if trial_id is not None and wanted is None:
        rows = rows.filter(pk__in=list(events))
    first_sealed = Signature.objects.exclude(seal="").order_by("pk").values_list("pk", flat=True).first()
    standing = superseded = unsealed = 0
    faults: list[Fault] = []
    seen = set()
    for signature in rows.select_related("signer", "supersession").order_by("pk").iterator():
        seen.add(signature.pk)
        unsealed += not signature.seal
        superseded += signature.ended is not None
        standing += signature.ended is None
        said = _fault(signature, events.get(signature.pk), secret, first_sealed or 0)
        if said:
            faults.append(Fault(signature.pk, *said))
    if wanted is None:
        gone = "it is in the trail and not in the table any more: the row was removed."
        faults += [Fault(number, "removed", gone) for number in events if number not in seen]
    return Verified(standing, superseded, unsealed, tuple(sorted(faults, key=lambda fault: fault.signature)))


def _events(trial_id: int | None = None) -> dict[int, AuditEvent]:
    """The event of each signature, by its number; the first counts, as later ones could only be forged."""
    told = AuditEvent.objects.filter(action__endswith=".signed", after__has_key="signature").order_by("-pk")
    if trial_id is not None:
        told = told.filter(trial_id=trial_id)
    return {event.after["signature"]: event for event in told.iterator() if event.after}


Said = tuple[str, str]


def _fault(signature: Signature, event: AuditEvent | None, secret: bytes, first_sealed: int) -> Said | None:
    """Return the first thing that is wrong with a signature, as its kind and a sentence."""
    checks: tuple[Callable[[], Iterator[Said]], ...] = (
        lambda: _against_the_trail(signature, event),
        lambda: _against_the_seal(signature, secret, first_sealed),
        lambda: _supersession(signature, secret),
        lambda: _policy(signature),
        lambda: _content(signature),
    )
    return next((said for check in checks for said in check()), None)


def _against_the_trail(signature: Signature, event: AuditEvent | None) -> Iterator[Said]:
    if event is None or event.after is None:
        yield "unknown", "the trail knows of no such signature: the row was made, or copied, outside the application."
        return
    if (event.object_type, event.object_id) != (signature.object_type, signature.object_id):
        was, now = f"{event.object_type} {event.object_id}", f"{signature.object_type} {signature.object_id}"
        yield "moved", f"it was made on {was} and is on {now}: the row was moved."
    if event.actor_id != signature.signer_id:
        yield "signer", f"{event.actor_name} made it, and it names {signature.signer} now: the signer was changed."
    if event.after.get("content_sha256") != signature.content_sha256:
        yield "digest", "it names another digest than was signed: the row was changed."
    if event.after.get("meaning") != signature.meaning:
        yield "meaning", f"it was made with the meaning “{event.after.get('meaning')}”: the row was changed."
    if (event.at, event.actor_name) != (signature.at, signature.printed_name):
        yield "row", "its time or printed name is not what the trail says: the row was changed."


def _against_the_seal(signature: Signature, secret: bytes, first_sealed: int) -> Iterator[Said]:
    if not signature.seal:
        # Signatures made before there were seals come first.
        if first_sealed and signature.pk > first_sealed:
            yield "seal", "it has no seal, and those before it have: the seal was removed."
        return
    expected = signature_seals.of_signature(signature, secret)
    if signature.seal.rpartition(":")[0] != expected.rpartition(":")[0]:
        yield "key", "it was sealed with another key: restore the file signatures.key from its back-up."
    elif not hmac.compare_digest(signature.seal, expected):
        yield "row", "its seal does not fit the row: the row was changed."


def _supersession(signature: Signature, secret: bytes) -> Iterator[Said]:
    if signature.ended is not None and not hmac.compare_digest(
        signature.ended.seal, signature_seals.of_supersession(signature.ended, secret)
    ):
        yield (
            "supersession",
            "it is called superseded by a row that does not fit its seal: that row was changed or made.",
        )


def _policy(signature: Signature) -> Iterator[Said]:
    if signature.policy_version and not PolicyAcceptance.objects.filter(
        user=signature.signer_id, version=signature.policy_version
    ):
        yield "policy", f"its signer has not accepted version {signature.policy_version} of the e-signature policy."


def _content(signature: Signature) -> Iterator[Said]:
    if signature.ended is not None:
        return
    record = record_of(signature)
    if record is None:
        yield "gone", f"its record, {signature.object_type} {signature.object_id}, is not there any more."
    elif not signing.still_holds(signature, record):
        yield (
            "content",
            f"{signature.object_type} {signature.object_id} ({record}) is not what was signed: "
            "its content was changed outside the application.",
        )


def record_of(signature: Signature) -> Record | None:
    """Return the record that a signature is on, as the database has it now."""
    try:
        model = apps.get_model(signature.object_type)
    except (LookupError, ValueError):
        return None
    if not issubclass(model, Record) or not signature.object_id.isdecimal():
        return None
    return model._base_manager.filter(pk=signature.object_id).first()
