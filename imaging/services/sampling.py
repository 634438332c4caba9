"""Recipes tried on files of a person: one small file at once, more of them by a job, for a short while.

What lies here are originals, so a row comes before the first byte, both files and result are under lock, and both
are gone when the row says that it is cleared: by the next preview, or by the sweep, which also finds what a crash left.
"""

from __future__ import annotations

import datetime as dt
import hmac
import json
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import chain
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q

from compliance import access, confined, jobs, keys, storage, vault
from compliance.errors import HouseError
from compliance.models import User
from imaging.models import RecipePreview
from imaging.services.previewing import Outcome, Preview
from trials.models import ImagingCharter, Trial

TRY = "imaging.try_recipes"
#: A single file of so many bytes is tried at once, if each recipe takes no longer than so many seconds.
QUICK_BYTES, QUICK = 4 << 20, 15
#: Seconds after which a job tries no further file.
LONGEST = 600
#: Previews of one person that wait at a time.
MOST_WAITING = 2
#: The rows of what is cleared stay so long, for whoever looks again.
_TOLD_FOR = dt.timedelta(days=1)


class TooManyPreviews(HouseError):
    """The person has asked for others that are not finished."""

    code = "too_many_previews"
    status = 429


def try_recipes(
    *,
    trial: Trial,
    charter: ImagingCharter,
    other: ImagingCharter | None,
    files: Sequence[UploadedFile],
    actor: User,
    at: dt.datetime,
) -> Outcome | RecipePreview:
    """Try the recipes of one or two versions of a charter on files; return the outcome, or the job that will have it.

    Raises
    ------
    TooManyPreviews, KeyMissing, StoreUnavailable
    """
    access.require(actor, "imaging.preview", trial)
    if len(files) == 1 and (files[0].size or 0) <= QUICK_BYTES:
        recipes = _recipes(charter, other)
        with storage.as_file(files[0].chunks()) as path:
            try:
                outcome, made = Outcome(len(recipes) > 1), Preview()
                outcome.add(*(made.of(str(path), files[0].size or 0, terms, seconds=QUICK) for terms in recipes))
                return outcome
            except confined.NotRead:
                pass  # there is more time for it in the background
    return _later(trial, charter, other, files, actor, at)


def _later(
    trial: Trial,
    charter: ImagingCharter,
    other: ImagingCharter | None,
    files: Sequence[UploadedFile],
    actor: User,
    at: dt.datetime,
) -> RecipePreview:
    mine = RecipePreview.objects.filter(person=actor, cleared_at=None)
    if mine.filter(finished_at=None).count() >= MOST_WAITING:
        raise TooManyPreviews("Other files of yours are still being tried. Wait until they are done, then try these.")
    for earlier in mine.exclude(finished_at=None):
        _clear(earlier, at)
    row = RecipePreview(trial=trial, charter=charter, other=other, person=actor, created_at=at)
    row.secret, row.sizes = secrets.token_bytes(32), [file.size or 0 for file in files]
    key = _key(row)
    row.save()
    try:
        with storage.as_file(chain.from_iterable(file.chunks() for file in files)) as path:
            storage.adopt(storage.QUARANTINE, {row.files_key: path}, through=lambda file: vault.lock(file, key))
        jobs.enqueue(TRY, str(row.pk), at=at, preview_id=row.pk)
    except BaseException:
        _clear(row, at)
        raise
    return row


@jobs.handler(TRY)
def work(*, preview_id: int, at: dt.datetime) -> None:
    """Try the recipes on one file after the other, keep what came of them, and let the files go."""
    open_rows = RecipePreview.objects.filter(pk=preview_id, finished_at=None, cleared_at=None)
    row = open_rows.select_related("trial", "charter", "other").first()
    if row is None:
        return
    if not storage.of(storage.QUARANTINE).exists(row.result_key):
        result = json.dumps(_outcome(row).plain()).encode()
        storage.put(storage.QUARANTINE, row.result_key, b"".join(vault.lock(BytesIO(result), _key(row))))
    storage.remove(storage.QUARANTINE, [row.files_key])
    if not open_rows.update(finished_at=at, done=len(row.sizes)):
        storage.remove(storage.QUARANTINE, [row.result_key])  # cleared meanwhile


def _outcome(row: RecipePreview) -> Outcome:
    recipes = _recipes(row.charter, row.other)
    made, outcome, until = Preview(), Outcome(len(recipes) > 1), time.monotonic() + LONGEST
    with storage.open_file(storage.QUARANTINE, row.files_key) as stored:
        for size, pieces in _each(vault.unlock(stored, _key(row)), row.sizes):
            if time.monotonic() > until:
                outcome.untried = len(row.sizes) - outcome.count
                break
            with storage.as_file(pieces) as path:
                outcome.add(*(made.of(str(path), size, terms) for terms in recipes))
            row.done = outcome.count
            row.save(update_fields=["done"])
    return outcome


def _each(pieces: Iterator[bytes], sizes: Sequence[int]) -> Iterator[tuple[int, Iterable[bytes]]]:
    """Files that lie one behind the other, each with its size."""
    rest = b""
    for size in sizes:
        parts, length = [rest], len(rest)
        while length < size:
            parts.append(next(pieces))
            length += len(parts[-1])
        whole = b"".join(parts)
        rest = whole[size:]
        yield size, [whole[:size]]


def outcome_of(row: RecipePreview) -> Outcome:
    """Return what came of a preview that is finished and not cleared.

    Raises
    ------
    KeyMissing, vault.Damaged, StoreUnavailable
    """
    with storage.open_file(storage.QUARANTINE, row.result_key) as stored:
        return Outcome.of(json.loads(b"".join(vault.unlock(stored, _key(row)))))


def sweep(*, at: dt.datetime) -> None:
    """Let files and results go whose time is over, and a day later the rows."""
    over = at - RecipePreview.KEPT
    due = Q(finished_at__lt=over) | Q(finished_at=None, created_at__lt=over)
    for row in RecipePreview.objects.filter(due, cleared_at=None):
        _clear(row, at)
    told = RecipePreview.objects.filter(cleared_at__lt=at - _TOLD_FOR)
    told.delete()
    _clear_what_is_nobodys()


def _clear(row: RecipePreview, at: dt.datetime) -> None:
    storage.remove(storage.QUARANTINE, [row.files_key, row.result_key])
    row.cleared_at, row.secret = at, b""
    row.save(update_fields=["cleared_at", "secret"])


def _clear_what_is_nobodys() -> None:
    """Remove what a killed process left half written, or wrote after somebody else had cleared the row."""
    try:
        _, lying = storage.of(storage.QUARANTINE).listdir(RecipePreview.FOLDER)
    except FileNotFoundError:
        return  # nobody has tried anything yet
    wanted = {str(one) for one in RecipePreview.objects.filter(cleared_at=None).values_list("public_id", flat=True)}
    stray = [name for name in lying if name.lstrip(".").partition(".")[0] not in wanted]
    storage.remove(storage.QUARANTINE, [f"{RecipePreview.FOLDER}/{name}" for name in stray])


def _recipes(charter: ImagingCharter, other: ImagingCharter | None) -> list[Mapping[str, Any]]:
    return [version.terms.deidentification for version in (charter, other) if version is not None]


def _key(row: RecipePreview) -> bytes:
    """Neither the database nor the store and the trial's secret are enough to open it."""
    return hmac.digest(keys.of_trial(row.trial.code), b"parallax preview" + bytes(row.secret), "sha256")
