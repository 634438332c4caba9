"""Scanners as images name them: compared with the registry, noticed when they differ, and settled by somebody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence

from django.db import transaction

from compliance import audit
from compliance.models import User
from compliance.transitions import advance
from trials.models import Device, Scanner, ScannerNotice, Site
from trials.selectors_sites import in_use
from trials.services import telling
from trials.states import NoticeState

Kind = ScannerNotice.Kind


def note_devices(*, site: Site, devices: Collection[Device], at: dt.datetime) -> None:
    """Compare the scanners that a delivery's headers name with the site's registry, where the charter has one.

    What the registry does not know raises one notice for each that is new, with a mail; an image that first says a
    scanner's software fills it in. What is of no modality of the charter is no scan.
    """
    charter = site.trial.charter_in_force
    if charter is None or not charter.terms.sites.scanners:
        return
    scanned = charter.terms.modalities
    wanted = {one for one in devices if one.modality in scanned and (one.manufacturer or one.model_name)}
    known = in_use(site)
    if all(_is_as_registered(device, known) for device in wanted):
        return
    with transaction.atomic():
        # One delivery of the site at a time, so that two do not notice the same.
        Site.objects.select_for_update().get(pk=site.pk)
        for device in sorted(wanted):
            known = list(site.scanners.filter(pk__in=[one.pk for one in known]))
            if not _is_as_registered(device, known):
                _note(site, device, known, charter.terms.sites.after_change == "test", at)


def scanner_of(device: Device, known: Iterable[Scanner]) -> Scanner | None:
    """Find the registered scanner that a device is: by its serial number, else by its model."""
    same = [one for one in known if one.modality == device.modality]
    if device.serial_number:
        numbered = [one for one in same if one.serial_number.casefold() == device.serial_number.casefold()]
        if numbered:
            return numbered[0]
    open_to_it = [one for one in same if not (one.serial_number and device.serial_number)]
    return next((one for one in open_to_it if device.is_model_of(one.registered)), None)


def as_kept(device: Device, scanner: Scanner | None) -> Device:
    """Return what is kept of a device: a serial number that nobody registered is compared, and let go."""
    return device._replace(serial_number=scanner.serial_number if scanner else "")


def _is_as_registered(device: Device, known: Iterable[Scanner]) -> bool:
    scanner = scanner_of(device, known)
    return (
        scanner is not None
        and device.is_model_of(scanner.registered)
        and (not device.software or device.software == scanner.software)
    )


def _note(site: Site, device: Device, known: Sequence[Scanner], asks_test: bool, at: dt.datetime) -> None:
    scanner = scanner_of(device, known)
    device = as_kept(device, scanner)
    if scanner is None:
        kind, before = Kind.UNKNOWN, ""
    elif not device.is_model_of(scanner.registered):
        kind, before = Kind.MODEL, scanner.registered.words
    elif not scanner.software:
        scanner.software = device.software
        audit.save(scanner, action="scanner.software_seen", actor=None, at=at)
        return
    else:
        kind, before = Kind.SOFTWARE, scanner.software
    if _was_noticed(site, scanner, kind, device):
        return
    notice = ScannerNotice(site=site, scanner=scanner, kind=kind, before=before[:200], seen_at=at, **device._asdict())
    audit.save(notice, action="scannernotice.raised", actor=None, at=at)
    if asks_test:
        advance(notice, "require_test", actor=None, at=at)
    telling.scanner_noticed(notice, at=at)


def _was_noticed(site: Site, scanner: Scanner | None, kind: str, device: Device) -> bool:
    """Tell whether it was said before, or was once what the registry said: a scan may come from an archive."""
    notices = ScannerNotice.objects.filter(site=site, kind=kind)
    if kind == Kind.SOFTWARE and notices.filter(scanner=scanner, before=device.software).exists():
        return True
    return notices.filter(**device._asdict()).exists()


def acknowledge_notice(*, notice: ScannerNotice, reason: str, actor: User, at: dt.datetime) -> ScannerNotice:
    """Settle a notice with a reason; from now on the registry says what the headers say."""
    with transaction.atomic():
        advance(notice, "acknowledge", actor=actor, at=at, reason=reason, settled_at=at)
        _take_over(notice, actor, at)
    return notice


def ask_for_test(*, notice: ScannerNotice, reason: str, actor: User, at: dt.datetime) -> ScannerNotice:
    """Ask the site for a new test upload from the scanner; accepting that settles the notice."""
    with transaction.atomic():
        advance(notice, "ask_test", actor=actor, at=at, reason=reason)
        telling.upload_asked(notice, at=at)
    return notice


def settle_by_test(*, site: Site, scanner: Scanner | None, device: Device | None, actor: User, at: dt.datetime) -> None:
    """Settle the notices that waited for a test upload of this scanner, as one was accepted."""
    for notice in site.scanner_notices.filter(state=NoticeState.AWAITING_TEST):
        same = scanner is not None and notice.scanner_id == scanner.pk
        if same or (notice.scanner_id is None and device is not None and device.is_model_of(notice.seen)):
            advance(notice, "settle", actor=None, at=at, settled_at=at)
            _take_over(notice, actor, at)


def _take_over(notice: ScannerNotice, actor: User, at: dt.datetime) -> None:
    scanner = notice.scanner
    if scanner is None:
        return
    scanner.manufacturer, scanner.model_name = notice.manufacturer, notice.model_name
    scanner.software = notice.software or scanner.software
    audit.save(scanner, action="scanner.changed", actor=actor, at=at)
